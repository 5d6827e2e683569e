"""Carrying a plan out: in pieces, with a net where the device has one, each read again; and what a failed one left.

Used by reconcile/reconciler. Must not know policies' reasons, schedules or any protocol.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from fabricd.errors import DeviceError, DeviceTimeoutError, FabricdError
from fabricd.model.device import Profile
from fabricd.model.edit import Dialect
from fabricd.model.intent import Desired
from fabricd.model.outcome import Event, OpenTransaction, OutcomeKind, TransactionPhase
from fabricd.model.path import Path, covered
from fabricd.model.plan import Plan
from fabricd.plan import Planned
from fabricd.reconcile.clock import Clock
from fabricd.reconcile.flap import FlapBreaker
from fabricd.reconcile.inspection import Inspection, Seen
from fabricd.reconcile.ledger import Run
from fabricd.reconcile.outcomes import Ending, NotConvergedError, Retry, judge
from fabricd.reconcile.policy import Verdict
from fabricd.reconcile.secret_memory import remember
from fabricd.reconcile.transaction import Transaction, Wanted
from fabricd.southbound.sessions import Sessions
from fabricd.southbound.target import Target
from fabricd.store import Store

_LOG = logging.getLogger(__name__)

# Unstable paths that a sentence names; the device's status has them all.
_NAMED = 10

Permit = Callable[[Planned], Verdict | None]
"""The reason not to carry out a plan, or None."""


async def has_net(target: Target, profile: Profile) -> bool:
    """Whether the device takes a change back that is not confirmed, and leaves time to look at it before.

    Asks the device where that is not known yet, changing nothing. Raises DeviceError.
    """
    if profile.confirm_within <= profile.write.settle:
        return False
    await target.prepare()
    return target.reverts


class Attempts:
    """Writes plans, one device at a time. After each write the device is read: nothing is taken for done because it
    was accepted."""

    def __init__(
        self, store: Store, sessions: Sessions, inspection: Inspection, breaker: FlapBreaker, clock: Clock
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._inspection = inspection
        self._breaker = breaker
        self._clock = clock

    async def write(
        self, run: Run, target: Target, desired: Desired, planned: Planned, *, wanted: Wanted, permit: Permit
    ) -> Ending:
        """Carry the plan out. `wanted` is asked before anything takes effect, `permit` for each further piece.

        Raises DeviceError, NotConvergedError, and what `wanted` raises; `aftermath` then finds out what was left.
        """
        net = await has_net(target, run.device.profile)
        whole, number = planned.plan, 1
        while True:
            seen = await self._write_piece(run, target, desired, planned, net=net, number=number, wanted=wanted)
            name, now = run.device.name, self._clock.monotonic()
            flapping = self._breaker.repaired(name, run.desired_digest, run.piece, now)
            if flapping:
                _LOG.warning("%s: %s repaired too often, left alone from now on", name, flapping[0])
            if seen.equal:
                return self.concluded(run, seen, whole)
            planned, number = seen.planned, number + 1
            verdict = permit(planned)
            if verdict is not None:
                return Ending(verdict.outcome, verdict.reason, planned.plan, drift=len(planned.plan.edits))
            await self._close_piece(run)

    async def _write_piece(
        self,
        run: Run,
        target: Target,
        desired: Desired,
        planned: Planned,
        *,
        net: bool,
        number: int,
        wanted: Wanted,
    ) -> Seen:
        if planned.payload is None:
            raise FabricdError("a transaction without anything to send", device=run.device.name)
        opening = self._opening(run, planned, net=net, number=number)
        told = [] if planned.first is None else [f"{planned.first} before the rest"]
        if net:
            within = run.device.profile.confirm_within
            told.append(f"the device takes it back unless it is confirmed within {within:g} s")
        record = run.record(Event.APPLY, "; ".join(told), planned.piece)
        dialect = None if planned.first is None else target.dialect
        if planned.first is not None:  # asked for once: what the device took it may show in no way that tells
            run.before = run.before[run.before.index(planned.first) + 1 :]

        async def take(phase: str) -> Seen:
            """Read again: what was written must be there."""
            seen = await self._inspection.look(
                run, target, desired, dialect, phase, enough=lambda seen: not _untaken(planned, seen)
            )
            if phase == "verify":
                await remember(self._store, run.device, seen.planned.secrets)
            if untaken := _untaken(planned, seen):
                raise NotConvergedError(untaken, device=run.device.name)
            return seen

        async def go_ahead() -> None:
            await wanted()
            run.wrote = True
            if run.transaction is not None:
                run.transaction = replace(run.transaction, phase=TransactionPhase.STAGING)

        async with Transaction(self._store, target, planned.payload, opening, record, go_ahead) as transaction:
            run.transaction, run.secrets = opening, planned.secrets_after
            run.piece = tuple(one.edit.path for one in planned.piece)
            with run.phase("apply"):
                await transaction.stage()
            run.in_force = net
            seen = await take("probe") if net else None
            with run.phase("apply"):
                await transaction.confirm()
            run.in_force = False
        if seen is not None and not _confirm_may_change(target, run.device.profile):
            await remember(self._store, run.device, seen.planned.secrets)
            return seen
        return await take("verify")

    def _opening(self, run: Run, planned: Planned, *, net: bool, number: int) -> OpenTransaction:
        name, now = run.decision if number == 1 else f"{run.decision}-{number}", self._clock.now()
        return OpenTransaction(
            id=name,
            device=run.device.name,
            revision=run.revision,
            decision=run.decision,
            phase=TransactionPhase.PREPARING,
            started=now,
            preimage=planned.preimage,
            commit=name if net else "",
            deadline=now + timedelta(seconds=run.device.profile.confirm_within) if net else None,
        )

    async def _close_piece(self, run: Run) -> None:
        """A piece that took effect, with others to follow: the device is neither where it was nor where it shall be."""
        if run.transaction is not None:
            run.status = replace(run.status, in_sync_digest="")
            await self._store.finish(run.status, (), run.transaction.id)
            run.transaction = None

    def concluded(self, run: Run, seen: Seen, done: Plan | None) -> Ending:
        """The ending for a device on which nothing differs but what is left alone. `done` was written."""
        name, avoided = run.device.name, seen.planned.avoided
        later = [path for path in avoided if covered(self._breaker.suspects(name, run.desired_digest), path)]
        if later:
            error = NotConvergedError(later, device=name)
            verdict = f"{error}; tried again by themselves, everything else is in force"
            return replace(judge(error), verdict=verdict, found=done, drift=len(avoided))
        self._breaker.settled(name)
        unstable = self._breaker.unstable(name)
        if avoided or unstable:
            paths = ", ".join(path.text for path in unstable[:_NAMED])
            more = f" and {len(unstable) - _NAMED} more" if len(unstable) > _NAMED else ""
            return Ending(OutcomeKind.UNSTABLE, f"left alone until approved: {paths}{more}", done, drift=len(avoided))
        outcome = OutcomeKind.IN_SYNC if done is None else OutcomeKind.APPLIED
        return Ending(outcome, found=done, seen=seen.fetched.digest)

    async def aftermath(self, run: Run, error: Exception) -> Ending:
        """The ending for a write that failed when it may have had an effect.

        What the device may still hold unconfirmed is taken back, on a new session if the old one broke, and the device
        is read at once: the next decision, and what people are told, rest on what is there. Never raises; where that
        cannot be done, Run.unsettled tells.
        """
        run.secrets = None  # what was sent may not be there
        if run.transaction is not None and isinstance(error, DeviceError) and error.without_effect:
            run.transaction = replace(run.transaction, phase=TransactionPhase.PREPARING)
        ending = judge(error, run.found)
        name, opening = run.device.name, run.transaction
        # Where nothing of ours can be in force there are devices that would take back what somebody else has.
        begun = opening is not None and opening.phase is not TransactionPhase.PREPARING
        commit = opening.commit if opening is not None and begun else ""
        vain = run.piece if run.in_force and isinstance(error, DeviceError) else ()
        if isinstance(error, NotConvergedError):
            vain, ending = error.paths, replace(ending, drift=len(error.paths))
            if not commit:  # it was read just now
                self._in_vain(run, vain)
                return ending
        unknown = run.piece if commit and isinstance(error, DeviceTimeoutError) else ()
        try:
            async with self._sessions.open(name) as target:
                if opening is not None and commit:
                    with run.phase("recover"):
                        held = await target.resolve(commit, late=opening.is_late(self._clock.now()))
                    unknown = unknown if held else ()
                seen = await self._read_again(run, target, error)
                if seen.equal:  # the error may have been that this could not be done
                    await target.save()
        except Exception as second:  # noqa: BLE001 whatever it is, the first error is the one to be told
            run.unsettled = True
            self._in_vain(run, vain or unknown)
            retry = Retry.SOON if ending.retry is Retry.NEVER else ending.retry
            return replace(ending, verdict=f"{ending.verdict}; not settled yet: {second}", retry=retry)
        if seen.equal and isinstance(error, DeviceError):
            done = self.concluded(run, seen, run.found)
            verdict = done.verdict or f"{error}; read again, all of it is in force"
            return replace(done, verdict=verdict, error_code=done.error_code or error.code)
        self._in_vain(run, vain or unknown)
        left = len(seen.planned.plan.edits) + len(seen.planned.avoided)
        return replace(ending, verdict=f"{ending.verdict}; read again, {left} edits are needed", drift=left)

    def _in_vain(self, run: Run, paths: Sequence[Path]) -> None:
        """What did not take, and what was in force and had to go back, counts against its paths: a change that cuts a
        device off until the device takes it back must not do so again and again."""
        given_up = self._breaker.written_in_vain(run.device.name, run.desired_digest, paths)
        if given_up:
            first, more = given_up[0], f" and {len(given_up) - 1} more" if len(given_up) > 1 else ""
            _LOG.warning("%s: %s%s was written in vain too often, left alone from now on", run.device.name, first, more)

    async def _read_again(self, run: Run, target: Target, error: Exception) -> Seen:
        if run.desired is None:
            raise FabricdError("written without a desired tree", device=run.device.name)
        unknown = isinstance(error, DeviceTimeoutError)
        # Only of a change without an answer may more be seen later.
        return await self._inspection.look(
            run, target, run.desired, None, "verify", enough=lambda seen: seen.equal or not unknown
        )


def _untaken(planned: Planned, seen: Seen) -> Sequence[Path]:
    """What still differs although it was written. While pieces are to follow, others may differ."""
    left = [one.edit.path for one in seen.planned.plan.edits]
    if planned.first is None:
        return left
    return [path for path in left if any(written.edit.path.covers(path) for written in planned.piece)]


def _confirm_may_change(target: Target, profile: Profile) -> bool:
    """A confirming commit commits the candidate once more (RFC 6241 section 8.4.1); without a lock somebody may have
    put something into it meanwhile."""
    return target.dialect is Dialect.NETCONF and not profile.netconf.lock
