"""The record of every reconcile: from how it ended to device status, journal and retry.

Used by reconcile/reconciler. Owns which endings are worth a journal record; must not know devices' protocols.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from fabricd.model.device import Device, Mode
from fabricd.model.intent import Desired
from fabricd.model.outcome import DeviceStatus, Event, JournalRecord, OpenTransaction, OutcomeKind, Trigger
from fabricd.model.path import Path
from fabricd.model.plan import Plan, PlannedEdit
from fabricd.model.secret import WrittenSecrets
from fabricd.reconcile.backoff import Backoff
from fabricd.reconcile.clock import Clock
from fabricd.reconcile.outcomes import Ending, Retry
from fabricd.store import Store

_LOG = logging.getLogger(__name__)

_FAILURES = frozenset({OutcomeKind.UNREACHABLE, OutcomeKind.FAILED})
_REACHED = frozenset({OutcomeKind.IN_SYNC, OutcomeKind.APPLIED, OutcomeKind.UNSTABLE})
_SETTLED = frozenset({OutcomeKind.IN_SYNC, OutcomeKind.APPLIED})
_EXPLAINED = frozenset({OutcomeKind.HELD, OutcomeKind.DRIFTED, OutcomeKind.UNSTABLE})
_QUIET = frozenset({Trigger.SCHEDULE, Trigger.RETRY, Trigger.CHANGE, Trigger.START})
# `checked` alone is not worth a disk write for each check; after a crash it may be this old.
_CHECKED_KEPT = timedelta(minutes=10)


@dataclass(slots=True)
class Run:
    """One reconcile of one device while it lasts. Owned by the reconciler's task.

    `before` are the paths that still want a transaction of their own (WriteTraits), `avoid` those left alone in this
    round, `found` is the plan that it found. `wrote`: something was sent that may have taken effect. `transaction` is
    the one that is open, `piece` what it writes, `in_force` whether the device accepted that and holds it unconfirmed;
    `unsettled`: what became of it is not known yet, or does not outlast a restart. `secrets` are those of the device
    with what was just sent, None while the store knows best.
    """

    decision: str
    device: Device
    mode: Mode
    trigger: Trigger
    status: DeviceStatus
    started: float
    clock: Clock
    revision: int = 0
    desired_digest: str = ""
    desired: Desired | None = None
    before: tuple[Path, ...] = ()
    avoid: tuple[Path, ...] = ()
    found: Plan | None = None
    transaction: OpenTransaction | None = None
    piece: tuple[Path, ...] = ()
    in_force: bool = False
    approved: bool = False
    wrote: bool = False
    unsettled: bool = False
    secrets: WrittenSecrets | None = None
    durations: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure a part of the work; a part that occurs twice adds up."""
        begun = self.clock.monotonic()
        try:
            yield
        finally:
            self.durations[name] = self.durations.get(name, 0.0) + self.clock.monotonic() - begun

    def record(self, event: Event, message: str = "", edits: tuple[PlannedEdit, ...] = ()) -> JournalRecord:
        return JournalRecord(
            time=self.clock.now(),
            event=event,
            decision=self.decision,
            device=self.device.name,
            revision=self.revision,
            trigger=self.trigger,
            edits=edits,
            message=message,
        )


def decision_id(now: datetime, random: Random) -> str:
    """20 hexadecimal digits that sort by time: milliseconds since 1970, then chance (after RFC 9562, version 7)."""
    return f"{int(now.timestamp() * 1000):012x}{random.getrandbits(32):08x}"


