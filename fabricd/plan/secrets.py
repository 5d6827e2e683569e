"""Secrets compared as they were written, because devices show them hashed; and kept out of what people read.

Called by plan/planner. Pure; must not know where digests and their key are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from fabricd.model.device import Likeness
from fabricd.model.edit import Edit
from fabricd.model.path import Path, covered
from fabricd.model.secret import HIDDEN, WrittenSecret, WrittenSecrets


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of the secrets of one device. `key` (32 bytes) is the store's own, made at random.

    Digests are BLAKE2b with that key (RFC 7693 section 2.9) over device, path and value: the same secret on two leaves
    looks different, and nobody can try passwords without the key. It is fast on purpose: whoever has the store has the
    intents in it, and with them the secrets that people submitted.
    """

    device: str
    key: bytes = field(repr=False)
    written: WrittenSecrets = field(default_factory=dict)

    def digest(self, path: Path, value: str) -> str:
        made = hashlib.blake2b(key=self.key, digest_size=32)
        for part in (self.device, path.text, value):
            data = part.encode()
            made.update(len(data).to_bytes(8, "big") + data)
        return made.hexdigest()


NOTHING = Memory("", b"\0")
"""Remembers nothing: every secret that is shown otherwise than desired is to be written."""


class Judge:
    """Decides leaf by leaf whether what a device shows is the secret that is desired. One for each comparison."""

    def __init__(self, memory: Memory, likeness: Likeness) -> None:
        self._memory = memory
        self._anew = likeness.secrets_anew
        self._same: dict[str, WrittenSecret] = {}
        self._other: dict[Path, WrittenSecret] = {}

    def same(self, path: Path, wanted: str, shown: str | None) -> bool:
        """`shown` None: the device has nothing there.

        Shown as desired, or what was written is what is desired and the device shows what it showed then. Where every
        read shows something else, what was written decides alone.
        """
        digest, known = self._memory.digest(path, wanted), self._memory.written.get(path.text)
        seen = "" if shown is None or covered(self._anew, path) else self._memory.digest(path, shown)
        written = known is not None and known.digest == digest and known.shown in ("", seen)
        if shown is not None and (shown == wanted or written):
            self._same[path.text] = WrittenSecret(digest, seen)
            return True
        self._other[path] = WrittenSecret(digest)
        return False

    def written(self, paths: Iterable[Path]) -> WrittenSecrets:
        """What is to be remembered once edits at `paths` are carried out."""
        edited = tuple(paths)
        found = dict(self._same)
        for path, secret in self._other.items():
            known = self._memory.written.get(path.text)
            if covered(edited, path):
                found[path.text] = secret
            elif known is not None:
                found[path.text] = known
        return found


def hidden(edit: Edit, secrets: Iterable[Path]) -> Edit:
    """The edit as people may see it; `secrets` are the paths of secret leaves, without keys."""
    paths = _meeting(edit.path, secrets)
    if not paths:
        return edit
    old, new = (None if text is None else _hidden_text(edit.path, text, paths) for text in (edit.old, edit.new))
    return replace(edit, old=old, new=new)


def hidden_value(path: Path, value: str, secrets: Iterable[Path]) -> str:
    """The RFC 7951 text of the node at `path` as people may see it."""
    paths = _meeting(path, secrets)
    return _hidden_text(path, value, paths) if paths and value else value


def secrets_in(path: Path, value: str | bytes | None, secrets: Iterable[Path]) -> Iterator[str]:
    """The secrets in the RFC 7951 text of the node at `path`, in the clear."""
    paths = _meeting(path, secrets)
    if not paths or not value:
        return
    tree: Any = orjson.loads(value)
    for one in paths:
        yield from _values(tree, one.names[len(path) :])


def _values(value: Any, names: tuple[str, ...]) -> Iterator[str]:
    match value:
        case list():
            for entry in value:
                yield from _values(entry, names)
        case Mapping() if names:
            for name, held in value.items():
                if name.rpartition(":")[2] == names[0]:
                    yield from _values(held, names[1:])
        case str() if not names:
            yield value


def _meeting(path: Path, secrets: Iterable[Path]) -> list[Path]:
    """Those that are at `path`, above or below it."""
    return [one for one in secrets if _meet(one.names, path.names)]


def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _hidden_text(path: Path, text: str, paths: Sequence[Path]) -> str:
    value: Any = orjson.loads(text)
    for one in paths:
        value = _hide(value, one.names[len(path) :])
    return orjson.dumps(value).decode()


def _hide(value: Any, names: tuple[str, ...]) -> Any:
    if not names:
        return HIDDEN
    match value:
        case list():
            return [_hide(entry, names) for entry in value]
        case Mapping():
            return {
                name: _hide(held, names[1:]) if name.rpartition(":")[2] == names[0] else held
                for name, held in value.items()
            }
        case _:
            return value
