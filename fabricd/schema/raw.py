"""libyang's C interface for trees: memory, error items, parsing, printing, searching.

Called by the other files of this room; raw_context.py and raw_schema.py have the rest of it. Must not know Edit, Scope,
or anything else of the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cffi  # type: ignore[import-untyped]
import libyang  # noqa: F401  (its import sets the logging options, which must happen before ours below)
from _libyang import ffi, lib

# Pointers of C types; each is only ever made and taken apart in this file.
DataNode = Any  # struct lyd_node *
SchemaPointer = Any  # const struct lysc_node *
TypePointer = Any  # struct lysc_type *
Cell = Any  # struct lyd_node **, holding the first sibling of a tree or NULL

NULL: Any = ffi.NULL

# Paths in error items are switched off by the binding when it is imported.
lib.ly_set_log_clb(ffi.NULL, 1)

# The binding leaves these out. They take and give plain pointers, so binding them by name is safe within libyang 2.
_more_ffi = cffi.FFI()
_more_ffi.cdef(
    """
    int lyd_find_sibling_first(void *siblings, void *target, void **match);
    int lyd_find_sibling_val(void *siblings, void *schema, const char *value, size_t length, void **match);
    int lyd_insert_sibling(void *sibling, void *node, void **first);
    int lyd_insert_before(void *sibling, void *node);
    int lyd_insert_after(void *sibling, void *node);
    void lyd_unlink_tree(void *node);
    int lydict_remove(void *context, const char *value);
    """
)
_more = _more_ffi.dlopen("libyang.so.2")

JSON: int = lib.LYD_JSON
XML: int = lib.LYD_XML
STRICT: int = lib.LYD_PARSE_STRICT
PARSE_ONLY: int = lib.LYD_PARSE_ONLY
NO_STATE: int = lib.LYD_PARSE_NO_STATE
PRINT_EXPLICIT: int = lib.LYD_PRINT_WD_EXPLICIT
PRINT_TRIM: int = lib.LYD_PRINT_WD_TRIM
PRINT_ALL: int = lib.LYD_PRINT_WD_ALL
PRINT_ALL_TAGGED: int = lib.LYD_PRINT_WD_ALL_TAG

CONTAINER: int = lib.LYS_CONTAINER
LIST: int = lib.LYS_LIST
LEAF: int = lib.LYS_LEAF
LEAF_LIST: int = lib.LYS_LEAFLIST
TERMINAL: int = lib.LYS_LEAF | lib.LYS_LEAFLIST
INSTANCES: int = lib.LYS_LIST | lib.LYS_LEAFLIST
ANY: int = lib.LYS_ANYDATA | lib.LYS_ANYXML
DATA_KINDS: int = CONTAINER | LIST | LEAF | LEAF_LIST | ANY
STATE: int = lib.LYS_CONFIG_R
KEY: int = lib.LYS_KEY
MANDATORY: int = lib.LYS_MAND_TRUE
USER_ORDERED: int = lib.LYS_ORDBY_USER
PRESENCE: int = lib.LYS_PRESENCE
IS_DEFAULT: int = lib.LYD_DEFAULT

TYPE_IDENTITY: int = lib.LY_TYPE_IDENT
TYPE_UNION: int = lib.LY_TYPE_UNION
TYPE_LEAFREF: int = lib.LY_TYPE_LEAFREF
TYPE_BOOLEAN: int = lib.LY_TYPE_BOOL
TYPE_EMPTY: int = lib.LY_TYPE_EMPTY
TYPE_INSTANCE: int = lib.LY_TYPE_INST
TYPE_STRING: int = lib.LY_TYPE_STRING
NUMBERS: frozenset[int] = frozenset(
    (
        lib.LY_TYPE_INT8,
        lib.LY_TYPE_INT16,
        lib.LY_TYPE_INT32,
        lib.LY_TYPE_UINT8,
        lib.LY_TYPE_UINT16,
        lib.LY_TYPE_UINT32,
    )
)
BIG_NUMBERS: frozenset[int] = frozenset((lib.LY_TYPE_INT64, lib.LY_TYPE_UINT64, lib.LY_TYPE_DEC64))

_FATAL = frozenset((lib.LY_EMEM, lib.LY_ESYS, lib.LY_EINT, lib.LY_EPLUGIN))
_LOCATION = re.compile(r'(Data|Schema) location "(.*)"', re.DOTALL)
_LINE = re.compile(r"[Ll]ine number (\d+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """One error item of libyang: `path` a data path (or, with `of_schema`, a schema path), `line` 0 when unknown,
    `rule` the error-app-tag."""

    message: str
    path: str = ""
    line: int = 0
    of_schema: bool = False
    fatal: bool = False
    rule: str = ""


def text(pointer: Any) -> str:
    """A C string, "" for NULL."""
    return "" if pointer == NULL else ffi.string(pointer).decode("utf-8", "replace")


def address(pointer: Any) -> int:
    return int(ffi.cast("uintptr_t", pointer))


# Errors


def faults(context: Any) -> list[Fault]:
    """Error items stored for this thread, oldest first; they are cleared."""
    found: list[Fault] = []
    item = lib.ly_err_first(context)
    while item != NULL:
        place = text(item.path)
        where = _LOCATION.search(place)
        line = _LINE.search(place)
        found.append(
            Fault(
                text(item.msg),
                where[2] if where else "",
                int(line[1]) if line else 0,
                bool(where) and where[1] == "Schema" if where else False,
                item.no in _FATAL,
                text(item.apptag),
            )
        )
        item = item.next
    lib.ly_err_clean(context, NULL)
    return found


def forget_faults(context: Any) -> None:
    lib.ly_err_clean(context, NULL)


# Trees


def new_cell(first: DataNode = NULL) -> Cell:
    return ffi.new("struct lyd_node **", first)


def parse(context: Any, data: bytes, form: int, flags: int) -> DataNode | None:
    """First sibling of the parsed tree (NULL for an empty one), or None for an error (see faults)."""
    cell = new_cell()
    checks = 0 if flags & PARSE_ONLY else lib.LYD_VALIDATE_PRESENT | lib.LYD_VALIDATE_NO_STATE
    if lib.lyd_parse_data_mem(context, data, form, flags, checks, cell) != lib.LY_SUCCESS:
        if cell[0] != NULL:
            lib.lyd_free_all(cell[0])
        return None
    return cell[0] if cell[0] == NULL else lib.lyd_first_sibling(cell[0])


def print_data(node: DataNode, form: int, flags: int = 0, siblings: bool = True) -> bytes | None:
    """Bytes without white space between elements; None for an error."""
    out = ffi.new("char **")
    flags |= lib.LYD_PRINT_SHRINK | (lib.LYD_PRINT_WITHSIBLINGS if siblings else 0)
    if lib.lyd_print_mem(out, node, form, flags) != lib.LY_SUCCESS:
        return None
    try:
        return b"" if out[0] == NULL else bytes(ffi.string(out[0]))
    finally:
        lib.free(out[0])


def free_all(node: DataNode) -> None:
    if node != NULL:
        lib.lyd_free_all(node)


def free_subtree(cell: Cell, node: DataNode) -> None:
    """Free one subtree of the tree in `cell`, which stays right when it was the first sibling."""
    if cell[0] == node:
        cell[0] = node.next
    lib.lyd_free_tree(node)


def duplicate(node: DataNode, siblings: bool = True) -> DataNode | None:
    flags = lib.LYD_DUP_RECURSIVE | lib.LYD_DUP_WITH_FLAGS
    cell = new_cell()
    copy = lib.lyd_dup_siblings if siblings else lib.lyd_dup_single
    return cell[0] if copy(node, NULL, flags, cell) == lib.LY_SUCCESS else None


def duplicate_with_parents(node: DataNode) -> DataNode | None:
    """The top of a new tree that holds `node`, its ancestors and their keys."""
    cell = new_cell()
    flags = lib.LYD_DUP_RECURSIVE | lib.LYD_DUP_WITH_FLAGS | lib.LYD_DUP_WITH_PARENTS
    if lib.lyd_dup_single(node, NULL, flags, cell) != lib.LY_SUCCESS:
        return None
    top = cell[0]
    while top.parent != NULL:
        top = ffi.cast("struct lyd_node *", top.parent)
    return top


def merge(target: Cell, source: DataNode) -> bool:
    """Merge a tree into another; `source` is used up."""
    flags = lib.LYD_MERGE_DESTRUCT | lib.LYD_MERGE_WITH_FLAGS
    done = bool(lib.lyd_merge_siblings(target, source, flags) == lib.LY_SUCCESS)
    if target[0] != NULL:
        target[0] = lib.lyd_first_sibling(target[0])
    return done


def diff(old: DataNode, new: DataNode) -> DataNode | None:
    """libyang's diff tree (NULL when equal), or None for an error. Either side may be NULL, not both."""
    cell = new_cell()
    return cell[0] if lib.lyd_diff_siblings(old, new, 0, cell) == lib.LY_SUCCESS else None


