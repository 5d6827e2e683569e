"""The origin filters of get-data (RFC 8526 section 3.1.1): what of an operational tree comes from where (RFC 8342).

Called by the reading operations. Pure; the origins are those that the marks of `with-origin` tell.
"""

from __future__ import annotations

from collections.abc import Collection

from lxml import etree

from fabricd.schema.outline import Node, NodeKind
from fabricd.simulator.netconf.errors import RpcError
from fabricd.simulator.netconf.marks import ORIGINS, held_below
from fabricd.simulator.netconf.offer import NMDA, ORIGIN
from fabricd.simulator.netconf.parameters import invalid
from fabricd.simulator.tree import LEAVES, Object, entry_key
from fabricd.simulator.values import Json

_INTENDED, _SYSTEM, _DEFAULT = "intended", "system", "default"
_KNOWN = frozenset((_INTENDED, "dynamic", _SYSTEM, "learned", _DEFAULT, "unknown"))
FILTERS = ("origin-filter", "negated-origin-filter")


def wanted_origins(rpc: etree._Element) -> frozenset[str] | None:
    """The origins that a get-data asks for, None for all. Raises RpcError for both filters at once and for what is no
    origin."""
    given = {name: rpc.findall(f"{{{NMDA}}}{name}") for name in FILTERS}
    if all(given.values()):
        raise RpcError("bad-element", "there is one kind of origin filter", kind="protocol",
                       info={"bad-element": FILTERS[1]})  # fmt: skip
    for name, elements in given.items():
        if elements:
            named = frozenset(_origin(name, element) for element in elements)
            return named if name == FILTERS[0] else _KNOWN - named
    return None


def _origin(name: str, element: etree._Element) -> str:
    prefix, _, origin = (element.text or "").strip().rpartition(":")
    if element.nsmap.get(prefix or None) != ORIGIN or origin not in _KNOWN:
        raise invalid(name, origin)
    return origin


def of_origins(
    data: Object, held: Object | None, node: Node, wanted: Collection[str], origin: str = _INTENDED
) -> Object:
    """A copy with the configuration nodes of these origins, and the keys of entries above them; state has no origin.
    `held` is what is configured of `data`, `origin` what its nodes have from above."""
    found: Object = {}
    for member, value in data.items():
        child = node.child(member)
        assert child is not None
        if not child.config:
            continue
        if child.kind in LEAVES:
            if (_DEFAULT if ORIGINS.leaf(child, value, held) else origin) in wanted:
                found[member] = value
        elif kept := _below(child, value, held, wanted, origin):
            found[member] = kept
    return found


def _below(node: Node, value: Json, held: Object | None, wanted: Collection[str], origin: str) -> Json:
    configured = held_below(held, node)
    if node.kind is not NodeKind.LIST:
        assert isinstance(value, dict)
        return of_origins(value, configured.get(()), node, wanted, origin)
    assert isinstance(value, list)
    entries: list[Json] = []
    for entry in value:
        assert isinstance(entry, dict)
        own = configured.get(entry_key(entry, node))
        if kept := of_origins(entry, own, node, wanted, origin if own is not None else _SYSTEM):
            entries.append({**{name: entry[name] for name in node.keys}, **kept})
    return entries
