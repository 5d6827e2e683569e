"""The writing operations of NETCONF: edit-config, copy-config, delete-config, validate, discard-changes (RFC 6241
sections 7 and 8), edit-data (RFC 8526).

Called by the dispatch of operations with a parsed request. Commits are elsewhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

from lxml import etree

from fabricd.errors import FabricdError, InputError
from fabricd.model import clark
from fabricd.simulator.datastore import Store
from fabricd.simulator.engine import Edit
from fabricd.simulator.faults import Rpc
from fabricd.simulator.live import Live
from fabricd.simulator.netconf.edit import Manners, Op, edit_of
from fabricd.simulator.netconf.errors import BASE, RpcError, SeveralError, errors_of, missing, written
from fabricd.simulator.netconf.offer import DATASTORES, NMDA, Offer
from fabricd.simulator.netconf.parameters import child, choice, config, invalid, named_store, only, store
from fabricd.simulator.netconf.peers import Session
from fabricd.simulator.request import Part, Request

OK = "<ok/>"
_DEFAULTS = (Op.MERGE, Op.REPLACE, Op.NONE)


class ValidationError(InputError):
    """The configuration as a whole does not hold together (rather than one value in a request)."""


class Writer:
    """Shared by all sessions of a switch."""

    def __init__(self, live: Live, offer: Offer) -> None:
        self._live = live
        self._offer = offer

    async def edit_config(self, session: Session, rpc: etree._Element) -> str:
        only(rpc, "target", "default-operation", "test-option", "error-option", "config", "url")
        target = store(rpc, "target", self._offer.writable)
        default = self._default_operation(rpc, BASE)
        test = choice(rpc, "test-option", ("test-then-set", "set", "test-only"), "set")
        error_options = ("stop-on-error", "continue-on-error", "rollback-on-error")
        on_error = choice(rpc, "error-option", error_options, "stop-on-error")
        manners = self._manners()
        edit = edit_of(self._live.outline, config(rpc), default, manners)
        with self._noting(manners):
            if test != "set":
                await self._test(target, edit)
            if test != "test-only":
                await self._edit(target, edit, session, on_error)
        return self._ok(manners)

    async def edit_data(self, session: Session, rpc: etree._Element) -> str:
        """RFC 8526 section 3.1.2: all or nothing."""
        only(rpc, "datastore", "default-operation", "config", "url", namespace=NMDA)
        name = _writable(rpc, self._offer)
        default = self._default_operation(rpc, NMDA)
        manners = self._manners()
        with self._noting(manners):
            await self._edit(name, edit_of(self._live.outline, config(rpc, NMDA), default, manners), session, "")
        return self._ok(manners)

    async def copy_config(self, session: Session, rpc: etree._Element) -> str:
        only(rpc, "target", "source", "with-defaults")
        offer, datastore = self._offer, self._live.datastore
        takes = (*offer.writable, Store.STARTUP) if offer.startup else offer.writable
        target = store(rpc, "target", takes)
        if clark.local(named_store(rpc, "source").tag) == "config":
            source = child(rpc, "source")
            assert source is not None
            whole = edit_of(self._live.outline, config(source), Op.MERGE)
            await self._whole(datastore.replace(target, whole, session.id))
            return OK
        found = store(rpc, "source", offer.stores)
        if found is target:
            raise RpcError("invalid-value", "source and target are the same", kind="protocol")
        await self._whole(datastore.copy(found, target, session.id))
        return OK

    async def delete_config(self, session: Session, rpc: etree._Element) -> str:
        only(rpc, "target")
        # Running cannot be deleted (RFC 6241 section 7.4), and a candidate is discarded instead.
        store(rpc, "target", (Store.STARTUP,) if self._offer.startup else ())
        await self._live.datastore.delete_startup(session.id)
        return OK

    async def validate(self, session: Session, rpc: etree._Element) -> str:
        only(rpc, "source")
        datastore = self._live.datastore
        if clark.local(named_store(rpc, "source").tag) == "config":
            source = child(rpc, "source")
            assert source is not None
            document = edit_of(self._live.outline, config(source), Op.MERGE)
            await self._whole(datastore.validate_document(document))
        else:
            await self._whole(datastore.validate(store(rpc, "source", self._offer.stores)))
        return OK

    async def discard_changes(self, session: Session, rpc: etree._Element) -> str:
        only(rpc)
        self._live.datastore.discard(session.id)
        return OK

    async def _test(self, target: Store, edit: Edit) -> None:
        # What is wrong with one value is told apart from a whole that does not hold together.
        await self._live.datastore.try_edit(target, edit, whole=False)
        await self._whole(self._live.datastore.try_edit(target, edit, whole=True))

    async def _edit(self, target: Store, edit: Request, session: Session, on_error: str) -> None:
        """Other error-options than rollback keep what came out well: the parts before the first mistake, or all of
        those without one. A part is a top-level element; running never takes what does not validate as a whole."""
        try:
            await self._put(target, edit, session)
        except FabricdError as error:
            rest = () if on_error in ("", "rollback-on-error") or len(edit.parts) < 2 else edit.parts
            good, errors = await self._sorted(target, rest, stop=on_error == "stop-on-error")
            if good and errors:
                await self._put(target, Request(good, one=True), session)
            if errors:
                raise SeveralError(errors) from error
            raise

    async def _sorted(
        self, target: Store, parts: tuple[Part, ...], *, stop: bool
    ) -> tuple[tuple[Part, ...], list[RpcError]]:
        good: tuple[Part, ...] = ()
        errors: list[RpcError] = []
        for part in parts:
            try:
                await self._live.datastore.try_edit(target, Request((*good, part), one=True), whole=False)
            except FabricdError as error:
                errors += errors_of(error)
                if stop:
                    break
            else:
                good = (*good, part)
        return good, errors

    async def _put(self, target: Store, edit: Edit, session: Session) -> None:
        datastore = self._live.datastore
        if target is Store.CANDIDATE:
            await datastore.edit_candidate(edit, session.id)
            return
        datastore.check_lock(Store.RUNNING, session.id)
        await datastore.try_edit(target, edit, whole=False)
        await self._whole(datastore.edit_running(edit, session.id, purposes=(Rpc.SET,)))

    async def _whole(self, work: Awaitable[object]) -> None:
        try:
            await work
        except InputError as error:
            raise ValidationError.of(error.problems) from error

    def _default_operation(self, rpc: etree._Element, namespace: str) -> Op:
        known = [op for op in _DEFAULTS if op is not Op.REPLACE or not self._live.quirks.no_replace]
        return Op(choice(rpc, "default-operation", tuple(known), Op.MERGE, namespace))

    def _manners(self) -> Manners:
        quirks = self._live.quirks
        return Manners(self._offer.basic, not quirks.no_replace, quirks.delete_missing == "warning")

    @contextmanager
    def _noting(self, manners: Manners) -> Iterator[None]:
        try:
            yield
        finally:
            for quirk in manners.met:
                self._live.meet(quirk)

    def _ok(self, manners: Manners) -> str:
        # An edit may be tried before it is carried out: once is enough to tell.
        told = dict.fromkeys(written(warning, self._live.outline.namespaces) for warning in manners.warnings)
        return "".join(told) + OK


def _writable(rpc: etree._Element, offer: Offer) -> Store:
    """The datastore of an edit-data; one that cannot be written is an invalid-value (RFC 8526 section 3.1.2)."""
    element = child(rpc, "datastore", NMDA)
    if element is None:
        raise missing("datastore")
    prefix, _, name = (element.text or "").strip().rpartition(":")
    if element.nsmap.get(prefix or None) != DATASTORES or name not in offer.writable:
        raise invalid("datastore", name)
    return Store(name)
