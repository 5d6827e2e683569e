"""Trying changes over NETCONF: in the candidate, by a confirmed commit and its cancellation, or by writing.

Used by experiments as their ground; those of NETCONF use its wire as well. Must not know what is tried.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from lxml import etree

from fabricd.errors import DeviceError, DeviceRefusedError
from fabricd.model.device import NetconfTraits
from fabricd.model.edit import EditConfig
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.path import ROOT, Path
from fabricd.southbound.netconf import operations
from fabricd.southbound.netconf.commit import ConfirmedCommit, confirmed_commit
from fabricd.southbound.netconf.defaults import defaults_mode
from fabricd.southbound.netconf.paths import BASE, subtree_filter
from fabricd.southbound.netconf.rpc import Rpc
from fabricd.southbound.netconf.session import NetconfSession
from fabricd.southbound.probe.ground import Attempt, NoNetError, StuckError, Surroundings, Write
from fabricd.southbound.probe.put_back import as_found, put_back
from fabricd.southbound.probe.schema_work import Document

_LOG = logging.getLogger(__name__)

_REPLACE = f"{{{BASE}}}operation"


class NetconfGround:
    """Owns the session, its locks, and what is pending on the device because of it."""

    def __init__(self, around: Surroundings, namespaces: Mapping[str, str]) -> None:
        """`namespaces` are those of the models, by module."""
        self._around = around
        self._namespaces = namespaces
        self.roots: tuple[Path, ...] = ()
        self.before = b"{}"
        """The configuration as it was found."""
        self.settle = 0.0
        self.rpc: Rpc
        self.locked: list[str] = []
        """Datastores that are locked as long as changes are tried."""
        self._commit: ConfirmedCommit | None = None
        self._pending = False

    async def connect(self) -> None:
        """A session of its own. Raises DeviceError."""
        self.rpc = Rpc(self._around.device, await NetconfSession.open(self._around.device))

    async def close(self) -> None:
        """Take back what is pending, over a new session if it must be; unlock and close."""
        try:
            await self._take_back()
            await self.unlock()
        finally:
            await self.rpc.session.close()

    # The wire

    async def refused(
        self, operation: operations.Operation, what: str, /, *arguments: object, **options: object
    ) -> str:
        """The error-tag that a request is answered with, "" for ok."""
        try:
            await self.rpc.ok(operation, what, *arguments, **options)
        except DeviceRefusedError as error:
            return error.tag
        return ""

    async def lock(self, *datastores: str) -> None:
        """Lock these. Raises DeviceRefusedError, also for a candidate in which somebody left changes: they are not
        touched (RFC 6241 section 7.5)."""
        for datastore in datastores:
            await self.rpc.ok(operations.Lock, f"lock of {datastore}", datastore)
            self.locked.append(datastore)

    async def unlock(self) -> None:
        """Give back every lock."""
        held, self.locked = self.locked, []
        for datastore in reversed(held):
            if not self.rpc.session.closed:
                await self.refused(operations.Unlock, f"unlock of {datastore}", datastore)

    def commit_by(self, traits: NetconfTraits | None) -> bool:
        """Use the confirmed commit of these traits, None for none; False where the device does not offer it."""
        if traits is None:
            self._commit = None
            return False
        device = self._around.device
        spoken = replace(device, profile=replace(device.profile, netconf=traits))
        self._commit = confirmed_commit(Rpc(spoken, self.rpc.session))
        self._traits = traits
        return self._commit is not None

    async def edit(self, document: Document, *, operation: str = "", target: str = "candidate") -> str:
        """How the device refuses to merge a document, "" for not at all. `operation` is put on its list entries."""
        xml = await self._around.work.to_xml(document)
        config = etree.fromstring(b'<config xmlns="%b">%b</config>' % (BASE.encode(), xml))
        if operation:
            for entry in config.iterfind("./{*}*/{*}*"):
                entry.set(_REPLACE, operation)
        return await self._edit(config, target, "merge")

    async def discard(self) -> None:
        await self.rpc.ok(operations.DiscardChanges, "discard-changes")

    async def shown(self, source: str = "running", mode: str | None = None) -> Fetched:
        """A datastore as it is shown, with the defaults of `mode`."""
        data = await self.rpc.data(
            operations.GetConfig, "get-config", bytes, source, filter=self._filter(self.roots), with_defaults=mode
        )
        return _fetched(data)

    # Ground

    @property
    def has_net(self) -> bool:
        return self._commit is not None

    @property
    def has_candidate(self) -> bool:
        return self.rpc.hello.has(":candidate") and self.rpc.hello.has(":validate")

    @property
    def tries(self) -> bool:
        return self.has_candidate or self._around.write

    async def fetch(self) -> Fetched:
        return await self.shown(mode=defaults_mode(self.rpc.hello))

    async def config(self) -> bytes:
        return await self._around.work.config(await self.fetch())

    async def state(self, roots: Sequence[Path]) -> Fetched:
        return _fetched(await self.rpc.data(operations.Get, "get", bytes, filter=self._filter(roots)))

    async def recover(self) -> None:
        held = tuple(self.locked)
        await self._live()
        await self._take_back()
        if held and not self.locked:
            await self.lock(*held)

    async def refusal(self, attempt: Attempt) -> str:
        """By a candidate that is filled, validated and discarded."""
        if not self.has_candidate:
            async with self.lasting() as write:
                try:
                    await write(attempt)
                except DeviceRefusedError as error:
                    return error.tag
            return ""
        try:
            return await self.fill(attempt) or await self.refused(operations.Validate, "validate", "candidate")
        finally:
            if not self.rpc.session.closed:
                await self.discard()

    async def fill(self, attempt: Attempt, target: str = "candidate") -> str:
        """Put it into a datastore, an edit-config for each document; how that is refused."""
        if attempt.deletes:
            config = etree.fromstring(await self._around.work.deletion(attempt.deletes))
            if tag := await self._edit(config, target, "none"):
                return tag
        for document in attempt.documents:
            if tag := await self.edit(document, target=target):
                return tag
        return ""

    @asynccontextmanager
    async def in_force(self, attempt: Attempt) -> AsyncIterator[None]:
        if self._commit is None:
            async with self.lasting() as write:
                await write(attempt)
                yield
            return
        try:
            if tag := await self.begin(attempt):
                raise DeviceRefusedError(f"the change was refused: {tag}", device=self._around.device.name, tag=tag)
            yield
        finally:
            await asyncio.shield(self._take_back())

    async def begin(self, attempt: Attempt) -> str:
        """Fill the candidate and have it run unconfirmed; how that is refused."""
        assert self._commit is not None
        try:
            if tag := await self.fill(attempt):
                return tag
            self._pending = True
            await self._commit.begin(self._around.commit, max(1, round(self._around.deadline)))
        except DeviceRefusedError as error:
            # A cancellation that names no id could hit the commit of somebody else.
            self._pending &= self._commit.bound
            return error.tag
        return ""

    async def cancel(self) -> str:
        """Have what is pending taken back; how that is refused, which it is where nothing is pending."""
        assert self._commit is not None
        tag = ""
        try:
            await self._commit.cancel(self._around.commit)
        except DeviceRefusedError as error:
            tag = error.tag
        self._pending = False
        return tag

    @asynccontextmanager
    async def lasting(self) -> AsyncIterator[Write]:
        if not self._around.write:
            raise NoNetError("the device takes nothing back by itself", device=self._around.device.name)
        before = await as_found(self, self._around.work)
        await self._around.note("a probe writes and will put back what it changes")
        try:
            yield self._write
        finally:
            await asyncio.shield(self._put_back(before))

    async def _write(self, attempt: Attempt) -> None:
        target = "candidate" if self.rpc.hello.has(":candidate") else "running"
        tag = await self.fill(attempt, target)
        if not tag and target == "candidate":
            tag = await self.refused(operations.Commit, "commit")
        if tag:
            if target == "candidate":
                await self.discard()
            raise DeviceRefusedError(f"the change was refused: {tag}", device=self._around.device.name, tag=tag)

    async def _put_back(self, before: bytes) -> None:
        await self._live()
        await put_back(self, self._around.work, before, self._send_back)

    async def _send_back(self, payload: tuple[object, EditConfig]) -> None:
        target = "candidate" if self.rpc.hello.has(":candidate") else "running"
        await self._edit(etree.fromstring(payload[1].config), target, "none")
        if target == "candidate":
            await self.rpc.ok(operations.Commit, "commit")

    async def _take_back(self) -> None:
        """Cancel what is pending and empty the candidate."""
        try:
            if self._pending or self.locked:
                await self._live()
            if self._pending:
                await self.cancel()
            if self.locked:
                await self.discard()
        except DeviceError as error:
            raise StuckError(
                f"what the probe tried could not be taken back: {error.message}; the device does so by itself within "
                f"{self._around.deadline:g} s",
                device=self._around.device.name,
            ) from error

    async def _live(self) -> None:
        """A session that works; locks died with a broken one."""
        if self.rpc.session.closed:
            self.locked.clear()
            await self.connect()
            if self._commit is not None:
                self.commit_by(self._traits)

    async def _edit(self, config: etree._Element, target: str, default: str) -> str:
        return await self.refused(
            operations.EditConfig, f"edit-config of {target}", config, target=target, default_operation=default
        )

    def _filter(self, roots: Sequence[Path]) -> etree._Element | None:
        return subtree_filter(roots, self._namespaces) if roots else None


def _fetched(data: bytes) -> Fetched:
    return Fetched(Encoding.XML, (Part(ROOT, data),), "", len(data))
