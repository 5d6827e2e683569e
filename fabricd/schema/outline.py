"""A plain picture of a loaded schema: node names, kinds, keys, namespaces, value kinds and modules, free of libyang.

Made once per model set in a schema worker, then shared by any thread (the simulator lives on it). Must not know what
it is used for, and never validates anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path as File
from typing import Any

from _libyang import ffi, lib

from fabricd.schema import raw, raw_context
from fabricd.schema.context import Context
from fabricd.schema.models import ModelSet


class NodeKind(StrEnum):
    CONTAINER = "container"
    LIST = "list"
    LEAF = "leaf"
    LEAF_LIST = "leaf-list"


class ValueKind(StrEnum):
    """How a value is written in JSON (RFC 7951 section 6)."""

    NUMBER = "number"  # up to 32 bits: a JSON number
    LONG = "long"  # 64 bits: a JSON string of digits
    DECIMAL = "decimal"  # a JSON string
    BOOLEAN = "boolean"
    EMPTY = "empty"  # [null]
    IDENTITY = "identity"
    STRING = "string"  # everything else


@dataclass(frozen=True, slots=True)
class Value:
    """The type of a leaf, leafrefs resolved. A union lists its members in order; else `members` is empty.

    `identities` maps the names that are valid here to their modules. `signed`: a number that may be below zero.
    """

    kind: ValueKind
    members: tuple[Value, ...] = ()
    identities: Mapping[str, str] = field(default_factory=dict)
    signed: bool = False


@dataclass(slots=True, eq=False, repr=False)
class Node:
    """One data node of the schema. Filled while the outline is built, read-only afterwards.

    `children` are in schema order; `default` is the canonical text, as is each of `defaults` of a leaf-list.
    `conditional`: it has a `when`. `cases` are the choices that it stands in, the outermost first, each with its case
    (RFC 7950 section 7.9), by qualified names.
    """

    name: str
    module: str
    namespace: str
    kind: NodeKind
    config: bool
    parent: Node | None
    user_ordered: bool = False
    presence: bool = False
    conditional: bool = False
    cases: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ()
    value: Value | None = None
    defaults: tuple[str, ...] = ()
    children: tuple[Node, ...] = ()
    by_name: dict[str, Node] = field(default_factory=dict)

    def __repr__(self) -> str:
        # Written out, any node is the whole of the models.
        return f"Node({self.qualified})"

    @property
    def qualified(self) -> str:
        """`module:name`."""
        return f"{self.module}:{self.name}"

    @property
    def member(self) -> str:
        """The member name in RFC 7951 JSON: qualified where the parent's module is another."""
        return self.name if self.parent is not None and self.parent.module == self.module else self.qualified

    def child(self, name: str) -> Node | None:
        """The child called `name`, bare or module-qualified. A bare name prefers this node's own module, and is
        nobody's when two other modules both have it."""
        return self.by_name.get(name)

    def child_in(self, namespace: str, name: str) -> Node | None:
        """The child called `name` in an XML namespace."""
        return self.by_name.get(f"{{{namespace}}}{name}")


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """One module of the set. `version` is its openconfig-version, or else its revision. `file` holds its text.
    `features` are those that are enabled, `deviated_by` names the modules that deviate it."""

    name: str
    namespace: str
    revision: str
    organization: str
    version: str
    implemented: bool
    file: File | None
    features: tuple[str, ...] = ()
    deviated_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Outline:
    """The whole picture. `root` is a container without name whose children are the top-level nodes."""

    root: Node
    modules: tuple[ModuleFacts, ...]
    namespaces: Mapping[str, str]
    """Namespace by module name."""
    names: Mapping[str, str]
    """Module name by namespace."""
    chooses: bool
    """Whether there is a choice anywhere."""


@lru_cache(maxsize=16)
def outline_of(models: ModelSet) -> Outline:
    """The picture of a model set, in any thread. Raises InputError when the modules do not load."""
    context = Context(models)
    try:
        return _read(context.pointer)
    finally:
        context.close()


