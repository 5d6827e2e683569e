"""The NETCONF operations of one simulated switch (RFC 6241 sections 7 and 8, RFC 6022).

Called by its sessions with a parsed <rpc>; returns the content of the <rpc-reply>. Knows nothing of SSH and framing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Protocol
from xml.sax.saxutils import escape

from lxml import etree

from fabricd.errors import InputError
from fabricd.simulator.datastore import LockedError, Store
from fabricd.simulator.engine import parse
from fabricd.simulator.faults import Rpc
from fabricd.simulator.live import Live
from fabricd.simulator.netconf_edit import Op, edit_of
from fabricd.simulator.netconf_errors import BASE, RpcError, missing, unknown
from fabricd.simulator.netconf_monitoring import MONITORING, monitoring_state, schema_text
from fabricd.simulator.netconf_xml import elements, filtered, to_xml
from fabricd.simulator.tree import Object

OK = "<ok/>"
_KEPT = 64


class Session(Protocol):
    """What an operation sees of the session it is carried out for."""

    @property
    def id(self) -> int: ...

    def end(self) -> None:
        """Close after the reply to the current operation."""
        ...


class Sessions(Protocol):
    """The other sessions of the switch."""

    def kill(self, session: int) -> bool:
        """Cut a session; False when there is none of that id."""
        ...

    def ids(self) -> list[int]:
        """All that are open."""
        ...


class ValidationError(InputError):
    """The configuration as a whole does not hold together (rather than one value in a request)."""


class Operations:
    """Shared by all sessions of a switch."""

    def __init__(self, live: Live, sessions: Sessions, capabilities: tuple[str, ...]) -> None:
        self._live = live
        self._sessions = sessions
        self._capabilities = capabilities
        self._kept: dict[bytes, str] = {}
        self._version = -1
        self._by_name: dict[str, Callable[[Session, etree._Element], Awaitable[str]]] = {
            f"{{{BASE}}}get": self._get,
            f"{{{BASE}}}get-config": self._get_config,
            f"{{{BASE}}}edit-config": self._edit_config,
            f"{{{BASE}}}copy-config": self._copy_config,
            f"{{{BASE}}}lock": self._lock,
            f"{{{BASE}}}unlock": self._unlock,
            f"{{{BASE}}}validate": self._validate,
            f"{{{BASE}}}commit": self._commit,
            f"{{{BASE}}}discard-changes": self._discard_changes,
            f"{{{BASE}}}close-session": self._close_session,
            f"{{{BASE}}}kill-session": self._kill_session,
            f"{{{MONITORING}}}get-schema": self._get_schema,
        }

    async def answer(self, session: Session, rpc: etree._Element) -> str:
        """The reply's content. Raises RpcError, ValidationError, InputError (a wrong value), LockedError and what
        faults raise."""
        asked = elements(rpc)
        if len(asked) != 1:
            raise missing("operation") if not asked else unknown("", etree.QName(asked[1]).localname)
        operation = self._by_name.get(str(asked[0].tag))
        if operation is None:
            name = etree.QName(asked[0]).localname
            raise RpcError("operation-not-supported", f"there is no operation {name} here", kind="protocol")
        return await operation(session, asked[0])

    async def _get(self, session: Session, rpc: etree._Element) -> str:
        _only(rpc, "filter")
        await self._live.faults.strike(Rpc.GET)
        wanted = _filter(rpc)
        tree = await self._live.tree()
        data = await self._live.engine.run(lambda: self._shown(tree, wanted))
        if wanted is not None:
            outline = self._live.outline
            data += monitoring_state(outline, self._capabilities, self._sessions.ids(), wanted)
        return f"<data>{data}</data>"

    async def _get_config(self, session: Session, rpc: etree._Element) -> str:
        _only(rpc, "source", "filter")
        source = _store(rpc, "source")
        await self._live.faults.strike(Rpc.GET)
        datastore = self._live.datastore
        wanted = _filter(rpc)
        if source is Store.CANDIDATE and datastore.dirty:
            return await self._rendered(datastore.config(source), wanted)
        running = await self._live.shown()
        if self._version != running.number:
            self._version = running.number
            self._kept.clear()
        key = etree.tostring(wanted) if wanted is not None else b""
        if (kept := self._kept.get(key)) is not None:
            return kept
        reply = await self._rendered(running.config, wanted)
        if running.number == self._version:
            if len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = reply
        return reply

    async def _rendered(self, config: bytes, wanted: etree._Element | None) -> str:
        data = await self._live.engine.run(lambda: self._shown(parse(config), wanted))
        return f"<data>{data}</data>"

    def _shown(self, tree: Object, wanted: etree._Element | None) -> str:
        outline = self._live.outline
        return to_xml(outline, tree if wanted is None else filtered(outline, tree, wanted))

    async def _edit_config(self, session: Session, rpc: etree._Element) -> str:
        _only(rpc, "target", "default-operation", "test-option", "error-option", "config", "url")
        target = _store(rpc, "target")
        if target is Store.RUNNING:
            raise RpcError("operation-not-supported", "running is written by commit only", kind="protocol")
        default = Op(_choice(rpc, "default-operation", ("merge", "replace", "none"), "merge"))
        test = _choice(rpc, "test-option", ("test-then-set", "set", "test-only"), "set")
        _choice(rpc, "error-option", ("stop-on-error", "continue-on-error", "rollback-on-error"), "rollback-on-error")
        await self._live.faults.strike(Rpc.SET)
        edit = edit_of(self._live.outline, _config(rpc), default)
        datastore = self._live.datastore
        if test != "set":
            # What is wrong with one value is told apart from a whole that does not hold together.
            await datastore.edit_candidate(edit, session.id, keep=False)
            try:
                await datastore.edit_candidate(edit, session.id, keep=False, whole=True)
            except InputError as error:
                raise ValidationError.of(error.problems) from error
        if test != "test-only":
            await datastore.edit_candidate(edit, session.id)
        await self._live.faults.strike(Rpc.SET, after=True)
        return OK

    async def _copy_config(self, session: Session, rpc: etree._Element) -> str:
        _only(rpc, "target", "source")
        source, target = _store(rpc, "source"), _store(rpc, "target")
        if target is Store.RUNNING:
            raise RpcError("operation-not-supported", "running is written by commit only", kind="protocol")
        if source is target:
            raise RpcError("invalid-value", "source and target are the same", kind="protocol")
        self._live.datastore.discard(session.id)
        return OK

    async def _lock(self, session: Session, rpc: etree._Element) -> str:
        _only(rpc, "target")
        try:
            self._live.datastore.lock(_store(rpc, "target"), session.id)
        except LockedError as error:
            raise RpcError(
                "lock-denied", error.message, kind="protocol", info={"session-id": str(error.holder)}
            ) from error
        return OK

    async def _unlock(self, session: Session, rpc: etree._Element) -> str:
        _only(rpc, "target")
        if not self._live.datastore.unlock(_store(rpc, "target"), session.id):
            raise RpcError("operation-failed", "this session does not hold the lock", kind="protocol")
        return OK

    async def _validate(self, session: Session, rpc: etree._Element) -> str:
        _only(rpc, "source")
        await self._live.faults.strike(Rpc.VALIDATE)
        source = rpc.find(f"{{{BASE}}}source")
        try:
            if source is not None and source.find(f"{{{BASE}}}config") is not None:
                await self._live.datastore.validate_document(edit_of(self._live.outline, _config(source), Op.MERGE))
            else:
                await self._live.datastore.validate(_store(rpc, "source"))
        except InputError as error:
            raise ValidationError.of(error.problems) from error
        return OK

    async def _commit(self, session: Session, rpc: etree._Element) -> str:
        _only(rpc)
        await self._live.faults.strike(Rpc.COMMIT)
        try:
            await self._live.datastore.commit(session.id)
        except InputError as error:
            raise ValidationError.of(error.problems) from error
        await self._live.faults.strike(Rpc.COMMIT, after=True)
        return OK

    async def _discard_changes(self, session: Session, rpc: etree._Element) -> str:
        _only(rpc)
        self._live.datastore.discard(session.id)
        return OK

    async def _close_session(self, session: Session, rpc: etree._Element) -> str:
        _only(rpc)
        session.end()
        return OK

    async def _kill_session(self, session: Session, rpc: etree._Element) -> str:
        _only(rpc, "session-id")
        text = _text(rpc, "session-id")
        if text is None:
            raise missing("session-id")
        if not text.isdigit() or int(text) == session.id or not self._sessions.kill(int(text)):
            raise RpcError("invalid-value", f"there is no other session {text}", kind="protocol")
        return OK

    async def _get_schema(self, session: Session, rpc: etree._Element) -> str:
        given = {etree.QName(one).localname: (one.text or "").strip() for one in elements(rpc)}
        if not given.get("identifier"):
            raise missing("identifier")
        if given.get("format", "yang").rpartition(":")[2] != "yang":
            raise RpcError("invalid-value", "schemas are given as yang", app_tag="data-missing")
        text = await self._live.engine.run(
            lambda: schema_text(self._live.outline, given["identifier"], given.get("version", ""))
        )
        return f'<data xmlns="{MONITORING}">{escape(text)}</data>'


def _only(rpc: etree._Element, *names: str) -> None:
    """Refuse parameters that this operation (with these capabilities) does not have."""
    for one in elements(rpc):
        name = etree.QName(one)
        # Stock ncclient sends <config> as it is given, often without a namespace; real devices take that.
        bare = name.namespace is None and name.localname == "config"
        if (name.namespace != BASE and not bare) or name.localname not in names:
            raise RpcError(
                "unknown-element", f"no parameter {name.localname} here", kind="protocol",
                info={"bad-element": name.localname},
            )  # fmt: skip


def _store(rpc: etree._Element, name: str) -> Store:
    element = rpc.find(f"{{{BASE}}}{name}")
    if element is None:
        raise missing(name)
    named = elements(element)
    if len(named) != 1:
        raise missing(f"{name} datastore")
    local = etree.QName(named[0]).localname
    if local not in (Store.RUNNING, Store.CANDIDATE):
        raise RpcError("operation-not-supported", f"{name} {local} is not supported", kind="protocol")
    return Store(local)


def _filter(rpc: etree._Element) -> etree._Element | None:
    wanted = rpc.find(f"{{{BASE}}}filter")
    if wanted is None:
        return None
    kind = wanted.get("type") or wanted.get(f"{{{BASE}}}type") or "subtree"
    if kind != "subtree":
        raise RpcError("operation-not-supported", f"filters of type {kind} are not supported", kind="protocol")
    return wanted


def _config(rpc: etree._Element) -> etree._Element:
    config = rpc.find(f"{{{BASE}}}config")
    if config is None:
        config = rpc.find("config")
    if config is None:
        if rpc.find(f"{{{BASE}}}url") is not None:
            raise RpcError("operation-not-supported", "configuration from a url is not supported", kind="protocol")
        raise missing("config")
    return config


def _text(rpc: etree._Element, name: str) -> str | None:
    element = rpc.find(f"{{{BASE}}}{name}")
    return None if element is None else re.sub(r"\s+", "", element.text or "")


def _choice(rpc: etree._Element, name: str, allowed: tuple[str, ...], default: str) -> str:
    text = _text(rpc, name)
    if text is None:
        return default
    if text not in allowed:
        raise RpcError("invalid-value", f"{name} cannot be {text!r}", kind="protocol", info={"bad-element": name})
    return text