def add_defaults(context: Any, cell: Cell) -> bool:
    done = bool(lib.lyd_new_implicit_all(cell, context, lib.LYD_IMPLICIT_NO_STATE, NULL) == lib.LY_SUCCESS)
    if cell[0] != NULL:
        cell[0] = lib.lyd_first_sibling(cell[0])
    return done


def validate(context: Any, cell: Cell) -> bool:
    checks = lib.LYD_VALIDATE_PRESENT | lib.LYD_VALIDATE_NO_STATE
    done = bool(lib.lyd_validate_all(cell, context, checks, NULL) == lib.LY_SUCCESS)
    if cell[0] != NULL:
        cell[0] = lib.lyd_first_sibling(cell[0])
    return done


def siblings(node: DataNode) -> Iterator[DataNode]:
    """`node` and the siblings after it; the one just given may be freed."""
    while node != NULL:
        following = node.next
        yield node
        node = following


def first_sibling(node: DataNode) -> DataNode:
    return lib.lyd_first_sibling(node)


def first_child(node: DataNode) -> DataNode:
    return lib.lyd_child(node)


def children(node: DataNode) -> Iterator[DataNode]:
    return siblings(lib.lyd_child(node))


def parent(node: DataNode) -> DataNode:
    return ffi.cast("struct lyd_node *", node.parent)


