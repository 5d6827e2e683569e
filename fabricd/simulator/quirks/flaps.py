"""A replace that deletes and adds: what goes down and up with it, and what the state tells of that (quirk 20).

Called by the behaviour of a switch. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fabricd.schema.outline import Outline
from fabricd.simulator.facts import below
from fabricd.simulator.quirks.places import is_leaf, set_values
from fabricd.simulator.state import Branch
from fabricd.simulator.tree import Object, Place, Step, select
from fabricd.simulator.values import same


@dataclass(frozen=True, slots=True)
class Flap:
    """How often something went down and up, and when last, in nanoseconds since 1970."""

    times: int
    last: int


Flaps = Mapping[Place, Flap]
"""By the place of an interface or a BGP neighbour."""

_FLAPPING = ("/interfaces/interface", "/network-instances/network-instance/protocols/protocol/bgp/neighbors/neighbor")


def flapping(outline: Outline) -> tuple[Place, ...]:
    """What can go down and up: the lists of interfaces and of BGP neighbours, as far as the models have them."""
    found = []
    for text in _FLAPPING:
        node, steps = outline.root, []
        for name in text.split("/")[1:]:
            child = node.child(name)
            if child is None:
                break
            node = child
            steps.append(Step(child))
        else:
            found.append(Place(tuple(steps)))
    return tuple(found)


def flapped(before: Object, after: Object, replaced: Iterable[Place], lists: Iterable[Place]) -> frozenset[Place]:
    """The entries of `lists` that were there, are there, and had themselves or something in them (more than a leaf)
    replaced."""
    wide = [place for place in replaced if place.node is None or not is_leaf(place.node)]
    if not wide:
        return frozenset()
    left = {place for one in lists for place in set_values(after, one)}
    there = {place for one in lists for place in set_values(before, one)} & left
    return frozenset(place for place in there if any(_meet(place, one) for one in wide))


def _meet(entry: Place, replaced: Place) -> bool:
    """Whether one of the two places lies in the other, or they are the same."""
    return all(_same(a, b) for a, b in zip(entry.steps, replaced.steps, strict=False))


def _same(a: Step, b: Step) -> bool:
    if a.node is not b.node:
        return False
    own = dict(a.keys)
    for name, text in b.keys:
        leaf = a.node.child(name)
        assert leaf is not None
        assert leaf.value is not None
        if not same(leaf.value, own[name], text):
            return False
    return True


def write_flaps(tree: Object, flaps: Flaps) -> None:
    """Put what flapped into the state of a full tree, on top of what stands there."""
    for place, flap in flaps.items():
        for _, entry in select(tree, place.steps):
            assert isinstance(entry, dict)
            state = Branch(place.node, entry).container("state")
            if place.steps[-1].node.name == "interface":
                state.leaf("last-change", flap.last)
                state.container("counters").leaf("carrier-transitions", 2 * flap.times)
                continue
            up = below(entry, "state").get("session-state") == "ESTABLISHED"
            state.leaf("established-transitions", flap.times + int(up))
            if up:
                state.leaf("last-established", flap.last)
