"""Accepted or in force: a desired tree held against the state that mirrors it, leaf by leaf.

Called in schema workers by reconcile, to show it and to verify a change. Knows OpenConfig's config and state containers
(OpenConfig style guide: each leaf of `config` stands in `state` too, with the value in force); pure but for its schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from fabricd.model.fetched import Fetched
from fabricd.model.intent import Scope
from fabricd.model.operational import InForce, NotInForce
from fabricd.model.path import Path, Segment, covered
from fabricd.schema.loose import lexical
from fabricd.schema.nodes import SchemaNode
from fabricd.schema.observed import read_observed
from fabricd.schema.schema import Schema
from fabricd.schema.takeable import Leaf, leaves

_CONFIG, _STATE = "config", "state"


def in_force(schema: Schema, desired: bytes, fetched: Iterable[Fetched], scope: Scope) -> InForce:
    """Which leaves of `desired` the device's state does not show with their value.

    Protected paths are left out. A default value and its absence are the same. State that is missing for one entry
    counts as not in force where the device shows mirrored state elsewhere below the same top-level container; where it
    shows none there, it is `untold`. Raises DeviceProtocolError for state that cannot be read.
    """
    observed = read_observed(schema, fetched)
    found: list[tuple[Leaf, SchemaNode, Any]] = []
    told: set[str] = set()
    lacking: dict[str, list[tuple[Leaf, SchemaNode]]] = {}
    for leaf, mirror in _mirrored(schema, leaves(schema, desired)):
        if covered(scope.protected, leaf.path):
            continue
        state = _state_of(schema, observed, leaf.path)
        top = leaf.path.segments[0].name
        if state is None:
            lacking.setdefault(top, []).append((leaf, mirror))
        else:
            told.add(top)
            found.append((leaf, mirror, state.get(mirror.name, state.get(mirror.qualified))))
    untold = [Path(one[0][0].path.segments[:1]) for top, one in lacking.items() if top not in told]
    found += [(leaf, mirror, None) for top, some in lacking.items() if top in told for leaf, mirror in some]
    found.sort(key=lambda one: one[0].path.text)
    return InForce(
        leaves=len(found),
        not_in_force=tuple(
            NotInForce(leaf.path, leaf.value, None if value is None else orjson.dumps(value).decode())
            for leaf, mirror, value in found
            if not _same(mirror, json.loads(leaf.value), value)
        ),
        untold=tuple(untold),
    )


def _mirrored(schema: Schema, wanted: Iterable[Leaf]) -> Iterator[tuple[Leaf, SchemaNode]]:
    """Leaves in a `config` beside which the models have a `state` with the same leaf, and that leaf."""
    for leaf in wanted:
        segments = leaf.path.segments
        if len(segments) < 3 or segments[-2].name != _CONFIG:
            continue
        beside = Path((*segments[:-2], Segment(_STATE, segments[-2].module), segments[-1]))
        along = schema.context.nodes.along(beside)
        if along is not None:
            yield leaf, along[-1]


def _state_of(schema: Schema, observed: Mapping[str, Any], path: Path) -> Mapping[str, Any] | None:
    """The `state` object beside the `config` that holds the leaf at `path`; None where there is none."""
    along = schema.context.nodes.along(path) or ()
    value: Any = observed
    for node, segment in zip(along[:-2], path.segments[:-2], strict=False):
        value = value.get(node.qualified, value.get(node.name)) if isinstance(value, Mapping) else None
        if isinstance(value, list):
            value = next((entry for entry in value if _has_keys(node, entry, segment)), None)
        if value is None:
            return None
    module = along[-2].module
    state = value.get(_STATE, value.get(f"{module}:{_STATE}"))
    return state if isinstance(state, Mapping) else None


def _has_keys(node: SchemaNode, entry: Mapping[str, Any], segment: Segment) -> bool:
    wanted = dict(segment.keys)
    return all(key.check(lexical(entry.get(key.name, ""))) == key.check(wanted[key.name]) for key in node.keys)


def _same(node: SchemaNode, configured: Any, applied: Any) -> bool:
    if isinstance(configured, list):
        shown = applied if isinstance(applied, list) else []
        return sorted(map(lexical, configured)) == sorted(map(lexical, shown))
    if applied is None:
        return bool(node.defaults) and node.check(lexical(configured)) == node.check(node.defaults[0])
    return node.accept(lexical(configured)) == node.accept(lexical(applied))
