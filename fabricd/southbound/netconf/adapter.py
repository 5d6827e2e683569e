"""The NETCONF adapter: one device over one session, candidate where there is one, running where there is not.

Implements Target; made by `connect`, used by reconcile through Sessions. Must not know schemas or revisions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import xxhash
from lxml import etree

from fabricd.errors import DeviceProtocolError, DeviceRefusedError, DeviceUnreachableError
from fabricd.model.device import Device
from fabricd.model.edit import Dialect, EditConfig, Payload
from fabricd.model.fetched import Capabilities, Change, Encoding, Fetched, Part
from fabricd.model.path import ROOT, Path
from fabricd.southbound.netconf import operations, reply, schemas
from fabricd.southbound.netconf.defaults import defaults_mode
from fabricd.southbound.netconf.edits import ENVELOPE, config_elements
from fabricd.southbound.netconf.notifications import Inbox, OwnSessions, read_change
from fabricd.southbound.netconf.paths import subtree_filter
from fabricd.southbound.netconf.rpc import Rpc
from fabricd.southbound.netconf.session import NetconfSession
from fabricd.southbound.netconf.write import Writer
from fabricd.southbound.target import ALWAYS_THERE, AboutTo, unasked

_LOG = logging.getLogger(__name__)

# What devices say to a parameter of get-config that they do not know although they advertise it.
_NO_DEFAULTS = frozenset({"unknown-element", "bad-element", "unknown-namespace", "invalid-value", "bad-attribute"})

_LONGEST_NOTHING = 4096  # bytes of a <data> element, with namespaces, white space and comments

_T = TypeVar("_T")

Clock = Callable[[], datetime]

_Element = tuple[bytes, str]
"""A <data> element, and its xxh3-128 in hex."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def connect(
    device: Device,
    *,
    namespaces: Mapping[str, str] | None = None,
    clock: Clock = _utc_now,
    own: OwnSessions | None = None,
) -> NetconfTarget:
    """A session after login and hellos, within Profile.timeouts.connect.

    `namespaces` (module name -> XML namespace, from the schema) are for subtree filters; those that the device names
    in its hello are known without. With `own`, the same for all sessions, a subscription leaves out what was written
    over another of them. Raises DeviceUnreachableError, DeviceTrustError or DeviceProtocolError.
    """
    return NetconfTarget(device, await NetconfSession.open(device), namespaces or {}, clock, own or OwnSessions())


