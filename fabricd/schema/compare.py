"""Whether one set of YANG models says the same as another, node by node.

Called by the tests that prove yang/openconfig against the official release, and by whoever checks a model set.
Must not know the daemon: it takes two libyang contexts and returns plain values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import libyang
from _libyang import ffi, lib
from libyang.util import c2str, ly_array_iter

from fabricd.errors import FabricdError

ABSENT = ""
"""Stands for a facet that one side does not have."""

_DATA_NODES = frozenset({"container", "list", "leaf", "leaf-list", "choice", "case", "anydata", "anyxml"})
_OPERATIONS = frozenset({"rpc", "action", "notification"})
_PROSE = frozenset({"description", "reference", "error-message"})
_ORDERED = frozenset({"type", "default"})
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([{};])|([^\s{};"]+)')
_UNIQUE = re.compile(r'(?m)^(\s*unique "[^"\n]*)(?=;$)')  # libyang's printer forgets the closing quote
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t"}

Facets = Mapping[str, str]
"""YANG keyword to text, for one definition."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One facet of one definition that is not the same on both sides.

    `path` is a schema path with the module's name where it changes (`/openconfig-lldp:lldp/config/enabled`), or
    `module NAME`, or `identity MODULE:NAME`. `facet` is a YANG keyword (`type`, `default`, `key`, ...), or `node`,
    `module` or `identity` when the official side has nothing at that path. `ours` and `official` are texts for
    people, "" for absent.
    """

    path: str
    facet: str
    ours: str
    official: str

    def __str__(self) -> str:
        return f"{self.path}: {self.facet}: {self.ours or 'absent'} is {self.official or 'absent'} in the other set"


def compare(ours: libyang.Context, official: libyang.Context) -> list[Difference]:
    """Everything in `ours` that is missing or defined otherwise in `official`, sorted by path; empty when it agrees.

    `official` may hold more modules, nodes and identities. Compared after libyang has resolved typedefs, groupings,
    augments and deviations: of modules the namespace and prefix; of identities the bases; of nodes the kind, module,
    namespace, config, key, type (ranges, lengths, patterns, enums, bits, identity bases, leafref paths, union
    members, fraction digits), default, units, mandatory, ordered-by, min and max elements, presence, unique, status,
    must and when. XPath counts as text, so it has to be written with the same prefixes. Descriptions, references and
    extensions do not count. Operations and notifications are not compared; one in `ours` is a difference.

    Implements modules that a context has only imported (only implemented modules have a compiled form), so hand in
    contexts made for the purpose. Raises FabricdError if libyang does not give its compiled schema away.
    """
    mine, theirs = _read(ours), _read(official)
    return sorted(
        [
            *_definitions("module", mine.modules, theirs.modules),
            *_definitions("identity", mine.identities, theirs.identities),
            *_definitions("node", mine.nodes, theirs.nodes),
            *(Difference(path, keyword, "present", "not compared") for path, keyword in mine.operations.items()),
        ],
        key=lambda difference: (difference.path, difference.facet),
    )


def node_count(context: libyang.Context) -> int:
    """How many schema nodes `compare` looks at in this context (libyang's own modules do not count)."""
    return len(_read(context).nodes)


def _definitions(kind: str, ours: Mapping[str, Facets], official: Mapping[str, Facets]) -> Iterator[Difference]:
    for path, mine in ours.items():
        theirs = official.get(path)
        if theirs is None:
            yield Difference(path, kind, "present", ABSENT)
            continue
        for facet in mine.keys() | theirs.keys():
            if mine.get(facet, ABSENT) != theirs.get(facet, ABSENT):
                yield Difference(path, facet, mine.get(facet, ABSENT), theirs.get(facet, ABSENT))


@dataclass(slots=True)
class _Statement:
    keyword: str
    argument: str
    substatements: list[_Statement] = field(default_factory=list)

    def having(self, keywords: Iterable[str]) -> list[_Statement]:
        return [child for child in self.substatements if child.keyword in keywords]


@dataclass(slots=True)
class _Schema:
    """What a context defines. Filled by one `_read`, then only looked at."""

    modules: dict[str, Facets] = field(default_factory=dict)
    identities: dict[str, Facets] = field(default_factory=dict)
    nodes: dict[str, Facets] = field(default_factory=dict)
    operations: dict[str, str] = field(default_factory=dict)


def _read(context: libyang.Context) -> _Schema:
    for module in list(context):
        context.load_module(module.name())
    modules = [module for module in context if module.cdata.filepath != ffi.NULL]
    by_prefix = {module.prefix(): module.name() for module in modules}
    printed = {module.name(): _compiled_print(module) for module in modules}
    schema = _Schema(
        modules={
            f"module {module.name()}": {"namespace": c2str(module.cdata.ns), "prefix": module.prefix()}
            for module in modules
        },
        identities=_identities(printed, by_prefix),
    )
    for module in modules:
        top = printed[module.name()]
        if module.cdata.compiled != ffi.NULL:
            first = lib.lys_getnext(ffi.NULL, ffi.NULL, module.cdata.compiled, lib.LYS_GETNEXT_WITHCHOICE)
            _walk(top, first, "", "", schema)
        for operation in top.having(_OPERATIONS):
            schema.operations[f"/{module.name()}:{operation.argument}"] = operation.keyword
    return schema


def _compiled_print(module: Any) -> _Statement:
    """The module as libyang compiled it, as a tree of statements.

    The binding's own print_mem does not offer this format, and its type accessors see only the leaf's own
    statement, not the typedefs behind it.
    """
    out = ffi.new("char **")
    if lib.lys_print_mem(out, module.cdata, lib.LYS_OUT_YANG_COMPILED, 0) != 0:
        raise FabricdError(f"libyang cannot print {module.name()} in compiled form")
    try:
        text = c2str(out[0])
    finally:
        lib.free(out[0])
    return _statements(_UNIQUE.sub(r'\1"', text)).substatements[0]


def _statements(text: str) -> _Statement:
    root = _Statement("", "")
    open_blocks = [root]
    words: list[str] = []
    for quoted, mark, bare in _TOKEN.findall(text):
        if not mark:
            words.append(bare or _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), quoted))
            continue
        if mark == "}":
            open_blocks.pop()
            continue
        statement = _Statement(words[0], " ".join(words[1:]))
        open_blocks[-1].substatements.append(statement)
        if mark == "{":
            open_blocks.append(statement)
        words = []
    return root


