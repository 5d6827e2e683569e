"""A clock that stands still until a test moves it, with the sleep that goes with it."""

from __future__ import annotations

import asyncio


class ManualTime:
    """Call it for nanoseconds since 1970."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = round(start * 1e9)
        self._sleeping: list[tuple[int, asyncio.Event]] = []

    def __call__(self) -> int:
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return when the clock was moved that far; at once when that is now."""
        if seconds <= 0:
            return
        entry = (self._now + round(seconds * 1e9), asyncio.Event())
        self._sleeping.append(entry)
        try:
            await entry[1].wait()
        finally:
            self._sleeping.remove(entry)

    def advance(self, seconds: float) -> None:
        """Move the clock and wake those whose time has come."""
        self._now += round(seconds * 1e9)
        for until, event in self._sleeping:
            if until <= self._now:
                event.set()

    @property
    def sleeping(self) -> int:
        """How many wait for it."""
        return len(self._sleeping)
