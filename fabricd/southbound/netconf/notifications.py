"""Notifications of changed configuration (RFC 5277, RFC 6470): kept in order, never without bound.

Called by the adapter. Of sessions it knows only whose they are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from weakref import WeakSet

from lxml import etree

from fabricd.model.device import Device
from fabricd.model.fetched import Change
from fabricd.model.path import Path
from fabricd.southbound.netconf.paths import read_instance
from fabricd.southbound.netconf.reply import parse
from fabricd.southbound.netconf.session import NetconfSession

_NOTIFICATION = "{urn:ietf:params:xml:ns:netconf:notification:1.0}"
_CHANGED = "{urn:ietf:params:xml:ns:yang:ietf-netconf-notifications}"

_CONFIG_CHANGE = f"{_CHANGED}netconf-config-change"
_CAPABILITY_CHANGE = f"{_CHANGED}netconf-capability-change"
_TELLING = (_CONFIG_CHANGE, _CAPABILITY_CHANGE, f"{_CHANGED}netconf-confirmed-commit")

# How a confirmed commit ends that was not confirmed: the configuration from before it runs again.
_TAKEN_BACK = frozenset({"timeout", "cancel"})

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


class OwnSessions:
    """Sessions over which we write, so that what we wrote ourselves is not read once more because of a notification.

    A change is left out when it is said to be of our user and of a session of ours that is open and was written over.
    That misses nobody else's: session ids are unique among those that are open (RFC 6241 section 4), what one of us
    wrote is read by whoever wrote it, and whatever an earlier owner of the id did was done before our session began,
    and so before we first read over it. Owned by whoever makes connections, one for all devices.
    """

    def __init__(self) -> None:
        self._open: dict[str, WeakSet[NetconfSession]] = {}

    def add(self, session: NetconfSession, device: Device) -> None:
        """Something is about to be written over this session."""
        self._open.setdefault(device.name, WeakSet()).add(session)

    def made(self, device: Device, user: str, session_id: str) -> bool:
        """Whether a change that is said to be theirs is ours. 0 is no session (RFC 6470 section 2.2)."""
        if session_id in ("", "0") or user != device.login.username:
            return False
        return any(
            not session.closed and session.hello.session_id == session_id for session in self._open.get(device.name, ())
        )


def read_change(
    message: bytes | None,
    device: Device,
    modules: Mapping[str, str],
    roots: Sequence[Path],
    clock: Callable[[], datetime],
    own: OwnSessions,
) -> Change | None:
    """What has to be read again after a notification (RFC 6470); None when nothing has.

    That is where a netconf-config-change of running says, if it lies in `roots`; and everything after a confirmed
    commit that was not confirmed, after a change of capabilities, and for `None`, which stands for dropped messages.
    What `own` sessions did is left out. Raises DeviceProtocolError for what is not XML.
    """
    if message is None:
        return Change(device.name, clock())
    root = parse(message, device)
    time = _time(root.findtext(f"{_NOTIFICATION}eventTime")) or clock()
    for told in root.iterchildren(*_TELLING):
        if _is_ours(told, device, own):
            return None
        if told.tag == _CONFIG_CHANGE:
            return _changed(told, device, time, modules, roots)
        if told.tag == _CAPABILITY_CHANGE or _said(told, "confirm-event") in _TAKEN_BACK:
            return Change(device.name, time)
    return None


def _changed(
    changed: etree._Element, device: Device, time: datetime, modules: Mapping[str, str], roots: Sequence[Path]
) -> Change | None:
    if (_said(changed, "datastore") or "running") != "running":
        return None
    paths = []
    for target in changed.iter(f"{_CHANGED}target"):
        path = read_instance(target.text or "", target.nsmap, modules)
        if path is None:
            return Change(device.name, time)  # somewhere: all has to be read
        paths.append(path)
    within = tuple(path for path in paths if not roots or any(root.touches(path) for root in roots))
    return Change(device.name, time, within) if within or not paths else None


def _is_ours(told: etree._Element, device: Device, own: OwnSessions) -> bool:
    by = told.find(f"{_CHANGED}changed-by")
    return by is not None and own.made(device, _said(by, "username"), _said(by, "session-id"))


def _said(element: etree._Element, name: str) -> str:
    return (element.findtext(f"{_CHANGED}{name}") or "").strip()


def _time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat((text or "").strip())
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the year 1 in the east is the year 0 in UTC
        return None
