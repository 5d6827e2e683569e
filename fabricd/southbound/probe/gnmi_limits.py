"""Experiments about what a gNMI server bears, and about the state that it shows: message sizes, calls, counters.

Run by run.py. They read only.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from fabricd.errors import DeviceRefusedError
from fabricd.model.path import Path, Segment
from fabricd.schema.outline import Node, NodeKind, outline_of
from fabricd.southbound.probe import scratch
from fabricd.southbound.probe.bench import Bench, Experiment, Needs
from fabricd.southbound.probe.gnmi_ground import GnmiGround
from fabricd.southbound.probe.sizes import tell_limit
from fabricd.southbound.probe.spare import names_of, state_of
from fabricd.southbound.probe.traceless import steadily

_INTERFACES = Path.parse("/openconfig-interfaces:interfaces")
_INTERFACE = _INTERFACES.child(Segment("interface"))
_TOO_MUCH = "RESOURCE_EXHAUSTED"
_CALLS = 12
_MOST_COUNTERS = 60
_PATIENCE = 5.0


async def _message_bytes(bench: Bench[GnmiGround]) -> None:
    """By a Get whose path is long: a limit is the same either way nearly everywhere."""
    await tell_limit(bench, "a Get", lambda size: _too_large(bench.ground, size))


async def _too_large(ground: GnmiGround, size: int) -> str:
    long = replace(_INTERFACE.segments[-1], keys=(("name", "x" * size),))
    try:
        await ground.get((Path((*_INTERFACE.segments[:-1], long)),), "CONFIG")
    except DeviceRefusedError as error:
        return error.tag if error.tag == _TOO_MUCH else ""
    return ""


async def _calls(bench: Bench[GnmiGround]) -> None:
    """By subscriptions that stand at the same time."""
    ground, opened, refused = bench.ground, 0, False
    async with AsyncExitStack() as stack:
        for _ in range(_CALLS):
            try:
                subscription = ground.calls.subscription(ground.requests.stream((_INTERFACES,)))
                stream = await stack.enter_async_context(subscription)
                await stream.next(by=stream.deadline)
            except DeviceRefusedError as error:
                refused = error.tag == _TOO_MUCH
                break
            opened += 1
    if not refused:
        return
    bench.found(
        "calls",
        f"At most {opened} calls at the same time are answered; fabricd makes two.",
        f"the subscription after {opened} others: {_TOO_MUCH}",
        quirks=(39,),
    )

    async def answers() -> bool:
        # It takes the server a moment to notice that streams ended.
        try:
            await ground.config()
        except DeviceRefusedError as error:
            return error.tag != _TOO_MUCH
        return True

    await bench.until(answers, _PATIENCE)


async def _counters(bench: Bench[GnmiGround]) -> None:
    """A read of state as a whole, and of each counter by itself, against what a subscription shows."""
    shown = await state_of(bench)
    name, counters = next(
        ((name, held) for name, entry in names_of(shown) if (held := entry.get("state", {}).get("counters"))),
        ("", {}),
    )
    if not name:
        bench.open_question("counters", "no interface shows counters", (32, 33))
        return
    holder = _INTERFACE.parent.child(replace(_INTERFACE.segments[-1], keys=(("name", name),)))
    container = holder.child(Segment("state")).child(Segment("counters"))
    whole = await steadily(lambda: _status(bench.ground, container))
    known = await _counter_leaves(bench)
    single = {leaf: await _status(bench.ground, container.child(Segment(leaf))) for leaf in known}
    there = [leaf for leaf in counters if leaf in single]
    if there and all(single[leaf] for leaf in there):
        bench.found(
            "late-counters",
            "Counters are there as a container only, and may be old; fabricd reads none.",
            f"Get of {len(there)} counters of {name}, one by one: {single[there[0]]}",
            quirks=(32,),
        )
    if whole:
        missing = sorted(leaf for leaf in known if leaf not in counters)
        bench.found(
            "missing-counter",
            "A counter that is not there fails a read of the state around it as a whole; fabricd reads configuration, "
            "and state piece by piece.",
            f"Get ALL of the counters of {name}: {whole}, while a subscription shows {len(counters)} of them",
            f"not shown: {', '.join(missing[:5]) or 'none'}",
            quirks=(33,),
        )


async def _counter_leaves(bench: Bench[GnmiGround]) -> list[str]:
    node: Node | None = (await asyncio.to_thread(outline_of, bench.work.models)).root
    for name in (scratch.INTERFACES, "interface", "state", "counters"):
        node = node.child(name) if node is not None else None
    return [one.name for one in (node.children if node is not None else ()) if one.kind is NodeKind.LEAF][
        :_MOST_COUNTERS
    ]


async def _status(ground: GnmiGround, path: Path) -> str:
    try:
        await ground.get((path,), "ALL")
    except DeviceRefusedError as error:
        return error.tag
    return ""


EXPERIMENTS: tuple[Experiment[GnmiGround], ...] = (
    Experiment("message-bytes", "sending a long message", (38,), Needs.READING, _message_bytes),
    Experiment("counters", "reading counters", (32, 33), Needs.READING, _counters),
    Experiment("calls", "making several calls at the same time", (39,), Needs.READING, _calls),
)
