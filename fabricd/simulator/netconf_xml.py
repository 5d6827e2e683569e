"""Data as NETCONF writes it: RFC 7951 objects to XML (RFC 7950), and subtree filters over objects (RFC 6241 section 6).

Called by the NETCONF session. Knows names and namespaces, validates nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from fabricd.schema.outline import Node, NodeKind, Outline
from fabricd.simulator.tree import LEAVES, Object, merge
from fabricd.simulator.values import Json, from_text, identity_module, to_text


def to_xml(outline: Outline, data: Object) -> str:
    """A sequence of top-level elements, namespaces declared where they change and where an identity needs one."""
    parts: list[str] = []
    _object(outline, data, outline.root, parts)
    return "".join(parts)


def _object(outline: Outline, data: Object, node: Node, parts: list[str]) -> None:
    for member, value in data.items():
        child = node.child(member)
        assert child is not None
        values = value if isinstance(value, list) and child.kind is not NodeKind.LEAF else [value]
        namespace = "" if child.namespace == node.namespace else f" xmlns={quoteattr(child.namespace)}"
        for one in values:
            if child.kind in LEAVES:
                parts.append(_leaf(outline, child, one, namespace))
                continue
            assert isinstance(one, dict)
            parts.append(f"<{child.name}{namespace}>")
            _object(outline, one, child, parts)
            parts.append(f"</{child.name}>")


def _leaf(outline: Outline, node: Node, value: Json, namespace: str) -> str:
    assert node.value is not None
    if module := identity_module(node.value, value):
        namespace += f" xmlns:{module}={quoteattr(outline.namespaces[module])}"
    text = escape(to_text(value))
    return f"<{node.name}{namespace}>{text}</{node.name}>" if text else f"<{node.name}{namespace}/>"


def prefixes(outline: Outline, element: etree._Element) -> Mapping[str, str]:
    """Module by prefix, as far as an element's text may use them."""
    return {prefix or "": outline.names.get(namespace, "") for prefix, namespace in element.nsmap.items()}


def elements(parent: etree._Element) -> list[etree._Element]:
    """Child elements without comments and processing instructions."""
    return [child for child in parent if isinstance(child.tag, str)]


def filtered(outline: Outline, data: Object, filter_element: etree._Element) -> Object:
    """What a subtree filter selects."""
    found: Object = {}
    for wanted in elements(filter_element):
        for child in _named(outline.root, wanted):
            if child.member in data:
                merge(found, _picked(outline, data[child.member], child, wanted), outline.root)
    return found


def _named(node: Node, wanted: etree._Element) -> list[Node]:
    """The children that a filter node means; without namespace it means any."""
    name = etree.QName(wanted)
    if name.namespace:
        child = node.child_in(name.namespace, name.localname)
        return [child] if child is not None else []
    return [child for child in node.children if child.name == name.localname]


def _picked(outline: Outline, value: Json, node: Node, wanted: etree._Element) -> Object:
    if node.kind in LEAVES:
        return {node.member: value}
    if not elements(wanted):
        return {} if (wanted.text or "").strip() else {node.member: value}
    if node.kind is NodeKind.LIST:
        assert isinstance(value, list)
        entries = [_inside(outline, entry, node, wanted) for entry in value if isinstance(entry, dict)]
        kept: list[Json] = [entry for entry in entries if entry is not None]
        return {node.member: kept} if kept else {}
    assert isinstance(value, dict)
    inside = _inside(outline, value, node, wanted)
    return {node.member: inside} if inside else {}


def _inside(outline: Outline, data: Object, node: Node, wanted: etree._Element) -> Object | None:
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
                merge(found, _picked(outline, data[child.member], child, one), node)
    if not selecting:
        return dict(data)
    if node.kind is NodeKind.LIST and found:
        return {**{name: data[name] for name in node.keys if name in data}, **found}
    return found or None


def _content(outline: Outline, data: Object, node: Node, wanted: etree._Element, text: str) -> bool:
    if node.member not in data or node.value is None:
        return False
    held = data[node.member]
    value = from_text(node.value, text, prefixes(outline, wanted))
    return value in held if isinstance(held, list) and node.kind is NodeKind.LEAF_LIST else value == held
