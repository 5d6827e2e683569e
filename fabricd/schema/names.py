"""Names that a device uses for entries of its own: translated at the border, both ways, wherever they are referred to.

Made by Schema.names, used by plan. Works on plain values and schema nodes; must not know why a name differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from fabricd.errors import InputError
from fabricd.model.device import Alias
from fabricd.model.edit import Edit
from fabricd.model.path import Path, Segment
from fabricd.schema import raw
from fabricd.schema.context import Context
from fabricd.schema.device import contradiction
from fabricd.schema.loose import members_once
from fabricd.schema.nodes import Kind, SchemaNode
from fabricd.schema.references import Chain

_INSTANCE = Path.parse("/openconfig-network-instance:network-instances/network-instance")
_MEMBER = Path((*_INSTANCE.segments, Segment("interfaces"), Segment("interface")))

_Renaming = Mapping[str, str]


@dataclass(slots=True)
class _Table:
    """One direction: what a value becomes, by leaf; `members` by the instance (its canonical name) that it is in."""

    leaves: dict[int, _Renaming] = field(default_factory=dict)
    members: dict[str, _Renaming] = field(default_factory=dict)
    canonical: bool = False  # instances are called by their canonical names in what is read


class Names:
    """The names of one device. `desired` is its canonical tree, from which ids NAME.INDEX get their names.

    Renamings are one to one: an entry that has the device's name already swaps names with the one that gets it, so that
    no two entries become one.
    """

    def __init__(self, context: Context, aliases: Iterable[Alias], *, interface_refs: bool, desired: bytes) -> None:
        self._context = context
        self._out = _Table(canonical=True)
        self._in = _Table()
        self._way: set[int] = set()
        self._member_leaves: set[int] = set()
        self._list = context.nodes.along(_INSTANCE)
        for (path, key), renaming in _by_list(aliases).items():
            for chain in self._leaves(path, key):
                self._out.leaves[raw.address(chain[-1].pointer)] = renaming
                self._in.leaves[raw.address(chain[-1].pointer)] = {new: old for old, new in renaming.items()}
        if interface_refs:
            for chain in self._leaves(_MEMBER, "id"):
                self._member_leaves.add(raw.address(chain[-1].pointer))
            for instance, renaming in _dotted(desired).items():
                self._out.members[instance] = renaming
                self._in.members[instance] = {new: old for old, new in renaming.items()}

    def inward(self, config: bytes) -> bytes:
        """A device's configuration in canonical names. Raises DeviceProtocolError for a leaf that it has twice."""
        try:
            return self._translated(config, self._in)
        except InputError as error:
            raise contradiction(error) from error

    def outward(self, config: bytes) -> bytes:
        """A canonical configuration in the device's names."""
        return self._translated(config, self._out)

    def outward_path(self, path: Path) -> Path:
        """A canonical path in the device's names."""
        along = self._context.nodes.along(path)
        return path if along is None else self._path(along, path, self._out)[0]

    def outward_edit(self, edit: Edit) -> Edit:
        """An edit of canonical names in the device's: path, values and position."""
        along = self._context.nodes.along(edit.path)
        if along is None:
            return edit
        path, instance = self._path(along, edit.path, self._out)
        return replace(
            edit,
            path=path,
            old=self._text(along[-1], edit.old, instance),
            new=self._text(along[-1], edit.new, instance),
            after=self._after(along[-1], edit.after, instance),
        )

    def _leaves(self, path: Path, key: str) -> list[Chain]:
        """The key of the list at `path`, its mirror in `config`, and what refers to either; none where the models do
        not have it (a profile may serve several model sets)."""
        along = self._context.nodes.along(path)
        leaf = along[-1].child(key) if along and along[-1].kind is Kind.LIST else None
        if along is None or leaf is None:
            return []
        ends: list[Chain] = [(*along, leaf)]
        config = along[-1].child("config")
        mirror = config.child(key) if config is not None else None
        if config is not None and mirror is not None:
            ends.append((*along, config, mirror))
        found = self._context.references.group(*ends)
        self._way.update(raw.address(node.pointer) for chain in found for node in chain)
        return found

    def _translated(self, config: bytes, table: _Table) -> bytes:
        if not table.leaves and not table.members:
            return config
        return orjson.dumps(self._members(None, members_once(config), table, ""))

    def _members(self, node: SchemaNode | None, value: dict[str, Any], table: _Table, instance: str) -> dict[str, Any]:
        if node is not None and self._list is not None and node is self._list[-1]:
            (key,) = node.keys
            called = value.get(key.name, value.get(key.qualified))
            instance = self._instance_of(called, table) if isinstance(called, str) else instance
        for name, held in value.items():
            child = self._context.nodes.member(node, name)
            if child is not None and raw.address(child.pointer) in self._way:
                value[name] = self._value(child, held, table, instance)
        return value

    def _value(self, node: SchemaNode, value: Any, table: _Table, instance: str) -> Any:
        if isinstance(value, dict):
            return self._members(node, value, table, instance)
        if isinstance(value, list):
            return [self._value(node, one, table, instance) for one in value]
        return self._name(node, value, table, instance) if isinstance(value, str) else value

    def _name(self, node: SchemaNode, value: str, table: _Table, instance: str) -> str:
        at = raw.address(node.pointer)
        renaming = table.members.get(instance, {}) if at in self._member_leaves else table.leaves.get(at, {})
        return renaming.get(value, value)

    def _instance_of(self, name: str, table: _Table) -> str:
        """The canonical name of a network instance that is called `name` in what is read."""
        if table.canonical or self._list is None:
            return name
        (key,) = self._list[-1].keys
        return self._name(key, name, table, "")

    def _path(self, along: tuple[SchemaNode, ...], path: Path, table: _Table) -> tuple[Path, str]:
        """The path in the table's names, and the instance that it leads into."""
        segments: list[Segment] = []
        instance = ""
        for node, segment in zip(along, path.segments, strict=True):
            if self._list is not None and node is self._list[-1]:
                instance = self._instance_of(dict(segment.keys).get("name", ""), table)
            keys = self._keys(node, segment, table, instance)
            value = None if segment.value is None else self._name(node, segment.value, table, instance)
            segments.append(replace(segment, keys=keys, value=value))
        return Path(tuple(segments)), instance

    def _keys(self, node: SchemaNode, segment: Segment, table: _Table, instance: str) -> tuple[tuple[str, str], ...]:
        known = {key.name: key for key in node.keys}
        return tuple(
            (name, self._name(known[name], value, table, instance) if name in known else value)
            for name, value in segment.keys
        )

    def _text(self, node: SchemaNode, value: str | None, instance: str) -> str | None:
        if value is None or raw.address(node.pointer) not in self._way:
            return value
        held = self._value(node, orjson.loads(value), self._out, instance)
        return orjson.dumps(held).decode()

    def _after(self, node: SchemaNode, after: str | None, instance: str) -> str | None:
        if not after:
            return after
        if node.kind is Kind.LEAF_LIST:
            return self._name(node, after, self._out, instance)
        anchor = Path.parse(f"/{node.name}{after}").segments[0]
        return str(Segment("", "", self._keys(node, anchor, self._out, instance)))


