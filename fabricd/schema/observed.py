"""Configuration and state that a device sent, as one typed JSON document: what the models do not know is left out.

Called by reconcile/observations in schema workers. Unlike device.py it keeps state, and nothing is compared with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from lxml import etree

from fabricd.errors import DeviceProtocolError, InputError
from fabricd.model import clark
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.path import Path
from fabricd.schema import raw
from fabricd.schema.device import inside, spliced
from fabricd.schema.loose import Walk
from fabricd.schema.nodes import Kind, SchemaNode
from fabricd.schema.schema import Schema
from fabricd.schema.tree import Tree

_MOST_BYTES = 256 << 20


def read_observed(schema: Schema, fetched: Iterable[Fetched]) -> dict[str, Any]:
    """Everything that was sent in one document of RFC 7951 values, overlapping answers merged.

    Raises DeviceProtocolError for what is no JSON or XML, or has another shape than its models.
    """
    with Tree(schema) as tree:
        for one in fetched:
            for part in one.parts:
                if _merged_as_it_is(schema, tree, part, one.encoding):
                    continue
                document = _document(schema, part, one.encoding)
                if document:
                    _merge(schema, tree, document, part.path)
        found: dict[str, Any] = orjson.loads(tree.print())
        return found


def _merged_as_it_is(schema: Schema, tree: Tree, part: Part, encoding: Encoding) -> bool:
    """Whether libyang could read it, which takes a tenth of the time that a walk through it takes."""
    along = schema.context.nodes.along(part.path)
    if along is None:
        return False
    is_xml = encoding is Encoding.XML
    data = inside(part.data.strip()) if is_xml else spliced(along, part.path, part.data.strip())
    if not data or b"\0" in data:
        return False
    first = raw.parse(schema.context.pointer, data, raw.XML if is_xml else raw.JSON, raw.STRICT | raw.PARSE_ONLY)
    if first is None:
        raw.forget_faults(schema.context.pointer)
        return False
    with Tree(schema, first) as read:
        tree.merge(read)
    return True


def _merge(schema: Schema, tree: Tree, document: dict[str, Any], path: Path) -> None:
    _supply_keys(schema, None, document)
    mended = Walk(schema.context, state=True).document(document)
    try:
        with Tree.parse(schema, orjson.dumps(mended), state=True, limit=_MOST_BYTES) as part:
            tree.merge(part)
    except InputError as error:
        raise DeviceProtocolError(f"the device sent what its models cannot hold: {error}", path=path.text) from error


def _document(schema: Schema, part: Part, encoding: Encoding) -> dict[str, Any]:
    data = part.data.strip()
    if not data or data == b"null":
        return {}
    if encoding is Encoding.XML:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True)
        try:
            return _members(schema, None, etree.fromstring(data, parser))
        except (etree.XMLSyntaxError, ValueError) as error:
            raise DeviceProtocolError(f"the device sent what is not XML: {error}") from error
    try:
        held: Any = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        message = f"the device sent what is not JSON: {error.msg}, line {error.lineno}, column {error.colno}"
        raise DeviceProtocolError(message, path=part.path.text) from error
    for at in reversed(part.path.segments):
        if at.keys:
            held = [{**dict(at.keys), **held}] if isinstance(held, dict) else []
        held = {f"{at.module}:{at.name}" if at.module else at.name: held}
    return held if isinstance(held, dict) else {}


def _supply_keys(schema: Schema, above: SchemaNode | None, value: dict[str, Any]) -> None:
    """Some devices leave the keys of entries out when only the state in them was asked for, where they stand too."""
    for name, held in value.items():
        node = schema.context.nodes.member(above, name)
        if node is None:
            continue
        if node.kind is Kind.CONTAINER and isinstance(held, dict):
            _supply_keys(schema, node, held)
        elif node.kind is Kind.LIST and isinstance(held, list):
            for entry in held:
                if isinstance(entry, dict):
                    _supply_entry(node, entry)
                    _supply_keys(schema, node, entry)


def _supply_entry(node: SchemaNode, entry: dict[str, Any]) -> None:
    state = entry.get("state", entry.get(f"{node.module}:state"))
    if not isinstance(state, dict):
        return
    for key in node.keys:
        value = state.get(key.name, state.get(key.qualified))
        if value is not None and key.name not in entry and key.qualified not in entry:
            entry[key.name] = value


def _members(schema: Schema, above: SchemaNode | None, element: Any) -> dict[str, Any]:
    """Children of an XML element as loose JSON members; what the models do not know is left out."""
    nodes = schema.context.nodes
    out: dict[str, Any] = {}
    for child in element:
        if not isinstance(child.tag, str):
            continue
        namespace, name = clark.split(child.tag)
        member = f"{nodes.modules.get(namespace, namespace)}:{name}"
        node = nodes.member(above, member)
        if node is None:
            continue
        if node.kind is Kind.LIST:
            out.setdefault(member, []).append(_members(schema, node, child))
        elif node.kind is Kind.CONTAINER:
            out.setdefault(member, {}).update(_members(schema, node, child))
        elif node.kind is Kind.LEAF_LIST:
            out.setdefault(member, []).append("".join(child.itertext()).strip())
        elif node.kind is Kind.LEAF:
            out[member] = "".join(child.itertext()).strip()
    return out
