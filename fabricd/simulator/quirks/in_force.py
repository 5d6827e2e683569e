"""What quirks keep from taking effect: how the configuration in force differs from what is shown (19, 24, 28, 29).

Called by the behaviour of a switch; its state, and what its neighbours see, follow from the tree made here. Pure.
"""

from __future__ import annotations

from fabricd.schema.outline import Outline
from fabricd.simulator.facts import entries
from fabricd.simulator.quirks.declaration import Quirks
from fabricd.simulator.quirks.intake import FAMILIES, INSTANCES, INTERFACES, bound_of
from fabricd.simulator.quirks.places import bound, fill, set_values, settings
from fabricd.simulator.tree import Object, Place, remove
from fabricd.simulator.values import to_text

Dormant = frozenset[Place]
"""Places of what is shown and not in force."""


class Force:
    """The quirks of one switch that act on what is in force."""

    def __init__(self, outline: Outline, quirks: Quirks) -> None:
        """Raises InputError for a path that the models do not have."""
        self._commands = settings(outline, "cli_values", quirks.cli_values)
        self._ignored = tuple(bound(outline, "never_programs", text) for text in quirks.never_programs)
        self._membership = quirks.explicit_membership
        self._features = tuple(
            (bound(outline, "feature_first", feature, leaf=True), bound(outline, "feature_first", subtree))
            for feature, subtree in quirks.feature_first.items()
        )

    def __bool__(self) -> bool:
        return bool(self._commands or self._ignored or self._membership or self._features)

    @property
    def remembers(self) -> bool:
        """Whether what is in force depends on how the configuration came about."""
        return bool(self._features)

    def reduce(self, tree: Object, dormant: Dormant) -> set[str]:
        """Make a tree the one that is in force; the names of the quirks that made a difference."""
        met: set[str] = set()
        if sum(fill(tree, setting, overwrite=True) for setting in self._commands):
            met.add("cli_values")
        if sum(remove(tree, place.steps) for place in self._ignored):
            met.add("never_programs")
        if sum(remove(tree, place.steps) for place in dormant):
            met.add("feature_first")
        if self._membership and take_down_unbound(tree):
            met.add("explicit_membership")
        return met

    def dormant(self, before: Object, after: Object, known: Dormant) -> Dormant:
        """19. What is not in force after a change: what came or changed together with its feature, until it is changed
        without it."""
        found: set[Place] = set()
        for feature, subtree in self._features:
            had, has = set_values(before, subtree), set_values(after, subtree)
            changed = {place for place, value in has.items() if had.get(place) != value}
            if set_values(before, feature) != set_values(after, feature):
                found |= changed | (known & has.keys())
            else:
                found |= (known & has.keys()) - changed
        return frozenset(found)


def take_down_unbound(tree: Object) -> bool:
    """29. Subinterfaces that are in no network instance have no addresses."""
    members = {
        bound_of(member)
        for instance in entries(tree, *INSTANCES)
        for member in entries(instance, "interfaces", "interface")
    }
    down = False
    for interface in entries(tree, *INTERFACES):
        name = to_text(interface.get("name"))
        places = [(to_text(one.get("index")), one) for one in entries(interface, "subinterfaces", "subinterface")]
        if isinstance(routed := interface.get("openconfig-vlan:routed-vlan"), dict):
            places.append(("0", routed))
        for index, place in places:
            if (name, index) not in members:
                for family in FAMILIES:
                    down |= place.pop(family, None) is not None
    return down
