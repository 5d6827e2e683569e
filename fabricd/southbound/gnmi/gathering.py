"""Leaf by leaf into whole trees: what a device sends in thousands of updates becomes one part for each root.

Called by reading. Knows no schema: list entries are told apart by the keys of their paths, names stay as they came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from fabricd.errors import DeviceProtocolError, DeviceTooLargeError
from fabricd.model.fetched import Part
from fabricd.model.path import ROOT, Path
from fabricd.southbound.gnmi.messages import Message, value_of

# An endless stream is cut off here. Leaf by leaf a switch of 1 MB of JSON sends about 5 MB.
_MOST_BYTES = 512 << 20

_Keys = tuple[tuple[str, str], ...]
_Steps = list[tuple[str, _Keys]]


class _Entries:
    """The entries of one list by their keys."""

    __slots__ = ("by_keys",)

    def __init__(self) -> None:
        self.by_keys: dict[_Keys, dict[str, Any]] = {}


class Gathering:
    """Collects notifications. `config`: what stands in a `state` container is left out, because OpenConfig keeps
    operational state there, and a subscription cannot ask for configuration alone."""

    def __init__(self, device: str, *, config: bool) -> None:
        self._device = device
        self._config = config
        self._tree: dict[str, Any] = {}
        self._size = 0

    def add(self, notification: Message) -> None:
        """Raises DeviceProtocolError for values that are no JSON and paths that contradict each other,
        DeviceTooLargeError for too much."""
        self._size += notification.ByteSize()
        if self._size > _MOST_BYTES:
            raise DeviceTooLargeError(f"the device sent more than {_MOST_BYTES >> 20} MB", device=self._device)
        before = _steps(notification.prefix)
        for update in notification.update:
            steps = before + _steps(update.path)
            if self._leaves_out(steps):
                continue
            data = value_of(update, self._device)
            if data is not None:
                self._take(steps, data)

    def _take(self, steps: _Steps, data: bytes) -> None:
        try:
            self._put(steps, orjson.loads(data))
        except ValueError as error:
            what = f"what is not JSON: {error.msg}" if isinstance(error, orjson.JSONDecodeError) else str(error)
            path = "".join(f"/{name}" + "".join(f"[{key}={value}]" for key, value in keys) for name, keys in steps)
            raise DeviceProtocolError(f"the device sent {what}", device=self._device, path=path) from error

    def _leaves_out(self, steps: _Steps) -> bool:
        """State; and the key leaf of an entry, which its path tells already: an entry of which only state is left
        would otherwise seem to be configured."""
        if len(steps) > 1 and any(key == steps[-1][0].rpartition(":")[2] for key, _ in steps[-2][1]):
            return True
        return self._config and any(name == "state" for name, _ in steps)

    def parts(self, roots: Sequence[Path]) -> Iterator[Part]:
        """One for each root that something is below, and one for what is outside of them. Empties the gathering."""
        for root in roots:
            if len(root) == 1 and not root.segments[0].keys:
                name, module = root.name, root.segments[0].module
                for spelled in (name, f"{module}:{name}"):
                    if spelled in self._tree:
                        yield Part(root, _text(self._tree.pop(spelled)))
        if self._tree:
            yield Part(ROOT, _text(self._tree))
            self._tree = {}

    def _put(self, steps: _Steps, value: Any) -> None:
        if not steps:
            self._merge(self._tree, _object(value))
            return
        node = self._tree
        for name, keys in steps[:-1]:
            node = _into(node, name, keys)
        name, keys = steps[-1]
        if keys:
            self._merge(_into(node, name, keys), _object(value))
        else:
            self._merge(node, {name: value})

    def _merge(self, into: dict[str, Any], value: dict[str, Any]) -> None:
        """Of configuration that is told twice there is no telling which is true; state may have changed meanwhile."""
        for name, held in value.items():
            known = into.get(name)
            if isinstance(known, dict) and isinstance(held, dict):
                self._merge(known, held)
            elif isinstance(known, _Entries):
                raise ValueError("a list twice, by entries and as a whole")
            elif isinstance(known, list) and isinstance(held, list) and any(isinstance(one, dict) for one in held):
                known += held
            elif self._config and name in into and known != held:
                raise ValueError("two different values")
            else:
                into[name] = held


def _steps(path: Message) -> _Steps:
    return [(elem.name, tuple(sorted(elem.key.items()))) for elem in path.elem]


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("something else where an object belongs")
    return value


def _into(node: dict[str, Any], name: str, keys: _Keys) -> dict[str, Any]:
    """The container, or the list entry with these keys, below `node`; made where it is missing."""
    held = node.get(name)
    if not keys:
        if held is None:
            held = node[name] = {}
        return _object(held)
    if held is None:
        held = node[name] = _Entries()
    if not isinstance(held, _Entries):
        raise ValueError("entries of a list and something else under one name")
    entry = held.by_keys.get(keys)
    if entry is None:
        entry = held.by_keys[keys] = dict(keys)
    return entry


def _text(value: Any) -> bytes:
    # Sorted members: a device may send leaves in another order each time, and equal bytes need no second look. Entries
    # keep their order, which may be the user's.
    return orjson.dumps(value, default=_entries, option=orjson.OPT_SORT_KEYS)


def _entries(value: _Entries) -> list[dict[str, Any]]:
    return list(value.by_keys.values())
