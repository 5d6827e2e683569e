"""What the picture shall show: scratch objects of every sort, less what the device refuses.

Made before the picture is taken, over either protocol, by changes that are tried and given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fabricd.errors import DeviceRefusedError
from fabricd.model.path import Path
from fabricd.southbound.probe import scratch
from fabricd.southbound.probe.bench import Bench, generic
from fabricd.southbound.probe.ground import Attempt
from fabricd.southbound.probe.schema_work import Document
from fabricd.southbound.probe.spare import spare_interfaces
from fabricd.southbound.probe.support import Added, additions, filled, merged, refused_leaves


@dataclass
class Plan:
    """What is put in force: `documents` in their order, each with what belongs to it; `added` are leaves with their
    defaults, and descriptions. `refused` are generic paths of leaves that the device refuses, `lacking` are parts that
    it refuses as a whole. `feature` is switched on in the same change."""

    documents: tuple[Document, ...] = ()
    added: tuple[Added, ...] = ()
    refused: dict[Path, str] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)
    deletes: tuple[str, ...] = ()
    kept: dict[str, str] = field(default_factory=dict)
    feature: scratch.Feature | None = None

    def attempt(self) -> Attempt:
        """All of it as one change."""
        switch = () if self.feature is None else (self.feature.switch,)
        documents = tuple(filled(one, self.added) for one in self.documents)
        return Attempt((*documents, *switch), tuple(scratch.interface(name) for name in self.deletes))

    def whole(self) -> Document:
        """What it writes, as one document."""
        return merged(self.attempt().documents)


async def planned(bench: Bench[Any]) -> Plan:
    """What this device takes of everything that is worth looking at."""
    names, plan = bench.names, Plan()
    members = scratch.members(names.before, names.after, dotted=bench.dotted)
    # The first is in no instance, the second gets its address before it comes into one, the third afterwards.
    before = (
        scratch.with_ipv6(scratch.loopback(names.plain, address="192.0.2.11"), "2001:db8::11"),
        scratch.with_ipv6(scratch.loopback(names.before, address="192.0.2.12"), "2001:db8::12"),
    )
    after = scratch.with_ipv6(scratch.loopback(names.after, address="192.0.2.13"), "2001:db8::13")
    base: list[Document] = [
        *before, scratch.loopback(names.after, subinterface=False),
        scratch.instance(names.instance, interfaces=members), after,
    ]  # fmt: skip
    optional: dict[str, Document] = {
        "an aggregate": scratch.aggregate(names.aggregate),
        "static routes": _protocols(names.instance, scratch.static_protocol(bench.static)),
        "BGP": _protocols(names.instance, scratch.bgp()),
        "a bridging table": scratch.bridge(names.bridge),
        "an ACL": scratch.acl(names.acl),
    }
    first, second = scratch.features(names.before)
    optional[first.what] = first.dependent
    if "motd-banner" not in scratch.held(bench.document, scratch.SYSTEM, "config"):
        optional["a banner"] = scratch.banner()
    for what, document in list(optional.items()):
        if any(map(bench.is_protected, scratch.paths_of([document]))):
            plan.lacking[what] = "protected"
            del optional[what]
    if any(map(bench.is_protected, scratch.paths_of(base))):
        raise DeviceRefusedError("loopbacks or network instances are protected", tag="protected")
    if tag := await bench.ground.refusal(Attempt(tuple(base))):
        raise DeviceRefusedError(f"loopbacks in a network instance are refused: {tag}", tag=tag)
    for what, document in optional.items():
        if tag := await bench.ground.refusal(Attempt((*base, document))):
            plan.lacking[what] = tag
        else:
            base.append(document)
    if first.what not in plan.lacking and await _can_switch(bench, first, base):
        plan.feature = first
    elif await _can_switch(bench, second, [*base, second.dependent]):
        plan.feature = second
        base.append(second.dependent)
    plan.documents = tuple(base)
    await _find_unsupported(bench, plan)
    await _find_kept(bench, plan)
    return plan


async def _can_switch(bench: Bench[Any], feature: scratch.Feature, base: Sequence[Document]) -> bool:
    """Whether nobody has said anything of a feature yet, and it can be switched on together with what depends on it."""
    paths = scratch.paths_of((feature.switch, feature.dependent))
    if not feature.is_unused(bench.document) or any(map(bench.is_protected, paths)):
        return False
    return not await bench.ground.refusal(Attempt((*base, feature.switch)))


def _protocols(instance: str, protocol: Document) -> Document:
    return scratch.instance(instance, protocols={"protocol": [protocol]})


async def _find_unsupported(bench: Bench[Any], plan: Plan) -> None:
    added = await additions(bench, plan.documents, bench.names)
    plan.refused = await refused_leaves(bench, plan.documents, added)
    plan.added = tuple((path, value) for path, value in added if generic(path) not in plan.refused)


async def _find_kept(bench: Bench[Any], plan: Plan) -> None:
    """Which of the interfaces that nobody uses cannot be deleted, and which may be tried in the picture."""
    for name in await spare_interfaces(bench):
        if tag := await bench.ground.refusal(Attempt((), (scratch.interface(name),))):
            plan.kept[name] = tag
        else:
            plan.deletes = (*plan.deletes, name)