class Ledger:
    """Writes endings down. Status that says nothing new but the time of the check stays in memory for a while."""

    def __init__(self, store: Store, clock: Clock, backoff: Backoff) -> None:
        self._store = store
        self._clock = clock
        self.backoff = backoff
        self._checked: dict[str, DeviceStatus] = {}
        self._told: dict[str, tuple[str, ...]] = {}

    async def status(self, device: str) -> DeviceStatus:
        """What is known of a device, newer than the store by checks that found nothing new."""
        return self._checked.get(device) or await self._store.status(device)

    async def found(self, run: Run, plan: Plan, reason: str) -> None:
        """Journal a difference, unless a sweep finds the same one again and again."""
        paths = tuple(planned.edit.path.text for planned in plan.edits)
        if run.trigger in _QUIET and reason and self._told.get(run.device.name) == (reason, *paths):
            return
        await self._store.append([run.record(Event.DRIFT, reason, plan.edits)])
        self._told[run.device.name] = (reason, *paths)

    async def finish(self, run: Run, ending: Ending, unstable: tuple[str, ...]) -> tuple[DeviceStatus, float | None]:
        """Store how a reconcile ended. Returns the new status, and the seconds until the next try, or None."""
        run.durations["total"] = self._clock.monotonic() - run.started
        before, after = run.status, self._after(run, ending, unstable)
        same = replace(after, checked=before.checked) == before
        noteworthy = run.wrote or run.transaction is not None or run.trigger not in _QUIET or _told_apart(before, after)
        if ending.outcome in _SETTLED:
            self._told.pop(run.device.name, None)
        if noteworthy or not same or self._is_old(await self._store.status(run.device.name)):
            records = [self._record(run, ending)] if noteworthy else []
            closed = run.transaction.id if run.transaction is not None and not run.unsettled else None
            await self._store.finish(after, records, closed)
            self._checked.pop(run.device.name, None)
        else:
            self._checked[run.device.name] = after
        if ending.retry is Retry.NEVER:
            return after, None
        return after, self.backoff.delay(ending.retry, max(1, after.failures))

    async def flush(self) -> None:
        """Store the times of the last checks."""
        await asyncio.gather(*map(self._store.finish, self._checked.values()))  # together: they share commits
        self._checked.clear()

    def _after(self, run: Run, ending: Ending, unstable: tuple[str, ...]) -> DeviceStatus:
        before, now = run.status, self._clock.now()
        reached = ending.outcome in _REACHED
        failed = ending.outcome in _FAILURES
        settled = ending.outcome in _SETTLED  # an error on the way there is the journal's alone
        told = bool(ending.error_code) or ending.outcome in _EXPLAINED
        return DeviceStatus(
            device=run.device.name,
            outcome=ending.outcome,
            revision=run.revision,
            desired_digest=run.desired_digest if reached else before.desired_digest,
            in_sync_digest=ending.seen if reached else "" if run.wrote else before.in_sync_digest,
            checked=before.checked if ending.outcome in (*_FAILURES, OutcomeKind.PAUSED) else now,
            changed=now if run.wrote else before.changed,
            drift=ending.drift,
            failures=before.failures + 1 if failed else 0,
            error_code="" if settled else ending.error_code,
            error_message=ending.verdict if told and not settled else "",
            unstable=unstable,
        )

    def _record(self, run: Run, ending: Ending) -> JournalRecord:
        return replace(
            run.record(Event.RECONCILE, ending.verdict, ending.found.edits if ending.found is not None else ()),
            outcome=ending.outcome,
            durations=tuple((name, round(seconds, 6)) for name, seconds in run.durations.items()),
            error_code=ending.error_code,
            error_path=ending.error_path,
        )

    def _is_old(self, stored: DeviceStatus) -> bool:
        # In either direction: the clock may have been set back.
        return stored.checked is None or abs(self._clock.now() - stored.checked) > _CHECKED_KEPT


def _told_apart(before: DeviceStatus, after: DeviceStatus) -> bool:
    """Whether people would call these different states. Applied and in sync are not: the former was journaled."""

    def state(status: DeviceStatus) -> tuple[object, ...]:
        outcome = OutcomeKind.IN_SYNC if status.outcome is OutcomeKind.APPLIED else status.outcome
        return outcome, status.error_code, status.revision, status.unstable

    return state(before) != state(after)
