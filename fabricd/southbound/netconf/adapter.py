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

from fabricd.errors import DeviceError, DeviceRefusedError, DeviceUnreachableError
from fabricd.model.device import Device
from fabricd.model.edit import Dialect, EditConfig, Payload
from fabricd.model.fetched import Capabilities, Change, Encoding, Fetched, Part
from fabricd.model.path import ROOT, Path
from fabricd.southbound.netconf import operations, reply
from fabricd.southbound.netconf.notifications import Inbox, read_change
from fabricd.southbound.netconf.paths import BASE, subtree_filter
from fabricd.southbound.netconf.rpc import Rpc
from fabricd.southbound.netconf.session import NetconfSession

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def connect(
    device: Device, *, namespaces: Mapping[str, str] | None = None, clock: Clock = _utc_now
) -> NetconfTarget:
    """A session after login and hellos, within Profile.timeouts.connect.

    `namespaces` (module name -> XML namespace, from the schema) are for subtree filters; those that the device names
    in its hello are known without. Raises DeviceUnreachableError, DeviceTrustError or DeviceProtocolError.
    """
    return NetconfTarget(device, await NetconfSession.open(device), namespaces or {}, clock)


class NetconfTarget:
    """Target over NETCONF. Owns its session, and the locks held in it between `stage` and `confirm` or `cancel`."""

    def __init__(self, device: Device, session: NetconfSession, namespaces: Mapping[str, str], clock: Clock) -> None:
        self._device = device
        self._session = session
        self.rpc = Rpc(device, session)
        """For what Target has no word for: the schemas of the device (netconf/schemas.py)."""
        self._clock = clock
        hello = session.hello
        self._candidate = hello.has(":candidate")
        self._writable = hello.has(":writable-running")
        self._rollback = hello.has(":rollback-on-error")
        self._validates = hello.has(":validate")
        self._startup = hello.has(":startup")
        self._namespaces = namespaces
        self._locked: list[str] = []
        self._staged: etree._Element | None = None  # waits for confirm where there is no candidate
        self._is_staged = False

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
            candidate=self._candidate,
            notifies=hello.has(":notification"),
        )

    async def fetch(self, roots: Sequence[Path]) -> Fetched:
        """get-config of running (RFC 6241 section 7.1); see Target.fetch."""
        return await self._read(operations.GetConfig, "get-config", roots, "running")

    async def state(self, paths: Sequence[Path]) -> Fetched:
        """get (RFC 6241 section 7.7); see Target.state."""
        return await self._read(operations.Get, "get", paths)

    async def _read(
        self, operation: operations.Operation, what: str, paths: Sequence[Path], *arguments: object
    ) -> Fetched:
        wanted = self._filter(paths) if paths else None
        return await self.rpc.data(operation, what, _fetched, *arguments, filter=wanted)

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
        """See Target.reverts."""
        return False

    async def prepare(self) -> None:
        """See Target.prepare."""

    async def resolve(self, commit: str) -> bool:
        """See Target.resolve."""
        return False

    async def stage(self, payload: Payload, commit: str = "") -> None:
        """Lock; with :candidate also discard-changes, edit-config and validate. See Target.stage.

        After an error nothing is locked and the candidate is as it was.
        """
        if not isinstance(payload, EditConfig):
            raise TypeError(f"a NETCONF target takes an EditConfig, not {type(payload).__name__}")
        if self._is_staged:
            raise RuntimeError(f"{self.name}: a change is already staged")
        if not self._candidate and not self._writable:
            raise DeviceRefusedError(
                "the device has neither a candidate nor a writable running configuration",
                device=self.name,
                tag="operation-not-supported",
            )
        config = await _off_loop(lambda: _config_element(payload.config), len(payload.config))
        self._is_staged = True
        try:
            await self._lock("running")
            if self._candidate:
                await self._lock_candidate()
                await self.rpc.ok(operations.DiscardChanges, "discard-changes")
                await self._edit("candidate", config)
                if self._validates:
                    await self.rpc.ok(operations.Validate, "validate", "candidate")
            else:
                self._staged = config
        except DeviceError:
            await self.cancel()
            raise

    async def confirm(self) -> None:
        """commit (RFC 6241 section 8.3.4.1), or the edit of running itself; then unlock. See Target.confirm."""
        if not self._is_staged:
            raise RuntimeError(f"{self.name}: nothing is staged")
        try:
            if self._candidate:
                await self.rpc.ok(operations.Commit, "commit")
            elif self._staged is not None:
                await self._edit("running", self._staged)
            if self._startup:
                # With :startup what is only in running is gone after a reboot (RFC 6241 section 8.7).
                await self.rpc.ok(operations.CopyConfig, "copy-config to startup", "running", "startup")
        except DeviceError:
            await self.cancel()
            raise
        self._is_staged, self._staged = False, None
        await self._unlock()

    async def cancel(self) -> None:
        """discard-changes and unlock; a session in which that fails is closed, which does the same."""
        was_staged, self._is_staged, self._staged = self._is_staged, False, None
        if was_staged and "candidate" in self._locked and not self.closed:
            try:
                await self.rpc.ok(operations.DiscardChanges, "discard-changes")
            except DeviceError as error:
                _LOG.warning("%s: %s; the session is closed", self.name, error)
                self._session.abort()
        await self._unlock()

    async def changes(self, roots: Sequence[Path]) -> AsyncGenerator[Change, None]:
        """create-subscription (RFC 5277) and netconf-config-change (RFC 6470); see Target.changes."""
        hello = self._session.hello
        if not hello.has(":notification"):
            raise DeviceRefusedError(
                "the device does not offer notifications", device=self.name, tag="operation-not-supported"
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
                change = read_change(message, self._device, modules, roots, self._clock)
                if change is not None:
                    yield change
            raise DeviceUnreachableError("the session with the subscription ended", device=self.name)
        finally:
            inbox.end()

    async def close(self) -> None:
        """See Target.close."""
        await self._session.close()

    async def _edit(self, target: str, config: etree._Element) -> None:
        """edit-config that changes what is marked and nothing else (RFC 6241 section 7.2)."""
        await self.rpc.ok(
            operations.EditConfig,
            f"edit-config of {target}",
            config,
            target=target,
            default_operation="none",
            error_option="rollback-on-error" if self._rollback else None,
        )

    async def _lock(self, datastore: str) -> None:
        await self.rpc.ok(operations.Lock, f"lock of {datastore}", datastore)
        self._locked.append(datastore)

    async def _lock_candidate(self) -> None:
        """A candidate that somebody changed and left cannot be locked (RFC 6241 section 7.5): discard, then once more.
        While another session holds its lock, discard-changes is refused, so nobody's work under a lock is lost."""
        try:
            await self._lock("candidate")
        except DeviceRefusedError:
            try:
                await self.rpc.ok(operations.DiscardChanges, "discard-changes")
            except DeviceRefusedError as error:
                _LOG.debug("%s: %s", self.name, error)
            await self._lock("candidate")

    async def _unlock(self) -> None:
        """Never raises: locks that cannot be given back die with the session."""
        locked, self._locked = self._locked, []
        for datastore in reversed(locked):
            if self.closed:
                return
            try:
                await self.rpc.ok(operations.Unlock, f"unlock of {datastore}", datastore)
            except DeviceError as error:
                _LOG.warning("%s: %s; the session is closed", self.name, error)
                self._session.abort()


def _fetched(data: bytes) -> Fetched:
    return Fetched(Encoding.XML, (Part(ROOT, data),), xxhash.xxh3_128_hexdigest(data), len(data))


async def _off_loop(work: Callable[[], _T], size: int) -> _T:
    """Large messages are worked on in a thread: lxml lets other threads run."""
    return work() if size < reply.LARGE else await asyncio.to_thread(work)


def _config_element(config: bytes) -> etree._Element:
    """Ours, so whatever is wrong with it is a mistake in the program and raises ValueError before anything is sent."""
    try:
        root = etree.fromstring(config, etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise ValueError("the edit is not well-formed XML") from error
    if root.tag not in ("config", f"{{{BASE}}}config"):
        raise ValueError(f"the edit is a {root.tag} where NETCONF's config belongs")
    return root
