"""Remedies, tried: what the profile would have fabricd do is done once, to see whether it helps on this device.

Called between the picture and its judgement, for what the picture shows only. Must not know protocols.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fabricd.errors import DeviceRefusedError
from fabricd.model.probe import Certainty
from fabricd.southbound.probe import scratch
from fabricd.southbound.probe.bench import Bench
from fabricd.southbound.probe.ground import Attempt, NoNetError
from fabricd.southbound.probe.picture import shown, unforced
from fabricd.southbound.probe.schema_work import Document
from fabricd.southbound.probe.spare import spare_ports
from fabricd.southbound.probe.support import merged


@dataclass(frozen=True, slots=True)
class Remedy:
    """`helps` is None where it could not be tried; `said` is the evidence, or why."""

    helps: bool | None
    said: str

    @property
    def certainty(self) -> Certainty:
        return Certainty.LIKELY if self.helps is None else Certainty.SEEN


async def joined(bench: Bench[Any]) -> Remedy:
    """An aggregate and a member of it in one update. The member is a port that nobody uses."""
    said = "no port is there that is down and used by nothing"
    name = bench.names.aggregate
    for port, kind in await spare_ports(bench):
        # Together they are one update, or one edit-config.
        document = merged((scratch.aggregate(name), scratch.member(port, kind, name)))
        is_there = port in bench.interfaces
        within = (scratch.interface(name), scratch.membership(port) if is_there else scratch.interface(port))
        what = f"written with {port} as its member"
        try:
            async with shown(bench, Attempt((document,), within=within)):
                leaves = await bench.work.leaves(await bench.ground.config())
        except (DeviceRefusedError, NoNetError) as error:
            said = f"{what}: {error.message}"
            continue
        kept = any(path.name == scratch.LAG_TYPE and scratch.interface(name).covers(path) for path in leaves)
        return Remedy(kept, f"{what}: {'kept' if kept else 'gone'}")
    return Remedy(None, f"not tried with a member: {said}")


async def attached(bench: Bench[Any]) -> Remedy:
    """An interface of no VRF as member of the default network instance."""
    name, where = bench.names.plain, f"in the instance {bench.default}"
    loopback = scratch.loopback(name, address="192.0.2.11")
    instance = scratch.instance(
        bench.default, "DEFAULT_INSTANCE", interfaces=scratch.members(name, dotted=bench.dotted)
    )
    if any(map(bench.is_protected, scratch.paths_of((instance,)))):
        return Remedy(None, f"not tried {where}: protected")
    if bench.default not in bench.instances:
        return await _in_force(bench, where, loopback, Attempt((loopback, instance)))
    entry = instance[scratch.INSTANCES]["network-instance"][0]
    del entry["config"]["type"]  # it stays what it is
    within = (scratch.interface(name), scratch.member_of(bench.default, entry["interfaces"]["interface"][0]["id"]))
    return await _in_force(bench, where, loopback, Attempt((loopback, instance), within=within))


async def switched_on_before(bench: Bench[Any], feature: scratch.Feature) -> Remedy:
    """What depends on a feature, in a request after the one that switches the feature on."""
    loopback = scratch.loopback(bench.names.before)
    steps = (Attempt((feature.switch,)), Attempt((loopback, feature.dependent)))
    return await _in_force(bench, f"with {feature.path} in a request before", feature.dependent, *steps)


async def _in_force(bench: Bench[Any], what: str, document: Document, *attempts: Attempt) -> Remedy:
    """Whether all of a document is in force once the attempts were made."""
    written = await bench.work.read(document)
    try:
        async with shown(bench, *attempts):
            absent = await unforced(bench, written)
    except (DeviceRefusedError, NoNetError) as error:
        return Remedy(None, f"not tried {what}: {error.message}")
    return Remedy(not absent, f"{what}: {f'not in force: {absent[0].path}' if absent else 'in force'}")
