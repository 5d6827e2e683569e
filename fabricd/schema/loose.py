"""JSON as devices and people write it, walked along the schema: mended into RFC 7951, or judged.

Called by documents.py (to list everything wrong) and device.py (to read what a device sent). Makes no trees.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import orjson

from fabricd.errors import InputError, Problem
from fabricd.model.path import Path, Segment
from fabricd.schema import raw
from fabricd.schema.context import Context
from fabricd.schema.nodes import Kind, SchemaNode, segment

UNKNOWN = "the models have no such node"
STATE = "state is not configuration"
TWICE = "given twice"

_MEMBER = re.compile(rb'"\s*:')

# RFC 7950 section 14, yang-char, as far as text out of JSON or XML can break it.
_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufdd0-\ufdef\ufffe\uffff]")


class Walk:
    """One walk over plain JSON values. `skipped` lists (path, reason) of what was left out, at most `limit`.

    With `mend`, names may be bare, numbers quoted wrongly, identities bare or prefixed as in YANG, and state is
    dropped (silently, unless `tell_state`). Without it everything that is not RFC 7951 is a reason to skip.
    `check_values` asks libyang about every single value. `twice` are nodes with two members, one bare and one
    qualified, that say different things. `met_state`: state was dropped.
    """

    def __init__(
        self,
        context: Context,
        *,
        state: bool = False,
        mend: bool = True,
        tell_state: bool = False,
        check_values: bool = True,
        limit: int = 1000,
    ) -> None:
        self._nodes = context.nodes
        self._state = state
        self._mend = mend
        self._tell_state = tell_state or not mend
        self._check = check_values
        self._limit = limit
        self.skipped: list[tuple[str, str]] = []
        self.twice: list[str] = []
        self.met_state = False

    def document(self, value: Any) -> dict[str, Any]:
        """A whole document, its top-level members qualified."""
        return self._object(None, value, Path())

    def at(self, node: SchemaNode, value: Any, path: Path) -> Any:
        """The value of one node at `path` (of a list entry: the entry), None when nothing of it is left."""
        if node.kind is Kind.CONTAINER or (node.kind is Kind.LIST and path.segments[-1].keys):
            return self._object(node, value, path) if isinstance(value, dict) else self._skip(path, "not an object")
        return self._member(node, value, path)

    def _skip(self, path: Path, reason: str) -> Any:
        if len(self.skipped) < self._limit:
            self.skipped.append((path.text, reason))
        return None

    def _object(self, node: SchemaNode | None, value: dict[str, Any], path: Path) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, held in value.items():
            child = self._nodes.member(node, name)
            if child is None:
                if not name.startswith("@"):  # RFC 7952 metadata
                    module, _, bare = name.rpartition(":")
                    self._skip(path.child(Segment(bare, module)), UNKNOWN)
                continue
            below = path.child(segment(child, node))
            if child.is_state and not self._state:
                self.met_state = True
                if self._tell_state:
                    self._skip(below, STATE)
                continue
            kept = self._member(child, held, below)
            if out.get(child.qualified, kept) != kept:
                self.twice.append(below.text)
                self._skip(below, TWICE)
            elif kept is not None:
                out[child.qualified] = kept
        return out

    def _member(self, node: SchemaNode, value: Any, path: Path) -> Any:
        if node.kind is Kind.CONTAINER:
            return self._object(node, value, path) if isinstance(value, dict) else self._skip(path, "not an object")
        if node.kind is Kind.LEAF:
            return self._value(node, value, path)
        if node.kind is Kind.ANYDATA:
            return value
        if not isinstance(value, list):
            if not self._mend:
                return self._skip(path, "not an array")
            value = [value]
        if node.kind is Kind.LIST:
            entries = (self._entry(node, one, path) for one in value)
            return [entry for entry in entries if entry is not None]
        values = (self._value(node, one, path) for one in value)
        return [one for one in values if one is not None]

    def _entry(self, node: SchemaNode, value: Any, path: Path) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            self._skip(path, "a list entry is not an object")
            return None
        keys: list[tuple[str, str]] = []
        for key in node.keys:
            held = value.get(key.name, value.get(key.qualified))
            if held is None:
                self._skip(path, f"a list entry lacks its key {key.name}")
                return None
            keys.append((key.name, lexical(held)))
        here = Path((*path.segments[:-1], Segment(node.name, path.segments[-1].module, tuple(keys))))
        out = self._object(node, value, here)
        return out if all(key.qualified in out for key in node.keys) else None

    def _value(self, node: SchemaNode, value: Any, path: Path) -> Any:
        if isinstance(value, dict) or (isinstance(value, list) and value != [None]):
            return self._skip(path, "not a single value")
        if isinstance(value, str) and _NO_CHARACTER.search(value):
            return self._skip(path, "holds a character that YANG does not have")
        if not self._mend:
            return value if _plain(node, value) else self._skip(path, _refusal(node, value))
        if raw.TYPE_EMPTY in node.base_types and (value is None or value == [None]):
            return [None]
        if value is None:
            return self._skip(path, "null is not a value")
        if not self._check:
            quick = _mended(node, value)
            if quick is not None:
                return quick
        found = node.accept(lexical(value))
        if found is None:
            return self._skip(path, f"{lexical(value)!r} is not allowed here")
        return encoded(found)


def members_once(data: bytes) -> Any:
    """Plain values of a JSON text. Raises orjson.JSONDecodeError, and InputError where an object has two members of one
    name with different values: of those one would be lost."""
    value = orjson.loads(data)
    if len(_MEMBER.findall(data)) != orjson.dumps(value).count(b'":'):  # or a string has such a thing in it
        json.loads(data, object_pairs_hook=_once)
    return value


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in members:
        if lexical(found.setdefault(name, value)) != lexical(value):
            raise InputError(f"{name} is {TWICE}")
    return found


def lexical(value: Any) -> str:
    """The YANG lexical form of a plain JSON value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value == [None]:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(Decimal(repr(value)), "f")
    return str(value)