def _identities(printed: Mapping[str, _Statement], by_prefix: Mapping[str, str]) -> dict[str, Facets]:
    """Every identity with its direct bases. The compiled form names the derived ones, so turn that around."""
    bases: dict[str, set[str]] = {}
    status: dict[str, str] = {}
    for module, top in printed.items():
        for identity in top.having({"identity"}):
            name = f"{module}:{identity.argument}"
            bases.setdefault(name, set())
            status[name] = " ".join(child.argument for child in identity.having({"status"}))
            for derived in identity.having({"derived"}):
                prefix, colon, rest = derived.argument.rpartition(":")
                bases.setdefault(f"{by_prefix[prefix] if colon else module}:{rest}", set()).add(name)
    return {
        f"identity {name}": {"base": ", ".join(sorted(found)), "status": status.get(name, ABSENT)}
        for name, found in bases.items()
    }


def _walk(parent: _Statement, node: Any, path: str, inside: str, schema: _Schema) -> None:
    """Go through the printed statements and the compiled nodes in lock-step: each knows what the other does not."""
    for statement in parent.having(_DATA_NODES):
        if node == ffi.NULL or c2str(node.name) != statement.argument:
            raise FabricdError(f"the printed schema and the compiled one disagree at {path}/{statement.argument}")
        module = c2str(node.module.name)
        name = f"{module}:{statement.argument}" if module != inside else statement.argument
        here = f"{path}/{name}"
        facets = {
            "kind": statement.keyword,
            "module": module,
            "namespace": c2str(node.module.ns),
            "config": "true" if node.flags & lib.LYS_CONFIG_W else "false",
            **_facets(statement, _type_of(node)),
        }
        if conditions := _conditions(node):
            facets["when"] = ", ".join(conditions)
        if statement.keyword == "list":
            facets["key"] = " ".join(_keys(node))
        schema.nodes[here] = facets
        for operation in statement.having(_OPERATIONS):
            schema.operations[f"{here}/{operation.argument}"] = operation.keyword
        _walk(statement, lib.lysc_node_child(node), here, module, schema)
        node = node.next