def _by_list(aliases: Iterable[Alias]) -> dict[tuple[Path, str], _Renaming]:
    found: dict[tuple[Path, str], dict[str, str]] = {}
    for alias in aliases:
        found.setdefault((alias.path, alias.key), {})[alias.name] = alias.device_name
    return {place: _one_to_one(renaming) for place, renaming in found.items()}


def _dotted(desired: bytes) -> dict[str, _Renaming]:
    """By instance: the ids of its interfaces, and what they are called where ids are NAME.INDEX."""
    if not desired.strip():
        return {}
    instances = orjson.loads(desired).get("openconfig-network-instance:network-instances", {})
    found: dict[str, _Renaming] = {}
    for instance in instances.get("network-instance", ()):
        renaming: dict[str, str] = {}
        for member in instance.get("interfaces", {}).get("interface", ()):
            config = member.get("config", {})
            if "interface" in config:
                renaming[member["id"]] = f"{config['interface']}.{config.get('subinterface', 0)}"
        found[instance["name"]] = _one_to_one(renaming)
    return found


def _one_to_one(renaming: Mapping[str, str]) -> _Renaming:
    """The same as a permutation: of two that would get the same name only the first does, and a name that is given
    away but not received goes to where the chain of renamings began."""
    taken: set[str] = set()
    out: dict[str, str] = {}
    for old, new in renaming.items():
        if old != new and new not in taken:
            out[old] = new
            taken.add(new)
    for first in [old for old in out if old not in taken]:
        last = first
        while last in out:
            last = out[last]
        out[last] = first
    return out
