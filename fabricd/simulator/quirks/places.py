"""The paths of quirks bound to the models, and the filling in of leaves at them.

Called by what quirks do to writes, to reads and to state. Pure; knows no particular quirk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fabricd.errors import InputError, Problem
from fabricd.model.path import Path
from fabricd.schema.outline import Node, NodeKind, Outline
from fabricd.simulator.tree import LEAVES, Object, Place, Step, concrete, select
from fabricd.simulator.values import Json, bare_identity, copied, from_text, to_text


@dataclass(frozen=True, slots=True)
class Setting:
    """A leaf and the value that a quirk gives it."""

    place: Place
    value: Json


def bound(outline: Outline, quirk: str, text: str, *, leaf: bool = False) -> Place:
    """The place of a path as quirks write it: bare names, without keys for all entries of a list.

    Raises InputError naming the quirk for a path that the models do not have, or (`leaf`) that is none of a leaf in a
    container.
    """
    steps: list[Step] = []
    node = outline.root
    for segment in Path.parse(text).segments:
        child = node.child(f"{segment.module}:{segment.name}" if segment.module else segment.name)
        if child is None or not child.config:
            raise InputError.of([Problem("the models have no such configuration", path=f"{quirk}: {text}")])
        node = child
        steps.append(Step(node, segment.keys))
    if leaf and (len(steps) < 2 or node.kind is not NodeKind.LEAF or steps[-2].node.kind is not NodeKind.CONTAINER):
        raise InputError.of([Problem("this is no leaf in a container", path=f"{quirk}: {text}")])
    return Place(tuple(steps))


def settings(outline: Outline, quirk: str, values: Mapping[str, str | int | bool]) -> tuple[Setting, ...]:
    """The leaves of a quirk with their values as RFC 7951 has them. Raises InputError as `bound` does."""
    found = []
    for text, value in values.items():
        place = bound(outline, quirk, text, leaf=True)
        assert place.node is not None
        assert place.node.value is not None
        kind = place.node.value
        found.append(Setting(place, bare_identity(kind, from_text(kind, to_text(value)))))
    return tuple(found)


def fill(tree: Object, setting: Setting, *, overwrite: bool = False) -> bool:
    """Give the leaf its value wherever the container above its own is there and it has none, or (`overwrite`) another
    one; True when something changed."""
    steps = setting.place.steps
    container, leaf = steps[-2].node.member, steps[-1].node.member
    changed = False
    for _, holder in list(select(tree, steps[:-2])):
        # An empty path to the holder gives the tree itself, which always has every container.
        assert isinstance(holder, dict)
        if len(steps) == 2 and container not in holder:
            continue
        target = holder.setdefault(container, {})
        assert isinstance(target, dict)
        if leaf not in target or (overwrite and target[leaf] != setting.value):
            target[leaf] = setting.value
            changed = True
    return changed


def tree_copied(tree: Object) -> Object:
    """A copy of a tree."""
    return {name: copied(value) for name, value in tree.items()}


def set_values(tree: Object, place: Place) -> dict[Place, Json]:
    """What stands at a place, by concrete place. A list itself counts by its entries."""
    found: dict[Place, Json] = {}
    for where, value in select(tree, place.steps):
        node: Node | None = where.node
        if node is not None and node.kind is NodeKind.LIST and isinstance(value, list):
            for entry in value:
                assert isinstance(entry, dict)
                found[Place((*where.steps[:-1], concrete(entry, node)))] = entry
        else:
            found[where] = value
    return found


def is_leaf(node: Node) -> bool:
    """True for leaves and leaf-lists."""
    return node.kind in LEAVES
