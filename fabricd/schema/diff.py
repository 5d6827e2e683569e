"""Differences of two trees as edits, with a default and its absence being the same thing.

Called by Schema.diff and drift.py. libyang's diff says where to look; what an edit is, is decided here. Must not change
a tree.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from fabricd.errors import InputError, Problem
from fabricd.model.edit import Edit, Operation
from fabricd.model.path import ROOT, Path, Segment
from fabricd.schema import raw
from fabricd.schema.context import Context
from fabricd.schema.locate import all_instances, keys_of, segment_of
from fabricd.schema.nodes import Kind, SchemaNode
from fabricd.schema.printing import subtree_of, value_of


@dataclass(frozen=True, slots=True)
class Difference:
    """An edit before it is put into words: `old` and `new` are nodes of the two trees (None where absent).

    Both are set for a changed leaf and for a move. `after` as in Edit.
    """

    operation: Operation
    path: Path
    old: raw.DataNode | None
    new: raw.DataNode | None
    after: str | None = None


NONE_SPOKEN: frozenset[int] = frozenset()


def differences(
    context: Context, old: raw.DataNode, new: raw.DataNode, spoken: frozenset[int] = NONE_SPOKEN
) -> Iterator[Difference]:
    """What leads from the tree `old` to the tree `new` (first siblings, NULL for an empty tree).

    The order is the schema's; in user-ordered lists it is the order in which edits have to be applied. `spoken` are
    addresses of the schema nodes of leaves that have to be said: their default and their absence are not the same.
    Raises InputError for a node that one of the trees has twice, when only one of the two differs.
    """
    if raw.is_null(old) and raw.is_null(new):
        return
    found = raw.diff(old, new)
    if found is None:
        raise context.fault("to compare trees")
    try:
        yield from _among(context, found, old, new, ROOT, spoken)
    finally:
        raw.free_all(found)


def edit(context: Context, difference: Difference) -> Edit:
    """The difference as an Edit."""
    old, new = difference.old, difference.new
    if difference.operation is Operation.MOVE:
        old = new = None
    return Edit(
        difference.operation,
        difference.path,
        None if old is None else json_of(context, old),
        None if new is None else json_of(context, new),
        difference.after,
    )


def json_of(context: Context, node: raw.DataNode) -> str:
    """RFC 7951 text of a leaf's value, or of the subtree of a container or list entry."""
    if node.schema.nodetype & raw.TERMINAL:
        return value_of(node, context.nodes.of(node).qualified)
    return orjson.dumps(subtree_of(context, node)).decode()


def is_default(node: raw.DataNode, known: SchemaNode, spoken: frozenset[int] = NONE_SPOKEN) -> bool:
    """True for a leaf with its default value, unless it has to be said."""
    return (
        raw.address(known.pointer) not in spoken
        and known.kind is Kind.LEAF
        and bool(known.defaults)
        and raw.value(node) == known.defaults[0]
    )


def says_nothing(context: Context, node: raw.DataNode, spoken: frozenset[int] = NONE_SPOKEN) -> bool:
    """True for a subtree that is as good as absent: only defaults and empty containers."""
    known = context.nodes.of(node)
    if known.kind is Kind.CONTAINER and not known.presence:
        return all(says_nothing(context, child, spoken) for child in raw.children(node))
    if known.kind is Kind.LEAF_LIST:
        return _default_values(node, known)
    return is_default(node, known, spoken)


def _default_values(node: raw.DataNode, known: SchemaNode) -> bool:
    """True when a leaf-list as a whole has its default values."""
    if not known.defaults:
        return False
    first = raw.first_sibling(node)
    return _has_defaults([raw.value(one) for one in all_instances(first, known)], known)


def _has_defaults(values: list[str], known: SchemaNode) -> bool:
    """True when a leaf-list with these values has its defaults, be it by having none."""
    wanted = list(known.defaults)
    return not values or (values == wanted if known.user_ordered else sorted(values) == sorted(wanted))


def _among(
    context: Context, found: raw.DataNode, old: raw.DataNode, new: raw.DataNode, above: Path, spoken: frozenset[int]
) -> Iterator[Difference]:
    """Walk the diff tree beside the trees it came from."""
    done: set[str] = set()
    for hint in raw.siblings(found):
        known = context.nodes.of(hint)
        if known.is_key or known.qualified in done:
            continue
        if known.user_ordered or known.kind is Kind.LEAF_LIST:
            done.add(known.qualified)
            yield from _sequence(context, known, old, new, above)
            if known.kind is Kind.LEAF_LIST:
                continue
            yield from _inside_entries(context, found, known, old, new, above, spoken)
            continue
        yield from _one(context, hint, known, old, new, above, spoken)


