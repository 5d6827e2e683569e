"""Experiments about names: default instance, protocol STATIC, ids of interfaces.

Run over either protocol by run.py: a change is tried, given up, and its refusal told from that of its counterpart.
"""

from __future__ import annotations

from typing import Any

from fabricd.model.device import Alias
from fabricd.model.path import Path
from fabricd.southbound.probe import scratch
from fabricd.southbound.probe.bench import Bench, Experiment, Needs
from fabricd.southbound.probe.ground import Attempt

_INSTANCE = Path.parse("/openconfig-network-instance:network-instances/network-instance")
_PROTOCOL = Path.parse("/openconfig-network-instance:network-instances/network-instance/protocols/protocol")
_USUAL_INSTANCE, _OTHER_INSTANCE = "default", "DEFAULT"
_USUAL_STATIC, _OTHER_STATIC = "STATIC", "static"


async def _default_instance(bench: Bench[Any]) -> None:
    """By what is there, and by what is taken."""
    there = [
        str(one["name"])
        for one in scratch.entries(bench.document, scratch.INSTANCES, "network-instance")
        if _is_default(one)
    ]
    refused = {
        name: "" if name in there else await bench.ground.refusal(Attempt((_default(name),)))
        for name in (_USUAL_INSTANCE, _OTHER_INSTANCE)
    }
    evidence = [f"network instance {name}: {f'refused, {tag}' if tag else 'taken'}" for name, tag in refused.items()]
    accepted = [name for name, tag in refused.items() if not tag]
    if not accepted:
        bench.open_question("default-instance", "; ".join(evidence), (11,))
    elif len(accepted) == 1:
        name = accepted[0]
        if name != _USUAL_INSTANCE:
            bench.learn_traits("likeness", aliases=(Alias(_INSTANCE, "name", _USUAL_INSTANCE, name),))
        bench.found(
            "default-instance",
            f"The default network instance is called {name} and nothing else.",
            *evidence,
            quirks=(11,),
            keys=("likeness.alias",) if name != _USUAL_INSTANCE else (),
        )


def _is_default(entry: dict[str, Any]) -> bool:
    kind = str(entry.get("config", {}).get("type", "")).rpartition(":")[2]
    return kind == "DEFAULT_INSTANCE" or str(entry.get("name", "")).lower() == _USUAL_INSTANCE


def _default(name: str) -> dict[str, Any]:
    return scratch.instance(name, "DEFAULT_INSTANCE")


async def _static_protocol(bench: Bench[Any]) -> None:
    refused = {}
    for name in (_USUAL_STATIC, _OTHER_STATIC):
        protocols = {"protocol": [scratch.static_protocol(name)]}
        one = scratch.instance(bench.names.instance, protocols=protocols)
        refused[name] = await bench.ground.refusal(Attempt((one,)))
    evidence = [f"protocol STATIC by the name {name}: {tag or 'taken'}" for name, tag in refused.items()]
    accepted = [name for name, tag in refused.items() if not tag]
    if not accepted:
        bench.open_question("static-protocol", "; ".join(evidence), (12,))
    elif len(accepted) == 1:
        bench.static = accepted[0]
        if bench.static != _USUAL_STATIC:
            bench.learn_traits("likeness", aliases=(Alias(_PROTOCOL, "name", _USUAL_STATIC, bench.static),))
        bench.found(
            "static-protocol",
            f"The protocol STATIC is called {bench.static} and nothing else.",
            *evidence,
            quirks=(12,),
            keys=("likeness.alias",) if bench.static != _USUAL_STATIC else (),
        )


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
        bench.learn_traits("likeness", interface_refs=True)
        bench.found(
            "interface-refs",
            "The id of an interface in a network instance has to be NAME.INDEX.",
            *evidence,
            quirks=(13,),
            keys=("likeness.interface_refs",),
        )


EXPERIMENTS: tuple[Experiment[Any], ...] = (
    Experiment("default-instance", "naming the default instance", (11,), Needs.TRYING, _default_instance),
    Experiment("static-protocol", "naming the protocol STATIC", (12,), Needs.TRYING, _static_protocol),
    Experiment("interface-refs", "naming interfaces in an instance", (13,), Needs.TRYING, _interface_ids),
)
