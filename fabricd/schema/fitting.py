"""What of a configuration survives the deviations of one kind of device, and which leaves do not.

Called by Schema.fitting. Walks plain values along the schema nodes of both model sets; makes no trees.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fabricd.model.path import Path, Segment
from fabricd.schema.context import Context
from fabricd.schema.loose import lexical
from fabricd.schema.nodes import Kind, SchemaNode, segment


def fitting(
    context: Context, plain: Context, document: dict[str, Any]
) -> tuple[dict[str, Any], tuple[tuple[Path, str], ...]]:
    """The document without what `context` does not have, and the leaves (path, canonical value) that went.

    `document` is canonical in the models of `plain`; what those do not have either stays for others to refuse.
    """
    lost: list[tuple[Path, str]] = []
    return _members(context, plain, (None, None), document, Path(), lost), tuple(lost)


def _members(
    context: Context,
    plain: Context,
    above: tuple[SchemaNode | None, SchemaNode | None],
    value: dict[str, Any],
    path: Path,
    lost: list[tuple[Path, str]],
) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, held in value.items():
        theirs, ours = context.nodes.member(above[0], name), plain.nodes.member(above[1], name)
        if ours is None:
            out[name] = held
            continue
        here = path.child(segment(ours, above[1]))
        if theirs is None or theirs.is_state:
            lost += _leaves(ours, held, here)
        elif ours.kind is Kind.CONTAINER:
            out[name] = _members(context, plain, (theirs, ours), held, here, lost)
        elif ours.kind is Kind.LIST:
            out[name] = [
                _members(context, plain, (theirs, ours), entry, _entry(ours, entry, here), lost) for entry in held
            ]
        else:
            out[name] = held
    return out


def _leaves(node: SchemaNode, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if node.kind is Kind.CONTAINER:
        yield from _below(node, value, path)
    elif node.kind is Kind.LIST:
        for entry in value:
            yield from _below(node, entry, _entry(node, entry, path))
    elif node.kind is Kind.LEAF_LIST:
        yield from ((path, lexical(one)) for one in value)
    else:
        yield path, lexical(value)


def _below(node: SchemaNode, value: dict[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    for name, held in value.items():
        child = node.member(name)
        if child is not None:
            yield from _leaves(child, held, path.child(segment(child, node)))


def _entry(node: SchemaNode, entry: dict[str, Any], path: Path) -> Path:
    keys = tuple((key.name, lexical(entry.get(key.name, entry.get(key.qualified)))) for key in node.keys)
    last = path.segments[-1]
    return path.parent.child(Segment(last.name, last.module, keys))