def _read(context: Any) -> Outline:
    reader = _Reader(context)
    root = Node("", "", "", NodeKind.CONTAINER, config=True, parent=None)
    modules = []
    tops: list[Node] = []
    for module in raw_context.modules(context):
        facts = _module_facts(module)
        modules.append(facts)
        if facts.implemented and module.compiled != ffi.NULL:
            tops += reader.children(root, ffi.NULL, module.compiled)
    _adopt(root, tops)
    return Outline(
        root=root,
        modules=tuple(modules),
        namespaces={module.name: module.namespace for module in modules},
        names={module.namespace: module.name for module in modules},
        chooses=reader.chooses,
    )


_KINDS = {
    lib.LYS_CONTAINER: NodeKind.CONTAINER,
    lib.LYS_LIST: NodeKind.LIST,
    lib.LYS_LEAF: NodeKind.LEAF,
    lib.LYS_LEAFLIST: NodeKind.LEAF_LIST,
}
_NUMBERS = {
    lib.LY_TYPE_INT8, lib.LY_TYPE_INT16, lib.LY_TYPE_INT32, lib.LY_TYPE_UINT8, lib.LY_TYPE_UINT16, lib.LY_TYPE_UINT32,
}  # fmt: skip
_SIGNED = {lib.LY_TYPE_INT8, lib.LY_TYPE_INT16, lib.LY_TYPE_INT32, lib.LY_TYPE_INT64}
_LONGS = {lib.LY_TYPE_INT64, lib.LY_TYPE_UINT64}
_VALUE_KINDS = {
    **dict.fromkeys(_NUMBERS, ValueKind.NUMBER),
    **dict.fromkeys(_LONGS, ValueKind.LONG),
    lib.LY_TYPE_DEC64: ValueKind.DECIMAL,
    lib.LY_TYPE_BOOL: ValueKind.BOOLEAN,
    lib.LY_TYPE_EMPTY: ValueKind.EMPTY,
    lib.LY_TYPE_IDENT: ValueKind.IDENTITY,
}


