"""Experiments about gNMI Sets: the Commit extension, failures half way, replaces, and what subscriptions tell of them.

Run by run.py after those that read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fabricd.errors import DeviceRefusedError
from fabricd.model.path import Path, Segment
from fabricd.southbound.gnmi.messages import read_path
from fabricd.southbound.probe import scratch
from fabricd.southbound.probe.bench import Bench, Experiment, Needs
from fabricd.southbound.probe.gnmi_ground import GnmiGround
from fabricd.southbound.probe.ground import Attempt, Write
from fabricd.southbound.probe.spare import names_of, state_of

_INTERFACES = Path.parse("/openconfig-interfaces:interfaces")
_WAIT = 1.0  # seconds beyond which a notification counts as one that does not come


async def _net(bench: Bench[GnmiGround]) -> None:
    """What every experiment that writes stands on."""
    asked, empty = await bench.ground.find_net()
    if bench.ground.has_net:
        return
    if empty == "FAILED_PRECONDITION":
        bench.ground.hindrance = f"somebody else's change waits for its confirmation, or the device is locked: {empty}"
        raise DeviceRefusedError(bench.ground.hindrance, tag=empty)
    bench.found(
        "no-commit",
        "The Commit extension is not there: the device takes nothing back by itself.",
        f"confirmation of a commit that does not exist: {asked or 'OK'}; empty Set: {empty or 'OK'}",
        quirks=(),
        learned={"gnmi.commit": "no"},
    )


async def _partial(bench: Bench[GnmiGround]) -> None:
    """An update that is right and one that is not: whether the first is carried out all the same, in the pending
    commit or for good."""
    ground, name = bench.ground, bench.mark()
    good = scratch.loopback(name, subinterface=False)
    bad = scratch.loopback(name, subinterface=False, mtu="not a number")
    status = await ground.refusal(Attempt((good, bad)))
    if not status:
        bench.open_question("partial-failure", "a Set with a wrong value is accepted", (25,))
        return
    await asyncio.sleep(ground.settle)
    leaves = await bench.work.leaves(await ground.config())
    if any(scratch.interface(name).covers(path) for path in leaves):
        ground.partial.append(status)
        # From now on whatever is refused is cleaned up after.
        ground.keeps_parts = True
        await ground.clean(Attempt((good,)))


async def _replace(bench: Bench[GnmiGround]) -> None:
    """A replace of an entry that is not there, against an update of it."""
    name = bench.names.plain
    [entry] = scratch.loopback(name, subinterface=False)[scratch.INTERFACES]["interface"]
    status = await bench.ground.refusal(Attempt(replaces=((scratch.interface(name), entry),)))
    if not status:
        return
    if other := await bench.ground.refusal(Attempt((scratch.loopback(name, subinterface=False),))):
        bench.open_question("replace-needs-entry", f"an update of {name} is refused too: {other}", (21,))
        return
    bench.found(
        "replace-needs-entry",
        "A replace of a list entry that does not exist is refused; an update is not.",
        f"replace of interface {name}: {status}; update: accepted",
        quirks=(21,),
        learned={"write.replace": False},
    )


async def _config_keys(bench: Bench[GnmiGround]) -> None:
    """An entry whose key stands in the path only. In a document the models themselves want the leaf."""
    name = bench.names.plain
    [entry] = scratch.loopback(name, subinterface=False)[scratch.INTERFACES]["interface"]
    config = scratch.interface(name).child(Segment("config"))
    bare = {"type": entry["config"]["type"]}
    refused = await bench.ground.refusal(Attempt(updates=((config, bare),)))
    if not refused:
        return
    if other := await bench.ground.refusal(Attempt(updates=((config, entry["config"]),))):
        bench.open_question("wants-config-keys", f"a loopback {name} is refused: {other}", (3,))
        return
    bench.found(
        "wants-config-keys",
        "A new list entry is refused unless its config leaf for the key is written too, which fabricd always does.",
        f"interface {name} without config/name: {refused}; with it: accepted",
        quirks=(3,),
    )


async def _flaps(bench: Bench[GnmiGround]) -> None:
    """An interface that is replaced by what it is already, and then updated by it."""
    name = bench.mark()
    document = scratch.loopback(name, subinterface=False)
    [entry] = document[scratch.INTERFACES]["interface"]
    ways = {
        "replaced": Attempt(replaces=((scratch.interface(name), entry),)),
        "updated": Attempt((document,)),
    }
    async with bench.ground.lasting() as write:
        await write(Attempt((document,)))
        if await bench.until(lambda: _is_shown(bench, name), bench.options.patience) is None:
            bench.open_question("replace-flaps", f"{name} does not show in the state", (20,))
            return
        flaps = {how: await _flapped(bench, name, write, attempt) for how, attempt in ways.items()}
    if not flaps["replaced"]:
        return
    bench.found(
        "replace-flaps",
        "A replace deletes and adds: what is replaced by the same goes down and up.",
        *(f"{name} {how} by what it was: its last change is {'another' if one else 'the same'} one"
          for how, one in flaps.items()),
        quirks=(20,),
        learned={} if flaps["updated"] else {"write.replace": False},
    )  # fmt: skip


async def _is_shown(bench: Bench[GnmiGround], name: str) -> bool:
    return await _last_change(bench, name) is not None


async def _flapped(bench: Bench[GnmiGround], name: str, write: Write, attempt: Attempt) -> bool:
    before = await _last_change(bench, name)
    await write(attempt)

    async def changed() -> bool:
        return bool(await _last_change(bench, name) != before)

    return await bench.until(changed, bench.ground.settle + _WAIT / 4) is not None


async def _last_change(bench: Bench[GnmiGround], name: str) -> Any:
    """When an interface last changed and how often it did, None while it is not there."""
    state = dict(names_of(await state_of(bench))).get(name, {}).get("state", {})
    transitions = state.get("counters", {}).get("carrier-transitions")
    return (state.get("last-change"), transitions) if state else None


async def tell_of_sets(bench: Bench[GnmiGround]) -> None:
    """What was met on the way, in any Set."""
    if bench.ground.partial:
        bench.found(
            "partial-failure",
            "A Set that fails has carried out what stands before its first mistake; fabricd reads again after it.",
            f"an update and a wrong one in one Set, refused with {bench.ground.partial[0]}: the first was carried out",
            quirks=(25,),
        )
    if bench.ground.unknown:
        bench.found(
            "unknown-after-set",
            "Sets are answered UNKNOWN and carried out; fabricd reads again and sends nothing twice.",
            f"{bench.ground.unknown} answered UNKNOWN, and found carried out",
            quirks=(22,),
        )


@dataclass
class _Heard:
    """What a subscription told of scratch interfaces."""

    updates: int = 0
    deletes: int = 0


@asynccontextmanager
async def notifications(bench: Bench[GnmiGround]) -> AsyncIterator[None]:
    """Whether a subscription tells what comes and what goes while the block runs, and shortly after."""
    ground = bench.ground
    marks = [scratch.interface(name) for name in bench.names.interfaces]
    heard, ended = _Heard(), False

    async def listen(stream: Any) -> None:
        while (response := await stream.next(by=None)) is not None:
            note = response.update
            for name, paths in (("updates", [one.path for one in note.update]), ("deletes", list(note.delete))):
                found = (read_path(note.prefix, path) for path in paths)
                if any(mark.touches(path) for path in found for mark in marks):
                    setattr(heard, name, getattr(heard, name) + 1)

    try:
        async with ground.calls.subscription(ground.requests.stream((_INTERFACES,))) as stream:
            while (response := await stream.next(by=stream.deadline)) is not None and not response.sync_response:
                pass
            task = asyncio.create_task(listen(stream))
            try:
                yield

                async def all_told() -> bool:
                    return heard.updates > 0 and heard.deletes > 0

                await bench.until(all_told, _WAIT)
                ended = task.done()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
    finally:
        # A stream that is given up in the middle leaves a channel that is not used again.
        await ground.revive()
    if ended and not heard.deletes:
        bench.open_question("silent-stream", "the device ended the subscription", (34, 35))
    elif not heard.updates:
        bench.found(
            "silent-stream",
            "A subscription is accepted and tells nothing; the sweep finds what changes.",
            "STREAM ON_CHANGE of interfaces: no word of one that came and went",
            quirks=(35,),
        )
    elif not heard.deletes:
        bench.found(
            "no-delete-notifications",
            "A subscription tells nothing of what is deleted; the sweep finds it.",
            f"{heard.updates} notifications of interfaces that came, none when they went",
            quirks=(34,),
        )


EXPERIMENTS: tuple[Experiment[GnmiGround], ...] = (
    # First, since it tells whether there is something to clean up after every refusal.
    Experiment("partial-failure", "writing something wrong behind something right", (25,), Needs.TRYING, _partial),
    Experiment("wants-config-keys", "writing an entry without its config key", (3,), Needs.TRYING, _config_keys),
    Experiment("replace-needs-entry", "replacing what is not there", (21,), Needs.TRYING, _replace),
)
NET: Experiment[GnmiGround] = Experiment(
    "commit", "looking for the Commit extension", (), Needs.READING, _net, basis=True
)
LAST: tuple[Experiment[GnmiGround], ...] = (
    Experiment("replace-flaps", "replacing an interface by itself", (20,), Needs.WRITING, _flaps),
)
