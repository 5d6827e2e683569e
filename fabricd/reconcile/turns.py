"""Turns at devices: how many are read at a time, and that who waits for a device takes the place of no other.

Used by whoever reads devices for people. Knows names only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Turns:
    """At most `most` devices at a time, and one turn at each of them. Any number may wait for a device that is slow:
    they hold up nobody at another one."""

    def __init__(self, most: int) -> None:
        self._places = asyncio.Semaphore(most)
        self._devices: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def at(self, device: str) -> AsyncIterator[None]:
        lock = self._devices.setdefault(device, asyncio.Lock())
        async with lock, self._places:
            yield
