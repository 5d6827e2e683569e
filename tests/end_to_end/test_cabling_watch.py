"""The daemon looks at the cabling by itself, over the wire: cables are counted, and told once when they change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from northbound_harness import DEADLINE, Service
from test_operational import AS_WRITTEN, FABRIC, ONE_MORE, SWAPPED, Hall, hall

from fabricd.model.device import Mode
from fabricd.model.outcome import Event, JournalRecord
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.reconcile import CablingWatch
from fabricd.simulator import LinkConfig
from fabricd.telemetry.metrics import Metrics

INTERVAL = 0.2  # seconds
Cables = tuple[tuple[str, str], ...]


class Watched:
    """A watch over a hall, and what it told."""

    def __init__(self, one: Hall) -> None:
        self.metrics = Metrics()
        self.service: Service = one.service
        self.watch = CablingWatch(observations=one.service.observations, store=one.service.store, metrics=self.metrics)

    def count(self, verdict: str) -> float | None:
        return self.metrics.registry.get_sample_value("fabricd_cables", {"verdict": verdict})

    async def notes(self) -> list[JournalRecord]:
        records = await self.service.store.journal(0, 100)
        return [record for record in records if record.event is Event.NOTE]

    async def until(self, verdict: str, count: float) -> None:
        async with asyncio.timeout(DEADLINE):
            while self.count(verdict) != count:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def watched(folder: Path, cables: Cables) -> AsyncIterator[tuple[Hall, Watched]]:
    async with hall(folder, cables) as one:
        async with one.service.client() as client:
            await client.submit([pb.Document(source="hall.yaml", content=FABRIC)])
        found = Watched(one)
        await found.watch.look_every(INTERVAL)
        try:
            yield one, found
        finally:
            await found.watch.stop()


def plug(one: Hall, cables: Cables) -> None:
    one.simulation.rewire(LinkConfig(a=a, b=b) for a, b in cables)


async def test_wrong_cables_are_counted_and_told_once_with_both_ends(tmp_path: Path) -> None:
    async with watched(tmp_path, SWAPPED) as (one, found):
        await found.until("wrong", 2)
        first, second = await found.notes()
        assert first.error_code == "CABLE"
        assert first.message == (
            "cable spine1:Ethernet1 - leaf1:Ethernet1 is wrong: spine1:Ethernet1 finds leaf2:Ethernet1, "
            "leaf1:Ethernet1 finds spine1:Ethernet2; swapped with spine1:Ethernet2 - leaf2:Ethernet1"
        )
        assert (first.device, second.device) == ("spine1", "spine1")
        plug(one, AS_WRITTEN)
        await found.until("ok", 2)
        again = (await found.notes())[2:]
        assert [(record.error_code, record.message.rpartition(" is ")[2]) for record in again] == [
            ("", "right again, was wrong")
        ] * 2
        assert [found.count(verdict) for verdict in ("wrong", "missing", "unexpected", "unknown")] == [0, 0, 0, 0]


async def test_a_cable_that_no_fabric_has_comes_and_goes(tmp_path: Path) -> None:
    async with watched(tmp_path, ONE_MORE) as (one, found):
        await found.until("unexpected", 1)
        plug(one, AS_WRITTEN)
        await found.until("unexpected", 0)
        come, gone = await found.notes()
        assert "is unexpected: no fabric has it" in come.message
        assert gone.message == "cable leaf1:Ethernet3 - leaf2:Ethernet3 is not there any more"


async def test_not_knowing_is_no_news_and_paused_devices_are_not_read(tmp_path: Path) -> None:
    async with watched(tmp_path, AS_WRITTEN) as (one, found):
        await found.until("ok", 2)
        one.service.controller.fleet.modes |= {"leaf1": Mode.PAUSE, "spine1": Mode.PAUSE}
        await found.until("unknown", 1)
        await one.simulation.switches["leaf2"].stop()
        await found.until("unknown", 2)
        assert await found.notes() == []


async def test_nobody_looks_when_it_is_switched_off(tmp_path: Path) -> None:
    async with watched(tmp_path, AS_WRITTEN) as (_, found):
        await found.until("ok", 2)
        await found.watch.look_every(0)
        assert found.count("ok") is None
        await found.watch.look_every(INTERVAL)
        await found.until("ok", 2)
