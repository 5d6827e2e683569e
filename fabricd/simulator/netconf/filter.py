"""What a NETCONF filter selects: subtree filters (RFC 6241 section 6) and XPath (section 8.9), with max-depth of NMDA.

Called by the reading operations. Subtree filters work on plain objects, so that little of a large tree is written out;
XPath, and what the models of the simulation do not describe, work on XML.
"""

from __future__ import annotations

from lxml import etree

from fabricd.model import clark
from fabricd.schema.outline import Node, NodeKind, Outline
from fabricd.simulator.netconf.errors import BASE, RpcError
from fabricd.simulator.netconf.xml import elements, prefixes
from fabricd.simulator.netconf.xpath import XPath, chosen, xpath_of
from fabricd.simulator.tree import LEAVES, Object, merge
from fabricd.simulator.values import Json, from_text

_MOST_NODES = 10_000  # each is looked for in every entry of the list above it
# Keys of the lists that the protocol's own models have.
_KEYS = {
    "schema": {"identifier", "version", "format"}, "session": {"session-id"}, "stream": {"name"},
    "module": {"name", "revision"}, "module-set": {"name"}, "import-only-module": {"name", "revision"},
}  # fmt: skip


Filter = etree._Element | XPath | None


def filter_of(rpc: etree._Element, namespace: str = BASE) -> Filter:
    """The <filter> of an operation. Raises RpcError."""
    wanted = rpc.find(f"{{{namespace}}}filter")
    if wanted is None:
        return None
    kind = wanted.get("type") or wanted.get(f"{{{BASE}}}type") or "subtree"
    if kind == "subtree":
        return bounded(wanted)
    if kind != "xpath":
        raise RpcError(
            "bad-attribute", f"there are no filters of type {kind}", kind="protocol",
            info={"bad-attribute": "type", "bad-element": "filter"},
        )  # fmt: skip
    select = wanted.get("select") or wanted.get(f"{{{BASE}}}select")
    if not select:
        raise RpcError(
            "missing-attribute", "an xpath filter has a select", kind="protocol",
            info={"bad-attribute": "select", "bad-element": "filter"},
        )  # fmt: skip
    return xpath_of(select, wanted)


def bounded(wanted: etree._Element) -> etree._Element:
    """A subtree filter as it is. Raises RpcError for one that would take too long."""
    if sum(1 for _ in wanted.iter()) > _MOST_NODES:
        raise RpcError("resource-denied", f"a filter of more than {_MOST_NODES} elements", kind="protocol")
    return wanted


def filtered(outline: Outline, data: Object, filter_element: etree._Element, depth: int = 0) -> Object:
    """What a subtree filter selects, `depth` levels of it (0: all)."""
    found: Object = {}
    for wanted in elements(filter_element):
        for child in _named(outline.root, wanted):
            if child.member in data:
                merge(found, _picked(outline, data[child.member], child, wanted, depth), outline.root)
    return found


def cut(value: Json, node: Node, depth: int) -> Json:
    """The first `depth` levels of a node's value (0: all); list entries keep their keys (RFC 8526 section 3.1.1)."""
    if not depth or node.kind in LEAVES:
        return value
    if isinstance(value, list):
        return [cut(entry, node, depth) for entry in value]
    assert isinstance(value, dict)
    if depth == 1:
        return {name: value[name] for name in node.keys if name in value}
    found: Object = {}
    for member, below in value.items():
        child = node.child(member)
        assert child is not None
        found[member] = cut(below, child, depth - 1)
    return found


def _named(node: Node, wanted: etree._Element) -> list[Node]:
    """The children that a filter node means; without namespace it means any. No data here has attributes, so that one
    with an attribute match expression (section 6.2.2) means none."""
    if wanted.attrib:
        return []
    namespace, name = clark.split(wanted.tag)
    if namespace:
        child = node.child_in(namespace, name)
        return [child] if child is not None else []
    return [child for child in node.children if child.name == name]


def _picked(outline: Outline, value: Json, node: Node, wanted: etree._Element, depth: int) -> Object:
    if node.kind in LEAVES:
        return {node.member: value}
    if not elements(wanted):
        return {} if (wanted.text or "").strip() else {node.member: cut(value, node, depth)}
    if node.kind is NodeKind.LIST:
        assert isinstance(value, list)
        entries = [_inside(outline, entry, node, wanted, depth) for entry in value if isinstance(entry, dict)]
        kept: list[Json] = [entry for entry in entries if entry is not None]
        return {node.member: kept} if kept else {}
    assert isinstance(value, dict)
    inside = _inside(outline, value, node, wanted, depth)
    return {node.member: inside} if inside else {}


def _inside(outline: Outline, data: Object, node: Node, wanted: etree._Element, depth: int) -> Object | None:
    """One instance seen through a containment node (RFC 6241 section 6.2.5); None when content does not match."""
    found: Object = {}
    selecting = False
    for one in elements(wanted):
        text = (one.text or "").strip()
        children = _named(node, one)
        if text and not elements(one):
            if not any(_content(outline, data, child, one, text) for child in children):
                return None
            for child in children:
                found[child.member] = data[child.member]
            continue
        selecting = True
        for child in children:
            if child.member in data:
                merge(found, _picked(outline, data[child.member], child, one, depth), node)
    if not selecting:
        whole = cut(data, node, depth)
        assert isinstance(whole, dict)
        return dict(whole)
    if node.kind is NodeKind.LIST and found:
        return {**{name: data[name] for name in node.keys if name in data}, **found}
    return found or None


