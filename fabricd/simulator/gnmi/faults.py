"""Faults of the answers of a simulated gNMI server: cut, stalled in their middle, wrong, or no message at all.

Called by the gNMI server with the answers that it is about to give. Owns what it holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fabricd.simulator.faults import Fault, Kind
from fabricd.simulator.gnmi.relay import Link
from fabricd.simulator.live import Live

_NO_MESSAGE = b"\xff" * 16  # a field number that never ends


class Spoiler:
    """Spoils answers of one switch."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._holding: set[asyncio.Task[None]] = set()

    def spoil(self, fault: Fault | None, answer: bytes, wrong: Callable[[], bytes], link: Link) -> bytes:
        """What to send instead of an answer on this connection. `wrong` makes one that answers something else."""
        match fault:
            case Fault(kind=Kind.WRONG):
                return wrong()
            case Fault(kind=Kind.GARBAGE):
                return _NO_MESSAGE
            case Fault(kind=Kind.CUT_INSIDE):
                link.cut_after(_half(answer))
            case Fault(kind=Kind.STALL_INSIDE):
                link.stall_after(_half(answer))
                task = asyncio.get_running_loop().create_task(self._hold(link))
                self._holding.add(task)
                task.add_done_callback(self._holding.discard)
        return answer

    async def stop(self) -> None:
        """Let go of everything."""
        for task in self._holding:
            task.cancel()
        await asyncio.gather(*self._holding, return_exceptions=True)

    async def _hold(self, link: Link) -> None:
        """Let the rest of an answer go when it is released, or nothing when there is nobody left."""
        released = asyncio.ensure_future(self._live.faults.hold())
        gone = asyncio.ensure_future(link.gone.wait())
        try:
            await asyncio.wait({released, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            released.cancel()
            gone.cancel()
            link.resume()


def _half(answer: bytes) -> int:
    """Whatever an answer is wrapped in makes it longer, so that this is inside of even the shortest."""
    return max(1, len(answer) // 2)
