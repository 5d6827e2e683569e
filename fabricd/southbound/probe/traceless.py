"""What both grounds do alike: writes that last and are put back, and nothing that stays of what a probe sent.

Base of gnmi_ground and netconf_ground, which say how to write. Must not know protocols, nor what is tried.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fabricd.errors import (
    DeviceError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DeviceUnreachableError,
)
from fabricd.model.edit import EditConfig, GnmiSet
from fabricd.model.fetched import Fetched
from fabricd.model.path import Path
from fabricd.southbound.probe.ground import Attempt, NoNetError, StuckError, Surroundings, Write

_T = TypeVar("_T")

_LOG = logging.getLogger(__name__)

LINE_BROKE = (DeviceProtocolError, DeviceTimeoutError, DeviceUnreachableError)
"""Errors after which a new session may do."""

UNDER_WAY = 0.5
"""Seconds that a device gets, before a new session, to carry out what was under way on one that broke."""

_TIMES = 4
_LONGEST = 12.0  # seconds until a change has to show
_SOON = 2.0  # seconds until what was taken back is gone from sight, beyond what was seen
_PAUSE = 0.05


class TracelessGround(ABC):
    """Owns the knowledge of what was touched on the device, and whether something of it may still be there."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.roots: tuple[Path, ...] = ()
        self.before = b"{}"
        """The configuration as it was found."""
        self.settle = 0.0
        """Seconds that a change may take to show; found out on the way."""
        self.hindrance = ""
        """Why nothing can be tried at the moment, whatever is allowed."""
        self._touched: dict[Path, None] = {}
        self._doubtful = False  # something may be there that no device takes back by itself

    @abstractmethod
    async def fetch(self) -> Fetched:
        """See Ground."""

    @abstractmethod
    async def revive(self) -> None:
        """A session that works: what was under way on a broken one is not known."""

    @abstractmethod
    async def _write(self, attempt: Attempt) -> None:
        """Make a change last. Raises DeviceRefusedError."""

    @abstractmethod
    async def _send_back(self, gnmi: GnmiSet, netconf: EditConfig) -> None:
        """Make this last, in the ground's own words. Raises DeviceRefusedError."""

    async def config(self) -> bytes:
        return await self._around.work.config(await self.fetch())

    @asynccontextmanager
    async def lasting(self) -> AsyncIterator[Write]:
        if not self._around.write:
            raise NoNetError("the device takes nothing back by itself", device=self._around.device.name)
        if not await self.nothing_stays():
            raise DeviceRefusedError("somebody else uses the names that the probe has chosen", tag="changed")
        await self._around.note("a probe writes and will put back what it changes")
        self._doubtful = True
        try:
            yield self._lasting_write
        finally:
            await to_the_end(self._put_back())

    async def tidy(self) -> None:
        """Put back what may have stayed: of what lasted, or was refused and carried out in part. Raises StuckError."""
        if not self._doubtful:
            return
        try:
            await self.revive()
            if await self.nothing_stays(_SOON + 2 * self.settle):
                self._doubtful = False
            else:
                await self._put_back()
        except DeviceError as error:
            names = ", ".join(path.text for path in self._touched)
            raise StuckError(
                f"whether something stays of what the probe wrote is not known: {error.message}; look for {names}",
                device=self._around.device.name,
            ) from error

    async def nothing_stays(self, seconds: float = _LONGEST) -> bool:
        """Whether what was touched is as it was found, once the device had the time to show it."""
        for _ in range(round(seconds / _PAUSE) if self._touched else 0):
            if await self._needed() is None:
                return True
            await asyncio.sleep(_PAUSE)
        return not self._touched

    def _touch(self, attempt: Attempt) -> None:
        """Remember what has to be as before in the end. What somebody else changes elsewhere is never put back."""
        self._touched.update(dict.fromkeys((*attempt.made, *attempt.deletes)))

    async def _lasting_write(self, attempt: Attempt) -> None:
        self._touch(attempt)
        await self._write(attempt)

    async def _refusal_by_writing(self, attempt: Attempt) -> str:
        async with self.lasting() as write:
            try:
                await write(attempt)
            except DeviceRefusedError as error:
                return error.tag
        return ""

    async def _put_back(self) -> None:
        """Undo what differs where something was touched, read again, and do so once more where something is left. What
        is left in the end is told by whoever compares the configurations at the end of the probe."""
        await self.revive()
        # What was written last has to show, or it would be taken for something that never came.
        await asyncio.sleep(self.settle)
        for _ in range(_TIMES):
            needed = await self._needed()
            if needed is None:
                break
            try:
                await self._send_back(*needed)
            except DeviceRefusedError:
                continue
            await self.nothing_stays()
        self._doubtful = False

    async def _needed(self) -> tuple[GnmiSet, EditConfig] | None:
        return await self._around.work.undo(await self.config(), self.before, tuple(self._touched))


async def to_the_end(work: Coroutine[Any, Any, _T]) -> _T:
    """What has to be done whatever happens: a cancellation meanwhile counts when it is over."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            cancelled = True
    try:
        found = task.result()
    finally:
        del task  # it has the error, which has this frame: nobody would let go of the connection of a failed call
    if cancelled:
        raise asyncio.CancelledError
    return found


async def steadily(ask: Callable[[], Awaitable[str]]) -> str:
    """How something is refused, "" where it is not at the second asking: a device that is busy refuses once what it
    takes a moment later, and nothing is to be concluded from that."""
    return await ask() and await ask()


async def over_a_new_session(ask: Callable[[], Awaitable[_T]], revive: Callable[[], Awaitable[None]]) -> _T:
    """What can be asked twice: when the line breaks, once more over a new session. Raises DeviceError."""
    await revive()
    try:
        return await ask()
    except LINE_BROKE as error:
        _LOG.debug("asked once more: %s", error.message)  # an error that is kept keeps its call and connection
    await revive()
    return await ask()