def _content(outline: Outline, data: Object, node: Node, wanted: etree._Element, text: str) -> bool:
    if node.member not in data or node.value is None:
        return False
    held = data[node.member]
    value = from_text(node.value, text, prefixes(outline, wanted))
    return value in held if isinstance(held, list) and node.kind is NodeKind.LEAF_LIST else value == held


def filtered_xml(xml: str, filter_element: etree._Element) -> str:
    """What a subtree filter selects of top-level elements."""
    wanted = elements(filter_element)
    if not xml or not wanted:
        return ""
    kept = []
    for data in etree.fromstring(f"<data>{xml}</data>"):
        parts = [part for one in wanted if (part := _matched(data, one)) is not None]
        if not parts:
            continue
        whole = next((part for part in parts if part is data), None)
        if whole is None:
            whole = parts[0]
            for more in parts[1:]:
                whole.extend(more)
        kept.append(etree.tostring(whole, encoding="unicode", with_tail=False))
    return "".join(kept)


def _matched(data: etree._Element, wanted: etree._Element) -> etree._Element | None:
    (namespace, name), (own_namespace, own_name) = clark.split(wanted.tag), clark.split(data.tag)
    if name != own_name or namespace not in ("", own_namespace):
        return None
    if any(data.get(str(attribute)) != value for attribute, value in wanted.attrib.items()):
        return None
    below = elements(wanted)
    text = (wanted.text or "").strip()
    if not below:
        return data if not text or text == (data.text or "").strip() else None
    contents = [one for one in below if not elements(one) and (one.text or "").strip()]
    if any(all(_matched(child, one) is None for child in data) for one in contents):
        return None
    selecting = [one for one in below if one not in contents]
    if not selecting:
        return data
    made = _shell(data)
    found = False
    for child in data:
        parts = [part for one in selecting if (part := _matched(child, one)) is not None]
        found = found or bool(parts)
        if parts:
            made.append(_copied(parts[0]))
        elif any(_matched(child, one) is not None for one in contents) or _is_key(data, child, None):
            made.append(_copied(child))
    return made if found else None


def selected(outline: Outline, xml: str, wanted: XPath, depth: int = 0) -> str:
    """What an XPath expression selects of top-level elements, with what is above it and its keys.

    An absolute expression is evaluated with each top-level element in turn as the only one there is: that is what the
    XPath library can do, since an XML document has one root. Raises RpcError.
    """
    whole = etree.fromstring(f"<data>{xml}</data>")
    tops = [etree.fromstring(etree.tostring(one, with_tail=False)) for one in whole]
    contexts = [etree.ElementTree(top) for top in tops]
    if not wanted.select.startswith("/"):
        tops, contexts = list(whole), [etree.ElementTree(whole)]
    picked = chosen(wanted, contexts) - {whole}
    above = {ancestor for one in picked for ancestor in one.iterancestors()}
    parts = []
    for top in tops:
        node = outline.root.child_in(*clark.split(top.tag))
        kept = _pruned(top, node, picked, above, depth)
        if kept is not None:
            parts.append(etree.tostring(kept, encoding="unicode", with_tail=False))
    return "".join(parts)


def _pruned(
    element: etree._Element, node: Node | None, picked: set[etree._Element], above: set[etree._Element], depth: int
) -> etree._Element | None:
    if element in picked:
        return _shallow(element, node, depth) if depth else _copied(element)
    if element not in above:
        return None
    made = _shell(element)
    for child in element:
        below = _below(node, child)
        kept = _pruned(child, below, picked, above, depth)
        if kept is not None:
            made.append(kept)
        elif _is_key(element, child, node):
            made.append(_copied(child))
    return made


def _shallow(element: etree._Element, node: Node | None, depth: int) -> etree._Element:
    if not len(element):
        return _copied(element)
    made = _shell(element)
    for child in element:
        if depth > 1:
            made.append(_shallow(child, _below(node, child), depth - 1))
        elif _is_key(element, child, node):
            made.append(_copied(child))
    return made


def _below(node: Node | None, child: etree._Element) -> Node | None:
    return None if node is None else node.child_in(*clark.split(child.tag))


def _is_key(parent: etree._Element, child: etree._Element, node: Node | None) -> bool:
    local = clark.local(child.tag)
    return local in (node.keys if node is not None else _KEYS.get(clark.local(parent.tag), ()))


def _shell(element: etree._Element) -> etree._Element:
    """The same element with nothing in it."""
    made = etree.Element(element.tag, nsmap=element.nsmap)  # type: ignore[arg-type]
    for name, value in element.attrib.items():
        made.set(name, value)
    return made


def _copied(element: etree._Element) -> etree._Element:
    """A copy with its namespaces, without what follows it."""
    copy = etree.fromstring(etree.tostring(element, with_tail=False))
    assert isinstance(copy, etree._Element)
    return copy
