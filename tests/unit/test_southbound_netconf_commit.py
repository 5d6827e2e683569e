"""Changes that a device takes back unless they are confirmed, and locks that others hold: a scripted SSH server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import pytest
from lxml import etree
from netconf_scripts import scripted
from patience import IN_TIME, answers_within
from southbound_servers import (
    CANDIDATE,
    CAPABILITY,
    OK,
    WRITABLE,
    NetconfServer,
    NetconfSessionSide,
    netconf_device,
    netconf_server,
    profile,
    rpc_error,
)

from fabricd.errors import DeviceRefusedError, DeviceTimeoutError, DeviceTrustError
from fabricd.model.device import NetconfTraits, Profile
from fabricd.model.edit import EditConfig
from fabricd.southbound import netconf

EDIT = EditConfig(
    b'<nc:config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"><system xmlns="http://openconfig.net/yang/system">'
    b'<config><hostname nc:operation="merge">leaf3</hostname></config></system></nc:config>'
)
PERSIST = (*CANDIDATE, f"{CAPABILITY}confirmed-commit:1.1")
WITHOUT_PERSIST = (*CANDIDATE, f"{CAPABILITY}confirmed-commit:1.0")

OWN = NetconfTraits(
    confirmed_commit="own",
    operations=(
        ("commit-confirmed", '<c xmlns="urn:own"><after unit="s">{seconds}</after><log id="{id}">at {id}</log></c>'),
        ("confirm", '<c xmlns="urn:own"/>'),
        ("cancel", '<back xmlns="urn:own">{id}</back>'),
    ),
)
FILLED = [
    "lock running",
    "lock candidate",
    "discard-changes",
    "edit-config candidate",
    "validate candidate",
]
EMPTIED = ["discard-changes", "unlock candidate", "unlock running"]


def kind(traits: NetconfTraits | None = None, within: float = 60.0, **timeouts: float) -> Profile:
    return replace(profile(**timeouts), netconf=traits or NetconfTraits(), confirm_within=within)


@asynccontextmanager
async def session(server: NetconfServer, tmp_path: FilePath, **changes: Any) -> AsyncIterator[netconf.NetconfTarget]:
    async with netconf_server(server):
        target = await netconf.connect(netconf_device(server, tmp_path, **{"profile": kind(), **changes}))
        try:
            yield target
        finally:
            await target.close()


def last(server: NetconfServer, operation: str) -> etree._Element:
    return next(one for one in reversed(server.received) if etree.QName(one).localname == operation)


def said(element: etree._Element) -> dict[str, str]:
    return {etree.QName(child).localname: child.text or "" for child in element}


async def say_nothing(side: NetconfSessionSide, _: etree._Element) -> None:
    await side.process.stdin.read()


# --- as RFC 6241 has it


async def test_a_commit_is_in_force_before_it_is_confirmed_by_its_id(tmp_path: FilePath) -> None:
    server = NetconfServer(capabilities=(*PERSIST, f"{CAPABILITY}startup:1.0"))
    async with session(server, tmp_path, profile=kind(within=59.5)) as target:
        assert target.reverts
        await target.stage(EDIT, "id-1")
        assert server.log == [*FILLED, "commit"]
        assert said(last(server, "commit")) == {"confirmed": "", "confirm-timeout": "60", "persist": "id-1"}
        await target.confirm()
        assert server.log[6:] == ["commit", "copy-config startup running", "unlock candidate", "unlock running"]
        assert said(last(server, "commit")) == {"persist-id": "id-1"}


async def test_cancel_takes_back_what_is_in_force(tmp_path: FilePath) -> None:
    server = NetconfServer(capabilities=PERSIST)
    async with session(server, tmp_path) as target:
        await target.stage(EDIT, "id-1")
        await target.cancel()
        assert server.log[6:] == ["cancel-commit", *EMPTIED]
        assert said(last(server, "cancel-commit")) == {"persist-id": "id-1"}
        await target.stage(EDIT)
        await target.confirm()
        assert said(last(server, "commit")) == {}


async def test_without_an_id_nothing_is_in_force_before_confirm(tmp_path: FilePath) -> None:
    server = NetconfServer(capabilities=PERSIST)
    async with session(server, tmp_path) as target:
        await target.stage(EDIT)
        assert server.log == FILLED
        await target.cancel()
        assert server.log[5:] == EMPTIED


@pytest.mark.parametrize(
    ("capabilities", "traits", "within", "reverts"),
    [
        (PERSIST, NetconfTraits(), 60.0, True),
        (PERSIST, NetconfTraits(), 0.0, False),
        (PERSIST, NetconfTraits(confirmed_commit="no"), 60.0, False),
        (WITHOUT_PERSIST, NetconfTraits(), 60.0, False),
        (CANDIDATE, NetconfTraits(), 60.0, False),
        (CANDIDATE, OWN, 60.0, True),
        (WRITABLE, OWN, 60.0, False),
        ((*WRITABLE, f"{CAPABILITY}confirmed-commit:1.1"), NetconfTraits(), 60.0, False),
    ],
)
async def test_who_takes_changes_back(
    capabilities: tuple[str, ...], traits: NetconfTraits, within: float, reverts: bool, tmp_path: FilePath
) -> None:
    server = NetconfServer(capabilities=capabilities)
    async with session(server, tmp_path, profile=kind(traits, within)) as target:
        await target.prepare()
        assert target.reverts is reverts
        if not reverts:
            with pytest.raises(RuntimeError):
                await target.stage(EDIT, "id-1")
            assert server.log == []


@pytest.mark.parametrize("held", [OK, rpc_error("invalid-value")])
async def test_a_refused_commit_is_cancelled_all_the_same(
    held: bytes, tmp_path: FilePath, caplog: pytest.LogCaptureFixture
) -> None:
    """The device may have carried out what it complains about. That it did not is nothing to warn of."""
    refused = {"commit": rpc_error("in-use", message="a confirmed commit is pending"), "cancel_commit": held}
    server = NetconfServer(scripted(**refused), capabilities=PERSIST)
    async with session(server, tmp_path) as target:
        with pytest.raises(DeviceRefusedError, match=r"another one waits.*a confirmed commit is pending") as caught:
            await target.stage(EDIT, "id-1")
        assert (caught.value.tag, caught.value.transient) == ("in-use", True)
        assert server.log[5:] == ["commit", "cancel-commit", *EMPTIED]
        assert not target.closed
    assert caplog.text == ""


async def test_a_late_confirm_is_a_transient_refusal_and_leaves_no_lock(tmp_path: FilePath) -> None:
    async def commit(side: NetconfSessionSide, rpc: etree._Element) -> None:
        await side.reply(rpc, OK if rpc.find("{*}commit/{*}confirmed") is not None else rpc_error("invalid-value"))

    script = scripted(commit=commit, cancel_commit=rpc_error("invalid-value"))
    server = NetconfServer(script, capabilities=PERSIST)
    async with session(server, tmp_path) as target:
        await target.stage(EDIT, "id-1")
        with pytest.raises(DeviceRefusedError) as caught:
            await target.confirm()
        assert (caught.value.tag, caught.value.transient) == ("invalid-value", True)
        assert server.log[6:] == ["commit", "cancel-commit", *EMPTIED]
        with pytest.raises(RuntimeError):
            await target.confirm()
        assert not target.closed


async def test_no_answer_to_the_commit_is_unknown_and_ends_the_session(tmp_path: FilePath) -> None:
    server = NetconfServer(capabilities=PERSIST)
    async with session(server, tmp_path) as target:

        async def validate(side: NetconfSessionSide, rpc: etree._Element) -> None:
            answers_within(target.rpc, 0.3)  # the commit, which is next
            await side.reply(rpc, OK)

        server.script = scripted(validate=validate, commit=say_nothing)
        with pytest.raises(DeviceTimeoutError):
            await target.stage(EDIT, "id-1")
        assert target.closed
        await target.cancel()
        assert server.log[-1] == "commit"


@pytest.mark.parametrize("tag", ["invalid-value", "data-missing", "bad-element"])
async def test_resolve_tells_whether_the_device_held_something(tag: str, tmp_path: FilePath) -> None:
    answers = iter([OK, rpc_error(tag)])

    async def cancel(side: NetconfSessionSide, rpc: etree._Element) -> None:
        await side.reply(rpc, next(answers))

    server = NetconfServer(scripted(cancel_commit=cancel), capabilities=PERSIST)
    async with session(server, tmp_path) as target:
        assert await target.resolve("id-1") is True
        assert await target.resolve("id-1") is False
        assert server.log == ["cancel-commit", "cancel-commit"]


@pytest.mark.parametrize("other", ["operation-failed", "invalid-value", "in-use", ""])
async def test_an_operation_that_failed_is_nothing_held_only_where_it_fails_for_any_id(
    other: str, tmp_path: FilePath
) -> None:
    asked: list[str] = []

    async def cancel(side: NetconfSessionSide, rpc: etree._Element) -> None:
        asked.append(rpc.findtext("{*}cancel-commit/{*}persist-id") or "")
        tag = "operation-failed" if asked[-1] == "id-1" else other
        await side.reply(rpc, rpc_error(tag) if tag else OK)

    server = NetconfServer(scripted(cancel_commit=cancel), capabilities=PERSIST)
    async with session(server, tmp_path) as target:
        if other == "operation-failed":
            assert await target.resolve("id-1") is False
        else:
            with pytest.raises(DeviceRefusedError) as caught:
                await target.resolve("id-1")
            assert (caught.value.tag, caught.value.transient) == ("operation-failed", True)
        assert asked == ["id-1", "fabricd-nothing"]


@pytest.mark.parametrize(("tag", "error"), [("in-use", DeviceRefusedError), ("access-denied", DeviceTrustError)])
async def test_resolve_raises_while_the_device_does_not_say(
    tag: str, error: type[Exception], tmp_path: FilePath
) -> None:
    server = NetconfServer(scripted(cancel_commit=rpc_error(tag)), capabilities=PERSIST)
    async with session(server, tmp_path) as target:
        with pytest.raises(error):
            await target.resolve("id-1")


async def test_a_device_that_has_no_such_commits_any_more_does_not_say_what_became_of_one(tmp_path: FilePath) -> None:
    """Its profile was changed, or its software, while a commit was pending: that still ends by itself."""
    server = NetconfServer()
    async with session(server, tmp_path) as target:
        with pytest.raises(DeviceRefusedError, match="by itself") as caught:
            await target.resolve("id-1")
        assert caught.value.transient
        assert server.log == []


# --- in operations of its own


async def test_own_operations_are_sent_as_the_profile_has_them(tmp_path: FilePath) -> None:
    identifier = "<&\"' {seconds}>"
    server = NetconfServer()
    async with session(server, tmp_path, profile=kind(OWN)) as target:
        await target.stage(EDIT, identifier)
        begun = last(server, "c")
        assert begun.tag == "{urn:own}c"
        assert begun.findtext("{*}after") == "60"
        assert (begun.find("{*}log").get("id"), begun.findtext("{*}log")) == (identifier, f"at {identifier}")
        await target.confirm()
        assert server.log == [*FILLED, "c", "c", "unlock candidate", "unlock running"]
        assert len(last(server, "c")) == 0
        assert await target.resolve(identifier) is True
        assert last(server, "back").text == identifier


async def test_an_own_cancel_that_names_no_id_is_not_sent_for_a_commit_that_was_refused(tmp_path: FilePath) -> None:
    """What it would take back is somebody else's."""
    operations = (*OWN.operations[:2], ("cancel", '<back xmlns="urn:own"/>'))
    server = NetconfServer(scripted(c=rpc_error("in-use")))
    async with session(server, tmp_path, profile=kind(replace(OWN, operations=operations))) as target:
        with pytest.raises(DeviceRefusedError):
            await target.stage(EDIT, "id-1")
        assert server.log[5:] == ["c", *EMPTIED]


