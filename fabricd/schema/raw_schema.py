"""libyang's C interface for compiled schemas: children, types, defaults, and the check of a single value.

Called by nodes.py and validate.py. Must not know trees of data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from _libyang import ffi, lib

from fabricd.schema.raw import (
    DATA_KINDS,
    LEAF,
    LEAF_LIST,
    NULL,
    TYPE_LEAFREF,
    TYPE_STRING,
    TYPE_UNION,
    SchemaPointer,
    TypePointer,
    address,
    forget_string,
    text,
)
from fabricd.schema.raw_context import modules


def schema_children(schema: SchemaPointer | None, context: Any) -> Iterator[SchemaPointer]:
    """Data nodes below a schema node (None: top level of every implemented module), choices looked through."""
    if schema is not None:
        yield from _getnext(schema, NULL)
        return
    for module in modules(context):
        if module.implemented and module.compiled != NULL:
            yield from _getnext(NULL, module.compiled)


def _getnext(above: SchemaPointer, module: Any) -> Iterator[SchemaPointer]:
    node = lib.lys_getnext(NULL, above, module, 0)
    while node != NULL:
        if node.nodetype & DATA_KINDS:
            yield node
        node = lib.lys_getnext(node, above, module, 0)


def type_of(schema: SchemaPointer) -> TypePointer | None:
    if schema.nodetype == LEAF:
        return ffi.cast("struct lysc_node_leaf *", schema).type
    if schema.nodetype == LEAF_LIST:
        return ffi.cast("struct lysc_node_leaflist *", schema).type
    return None


def is_reference(schema: SchemaPointer) -> bool:
    """True for a leafref, and for a union with one in it."""
    return bool(reference_paths(schema))


def reference_paths(schema: SchemaPointer) -> tuple[str, ...]:
    """The paths of a leaf's leafrefs, as its module writes them; several where its type is a union."""
    kind = type_of(schema)
    return () if kind is None else tuple(_reference_paths(kind))


def _reference_paths(kind: TypePointer) -> Iterator[str]:
    if kind.basetype == TYPE_LEAFREF:
        yield text(lib.lyxp_get_expr(ffi.cast("struct lysc_type_leafref *", kind).path))
    elif kind.basetype == TYPE_UNION:
        members = ffi.cast("struct lysc_type_union *", kind).types
        for at in range(_count(members)):
            yield from _reference_paths(members[at])


def base_types(kind: TypePointer) -> frozenset[int]:
    """Base types a value may have, leafrefs and unions resolved."""
    if kind.basetype == TYPE_LEAFREF:
        return base_types(ffi.cast("struct lysc_type_leafref *", kind).realtype)
    if kind.basetype == TYPE_UNION:
        members = ffi.cast("struct lysc_type_union *", kind).types
        return frozenset().union(*(base_types(members[at]) for at in range(_count(members))))
    return frozenset((int(kind.basetype),))


def defaults_of(schema: SchemaPointer, context: Any) -> tuple[str, ...]:
    """Canonical default values of a leaf (at most one) or leaf-list."""
    if schema.nodetype == LEAF:
        held = ffi.cast("struct lysc_node_leaf *", schema).dflt
        return () if held == NULL else (text(lib.lyd_value_get_canonical(context, held)),)
    held = ffi.cast("struct lysc_node_leaflist *", schema).dflts
    return tuple(text(lib.lyd_value_get_canonical(context, held[at])) for at in range(_count(held)))


def _count(array: Any) -> int:
    # libyang keeps the size of its arrays in the eight bytes before the first element (LY_ARRAY_COUNT).
    return 0 if array == NULL else int(ffi.cast("uint64_t *", array)[-1])


def marks(schema: SchemaPointer) -> Iterator[str]:
    """Names of the extensions that stand in a node's statement, without their module."""
    held = schema.exts
    for at in range(_count(held)):
        yield text(getattr(held[at], "def").name)


def compiled_typedefs(context: Any, names: frozenset[str]) -> frozenset[int]:
    """Addresses of the types behind the typedefs of these names, as `type_of` gives them for leaves that restrict them
    no further."""
    found = set()
    for module in modules(context):
        held = NULL if module.parsed == NULL else module.parsed.typedefs
        found |= {address(held[at].type.compiled) for at in range(_count(held)) if text(held[at].name) in names}
    return frozenset(found) - {0}


def refusal(context: Any, schema: SchemaPointer, given: str) -> str:
    """Why a leaf cannot have a value: the model's own error-message where it has one. Empty when it can have it."""
    raw = given.encode()
    code = lib.lyd_value_validate(context, schema, raw, len(raw), NULL, NULL, NULL)
    if code in (lib.LY_SUCCESS, lib.LY_EINCOMPLETE):
        return ""
    item, message = lib.ly_err_first(context), ""
    while item != NULL:
        item, message = item.next, text(item.msg)
    lib.ly_err_clean(context, NULL)
    return message


def check_value(context: Any, schema: SchemaPointer, given: str) -> tuple[int, str] | None:
    """(base type, canonical value) of a value for a leaf, RFC 7951 prefixes; None if the leaf cannot have it.

    Leafrefs and instance-identifiers are not followed.
    """
    raw = given.encode()
    kind = ffi.new("const struct lysc_type **")
    canonical = ffi.new("const char **")
    code = lib.lyd_value_validate(context, schema, raw, len(raw), NULL, kind, canonical)
    if code not in (lib.LY_SUCCESS, lib.LY_EINCOMPLETE):
        lib.ly_err_clean(context, NULL)
        return None
    held = kind[0]
    base = TYPE_STRING if held == NULL else int(held.basetype)
    if canonical[0] == NULL:
        return base, given
    try:
        return base, text(canonical[0])
    finally:
        forget_string(context, canonical[0])