class _Reader:
    """Walks compiled nodes; types are shared by many leaves, so each is read once."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._values: dict[int, Value] = {}
        self.chooses = False

    def children(self, parent: Node, compiled: Any, module: Any) -> list[Node]:
        found = []
        child = lib.lys_getnext(ffi.NULL, compiled, module, 0)
        while child != ffi.NULL:
            if kind := _KINDS.get(child.nodetype):
                found.append(self._node(parent, child, kind))
            child = lib.lys_getnext(child, compiled, module, 0)
        return found

    def _node(self, parent: Node, compiled: Any, kind: NodeKind) -> Node:
        node = Node(
            name=raw.text(compiled.name),
            module=raw.text(compiled.module.name),
            namespace=raw.text(compiled.module.ns),
            kind=kind,
            config=not compiled.flags & lib.LYS_CONFIG_R,
            parent=parent,
            user_ordered=bool(kind in (NodeKind.LIST, NodeKind.LEAF_LIST) and compiled.flags & lib.LYS_ORDBY_USER),
            presence=bool(kind is NodeKind.CONTAINER and compiled.flags & lib.LYS_PRESENCE),
            conditional=_length(lib.lysc_node_when(compiled)) > 0,
            cases=_cases(compiled),
        )
        self.chooses |= bool(node.cases)
        if kind is NodeKind.LEAF:
            leaf = ffi.cast("struct lysc_node_leaf *", compiled)
            node.value = self._value(leaf.type)
            if leaf.dflt != ffi.NULL:
                node.defaults = (self._canonical(leaf.dflt),)
        elif kind is NodeKind.LEAF_LIST:
            leaves = ffi.cast("struct lysc_node_leaflist *", compiled)
            node.value = self._value(leaves.type)
            node.defaults = tuple(self._canonical(leaves.dflts[at]) for at in range(_length(leaves.dflts)))
        else:
            _adopt(node, self.children(node, compiled, ffi.NULL))
            if kind is NodeKind.LIST:
                node.keys = tuple(_keys(compiled))
        return node

    def _canonical(self, value: Any) -> str:
        return raw.text(lib.lyd_value_get_canonical(self._context, value))

    def _value(self, compiled: Any) -> Value:
        address = int(ffi.cast("uintptr_t", compiled))
        if address not in self._values:
            self._values[address] = self._read_value(compiled)
        return self._values[address]

    def _read_value(self, compiled: Any) -> Value:
        base = compiled.basetype
        if base == lib.LY_TYPE_LEAFREF:
            return self._value(ffi.cast("struct lysc_type_leafref *", compiled).realtype)
        if base == lib.LY_TYPE_UNION:
            types = ffi.cast("struct lysc_type_union *", compiled).types
            members = tuple(self._value(types[at]) for at in range(_length(types)))
            names = {name: module for member in reversed(members) for name, module in member.identities.items()}
            return Value(ValueKind.STRING, members, names)
        if base == lib.LY_TYPE_IDENT:
            bases = ffi.cast("void **", ffi.cast("struct lysc_type_identityref *", compiled).bases)
            found: dict[str, str] = {}
            for at in range(_length(bases)):
                _derived(bases[at], found)
            return Value(ValueKind.IDENTITY, identities=found)
        return Value(_VALUE_KINDS.get(base, ValueKind.STRING), signed=base in _SIGNED)


def _cases(compiled: Any) -> tuple[tuple[str, str], ...]:
    found = []
    case = compiled.parent
    while case != ffi.NULL and case.nodetype == lib.LYS_CASE:
        choice = case.parent
        found.append((_qualified(choice), _qualified(case)))
        case = choice.parent
    return tuple(reversed(found))


def _qualified(compiled: Any) -> str:
    return f"{raw.text(compiled.module.name)}:{raw.text(compiled.name)}"


def _derived(identity: Any, found: dict[str, str]) -> None:
    # struct lysc_ident is opaque in the binding; in libyang 2.1 it is {name, dsc, ref, module, derived, ...}.
    derived = ffi.cast("void **", ffi.cast("void **", identity)[4])
    for at in range(_length(derived)):
        fields = ffi.cast("void **", derived[at])
        module = ffi.cast("struct lys_module *", fields[3])
        if module.implemented:  # libyang refuses the identities of modules that are only imported
            found.setdefault(raw.text(ffi.cast("char *", fields[0])), raw.text(module.name))
        _derived(derived[at], found)


def _adopt(parent: Node, children: list[Node]) -> None:
    parent.children = tuple(children)
    bare: dict[str, list[Node]] = {}
    for child in children:
        parent.by_name[child.qualified] = child
        parent.by_name[f"{{{child.namespace}}}{child.name}"] = child
        bare.setdefault(child.name, []).append(child)
    for name, found in bare.items():
        own = [child for child in found if child.module == parent.module]
        if len(own) == 1 or len(found) == 1:
            parent.by_name[name] = (own or found)[0]


def _keys(compiled: Any) -> Iterator[str]:
    child = lib.lys_getnext(ffi.NULL, compiled, ffi.NULL, 0)
    while child != ffi.NULL:
        if child.nodetype == lib.LYS_LEAF and child.flags & lib.LYS_KEY:
            yield raw.text(child.name)
        child = lib.lys_getnext(child, compiled, ffi.NULL, 0)


def _module_facts(module: Any) -> ModuleFacts:
    file = raw.text(module.filepath)
    revision = raw.text(module.revision)
    version = ""
    if file and File(file).is_file():
        # libyang keeps extension instances in parsed form only, and not for imported modules: read the statement.
        text = File(file).read_text(encoding="utf-8", errors="replace")
        if match := re.search(r"\bopenconfig-version\s+[\"']?([\w.+-]+)", text):
            version = match[1]
    return ModuleFacts(
        name=raw.text(module.name),
        namespace=raw.text(module.ns),
        revision=revision,
        organization=" ".join(raw.text(module.org).split()),
        version=version or revision,
        implemented=bool(module.implemented),
        file=File(file) if file else None,
        features=tuple(sorted(raw_context.enabled_features(module))) if module.parsed != ffi.NULL else (),
        deviated_by=tuple(raw.text(module.deviated_by[at].name) for at in range(_length(module.deviated_by))),
    )


def _length(array: Any) -> int:
    """Elements of a libyang sized array: the count stands before the first."""
    return int(ffi.cast("uint64_t *", array)[-1]) if array != ffi.NULL else 0
