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
from fabricd.model.edit import EditConfig, GnmiSet
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.path import ROOT, Path
from fabricd.southbound.netconf import operations
from fabricd.southbound.netconf.commit import ConfirmedCommit, confirmed_commit
from fabricd.southbound.netconf.defaults import defaults_mode
from fabricd.southbound.netconf.paths import BASE, subtree_filter
from fabricd.southbound.netconf.rpc import Rpc
from fabricd.southbound.netconf.session import NetconfSession
from fabricd.southbound.probe.ground import Attempt, StuckError, Surroundings
from fabricd.southbound.probe.schema_work import Document
from fabricd.southbound.probe.traceless import UNDER_WAY, TracelessGround, over_a_new_session, steadily, to_the_end

_LOG = logging.getLogger(__name__)

_REPLACE = f"{{{BASE}}}operation"
BUSY = frozenset({"lock-denied", "in-use"})
BETWEEN_LOCKS = 0.1  # seconds
_LOCK_TRIES = 50
_TAKEN_BACK = 5.0  # seconds until what a device says it has taken back is gone from sight


class NetconfGround(TracelessGround):
    """Owns the session, its locks, and what is pending on the device because of it."""

    def __init__(self, around: Surroundings, namespaces: Mapping[str, str]) -> None:
        """`namespaces` are those of the models, by module."""
        super().__init__(around)
        self._namespaces = namespaces
        self.rpc: Rpc
        self.locked: list[str] = []
        """Datastores that are locked as long as changes are tried."""
        self._scribbled = False  # the candidate holds what has to be discarded
        self._manner: NetconfTraits | None = None  # how changes are committed to be confirmed
        self._pending: NetconfTraits | None = None  # how what is pending was

    async def connect(self) -> None:
        """A session of its own. Raises DeviceError."""
        self.rpc = Rpc(self._around.device, await NetconfSession.open(self._around.device))

    async def close(self) -> None:
        """Take back what is pending and put back what may have stayed, over a new session if it must be; unlock and
        close. Raises StuckError."""
        try:
            await self._take_back()
            await self.tidy()
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
        """Lock these, patiently: the lock of a session that broke outlives it for a moment. A `hindrance` where that
        does not succeed, also for a candidate in which somebody left changes: they are not touched (RFC 6241 section
        7.5)."""
        try:
            for datastore in datastores:
                await self._lock(datastore)
        except DeviceRefusedError as error:
            await self.unlock()
            self.hindrance = f"somebody else is at work on the device: {error.message}"

    async def _lock(self, datastore: str) -> None:
        for left in reversed(range(_LOCK_TRIES)):
            try:
                await self.rpc.ok(operations.Lock, f"lock of {datastore}", datastore)
            except DeviceRefusedError as error:
                if error.tag not in BUSY or not left:
                    raise
                await asyncio.sleep(BETWEEN_LOCKS)
            else:
                self.locked.append(datastore)
                return

    async def unlock(self) -> None:
        """Give back every lock."""
        held, self.locked = self.locked, []
        for datastore in reversed(held):
            if not self.rpc.session.closed:
                await self.refused(operations.Unlock, f"unlock of {datastore}", datastore)

    def commit_by(self, traits: NetconfTraits | None) -> bool:
        """Use the confirmed commit of these traits, None for none; False where the device does not offer it, or it
        cannot be taken back at will."""
        offered = traits is not None and self._commit(traits) is not None
        cancels = (
            offered and traits is not None and (traits.confirmed_commit != "own" or "cancel" in dict(traits.operations))
        )
        self._manner = traits if cancels else None
        return cancels

    def _commit(self, traits: NetconfTraits) -> ConfirmedCommit | None:
        device = self._around.device
        spoken = replace(device, profile=replace(device.profile, netconf=traits))
        return confirmed_commit(Rpc(spoken, self.rpc.session))

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
        self._scribbled = False

    async def shown(self, source: str = "running", mode: str | None = None) -> Fetched:
        """A datastore as it is shown, with the defaults of `mode`."""
        data = await self.rpc.data(
            operations.GetConfig, "get-config", bytes, source, filter=self._filter(self.roots), with_defaults=mode
        )
        return _fetched(data)

    # Ground

    @property
    def has_net(self) -> bool:
        return self._manner is not None

    @property
    def has_candidate(self) -> bool:
        return self.rpc.hello.has(":candidate") and self.rpc.hello.has(":validate")

    @property
    def tries(self) -> bool:
        return self.has_candidate or self._around.write

    async def fetch(self) -> Fetched:
        return await self.shown(mode=defaults_mode(self.rpc.hello))

    async def state(self, roots: Sequence[Path]) -> Fetched:
        return _fetched(await self.rpc.data(operations.Get, "get", bytes, filter=self._filter(roots)))

    async def recover(self) -> None:
        held = tuple(self.locked)
        await self.revive()
        await self._take_back()
        await self.tidy()
        if held and not self.locked:
            await self.lock(*held)

    async def refusal(self, attempt: Attempt) -> str:
        return await steadily(lambda: self._refusal(attempt))

    async def _refusal(self, attempt: Attempt) -> str:
        """By a candidate that is filled, validated and discarded."""
        if not self.has_candidate:
            return await self._refusal_by_writing(attempt)
        async with self.scribbling():
            return await self.fill(attempt) or await self.refused(operations.Validate, "validate", "candidate")

    @asynccontextmanager
    async def scribbling(self) -> AsyncIterator[None]:
        """The candidate is discarded when the block ends, unless the session broke, which does so too."""
        try:
            yield
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
    async def in_force(self, *attempts: Attempt) -> AsyncIterator[None]:
        follows = self._manner is not None and self._manner.confirmed_commit == "standard"
        if self._manner is None or (len(attempts) > 1 and not follows):
            async with self.lasting() as write:
                for attempt in attempts:
                    await write(attempt)
                yield
            return
        try:
            for attempt in attempts:
                if tag := await self.begin(attempt):
                    raise self._refused(tag)
            yield
        finally:
            await to_the_end(self._take_back())

    async def begin(self, attempt: Attempt) -> str:
        """Fill the candidate and have it run unconfirmed, besides what is pending already; how that is refused."""
        assert self._manner is not None
        commit = self._commit(self._manner)
        assert commit is not None
        self._touch(attempt)
        seconds, first = max(1, round(self._around.deadline)), self._pending is None
        try:
            if tag := await self.fill(attempt):
                return tag
            if not first:
                follow_up = _follow_up(self._around.commit, seconds)
                await to_the_end(self.rpc.ok(operations.Dispatch, "the follow-up", follow_up))
                return ""
            self._pending = self._manner
            # Given up it would be carried out all the same, and after what takes it back.
            await to_the_end(commit.begin(self._around.commit, seconds))
        except DeviceRefusedError as error:
            self._doubtful = True
            if first and self._pending is not None:
                # A cancellation that names no id could hit the commit of somebody else.
                if commit.bound:
                    await self._cancel(self._pending)
                self._pending = None
            return error.tag
        return ""

    async def cancel(self) -> str:
        """Have what is pending taken back; how that is refused, which it is where nothing is pending. Whether something
        is in force then shows by reading only. Raises DeviceError."""
        if self._pending is None:
            return ""
        traits = self._pending
        tag = await over_a_new_session(lambda: self._cancel(traits), self.revive)
        if tag and not await self.nothing_stays(_TAKEN_BACK):
            raise StuckError(
                f"what the probe tried is in force, and its cancellation is refused: {tag}; {self._by_itself}",
                device=self._around.device.name,
            )
        self._pending = None
        return tag

    async def _cancel(self, traits: NetconfTraits) -> str:
        commit = self._commit(traits)
        assert commit is not None
        try:
            await commit.cancel(self._around.commit)
        except DeviceRefusedError as error:
            return error.tag
        return ""

    async def _write(self, attempt: Attempt) -> None:
        # An edit of running itself is to come to its end, too.
        tag = await to_the_end(self.fill(attempt, self._target))
        if not tag and self._target == "candidate":
            tag = await to_the_end(self.refused(operations.Commit, "commit"))
        if tag:
            if self._target == "candidate":
                await self.discard()
            raise self._refused(tag)

    def _refused(self, tag: str) -> DeviceRefusedError:
        return DeviceRefusedError(f"the change was refused: {tag}", device=self._around.device.name, tag=tag)

    async def _send_back(self, gnmi: GnmiSet, netconf: EditConfig) -> None:
        await self._edit(etree.fromstring(netconf.config), self._target, "none")
        if self._target == "candidate":
            await self.rpc.ok(operations.Commit, "commit")

    @property
    def _target(self) -> str:
        """Where writes that last go first."""
        return "candidate" if self.rpc.hello.has(":candidate") else "running"

    @property
    def _by_itself(self) -> str:
        return f"the device takes it back by itself within {self._around.deadline:g} s"

    async def _take_back(self) -> None:
        """Cancel what is pending and empty the candidate. Raises StuckError."""
        try:
            await self.cancel()
            if self._scribbled:
                await over_a_new_session(self._empty, self.revive)
        except StuckError:
            raise
        except DeviceError as error:
            pending = "" if self._pending is None else f"; {self._by_itself}"
            raise StuckError(
                f"what the probe tried could not be taken back: {error.message}{pending}",
                device=self._around.device.name,
            ) from error

    async def _empty(self) -> None:
        if self._scribbled:
            await self.discard()

    async def revive(self) -> None:
        if self.rpc.session.closed:
            # The locks died with it, and what was in a candidate under its lock (RFC 6241 section 8.3.5.2).
            self._scribbled &= "candidate" not in self.locked
            self.locked.clear()
            await asyncio.sleep(UNDER_WAY)
            await self.connect()

    async def _edit(self, config: etree._Element, target: str, default: str) -> str:
        self._scribbled |= target == "candidate"
        return await self.refused(
            operations.EditConfig, f"edit-config of {target}", config, target=target, default_operation=default
        )

    def _filter(self, roots: Sequence[Path]) -> etree._Element | None:
        return subtree_filter(roots, self._namespaces) if roots else None


def _follow_up(commit: str, seconds: int) -> etree._Element:
    """A commit that adds to the pending one and keeps what it goes back to (RFC 6241 section 8.4.1). ncclient's own has
    either the token or that of the pending one; without it some servers would tie it to the session."""
    found = etree.Element(f"{{{BASE}}}commit")
    for name, text in (
        ("confirmed", None), ("confirm-timeout", str(seconds)), ("persist", commit), ("persist-id", commit),
    ):  # fmt: skip
        etree.SubElement(found, f"{{{BASE}}}{name}").text = text
    return found


def _fetched(data: bytes) -> Fetched:
    return Fetched(Encoding.XML, (Part(ROOT, data),), "", len(data))
