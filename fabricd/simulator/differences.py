"""Where two configurations of a switch differ.

Called by what tells of changes, and to carry out a part of them (the fault `partial`). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fabricd.schema.outline import Node, NodeKind
from fabricd.simulator.entries import Entries
from fabricd.simulator.tree import Object, Place, Step, concrete, entry_key, remove, write
from fabricd.simulator.values import Json


@dataclass(frozen=True, slots=True)
class Difference:
    """A place with what stood and what stands there, None for nothing. Both the same: an entry that was moved."""

    place: Place
    before: Json
    after: Json


def differences(
    before: Object, after: Object, node: Node, above: tuple[Step, ...] = (), *, deep: bool = False
) -> Iterator[Difference]:
    """As high up as one side has nothing; `deep`: containers that came or went by what is in them, unless they mean
    something themselves. Of a list, what goes is told first."""
    for member in dict.fromkeys((*after, *before)):
        child = node.child(member)
        assert child is not None
        old, new = before.get(member), after.get(member)
        if old == new:
            continue
        if child.kind is NodeKind.LIST and child.keys:
            yield from _entries(old, new, child, above, deep=deep)
            continue
        steps = (*above, Step(child))
        both = old is not None and new is not None
        if child.kind is NodeKind.CONTAINER and (both or (deep and not child.presence)):
            old, new = (one if isinstance(one, dict) else {} for one in (old, new))
            yield from differences(old, new, child, steps, deep=deep)
        else:
            yield Difference(Place(steps), old, new)


def carry_out(tree: Object, changes: Sequence[Difference]) -> None:
    """Make these changes to a tree, whatever the order of its lists. What they write becomes part of it."""
    entries = Entries()
    for change in changes:
        if change.after is None:
            remove(tree, change.place.steps)
        else:
            write(tree, change.place, change.after, replace=True, entries=entries)


def _entries(old: Json, new: Json, node: Node, above: tuple[Step, ...], *, deep: bool) -> Iterator[Difference]:
    held = {entry_key(entry, node): entry for entry in listed(old)}
    wanted = {entry_key(entry, node): entry for entry in listed(new)}
    for key, entry in held.items():
        if key not in wanted:
            yield Difference(Place((*above, concrete(entry, node))), entry, None)
    stayed = [key for key in held if key in wanted]
    moved = node.user_ordered and stayed != [key for key in wanted if key in held]
    for key, entry in wanted.items():
        steps = (*above, concrete(entry, node))
        if key not in held or moved:
            yield Difference(Place(steps), held.get(key), entry)
        elif held[key] != entry:
            yield from differences(held[key], entry, node, steps, deep=deep)


def listed(value: Json) -> list[Object]:
    """The entries of a list, none where there is no list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
