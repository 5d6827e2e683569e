"""After a change: what the device accepted and does not have in force, told when its profile asks for that look.

Started by the daemon, told of every journal record. Never part of a reconcile; must not know gRPC or adapters.
"""

from __future__ import annotations

import asyncio
import logging

from fabricd.errors import FabricdError
from fabricd.model.operational import InForce, NotInForce
from fabricd.model.outcome import Event, JournalRecord, OutcomeKind
from fabricd.model.path import Path
from fabricd.reconcile.clock import Clock, SystemClock
from fabricd.reconcile.fleet import Fleet
from fabricd.reconcile.observations import Observations
from fabricd.store import Store

_LOG = logging.getLogger(__name__)

NOT_IN_FORCE_CODE = "NOT_IN_FORCE"
"""Error code of the journal record of a device that accepted a change without putting it into force."""

_TOLD = 5  # leaves that are named, the rest is counted
_VALUE = 60  # characters of a value


class InForceWatch:
    """Looks at a device once, when the time that its profile gives it to settle is over since its last change. Owns one
    waiting look for each device, and what was told of it: the same leaves are told once."""

    def __init__(self, *, fleet: Fleet, observations: Observations, store: Store, clock: Clock | None = None) -> None:
        self._fleet = fleet
        self._observations = observations
        self._store = store
        self._clock = clock or SystemClock()
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._told: dict[str, frozenset[Path]] = {}

    def written(self, record: JournalRecord) -> None:
        """A journal record was written. Called on the event loop; returns at once."""
        if record.event is not Event.RECONCILE or record.outcome is not OutcomeKind.APPLIED:
            return
        device = self._fleet.devices.get(record.device)
        if device is None or not device.profile.write.in_force:
            return
        if (before := self._looks.pop(device.name, None)) is not None:
            before.cancel()
        look = asyncio.create_task(self._look(record, device.profile.write.settle), name=f"in force: {device.name}")
        self._looks[device.name] = look
        look.add_done_callback(lambda done: self._done(device.name, done))

    async def stop(self) -> None:
        looks = list(self._looks.values())
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    def _done(self, device: str, look: asyncio.Task[None]) -> None:
        if self._looks.get(device) is look:
            del self._looks[device]

    async def _look(self, after: JournalRecord, settle: float) -> None:
        await self._clock.sleep(settle)
        try:
            (seen,) = await self._observations.applied([after.device])
            if seen.found is None:
                _LOG.warning("%s: it is not known what is in force: %s", after.device, seen.error)
                return
            await self._tell(after, seen.found)
        except FabricdError as error:  # it left the inventory, or the store does not take it
            _LOG.warning("%s: what is in force could not be told: %s", after.device, error)

    async def _tell(self, after: JournalRecord, found: InForce) -> None:
        paths = frozenset(one.path for one in found.not_in_force)
        if paths == self._told.get(after.device, frozenset()):
            return
        if paths:
            named = "; ".join(map(_sentence, found.not_in_force[:_TOLD]))
            more = f"; and {len(paths) - _TOLD} more" if len(paths) > _TOLD else ""
            message = f"accepted, and not in force, {len(paths)} of {found.leaves} leaves: {named}{more}"
        else:
            message = f"all {found.leaves} leaves are in force again"
        record = JournalRecord(
            self._clock.now(),
            Event.NOTE,
            decision=after.decision,
            device=after.device,
            revision=after.revision,
            error_code=NOT_IN_FORCE_CODE if paths else "",
            error_path=found.not_in_force[0].path.text if paths else "",
            message=message,
        )
        await self._store.append([record])
        self._told[after.device] = paths


def _sentence(one: NotInForce) -> str:
    applied = f"{one.applied[:_VALUE]} is in force" if one.applied is not None else "nothing is in force"
    return f"{one.path} is configured as {one.configured[:_VALUE]}, {applied}"
