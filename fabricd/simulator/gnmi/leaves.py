"""What is to be told of the difference between two trees, leaf by leaf.

Called by Subscribe in workers. Pure (gNMI specification section 3.5.2.3). Looks only at what differs, so that one
changed leaf of a large tree costs little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from fabricd.schema.outline import Node, NodeKind
from fabricd.simulator.gnmi.extension import shallow
from fabricd.simulator.tree import LEAVES, Object, Place, Step, concrete, entry_key, leaves, select
from fabricd.simulator.values import Json


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf or leaf-list."""

    place: Place
    value: Json


@dataclass(frozen=True, slots=True)
class Changes:
    """`deletes` are as high up as nothing is left. `wholes`: containers that are told as a whole, with all leaves in
    them, since the order of a list in them counts."""

    updates: tuple[Leaf, ...] = ()
    deletes: tuple[Place, ...] = ()
    wholes: tuple[tuple[Place, tuple[Leaf, ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.updates or self.deletes or self.wholes)


def _every(node: Node) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a tree is looked at: what these places match, `depth` levels below them (0: all), leaves that are
    `wanted`."""

    places: tuple[Place, ...]
    depth: int = 0
    wanted: Callable[[Node], bool] = _every


def difference(root: Node, scope: Scope, before: Object, now: Object) -> Changes:
    """What to tell somebody who knows the one tree of the other. Neither is changed, nor shared with the result."""
    walk = _Walk(scope)
    for place in scope.places:
        old = {str(found): (found, value) for found, value in select(before, place.steps)}
        new = {str(found): (found, value) for found, value in select(now, place.steps)}
        for text, (found, value) in new.items():
            walk.compare(found.node or root, found.steps, old[text][1] if text in old else None, value, scope.depth)
        for text, (found, value) in old.items():
            if text not in new:
                walk.compare(found.node or root, found.steps, value, None, scope.depth)
    return Changes(tuple(walk.updates.values()), tuple(walk.deletes.values()), tuple(walk.wholes.values()))


def beyond(tree: Object, other: Object, node: Node) -> Object:
    """A copy of what a tree has and another lacks, whatever the values, with the keys of its entries."""
    found: Object = {}
    for member, value in tree.items():
        child = node.child(member)
        assert child is not None
        held = other.get(member)
        if child.kind in LEAVES:
            if held is None:
                found[member] = value
        elif child.kind is NodeKind.LIST:
            had = _by_key(held, child)
            entries: list[Json] = []
            for key, entry in _by_key(value, child).items():
                if below := beyond(entry, had.get(key, {}), child):
                    entries.append({**{name: entry[name] for name in child.keys}, **below})
            if entries:
                found[member] = entries
        elif isinstance(value, dict) and (below := beyond(value, held if isinstance(held, dict) else {}, child)):
            found[member] = below
    return found


class _Walk:
    """Collects differences by path, so that what two places cover is told once."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.updates: dict[str, Leaf] = {}
        self.deletes: dict[str, Place] = {}
        self.wholes: dict[str, tuple[Place, tuple[Leaf, ...]]] = {}

    def compare(self, node: Node, steps: tuple[Step, ...], old: Json, new: Json, depth: int) -> None:
        """One node or list entry; None is nothing. `depth` is how many levels below it are looked at, 0 for all."""
        if old == new:
            return
        place = Place(steps)
        if new is None:
            if any(True for _ in self._leaves(node, steps, old, depth)):
                self.deletes[str(place)] = place
        elif node.kind in LEAVES:
            if self._scope.wanted(node):
                self.updates[str(place)] = Leaf(place, new)
        elif _order_counts(node):
            if whole := tuple(self._leaves(node, steps, new, depth)):
                self.wholes[str(place)] = (place, whole)
        else:
            assert isinstance(new, dict)
            self._members(node, steps, old if isinstance(old, dict) else {}, new, depth)

    def _members(self, node: Node, steps: tuple[Step, ...], old: Object, new: Object, depth: int) -> None:
        for member in (*new, *(member for member in old if member not in new)):
            child = node.child(member)
            assert child is not None
            had, has = old.get(member), new.get(member)
            if child.kind in LEAVES:
                self.compare(child, (*steps, Step(child)), had, has, 0)
            elif depth == 1 or had == has:
                continue
            elif child.kind is NodeKind.LIST:
                self._entries(child, steps, had, has, max(depth - 1, 0))
            else:
                self.compare(child, (*steps, Step(child)), had, has, max(depth - 1, 0))

    def _entries(self, node: Node, steps: tuple[Step, ...], old: Json, new: Json, depth: int) -> None:
        had, has = _by_key(old, node), _by_key(new, node)
        for key, entry in has.items():
            self.compare(node, (*steps, concrete(entry, node)), had.get(key), entry, depth)
        for key, entry in had.items():
            if key not in has:
                self.compare(node, (*steps, concrete(entry, node)), entry, None, depth)

    def _leaves(self, node: Node, steps: tuple[Step, ...], value: Json, depth: int) -> Iterator[Leaf]:
        for place, held in leaves(shallow(node, value, depth), node, steps):
            assert place.node is not None
            if self._scope.wanted(place.node):
                yield Leaf(place, held)


@cache
def _order_counts(node: Node) -> bool:
    """Whether it holds a list that the user orders."""
    return any(child.kind is NodeKind.LIST and child.user_ordered for child in node.children)


def _by_key(entries: Json, node: Node) -> dict[tuple[str, ...], Object]:
    """The entries of a list by their keys, or by their number where it has none."""
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    if not node.keys:
        return {(str(at),): entry for at, entry in enumerate(found)}
    return {entry_key(entry, node): entry for entry in found}
