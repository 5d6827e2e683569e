"""Every example fabric on every kind of switch by both protocols, and fifty sweeps after that: `make kinds`.

Prints a table of switches: what it took, and which quirks were met. Exits with 1 when one does not converge, or when a
sweep finds a difference. Arguments: names of fabrics; none: all.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "end_to_end"))

from kind_fabrics import FABRICS, KINDS, Row, converge, rows, running, sweep

from fabricd.model.device import Protocol

SWEEPS = 50
SUMS = ("writes", "edits", "retries", "refused", "sweeps", "drifts")


async def measure(fabric: str, shift: int, first: Protocol) -> list[Row]:
    """One arrangement of kinds and protocols on one fabric."""
    with tempfile.TemporaryDirectory(prefix="kinds-") as folder:
        async with running(fabric, Path(folder), shift=shift, first=first) as rooms:
            await converge(rooms, fabric)
            before = await rooms.store.last_sequence()
            await sweep(rooms, SWEEPS)
            return await rows(rooms, fabric, SWEEPS, before)


def show(console: Console, found: Sequence[Row]) -> None:
    """One line for each kind and protocol. Quirks that were not met are those that the profile keeps clear of."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in found:
        groups[row.kind, row.protocol].append(row)
    table = Table("kind", "protocol", "switches", *SUMS[:-1], "false drifts", "quirks met", "of")
    for (kind, protocol), members in sorted(groups.items()):
        met = sorted({quirk for row in members for quirk in row.met})
        sums = [str(sum(getattr(row, name) for row in members)) for name in SUMS]
        table.add_row(kind, protocol, str(len(members)), *sums, ", ".join(met), str(members[0].quirks))
    console.print(table)


async def main(fabrics: Sequence[str]) -> int:
    console = Console(width=None if sys.stdout.isatty() else 170)
    found: list[Row] = []
    failed = 0
    for fabric in fabrics or FABRICS:
        for shift in range(len(KINDS)):
            for first in Protocol:
                try:
                    found += await measure(fabric, shift, first)
                except (AssertionError, TimeoutError) as error:
                    failed += 1
                    console.print(f"{fabric}, shifted by {shift}, {first} first: {error or 'did not converge'}")
    show(console, found)
    drifts = sum(row.drifts for row in found)
    console.print(f"{len(found)} switches in sync, {failed} arrangements failed, {drifts} false drifts")
    return 1 if failed or drifts else 0


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(asyncio.run(main(sys.argv[1:])))
