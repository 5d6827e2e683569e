"""From paths to nodes of a tree: finding instances, with wildcards, and making those that are missing.

Used by tree.py, apply.py and drift.py. Knows no documents.
"""

from __future__ import annotations

from fabricd.errors import InputError, Problem
from fabricd.model.path import Path, Segment, key_matches
from fabricd.schema import raw
from fabricd.schema.context import Context
from fabricd.schema.nodes import Kind, SchemaNode


def resolve(context: Context, path: Path) -> tuple[SchemaNode, ...]:
    """The schema nodes along a path. Raises InputError when the models do not have it."""
    found = context.nodes.along(path)
    if found is None:
        raise InputError.of([Problem("the models have no such node", path=path.text)])
    return found


def instances(context: Context, first: raw.DataNode, path: Path, *, patterns: bool = False) -> list[raw.DataNode]:
    """Nodes that a path selects among `first`, its siblings and below. Keys left out or `*` select every entry; with
    `patterns`, a `*` among other characters of a key stands for any (as in Path.covers).

    Raises InputError when the models do not have the path.
    """
    level = [first]
    found: list[raw.DataNode] = []
    for node, segment in zip(resolve(context, path), path.segments, strict=True):
        found = [
            one
            for sibling in level
            if not raw.is_null(sibling)
            for one in (
                [
                    entry
                    for entry in all_instances(sibling, node)
                    if _has_keys(context, entry, node, segment, patterns=True)
                ]
                if patterns and any("*" in value for _, value in segment.keys)
                else _matching(context, sibling, node, segment)
            )
        ]
        if not found:
            return []
        level = [raw.first_child(one) for one in found]
    return found


def instance(context: Context, first: raw.DataNode, path: Path) -> raw.DataNode | None:
    """The first node that a path selects."""
    found = instances(context, first, path)
    return found[0] if found else None


def ensure(context: Context, cell: raw.Cell, path: Path) -> raw.DataNode:
    """The container or list entry at `path`, made with its ancestors where it is missing.

    Raises InputError for a path that the models do not have, that lacks keys, or that ends in a leaf.
    """
    above: raw.DataNode = raw.NULL
    for node, segment in zip(resolve(context, path), path.segments, strict=True):
        siblings = cell[0] if raw.is_null(above) else raw.first_child(above)
        found = [] if raw.is_null(siblings) else _matching(context, siblings, node, segment)
        above = found[0] if found else _make(context, cell, above, node, segment, path)
    return above


def key_values(node: SchemaNode, segment: Segment) -> list[str] | None:
    """Canonical key values of one list entry in schema order; None unless every key is given, allowed, and no `*`."""
    given = dict(segment.keys)
    values: list[str] = []
    for key in node.keys:
        text = given.get(key.name)
        if text is None or text == "*":
            return None
        spelled = key.accept(text)
        if spelled is None:
            return None
        values.append(spelled[1])
    return values


def predicate(node: SchemaNode, values: list[str]) -> str | None:
    """Key predicates as libyang reads them; None when a value holds both kinds of quotes, which it cannot."""
    parts: list[str] = []
    for key, value in zip(node.keys, values, strict=True):
        if "'" in value and '"' in value:
            return None
        quote = '"' if "'" in value else "'"
        parts.append(f"[{key.name}={quote}{value}{quote}]")
    return "".join(parts)


def segment_of(context: Context, node: raw.DataNode) -> Segment:
    """The path segment of one data node, with its keys or its leaf-list value."""
    known = context.nodes.of(node)
    above = raw.parent(node)
    module = "" if not raw.is_null(above) and context.nodes.of(above).module == known.module else known.module
    if known.kind is Kind.LIST:
        return Segment(known.name, module, keys_of(context, node))
    return Segment(known.name, module, (), raw.value(node) if known.kind is Kind.LEAF_LIST else None)


def keys_of(context: Context, node: raw.DataNode) -> tuple[tuple[str, str], ...]:
    keys: list[tuple[str, str]] = []
    for child in raw.children(node):
        known = context.nodes.of(child)
        if not known.is_key:
            break
        keys.append((known.name, raw.value(child)))
    return tuple(keys)


def path_of(context: Context, node: raw.DataNode) -> Path:
    segments: list[Segment] = []
    while not raw.is_null(node):
        segments.append(segment_of(context, node))
        node = raw.parent(node)
    return Path(tuple(reversed(segments)))


def all_instances(first: raw.DataNode, node: SchemaNode) -> list[raw.DataNode]:
    """Every entry of a list or leaf-list (or the one other node) among `first` and its siblings."""
    found: list[raw.DataNode] = []
    if raw.is_null(first):
        return found
    for one in raw.siblings(raw.child_of(first, node.pointer)):
        if one.schema != node.pointer:
            break
        found.append(one)
    return found


def _matching(context: Context, first: raw.DataNode, node: SchemaNode, segment: Segment) -> list[raw.DataNode]:
    if node.kind is Kind.LIST:
        values = key_values(node, segment)
        text = predicate(node, values) if values is not None and node.keys else None
        if text is None:
            return [one for one in all_instances(first, node) if _has_keys(context, one, node, segment)]
        found = raw.child_of(first, node.pointer, text)
    elif node.kind is Kind.LEAF_LIST:
        if segment.value is None or segment.value == "*":
            return all_instances(first, node)
        spelled = node.accept(segment.value)
        return [one for one in all_instances(first, node) if spelled is not None and raw.value(one) == spelled[1]]
    else:
        found = raw.child_of(first, node.pointer)
    return [] if raw.is_null(found) else [found]


def _has_keys(
    context: Context, entry: raw.DataNode, node: SchemaNode, segment: Segment, *, patterns: bool = False
) -> bool:
    held = dict(keys_of(context, entry))
    for key in node.keys:
        text = dict(segment.keys).get(key.name, "*")
        if patterns and "*" in text:
            if not key_matches(text, held.get(key.name, "")):
                return False
        elif text != "*":
            spelled = key.accept(text)
            if spelled is None or held.get(key.name) != spelled[1]:
                return False
    return True


def _make(
    context: Context, cell: raw.Cell, above: raw.DataNode, node: SchemaNode, segment: Segment, path: Path
) -> raw.DataNode:
    values: list[str] = []
    if node.kind is Kind.LIST:
        given = key_values(node, segment)
        if given is None:
            raise InputError.of([Problem(f"keys of {node.name} are missing or not allowed", path=path.text)])
        values = given
    elif node.kind is not Kind.CONTAINER:
        raise InputError.of([Problem(f"{node.name} is not a container or list entry", path=path.text)])
    made = raw.new_inner(above, node.pointer, values)
    if made is None:
        raise InputError.of(context.problems() or [Problem("the node cannot be made", path=path.text)])
    if raw.is_null(above) and not raw.insert_top(cell, made):
        raise context.fault("to insert a node")
    return made