UNBOUND = replace(OWN, operations=(*OWN.operations[:2], ("cancel", '<back xmlns="urn:own"/>')))


async def test_an_own_cancel_that_names_no_id_is_only_sent_while_the_change_can_be_pending(tmp_path: FilePath) -> None:
    """Later it would take back what an operator has put in force since."""
    server = NetconfServer()
    async with session(server, tmp_path, profile=kind(UNBOUND)) as target:
        with pytest.raises(DeviceRefusedError, match="by itself"):
            await target.resolve("id-1", late=True)
        assert server.log == []
        assert await target.resolve("id-1")
        assert server.log == ["back"]
    bound = NetconfServer()
    async with session(bound, tmp_path, profile=kind(OWN)) as target:
        assert await target.resolve("id-1", late=True)


async def test_a_refused_confirmation_without_an_id_cancels_nothing(tmp_path: FilePath) -> None:
    answers = iter([OK, rpc_error("in-use")])

    async def commit(side: NetconfSessionSide, rpc: etree._Element) -> None:
        await side.reply(rpc, next(answers))

    server = NetconfServer(scripted(c=commit))
    async with session(server, tmp_path, profile=kind(UNBOUND)) as target:
        await target.stage(EDIT, "id-1")
        with pytest.raises(DeviceRefusedError):
            await target.confirm()
        assert server.log[5:] == ["c", "c", *EMPTIED]


