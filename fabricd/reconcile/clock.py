"""Time as the loop sees it: what now is, how long something took, and waiting.

Handed to everything in reconcile, so that tests turn the hands themselves. Knows nothing else.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Three views of one clock."""

    def now(self) -> datetime:
        """Wall time, aware, UTC: for records."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back: for durations and due times."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
