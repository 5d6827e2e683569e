"""Schema nodes: what the models say about each place in a tree, looked up by name or by libyang's pointer.

Used by every other file of this room; NodeInfo also leaves it. Knows no data.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from fabricd.model.path import Path, Segment
from fabricd.schema import raw, raw_context, raw_schema


class Kind(StrEnum):
    CONTAINER = "container"
    LIST = "list"
    LEAF = "leaf"
    LEAF_LIST = "leaf-list"
    ANYDATA = "anydata"


_KINDS = {
    raw.CONTAINER: Kind.CONTAINER,
    raw.LIST: Kind.LIST,
    raw.LEAF: Kind.LEAF,
    raw.LEAF_LIST: Kind.LEAF_LIST,
}


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """What the models say about one node. `default` is the canonical default of a leaf, None where it has none;
    `config` is False for state."""

    name: str
    module: str
    namespace: str
    kind: Kind
    config: bool
    keys: tuple[str, ...] = ()
    user_ordered: bool = False
    presence: bool = False
    default: str | None = None


class SchemaNode:
    """One schema node. Lives as long as its context and never leaves the thread."""

    def __init__(self, pointer: Any, nodes: SchemaNodes) -> None:
        self.pointer = pointer
        self._nodes = nodes
        self.name = raw.text(pointer.name)
        self.module = raw.text(pointer.module.name)
        self.namespace = raw.text(pointer.module.ns)
        self.qualified = f"{self.module}:{self.name}"
        self.kind = _KINDS.get(pointer.nodetype, Kind.ANYDATA)
        self.is_state = bool(pointer.flags & raw.STATE)
        self.is_key = bool(pointer.flags & raw.KEY)
        self.mandatory = self.kind is Kind.LEAF and bool(pointer.flags & raw.MANDATORY)
        self.user_ordered = bool(pointer.flags & raw.USER_ORDERED) and self.kind in (Kind.LIST, Kind.LEAF_LIST)
        self.presence = bool(pointer.flags & raw.PRESENCE) and self.kind is Kind.CONTAINER

    @cached_property
    def keys(self) -> tuple[SchemaNode, ...]:
        if self.kind is not Kind.LIST:
            return ()
        return tuple(node for node in self.members.values() if node.is_key)

    @cached_property
    def members(self) -> dict[str, SchemaNode]:
        """Children by qualified name, in schema order."""
        return self._nodes.below(self.pointer)

    @cached_property
    def by_name(self) -> dict[str, tuple[SchemaNode, ...]]:
        return _by_name(self.members)

    @cached_property
    def holds_lists(self) -> bool:
        """Whether this is a list or leaf-list, or has one below."""
        return self.kind in (Kind.LIST, Kind.LEAF_LIST) or any(node.holds_lists for node in self.members.values())

    @cached_property
    def with_lists(self) -> dict[str, SchemaNode]:
        """The children that are or hold lists, by the names that RFC 7951 (section 4) gives their members."""
        return {
            node.name if node.module == self.module else node.qualified: node
            for node in self.members.values()
            if node.holds_lists
        }

    @cached_property
    def defaults(self) -> tuple[str, ...]:
        if self.kind not in (Kind.LEAF, Kind.LEAF_LIST):
            return ()
        return raw_schema.defaults_of(self.pointer, self._nodes.context)

    @cached_property
    def base_types(self) -> frozenset[int]:
        kind = raw_schema.type_of(self.pointer)
        return frozenset() if kind is None else raw_schema.base_types(kind)

    @cached_property
    def _values(self) -> dict[str, tuple[int, str] | None]:
        return {}

    def check(self, value: str) -> tuple[int, str] | None:
        """(base type, canonical value) of a leaf's value in RFC 7951 spelling, None when it may not have it."""
        known = self._values
        if value not in known:
            if len(known) > 4096:
                known.clear()
            # NUL cannot stand in a C string, nor in any YANG string.
            known[value] = None if "\0" in value else raw_schema.check_value(self._nodes.context, self.pointer, value)
        return known[value]

    def refusal(self, value: str) -> str:
        """Why a leaf may not have this value, in the words of its model or else of libyang; empty when it may."""
        return "" if "\0" in value else raw_schema.refusal(self._nodes.context, self.pointer, value)

    def accept(self, value: str) -> tuple[int, str] | None:
        """The same for a value as devices and gNMI paths spell it: an identity bare, or behind a YANG prefix."""
        found = self.check(value)
        if found is None and raw.TYPE_IDENTITY in self.base_types:
            bare = value.rpartition(":")[2]
            for module in self._nodes.identity_modules:
                if (found := self.check(f"{module}:{bare}")) is not None:
                    break
        return found

    def child(self, name: str, module: str = "") -> SchemaNode | None:
        """A child by name. Without a module: the one of the same module as this node, else the only one."""
        if module:
            return self.members.get(f"{module}:{name}")
        own = self.members.get(f"{self.module}:{name}")
        if own is not None:
            return own
        found = self.by_name.get(name, ())
        return found[0] if len(found) == 1 else None

    def member(self, name: str) -> SchemaNode | None:
        """A child by the name of a JSON member, qualified or not."""
        found = self.members.get(name)
        if found is not None:
            return found
        module, _, bare = name.rpartition(":")
        return None if module else self.child(bare)

    @cached_property
    def info(self) -> NodeInfo:
        return NodeInfo(
            self.name,
            self.module,
            self.namespace,
            self.kind,
            not self.is_state,
            tuple(key.name for key in self.keys),
            self.user_ordered,
            self.presence,
            self.defaults[0] if self.kind is Kind.LEAF and self.defaults else None,
        )


