"""What systemd and people ask a running daemon for by signals: to stop, and to read its settings again.

Used by daemon.py. Must not know what is stopped or read.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

_T = TypeVar("_T")


class Signals:
    """What systemd and people ask for. `stop` is done with the first SIGTERM or SIGINT; later ones change nothing,
    because what is being written to devices is to come to its end."""

    def __init__(self) -> None:
        self.stop: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
        self._reload = asyncio.Event()

    def hear(self, number: signal.Signals) -> None:
        """A signal came."""
        if number is signal.SIGHUP:
            self._reload.set()
        elif not self.stop.done():
            self.stop.set_result(number)

    async def reload(self) -> None:
        """Return when a reload is wanted."""
        await self._reload.wait()
        self._reload.clear()

    async def unless_stopped(self, work: Coroutine[Any, Any, _T]) -> _T | None:
        """The result of `work`, or None when it was cancelled because of a stop."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait((task, self.stop), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))
        if task.cancelled():
            return None
        return task.result()


@contextmanager
def heard() -> Iterator[Signals]:
    """Signals from here to the end of the block."""
    loop, signals = asyncio.get_running_loop(), Signals()
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, signals.hear, number)
    try:
        yield signals
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