def encoded(value: tuple[int, str]) -> Any:
    """The RFC 7951 form (section 6) of a (base type, canonical value)."""
    base, text = value
    if base in raw.NUMBERS:
        return int(text)
    if base == raw.TYPE_BOOLEAN:
        return text == "true"
    if base == raw.TYPE_EMPTY:
        return [None]
    return text


def qualified_top(context: Context, document: dict[str, Any], source: str) -> dict[str, Any]:
    """The document with every top-level member qualified. Raises InputError for names no, or several, modules have."""
    out: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in document.items():
        node = context.nodes.top_member(name)
        qualified = name if ":" in name or node is None else node.qualified
        if node is None and ":" not in name:
            several = [one.qualified for one in context.nodes.top_by_name.get(name, ())]
            reason = f"more than one module has it: {', '.join(several)}" if several else UNKNOWN
            problems.append(Problem(reason, intent=source, path=f"/{name}"))
        elif qualified in out:
            problems.append(Problem("given twice", intent=source, path=f"/{qualified}"))
        out[qualified] = value
    if problems:
        raise InputError.of(problems)
    return out


def _refusal(node: SchemaNode, value: Any) -> str:
    said = f"{lexical(value)!r} is not allowed here"
    if value is None:
        return f"{said}: null is not a value"
    found = node.check(lexical(value))
    reason = node.refusal(lexical(value)) if found is None else f"in JSON it is written {json.dumps(encoded(found))}"
    return f"{said}: {reason}" if reason else said


def _plain(node: SchemaNode, value: Any) -> bool:
    """Whether a value is spelled as RFC 7951 wants it for that leaf."""
    if value is None:
        return False
    found = node.check(lexical(value))
    if found is None:
        return False
    if value == [None] or isinstance(value, bool):
        return type(encoded(found)) is type(value)
    if raw.TYPE_UNION in node.base_types or len(node.base_types) > 1:
        return True
    return isinstance(encoded(found), str) == isinstance(value, str)


def _mended(node: SchemaNode, value: Any) -> Any:
    """A value that only needs other quotes; None where libyang has to be asked."""
    if len(node.base_types) != 1:
        return None
    (base,) = node.base_types
    if base in raw.NUMBERS:
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if base == raw.TYPE_BOOLEAN:
        return value if isinstance(value, bool) else None
    if base in (raw.TYPE_IDENTITY, raw.TYPE_EMPTY, raw.TYPE_INSTANCE):
        return None
    return lexical(value)
