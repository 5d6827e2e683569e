"""The loop of the daemon for one device: fetch, compare, decide, write as one transaction, verify, record.

Called by reconcile/workers with a device's name. Level-triggered: everything is read anew. Must not know protocols.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from random import Random

from fabricd.errors import FabricdError, StoreError
from fabricd.intent import current_scope
from fabricd.model.device import Device, Mode
from fabricd.model.edit import Dialect
from fabricd.model.fetched import Fetched
from fabricd.model.intent import Desired
from fabricd.model.outcome import OutcomeKind, Trigger
from fabricd.plan import Planned
from fabricd.reconcile.attempt import Attempts
from fabricd.reconcile.clock import Clock
from fabricd.reconcile.device_secrets import DeviceSecrets
from fabricd.reconcile.flap import FlapBreaker
from fabricd.reconcile.fleet import Fleet
from fabricd.reconcile.inspection import Inspection, Seen
from fabricd.reconcile.ledger import Ledger, Run, decision_id
from fabricd.reconcile.outcomes import Ending, OvertakenError, Retry, judge
from fabricd.reconcile.policy import Circumstances, Verdict, forbids
from fabricd.reconcile.queue import Entry
from fabricd.reconcile.recovery import Recovery
from fabricd.reconcile.secret_memory import remember
from fabricd.schema import SchemaPool
from fabricd.southbound.sessions import Sessions
from fabricd.store import Store
from fabricd.telemetry.metrics import Metrics

_LOG = logging.getLogger(__name__)


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
        recovery: Recovery,
        secrets: DeviceSecrets,
        metrics: Metrics,
        clock: Clock,
        random: Random,
    ) -> None:
        self._fleet = fleet
        self._store = store
        self._sessions = sessions
        self._ledger = ledger
        self._breaker = breaker
        self._metrics = metrics
        self._clock = clock
        self._random = random
        self._secrets = secrets
        self._inspection = Inspection(fleet, store, schemas, clock, secrets)
        self._attempts = Attempts(store, sessions, self._inspection, breaker, clock)
        self._recovery = recovery
        self._approved: set[str] = set()
        self._trusted: set[str] = set()
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

    def forget(self, devices: Iterable[str]) -> None:
        """These left the inventory. Another device may get such a name: no approval may wait for it."""
        for kept in (self._approved, self._trusted, self.failing, self.away):
            kept.difference_update(devices)

    async def reconcile(self, entry: Entry) -> float | None:
        """One round for one device. Returns the seconds until it wants to be tried again, or None."""
        device = self._fleet.devices.get(entry.device)
        if device is None:
            self.failing.discard(entry.device)
            return None
        run: Run | None = None
        models = self._fleet.models
        try:
            run = await self._run(device, entry.trigger)
            ending = await self._ending(run)
            unstable = tuple(path.text for path in self._breaker.unstable(device.name))
            status, delay = await self._ledger.finish(run, ending, unstable)
        except Exception as error:  # noqa: BLE001 a worker outlives every surprise
            surprise = None if isinstance(error, StoreError) else error
            _LOG.error("the outcome of %s could not be recorded: %s", device.name, error, exc_info=surprise)
            if run is not None and run.transaction is not None:
                self._recovery.keep(run.transaction)
            self.failing.add(device.name)
            return self._ledger.backoff.delay(Retry.SLOWLY, 1)
        if run.transaction is not None and run.unsettled:
            self._recovery.keep(run.transaction)
        if ending.retry is Retry.SOON and self._recovery.pending(device.name):
            delay = self._recovery.delay(device.name)
        # What was compared by what is not in force any more has to be compared again.
        if ending.seen and self._fleet.devices.get(device.name) == device and self._fleet.models is models:
            self._trusted.add(device.name)
        (self.away.add if status.outcome is OutcomeKind.UNREACHABLE else self.away.discard)(device.name)
        if status.outcome is OutcomeKind.FAILED and delay is not None:
            self.failing.add(device.name)
        else:
            self.failing.discard(device.name)
        if device.name in self._fleet.devices:  # it may have left the inventory meanwhile
            self._metrics.reconciled(status, run.trigger, run.durations.items())
        return delay

    async def _ending(self, run: Run) -> Ending:
        try:
            return await self._bring(run)
        except Exception as error:  # noqa: BLE001 one function judges them all
            self._report(run, error)
            ending = await self._attempts.aftermath(run, error) if run.wrote else judge(error, run.found)
            conceal = self._secrets.conceal
            return replace(ending, verdict=conceal(ending.verdict), error_path=conceal(ending.error_path))

    async def _bring(self, run: Run) -> Ending:
        if run.mode is Mode.PAUSE:
            return Ending(OutcomeKind.PAUSED)
        name = run.device.name
        head = await self._store.desired_head(name)
        unresolved = self._recovery.pending(name)
        if head is None and not unresolved:
            return Ending(OutcomeKind.UNMANAGED)
        async with self._sessions.open(name) as target:
            await self._recovery.resolve(run, target)
            if head is None:
                await self._recovery.close(run, target, None)
                return Ending(OutcomeKind.UNMANAGED)
            run.revision, run.desired_digest = head.revision, head.digest
            with run.phase("fetch"):
                fetched = await target.fetch(head.scope.roots)
            if not unresolved and self._unchanged(run, fetched):  # bytes equal: nothing is parsed
                return Ending(OutcomeKind.IN_SYNC, seen=fetched.digest)
            desired = await self._desired(run)
            planned = await self._plan(run, desired, fetched, target.dialect)
            await self._recovery.close(run, target, planned)
            if planned.payload is None:
                await remember(self._store, run.device, planned.secrets)
                return self._attempts.concluded(run, Seen(fetched, planned), None)
            await self._still_wanted(run)
            verdict = self._verdict(run, planned)
            if verdict is not None or not self._is_rollout(run):
                await self._ledger.found(run, planned.plan, verdict.reason if verdict is not None else "")
            if verdict is not None:
                return Ending(verdict.outcome, verdict.reason, planned.plan, drift=len(planned.plan.edits))
            return await self._attempts.write(
                run,
                target,
                desired,
                planned,
                wanted=partial(self._still_wanted, run),
                permit=partial(self._verdict, run),
            )

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

    def _unchanged(self, run: Run, fetched: Fetched) -> bool:
        status = run.status
        return (
            fetched.digest == status.in_sync_digest
            and run.desired_digest == status.desired_digest
            and run.device.name in self._trusted
        )

    def _is_rollout(self, run: Run) -> bool:
        return run.desired_digest != run.status.desired_digest

    def _verdict(self, run: Run, planned: Planned) -> Verdict | None:
        at = Circumstances(
            mode=run.mode,
            rollout=self._is_rollout(run),
            window_open=self._fleet.window_open(),
            approved=run.approved,
            max_deleted_share=self._fleet.max_deleted_share,
            inventory=self._fleet.devices,
        )
        return forbids(planned, at)

    async def _desired(self, run: Run) -> Desired:
        desired = await self._store.desired(run.device.name)
        if desired is None:  # withdrawn since the head was read; the queue holds the device again
            raise OvertakenError("the desired configuration was withdrawn meanwhile", device=run.device.name)
        await self._secrets.learn_desired(run.device, desired)
        run.revision, run.desired_digest = desired.revision, desired.digest
        run.desired = replace(desired, scope=current_scope(desired, run.device.profile))
        return run.desired

    async def _plan(self, run: Run, desired: Desired, fetched: Fetched, dialect: Dialect) -> Planned:
        """What differs, without what is unstable. What was written in vain lately is left out as well, for the sake of
        the others, until it is all that differs."""
        unstable = self._breaker.unstable(run.device.name)
        suspects = self._breaker.suspects(run.device.name, run.desired_digest)
        run.avoid = (*unstable, *suspects)
        planned = await self._inspection.plan(run, desired, fetched, dialect, avoid=run.avoid)
        if suspects and planned.payload is None and planned.avoided:
            run.avoid = unstable
            planned = await self._inspection.plan(run, desired, fetched, dialect, avoid=run.avoid)
        run.found = planned.plan
        return planned

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
            before=device.profile.write.before,
            approved=approved,
        )

    def _report(self, run: Run, error: Exception) -> None:
        if isinstance(error, OvertakenError | StoreError):
            return
        if isinstance(error, FabricdError):
            self._metrics.southbound_error(run.device.name, error.code)
        else:
            _LOG.error("reconciling %s failed unexpectedly", run.device.name, exc_info=error)
