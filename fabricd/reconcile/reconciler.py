"""The loop of the daemon for one device: fetch, compare, decide, write as one transaction, verify, record.

Called by reconcile/workers with a device's name. Level-triggered: everything is read anew. Must not know protocols.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random

from fabricd.errors import FabricdError, InputError, NotFoundError, StoreError
from fabricd.intent import current_scope
from fabricd.model.device import Device, Mode
from fabricd.model.edit import Dialect
from fabricd.model.fetched import Fetched
from fabricd.model.intent import Desired
from fabricd.model.outcome import Event, OpenTransaction, OutcomeKind, TransactionPhase, Trigger
from fabricd.model.path import Path
from fabricd.plan import Planned, make_plan
from fabricd.reconcile.clock import Clock
from fabricd.reconcile.flap import FlapBreaker
from fabricd.reconcile.ledger import Ledger, Run, decision_id
from fabricd.reconcile.outcomes import NOT_CONVERGED, Ending, OvertakenError, Retry, judge
from fabricd.reconcile.policy import Circumstances, forbids
from fabricd.reconcile.queue import Entry
from fabricd.reconcile.transaction import Transaction
from fabricd.schema import ModelSet, SchemaPool
from fabricd.southbound.sessions import Sessions
from fabricd.southbound.target import Target
from fabricd.store import Store
from fabricd.telemetry.metrics import Metrics

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Fleet:
    """What is known of the devices now. Owned and replaced by the controller; everyone else reads."""

    devices: Mapping[str, Device]
    models: Mapping[str, ModelSet]
    modes: dict[str, Mode] = field(default_factory=dict)
    window_open: Callable[[], bool] = lambda: True
    max_deleted_share: float = 0.5

    def mode(self, device: Device) -> Mode:
        """As set by an operator, or else by the inventory."""
        return self.modes.get(device.name, device.mode)

    def model_set(self, device: Device) -> ModelSet:
        """With the deviations of the device's profile. Raises InputError when the profile names a model set that the
        settings do not."""
        try:
            return self.models[device.profile.models].deviating(device.profile.deviations)
        except KeyError:
            message = f"profile {device.profile.name!r} names model set {device.profile.models!r}, which is not there"
            raise InputError(message) from None


class Reconciler:
    """Brings one device at a time to its desired tree. Safe to call for many devices at once, never twice for one."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        store: Store,
        sessions: Sessions,
        schemas: SchemaPool,
        ledger: Ledger,
        breaker: FlapBreaker,
        metrics: Metrics,
        clock: Clock,
        random: Random,
    ) -> None:
        self._fleet = fleet
        self._store = store
        self._sessions = sessions
        self._schemas = schemas
        self._ledger = ledger
        self._breaker = breaker
        self._metrics = metrics
        self._clock = clock
        self._random = random
        self._approved: set[str] = set()
        self._trusted: set[str] = set()
        self._left_open: dict[str, str] = {}
        self.failing: set[str] = set()
        """Devices whose last round failed and that are left in peace until their next try."""
        self.away: set[str] = set()
        """Devices that could not be reached last time."""

    def approve(self, device: str) -> None:
        """A person's word, good for the next round that begins, however it ends: the guard rails let its plan through,
        the flap breaker starts anew."""
        self._approved.add(device)

    def distrust(self, devices: Iterable[str]) -> None:
        """Compare these in full next time: their profile, and with it what is owned, may have changed."""
        self._trusted.difference_update(devices)

    async def reconcile(self, entry: Entry) -> float | None:
        """One round for one device. Returns the seconds until it wants to be tried again, or None."""
        device = self._fleet.devices.get(entry.device)
        if device is None:
            self.failing.discard(entry.device)
            return None
        run: Run | None = None
        try:
            run = await self._run(device, entry.trigger)
            await self._close_left(run)
            try:
                ending = await self._bring(run)
            except Exception as error:  # noqa: BLE001 one function judges them all
                ending = judge(error, run.found)
                self._report(run, error)
            unstable = tuple(path.text for path in self._breaker.unstable(device.name))
            status, delay = await self._ledger.finish(run, ending, unstable)
        except Exception as error:  # noqa: BLE001 a worker outlives every surprise
            surprise = None if isinstance(error, StoreError) else error
            _LOG.error("the outcome of %s could not be recorded: %s", device.name, error, exc_info=surprise)
            if run is not None and run.transaction is not None:
                self._left_open[device.name] = run.transaction
            self.failing.add(device.name)
            return self._ledger.backoff.delay(Retry.SLOWLY, 1)
        (self.away.add if status.outcome is OutcomeKind.UNREACHABLE else self.away.discard)(device.name)
        if status.outcome is OutcomeKind.FAILED and delay is not None:
            self.failing.add(device.name)
        else:
            self.failing.discard(device.name)
        if device.name in self._fleet.devices:  # it may have left the inventory meanwhile
            self._metrics.reconciled(status, run.trigger, run.durations.items())
        return delay

    async def _close_left(self, run: Run) -> None:
        """Close the transaction of a round whose end could not be stored: the device is read anew now."""
        left = self._left_open.get(run.device.name)
        if left is None:
            return
        run.status = replace(run.status, in_sync_digest="")
        with contextlib.suppress(NotFoundError):  # its end was stored although the store said otherwise
            await self._store.finish(run.status, (), left)
        del self._left_open[run.device.name]

    async def _bring(self, run: Run) -> Ending:
        if run.mode is Mode.PAUSE:
            return Ending(OutcomeKind.PAUSED)
        head = await self._store.desired_head(run.device.name)
        if head is None:
            return Ending(OutcomeKind.UNMANAGED)
        run.revision, run.desired_digest = head.revision, head.digest
        async with self._sessions.open(run.device.name) as target:
            with run.phase("fetch"):
                fetched = await target.fetch(head.scope.roots)
            if self._unchanged(run, fetched):  # bytes equal: nothing is parsed
                return Ending(OutcomeKind.IN_SYNC, seen=fetched.digest)
            desired = await self._desired(run)
            planned = await self._plan(run, desired, fetched, target.dialect)
            if planned.payload is None:
                return self._nothing_to_do(run, planned, fetched)
            await self._still_wanted(run)
            verdict = forbids(planned, self._circumstances(run))
            if verdict is not None or not self._is_rollout(run):
                await self._ledger.found(run, planned.plan, verdict.reason if verdict is not None else "")
            if verdict is not None:
                return Ending(verdict.outcome, verdict.reason, planned.plan, drift=len(planned.plan.edits))
            async with self._transaction(run, target, planned) as transaction:
                run.transaction = transaction.id
                with run.phase("apply"):
                    await transaction.stage()
                    await transaction.confirm(partial(self._go_ahead, run))
            return await self._verify(run, target, desired, planned)

    async def _go_ahead(self, run: Run) -> None:
        await self._still_wanted(run)
        run.wrote = True

    async def _still_wanted(self, run: Run) -> None:
        """Raises OvertakenError when somebody changed mode, inventory or intent since this round began."""
        name = run.device.name
        head = await self._store.desired_head(name)
        device = self._fleet.devices.get(name)
        if device != run.device:
            raise OvertakenError("not written: the inventory changed meanwhile", device=name)
        if (mode := self._fleet.mode(run.device)) is not run.mode:
            raise OvertakenError(f"not written: the mode became {mode} meanwhile", device=name)
        if head is None or head.digest != run.desired_digest:
            raise OvertakenError("not written: the desired configuration changed meanwhile", device=name)

    async def _verify(self, run: Run, target: Target, desired: Desired, done: Planned) -> Ending:
        """Read again: what was written must be there."""
        with run.phase("verify"):
            fetched = await target.fetch(desired.scope.roots)
        left = await self._plan(run, desired, fetched, None, phase="verify")
        edits = tuple(edit.edit.path for edit in done.plan.edits)
        flapping = self._breaker.repaired(run.device.name, run.desired_digest, edits, self._clock.monotonic())
        if flapping:
            _LOG.warning("%s: %s repaired too often, left alone from now on", run.device.name, flapping[0])
        if left.plan.edits:
            path = left.plan.edits[0].edit.path.text
            message = f"{len(left.plan.edits)} edits were accepted but did not take effect, first {path}"
            return Ending(
                OutcomeKind.FAILED, message, done.plan, len(left.plan.edits), "", Retry.SOON, NOT_CONVERGED, path
            )
        if left.avoided or flapping:
            return self._unstable(run, left, done)
        self._trusted.add(run.device.name)
        return Ending(OutcomeKind.APPLIED, found=done.plan, seen=fetched.digest)

    def _nothing_to_do(self, run: Run, planned: Planned, fetched: Fetched) -> Ending:
        if planned.avoided or self._breaker.unstable(run.device.name):
            return self._unstable(run, planned, None)
        self._trusted.add(run.device.name)
        return Ending(OutcomeKind.IN_SYNC, seen=fetched.digest)

    def _unstable(self, run: Run, left: Planned, done: Planned | None) -> Ending:
        paths = ", ".join(path.text for path in self._breaker.unstable(run.device.name))
        found = done.plan if done is not None else None
        return Ending(OutcomeKind.UNSTABLE, f"left alone until approved: {paths}", found, drift=len(left.avoided))

    def _unchanged(self, run: Run, fetched: Fetched) -> bool:
        status = run.status
        return (
            fetched.digest == status.in_sync_digest
            and run.desired_digest == status.desired_digest
            and run.device.name in self._trusted
        )

    def _is_rollout(self, run: Run) -> bool:
        return run.desired_digest != run.status.desired_digest

    def _circumstances(self, run: Run) -> Circumstances:
        return Circumstances(
            mode=run.mode,
            rollout=self._is_rollout(run),
            window_open=self._fleet.window_open(),
            approved=run.approved,
            max_deleted_share=self._fleet.max_deleted_share,
        )

    async def _desired(self, run: Run) -> Desired:
        desired = await self._store.desired(run.device.name)
        if desired is None:  # withdrawn since the head was read; the queue holds the device again
            raise OvertakenError("the desired configuration was withdrawn meanwhile", device=run.device.name)
        run.revision, run.desired_digest = desired.revision, desired.digest
        return replace(desired, scope=current_scope(desired, run.device.profile))

    async def _plan(
        self, run: Run, desired: Desired, fetched: Fetched, dialect: Dialect | None, phase: str = "plan"
    ) -> Planned:
        avoid: tuple[Path, ...] = self._breaker.unstable(run.device.name)
        work = partial(make_plan, desired=desired, fetched=fetched, dialect=dialect, avoid=avoid)
        with run.phase(phase):
            planned = await self._schemas.run(self._fleet.model_set(run.device), work)
        if dialect is not None:
            run.found = planned.plan
        return planned

    def _transaction(self, run: Run, target: Target, planned: Planned) -> Transaction:
        if planned.payload is None:
            raise FabricdError("a transaction without anything to send", device=run.device.name)
        opening = OpenTransaction(
            id=run.decision,
            device=run.device.name,
            revision=run.revision,
            decision=run.decision,
            phase=TransactionPhase.STAGING,
            started=self._clock.now(),
            preimage=planned.preimage,
        )
        record = run.record(Event.APPLY, "", planned.plan.edits)
        return Transaction(self._store, target, planned.payload, opening, record)

    async def _run(self, device: Device, trigger: Trigger) -> Run:
        approved = device.name in self._approved
        if approved:
            self._approved.discard(device.name)
            self._breaker.release(device.name)
            self._trusted.discard(device.name)
        return Run(
            decision=decision_id(self._clock.now(), self._random),
            device=device,
            mode=self._fleet.mode(device),
            trigger=trigger,
            status=await self._ledger.status(device.name),
            started=self._clock.monotonic(),
            clock=self._clock,
            approved=approved,
        )

    def _report(self, run: Run, error: Exception) -> None:
        if isinstance(error, OvertakenError | StoreError):
            return
        if isinstance(error, FabricdError):
            self._metrics.southbound_error(run.device.name, error.code)
        else:
            _LOG.error("reconciling %s failed unexpectedly", run.device.name, exc_info=error)
