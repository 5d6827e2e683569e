"""Accepted or in force: a desired tree held against the state that mirrors it, leaf by leaf.

Called in schema workers by reconcile, to show it and to verify a change. Knows OpenConfig's config and state containers
(OpenConfig style guide: each leaf of `config` stands in `state` too, with the value in force); pure but for its schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from fabricd.model.device import Likeness
from fabricd.model.fetched import Fetched
from fabricd.model.intent import Scope
from fabricd.model.operational import InForce, NotInForce
from fabricd.model.path import Path, Segment, covered
from fabricd.model.secret import HIDDEN
from fabricd.schema.loose import lexical
from fabricd.schema.nodes import SchemaNode
from fabricd.schema.observed import read_observed
from fabricd.schema.schema import Schema
from fabricd.schema.spelling import in_one_spelling
from fabricd.schema.takeable import Leaf, leaves

_CONFIG, _STATE = "config", "state"
_USUAL = Likeness()
_HIDDEN = json.dumps(HIDDEN)


def in_force(
    schema: Schema, desired: bytes, fetched: Iterable[Fetched], scope: Scope, likeness: Likeness = _USUAL
) -> InForce:
    """Which leaves of `desired` the device's state does not show with their value.

    Left out are protected paths, and what `likeness` says the device does not take, or shows otherwise than it was
    written; its names are the device's own. Of other secrets the values are not told. A default, of the models or the
    device, and its absence are the same. State that is missing for one entry counts as not in force where the device
    shows mirrored state elsewhere below the same top-level container; where it shows none there, it is `untold`. Raises
    DeviceProtocolError for state that cannot be read.
    """
    observed = read_observed(schema, fetched)
    silent = (*scope.protected, *likeness.unsupported, *likeness.omitted, *likeness.secrets, *likeness.secrets_anew)
    shown_state = _Shown(schema, observed)
    held: list[_Held] = []
    for leaf, called in as_called(schema, desired, likeness):
        mirror = _mirror(schema, leaf)
        if mirror is not None and not covered(silent, leaf.path):
            state = shown_state.beside(called.path)
            shown = None if state is None else state.get(mirror.name, state.get(mirror.qualified))
            held.append(_Held(leaf, called, mirror, state is not None, shown))
    told = {one.top for one in held if one.has_state}
    compared = [one for one in held if one.top in told]
    compared.sort(key=lambda one: one.leaf.path.text)
    secrets = schema.secret_leaves(likeness)
    return InForce(
        leaves=len(compared),
        not_in_force=tuple(
            _told(one, secret=covered(secrets, one.leaf.path)) for one in compared if not _same(one, likeness)
        ),
        untold=tuple(dict.fromkeys(Path(one.leaf.path.segments[:1]) for one in held if one.top not in told)),
    )


def _told(one: _Held, *, secret: bool) -> NotInForce:
    value, shown = (_HIDDEN, one.shown and HIDDEN) if secret else (one.leaf.value, one.shown)
    return NotInForce(one.leaf.path, value, None if shown is None else orjson.dumps(shown).decode())


def mirrors(schema: Schema, desired: bytes) -> tuple[Path, ...]:
    """The state leaves that `in_force` looks at, each once for all entries of its lists: what to ask a device for that
    refuses whole containers."""
    found: dict[str, Path] = {}
    for leaf in leaves(schema, desired):
        if _mirror(schema, leaf) is not None:
            *above, config, last = leaf.path.segments
            path = Path((*(Segment(one.name, one.module) for one in above), Segment(_STATE, config.module), last))
            found[path.text] = path
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class _Held:
    """A desired leaf, the same in the device's names, the state leaf that mirrors it, and what is shown there."""

    leaf: Leaf
    called: Leaf
    mirror: SchemaNode
    has_state: bool
    shown: Any

    @property
    def top(self) -> str:
        return self.leaf.path.segments[0].name


def as_called(schema: Schema, desired: bytes, likeness: Likeness) -> Iterator[tuple[Leaf, Leaf]]:
    """Every desired leaf, and the same as the device calls it."""
    # Names change paths and values, not their order.
    own = leaves(schema, desired)
    if not likeness.aliases and not likeness.interface_refs:
        return zip(own, own, strict=True)
    return zip(own, leaves(schema, schema.names(likeness, desired).outward(desired)), strict=True)


def _mirror(schema: Schema, leaf: Leaf) -> SchemaNode | None:
    """The leaf of the `state` beside the `config` that holds this one, if the models have it."""
    segments = leaf.path.segments
    if len(segments) < 3 or segments[-2].name != _CONFIG:
        return None
    along = schema.context.nodes.along(Path((*segments[:-2], Segment(_STATE, segments[-2].module), segments[-1])))
    return along[-1] if along is not None else None


_Entries = dict[tuple[tuple[int, str] | None, ...], Mapping[str, Any]]


class _Shown:
    """The state that a device shows, the entries of its lists by their keys: leaves are asked for by the thousand."""

    def __init__(self, schema: Schema, observed: Mapping[str, Any]) -> None:
        self._nodes = schema.context.nodes
        self._observed = observed
        self._lists: dict[int, _Entries] = {}

    def beside(self, path: Path) -> Mapping[str, Any] | None:
        """The `state` object beside the `config` that holds the leaf at `path`; None where there is none."""
        along = self._nodes.along(path) or ()
        value: Any = self._observed
        for node, segment in zip(along[:-2], path.segments[:-2], strict=False):
            value = value.get(node.qualified, value.get(node.name)) if isinstance(value, Mapping) else None
            if isinstance(value, list):
                value = self._entries(node, value).get(_keys(node, dict(segment.keys)))
            if value is None:
                return None
        module = along[-2].module
        state = value.get(_STATE, value.get(f"{module}:{_STATE}"))
        return state if isinstance(state, Mapping) else None

    def _entries(self, node: SchemaNode, entries: list[Mapping[str, Any]]) -> _Entries:
        found = self._lists.get(id(entries))
        if found is None:
            found = self._lists[id(entries)] = {_keys(node, entry): entry for entry in reversed(entries)}
        return found


def _keys(node: SchemaNode, named: Mapping[str, Any]) -> tuple[tuple[int, str] | None, ...]:
    return tuple(_value(key, named.get(key.name, "")) for key in node.keys)


def _same(one: _Held, likeness: Likeness) -> bool:
    node, configured = one.mirror, json.loads(one.called.value)
    if isinstance(configured, list):
        shown = one.shown if isinstance(one.shown, list) else []
        return sorted(in_one_spelling(node, lexical(held)) for held in configured) == sorted(
            in_one_spelling(node, lexical(held)) for held in shown
        )
    wanted = _value(node, configured)
    if one.shown is not None:
        return wanted == _value(node, one.shown)
    assumed = [json.loads(value) for path, value in likeness.defaults if path.covers(one.leaf.path)]
    return any(wanted == _value(node, value) for value in assumed or node.defaults)


def _value(node: SchemaNode, value: Any) -> tuple[int, str] | None:
    """(base type, canonical value), addresses in one spelling; None for what the leaf cannot have."""
    return node.accept(in_one_spelling(node, lexical(value)))
