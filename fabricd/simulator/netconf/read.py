"""The reading operations of NETCONF: get, get-config (RFC 6241 section 7), get-data (RFC 8526), get-schema (RFC 6022).

Called by the dispatch of operations with a parsed request. The reply to a repeated read of what runs is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

from lxml import etree

from fabricd.schema.tree import Defaults
from fabricd.simulator.datastore import Store
from fabricd.simulator.engine import parse
from fabricd.simulator.live import Live
from fabricd.simulator.netconf.errors import RpcError, missing
from fabricd.simulator.netconf.filter import Filter, bounded, cut, filter_of, filtered, filtered_xml, selected
from fabricd.simulator.netconf.marks import ORIGINS, TAGGED, TAGGED_BY_VALUE, Marks
from fabricd.simulator.netconf.monitoring import schema_text
from fabricd.simulator.netconf.offer import DATASTORES, MONITORING, NMDA, WITH_DEFAULTS, Mode, Offer
from fabricd.simulator.netconf.origin import FILTERS, of_origins, wanted_origins
from fabricd.simulator.netconf.parameters import child, choice, invalid, only, store, text
from fabricd.simulator.netconf.peers import Session
from fabricd.simulator.netconf.xml import to_xml
from fabricd.simulator.netconf.xpath import XPath, xpath_of
from fabricd.simulator.replies import Replies
from fabricd.simulator.tree import Object, keep

_PRINTED = {
    Mode.REPORT_ALL: Defaults.REPORT_ALL,
    Mode.TAGGED: Defaults.REPORT_ALL,
    Mode.TRIM: Defaults.TRIM,
    Mode.EXPLICIT: Defaults.EXPLICIT,
}


@dataclass(frozen=True, slots=True)
class _Shape:
    """How data is to be shown. `only`: configuration or state alone; `origins`: of these, None for all."""

    wanted: Filter
    mode: Mode
    marks: Marks | None = None
    only: Literal["", "config", "state"] = ""
    depth: int = 0
    origins: frozenset[str] | None = None


class Reader:
    """Shared by all sessions of a switch."""

    def __init__(self, live: Live, offer: Offer, own_state: Callable[[], Callable[[], str]]) -> None:
        """`own_state` gives what writes the state of the server itself, as XML; that may be called in a worker."""
        self._live = live
        self._offer = offer
        self._own_state = own_state
        self._kept: Replies[tuple[bytes, Mode], str] = Replies()

    async def get(self, session: Session, rpc: etree._Element) -> str:
        only(rpc, "filter", "with-defaults")
        offer = self._offer
        mode = self._mode(rpc, offer)
        shape = _Shape(filter_of(rpc), mode, _marks(offer, mode))
        tree = await self._live.tree()
        return f"<data>{await self._written(tree, None, shape, self._own_state())}</data>"

    async def get_config(self, session: Session, rpc: etree._Element) -> str:
        only(rpc, "source", "filter", "with-defaults")
        offer = self._offer
        source = store(rpc, "source", offer.stores)
        mode, wanted = self._mode(rpc, offer), filter_of(rpc)
        shape = _Shape(wanted, mode, _marks(offer, mode))
        datastore = self._live.datastore
        if source is Store.STARTUP or (source is Store.CANDIDATE and datastore.dirty):
            return await self._configuration(datastore.config(source), shape)
        running = await self._live.shown()
        if isinstance(wanted, XPath):
            return await self._configuration(running.config, shape)
        key = (etree.tostring(wanted) if wanted is not None else b"", mode)
        if (kept := self._kept.find(running.number, key)) is not None:
            return kept
        reply = await self._configuration(running.config, shape)
        self._kept.keep(running.number, key, len(key[0]), reply)
        return reply

    async def get_data(self, session: Session, rpc: etree._Element) -> str:
        """RFC 8526 section 3.1.1."""
        only(
            rpc, "datastore", "subtree-filter", "xpath-filter", "config-filter", *FILTERS, "max-depth", "with-origin",
            "with-defaults", namespace=NMDA, several=FILTERS,
        )  # fmt: skip
        offer = self._offer
        name = _datastore(rpc, (*offer.stores, "intended", "operational"))
        operational = name == "operational"
        origin = child(rpc, "with-origin", NMDA) is not None
        origins = wanted_origins(rpc)
        if (origin or origins is not None) and not operational:
            raise RpcError("invalid-value", "only operational tells origins", kind="protocol",
                           info={"bad-element": "with-origin" if origin else FILTERS[0]})  # fmt: skip
        # Operational holds the values in use, defaults among them, unless somebody asks otherwise (RFC 8526 3.1.1.2).
        mode = self._mode(rpc, offer, namespace=NMDA, basic=Mode.REPORT_ALL if operational else None)
        part = choice(rpc, "config-filter", ("true", "false"), "", NMDA)
        shape = _Shape(
            wanted=_nmda_filter(rpc),
            mode=mode,
            marks=ORIGINS if origin else _marks(offer, mode),
            only={"true": "config", "false": "state"}.get(part, ""),  # type: ignore[arg-type]
            depth=_depth(rpc),
            origins=origins,
        )
        if operational:
            held = parse((await self._live.shown()).config)
            body = await self._written(await self._live.tree(), held, shape, self._own_state())
        else:
            datastore = self._live.datastore
            if name in (Store.STARTUP, Store.CANDIDATE) and (name == Store.STARTUP or datastore.dirty):
                config = datastore.config(Store(name))
            else:
                config = (await self._live.shown()).config
            body = await self._written(parse(config), None, shape, None)
        return f'<data xmlns="{NMDA}">{body}</data>'

    async def get_schema(self, session: Session, rpc: etree._Element) -> str:
        only(rpc, "identifier", "version", "format", namespace=MONITORING)
        identifier = text(rpc, "identifier", MONITORING)
        if not identifier:
            raise missing("identifier")
        if (text(rpc, "format", MONITORING) or "yang").rpartition(":")[2] != "yang":
            raise RpcError("invalid-value", "schemas are given as yang", app_tag="data-missing")
        version = text(rpc, "version", MONITORING) or ""
        found = await self._live.engine.run(lambda: schema_text(self._live.outline, identifier, version))
        return f'<data xmlns="{MONITORING}">{escape(found)}</data>'

    def _mode(
        self, rpc: etree._Element, offer: Offer, *, namespace: str = WITH_DEFAULTS, basic: Mode | None = None
    ) -> Mode:
        """The mode a request asks for, or else the basic one (`basic`, or the switch's). Raises RpcError."""
        given = text(rpc, "with-defaults", namespace)
        mode = Mode(choice(rpc, "with-defaults", tuple(Mode), basic or offer.basic, namespace))
        if offer.untrimmed and mode in (Mode.EXPLICIT, Mode.TRIM):
            self._live.meet("claims_explicit")
            return Mode.REPORT_ALL
        if given is None and basic is None and mode is not Mode.EXPLICIT:
            self._live.meet("with_defaults")
        return mode

    async def _configuration(self, config: bytes, shape: _Shape) -> str:
        return f"<data>{await self._written(parse(config), None, shape, None)}</data>"

    async def _written(
        self, data: Object, held: Object | None, shape: _Shape, own_state: Callable[[], str] | None
    ) -> str:
        return await self._live.engine.run(lambda: self._write(data, held, shape, own_state))

    def _write(self, data: Object, held: Object | None, shape: _Shape, own_state: Callable[[], str] | None) -> str:
        outline, wanted = self._live.outline, shape.wanted
        shown = self._live.engine.with_defaults(data, _PRINTED[shape.mode])
        if shape.origins is not None:
            shown = of_origins(shown, held, outline.root, shape.origins)
        if shape.only:
            of_config = shape.only == "config"
            shown = keep(shown, outline.root, lambda node: node.config is of_config)
        if wanted is None:
            shown = {
                member: cut(value, node, shape.depth)
                for member, value in shown.items()
                if (node := outline.root.child(member)) is not None
            }
        elif not isinstance(wanted, XPath):
            shown = filtered(outline, shown, wanted, shape.depth)
        written = to_xml(outline, shown, shape.marks, data if held is None else held)
        own = "" if own_state is None or shape.only == "config" or shape.origins is not None else own_state()
        if isinstance(wanted, XPath):
            return selected(outline, written + own, wanted, shape.depth)
        return written + (own if wanted is None else filtered_xml(own, wanted))


def _marks(offer: Offer, mode: Mode) -> Marks | None:
    """With basic mode explicit a leaf that somebody set is no default, whatever its value (RFC 6243 section 2.3)."""
    if mode is not Mode.TAGGED:
        return None
    return TAGGED if offer.basic is Mode.EXPLICIT else TAGGED_BY_VALUE


def _datastore(rpc: etree._Element, known: tuple[str, ...]) -> str:
    """The identity in <datastore>. Raises RpcError."""
    element = child(rpc, "datastore", NMDA)
    if element is None:
        raise missing("datastore")
    prefix, _, name = (element.text or "").strip().rpartition(":")
    if element.nsmap.get(prefix or None) != DATASTORES or name not in known:
        raise invalid("datastore", name)
    return name


def _nmda_filter(rpc: etree._Element) -> Filter:
    subtree, xpath = child(rpc, "subtree-filter", NMDA), child(rpc, "xpath-filter", NMDA)
    if subtree is not None and xpath is not None:
        raise RpcError("bad-element", "there is one filter", kind="protocol", info={"bad-element": "xpath-filter"})
    if xpath is not None:
        return xpath_of(xpath.text or "", xpath)
    return None if subtree is None else bounded(subtree)


def _depth(rpc: etree._Element) -> int:
    """Levels to show below what is selected, that included; 0 for all."""
    given = text(rpc, "max-depth", NMDA)
    if given in (None, "unbounded"):
        return 0
    if not re.fullmatch("[0-9]{1,5}", given) or not 1 <= int(given) <= 65535:
        raise invalid("max-depth", given)
    return int(given)
