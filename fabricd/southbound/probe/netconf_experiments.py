"""Experiments about NETCONF itself: words before the hello, sessions, locks, sizes, operations, confirmed commits.

Run by run.py. Those that edit use the candidate and discard it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from lxml import etree

from fabricd.errors import DeviceError, DeviceRefusedError
from fabricd.model.device import Device, NetconfTraits, Timeouts
from fabricd.southbound.netconf import operations
from fabricd.southbound.netconf.paths import BASE
from fabricd.southbound.netconf.rpc import Rpc
from fabricd.southbound.netconf.session import NetconfSession
from fabricd.southbound.probe import scratch
from fabricd.southbound.probe.bench import Bench, Experiment, Needs
from fabricd.southbound.probe.ground import Attempt
from fabricd.southbound.probe.netconf_ground import BETWEEN_LOCKS, BUSY, NetconfGround
from fabricd.southbound.probe.sizes import tell_limit
from fabricd.southbound.probe.traceless import steadily, to_the_end

_SESSIONS = 8
_DENIALS = 8
_HARD = 2.0  # seconds for a session where others stood in less than a tenth of that


async def _before_hello(bench: Bench[NetconfGround]) -> None:
    if said := bench.ground.rpc.session.said:
        bench.found(
            "error-before-hello",
            "Other messages come before the hello; fabricd reads past them.",
            *said,
            quirks=(43,),
        )


async def _defaults(bench: Bench[NetconfGround]) -> None:
    mode = bench.ground.rpc.hello.parameters(":with-defaults").get("basic-mode", "")
    if mode not in ("", "explicit"):
        bench.found(
            "with-defaults",
            f"The basic mode of with-defaults is {mode}; fabricd asks for explicit where that is known.",
            f"hello: basic-mode={mode}",
            quirks=(5,),
        )


async def _sessions(bench: Bench[NetconfGround], device: Device) -> None:
    """Open more and more until one is refused, or gets no answer, twice: with patience the second time."""
    opened: list[NetconfSession] = []
    loop = asyncio.get_running_loop()
    longest, failure, most = 0.0, "", device.profile.timeouts.connect

    async def failed(patience: float) -> str:
        limited = replace(device.profile, timeouts=Timeouts(min(patience, most)))
        try:
            opened.append(await NetconfSession.open(replace(device, profile=limited)))
        except DeviceError as error:
            return error.message
        return ""

    try:
        while len(opened) + 1 < _SESSIONS and not failure:
            begun = loop.time()
            failure = await failed(max(_HARD, 10 * longest) if opened else most) and await failed(most)
            longest = max(longest, loop.time() - begun)
    finally:
        await to_the_end(_closed(opened))
    if not failure:
        return
    count = len(opened) + 1
    bench.found(
        "sessions",
        f"{count} sessions stand at the same time, and no more.",
        f"the session after {count} others: {failure}",
        quirks=(40,),
        learned={"netconf.sessions": count},
    )


async def _closed(sessions: Sequence[NetconfSession]) -> None:
    await asyncio.gather(*(one.close() for one in sessions))


async def _locks(bench: Bench[NetconfGround]) -> None:
    """How often the lock is denied although nobody is told to hold it."""
    ground, denied = bench.ground, 0

    async def lock() -> str:
        tag = await ground.refused(operations.Lock, "lock of running", "running")
        if not tag:
            ground.locked.append("running")
            await ground.unlock()
        return tag

    while (tag := await lock()) in BUSY and denied < _DENIALS:
        denied += 1
        await asyncio.sleep(BETWEEN_LOCKS)
    if tag in BUSY:
        raise DeviceRefusedError(
            f"the lock of running was denied {denied} times: somebody else works on the device", tag=tag
        )
    if tag := tag and await lock():
        bench.found(
            "no-locks",
            "Datastores cannot be locked.",
            f"lock of running: {tag}",
            quirks=(),
            learned={"netconf.lock": False},
        )
    elif denied:
        bench.found(
            "stuck-lock",
            f"The lock of running was denied {denied} times and then given; fabricd waits for it.",
            f"lock of running, {denied} times: lock-denied; then: ok",
            quirks=(41,),
        )


async def _message_bytes(bench: Bench[NetconfGround], device: Device) -> None:
    """By a request that is long, over sessions of their own: a server may end one that says too much."""
    await tell_limit(bench, "a request", lambda size: _too_large(device, size))


async def _too_large(device: Device, size: int) -> str:
    wanted = etree.Element(f"{{{BASE}}}filter", {"type": "subtree"})
    long = etree.SubElement(wanted, "{urn:fabricd:probe}nothing")
    long.text = "x" * size
    session = await NetconfSession.open(device)
    try:
        await Rpc(device, session).data(operations.GetConfig, "get-config", bytes, "running", filter=wanted)
    except DeviceRefusedError as error:
        return error.tag if error.tag == "too-big" else ""
    except DeviceError as error:
        return error.message
    finally:
        await session.close()
    return ""


async def _delete_missing(bench: Bench[NetconfGround]) -> None:
    await _with_operation(bench, "delete", "delete-missing", (44,))


async def _replace(bench: Bench[NetconfGround]) -> None:
    await _with_operation(bench, "replace", "no-replace", (45,))


async def _with_operation(bench: Bench[NetconfGround], operation: str, name: str, quirks: tuple[int, ...]) -> None:
    """An edit of the candidate with this operation on an interface that is not there."""
    ground = bench.ground
    document = scratch.loopback(bench.names.plain, subinterface=False)

    async def edit() -> str:
        async with ground.scribbling():
            return await ground.edit(document, operation=operation)

    tag = await steadily(edit)
    if operation == "delete" and not tag:
        bench.found(
            name,
            "Deleting what is not there is no error, or a warning only; fabricd removes instead of deleting.",
            f"delete of interface {bench.names.plain}, which is not there: ok",
            quirks=quirks,
        )
    if operation == "replace" and tag:
        bench.found(
            name,
            "edit-config does not know the operation replace, which fabricd never sends.",
            f"replace of interface {bench.names.plain}: {tag}",
            quirks=quirks,
        )


async def _confirmed_commit(bench: Bench[NetconfGround]) -> None:
    """The standard one; where it does not hold, the operations of the profiles that are known."""
    ground = bench.ground
    plain = NetconfTraits(handler=bench.profile.netconf.handler)
    if not ground.rpc.hello.has(":candidate"):
        bench.open_question("confirmed-commit", "there is no candidate", (42,))
        return
    failure = await _holds(bench, plain)
    if not failure:
        return
    others = dict.fromkeys(one.netconf.operations for one in bench.known if one.netconf.confirmed_commit == "own")
    for texts in others:
        traits = replace(plain, confirmed_commit="own", operations=texts)
        if not await _holds(bench, traits):
            bench.found(
                "own-confirmed-commit",
                "The standard confirmed commit does not hold; operations of the device's own do.",
                f"standard: {failure}",
                "the operations below: in force until they were cancelled",
                quirks=(42,),
                learned={"netconf.confirmed_commit": "own", "netconf.operations": texts},
            )
            return
    ground.commit_by(None)
    bench.found(
        "own-confirmed-commit",
        "The standard confirmed commit does not hold, nor do operations that another profile has.",
        f"standard: {failure}",
        quirks=(42,),
        learned={"netconf.confirmed_commit": "no"},
    )


async def _holds(bench: Bench[NetconfGround], traits: NetconfTraits) -> str:
    """Why the confirmed commit of these traits is none; "" when a change ran until it was cancelled."""
    ground = bench.ground
    if not ground.commit_by(traits):
        return "not offered"
    attempt = Attempt((scratch.loopback(bench.names.plain, subinterface=False),))
    try:
        async with ground.scribbling():
            if tag := await steadily(lambda: ground.begin(attempt)):
                return f"refused, {tag}"
            if tag := await ground.cancel():
                return f"accepted and taken back at once: nothing to cancel ({tag})"
    except BaseException:
        ground.commit_by(None)  # nothing is put in force by what is not known to be taken back
        raise
    return ""


def experiments(device: Device) -> tuple[Experiment[NetconfGround], ...]:
    """Those that come before the ones that both protocols have. `device` is how further sessions are opened."""

    async def sessions(bench: Bench[NetconfGround]) -> None:
        await _sessions(bench, device)

    async def message_bytes(bench: Bench[NetconfGround]) -> None:
        await _message_bytes(bench, device)

    return (
        Experiment("error-before-hello", "listening before the hello", (43,), Needs.READING, _before_hello),
        Experiment("with-defaults", "looking at with-defaults", (5,), Needs.READING, _defaults),
        Experiment("sessions", "opening several sessions", (40,), Needs.READING, sessions),
        Experiment("message-bytes", "sending a long message", (38,), Needs.READING, message_bytes),
        Experiment("stuck-lock", "locking the running configuration", (41,), Needs.READING, _locks),
    )


EDITING: tuple[Experiment[NetconfGround], ...] = (
    Experiment("delete-missing", "deleting what is not there", (44,), Needs.TRYING, _delete_missing),
    Experiment("no-replace", "replacing in the candidate", (45,), Needs.TRYING, _replace),
    Experiment("confirmed-commit", "committing to be confirmed", (42,), Needs.TRYING, _confirmed_commit, basis=True),
)
