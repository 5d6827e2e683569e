"""Switches of every kind, mixed in one fabric, become what the fabric says, and nothing is ever mended for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from kind_fabrics import FABRICS, KINDS, converge, rows, running, sweep

from fabricd.model.device import Protocol

SWEEPS = 20  # `make kinds` takes longer over it


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fabric", "shift", "first"),
    [(fabric, 2 * number, list(Protocol)[number % 2]) for number, fabric in enumerate(FABRICS)],
)
async def test_every_kind_converges_and_stays(fabric: str, shift: int, first: Protocol, tmp_path: Path) -> None:
    async with running(fabric, tmp_path, shift=shift, first=first) as rooms:
        await converge(rooms, fabric)
        before = await rooms.store.last_sequence()
        runs = {name: switch.running for name, switch in rooms.simulation.switches.items()}
        await sweep(rooms, SWEEPS)
        assert {name: switch.running for name, switch in rooms.simulation.switches.items()} == runs
        found = await rows(rooms, fabric, SWEEPS, before)
    assert [row for row in found if row.drifts] == []
    assert {row.kind for row in found} == {KINDS[(number + shift) % len(KINDS)] for number in range(len(found))}
