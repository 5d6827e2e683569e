"""The cabling of fabrics, looked at time and again: a gauge, and a word when a cable is wrong or right again.

Started by the daemon, beside the sweep and never in its way. Reads devices and the store; must not know gRPC.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping

from fabricd.errors import FabricdError
from fabricd.intent.fabric.cabling import Cable, CableEnd, Verdict, compare_cabling
from fabricd.model.operational import Operational
from fabricd.model.outcome import Event, JournalRecord
from fabricd.reconcile.clock import Clock, SystemClock
from fabricd.reconcile.observations import Observations
from fabricd.reconcile.schedule import phase
from fabricd.store import Store
from fabricd.telemetry.metrics import Metrics

_LOG = logging.getLogger(__name__)

CABLE_CODE = "CABLE"
"""Error code of the journal record of a cable that is not as it should be."""

_LOOK_AGAIN = 60.0  # seconds, after a round that failed, or while there is no cable to look at
_LONGEST = 200  # characters of what a device says of its neighbour
_NEWS = frozenset({Verdict.WRONG, Verdict.MISSING, Verdict.UNEXPECTED, Verdict.OK})  # not knowing is none

_Key = tuple[str, str]
"""Fabric (empty: none) and name of a cable."""


class CablingWatch:
    """Reads every device at the end of a cable once in `interval` seconds, each at its own phase of it, and judges when
    all were read. Owns what was last known of each cable; after a restart wrong cables are told once more."""

    def __init__(
        self, *, observations: Observations, store: Store, metrics: Metrics, clock: Clock | None = None
    ) -> None:
        self._observations = observations
        self._store = store
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._interval = 0.0
        self._task: asyncio.Task[None] | None = None
        self._known: dict[_Key, Verdict] = {}

    async def look_every(self, interval: float) -> None:
        """Go on at this interval (seconds); 0: stop looking, and forget."""
        if interval == self._interval:
            return
        await self.stop()
        self._interval = interval
        if interval:
            self._task = asyncio.create_task(self._run(interval), name="cabling")
        else:
            self._known.clear()
            self._metrics.cables(None)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None
        self._interval = 0.0

    async def _run(self, interval: float) -> None:
        while True:
            until = self._clock.monotonic() + interval
            try:
                _, links = await self._observations.links()
                sights = await self._sights({port.device for _, link in links for port in (link.a, link.b)}, interval)
                await self._judge(sights)
            except Exception as error:  # noqa: BLE001 the watch outlives every surprise
                surprise = None if isinstance(error, FabricdError) else error
                _LOG.warning("the cabling could not be looked at: %s", error, exc_info=surprise)
                links = []
            left = max(0.0, until - self._clock.monotonic())
            await self._clock.sleep(left if links else min(left, _LOOK_AGAIN))

    async def _sights(self, devices: Iterable[str], interval: float) -> dict[str, Operational | None]:
        async def one(device: str) -> tuple[str, Operational | None]:
            await self._clock.sleep(phase(device) * interval)
            return device, (await self._observations.sights([device]))[device]

        return dict(await asyncio.gather(*map(one, sorted(devices))))

    async def _judge(self, sights: dict[str, Operational | None]) -> None:
        """Tell what changed. A change is believed once both of its ends say it when they are read again together: in
        between somebody may just have moved the cable."""
        revision, links = await self._observations.links()  # as they are by now
        sights = {port.device: sights.get(port.device) for _, link in links for port in (link.a, link.b)}
        cables = _by_key(await asyncio.to_thread(compare_cabling, links, sights))
        if doubtful := {end.port.device for _, cable in self._changed(cables) for end in (cable.a, cable.b)}:
            sights |= await self._observations.sights(sorted(doubtful))
            cables = _by_key(await asyncio.to_thread(compare_cabling, links, sights))
        records = [self._record(revision, cable, self._known.get(key)) for key, cable in self._changed(cables)]
        removed = [key for key in self._known if key not in cables]
        for key in removed:
            if self._known[key] is Verdict.UNEXPECTED:
                message = f"cable {key[1]} is not there any more"
                records.append(JournalRecord(self._clock.now(), Event.NOTE, revision=revision, message=message))
        if records:
            await self._store.append(records)
        for key in removed:
            del self._known[key]
        self._known |= {key: cable.verdict for key, cable in cables.items() if cable.verdict in _NEWS}
        tally = Counter(cable.verdict for cable in cables.values())
        self._metrics.cables({verdict.value: tally[verdict] for verdict in Verdict})

    def _changed(self, cables: Mapping[_Key, Cable]) -> list[tuple[_Key, Cable]]:
        return [
            (key, cable)
            for key, cable in cables.items()
            if cable.verdict in _NEWS and cable.verdict is not self._known.get(key, Verdict.OK)
        ]

    def _record(self, revision: int, cable: Cable, before: Verdict | None) -> JournalRecord:
        wrong = cable.verdict is not Verdict.OK
        message = (
            f"cable {cable.name} is {_told(cable)}" if wrong else f"cable {cable.name} is right again, was {before}"
        )
        return JournalRecord(
            self._clock.now(),
            Event.NOTE,
            device=cable.a.port.device,
            revision=revision,
            error_code=CABLE_CODE if wrong else "",
            message=message,
        )


def _by_key(cables: Iterable[Cable]) -> dict[_Key, Cable]:
    return {(cable.fabric, cable.name): cable for cable in cables}


def _told(cable: Cable) -> str:
    if cable.verdict is Verdict.UNEXPECTED:
        return "unexpected: no fabric has it"
    swapped = f"; swapped with {', '.join(cable.swapped_with)}" if cable.swapped_with else ""
    return f"{cable.verdict}: {_seen(cable.a)}, {_seen(cable.b)}{swapped}"


def _seen(end: CableEnd) -> str:
    return f"{end.port} finds {end.found[:_LONGEST]}" if end.found else f"{end.port}: {end.note}"
