"""Comparison inside a scope: which differences of a device are fabricd's to mend, and how much is not its business.

Called by Schema.compare. Knows the rules of scope (design, section 5); must not know how trees were fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import orjson

from fabricd.model.edit import Edit, Operation
from fabricd.model.intent import Scope
from fabricd.model.path import Path, Segment
from fabricd.schema import diff, raw
from fabricd.schema.context import Context
from fabricd.schema.locate import instances, path_of, segment_of
from fabricd.schema.nodes import Kind
from fabricd.schema.tree import Tree


@dataclass(frozen=True, slots=True)
class Comparison:
    """What brings a device to its desired tree within scope.

    `leaves` counts the device's leaves in scope (keys included, a leaf-list as one), `unmanaged` those outside.
    """

    edits: tuple[Edit, ...]
    unmanaged: int = 0
    leaves: int = 0


def compare(
    context: Context,
    desired: Tree,
    actual: Tree,
    scope: Scope,
    actual_leaves: int,
    spoken: frozenset[int] = diff.NONE_SPOKEN,
) -> Comparison:
    """Differences from `actual` to `desired` that are fabricd's to mend.

    - What is desired is enforced; a leaf-list counts as one value, enforced as a whole.
    - What is not desired is deleted inside `scope.subtrees`, a deletion above one being cut down to it; elsewhere it
      is unmanaged.
    - Nothing at, below or (by a deletion) above a protected path is touched.
    - A system entry is never deleted; a deletion above one is split around it. What it holds is compared as usual
      when the desired tree has the entry, and left alone when it has not.
    - A list entry that has to stay keeps its mandatory leaves and the one in its `config` that mirrors the key.
    - `scope.released` leaves are deleted like subtrees, and a list entry goes with them when nothing else is in it.
    - A default and its absence are the same, except for leaves that are `spoken` (see diff.differences).
    """
    if any(selected(context, desired, path) for path in known(context, scope.protected)):
        with desired.duplicate() as allowed:
            for path in known(context, scope.protected):
                for node in selected(context, allowed, path):
                    allowed.remove(node)
            return _compare(context, allowed, actual, scope, actual_leaves, spoken)
    return _compare(context, desired, actual, scope, actual_leaves, spoken)


def _compare(
    context: Context, desired: Tree, actual: Tree, scope: Scope, actual_leaves: int, spoken: frozenset[int]
) -> Comparison:
    owned: _Ownership | None = None
    edits: list[Edit] = []
    unmanaged = 0
    for difference in diff.differences(context, actual.first, desired.first, spoken):
        if difference.operation is not Operation.DELETE or difference.old is None:
            edits.append(diff.edit(context, difference))
            continue
        owned = owned or _Ownership(context, actual, desired, scope, spoken)
        for path, node, mine in owned.deletions(difference.path, difference.old):
            if mine:
                edits.append(diff.edit(context, diff.Difference(Operation.DELETE, path, node, None)))
            else:
                unmanaged += leaves_below(node)
    return Comparison(tuple(edits), unmanaged, max(0, actual_leaves - unmanaged))


class _Ownership:
    """Which nodes of the actual tree may be deleted. Nodes are known by address: keys are then always canonical."""

    def __init__(self, context: Context, actual: Tree, desired: Tree, scope: Scope, spoken: frozenset[int]) -> None:
        self._context = context
        self._spoken = spoken
        self._desired = desired
        self._subtrees, self._above_subtrees = _places(context, actual, scope.subtrees)
        released, above_released = _places(context, actual, scope.released)
        self._subtrees |= released
        self._above_subtrees |= above_released
        self._own_whole_entries(above_released)
        self._protected, above_protected = _places(context, actual, scope.protected)
        self._system, above_system = _places(context, actual, scope.system_entries)
        self._whole = any(not path.segments for path in scope.subtrees)
        self._kept = above_protected.keys() | above_system.keys()

    def _own_whole_entries(self, above: Mapping[int, raw.DataNode]) -> None:
        """A list entry from which leaves are taken back goes with them when nothing in it is anybody else's."""
        for address, node in above.items():
            if self._context.nodes.of(node).kind is Kind.LIST and self._is_owned(node):
                self._subtrees.add(address)

    def _is_owned(self, node: raw.DataNode) -> bool:
        if raw.address(node) in self._subtrees or self._context.nodes.of(node).is_key:
            return True
        children = list(raw.children(node))
        return bool(children) and all(map(self._is_owned, children))

    def deletions(self, path: Path, node: raw.DataNode) -> Iterator[tuple[Path, raw.DataNode, bool]]:
        """Top nodes of what is to be deleted (True) and of what is not fabricd's (False) at or below `node`."""
        inside = self._whole or _inside(node, self._subtrees) or self._is_desired_leaf_list(path, node)
        yield from self._below(path, node, inside, split=False)

    def _below(
        self, path: Path, node: raw.DataNode, inside: bool, *, split: bool
    ) -> Iterator[tuple[Path, raw.DataNode, bool]]:
        # `split`: something above stays, so the list entry that a config container belongs to may stay as well.
        at = raw.address(node)
        inside = inside or at in self._subtrees
        if at in self._system or _inside(node, self._protected):
            yield path, node, False
        elif split and _must_stay(self._context, node):
            if not inside:
                yield path, node, False
        elif inside and at not in self._kept and not (split and _holds_what_stays(self._context, node)):
            if not diff.says_nothing(self._context, node, self._spoken):
                yield path, node, True
        elif inside or at in self._above_subtrees:
            for child in raw.children(node):
                below = path.child(segment_of(self._context, child))
                yield from self._below(below, child, inside, split=True)
        else:
            yield path, node, False

    def _is_desired_leaf_list(self, path: Path, node: raw.DataNode) -> bool:
        if self._context.nodes.of(node).kind is not Kind.LEAF_LIST:
            return False
        last = path.segments[-1]
        return bool(self._desired.nodes(path.parent.child(Segment(last.name, last.module))))


