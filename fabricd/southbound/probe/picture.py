"""The picture: many scratch objects in force at the same time, and what the device makes of them.

Run over either protocol by run.py: one change that runs for a moment, looked at in configuration and state.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from fabricd.errors import DeviceRefusedError
from fabricd.model.operational import NotInForce
from fabricd.model.path import Path
from fabricd.southbound.probe import scratch
from fabricd.southbound.probe.bench import Bench
from fabricd.southbound.probe.ground import Attempt
from fabricd.southbound.probe.plan import Plan
from fabricd.southbound.probe.schema_work import Leaves

_READS = 4  # of the same configuration, to see whether the order of entries changes
STATE = (
    Path.parse("/openconfig-system:system"),
    Path.parse("/openconfig-interfaces:interfaces"),
    Path.parse("/openconfig-network-instance:network-instances"),
    Path.parse("/openconfig-acl:acl"),
    Path.parse("/openconfig-lldp:lldp"),
)

Watching = Callable[[Bench[Any]], AbstractAsyncContextManager[None]]
"""Looks at what the device tells by itself while the picture is taken."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What was seen: the configuration without and with the change, what was written, and what of it is not in force.
    `readings` are several, leaves in the order in which they came."""

    before: Leaves
    written: Leaves
    readings: tuple[Leaves, ...]
    not_in_force: tuple[NotInForce, ...]

    @property
    def shown(self) -> Leaves:
        return self.readings[0]


async def taken(bench: Bench[Any], plan: Plan, watching: Watching) -> Picture:
    """Take it. Raises DeviceRefusedError when the whole is refused or does not show in time."""
    work = bench.work
    async with watching(bench), shown(bench, plan.attempt()):
        sent = [await work.leaves_as_sent(await bench.ground.fetch()) for _ in range(_READS)]
        written = await work.read(plan.whole())
        not_in_force = await unforced(bench, written)
    return Picture(
        before=await work.leaves(bench.before),
        written=await work.leaves(written),
        readings=tuple(_unmarked(bench, one) for one in sent),
        not_in_force=not_in_force,
    )


async def unforced(bench: Bench[Any], written: bytes) -> tuple[NotInForce, ...]:
    """Which leaves of a configuration are not in force now."""
    return (await bench.work.in_force(written, await bench.ground.state(STATE))).not_in_force


def _unmarked(bench: Bench[Any], leaves: Leaves) -> Leaves:
    """Without the loopbacks that only tell that something is to be seen."""
    marks = [scratch.interface(name) for name in bench.names.marks]
    return {path: value for path, value in leaves.items() if not any(mark.covers(path) for mark in marks)}


@asynccontextmanager
async def shown(bench: Bench[Any], *attempts: Attempt) -> AsyncIterator[None]:
    """Changes in force, one after the other, and to be seen. A loopback is written with the last that was never written
    before. When the block is over they are gone from sight. Raises DeviceRefusedError where that does not show in time,
    NoNetError."""
    mark = bench.mark()
    patience = bench.options.patience

    async def is_there() -> bool:
        leaves = await bench.work.leaves(await bench.ground.config())
        return any(scratch.interface(mark).covers(path) for path in leaves)

    async def is_gone() -> bool:
        return not await is_there()

    *first, last = attempts
    within = (*last.within, scratch.interface(mark)) if last.within else ()
    marked = replace(last, documents=(*last.documents, scratch.loopback(mark, subinterface=False)), within=within)
    async with bench.ground.in_force(*first, marked):
        seconds = await bench.until(is_there, patience)
        if seconds is None:
            raise DeviceRefusedError(f"accepted, and not shown within {patience:g} s", tag="not-shown")
        bench.showed(seconds)
        yield
    if (seconds := await bench.until(is_gone, patience)) is not None:
        bench.showed(seconds)