class NetconfTarget:
    """Target over NETCONF. Owns its session, and with it whatever is locked there."""

    def __init__(
        self,
        device: Device,
        session: NetconfSession,
        namespaces: Mapping[str, str],
        clock: Clock,
        own: OwnSessions,
    ) -> None:
        self._device = device
        self._session = session
        self.rpc = Rpc(device, session)
        """For what Target has no word for."""
        self._clock = clock
        self._namespaces = namespaces
        self._own = own
        self._writer = Writer(self.rpc)
        self._defaults = defaults_mode(session.hello)
        self._apart = False
        self._proven = False  # it has shown anything in this session

    @property
    def name(self) -> str:
        return self._device.name

    @property
    def dialect(self) -> Dialect:
        return Dialect.NETCONF

    @property
    def closed(self) -> bool:
        return self._session.closed

    async def capabilities(self) -> Capabilities:
        """From the hello (RFC 6241 section 8.1)."""
        hello = self._session.hello
        return Capabilities(
            models=tuple((module.name, module.revision) for module in hello.modules()),
            features=hello.uris(),
            candidate=hello.has(":candidate"),
            notifies=hello.has(":notification"),
        )

    async def modules(self) -> tuple[schemas.Module, ...]:
        """The modules of the running configuration (see netconf/schemas.py)."""
        return await schemas.modules(self.rpc)

    async def schemas(self) -> tuple[schemas.SchemaEntry, ...]:
        """The schemas that `schema_text` can be asked for; empty where the device lists none."""
        return await schemas.schemas(self.rpc)

    async def schema_text(self, name: str, revision: str = "") -> str:
        """The YANG text of a module or submodule."""
        return await schemas.schema_text(self.rpc, name, revision)

    async def fetch(self, roots: Sequence[Path]) -> Fetched:
        """get-config of running (RFC 6241 section 7.1); see Target.fetch.

        A device for which all roots are too big together is asked for each, from then on as long as the session lasts.
        One that has nothing at all has to show once a session, by state at one of the roots or at /system or
        /interfaces, that it is up and knows these namespaces: a filter of one that it does not know selects nothing,
        without a word (RFC 6241 section 6.4.2). If it does not: DeviceProtocolError.
        """
        elements = await self._fetch(roots)
        if not self._proven and roots:
            self._proven = not all(self._is_empty(data) for data, _ in elements) or await self._shows_state(roots)
            if not self._proven:
                asked = ", ".join(path.text for path in roots)
                raise DeviceProtocolError(
                    f"the device has nothing at {asked}, and no state there nor at /system and /interfaces: "
                    "it has these models in other namespaces, if at all, or is not up yet",
                    device=self.name,
                )
        return _fetched(elements)

    async def _shows_state(self, roots: Sequence[Path]) -> bool:
        for path in dict.fromkeys((*roots, *ALWAYS_THERE)):
            if (wanted := self._filter((path,))) is None:
                continue
            try:
                data, _ = await self.rpc.data(operations.Get, "get", _hashed, filter=wanted)
            except DeviceRefusedError as error:
                _LOG.debug("%s does not show %s: %s", self.name, path, error)
                continue
            if not self._is_empty(data):
                return True
        return False

    def _is_empty(self, data: bytes) -> bool:
        """Whether a <data> element has no element in it."""
        return len(data) < _LONGEST_NOTHING and next(reply.parse(data, self._device).iterchildren("*"), None) is None

    async def _fetch(self, roots: Sequence[Path]) -> list[_Element]:
        if not self._apart or len(roots) < 2:
            try:
                return [await self._config(roots)]
            except DeviceRefusedError as error:
                if error.tag != "too-big" or len(roots) < 2 or self.closed:  # our own limit ends the session
                    raise
                _LOG.info("%s: %s; its roots are fetched one by one", self.name, error)
                self._apart = True
        return [await self._config((root,)) for root in roots]

    async def _config(self, roots: Sequence[Path]) -> _Element:
        """With the defaults that were set, where the device knows that word; see defaults_mode."""
        wanted = self._filter(roots) if roots else None
        if self._defaults is not None:
            try:
                return await self.rpc.data(
                    operations.GetConfig, "get-config", _hashed, "running", filter=wanted, with_defaults=self._defaults
                )
            except DeviceRefusedError as error:
                if error.tag not in _NO_DEFAULTS:
                    raise
                _LOG.info("%s: %s; with-defaults is not used", self.name, error)
                self._defaults = None
        return await self.rpc.data(operations.GetConfig, "get-config", _hashed, "running", filter=wanted)

    async def state(self, paths: Sequence[Path]) -> Fetched:
        """get (RFC 6241 section 7.7); see Target.state."""
        wanted = self._filter(paths) if paths else None
        return _fetched([await self.rpc.data(operations.Get, "get", _hashed, filter=wanted)])

    def _filter(self, paths: Sequence[Path]) -> etree._Element | None:
        found = subtree_filter(paths, self._namespaces)
        if found is None:
            advertised = {module.name: module.namespace for module in self._session.hello.modules()}
            found = subtree_filter(paths, {**advertised, **self._namespaces})
        if found is None:
            _LOG.debug("%s: a namespace is not known, so all is fetched", self.name)
        return found

    @property
    def reverts(self) -> bool:
        """True with :candidate and :confirmed-commit:1.1, or with operations of the profile; see Target.reverts."""
        return self._writer.reverts

    async def prepare(self) -> None:
        """Nothing to find out: the hello says it."""

    async def stage(self, payload: Payload, commit: str = "", about_to: AboutTo = unasked) -> None:
        """See Target.stage and Writer.stage."""
        if not isinstance(payload, EditConfig):
            raise TypeError(f"a NETCONF target takes an EditConfig, not {type(payload).__name__}")
        room = self._device.profile.max_message_bytes - ENVELOPE if self._writer.collects else len(payload.config)
        configs = await _off_loop(lambda: config_elements(payload.config, room), len(payload.config))
        self._own.add(self._session, self._device)
        await self._writer.stage(configs, commit, about_to)

    async def confirm(self) -> None:
        """See Target.confirm and Writer.confirm."""
        await self._writer.confirm()

    async def cancel(self) -> None:
        """See Target.cancel and Writer.cancel."""
        await self._writer.cancel()

    async def resolve(self, commit: str, *, late: bool = False) -> bool:
        """cancel-commit with persist-id (RFC 6241 section 8.4.4.1), or the profile's operation; see Target.resolve."""
        return await self._writer.resolve(commit, late=late)

    async def save(self) -> None:
        """copy-config from running to startup, where there is one. See Target.save."""
        await self._writer.save()

    async def changes(self, roots: Sequence[Path]) -> AsyncGenerator[Change, None]:
        """create-subscription (RFC 5277) of the stream NETCONF, without replay; what counts there is said at
        read_change. See Target.changes."""
        hello = self._session.hello
        if not hello.has(":notification"):
            raise DeviceRefusedError(
                "the device does not offer notifications",
                device=self.name,
                tag="operation-not-supported",
                transient=False,
            )
        inbox = Inbox()
        self._session.on_notification = inbox.put
        self._session.on_end = inbox.end
        try:
            await self.rpc.ok(operations.CreateSubscription, "create-subscription")
            yield Change(self.name, self._clock())
            advertised = {module.namespace: module.name for module in hello.modules()}
            modules = {**advertised, **{namespace: module for module, namespace in self._namespaces.items()}}
            async for message in inbox:
                change = read_change(message, self._device, modules, roots, self._clock, self._own)
                if change is not None:
                    yield change
            raise DeviceUnreachableError("the session with the subscription ended", device=self.name)
        finally:
            inbox.end()

    async def close(self) -> None:
        """See Target.close."""
        await self._session.close()


def _hashed(data: bytes) -> _Element:
    return data, xxhash.xxh3_128_hexdigest(data)


def _fetched(elements: Sequence[_Element]) -> Fetched:
    """One element keeps its own digest, several have that of their digests in order."""
    (_, digest), *more = elements
    if more:
        digest = xxhash.xxh3_128_hexdigest("".join(one for _, one in elements).encode())
    parts = tuple(Part(ROOT, data) for data, _ in elements)
    return Fetched(Encoding.XML, parts, digest, sum(len(data) for data, _ in elements))


async def _off_loop(work: Callable[[], _T], size: int) -> _T:
    """Large messages are worked on in a thread: lxml lets other threads run."""
    return work() if size < reply.LARGE else await asyncio.to_thread(work)
