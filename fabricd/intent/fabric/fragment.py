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
    """All fragments as one tree. Two concerns may say the same of a leaf, never different things: InputError."""
    tree: dict[str, Any] = {}
    for fragment in fragments:
        _merge(tree, fragment, device, "")
    return tree


def rendered(tree: Any) -> Any:
    """The tree as plain RFC 7951 JSON values; empty containers and lists left out."""
    if isinstance(tree, Entries):
        return [rendered(entry) for entry in tree.values()]
    if isinstance(tree, dict):
        found = {name: rendered(value) for name, value in tree.items()}
        return {name: value for name, value in found.items() if value not in ({}, [], None)}
    return tree


def _merge(into: dict[Any, Any], more: Mapping[Any, Any], device: str, place: str) -> None:
    for name, value in more.items():
        held = into.get(name)
        here = f"{place}/{name}" if isinstance(name, str) else f"{place}[{','.join(map(str, name))}]"
        if held is None:
            # Copied, so that a fragment that is used for many devices is never changed by one of them.
            into[name] = _copy(value)
        elif isinstance(held, dict) and isinstance(value, dict):
            _merge(held, value, device, here)
        elif isinstance(held, list) and isinstance(value, list):
            into[name] = held + [one for one in value if one not in held]
        elif held != value:
            raise InputError.of([Problem(f"is to be {held!r} and {value!r} at once", device=device, path=here)])


def _copy(value: Any) -> Any:
    if isinstance(value, Entries):
        return Entries((key, _copy(entry)) for key, entry in value.items())
    if isinstance(value, dict):
        return {name: _copy(one) for name, one in value.items()}
    return list(value) if isinstance(value, list) else value
