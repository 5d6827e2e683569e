"""Several configurations for one device made one, by priority.

Called by Schema.merge with canonical documents. Pure values and schema nodes; makes no trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fabricd.errors import InputError, Problem
from fabricd.schema.context import Context
from fabricd.schema.loose import lexical
from fabricd.schema.nodes import Kind, SchemaNode


@dataclass(frozen=True, slots=True)
class _Origin:
    name: str
    priority: int


class _Merge:
    def __init__(self, context: Context) -> None:
        self._nodes = context.nodes
        self._owners: dict[str, _Origin] = {}
        self.problems: list[Problem] = []

    def members(
        self, node: SchemaNode | None, into: dict[str, Any], value: dict[str, Any], origin: _Origin, path: str
    ) -> None:
        for name, held in value.items():
            child = self._nodes.member(node, name)
            if child is None:
                raise InputError.of(
                    [Problem("the models have no such node", intent=origin.name, path=f"{path}/{name}")]
                )
            here = f"{path}/{name}"
            if child.kind is Kind.CONTAINER:
                self.members(child, into.setdefault(name, {}), held, origin, here)
            elif child.kind is Kind.LIST:
                self._entries(child, into.setdefault(name, []), held, origin, here)
            else:
                self._value(child, into, name, held, origin, here)

    def _entries(self, node: SchemaNode, into: list[Any], value: list[Any], origin: _Origin, path: str) -> None:
        names = [key.name for key in node.keys]
        known = {tuple(lexical(entry[name]) for name in names): entry for entry in into}
        for entry in value:
            keys = tuple(lexical(entry[name]) for name in names)
            held = known.get(keys)
            if held is None:
                held = known[keys] = {}
                into.append(held)
            here = path + "".join(f"[{name}='{key}']" for name, key in zip(names, keys, strict=True))
            self.members(node, held, entry, origin, here)

    def _value(self, node: SchemaNode, into: dict[str, Any], name: str, value: Any, origin: _Origin, path: str) -> None:
        owner = self._owners.get(path)
        if owner is None:
            into[name] = list(value) if isinstance(value, list) else value
            self._owners[path] = origin
        elif owner.priority == origin.priority and not node.is_key:
            if node.kind is Kind.LEAF_LIST:
                into[name] += [one for one in value if one not in into[name]]
            elif into[name] != value:
                message = f"intents {owner.name} and {origin.name} have the same priority {origin.priority} and want "
                message += f"{lexical(into[name])!r} and {lexical(value)!r}"
                self.problems.append(Problem(message, intent=origin.name, path=path))


def merge(context: Context, layers: Sequence[tuple[str, int, dict[str, Any]]]) -> dict[str, Any]:
    """Merge (intent name, priority, plain document) layers.

    - A leaf has the value of the layer with the highest priority that gives it. Two layers of the same priority
      may give it only the same value, even where a higher one overrides both: removing that one must not break.
      Raises InputError naming both for every such leaf.
    - A leaf-list counts as one value: the highest priority that gives it decides it whole; layers of that
      priority are united.
    - List entries with the same keys are merged, others are added. In user-ordered lists and leaf-lists the entries
      of the highest priority come first in their order, then those that the next one adds; equal priorities by name.
    """
    ordered = sorted(layers, key=lambda layer: (-layer[1], layer[0]))
    merged: dict[str, Any] = {}
    work = _Merge(context)
    for name, priority, document in ordered:
        work.members(None, merged, document, _Origin(name, priority), "")
    work.problems += _hidden_conflicts(context, ordered)
    if work.problems:
        raise InputError.of(dict.fromkeys(work.problems))
    return merged


def _hidden_conflicts(context: Context, ordered: Sequence[tuple[str, int, dict[str, Any]]]) -> list[Problem]:
    """Conflicts among equal priorities below the highest, each priority merged on its own."""
    found: list[Problem] = []
    highest = ordered[0][1] if ordered else 0
    for level in sorted({priority for _, priority, _ in ordered if priority != highest}, reverse=True):
        same = [layer for layer in ordered if layer[1] == level]
        if len(same) > 1:
            work = _Merge(context)
            alone: dict[str, Any] = {}
            for name, priority, document in same:
                work.members(None, alone, document, _Origin(name, priority), "")
            found += work.problems
    return found
