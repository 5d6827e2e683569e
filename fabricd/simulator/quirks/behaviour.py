"""How one switch behaves at what protocols have in common: its quirks applied to writes, to reads and to state.

Made by the switch when it has such quirks; asked by its datastore and its Live. The only owner of what quirks remember
(what is not in force yet, what flapped, which quirks were met). Knows neither protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from fabricd.schema.outline import Outline
from fabricd.simulator.engine import Edit, parse
from fabricd.simulator.quirks.appearance import Appearance
from fabricd.simulator.quirks.declaration import Quirks
from fabricd.simulator.quirks.flaps import Flap, Flaps, flapped, flapping, write_flaps
from fabricd.simulator.quirks.in_force import Dormant, Force
from fabricd.simulator.quirks.intake import Intake
from fabricd.simulator.quirks.places import tree_copied
from fabricd.simulator.request import parts_of
from fabricd.simulator.state import View, full_tree
from fabricd.simulator.tree import Object, Place, keep, merge


@dataclass(slots=True)
class Taken:
    """An edit as the switch takes it: an Edit itself. `flapped` is known once it has run."""

    behaviour: Behaviour
    edit: Edit | None
    running: bytes
    final: bool
    flapped: frozenset[Place] = field(default=frozenset())

    def __call__(self, tree: Object) -> None:
        self.flapped = self.behaviour.carry_out(self.edit, tree, self.running, final=self.final)


class Behaviour:
    """Its methods that take or give trees run in workers; `accepted`, `changed` and `forget` in the event loop."""

    def __init__(
        self,
        outline: Outline,
        quirks: Quirks,
        ports: tuple[str, ...],
        clock: Callable[[], int],
    ) -> None:
        """`clock` gives nanoseconds since 1970. Raises InputError for a path in quirks that the models do not have."""
        self._outline = outline
        self._clock = clock
        self._intake = Intake(outline, quirks, ports)
        self._force = Force(outline, quirks)
        self._flapping = flapping(outline) if quirks.replace_flaps else ()
        self._dormant: Dormant = frozenset()
        self._flaps: Flaps = {}
        self.appearance = Appearance(outline, quirks)
        self.met: set[str] = set()
        """Quirks that made a difference so far, by their names; of protocols too."""

    def __bool__(self) -> bool:
        """Whether there is anything in which this switch differs."""
        return bool(self._intake or self._force or self._flapping or self.appearance)

    # Writes

    def taking(self, edit: Edit | None, running: bytes, *, final: bool = True) -> Taken:
        """The edit (None: none, as for a commit) with what this switch makes of it, `running` being what runs until
        then. `final`: the result is about to run, or to be checked as if it were; otherwise it is one operation on the
        candidate. It raises InputError with the path of what is refused."""
        return Taken(self, edit, running, final)

    def carry_out(self, edit: Edit | None, tree: Object, running: bytes, *, final: bool) -> frozenset[Place]:
        """Edit a tree; what flaps by it."""
        parts = parts_of(edit) if edit is not None else ()
        candidate = {} if final else tree_copied(tree)
        for part in parts:
            noted = self._intake.noted(tree) if self._intake.in_parts else None
            part.edit(tree)
            if noted is not None:
                self.met |= self._intake.part(noted, tree)
        if not final:
            self._intake.candidate(candidate, tree, self.met.add)
            return frozenset()
        before = parse(running)
        self._intake.whole(before, tree, self.met.add)
        return flapped(before, tree, [part.replaced for part in parts if part.replaced is not None], self._flapping)

    def accepted(self, taken: Taken) -> None:
        """A taken edit runs now."""
        for place in taken.flapped:
            times = self._flaps[place].times if place in self._flaps else 0
            # A worker may be at the ones before: they are replaced, not changed.
            self._flaps = {**self._flaps, place: Flap(times + 1, self._clock())}
            self.met.add("replace_flaps")

    def changed(self, before: bytes, after: bytes) -> None:
        """Another configuration runs."""
        if self._force.remembers:
            self._dormant = self._force.dormant(parse(before), parse(after), self._dormant)

    def forget(self) -> None:
        """The switch started anew."""
        self._dormant = frozenset()
        self._flaps = {}

    # Reads

    def shown(self, config: bytes, salt: int) -> bytes:
        """A configuration as it is shown."""
        tree = parse(config)
        self.met |= self.appearance.present(tree, salt) | self.appearance.omit(tree)
        self.met |= self.appearance.disorder(tree, salt)
        return orjson.dumps(tree)

    def in_force(self, config: bytes, salt: int = 0) -> Object:
        """What of a configuration is in force, with what is there besides."""
        tree = parse(config)
        self.met |= self.appearance.present(tree, salt) | self._force.reduce(tree, self._dormant)
        return tree

    def full_tree(self, config: bytes, view: View, salt: int) -> Object:
        """Configuration as it is shown and state as it is in force, in one tree."""
        state = full_tree(self._outline, self.in_force(config, salt), view)
        write_flaps(state, self._flaps)
        self.appearance.take_out(state)
        shown = parse(config)
        self.appearance.present(shown, salt)
        self.met |= self.appearance.omit(shown)
        root = self._outline.root
        merge(shown, keep(state, root, lambda node: not node.config), root)
        self.met |= self.appearance.disorder(shown, salt)
        return shown
