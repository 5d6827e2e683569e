"""Leaf values between the ways of writing them: XML text, RFC 7951 JSON, loose JSON, gNMI path keys.

Called by the tree operations and both protocols. Never validates: a value it cannot make sense of is passed on as it
is, and the schema refuses it later.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from fabricd.schema.outline import Value, ValueKind

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]{0,19})\Z")  # longer than any that YANG has would be too long for JSON
_SMALL = 1 << 32
_LARGE = 1 << 63


def from_text(value: Value, text: str, modules: Mapping[str, str] | None = None) -> Json:
    """JSON for the text of a value (XML content, or a key in a path). `modules` gives the module for each prefix that
    the text may use; without it prefixes are module names already."""
    if value.members:
        return _from_union_text(value, text, modules)
    trimmed = text.strip()
    match value.kind:
        case ValueKind.NUMBER:
            return _number(trimmed, text)
        case ValueKind.LONG | ValueKind.DECIMAL:
            return trimmed
        case ValueKind.BOOLEAN:
            return {"true": True, "false": False}.get(trimmed, text)
        case ValueKind.EMPTY:
            return text if text else [None]
        case ValueKind.IDENTITY:
            return _identity(value, trimmed, modules)
        case ValueKind.STRING:
            return text


def _from_union_text(value: Value, text: str, modules: Mapping[str, str] | None) -> Json:
    trimmed = text.strip()
    if identity := _known_identity(value, trimmed, modules):
        return identity
    for member in value.members:
        if member.members:
            return from_text(member, text, modules)
        if member.kind is ValueKind.NUMBER and isinstance(number := _number(trimmed, text), int):
            return number
        if member.kind is ValueKind.BOOLEAN and trimmed in ("true", "false"):
            return trimmed == "true"
    return text


def _number(trimmed: str, otherwise: str) -> Json:
    """A number of at most 32 bits, which is all that JSON has as such (RFC 7951 section 6.1)."""
    return int(trimmed) if _INTEGER.match(trimmed) and abs(int(trimmed)) < _SMALL else otherwise


def is_integer(text: str) -> bool:
    """Whether it is an integer in its canonical or signed form."""
    return _INTEGER.match(text) is not None


def to_text(json: Json) -> str:
    """The text of a leaf's JSON value, identities keeping their module's name as prefix."""
    match json:
        case True:
            return "true"
        case False:
            return "false"
        case [None] | None:
            return ""
        case _:
            return str(json)


def same(value: Value, json: Json, text: str) -> bool:
    """Whether a key's JSON value is what a path calls `text`; identities may be bare or prefixed."""
    held = to_text(json)
    return held == text or comparable(value, held) == comparable(value, text)


def copied(json: Json) -> Json:
    """A copy that shares nothing that can change."""
    if isinstance(json, dict):
        return {name: copied(value) for name, value in json.items()}
    return [copied(value) for value in json] if isinstance(json, list) else json


def comparable(value: Value, text: str) -> str:
    """The text of a key as it is compared: a known identity without its module."""
    if not value.identities:
        return text
    bare = text.rpartition(":")[2]
    return bare if bare in value.identities else text


def lenient(value: Value, json: Json) -> Json:
    """Loose JSON (encoding JSON, or bare identities) as RFC 7951 wants it."""
    if isinstance(json, bool):
        return json
    if isinstance(json, str):
        if value.kind is ValueKind.NUMBER:
            return _number(json, json)
        if value.kind is ValueKind.BOOLEAN and json in ("true", "false"):
            return json == "true"
        return bare_identity(value, json)
    if isinstance(json, float) and json.is_integer() and value.kind in (ValueKind.NUMBER, ValueKind.LONG):
        json = int(json) if abs(json) < _LARGE else str(json)
    if isinstance(json, int | float) and value.kind in (ValueKind.LONG, ValueKind.DECIMAL):
        return str(json)
    return json


def bare_identity(value: Value, json: Json) -> Json:
    """A bare identity name with its module; everything else unchanged."""
    if isinstance(json, str) and ":" not in json and json in value.identities:
        return f"{value.identities[json]}:{json}"
    return json


def plain(value: Value, json: Json) -> Json:
    """RFC 7951 JSON as encoding JSON has it: bare identities, plain numbers."""
    if not isinstance(json, str):
        return json
    if value.identities and ":" in json and json.rpartition(":")[2] in value.identities:
        return json.rpartition(":")[2]
    if value.kind is ValueKind.LONG and _INTEGER.match(json):
        return int(json)
    if value.kind is ValueKind.DECIMAL:
        number = float(json)
        return number if math.isfinite(number) else json
    return json


def identity_module(value: Value, json: Json) -> str:
    """The module a JSON value's prefix names, "" when the value is no identity."""
    if isinstance(json, str) and value.identities and ":" in json:
        module, _, name = json.rpartition(":")
        if value.identities.get(name) == module:
            return module
    return ""


def _known_identity(value: Value, text: str, modules: Mapping[str, str] | None) -> str:
    prefix, _, name = text.rpartition(":")
    if name not in value.identities:
        return ""
    module = value.identities[name]
    named = modules.get(prefix, prefix) if modules is not None else prefix
    return f"{module}:{name}" if named in ("", module) or not prefix else ""


def _identity(value: Value, text: str, modules: Mapping[str, str] | None) -> str:
    if known := _known_identity(value, text, modules):
        return known
    prefix, _, name = text.rpartition(":")
    module = modules.get(prefix, prefix) if modules is not None and prefix else prefix
    return f"{module}:{name}" if module else name
