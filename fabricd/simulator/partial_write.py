"""A write that takes effect in part: the first half of what it changes, for the fault `partial`.

Called by the datastore. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from fabricd.schema.outline import Node, NodeKind
from fabricd.simulator.tree import Object, Place, Step, concrete, entry_key, remove, write
from fabricd.simulator.values import Json

Difference = tuple[Place, Json]
"""A place and what stands there afterwards, None for nothing."""


def differences(before: Object, after: Object, node: Node, above: tuple[Step, ...] = ()) -> Iterator[Difference]:
    """What two trees differ in: leaves, and entries of lists that came or went, in the order of the trees."""
    for member in (*after, *(gone for gone in before if gone not in after)):
        child = node.child(member)
        assert child is not None
        had, has = before.get(member), after.get(member)
        if had == has:
            continue
        if child.kind is NodeKind.LIST and child.keys:
            yield from _entries(had, has, child, above)
        elif child.kind is NodeKind.CONTAINER and not child.presence:
            old, new = (one if isinstance(one, dict) else {} for one in (had, has))
            yield from differences(old, new, child, (*above, Step(child)))
        else:
            yield Place((*above, Step(child))), has


def _entries(had: Json, has: Json, node: Node, above: tuple[Step, ...]) -> Iterator[Difference]:
    old = {entry_key(one, node): one for one in (had if isinstance(had, list) else []) if isinstance(one, dict)}
    new = {entry_key(one, node): one for one in (has if isinstance(has, list) else []) if isinstance(one, dict)}
    for key, entry in new.items():
        step = concrete(entry, node)
        if key not in old:
            yield Place((*above, step)), entry
        else:
            yield from differences(old[key], entry, node, (*above, step))
    for key, entry in old.items():
        if key not in new:
            yield Place((*above, concrete(entry, node))), None


def carry_out(tree: Object, changes: list[Difference]) -> None:
    """Make these changes to a tree. What they write becomes part of it."""
    for place, value in changes:
        if value is None:
            remove(tree, place.steps)
        else:
            write(tree, place, value, replace=True)
