"""Trees and values as text: canonical JSON, XML, digests, and the JSON value of a single node.

Used by every file that hands bytes or Edit values out. Changes no tree.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import Any

import orjson
import xxhash

from fabricd.errors import InputError, Problem
from fabricd.schema import raw
from fabricd.schema.context import Context
from fabricd.schema.loose import lexical
from fabricd.schema.models import Format
from fabricd.schema.nodes import Kind, SchemaNode

_DIGITS = re.compile(r"([0-9]+)")


def digest(data: bytes) -> str:
    """xxh3-128 of some bytes, in hex."""
    return xxhash.xxh3_128_hexdigest(data)


def print_tree(context: Context, first: raw.DataNode, form: Format, flags: int = 0) -> bytes:
    """A whole tree; `{}` or nothing when it is empty."""
    if raw.is_null(first):
        return b"{}" if form is Format.JSON else b""
    printed = raw.print_data(first, raw.JSON if form is Format.JSON else raw.XML, flags)
    if printed is None:
        raise context.fault("to print a tree")
    return printed


def canonical(context: Context, first: raw.DataNode) -> bytes:
    """RFC 7951 JSON that is the same for the same configuration: members in schema order, top-level ones by name,
    list entries by key and leaf-lists by value unless their order belongs to the user.

    Raises InputError for a list entry or member given twice.
    """
    printed = print_tree(context, first, Format.JSON)
    document = orjson.loads(printed)
    problems: list[Problem] = []
    ordered = {name: _arranged(context.nodes.top[name], document[name], (name,), problems) for name in sorted(document)}
    made = orjson.dumps(ordered)
    if len(made) != len(printed):
        # A leaf that stands twice in the tree is printed twice, and plain objects keep the last.
        _twice(first, problems)
    if problems:
        raise InputError.of(problems)
    return made


def value_of(node: raw.DataNode, qualified: str) -> str:
    """RFC 7951 text of one leaf or leaf-list value."""
    printed = raw.print_data(node, raw.JSON, 0, siblings=False) or b""
    text = printed[len(qualified) + 4 : -1].decode()
    return text[1:-1] if node.schema.nodetype == raw.LEAF_LIST else text


def subtree_of(context: Context, node: raw.DataNode, flags: int = 0) -> dict[str, Any]:
    """The members of a container or list entry as plain values, every one qualified; of anydata as they are."""
    known = context.nodes.of(node)
    printed = raw.print_data(node, raw.JSON, flags, siblings=False)
    if printed is None:
        raise context.fault("to print a subtree")
    held = orjson.loads(printed or b"{}").get(known.qualified, {})
    members: dict[str, Any] = held[0] if isinstance(held, list) else held
    if known.kind is Kind.ANYDATA:
        return members
    return {name if ":" in name else f"{known.module}:{name}": value for name, value in members.items()}


@lru_cache(maxsize=1 << 16)
def natural(text: str) -> tuple[int | str, ...]:
    """A sort key that puts Ethernet2 before Ethernet10."""
    return tuple(int(part) if at % 2 else part for at, part in enumerate(_DIGITS.split(text)))


_Place = tuple[Any, ...]
"""A place in a document: (place above, name) or (place above, key names, key values). It is rarely put into words."""


def _words(place: _Place) -> str:
    if len(place) == 1:
        return f"/{place[0]}"
    if len(place) == 2:
        return f"{_words(place[0])}/{place[1]}"
    return _words(place[0]) + "".join(f"[{name}='{key}']" for name, key in zip(place[1], place[2], strict=True))


def _arranged(node: SchemaNode, value: Any, path: _Place, problems: list[Problem]) -> Any:
    if node.kind is Kind.CONTAINER:
        return _members(node, value, path, problems)
    if node.kind is Kind.LIST:
        return _entries(node, value, path, problems)
    if node.kind is Kind.LEAF_LIST:
        texts = [lexical(one) for one in value]
        if len(set(texts)) < len(texts):
            again = [text for text, times in Counter(texts).items() if times > 1]
            problems += [Problem("the value is given twice", path=f"{_words(path)}[.='{text}']") for text in again]
        if not node.user_ordered and len(texts) > 1:
            return [one for _, _, one in sorted(zip(map(natural, texts), texts, value, strict=True), key=_by_text)]
    return value


def _by_text(one: tuple[tuple[int | str, ...], str, Any]) -> tuple[tuple[int | str, ...], str]:
    return one[:2]


def _members(node: SchemaNode, value: dict[str, Any], path: _Place, problems: list[Problem]) -> dict[str, Any]:
    found = node.with_lists
    if found:
        for name, held in value.items():
            child = found.get(name)
            if child is not None:
                value[name] = _arranged(child, held, (path, name), problems)
    return value


def _entries(node: SchemaNode, value: list[dict[str, Any]], path: _Place, problems: list[Problem]) -> list[Any]:
    names = tuple(key.name for key in node.keys)
    keyed: dict[tuple[str, ...], dict[str, Any]] = {}
    for entry in value:
        keys = tuple([key if type(key := entry[name]) is str else lexical(key) for name in names])
        here = (path, names, keys)
        if keys in keyed and names:
            problems.append(Problem("the list entry is given twice", path=_words(here)))
        keyed[keys] = _members(node, entry, here, problems)
    if node.user_ordered or len(keyed) < 2:
        return list(keyed.values())
    return [keyed[keys] for keys in sorted(keyed, key=lambda keys: (tuple(map(natural, keys)), keys))]


def _twice(first: raw.DataNode, problems: list[Problem]) -> None:
    """Find leaves and containers that are given twice."""
    last: Any = None
    for node in raw.siblings(first):
        if node.schema == last and not node.schema.nodetype & raw.INSTANCES:
            problems.append(Problem("given twice", path=raw.data_path(node)))
        last = node.schema
        if not node.schema.nodetype & raw.TERMINAL:
            _twice(raw.first_child(node), problems)
