"""Experiments about how gNMI requests have to be written, and how answers are: origin, prefix, names, encoding, JSON.

Run by run.py before anything else, since nothing can be read otherwise. They read only.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import product
from typing import Any

import orjson
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.errors import DeviceProtocolError, DeviceRefusedError
from fabricd.model.device import GnmiTraits
from fabricd.model.path import ROOT, Path
from fabricd.schema.outline import Node, NodeKind, ValueKind, outline_of
from fabricd.southbound.probe.bench import Bench, Experiment, Needs
from fabricd.southbound.probe.gnmi_ground import GnmiGround
from fabricd.southbound.probe.traceless import steadily

# Every switch has state here, whatever is configured.
ALWAYS_THERE = (Path.parse("/openconfig-system:system"), Path.parse("/openconfig-interfaces:interfaces"))
_MOST_COMPLAINTS = 3


async def _encoding(bench: Bench[GnmiGround]) -> None:
    reply = await bench.ground.calls.ask("Capabilities", gnmi_pb2.CapabilityRequest())
    offered = {gnmi_pb2.Encoding.Name(number) for number in reply.supported_encodings if number in _ENCODINGS}
    if "JSON_IETF" in offered:
        return
    if "JSON" not in offered:
        bench.open_question("encoding", f"neither JSON_IETF nor JSON is offered, but {sorted(offered)}", ())
        return
    _speak(bench, replace(bench.ground.traits, encoding="json"))
    bench.found(
        "encoding", "JSON is offered and JSON_IETF is not.", f"Capabilities: {sorted(offered)}", quirks=(),
        learned={"gnmi.encoding": "json"},
    )  # fmt: skip


_ENCODINGS = frozenset(gnmi_pb2.Encoding.values())


async def _addressing(bench: Bench[GnmiGround]) -> None:
    """The plainest way of asking that is answered. Raises DeviceProtocolError when none is."""
    origins = dict.fromkeys(("", "openconfig", *(one.gnmi.origin for one in bench.known)))
    asked: dict[tuple[bool, str, str], str] = {}
    for prefix, origin, names in product((False, True), origins, ("bare", "qualified")):
        traits = replace(bench.ground.traits, prefix=prefix, origin=origin, names=names)
        bench.ground.speak(traits)
        status = await steadily(lambda: _says_something(bench.ground))
        asked[prefix, origin, names] = status
        if not status:
            _speak(bench, traits)
            await _tell_addressing(bench, traits, asked)
            return
    tried = "; ".join(f"{_words(*way)}: {status}" for way, status in asked.items())
    raise DeviceProtocolError(f"no way of asking is answered: {tried}", device=bench.profile.name)


async def _tell_addressing(
    bench: Bench[GnmiGround], traits: GnmiTraits, asked: dict[tuple[bool, str, str], str]
) -> None:
    """What of it is needed: each thing is left out once."""
    evidence = [f"{_words(*way)}: {status or 'answered'}" for way, status in asked.items()]
    without = {
        "origin": replace(traits, origin=""),
        "names": replace(traits, names="bare"),
        "prefix": replace(traits, prefix=False),
    }
    told = {
        "origin": (f"Paths have to carry the origin {traits.origin}.", 16),
        "names": ("Elements of paths have to carry their module where it changes.", 16),
        "prefix": ("A request without a prefix is refused.", 36),
    }
    for name, other in without.items():
        if other == traits:
            continue
        bench.ground.speak(other)
        if status := await steadily(lambda: _says_something(bench.ground)):
            message, quirk = told[name]
            way = f"{_words(other.prefix, other.origin, other.names)}: {status}"
            needed = {f"gnmi.{name}": getattr(traits, name)}
            bench.found(name, message, *evidence[-1:], way, quirks=(quirk,), learned=needed)
        else:
            traits = other
    _speak(bench, traits)


def _words(prefix: bool, origin: str, names: str) -> str:
    return f"Get with {'a' if prefix else 'no'} prefix, origin {origin!r}, {names} names"


def _speak(bench: Bench[GnmiGround], traits: GnmiTraits) -> None:
    bench.ground.speak(traits)
    bench.learn("gnmi", traits)


async def _says_something(ground: GnmiGround) -> str:
    """The status of a Get of what every switch has, "" when something came."""
    status = ""
    for path in ALWAYS_THERE:
        try:
            reply = await ground.get((path,), "ALL")
        except DeviceRefusedError as error:
            status = error.tag
            continue
        if any(len(update.val.SerializeToString()) > _NOTHING for one in reply.notification for update in one.update):
            return ""
        status = status or "nothing"
    return status


_NOTHING = 8  # bytes of a value that is an empty object


async def _root(bench: Bench[GnmiGround]) -> None:
    async def ask() -> str:
        try:
            await bench.ground.get((ROOT,), "CONFIG")
        except DeviceRefusedError as error:
            return error.tag
        return ""

    if (tag := await steadily(ask)) not in ("", "NOT_FOUND"):  # not found: nothing is configured
        bench.found(
            "no-root-get",
            "A Get of the root is refused; fabricd reads the containers that it needs.",
            f"Get CONFIG /: {tag}",
            quirks=(31,),
        )


async def _json(bench: Bench[GnmiGround]) -> None:
    """Whether JSON_IETF is RFC 7951."""
    if bench.ground.traits.encoding != "json_ietf":
        return
    root = (await asyncio.to_thread(outline_of, bench.work.models)).root
    complaints: list[str] = []
    for path in ALWAYS_THERE:
        try:
            reply = await bench.ground.get((path,), "ALL")
        except DeviceRefusedError:
            continue
        for notification in reply.notification:
            for update in notification.update:
                node = root.child(f"{path.segments[0].module}:{path.name}")
                if node is not None and len(update.path.elem) + len(notification.prefix.elem) == 1:
                    complaints += _complaints(node, orjson.loads(update.val.json_ietf_val), path.text, top=True)
    if complaints:
        bench.found(
            "loose-json",
            "JSON_IETF is not written as RFC 7951 has it; fabricd reads numbers and names either way.",
            *complaints[:_MOST_COMPLAINTS],
            quirks=(8,),
        )


def _complaints(node: Node, value: Any, path: str, *, top: bool = False) -> list[str]:
    found: list[str] = []
    if isinstance(value, list):
        for one in value[:_MOST_COMPLAINTS]:
            found += _complaints(node, one, path)
    elif isinstance(value, dict):
        for name, held in value.items():
            child = node.child(name)
            if child is None:
                continue
            if ":" not in name and (top or child.module != node.module):
                found.append(f"{path}: the member {name} comes without its module")
            if child.kind in (NodeKind.CONTAINER, NodeKind.LIST):
                found += _complaints(child, held, f"{path}/{name}")
            elif child.value is not None and child.value.kind is ValueKind.LONG and isinstance(held, int):
                found.append(f"{path}/{name}: a 64-bit number comes unquoted")
    return found


EXPERIMENTS: tuple[Experiment[GnmiGround], ...] = (
    Experiment("encoding", "asking for capabilities", (), Needs.READING, _encoding),
    Experiment("addressing", "asking with and without origin, prefix and module names", (16, 36), Needs.READING,
               _addressing),
    Experiment("no-root-get", "reading the root", (31,), Needs.READING, _root),
    Experiment("loose-json", "looking at the JSON", (8,), Needs.READING, _json),
)  # fmt: skip