def offending(context: Context, tree: Tree, paths: Iterable[Path]) -> tuple[Path, ...]:
    """Nodes of `tree` at or below one of `paths`, each named by its top."""
    return tuple(path_of(context, node) for path in known(context, paths) for node in selected(context, tree, path))


def leaves(context: Context, tree: Tree, paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Leaves of `tree` at or below one of `paths`, with their canonical values."""

    def below(node: raw.DataNode) -> Iterator[tuple[Path, str]]:
        if node.schema.nodetype & raw.TERMINAL:
            yield path_of(context, node), raw.value(node)
        for child in raw.children(node):
            yield from below(child)

    for path in known(context, paths):
        for node in selected(context, tree, path):
            yield from below(node)


def outside(context: Context, tree: Tree, paths: Iterable[Path]) -> tuple[Path, ...]:
    """The topmost nodes of `tree` that neither lie at or below one of `paths` nor lead to one."""
    given = tuple(paths)
    if any(not path.segments for path in given):
        return ()
    within, above = _places(context, tree, given)
    found: list[Path] = []

    def visit(node: raw.DataNode, path: Path) -> None:
        if context.nodes.of(node).is_key or raw.address(node) in within:
            return
        here = path.child(segment_of(context, node))
        if raw.address(node) not in above:
            found.append(here)
            return
        for child in raw.children(node):
            visit(child, here)

    for top in raw.siblings(tree.first):
        visit(top, Path())
    return tuple(found)


def known(context: Context, paths: Iterable[Path]) -> tuple[Path, ...]:
    """Those of `paths` that the models have (a profile may serve several model sets), the root left out."""
    return tuple(path for path in paths if path.segments and context.nodes.along(path) is not None)


def selected(context: Context, tree: Tree, path: Path) -> list[raw.DataNode]:
    """Nodes of `tree` that a path of a scope means: keys may be patterns."""
    return [] if tree.empty else instances(context, tree.first, path, patterns=True)


def leaves_below(node: raw.DataNode) -> int:
    if node.schema.nodetype & raw.TERMINAL:
        return 1
    return sum(leaves_below(child) for child in raw.children(node))


def count_leaves(config: bytes) -> int:
    """Leaves of a JSON document, a leaf-list as one."""
    if b'": ' not in config and b'\\"' not in config:
        # Compact and without quotes in values: every member that opens no object and no list of objects is a leaf.
        return config.count(b'":') - config.count(b'":{') - config.count(b'":[{')
    return _leaves(orjson.loads(config))


def _leaves(value: object) -> int:
    if isinstance(value, dict):
        return sum(_leaves(held) for held in value.values())
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sum(_leaves(held) for held in value)
    return 1


def _places(context: Context, tree: Tree, paths: Iterable[Path]) -> tuple[set[int], dict[int, raw.DataNode]]:
    """Addresses of the nodes at `paths`, and all nodes above them by address."""
    within: set[int] = set()
    above: dict[int, raw.DataNode] = {}
    for path in known(context, paths):
        for node in selected(context, tree, path):
            within.add(raw.address(node))
            holder = raw.parent(node)
            while not raw.is_null(holder) and raw.address(holder) not in above:
                above[raw.address(holder)] = holder
                holder = raw.parent(holder)
    return within, above


def _inside(node: raw.DataNode, places: set[int]) -> bool:
    while not raw.is_null(node):
        if raw.address(node) in places:
            return True
        node = raw.parent(node)
    return False


def _must_stay(context: Context, node: raw.DataNode) -> bool:
    """True for leaves that cannot go while their list entry stays: keys, mandatory ones, and config/name of an entry
    with the key `name`, because OpenConfig keys are leafrefs to such leaves."""
    known = context.nodes.of(node)
    if known.is_key or known.mandatory:
        return True
    config = raw.parent(node)
    if raw.is_null(config) or raw.is_null(config.parent) or context.nodes.of(config).name != "config":
        return False
    return any(key.name == known.name for key in context.nodes.of(raw.parent(config)).keys)


def _holds_what_stays(context: Context, node: raw.DataNode) -> bool:
    known = context.nodes.of(node)
    if known.kind is not Kind.CONTAINER or known.presence:
        return False
    return any(_must_stay(context, child) or _holds_what_stays(context, child) for child in raw.children(node))
