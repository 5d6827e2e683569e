"""A profile as the text of a file: what differs from the specifications, and why, above each key.

Called by the probe. The other way round is profiles.py, which reads what this writes. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from textwrap import wrap
from typing import Any

from fabricd.model.device import GnmiTraits, Likeness, NetconfTraits, Profile, Timeouts, WriteTraits
from fabricd.model.path import Path

_WIDTH = 118
_PLAIN = Profile("")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# TOML forbids these in strings, and JSON does not escape DEL.
_DELETE = "\x7f"


def profile_text(profile: Profile, head: Sequence[str], comments: Mapping[str, Sequence[str]]) -> str:
    """TOML that load_profile reads as `profile`; keys at their defaults are left out. `head` stands above all,
    `comments` above the keys that they are for (`likeness.defaults`)."""
    lines = [*_commented(head), "", f"name = {_value(profile.name)}"]
    top = {name: getattr(profile, name) for name in _TOP if getattr(profile, name) != getattr(_PLAIN, name)}
    lines += _table("", top, comments)
    for table, traits, plain in (
        ("timeouts", profile.timeouts, Timeouts()),
        ("gnmi", profile.gnmi, GnmiTraits()),
        ("netconf", profile.netconf, NetconfTraits()),
        ("write", profile.write, WriteTraits()),
        ("likeness", profile.likeness, Likeness()),
    ):
        changed = {one.name: getattr(traits, one.name) for one in fields(traits)}
        changed = {name: value for name, value in changed.items() if value != getattr(plain, name)}
        lines += _section(table, changed, comments)
    return "\n".join(lines) + "\n"


_TOP = (
    "models", "deviations", "authoritative", "protected", "system_entries", "confirm_within", "max_message_bytes",
)  # fmt: skip


def _section(table: str, values: dict[str, Any], comments: Mapping[str, Sequence[str]]) -> list[str]:
    inner = {name: values.pop(name) for name in ("operations", "defaults", "aliases") if name in values}
    lines = ["", f"[{table}]", *_table(f"{table}.", values, comments)] if values else []
    for name in ("operations", "defaults"):
        if name in inner:
            said = _commented(comments.get(f"{table}.{name}", ()))
            lines += ["", *said, f"[{table}.{name}]"]
            lines += [f"{_key(key)} = {_inner(name, value)}" for key, value in inner[name]]
    for alias in inner.get("aliases", ()):
        lines += ["", *_commented(comments.get(f"{table}.alias", ())), f"[[{table}.alias]]"]
        lines += [f"{one.name} = {_value(getattr(alias, one.name))}" for one in fields(alias)]
    return lines


def _table(prefix: str, values: Mapping[str, Any], comments: Mapping[str, Sequence[str]]) -> list[str]:
    lines = []
    for name, value in values.items():
        said = _commented(comments.get(f"{prefix}{name}", ()))
        lines += [*([""] if said and not prefix else []), *said, f"{name} = {_value(value)}"]
    return lines


def _inner(name: str, value: str) -> str:
    """Defaults are JSON texts of their values; operations are texts."""
    return _value(json.loads(value) if name == "defaults" else value)


def _key(key: object) -> str:
    text = str(key)
    return text if _BARE_KEY.fullmatch(text) else _value(text)


def _value(value: object) -> str:
    if isinstance(value, tuple | list):
        if not value:
            return "[]"
        if len(value) == 1:
            return f"[{_value(value[0])}]"
        return "[\n" + "".join(f"  {_value(one)},\n" for one in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = value.text if isinstance(value, Path) else str(value)
    return json.dumps(text, ensure_ascii=False).replace(_DELETE, "\\u007F")


def _commented(texts: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for text in texts:
        lines += wrap(_printable(text), _WIDTH, break_on_hyphens=False, break_long_words=False) or [""]
    return [f"# {line}".rstrip() for line in lines]


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
