"""Instance paths: one value for the paths of YANG data, gNMI and the journal.

Made by schema and read everywhere. Knows no schema: names are compared as written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from fabricd.errors import InputError


@dataclass(frozen=True, slots=True)
class Segment:
    """One step: `name` without prefix, `module` where it differs from the parent's (RFC 7951 section 6.11).

    `keys` are (name, value) pairs in the schema's key order; `value` is set for one entry of a leaf-list only.
    """

    name: str
    module: str = ""
    keys: tuple[tuple[str, str], ...] = ()
    value: str | None = None

    def __str__(self) -> str:
        text = f"{self.module}:{self.name}" if self.module else self.name
        text += "".join(f"[{name}={_quoted(value)}]" for name, value in self.keys)
        return text if self.value is None else f"{text}[.={_quoted(self.value)}]"


@dataclass(frozen=True)
class Path:
    """An absolute data path, as libyang and RFC 7951 write it:
    `/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config/mtu`."""

    segments: tuple[Segment, ...] = field(default=())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form. Keys may be quoted by ' or ", or bare as in gNMI (`\\]` and `\\\\` escaped).

        Raises InputError for anything that is not an absolute path, naming the column.
        """
        return cls(tuple(_segments(text)))

    @cached_property
    def text(self) -> str:
        return "/" + "/".join(str(segment) for segment in self.segments)

    def __str__(self) -> str:
        return self.text

    def __len__(self) -> int:
        return len(self.segments)

    @property
    def parent(self) -> Path:
        return Path(self.segments[:-1])

    @property
    def name(self) -> str:
        """Name of the last node, empty for the root."""
        return self.segments[-1].name if self.segments else ""

    def child(self, segment: Segment) -> Path:
        return Path((*self.segments, segment))

    def covers(self, other: Path) -> bool:
        """True when `other` is this node or lies below it. A list segment without keys covers all entries, a key with
        `*` in it those that it matches (`Ethernet*`); a module named on one side only matches (gNMI paths are bare)."""
        if len(self.segments) > len(other.segments):
            return False
        return all(map(_matches, self.segments, other.segments))

    def touches(self, other: Path) -> bool:
        """True when one of the two covers the other."""
        return self.covers(other) or other.covers(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the nodes from the root, without modules and keys: the schema node."""
        return tuple(segment.name for segment in self.segments)


ROOT = Path()


def _matches(pattern: Segment, segment: Segment) -> bool:
    if pattern.name != segment.name or (pattern.module and segment.module and pattern.module != segment.module):
        return False
    if pattern.value is not None and pattern.value != segment.value:
        return False
    if not pattern.keys:
        return True
    given = dict(segment.keys)
    return all(key_matches(value, given.get(name, "")) for name, value in pattern.keys)


def key_matches(pattern: str, value: str) -> bool:
    """Whether a key of a pattern means this value: every `*` in it stands for any characters."""
    if "*" not in pattern or pattern == value:
        return pattern == value
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), value, re.DOTALL) is not None


def covered(paths: Iterable[Path], path: Path) -> bool:
    """True when one of `paths` covers `path`."""
    return any(one.covers(path) for one in paths)


def _quoted(value: str) -> str:
    if "'" not in value:
        return f"'{value}'"
    if '"' not in value:
        return f'"{value}"'
    # XPath 1.0 literals have no escape; a value with both kinds of quotes is written bare, gNMI style. A quote that it
    # begins with would be read as the beginning of a literal.
    bare = value.replace("\\", "\\\\").replace("]", "\\]")
    return f"\\{bare}" if bare[0] in "'\"" else bare


def _segments(text: str) -> list[Segment]:
    if not text.startswith("/"):
        raise InputError(f"path must start with '/': {text!r}")
    if text == "/":
        return []
    found: list[Segment] = []
    at = 1
    while True:
        segment, at = _segment(text, at)
        found.append(segment)
        if at == len(text):
            return found
        at += 1  # the '/' that _segment stopped at


def _segment(text: str, at: int) -> tuple[Segment, int]:
    start = at
    while at < len(text) and text[at] not in "/[":
        at += 1
    module, _, name = text[start:at].rpartition(":")
    if not name or any(char.isspace() for char in text[start:at]):
        raise InputError(f"path has no node name at column {start + 1}: {text!r}")
    keys: list[tuple[str, str]] = []
    leaf_list_value: str | None = None
    while at < len(text) and text[at] == "[":
        key, value, at = _predicate(text, at)
        if key == ".":
            leaf_list_value = value
        else:
            keys.append((key, value))
    if at < len(text) and text[at] != "/":
        raise InputError(f"path has {text[at]!r} where '/' or '[' belongs, at column {at + 1}: {text!r}")
    return Segment(name, module, tuple(keys), leaf_list_value), at


def _predicate(text: str, at: int) -> tuple[str, str, int]:
    equals = text.find("=", at)
    key = text[at + 1 : max(equals, at)].strip().rpartition(":")[2]
    if not key or any(char.isspace() or char in "[]/'\"" for char in key):
        raise InputError(f"path has no key and '=' at column {at + 1}: {text!r}")
    value_at = equals + 1
    if value_at < len(text) and text[value_at] in "'\"":
        end = text.find(text[value_at], value_at + 1)
        if end >= 0 and text[end + 1 : end + 2] == "]":
            return key, text[value_at + 1 : end], end + 2
    return key, *_bare_value(text, value_at)


def _bare_value(text: str, at: int) -> tuple[str, int]:
    value: list[str] = []
    while at < len(text) and text[at] != "]":
        if text[at] == "\\":
            at += 1
        if at < len(text):
            value.append(text[at])
        at += 1
    if at >= len(text):
        raise InputError(f"path has an unclosed '[': {text!r}")
    return "".join(value), at + 1
