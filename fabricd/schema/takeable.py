"""Which leaves of a configuration another set of models cannot hold, and why: every one, not the first error only.

Called by reconcile/model_check in schema workers, with the models a tree was written in and with the device's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import orjson

from fabricd.errors import InputError
from fabricd.model.path import Path, Segment
from fabricd.schema import raw
from fabricd.schema.loose import lexical
from fabricd.schema.nodes import Kind, SchemaNode, segment
from fabricd.schema.schema import Schema


class Reason(StrEnum):
    """Why a leaf cannot be taken."""

    MODULE = "module"  # the models lack its module
    NODE = "node"  # the module has no such node
    NOT_SUPPORTED = "not-supported"  # a deviation takes the node away
    VALUE = "value"  # outside its type or range
    IDENTITY = "identity"  # no such identity
    RULE = "rule"  # each leaf is fine, the whole is not (must, leafref, mandatory, ...)


@dataclass(frozen=True, slots=True)
class Leaf:
    """`value` is RFC 7951 JSON; a leaf-list is one leaf."""

    path: Path
    value: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A leaf that cannot be taken. `leaf.value` is empty for a rule that no single leaf breaks."""

    leaf: Leaf
    reason: Reason
    message: str


def leaves(schema: Schema, config: bytes) -> tuple[Leaf, ...]:
    """Every leaf of a canonical configuration, keys left out: they are said by the path. What the models do not have is
    left out too."""
    return tuple(_below(schema, None, orjson.loads(config or b"{}"), Path()))


def refused(schema: Schema, wanted: Iterable[Leaf]) -> tuple[Refused, ...]:
    """Those of `wanted` that the models of `schema` cannot hold."""
    found = (_judged(schema, leaf) for leaf in wanted)
    return tuple(one for one in found if one is not None)


def broken_rules(schema: Schema, config: bytes) -> tuple[Refused, ...]:
    """What is wrong with a whole whose leaves can all be taken (at most fifty rules)."""
    try:
        schema.validate(schema.read(config, limit=len(config)))
    except InputError as error:
        return tuple(
            Refused(Leaf(Path.parse(problem.path or "/"), ""), Reason.RULE, problem.message)
            for problem in error.problems
        )
    return ()


def by_deviation(schema: Schema, found: Sequence[Refused]) -> tuple[Refused, ...]:
    """The same, with what `schema` (the models without their deviations) does take put down to the deviations."""
    return tuple(
        replace(one, reason=Reason.NOT_SUPPORTED, message="a deviation of the device takes it away")
        if one.reason is Reason.NODE and schema.node(one.leaf.path) is not None
        else one
        for one in found
    )


def modules_of(schema: Schema, wanted: Iterable[Leaf]) -> dict[str, int]:
    """How many of the leaves need a module, by its name."""
    counts: dict[str, int] = {}
    for leaf in wanted:
        along = schema.context.nodes.along(leaf.path) or ()
        for module in {node.module for node in along}:
            counts[module] = counts.get(module, 0) + 1
    return counts


def _below(schema: Schema, above: SchemaNode | None, value: dict[str, Any], path: Path) -> Iterator[Leaf]:
    for name, held in value.items():
        node = schema.context.nodes.member(above, name)
        if node is None or node.is_key:
            continue
        here = path.child(segment(node, above))
        if node.kind is Kind.CONTAINER:
            yield from _below(schema, node, held, here)
        elif node.kind is Kind.LIST:
            for entry in held:
                keys = tuple((key.name, lexical(entry[key.name])) for key in node.keys)
                yield from _below(schema, node, entry, path.child(segment(node, above, keys)))
        else:
            yield Leaf(here, orjson.dumps(held).decode())


def _judged(schema: Schema, leaf: Leaf) -> Refused | None:
    along = schema.context.nodes.along(leaf.path)
    if along is None:
        return Refused(leaf, *_missing(schema, leaf.path))
    node = along[-1]
    if node.is_state or node.kind not in (Kind.LEAF, Kind.LEAF_LIST):
        return Refused(leaf, Reason.NODE, "is no leaf of configuration there")
    for at, one in zip(leaf.path.segments, along, strict=True):
        for key in one.keys:
            value = dict(at.keys).get(key.name, "")
            if key.check(value) is None:
                return _bad(leaf, key, value)
    held = json.loads(leaf.value)
    for value in held if node.kind is Kind.LEAF_LIST else [held]:
        if node.check(lexical(value)) is None:
            return _bad(leaf, node, lexical(value))
    return None


def _bad(leaf: Leaf, node: SchemaNode, value: str) -> Refused:
    only_identity = node.base_types == {raw.TYPE_IDENTITY}
    reason = Reason.IDENTITY if only_identity else Reason.VALUE
    return Refused(leaf, reason, node.refusal(value) or f"{value!r} is not allowed there")


def _missing(schema: Schema, path: Path) -> tuple[Reason, str]:
    module = ""
    for depth, step in enumerate(path.segments, 1):
        module = step.module or module
        if schema.context.nodes.along(_bare(path, depth)) is None:
            if module and module not in schema.context.nodes.namespaces:
                return Reason.MODULE, f"the device has no module {module}"
            return Reason.NODE, f"the device's {module or 'models'} has no node {step.name}"
    raise ValueError(f"{path} is not missing")


def _bare(path: Path, depth: int) -> Path:
    return Path(tuple(Segment(one.name, one.module) for one in path.segments[:depth]))