def has_metadata(node: DataNode) -> bool:
    """Whether a node of a diff tree says itself what happens to it."""
    return bool(node.meta != NULL)


def value(node: DataNode) -> str:
    """Canonical value of a leaf or leaf-list entry, identities as `module:name`."""
    return text(lib.lyd_get_value(node))


def value_type(node: DataNode) -> int:
    """Base type of the value itself; of a union the member's that took it."""
    held = ffi.cast("struct lyd_node_term *", node).value
    if held.realtype.basetype == TYPE_UNION:
        held = ffi.cast("struct lyd_value *", held.subvalue)
    return int(held.realtype.basetype)


def data_path(node: DataNode) -> str:
    made = lib.lyd_path(node, lib.LYD_PATH_STD, NULL, 0)
    try:
        return text(made)
    finally:
        lib.free(made)


def same_in(first: DataNode, node: DataNode) -> DataNode:
    """The instance among `first` and its siblings that `node` (of another tree) stands for, NULL if there is none."""
    if first == NULL:
        return NULL
    found = _more_ffi.new("void **")
    if node.schema.nodetype & INSTANCES:
        _more.lyd_find_sibling_first(first, node, found)
    else:
        _more.lyd_find_sibling_val(first, node.schema, NULL, 0, found)
    return ffi.cast("struct lyd_node *", found[0])


def child_of(first: DataNode, schema: SchemaPointer, predicate: str | None = None) -> DataNode:
    """The sibling of that schema node; for lists the one with those key predicates, for leaf-lists that value."""
    if first == NULL:
        return NULL
    found = _more_ffi.new("void **")
    wanted = predicate.encode() if predicate is not None else NULL
    _more.lyd_find_sibling_val(first, schema, wanted, len(wanted) if predicate is not None else 0, found)
    return ffi.cast("struct lyd_node *", found[0])


def find(node: DataNode, xpath: str) -> list[DataNode] | None:
    """Nodes an XPath selects in a whole tree; None for a bad one."""
    cell = ffi.new("struct ly_set **")
    if lib.lyd_find_xpath(node, xpath.encode(), cell) != lib.LY_SUCCESS:
        return None
    try:
        return [cell[0].dnodes[at] for at in range(cell[0].count)]
    finally:
        lib.ly_set_free(cell[0], NULL)


def new_inner(above: DataNode, schema: SchemaPointer, keys: list[str]) -> DataNode | None:
    """A new container or list entry below `above` (NULL: top level, not yet inserted)."""
    cell = new_cell()
    if schema.nodetype == LIST:
        given = [ffi.new("char[]", key.encode()) for key in keys]
        done = lib.lyd_new_list(above, schema.module, schema.name, 0, cell, *given)
    else:
        done = lib.lyd_new_inner(above, schema.module, schema.name, 0, cell)
    return cell[0] if done == lib.LY_SUCCESS else None


def new_terminal(above: DataNode, schema: SchemaPointer, given: str) -> DataNode | None:
    cell = new_cell()
    done = lib.lyd_new_term(above, schema.module, schema.name, given.encode(), 0, cell)
    return cell[0] if done == lib.LY_SUCCESS else None


def insert_top(cell: Cell, node: DataNode) -> bool:
    if cell[0] == NULL:
        cell[0] = node
        return True
    first = _more_ffi.new("void **")
    if _more.lyd_insert_sibling(cell[0], node, first) != lib.LY_SUCCESS:
        return False
    cell[0] = ffi.cast("struct lyd_node *", first[0])
    return True


def place_after(anchor: DataNode, node: DataNode) -> bool:
    """Move `node` behind its sibling `anchor` (user-ordered nodes only)."""
    return bool(_more.lyd_insert_after(anchor, node) == lib.LY_SUCCESS)


def place_before(anchor: DataNode, node: DataNode) -> bool:
    return bool(_more.lyd_insert_before(anchor, node) == lib.LY_SUCCESS)


def forget_string(context: Any, string: Any) -> None:
    """Give a string from libyang's dictionary back."""
    _more.lydict_remove(context, string)


def is_null(pointer: Any) -> bool:
    return bool(pointer == NULL)
