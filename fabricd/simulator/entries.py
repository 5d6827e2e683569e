"""Entries of lists by their keys, found in a time that does not grow with the list.

Made for each edit by both protocols, and gone with it. Knows no path; what it finds belongs to the tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fabricd.schema.outline import Node
from fabricd.simulator.values import Json, comparable, to_text

Key = tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """A list, and how many of its values are known; holding it keeps its id from being given to another."""

    values: list[Json]
    count: int = 0
    by_key: dict[Key, Json] = field(default_factory=dict)


class Entries:
    """Mutable, for one edit. A list it has seen may grow at its end, or be put in another order once it has been looked
    for what is new; whoever takes a value out says so."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}

    def find(self, values: list[Json], key: Key, node: Node) -> Json:
        """The entry of a list with this key, or the value of a leaf-list that is written like this; None for none."""
        seen = self._seen.get(id(values))
        if seen is None:
            seen = self._seen[id(values)] = _Seen(values)
        while seen.count < len(values):
            value = values[seen.count]
            seen.by_key.setdefault(key_of(value, node), value)
            seen.count += 1
        return seen.by_key.get(key)

    def add(self, values: list[Json], key: Key, value: Json, node: Node) -> None:
        """Put a value that `find` does not find at the end of its list: found from now on, wherever it is moved."""
        values.append(value)
        self.find(values, key, node)

    def take_out(self, values: list[Json], key: Key, node: Node) -> None:
        """Take what `find` finds out of its list."""
        value = self.find(values, key, node)
        seen = self._seen[id(values)]
        del seen.by_key[key]
        del values[next(at for at, one in enumerate(values) if one is value)]
        seen.count -= 1


def key_of(value: Json, node: Node) -> Key:
    """What a value of a list or leaf-list is found by."""
    if not isinstance(value, dict):
        return (to_text(value),)
    return key_of_texts({name: to_text(value.get(name)) for name in node.keys}, node)


def key_of_texts(texts: Mapping[str, str], node: Node) -> Key:
    """What an entry with these keys is found by: identities count with and without their modules."""
    found = []
    for name in node.keys:
        leaf = node.child(name)
        assert leaf is not None
        assert leaf.value is not None
        found.append(comparable(leaf.value, texts[name]))
    return tuple(found)
