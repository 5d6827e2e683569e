"""Fragments of a device's OpenConfig tree, and how fragments of several concerns become one.

Made by every concern of the compiler, merged by compile.py. Knows no schema: lists carry their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fabricd.errors import InputError, Problem


class Entries(dict[tuple[Any, ...], dict[str, Any]]):
    """A keyed list: entries by key values. Order of insertion is the order of a user-ordered list."""


def keyed(keys: str | tuple[str, ...], entries: Iterable[dict[str, Any]]) -> Entries:
    """Entries from list items as RFC 7951 has them; `keys` are the names of the key leaves, which items contain."""
    names = (keys,) if isinstance(keys, str) else keys
    return Entries((tuple(entry[name] for name in names), entry) for entry in entries)


def merged(fragments: Iterable[Mapping[str, Any]], device: str = "") -> dict[str, Any]:
    """All fragments as one tree. Two concerns may say the same of a leaf, never different things: InputError.

    No fragment is changed, and none is copied where nothing is added to it: the tree shares the rest with them, so
    whoever gets it must not change it either.
    """
    tree: dict[str, Any] = {}
    ours: dict[int, dict[Any, Any]] = {id(tree): tree}
    for fragment in fragments:
        _merge(tree, fragment, ours, device, "")
    return tree


def rendered(tree: Any) -> Any:
    """The tree as plain RFC 7951 JSON values; empty containers and lists left out."""
    if isinstance(tree, Entries):
        return [rendered(entry) for entry in tree.values()]
    if not isinstance(tree, dict):
        return tree
    found = {}
    for name, value in tree.items():
        # Nearly all values are plain ones, and large fabrics have tens of millions of them.
        kind = type(value)
        if kind is str or kind is int or kind is bool:
            found[name] = value
        elif isinstance(value, dict):
            if value and (inner := rendered(value)):
                found[name] = inner
        elif value is not None and value != []:
            found[name] = value
    return found


def _merge(
    into: dict[Any, Any], more: Mapping[Any, Any], ours: dict[int, dict[Any, Any]], device: str, place: str
) -> None:
    """`ours` are the dictionaries that this merge made and may change, by identity (kept, so that ids stay theirs)."""
    for name, value in more.items():
        held = into.get(name)
        if held is None:
            into[name] = value
        elif held is value:
            continue
        elif isinstance(held, dict) and isinstance(value, dict):
            if id(held) not in ours:
                held = into[name] = Entries(held) if isinstance(held, Entries) else dict(held)
                ours[id(held)] = held
            _merge(held, value, ours, device, _below(place, name))
        elif isinstance(held, list) and isinstance(value, list):
            into[name] = held + [one for one in value if one not in held]
        elif held != value:
            message = f"is to be {held!r} and {value!r} at once"
            raise InputError.of([Problem(message, device=device, path=_below(place, name))])


def _below(place: str, name: Any) -> str:
    return f"{place}/{name}" if isinstance(name, str) else f"{place}[{','.join(map(str, name))}]"
