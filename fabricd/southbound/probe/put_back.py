"""Leading a device back to the configuration that it had, and looking whether it is there.

Called by both grounds after writes that last. Must not know protocols.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from fabricd.errors import DeviceRefusedError
from fabricd.model.edit import EditConfig, GnmiSet
from fabricd.southbound.probe.schema_work import Work

_TIMES = 4
_LONGEST = 12.0  # seconds until a change has to show
_PAUSE = 0.05


class Readable(Protocol):
    before: bytes
    settle: float

    async def config(self) -> bytes: ...


async def as_found(ground: Readable, work: Work) -> bytes:
    """The configuration as the probe found it, once the device shows it again after what was tried. Raises
    DeviceRefusedError when it does not: somebody else changed something, and putting back would undo that."""
    if not await _shows(lambda: _needed(ground, work, ground.before)):
        raise DeviceRefusedError("the configuration is another one than when the probe began", tag="changed")
    return ground.before


async def put_back(
    ground: Readable, work: Work, before: bytes, send: Callable[[tuple[GnmiSet, EditConfig]], Awaitable[None]]
) -> None:
    """Undo what differs from `before`, read again, and do so once more where something is left. What is left in the
    end is told by whoever compares the configurations at the end of the probe."""
    # What was written last has to show, or it would be taken for something that never came.
    await asyncio.sleep(ground.settle)
    for _ in range(_TIMES):
        payload = await _needed(ground, work, before)
        if payload is None:
            return
        try:
            await send(payload)
        except DeviceRefusedError:
            continue
        await _shows(lambda: _needed(ground, work, before))


async def _needed(ground: Readable, work: Work, before: bytes) -> tuple[GnmiSet, EditConfig] | None:
    return await work.undo(await ground.config(), before)


async def _shows(needed: Callable[[], Awaitable[object]]) -> bool:
    """Whether nothing is needed any more within the longest time that a change may take to show."""
    for _ in range(round(_LONGEST / _PAUSE)):
        if await needed() is None:
            return True
        await asyncio.sleep(_PAUSE)
    return False
