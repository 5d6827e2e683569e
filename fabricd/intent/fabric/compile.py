"""The fabric compiler's door: a Fabric in, the tree of every device and what fabricd owns on it out.

Called by reconcile/submission and by the offline commands. Pure; must not know the store, libyang or any adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from fabricd.errors import InputError
from fabricd.intent.fabric.acl import acl
from fabricd.intent.fabric.attachments import attachments
from fabricd.intent.fabric.checks import check
from fabricd.intent.fabric.claims import claimed
from fabricd.intent.fabric.external import external
from fabricd.intent.fabric.fragment import merged, rendered
from fabricd.intent.fabric.interfaces import interfaces
from fabricd.intent.fabric.overlay import overlay
from fabricd.intent.fabric.policy import policy
from fabricd.intent.fabric.resolve import resolve
from fabricd.intent.fabric.resolved import Allocations, ResolvedDevice, ResolvedFabric
from fabricd.intent.fabric.sameness import Sameness
from fabricd.intent.fabric.services import services
from fabricd.intent.fabric.steering import steer, steering
from fabricd.intent.fabric.system import system
from fabricd.intent.fabric.underlay import underlay
from fabricd.intent.fabric.values import Fabric

Concern = Callable[[ResolvedFabric, ResolvedDevice], dict[str, Any]]

CONCERNS: tuple[Concern, ...] = (
    system,
    interfaces,
    underlay,
    overlay,
    services,
    attachments,
    external,
    policy,
    acl,
    steering,
)


@dataclass(frozen=True, slots=True)
class CompiledFabric:
    """`trees` are RFC 7951 JSON with sorted members by device, not yet validated. `claims` are data paths: the subtrees
    of each device that belong to the fabric wholly (see claims.py). `recompiled` are the devices that were worked on:
    the trees of all others are the very objects of `known`."""

    resolved: ResolvedFabric
    trees: Mapping[str, bytes]
    claims: Mapping[str, tuple[str, ...]]
    recompiled: tuple[str, ...]


def compile_fabric(
    fabric: Fabric,
    previous: Allocations = Allocations(),  # noqa: B008  # frozen and empty
    *,
    known: CompiledFabric | None = None,
) -> CompiledFabric:
    """The trees of all devices, and the numbers that were handed out (`resolved.allocations`, the next `previous`).

    `known` is what was compiled last, with `previous` as its outcome: devices of which nothing that matters has changed
    since are taken from it. The result is the same with and without. Raises InputError with every problem found.
    """
    resolved = resolve(fabric, previous)
    check(resolved)
    resolved = steer(resolved)
    same = Sameness(known.resolved, resolved) if known is not None else None
    trees: dict[str, bytes] = {}
    claims: dict[str, tuple[str, ...]] = {}
    recompiled, problems = [], []
    for name, device in resolved.devices.items():
        if known is not None and same is not None and same.holds(name):
            trees[name], claims[name] = known.trees[name], known.claims[name]
            continue
        try:
            tree = merged((concern(resolved, device) for concern in CONCERNS), name)
        except InputError as error:
            problems += [replace(found, device=found.device or name) for found in error.problems]
            continue
        trees[name] = orjson.dumps(rendered(tree), option=orjson.OPT_SORT_KEYS)
        claims[name] = claimed(tree, previous.claimed.get(name, ()))
        recompiled.append(name)
    if problems:
        raise InputError.of(problems)
    resolved = replace(resolved, allocations=replace(resolved.allocations, claimed=claims))
    return CompiledFabric(resolved, trees, claims, tuple(recompiled))
