"""The examples on switches of every kind, mixed in one fabric, and what is known of each switch afterwards.

For test_kinds_converge.py and `make kinds`; owns what it starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path as File

from example_fabrics import EXAMPLES, controlled, document, read, simulated
from reconcile_fabric import Fabric as Rooms

from fabricd.intent import Document
from fabricd.model.device import Protocol
from fabricd.model.outcome import Event, JournalRecord, OutcomeKind
from fabricd.settings import data_folder
from fabricd.simulator.kinds import kind_names
from fabricd.southbound.profiles import load_profiles

KINDS = tuple(kind_names())
FABRICS = ("demo", "routed", "evpn", "three-stage")
WRITING = (Event.DRIFT, Event.APPLY)


@dataclass(frozen=True, slots=True)
class Row:
    """One switch after `sweeps` sweeps in sync. `writes` are transactions, `edits` what they changed, `retries` rounds
    that did not end well before it first was in sync, `drifts` what the sweeps found (nothing, if all is well).
    `quirks` counts those that the switch has, `met` names those that made a difference."""

    fabric: str
    switch: str
    kind: str
    protocol: str
    outcome: str
    writes: int
    edits: int
    retries: int
    refused: int
    sweeps: int
    drifts: int
    met: tuple[str, ...]
    quirks: int


def documents(fabric: str) -> list[Document]:
    """The documents of an example, or of the demo."""
    if fabric != "demo":
        return [document(fabric)]
    folder = EXAMPLES.parent / "demo" / "fabric"
    return [Document(file.name, file.read_bytes()) for file in sorted(folder.glob("*.yaml"))]


@asynccontextmanager
async def running(fabric: str, folder: File, *, shift: int, first: Protocol, profile: str = "") -> AsyncIterator[Rooms]:
    """A started controller, and switches without any configuration: kind after kind by name, beginning with the
    `shift`-th; protocols in turn, beginning with `first`. Every device has the profile of its kind, or `profile`."""
    plain = simulated(read(fabric), folder)
    kinds = {one.name: KINDS[(number + shift) % len(KINDS)] for number, one in enumerate(plain.switches)}
    switches = [{"name": one.name, "ports": one.ports, "kind": kinds[one.name]} for one in plain.switches]
    config = type(plain).model_validate({**plain.model_dump(), "switches": switches})
    profiles = load_profiles(data_folder("config") / "profiles")
    async with controlled(config, folder, lambda name: profiles[profile or kinds[name]], first, workers=2) as rooms:
        yield rooms


async def converge(rooms: Rooms, fabric: str) -> None:
    """Submit, and wait until every device runs it."""
    await rooms.submit(*documents(fabric))
    await rooms.in_sync(*rooms.devices)


async def sweep(rooms: Rooms, times: int) -> None:
    """Have every device checked so often; each time all of them are found in sync, or this fails."""
    for _ in range(times):
        ended = await asyncio.gather(*map(rooms.checked, rooms.devices))
        assert [one.device for one in ended if one.outcome is not OutcomeKind.IN_SYNC] == []


async def rows(rooms: Rooms, fabric: str, sweeps: int, before: int) -> list[Row]:
    """What is known of every switch. `before` is the last journal record before the sweeps."""
    kinds = {one.name: one.kind for one in rooms.simulation.config.switches}
    return [
        _row(fabric, name, kinds[name], rooms, await rooms.store.journal(0, 100_000, [name]), sweeps, before)
        for name in rooms.devices
    ]


def _row(
    fabric: str, name: str, kind: str, rooms: Rooms, records: Sequence[JournalRecord], sweeps: int, before: int
) -> Row:
    applied = [record for record in records if record.event is Event.APPLY]
    ended = [record for record in records if record.event is Event.RECONCILE and record.sequence <= before]
    good = (OutcomeKind.IN_SYNC, OutcomeKind.APPLIED, OutcomeKind.UNMANAGED)
    counts = rooms.switch(name).counts
    return Row(
        fabric=fabric,
        switch=name,
        kind=kind,
        protocol=str(rooms.devices[name].protocol),
        outcome=str(records[-1].outcome),
        writes=len(applied),
        edits=sum(len(record.edits) for record in applied),
        retries=sum(record.outcome not in good for record in ended),
        refused=counts.refused,
        sweeps=sweeps,
        drifts=sum(record.event in WRITING for record in records if record.sequence > before),
        met=counts.met,
        quirks=len(rooms.switch(name).config.quirks.model_dump(exclude_defaults=True)),
    )
