"""Why a device has a value at a path: what each intent says there, who wins, and where it stands in which file.

Called by reconcile/explanations in a worker thread. Pure; must not know the store or any adapter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from fabricd.errors import InputError, Problem
from fabricd.intent.documents import Document, DraftKind, parse_documents
from fabricd.intent.fabric.places import place
from fabricd.model.device import Likeness
from fabricd.model.intent import ConfigIntent, Desired, FabricIntent, Intent
from fabricd.model.path import Path, Segment, covered
from fabricd.schema import Schema

_ABSENT = object()
_USUAL = Likeness()
_MODULE = re.compile(r"^[A-Za-z_][\w.]*-[\w.-]*:")


@dataclass(frozen=True, slots=True)
class Claim:
    """What one intent says of a path. `value` is RFC 7951 JSON. `wins`: for a container, at least one leaf below."""

    intent: str
    owner: str
    priority: int
    value: str
    wins: bool
    source: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """`value` is the desired one, empty when nothing is desired there. `owned`: what is not desired is deleted.
    `claims` go from the highest priority to the lowest. `left_out`: the device's kind does without it."""

    path: Path
    value: str
    owned: bool
    claims: tuple[Claim, ...]
    left_out: bool = False


def explain(
    schema: Schema,
    *,
    device: str,
    desired: Desired | None,
    layers: Sequence[ConfigIntent],
    intents: Mapping[str, Intent],
    path: Path,
    likeness: Likeness = _USUAL,
) -> Explanation:
    """What `layers` (all intents' configurations for this device) say of `path`; `intents` have their files, `likeness`
    is the device's.

    Raises InputError when the models have no such path.
    """
    node = schema.plain.node(path)
    if node is None:
        raise InputError.of((Problem("the models have no such node", path=path.text),))
    said = [(layer, value_at(layer.config, path)) for layer in layers]
    claims: list[Claim] = []
    higher: set[tuple[str, ...]] = set()
    for layer, value in sorted(said, key=lambda one: (-one[0].priority, one[0].name)):
        if value is _ABSENT:
            continue
        leaves = set(_leaves(value))
        intent = intents[layer.name]
        claims.append(
            Claim(
                intent=layer.name,
                owner=layer.owner,
                priority=layer.priority,
                value=orjson.dumps(value).decode(),
                wins=bool(leaves - higher),
                source=intent.source,
                line=_line(intent, path, device),
            )
        )
        higher |= leaves
    found = value_at(desired.config, path) if desired is not None else _ABSENT
    return Explanation(
        path=path,
        value="" if found is _ABSENT else orjson.dumps(found).decode(),
        owned=desired is not None and covered(desired.scope.subtrees, path),
        claims=tuple(claims),
        left_out=covered((*likeness.omitted, *likeness.unsupported), path) or schema.node(path) is None,
    )


def says(config: bytes, path: Path) -> bool:
    """Whether a configuration says something at a path."""
    return value_at(config, path) is not _ABSENT


def value_at(config: bytes, path: Path) -> Any:
    """The JSON value of a configuration at a path, names matched without modules; a marker when there is none."""
    value: Any = orjson.loads(config)
    for segment in path.segments:
        value = _member(value, segment)
        if value is _ABSENT:
            return _ABSENT
    return value


def _member(value: Any, segment: Segment) -> Any:
    if not isinstance(value, dict):
        return _ABSENT
    held = next((inner for name, inner in value.items() if name.rpartition(":")[2] == segment.name), _ABSENT)
    if not isinstance(held, list) or not (segment.keys or segment.value is not None):
        return held
    for entry in held:
        if segment.value is not None and str(entry) == segment.value:
            return entry
        if segment.keys and isinstance(entry, dict) and _has(entry, segment.keys):
            return entry
    return _ABSENT


def _has(entry: Mapping[str, Any], keys: Sequence[tuple[str, str]]) -> bool:
    plain = {name.rpartition(":")[2]: value for name, value in entry.items()}
    return all(_alike(str(plain.get(name, "")), value) for name, value in keys)


def _alike(held: str, wanted: str) -> bool:
    """Equal, or the same identity with and without its module; `fe80::1` is no identity of a module `fe80`."""
    if held == wanted:
        return True
    bare = [_MODULE.sub("", text) for text in (held, wanted)]
    return bare[0] == bare[1]


def _leaves(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Places of all leaves in a JSON value; entries of a keyed list are told apart by their plain members."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*place, name))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for entry in value:
            keys = ",".join(str(inner) for inner in entry.values() if not isinstance(inner, dict | list))
            yield from _leaves(entry, (*place, keys))
    else:
        yield place


def _line(intent: Intent, path: Path, device: str) -> int:
    """Where the intent says it in the file it came in, a fabric where it names the device; 0 when that is not known."""
    if not intent.document:
        return 0
    document = Document(intent.source, intent.document)
    try:
        drafts = parse_documents([document], max_bytes=len(intent.document), kinds=tuple(DraftKind))
    except InputError:
        return 0
    said = place("devices", name=device) if isinstance(intent, FabricIntent) else path.text
    return next((draft.located(Problem("", path=said)).line for draft in drafts if draft.name == intent.name), 0)