def _one(
    context: Context,
    hint: raw.DataNode,
    known: SchemaNode,
    old: raw.DataNode,
    new: raw.DataNode,
    above: Path,
    spoken: frozenset[int],
) -> Iterator[Difference]:
    was, now = raw.same_in(old, hint), raw.same_in(new, hint)
    path = above.child(segment_of(context, hint))
    if raw.is_null(was) and raw.is_null(now):
        _doubt(context, hint, path)
    elif raw.is_null(was):
        if not says_nothing(context, now, spoken):
            yield Difference(Operation.CREATE, path, None, now)
    elif raw.is_null(now):
        if not says_nothing(context, was, spoken):
            yield Difference(Operation.DELETE, path, was, None)
    elif known.kind in (Kind.CONTAINER, Kind.LIST):
        yield from _among(context, raw.first_child(hint), raw.first_child(was), raw.first_child(now), path, spoken)
    elif _is_other(context, was, now, known):
        yield Difference(Operation.REPLACE, path, was, now)
    elif known.kind is Kind.LEAF:
        _doubt(context, hint, path)


def _is_other(context: Context, was: raw.DataNode, now: raw.DataNode, known: SchemaNode) -> bool:
    if known.kind is Kind.ANYDATA:  # its members may come in any order
        return subtree_of(context, was) != subtree_of(context, now)
    return raw.value(was) != raw.value(now)


def _doubt(context: Context, hint: raw.DataNode, path: Path) -> None:
    """libyang found a difference where the first nodes of that place have none: there is a second one.

    Raises InputError, unless libyang only tells all of an entry that moves.
    """
    holder = hint
    while not raw.has_metadata(holder) and not raw.is_null(holder.parent):
        holder = raw.parent(holder)
    if not context.nodes.of(holder).user_ordered:
        raise InputError.of([Problem("given twice", path=path.text)])


def _inside_entries(
    context: Context,
    found: raw.DataNode,
    known: SchemaNode,
    old: raw.DataNode,
    new: raw.DataNode,
    above: Path,
    spoken: frozenset[int],
) -> Iterator[Difference]:
    """Changes inside those entries of a user-ordered list that both trees have."""
    told: set[tuple[Operation, Path]] = set()  # an entry that moves and changes stands in the diff twice
    for hint in raw.siblings(found):
        if hint.schema == known.pointer:
            was, now = raw.same_in(old, hint), raw.same_in(new, hint)
            if not raw.is_null(was) and not raw.is_null(now):
                path = above.child(segment_of(context, hint))
                below = raw.first_child(hint), raw.first_child(was), raw.first_child(now)
                for difference in _among(context, *below, path, spoken):
                    if (difference.operation, difference.path) not in told:
                        told.add((difference.operation, difference.path))
                        yield difference


def _sequence(
    context: Context, known: SchemaNode, old: raw.DataNode, new: raw.DataNode, above: Path
) -> Iterator[Difference]:
    """Entries of one leaf-list or user-ordered list that come, go or move."""
    was = {_name(context, node, known): node for node in all_instances(old, known)}
    now = {_name(context, node, known): node for node in all_instances(new, known)}
    if known.defaults and _has_defaults(list(was), known) and _has_defaults(list(now), known):
        return
    for name, node in was.items():
        if name not in now:
            yield Difference(Operation.DELETE, above.child(segment_of(context, node)), node, None)
    still = _longest_in_order([name for name in now if name in was], list(was)) if known.user_ordered else set(was)
    before = ""
    for name, node in now.items():
        after = before if known.user_ordered else None
        if name not in was:
            yield Difference(Operation.CREATE, above.child(segment_of(context, node)), None, node, after)
        elif name not in still:
            path = above.child(segment_of(context, node))
            yield Difference(Operation.MOVE, path, was[name], node, after)
        before = name


def _name(context: Context, node: raw.DataNode, known: SchemaNode) -> str:
    """What identifies an entry among its siblings, as in Edit.after."""
    if known.kind is Kind.LEAF_LIST:
        return raw.value(node)
    return str(Segment("", "", keys_of(context, node)))


def _longest_in_order(names: list[str], order: list[str]) -> set[str]:
    """The largest part of `names` that already stands in that order in `order`; the rest has to move."""
    place = {name: at for at, name in enumerate(order)}
    tails: list[int] = []
    ends: list[str] = []
    came_from: dict[str, str | None] = {}
    for name in names:
        at = bisect_left(tails, place[name])
        came_from[name] = ends[at - 1] if at else None
        tails[at : at + 1] = [place[name]]
        ends[at : at + 1] = [name]
    kept: set[str] = set()
    last = ends[-1] if ends else None
    while last is not None:
        kept.add(last)
        last = came_from[last]
    return kept
