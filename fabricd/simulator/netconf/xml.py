"""XML as NETCONF has it: messages of clients parsed, RFC 7951 objects written (RFC 7950), and what elements name.

Called by the NETCONF session. Knows names and namespaces, validates nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from fabricd.errors import FabricdError
from fabricd.model import clark
from fabricd.schema.outline import Node, NodeKind, Outline
from fabricd.simulator.netconf.marks import Marks, held_below
from fabricd.simulator.tree import LEAVES, Object, entry_key
from fabricd.simulator.values import Json, identity_module, to_text


class MalformedError(FabricdError):
    """Not well-formed, too deep, or with a document type: entities have no place in NETCONF (RFC 6241 section 3)."""


_XML = "http://www.w3.org/XML/1998/namespace"  # bound to the prefix xml without a declaration, and to no other
_RETURN = {"\r": "&#13;"}  # or else whoever reads it makes a line feed of it (XML 1.0 section 2.11)
# Without huge_tree the parser itself bounds depth and the length of names and texts. Sessions share one thread.
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)


def parsed(message: bytes) -> etree._Element:
    """A message of a client. Raises MalformedError."""
    try:
        root = etree.fromstring(message.lstrip(), _PARSER)  # some clients begin with an empty line
    except etree.XMLSyntaxError as error:
        raise MalformedError(str(error)) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise MalformedError("a document type is not allowed")
    return root


def to_xml(outline: Outline, data: Object, marks: Marks | None = None, held: Object | None = None) -> str:
    """A sequence of top-level elements, namespaces declared where they change and where an identity needs one.

    `marks` gives attributes to what `held`, the configuration, does not have.
    """
    parts: list[str] = []
    if marks is None:
        _object(outline, data, outline.root, parts)
    else:
        _marked(outline, data, outline.root, parts, marks, held)
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


def _marked(outline: Outline, data: Object, node: Node, parts: list[str], marks: Marks, held: Object | None) -> None:
    for member, value in data.items():
        child = node.child(member)
        assert child is not None
        values = value if isinstance(value, list) and child.kind is not NodeKind.LEAF else [value]
        attributes = "" if child.namespace == node.namespace else f" xmlns={quoteattr(child.namespace)}"
        if node is outline.root and child.config:
            attributes += marks.top
        if child.kind in LEAVES:
            parts += [_leaf(outline, child, one, attributes + marks.leaf(child, one, held)) for one in values]
            continue
        below = held_below(held, child)
        for one in values:
            assert isinstance(one, dict)
            configured = below.get(entry_key(one, child) if child.kind is NodeKind.LIST else ())
            new = child.kind is NodeKind.LIST and child.config and configured is None
            parts.append(f"<{child.name}{attributes}{marks.system if new else ''}>")
            _marked(outline, one, child, parts, marks, configured)
            parts.append(f"</{child.name}>")


def _leaf(outline: Outline, node: Node, value: Json, attributes: str) -> str:
    assert node.value is not None
    if module := identity_module(node.value, value):
        attributes += f" xmlns:{module}={quoteattr(outline.namespaces[module])}"
    text = escape(to_text(value), _RETURN)
    return f"<{node.name}{attributes}>{text}</{node.name}>" if text else f"<{node.name}{attributes}/>"


def prefixes(outline: Outline, element: etree._Element) -> Mapping[str, str]:
    """Module by prefix, as far as an element's text may use them."""
    return {prefix or "": outline.names.get(namespace, "") for prefix, namespace in element.nsmap.items()}


def elements(parent: etree._Element) -> list[etree._Element]:
    """Child elements without comments and processing instructions."""
    return [child for child in parent if isinstance(child.tag, str)]


def attributes_written(attributes: Mapping[str, str], nsmap: Mapping[str | None, str]) -> str:
    """Attributes with the declarations that their names need, each once."""
    known = {namespace: prefix for prefix, namespace in nsmap.items() if prefix} | {_XML: "xml"}
    text, declared = [], {_XML}
    for name, value in attributes.items():
        namespace, local = clark.split(name)
        prefix = known.get(namespace)
        if prefix is not None and namespace not in declared:
            declared.add(namespace)
            text.append(f" xmlns:{prefix}={quoteattr(namespace)}")
        text.append(f" {f'{prefix}:{local}' if prefix is not None else local}={quoteattr(value)}")
    return "".join(text)
