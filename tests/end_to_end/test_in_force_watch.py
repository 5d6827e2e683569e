"""After a change the daemon tells what a switch accepted and does not have in force, where the profile asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from northbound_harness import DEADLINE, interfaces
from test_operational import Hall, hall

from fabricd.model.device import WriteTraits
from fabricd.model.outcome import Event, JournalRecord, OutcomeKind
from fabricd.reconcile import InForceWatch
from fabricd.simulator import Quirks

MTU = "/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config/mtu"
ON = WriteTraits(settle=0.2, in_force=True)


def looks() -> list[asyncio.Task[object]]:
    """Those that are to come."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("in force")]


class Followed:
    """A watch that is told what the journal has, as the daemon tells it."""

    def __init__(self, one: Hall) -> None:
        self._service = one.service
        fleet = one.service.controller.fleet
        self.watch = InForceWatch(fleet=fleet, observations=one.service.observations, store=one.service.store)
        self._seen = 0

    async def records(self) -> list[JournalRecord]:
        return await self._service.store.journal(0, 1000)

    async def change(self, device: str, mtu: int) -> JournalRecord:
        """Submit, wait until it is applied, and tell the watch."""
        async with self._service.client() as client:
            await client.submit([interfaces(device, mtu=mtu)])
        async with asyncio.timeout(DEADLINE):
            while True:
                for record in await self.records():
                    if record.sequence > self._seen and record.outcome is OutcomeKind.APPLIED:
                        self._seen = record.sequence
                        self.watch.written(record)
                        return record
                await asyncio.sleep(0.02)

    async def notes(self, count: int) -> list[JournalRecord]:
        async with asyncio.timeout(DEADLINE):
            while len(found := [one for one in await self.records() if one.event is Event.NOTE]) < count:
                await asyncio.sleep(0.02)
        return found


@asynccontextmanager
async def followed(folder: Path, write: WriteTraits) -> AsyncIterator[Followed]:
    """Switches whose MTU is 1500, whatever is configured."""
    quirks = Quirks(cli_values={"/interfaces/interface[name=Ethernet1]/config/mtu": 1500})
    async with hall(folder, (), running=True, quirks=quirks, write=write) as one:
        found = Followed(one)
        try:
            yield found
        finally:
            await found.watch.stop()


@pytest.mark.parametrize("device", ["leaf1", "leaf2"])
async def test_what_is_not_in_force_is_told_once_with_the_decision_of_the_change(tmp_path: Path, device: str) -> None:
    async with followed(tmp_path, ON) as found:
        change = await found.change(device, 9000)
        (note,) = await found.notes(1)
        assert (note.device, note.decision, note.error_code, note.error_path) == (
            device, change.decision, "NOT_IN_FORCE", MTU
        )  # fmt: skip
        assert note.message.endswith(f"leaves: {MTU} is configured as 9000, 1500 is in force")
        await found.change(device, 8000)  # the same leaf: nothing new
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*looks())
        await found.change(device, 1500)
        _, again = await found.notes(2)
        assert (again.error_code, again.message.partition(" ")[2].partition(" ")[2]) == (
            "",
            "leaves are in force again",
        )


async def test_a_profile_that_does_not_ask_is_not_looked_at(tmp_path: Path) -> None:
    async with followed(tmp_path, WriteTraits(settle=0.2)) as found:
        await found.change("leaf2", 9000)
        assert not looks()
