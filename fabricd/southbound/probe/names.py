"""Experiments about names: default instance, protocol STATIC, ids of interfaces.

Run over either protocol by run.py: a change is tried, given up, and its refusal told from that of its counterpart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fabricd.model.device import Alias
from fabricd.model.path import Path
from fabricd.southbound.probe import scratch
from fabricd.southbound.probe.bench import Bench, Experiment, Needs
from fabricd.southbound.probe.ground import Attempt

_INSTANCE = Path.parse("/openconfig-network-instance:network-instances/network-instance")
_PROTOCOL = Path.parse("/openconfig-network-instance:network-instances/network-instance/protocols/protocol")


@dataclass(frozen=True, slots=True)
class _Naming:
    """Something that devices call by one of two names, in the list at `path`."""

    finding: str
    quirk: int
    what: str
    path: Path
    usual: str
    other: str

    async def only(self, bench: Bench[Any], refusal: Callable[[str], Awaitable[str]]) -> str:
        """The usual name, or the other where that is taken and nothing else; tells of it where only one is."""
        refused = {name: await refusal(name) for name in (self.usual, self.other)}
        evidence = [f"{self.what} by the name {name}: {tag or 'taken'}" for name, tag in refused.items()]
        accepted = [name for name, tag in refused.items() if not tag]
        if not accepted:
            bench.open_question(self.finding, "; ".join(evidence), (self.quirk,))
        if len(accepted) != 1:
            return self.usual
        (name,) = accepted
        alias = Alias(self.path, "name", self.usual, name)
        bench.found(
            self.finding,
            f"The {self.what} is called {name} and nothing else.",
            *evidence,
            quirks=(self.quirk,),
            learned={"likeness.alias": (alias,)} if name != self.usual else None,
        )
        return name


_DEFAULT = _Naming("default-instance", 11, "default network instance", _INSTANCE, "default", "DEFAULT")
_STATIC = _Naming("static-protocol", 12, "protocol STATIC", _PROTOCOL, "STATIC", "static")


async def _default_instance(bench: Bench[Any]) -> None:
    """By what is there, and by what is taken."""
    there = [
        str(one["name"])
        for one in scratch.entries(bench.document, scratch.INSTANCES, "network-instance")
        if _is_default(one)
    ]

    async def refusal(name: str) -> str:
        if name in there:
            return ""
        tag: str = await bench.ground.refusal(Attempt((scratch.instance(name, "DEFAULT_INSTANCE"),)))
        return tag

    bench.default = await _DEFAULT.only(bench, refusal)


def _is_default(entry: dict[str, Any]) -> bool:
    kind = str(entry.get("config", {}).get("type", "")).rpartition(":")[2]
    return kind == "DEFAULT_INSTANCE" or str(entry.get("name", "")).lower() == _DEFAULT.usual


async def _static_protocol(bench: Bench[Any]) -> None:
    async def refusal(name: str) -> str:
        protocols = {"protocol": [scratch.static_protocol(name)]}
        instance = scratch.instance(bench.names.instance, protocols=protocols)
        tag: str = await bench.ground.refusal(Attempt((instance,)))
        return tag

    bench.static = await _STATIC.only(bench, refusal)


async def _interface_ids(bench: Bench[Any]) -> None:
    name = bench.names.plain
    refused = {}
    for dotted in (False, True):
        one = scratch.instance(bench.names.instance, interfaces=scratch.members(name, dotted=dotted))
        refused[dotted] = await bench.ground.refusal(Attempt((scratch.loopback(name), one)))
    evidence = (
        f"id fabricd-{name}: {refused[False] or 'taken'}",
        f"id {name}.0: {refused[True] or 'taken'}",
    )
    if refused[True]:
        bench.open_question("interface-refs", "; ".join(evidence), (13,))
    elif refused[False]:
        bench.dotted = True
        bench.found(
            "interface-refs",
            "The id of an interface in a network instance has to be NAME.INDEX.",
            *evidence,
            quirks=(13,),
            learned={"likeness.interface_refs": True},
        )


EXPERIMENTS: tuple[Experiment[Any], ...] = (
    Experiment("default-instance", "naming the default instance", (11,), Needs.TRYING, _default_instance),
    Experiment("static-protocol", "naming the protocol STATIC", (12,), Needs.TRYING, _static_protocol),
    Experiment("interface-refs", "naming interfaces in an instance", (13,), Needs.TRYING, _interface_ids),
)