def _facets(statement: _Statement, compiled_type: Any) -> Facets:
    collected: dict[str, list[str]] = {}
    for child in statement.substatements:
        if child.keyword in _DATA_NODES | _OPERATIONS | _PROSE | {"config", "when"} or ":" in child.keyword:
            continue
        text = _type(child, compiled_type) if child.keyword == "type" else _text(child)
        collected.setdefault(child.keyword, []).append(text)
    return {keyword: ", ".join(texts if keyword in _ORDERED else sorted(texts)) for keyword, texts in collected.items()}


def _text(statement: _Statement) -> str:
    if statement.keyword == "must":
        return " ".join(statement.argument.split())
    inner = [
        f"{child.keyword} {_text(child)}"
        for child in statement.substatements
        if child.keyword not in _PROSE and ":" not in child.keyword
    ]
    return statement.argument + (f" {{{'; '.join(inner)}}}" if inner else "")


def _type(statement: _Statement, compiled: Any) -> str:
    """A resolved type as text, with everything that restricts it and with the home of every identity base."""
    inner: list[str] = []
    members = iter(_members(compiled))
    for child in statement.substatements:
        if child.keyword in _PROSE or ":" in child.keyword:
            continue
        if child.keyword == "type":
            inner.append(f"type {_type(child, next(members))}")
        elif child.keyword != "base":
            inner.append(f"{child.keyword} {_text(child)}")
    inner.extend(f"base {base}" for base in sorted(_identity_bases(compiled)))
    return statement.argument + (f" {{{'; '.join(inner)}}}" if inner else "")


def _keys(entry: Any) -> Iterator[str]:
    """Names of the key leaves in order. libyang makes them the first children; its print runs their names together."""
    child = lib.lysc_node_child(entry)
    while child != ffi.NULL and child.flags & lib.LYS_KEY:
        yield c2str(child.name)
        child = child.next


def _conditions(node: Any) -> list[str]:
    """The when statements of a node, each with the node it is evaluated at.

    The print has the expressions only, but a when of a container and one of the uses or augment that brought the
    container look alike and mean different things.
    """
    return sorted(
        f"{' '.join(c2str(lib.lyxp_get_expr(when.cond)).split())} (at {_schema_path(when.context)})"
        for when in _array(lib.lysc_node_when(node))
    )


def _schema_path(node: Any) -> str:
    if node == ffi.NULL:
        return "/"
    path = lib.lysc_path(node, lib.LYSC_PATH_LOG, ffi.NULL, 0)
    try:
        return str(c2str(path))
    finally:
        lib.free(path)


def _type_of(node: Any) -> Any:
    if node.nodetype == lib.LYS_LEAF:
        return ffi.cast("struct lysc_node_leaf *", node).type
    if node.nodetype == lib.LYS_LEAFLIST:
        return ffi.cast("struct lysc_node_leaflist *", node).type
    return ffi.NULL


def _members(compiled: Any) -> list[Any]:
    if compiled.basetype == lib.LY_TYPE_UNION:
        return _array(ffi.cast("struct lysc_type_union *", compiled).types)
    if compiled.basetype == lib.LY_TYPE_LEAFREF:
        return [ffi.cast("struct lysc_type_leafref *", compiled).realtype]
    return []


def _array(sized: Any) -> list[Any]:
    return list(ly_array_iter(sized))  # type: ignore[no-untyped-call]


def _identity_bases(compiled: Any) -> Iterator[str]:
    if compiled.basetype != lib.LY_TYPE_IDENT:
        return
    for identity in _array(ffi.cast("struct lysc_type_identityref *", compiled).bases):
        # The binding leaves struct lysc_ident opaque. It begins: name, description, reference, module; all pointers.
        name = ffi.cast("char **", identity)[0]
        module = ffi.cast("struct lys_module **", identity)[3]
        yield f"{c2str(module.name)}:{c2str(name)}"
