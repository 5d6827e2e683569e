"""How a device is read: all roots in one Get, a Get for each, or a Subscribe ONCE, and smaller pieces when it must be.

Used by the gNMI adapter. Must not know what the values mean.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Literal

from fabricd.errors import DeviceProtocolError, DeviceRefusedError
from fabricd.model.fetched import Fetched, Part
from fabricd.model.path import Path
from fabricd.southbound.gnmi import messages
from fabricd.southbound.gnmi.calls import Calls
from fabricd.southbound.gnmi.gathering import Gathering
from fabricd.southbound.gnmi.requests import Requests
from fabricd.southbound.gnmi.status import check_told
from fabricd.southbound.target import ALWAYS_THERE

_LOG = logging.getLogger(__name__)

Kind = Literal["CONFIG", "ALL"]
Way = Literal["together", "each", "once"]

# How devices say that one of several paths is not there, which then hides the others.
_ONE_IS_ABSENT = frozenset({"NOT_FOUND", "INVALID_ARGUMENT"})
# The answer would be larger than a message may be (or there are too many calls, which smaller ones do not make worse).
_TOO_LARGE = "RESOURCE_EXHAUSTED"

_NOTHING = frozenset({b"", b"{}", b"null"})
_LONGEST_NOTHING = 16  # bytes, with white space around it

# A Get that is answered in so many pieces for each path is gathered like a subscription.
_FEW = 4


def _says_something(part: Part) -> bool:
    return len(part.data) > _LONGEST_NOTHING or part.data.strip() not in _NOTHING


class Reading:
    """Reads one device, and keeps in mind which answers were too large for one message until it is connected anew: it
    may have restarted with other software."""

    def __init__(self, calls: Calls, requests: Requests, way: Way | None = None) -> None:
        """`way` counts instead of the profile's."""
        self._calls = calls
        self._requests = requests
        self._device = calls.device.name
        self._way: Way = way or calls.device.profile.gnmi.read
        # State may be too large where configuration is not.
        self._apart: set[Kind] = set()
        self._large: set[tuple[Kind, Path]] = set()
        self._connection = calls.connections
        self._proven = 0  # the connection over which the device has shown anything

    async def config(self, roots: Sequence[Path]) -> Fetched:
        """Configuration below `roots`; those that are absent are left out.

        When all are, the device has to show once a connection that it understands such paths at all, by state at one
        of them or at /system or /interfaces. If it does not: DeviceProtocolError, since with a wrong origin every
        switch would look empty, and so does one that is not up yet after a restart.
        """
        parts = await self._read(roots, "CONFIG")
        if any(map(_says_something, parts)):
            self._proven = self._calls.connections
        elif roots and self._proven != self._calls.connections:
            await self._must_answer(roots)
        return messages.fetched(parts)

    async def all(self, paths: Sequence[Path]) -> Fetched:
        """Configuration and state below `paths`."""
        return messages.fetched(await self._read(paths, "ALL"))

    async def _must_answer(self, roots: Sequence[Path]) -> None:
        for path in dict.fromkeys((*roots, *ALWAYS_THERE)):
            try:
                parts = await self._read_one(path, "ALL")
            except DeviceRefusedError as error:
                _LOG.debug("%s does not show %s: %s", self._device, path, error)
                continue
            if any(map(_says_something, parts)):
                self._proven = self._calls.connections
                return
        asked = ", ".join(path.text for path in roots)
        raise DeviceProtocolError(
            f"the device has nothing at {asked}, and no state there nor at /system and /interfaces: "
            "origin, names or prefix of its profile are wrong for it, or it is not up yet",
            device=self._device,
        )

    async def _read(self, paths: Sequence[Path], kind: Kind) -> list[Part]:
        await self._calls.ready()
        if self._connection != self._calls.connections:
            self._connection = self._calls.connections
            self._apart.clear()
            self._large.clear()
        if self._way == "together" and kind not in self._apart and len(paths) > 1:
            too_large = False
            try:
                parts = await self._get(paths, kind)
                # gNMI section 3.3.2 wants a notification for each path: whatever was passed over may be there.
                if all(any(path.touches(part.path) for part in parts) for path in paths):
                    return parts
            except DeviceRefusedError as error:
                if error.tag != _TOO_LARGE and error.tag not in _ONE_IS_ABSENT:
                    raise
                too_large = error.tag == _TOO_LARGE
            parts = await self._read_each(paths, kind)
            if too_large:
                _LOG.info("%s: answers are too large for one message; every root is read for itself", self._device)
                self._apart.add(kind)
            return parts
        return await self._read_each(paths, kind)

    async def _read_each(self, paths: Sequence[Path], kind: Kind) -> list[Part]:
        return [part for path in paths for part in await self._read_one(path, kind)]

    async def _read_one(self, path: Path, kind: Kind) -> list[Part]:
        """Nothing when it is absent."""
        once = self._way == "once" or (kind, path) in self._large
        try:
            return await (self._once(path, kind) if once else self._get((path,), kind))
        except DeviceRefusedError as error:
            if error.tag == "NOT_FOUND":
                return []
            if error.tag != _TOO_LARGE or once:
                raise
            try:
                parts = await self._once(path, kind)
            except DeviceRefusedError as second:
                raise error from second
        _LOG.info("%s: %s is too large for one message and is read by a subscription", self._device, path)
        self._large.add((kind, path))
        return parts

    async def _get(self, paths: Sequence[Path], kind: Kind) -> list[Part]:
        reply = await self._calls.ask("Get", self._requests.get(paths, kind))
        check_told(reply, self._device, "Get")
        if sum(len(notification.update) for notification in reply.notification) <= _FEW * len(paths):
            return list(messages.read_parts(reply, paths, self._device))
        gathering = Gathering(self._device, config=kind == "CONFIG")
        for notification in reply.notification:
            gathering.add(notification)
        return list(gathering.parts(paths))

    async def _once(self, path: Path, kind: Kind) -> list[Part]:
        """A Subscribe ONCE, complete with its sync_response (gNMI section 3.5.1.4)."""
        gathering = Gathering(self._device, config=kind == "CONFIG")
        async with self._calls.subscription(self._requests.once((path,))) as stream:
            while (response := await stream.next(by=stream.deadline)) is not None:
                check_told(response, self._device, "Subscribe")
                if response.sync_response:
                    return list(gathering.parts((path,)))
                if response.HasField("update"):
                    gathering.add(response.update)
        raise DeviceProtocolError("the device ended a Subscribe ONCE without a sync_response", device=self._device)