async def test_an_own_confirmation_without_an_id_is_not_sent_when_its_time_is_over(
    tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then it is an ordinary commit: of a change that nobody takes back any more, or of somebody else's."""
    loop = asyncio.get_running_loop()
    clock = loop.time
    server = NetconfServer()
    async with session(server, tmp_path, profile=kind(UNBOUND, within=20)) as target:
        await target.stage(EDIT, "id-1")
        monkeypatch.setattr(loop, "time", lambda: clock() + 20)
        with pytest.raises(DeviceRefusedError, match="time to confirm is over") as caught:
            await target.confirm()
        assert caught.value.transient
        assert server.log[5:] == ["c", *EMPTIED]


async def test_without_an_own_cancel_the_device_is_left_to_its_timer(tmp_path: FilePath) -> None:
    server = NetconfServer()
    async with session(server, tmp_path, profile=kind(replace(OWN, operations=OWN.operations[:2]))) as target:
        await target.stage(EDIT, "id-1")
        await target.cancel()
        assert server.log[5:] == ["c", *EMPTIED]
        with pytest.raises(DeviceRefusedError, match="by itself") as caught:
            await target.resolve("id-1")
        assert caught.value.transient


# --- locks


async def test_a_lock_that_is_denied_for_a_while_is_waited_for(tmp_path: FilePath) -> None:
    silent = b"<rpc-error><error-tag>lock-denied</error-tag><error-severity>error</error-severity></rpc-error>"
    denials = iter([silent] * 3)

    async def lock(side: NetconfSessionSide, rpc: etree._Element) -> None:
        await side.reply(rpc, next(denials, OK))

    server = NetconfServer(scripted(lock=lock))
    async with session(server, tmp_path) as target:
        await target.stage(EDIT)
        assert server.log == ["lock running"] * 3 + FILLED


async def test_a_lock_that_stays_denied_is_a_transient_refusal_that_names_the_holder(tmp_path: FilePath) -> None:
    held = rpc_error("lock-denied", message="").replace(
        b"</rpc-error>", b"<error-info><session-id>7</session-id></error-info></rpc-error>"
    )
    server = NetconfServer(scripted(lock=held))
    async with session(server, tmp_path, profile=kind(write=0.6)) as target:
        answers_within(target.rpc, IN_TIME)  # what is short is the time to try for the lock
        async with asyncio.timeout(IN_TIME):
            with pytest.raises(DeviceRefusedError, match=r"lock of running.*by session 7.*0\.3 s") as caught:
                await target.stage(EDIT)
        assert (caught.value.tag, caught.value.transient) == ("lock-denied", True)
        assert set(server.log) == {"lock running"}
        assert len(server.log) < 10
        assert not target.closed


async def test_other_refusals_of_a_lock_are_not_waited_out(tmp_path: FilePath) -> None:
    server = NetconfServer(scripted(lock=rpc_error("operation-not-supported")))
    async with session(server, tmp_path) as target:
        with pytest.raises(DeviceRefusedError) as caught:
            await target.stage(EDIT)
        assert not caught.value.transient
        assert server.log == ["lock running"]


async def test_a_device_that_bears_no_locks_gets_none(tmp_path: FilePath) -> None:
    server = NetconfServer(capabilities=PERSIST)
    async with session(server, tmp_path, profile=kind(NetconfTraits(lock=False))) as target:
        await target.stage(EDIT, "id-1")
        await target.confirm()
        assert server.log == [*FILLED[2:], "commit", "commit"]
        await target.stage(EDIT, "id-2")
        await target.cancel()
        assert server.log[5:] == [*FILLED[2:], "commit", "cancel-commit", "discard-changes"]
