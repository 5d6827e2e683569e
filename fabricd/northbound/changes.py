"""Changes under way: once begun, one is carried to its end even when its caller hangs up.

Base of the servicer and of its parts. Knows nothing of what is changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Changes:
    """Owns the changes that callers have begun."""

    def __init__(self) -> None:
        self._changes: set[asyncio.Task[Any]] = set()

    async def _carried_out(self, change: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await asyncio.shield(task)

    async def _settled(self) -> None:
        """Wait for what was begun."""
        if self._changes:
            await asyncio.wait(self._changes)
