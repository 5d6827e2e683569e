"""What a subscriber knows of a switch, leaf by leaf, and what is to be told of the difference to what is there now.

Called by Subscribe in workers. Pure (gnmi specification section 3.5.2.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fabricd.schema.outline import Node, NodeKind
from fabricd.simulator.gnmi_extension import shallow
from fabricd.simulator.tree import Object, Place, leaves, select
from fabricd.simulator.values import Json


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf or leaf-list. `top` is the length of the subscribed path. `atomic` is the length of the path of the
    container that can only be told as a whole, since the order of a list in it counts; None for most leaves."""

    place: Place
    value: Json
    top: int
    atomic: int | None = None


Leaves = dict[str, Leaf]
"""By path as text, in the order of the tree."""


@dataclass(frozen=True, slots=True)
class Changes:
    """`wholes`: containers that are told as a whole, with all leaves in them."""

    updates: tuple[Leaf, ...] = ()
    deletes: tuple[Place, ...] = ()
    wholes: tuple[tuple[Place, tuple[Leaf, ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.updates or self.deletes or self.wholes)


def collect(root: Node, tree: Object, places: Iterable[Place], depth: int, wanted: Callable[[Node], bool]) -> Leaves:
    """The leaves below these places, down to `depth` levels (0: all of them), of nodes that are wanted."""
    found: Leaves = {}
    for place in places:
        for under, value in select(tree, place.steps):
            node = under.node or root
            for leaf, held in leaves(shallow(node, value, depth), node, under.steps):
                assert leaf.node is not None
                if wanted(leaf.node):
                    found[str(leaf)] = Leaf(leaf, held, len(place.steps), _atomic(leaf, len(place.steps)))
    return found


def difference(known: Leaves, now: Leaves) -> Changes:
    """What to tell somebody who knows the one of the other. What went is told as high up as nothing is left of it."""
    then_whole, now_whole = _wholes(known), _wholes(now)
    updates = [
        leaf
        for text, leaf in now.items()
        if leaf.atomic is None and (text not in known or known[text].value != leaf.value)
    ]
    gone = [
        leaf
        for text, leaf in known.items()
        if text not in now and not (leaf.atomic is not None and _prefix(leaf, leaf.atomic) in now_whole)
    ]
    wholes = [
        (Place(held[0].place.steps[: held[0].atomic]), tuple(held))
        for text, held in now_whole.items()
        if not _alike(then_whole.get(text, []), held)
    ]
    return Changes(tuple(updates), tuple(_highest(gone, now)) if gone else (), tuple(wholes))


def _atomic(leaf: Place, top: int) -> int | None:
    for at, step in enumerate(leaf.steps):
        if step.node.kind is NodeKind.LIST and step.node.user_ordered:
            return at if at >= top else None
    return None


def _wholes(known: Leaves) -> dict[str, list[Leaf]]:
    found: dict[str, list[Leaf]] = {}
    for leaf in known.values():
        if leaf.atomic is not None:
            found.setdefault(_prefix(leaf, leaf.atomic), []).append(leaf)
    return found


def _alike(then: list[Leaf], now: list[Leaf]) -> bool:
    """Whether the same leaves with the same values stand in the same order."""
    return [(leaf.place, leaf.value) for leaf in then] == [(leaf.place, leaf.value) for leaf in now]


def _prefix(leaf: Leaf, length: int) -> str:
    return str(Place(leaf.place.steps[:length]))


def _highest(gone: Iterable[Leaf], now: Leaves) -> Iterator[Place]:
    left = {prefix for leaf in now.values() for prefix in _prefixes(leaf.place)}
    told: set[str] = set()
    for leaf in gone:
        for length, prefix in enumerate(_prefixes(leaf.place), 1):
            if length < leaf.top or prefix in left:
                continue
            if prefix not in told:
                told.add(prefix)
                yield Place(leaf.place.steps[:length])
            break


def _prefixes(place: Place) -> Iterator[str]:
    text = ""
    for step in place.steps:
        text = f"{text}/{step}"
        yield text
