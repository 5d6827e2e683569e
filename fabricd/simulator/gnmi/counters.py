"""Counters that lag behind or are missing, as the quirks late_counters and missing_counter have it.

Called by Get and Subscribe of one simulated switch, with trees of configuration and state. Knows no request.
"""

from __future__ import annotations

from collections.abc import Iterator

from fabricd.model.path import Path
from fabricd.schema.outline import Node, Outline
from fabricd.simulator.live import Live
from fabricd.simulator.tree import Object, Place, Step, concrete, select
from fabricd.simulator.values import Json

_NANOSECONDS = 1_000_000_000
_COUNTERS = "counters"


class LateCounters:
    """The counters of one switch as they are shown. Owns those that were collected last."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._collected: dict[str, Json] = {}
        self._time = 0

    def age(self, tree: Object, now: int) -> None:
        """Put the counters that were collected last into a tree of `now` (nanoseconds), unless they are older than the
        quirk has it; then these are the new ones. Does nothing without the quirk."""
        late = self._live.quirks.late_counters
        if not late:
            return
        found = list(_counters(tree, self._live.outline.root, ()))
        if not self._collected or not 0 <= now - self._time < late * _NANOSECONDS:
            self._collected, self._time = {place: holder[member] for place, holder, member in found}, now
            return
        self._live.meet("late_counters")
        for place, holder, member in found:
            if place in self._collected:
                holder[member] = self._collected[place]
            else:
                del holder[member]


def missing(live: Live, place: Place, value: Json) -> str:
    """The path of the counter that the quirk takes away, when there is one at or below this place; else ""."""
    text = live.quirks.missing_counter
    gap = steps_of(live.outline, text)
    own = [step.node for step in place.steps]
    if not gap or [step.node for step in gap[: len(own)]] != own:
        return ""
    rest = gap[len(own) :]
    if rest and not (isinstance(value, dict) and any(True for _ in select(value, rest))):
        return ""
    live.meet("missing_counter")
    return text


def steps_of(outline: Outline, text: str) -> tuple[Step, ...]:
    """A path of a quirk, without keys, in the models; empty where they lack it, and for no path."""
    if not text:
        return ()
    node: Node | None = outline.root
    steps = []
    for segment in Path.parse(text).segments:
        node = node.child(segment.name) if node is not None else None
        if node is None:
            return ()
        steps.append(Step(node))
    return tuple(steps)


def _counters(data: Object, node: Node, above: tuple[Step, ...]) -> Iterator[tuple[str, Object, str]]:
    """Every container of counters: its place as text, the object that holds it, and under which member."""
    for member, value in data.items():
        child = node.child(member)
        assert child is not None
        if isinstance(value, dict):
            step = Step(child)
            if child.name == _COUNTERS:
                yield str(Place((*above, step))), data, member
            else:
                yield from _counters(value, child, (*above, step))
        elif isinstance(value, list) and child.keys:
            for entry in value:
                assert isinstance(entry, dict)
                yield from _counters(entry, child, (*above, concrete(entry, child)))
