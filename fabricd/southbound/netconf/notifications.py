"""Notifications of changed configuration (RFC 5277, RFC 6470): kept in order, never without bound.

Called by the adapter. Must not know sessions.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from fabricd.model.device import Device
from fabricd.model.fetched import Change
from fabricd.model.path import Path
from fabricd.southbound.netconf.paths import read_instance
from fabricd.southbound.netconf.reply import parse

_NOTIFICATION = "{urn:ietf:params:xml:ns:netconf:notification:1.0}"
_CHANGED = "{urn:ietf:params:xml:ns:yang:ietf-netconf-notifications}"

# Notifications are hints to re-read. In a storm the oldest hints are dropped; one that says nothing about where is
# put in their place.
_KEPT = 256


class Inbox:
    """Messages between the session, which must not wait, and whoever reads them. `None` stands for dropped ones."""

    def __init__(self) -> None:
        self._messages: deque[bytes | None] = deque()
        self._news = asyncio.Event()
        self._ended = False

    def put(self, message: bytes) -> None:
        if len(self._messages) >= _KEPT:
            self._messages.clear()
            self._messages.append(None)
        self._messages.append(message)
        self._news.set()

    def end(self) -> None:
        """No more will come; what is there can still be read."""
        self._ended = True
        self._news.set()

    def __aiter__(self) -> Inbox:
        return self

    async def __anext__(self) -> bytes | None:
        while not self._messages:
            if self._ended:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._messages.popleft()


def read_change(
    message: bytes | None,
    device: Device,
    modules: Mapping[str, str],
    roots: Sequence[Path],
    clock: Callable[[], datetime],
) -> Change | None:
    """The Change that a netconf-config-change stands for; None for other notifications, for datastores other than
    running and for places outside `roots`. Raises DeviceProtocolError for what is not XML."""
    if message is None:
        return Change(device.name, clock())
    root = parse(message, device)
    changed = root.find(f"{_CHANGED}netconf-config-change")
    if changed is None or (changed.findtext(f"{_CHANGED}datastore") or "running").strip() != "running":
        return None
    time = _time(root.findtext(f"{_NOTIFICATION}eventTime")) or clock()
    paths = []
    for target in changed.iter(f"{_CHANGED}target"):
        path = read_instance(target.text or "", target.nsmap, modules)
        if path is None:
            return Change(device.name, time)  # somewhere: all has to be read
        paths.append(path)
    within = tuple(path for path in paths if not roots or any(root.touches(path) for root in roots))
    return Change(device.name, time, within) if within or not paths else None


def _time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
