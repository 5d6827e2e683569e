"""Which leaves a device takes at all: every default written out and every description, less what it refuses.

Used by the picture before it is taken. Finds the leaves that are refused by halving. Must not know protocols.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from fabricd.model.path import Path
from fabricd.schema.outline import Node, NodeKind, ValueKind, outline_of
from fabricd.southbound.probe.bench import Bench, generic
from fabricd.southbound.probe.ground import Attempt
from fabricd.southbound.probe.schema_work import Document
from fabricd.southbound.probe.scratch import Scratch

Added = tuple[Path, Any]
"""A leaf and its value as RFC 7951 has it."""

_TEXT = "fabricd probe"
_DESCRIPTION = "description"


async def additions(bench: Bench[Any], documents: Sequence[Document], skip: Scratch) -> list[Added]:
    """The leaves that can be added in each `config` of the entries that the documents make: those with a default, and
    descriptions. What is about `skip.plain` and what the models themselves do not allow is left out."""
    root = (await asyncio.to_thread(outline_of, bench.work.models)).root
    found: list[Added] = []
    for document in documents:
        for member, value in document.items():
            node = root.child(member)
            if node is not None:
                _collect(node, value, Path.parse(f"/{member}"), found)
    # Outside of the scratch entries it would be the device's own settings.
    found = [(path, value) for path, value in found if (keys := _keys(path)) and ("name", skip.plain) not in keys]
    found = list(dict(found).items())
    wrong = set(await bench.work.problems(filled(merged(documents), found)))
    return [(path, value) for path, value in found if path not in wrong and path.parent not in wrong]


def _keys(path: Path) -> list[tuple[str, str]]:
    return [key for segment in path.segments for key in segment.keys]


def _collect(node: Node, value: Any, path: Path, found: list[Added]) -> None:
    for name, held in value.items():
        child = node.child(name)
        if child is None:
            continue
        step = Path.parse(f"/{child.member}").segments[0]
        if child.kind is NodeKind.CONTAINER:
            _collect(child, held, path.child(step), found)
        elif child.kind is NodeKind.LIST:
            for entry in held:
                keys = tuple((key, str(entry[key])) for key in child.keys)
                _collect(child, entry, path.child(type(step)(step.name, step.module, keys)), found)
    # Address families are configured beside their addresses.
    holder = node.by_name.get("config") if node.kind is NodeKind.CONTAINER and node.name in ("ipv4", "ipv6") else None
    if holder is not None and "config" not in value:
        _leaves(holder, {}, path.child(Path.parse("/config").segments[0]), found)
    if node.name == "config":
        _leaves(node, value, path, found)


def _leaves(node: Node, value: Any, path: Path, found: list[Added]) -> None:
    for leaf in node.children:
        if leaf.kind is not NodeKind.LEAF or leaf.name in value or leaf.value is None or not leaf.config:
            continue
        step = Path.parse(f"/{leaf.member}").segments[0]
        if leaf.name == _DESCRIPTION:
            found.append((path.child(step), _TEXT))
        elif leaf.defaults and leaf.value.kind is not ValueKind.IDENTITY:
            found.append((path.child(step), _plain(leaf.value.kind, leaf.defaults[0])))


def _plain(kind: ValueKind, text: str) -> Any:
    return json.loads(text) if kind in (ValueKind.NUMBER, ValueKind.BOOLEAN) else text


def filled(document: Document, added: Sequence[Added]) -> Document:
    """A document with leaves added in its containers and entries, wherever these are there."""
    made = deepcopy(document)
    for path, value in added:
        _put(made, path, value)
    return made


def _put(document: Document, path: Path, value: Any) -> None:
    held: Any = document
    for at, segment in enumerate(path.segments[:-1]):
        name = f"{segment.module}:{segment.name}" if segment.module else segment.name
        if segment.keys:
            wanted = dict(segment.keys)
            held = next(
                (one for one in held.get(name, ()) if all(str(one[key]) == text for key, text in wanted.items())), None
            )
            if held is None:
                return
        elif name in held:
            held = held[name]
        elif at == len(path.segments) - 2:
            held = held.setdefault(name, {})
        else:
            return
    last = path.segments[-1]
    held[f"{last.module}:{last.name}" if last.module else last.name] = value


def merged(documents: Sequence[Document]) -> Document:
    """Several documents as one; entries of lists are told apart by their first member, which is a key."""
    made: Document = {}
    for document in documents:
        _merge(made, deepcopy(document))
    return made


def _merge(into: Any, value: Any) -> None:
    for name, held in value.items():
        known = into.get(name)
        if isinstance(known, dict) and isinstance(held, dict):
            _merge(known, held)
        elif isinstance(known, list) and isinstance(held, list) and held and isinstance(held[0], dict):
            key = next(iter(held[0]))
            for entry in held:
                same = next((one for one in known if one[key] == entry[key]), None)
                if same is None:
                    known.append(entry)
                else:
                    _merge(same, entry)
        else:
            into[name] = held


async def refused_leaves(bench: Bench[Any], documents: Sequence[Document], added: Sequence[Added]) -> dict[Path, str]:
    """Which of the added leaves the device refuses, as generic paths with how it does so."""
    by_path: dict[Path, list[Added]] = {}
    for path, value in added:
        by_path.setdefault(generic(path), []).append((path, value))
    refused: dict[Path, str] = {}

    async def halve(paths: list[Path]) -> None:
        leaves = [one for path in paths for one in by_path[path]]
        tag = await bench.ground.refusal(Attempt(tuple(filled(one, leaves) for one in documents)))
        if not tag:
            return
        if len(paths) == 1:
            refused[paths[0]] = tag
            return
        middle = len(paths) // 2
        await halve(paths[:middle])
        await halve(paths[middle:])

    if by_path:
        await halve(list(by_path))
    return refused
