"""Plain values out of JSON and YAML text: duplicate keys, depth and size refused with line and column.

Called by intent/documents. Pure; knows nothing of intents or schemas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fabricd.errors import InputError, Problem

MAX_DEPTH = 100
"""Levels of nesting. OpenConfig needs about 20."""
_ALIAS_ALLOWANCE = 50_000
"""Values that YAML aliases may add to a document. Without aliases it has fewer values than characters."""

Place = tuple[str | int, ...]
"""Where a value is in a document: keys and indexes from the top."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One document's value. `places` has (line, column) of every value, from 1; empty for JSON."""

    value: Any
    places: Mapping[Place, tuple[int, int]] = field(default_factory=dict)


def load_json(text: str, source: str) -> Loaded:
    """Strict JSON (RFC 8259). Numbers with a fraction or exponent become their own text, because RFC 7951 writes
    every such value as a string. Raises InputError with line and column."""
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_float=str, parse_constant=_no_constant, parse_int=_integer
        )
        _check_depth(value)
        _check_characters(text, source)
    except json.JSONDecodeError as error:
        raise _problem(f"not JSON: {error.msg}", source, error.lineno, error.colno) from error
    except _DuplicateKeyError as error:
        line, column = _place_of_duplicate(text)
        raise _problem(f"key {error.key!r} occurs twice in one object", source, line, column) from error
    except RecursionError as error:
        raise _problem(f"nested deeper than {MAX_DEPTH} levels", source) from error
    except ValueError as error:
        raise _problem(f"not JSON: {error}", source) from error
    return Loaded(value)


def load_yaml(text: str, source: str) -> list[Loaded]:
    """Every document of a YAML 1.2 stream (core schema: `on` and `yes` are strings, `010` is ten). Dates stay text.
    Raises InputError with line and column."""
    reader = YAML(typ="safe", pure=True)
    reader.composer.warn_double_anchors = False  # YAML 1.2 allows them, and a warning would go to the daemon's stderr
    try:
        return [
            _Builder(source, len(text) + _ALIAS_ALLOWANCE).document(node)
            for node in reader.compose_all(text)
            if not _is_nothing(node)
        ]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
        raise _problem(f"not YAML: {what}", source, line, column) from error
    except YAMLError as error:
        raise _problem(f"not YAML: {' '.join(str(error).split())}", source) from error
    except (KeyError, AssertionError) as error:
        raise _problem("not YAML: %YAML names a version that nobody knows", source) from error
    except (ValueError, OverflowError) as error:
        # ruamel hands the number of an escape (\Uffffffff) to chr() as it is.
        raise _problem("not YAML: an escape that stands for no character", source) from error
    except RecursionError as error:
        raise _problem(f"nested deeper than {MAX_DEPTH} levels", source) from error


def _is_nothing(node: Node | None) -> bool:
    return node is None or (isinstance(node, ScalarNode) and str(node.tag).endswith(":null") and not node.value)


class _Builder:
    """Values from the nodes of one YAML document. ruamel's own constructors would expand aliases without bound."""

    def __init__(self, source: str, most: int) -> None:
        self._source = source
        self._most = most
        self._places: dict[Place, tuple[int, int]] = {}
        self._count = 0

    def document(self, node: Node) -> Loaded:
        return Loaded(self._value(node, ()), self._places)

    def _value(self, node: Node, place: Place) -> Any:
        self._count += 1
        if self._count > self._most:
            self._refuse(f"aliases expand to more than {self._most} values", node)
        if len(place) > MAX_DEPTH:
            self._refuse(f"nested deeper than {MAX_DEPTH} levels", node)
        self._places[place] = (node.start_mark.line + 1, node.start_mark.column + 1)
        match node:
            case MappingNode():
                return dict(self._entries(node, place))
            case SequenceNode():
                return [self._value(entry, (*place, index)) for index, entry in enumerate(node.value)]
            case _:
                return self._scalar(node)

    def _entries(self, node: MappingNode, place: Place) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._refuse("a key must be a plain word", key_node)
            key = self._text(key_node)
            if str(key_node.tag).endswith(":merge"):
                self._refuse("merge keys (<<) are not part of YAML 1.2; name the values", key_node)
            if key in seen:
                self._refuse(f"key {key!r} occurs twice in one mapping", key_node)
            seen.add(key)
            value = self._value(value_node, (*place, key))
            # The key's place, because that is where people look for a leaf.
            self._places[(*place, key)] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            yield key, value

    def _scalar(self, node: Node) -> Any:
        text = self._text(node)
        match str(node.tag).removeprefix("tag:yaml.org,2002:"):
            case "str" | "timestamp":
                return text
            case "null":
                return None
            case "bool" if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case "int":
                return _yaml_integer(text)
            case "float" if any(map(str.isdigit, text)):
                return text
            case tag:
                return self._refuse(f"{text!r} ({tag}) is not a value that YANG knows", node)

    def _text(self, node: Node) -> str:
        text = str(node.value)
        if not text.isascii() and _SURROGATE.search(text):
            self._refuse("half of a surrogate pair is no character", node)
        return text

    def _refuse(self, message: str, node: Node) -> NoReturn:
        raise _problem(message, self._source, node.start_mark.line + 1, node.start_mark.column + 1)


def _yaml_integer(text: str) -> int | str:
    if "_" in text:
        return text  # an integer in YAML 1.1 only
    for prefix, base in (("0o", 8), ("0x", 16)):
        if text.startswith(prefix):
            return int(text, base)
    return _integer(text)


def _integer(text: str) -> int | str:
    # RFC 7951 writes 64-bit integers as strings; no other type holds a number of more than 32 bits.
    if len(text) > 20:
        return text
    value = int(text, 10)
    return value if -(2**31) <= value < 2**32 else str(value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


class _DuplicateKeyError(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateKeyError(key)
            seen.add(key)
    return found


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]')


def _place_of_duplicate(text: str) -> tuple[int, int]:
    """Line and column of the first key that its object has already. Only walked once a duplicate is known."""
    open_objects: list[set[str] | None] = []
    key_follows = False
    for token in _TOKEN.finditer(text):
        match token.group()[0]:
            case "{":
                open_objects.append(set())
                key_follows = True
            case "[":
                open_objects.append(None)
                key_follows = False
            case "}" | "]":
                open_objects.pop()
                key_follows = False
            case ",":
                key_follows = bool(open_objects) and open_objects[-1] is not None
            case '"' if key_follows and open_objects and (keys := open_objects[-1]) is not None:
                key_follows = False
                key = json.loads(token.group())
                if key in keys:
                    before = text[: token.start()]
                    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
                keys.add(key)
            case _:
                key_follows = False
    return 0, 0


# A pair of surrogates is one character (RFC 8259 section 7), and so are two escapes in a row; half a pair is none.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(?P<half>[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def _check_characters(text: str, source: str) -> None:
    """UTF-8 has no halves of surrogate pairs, but an escape can say one. `text` is known to be JSON."""
    if "\\u" not in text:
        return
    for escape in _ESCAPE.finditer(text):
        if escape["half"]:
            before = text[: escape.start()]
            line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
            raise _problem("half of a surrogate pair is no character", source, line, column)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level if isinstance(outer, (dict, list)) for inner in _inside(outer)]
        if not level:
            return
    raise RecursionError


def _inside(value: dict[str, Any] | list[Any]) -> Iterator[Any]:
    return iter(value.values() if isinstance(value, dict) else value)


def _problem(message: str, source: str, line: int = 0, column: int = 0) -> InputError:
    return InputError.of((Problem(message, intent=source, line=line, column=column),))