class SchemaNodes:
    """All schema nodes of one context, found lazily. `modules` maps namespaces to module names."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self._known: dict[int, SchemaNode] = {}
        self._paths: dict[tuple[tuple[str, str], ...], tuple[SchemaNode, ...] | None] = {}
        self.modules = {raw.text(module.ns): raw.text(module.name) for module in raw_context.modules(context)}
        self.namespaces = {name: namespace for namespace, name in self.modules.items()}
        self.identity_modules = tuple(
            raw.text(module.name) for module in raw_context.modules(context) if not raw.is_null(module.identities)
        )

    @cached_property
    def top(self) -> dict[str, SchemaNode]:
        return self.below(None)

    @cached_property
    def top_by_name(self) -> dict[str, tuple[SchemaNode, ...]]:
        return _by_name(self.top)

    def top_member(self, name: str) -> SchemaNode | None:
        """A top-level node by qualified name, or by bare name where only one module has it."""
        if ":" in name:
            return self.top.get(name)
        found = self.top_by_name.get(name, ())
        return found[0] if len(found) == 1 else None

    def member(self, above: SchemaNode | None, name: str) -> SchemaNode | None:
        return self.top_member(name) if above is None else above.member(name)

    def of(self, node: raw.DataNode) -> SchemaNode:
        """The schema node of a data node."""
        return self._at(node.schema)

    def below(self, pointer: raw.SchemaPointer | None) -> dict[str, SchemaNode]:
        """Children of a schema node (None: the top level) by qualified name."""
        found = (self._at(child) for child in raw_schema.schema_children(pointer, self.context))
        return {node.qualified: node for node in found}

    def _at(self, pointer: raw.SchemaPointer) -> SchemaNode:
        at = raw.address(pointer)
        found = self._known.get(at)
        if found is None:
            found = self._known[at] = SchemaNode(pointer, self)
        return found

    def along(self, path: Path) -> tuple[SchemaNode, ...] | None:
        """The schema nodes of a path's segments; None when the models do not have it."""
        names = tuple((segment.module, segment.name) for segment in path.segments)
        if names not in self._paths:
            if len(self._paths) > 65536:
                self._paths.clear()
            self._paths[names] = self._find(names)
        return self._paths[names]

    def _find(self, names: tuple[tuple[str, str], ...]) -> tuple[SchemaNode, ...] | None:
        found: list[SchemaNode] = []
        above: SchemaNode | None = None
        for module, name in names:
            if above is None:
                node = self.top_member(f"{module}:{name}" if module else name)
            else:
                node = above.child(name, module)
            if node is None:
                return None
            found.append(node)
            above = node
        return tuple(found)


def segment(node: SchemaNode, above: SchemaNode | None, keys: tuple[tuple[str, str], ...] = ()) -> Segment:
    """The path segment of a node, its module named where it differs from the parent's."""
    return Segment(node.name, "" if above is not None and above.module == node.module else node.module, keys)


def _by_name(members: dict[str, SchemaNode]) -> dict[str, tuple[SchemaNode, ...]]:
    found: dict[str, tuple[SchemaNode, ...]] = {}
    for node in members.values():
        found[node.name] = (*found.get(node.name, ()), node)
    return found
