"""Edits in the words of NETCONF: the `<config>` of an edit-config with an operation on every change.

Called by Schema.edit_config. Writes text on its own: XML libraries drop namespaces that only values use.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

import orjson

from fabricd.errors import InputError, Problem
from fabricd.model.edit import Edit, EditConfig, Operation
from fabricd.model.path import Segment
from fabricd.schema import raw
from fabricd.schema.apply import sibling
from fabricd.schema.context import Context
from fabricd.schema.locate import resolve
from fabricd.schema.loose import lexical
from fabricd.schema.nodes import Kind, SchemaNode
from fabricd.schema.tree import Tree

_NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
_YANG = "urn:ietf:params:xml:ns:yang:1"


@dataclass(slots=True)
class _Element:
    """One element on the way: its keys come first, then its changes."""

    node: SchemaNode
    segment: Segment
    operation: str = ""
    position: str = ""
    content: str = ""
    children: dict[tuple[str, Segment], _Element] = field(default_factory=dict)


def edit_config(context: Context, edits: Iterable[Edit]) -> EditConfig:
    """The request that carries out `edits`, to be sent with default-operation none (RFC 6241 section 7.2).

    Every set is a merge and every deletion a remove, so that sending it twice does no harm. Positions are
    yang:insert with yang:key or yang:value (RFC 7950 sections 7.7.9 and 7.8.6). Edits share their ancestors.
    """
    top: dict[tuple[str, Segment], _Element] = {}
    for edit in edits:
        _put(context, top, edit)
    body = "".join(_text(context, element, "") for element in top.values())
    return EditConfig(f'<nc:config xmlns:nc="{_NC}" xmlns:yang="{_YANG}">{body}</nc:config>'.encode())


def _put(context: Context, top: dict[tuple[str, Segment], _Element], edit: Edit) -> None:
    level = top
    element: _Element | None = None
    along = resolve(context, edit.path)
    for node, segment in zip(along, edit.path.segments, strict=True):
        bare = Segment(segment.name, "", segment.keys, segment.value)
        element = level.setdefault((node.qualified, bare), _Element(node, segment))
        level = element.children
    if element is None:
        raise InputError.of([Problem("the root cannot be edited as one")])
    if edit.operation is Operation.DELETE:
        element.operation = "remove"
        return
    element.operation = "merge"
    if edit.after is not None:
        element.position = _position(context, edit, along[-1])
    if edit.operation is not Operation.MOVE and edit.new is not None:
        element.content = _content(context, edit, along[-1])


def _position(context: Context, edit: Edit, node: SchemaNode) -> str:
    if not edit.after:
        return ' yang:insert="first"'
    anchor = sibling(edit.path, edit.after, node).segments[-1]
    if node.kind is Kind.LEAF_LIST:
        declared, value = _spelled(context, node, anchor.value or "")
        return f'{declared} yang:insert="after" yang:value={quoteattr(value)}'
    predicates = ""
    declared = f" xmlns:k={quoteattr(node.namespace)}"
    for name, value in anchor.keys:
        quote = '"' if "'" in value else "'"
        predicates += f"[k:{name}={quote}{value}{quote}]"
    return f'{declared} yang:insert="after" yang:key={quoteattr(predicates)}'


def _content(context: Context, edit: Edit, node: SchemaNode) -> str:
    """What stands inside the element: all of a created subtree, or nothing for a leaf (its value is separate)."""
    new = edit.new or ""
    if node.kind in (Kind.LEAF, Kind.LEAF_LIST):
        declared, value = _spelled(context, node, lexical(orjson.loads(new)))
        return f"{declared}>{escape(value)}"
    with Tree(context) as tree:
        tree.merge_json(edit.path, new.encode())
        (held,) = tree.nodes(edit.path)
        if node.kind is Kind.ANYDATA:
            whole = (raw.print_data(held, raw.XML, 0, siblings=False) or b"").decode()
            return ">" + whole.partition(">")[2].rpartition("</")[0]
        printed = [
            raw.print_data(child, raw.XML, 0, siblings=False) or b""
            for child in raw.children(held)
            if not context.nodes.of(child).is_key
        ]
        return ">" + b"".join(printed).decode()


def _text(context: Context, element: _Element, above: str) -> str:
    node = element.node
    attributes = "" if node.module == above else f" xmlns={quoteattr(node.namespace)}"
    if element.operation:
        attributes += f' nc:operation="{element.operation}"'
    attributes += element.position
    declared, _, content = element.content.partition(">")
    attributes += declared
    if node.kind is Kind.LEAF_LIST and not content and element.segment.value is not None:
        declared, value = _spelled(context, node, element.segment.value)
        attributes, content = attributes + declared, escape(value)
    keys = "".join(_key(context, key, dict(element.segment.keys)) for key in node.keys)
    below = "".join(_text(context, child, node.module) for child in element.children.values())
    inside = keys + content + below
    return f"<{node.name}{attributes}>{inside}</{node.name}>" if inside else f"<{node.name}{attributes}/>"


def _key(context: Context, key: SchemaNode, given: dict[str, str]) -> str:
    if key.name not in given:
        return ""
    declared, value = _spelled(context, key, given[key.name])
    return f"<{key.name}{declared}>{escape(value)}</{key.name}>"


def _spelled(context: Context, node: SchemaNode, value: str) -> tuple[str, str]:
    """(namespace declarations, text) of a value; identities carry their module as prefix."""
    found = node.accept(value)
    if found is None or found[0] != raw.TYPE_IDENTITY:
        return "", value if found is None else found[1]
    module = found[1].partition(":")[0]
    return f" xmlns:{module}={quoteattr(context.nodes.namespaces[module])}", found[1]
