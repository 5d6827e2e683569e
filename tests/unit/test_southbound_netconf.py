"""The NETCONF adapter against a scripted SSH server: sequences, failures in the middle, large messages."""

from __future__ import annotations

import asyncio
from pathlib import Path as FilePath
from typing import Any

import pytest
from lxml import etree
from netconf_scripts import ROOTS, scripted
from patience import IN_TIME, answers_within, eventually
from southbound_servers import (
    BASE,
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

from fabricd.errors import (
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DeviceTrustError,
    DeviceUnreachableError,
)
from fabricd.model.edit import EditConfig
from fabricd.southbound import netconf

EDIT = EditConfig(
    b'<nc:config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"><system xmlns="http://openconfig.net/yang/system">'
    b'<config><hostname nc:operation="replace">leaf3</hostname></config></system></nc:config>'
)
DATA = b'<data><system xmlns="http://openconfig.net/yang/system"><config/></system></data>'


async def hang_up(side: NetconfSessionSide, _: etree._Element) -> None:
    side.hang_up()


async def say_nothing(side: NetconfSessionSide, _: etree._Element) -> None:
    await side.process.stdin.read()


async def stall_in_the_middle(side: NetconfSessionSide, _: etree._Element) -> None:
    await side.write(b"\n#1000\n<rpc-reply xmlns=")
    await side.process.stdin.read()


async def test_candidate_is_locked_emptied_edited_validated_committed_and_unlocked(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        await target.stage(EDIT)
        await target.confirm()
        await target.close()
    assert server.log == [
        "lock running",
        "lock candidate",
        "discard-changes",
        "edit-config candidate",
        "validate candidate",
        "commit",
        "unlock candidate",
        "unlock running",
        "close-session",
    ]
    edit = server.received[3]
    assert edit.findtext("{*}default-operation") == "none"
    assert edit.findtext("{*}error-option") == "rollback-on-error"
    assert edit.find("{*}config//{*}hostname").attrib == {
        f"{{{BASE.replace('netconf:base:1.', 'xml:ns:netconf:base:1.0')}}}operation": "replace"
    }


async def test_cancel_discards_and_unlocks(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        await target.stage(EDIT)
        await target.cancel()
        assert server.log[-3:] == ["discard-changes", "unlock candidate", "unlock running"]
        await target.stage(EDIT)
        await target.confirm()
        await target.close()


async def test_without_candidate_the_edit_waits_for_confirm(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer(capabilities=WRITABLE)) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        await target.stage(EDIT)
        assert server.log == ["lock running"]
        await target.confirm()
        assert server.log == ["lock running", "edit-config running", "unlock running"]
        assert server.received[1].findtext("{*}error-option") == "rollback-on-error"
        await target.close()


async def test_with_startup_the_change_outlives_a_reboot(tmp_path: FilePath) -> None:
    server = NetconfServer(capabilities=(*CANDIDATE, f"{CAPABILITY}startup:1.0"))
    async with netconf_server(server):
        target = await netconf.connect(netconf_device(server, tmp_path))
        await target.stage(EDIT)
        await target.confirm()
        await target.close()
    assert server.log[5:7] == ["commit", "copy-config startup running"]


async def test_without_either_datastore_nothing_is_sent(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer(capabilities=(f"{BASE}0",))) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        with pytest.raises(DeviceRefusedError) as caught:
            await target.stage(EDIT)
        assert caught.value.tag == "operation-not-supported"
        assert server.log == []
        await target.close()


async def test_a_dirty_candidate_is_discarded_and_locked(tmp_path: FilePath) -> None:
    tries = iter([rpc_error("lock-denied"), OK])

    async def lock(side: NetconfSessionSide, rpc: etree._Element) -> None:
        await side.reply(rpc, next(tries) if "candidate" in server.log[-1] else OK)

    server = NetconfServer(scripted(lock=lock))
    async with netconf_server(server):
        target = await netconf.connect(netconf_device(server, tmp_path))
        await target.stage(EDIT)
        assert server.log[:4] == ["lock running", "lock candidate", "discard-changes", "lock candidate"]
        await target.cancel()
        await target.close()


async def test_a_lock_held_by_another_is_refused_and_leaves_no_lock(tmp_path: FilePath) -> None:
    async def lock(side: NetconfSessionSide, rpc: etree._Element) -> None:
        await side.reply(rpc, rpc_error("lock-denied") if "candidate" in server.log[-1] else OK)

    server = NetconfServer(scripted(lock=lock, discard_changes=rpc_error("in-use")))
    async with netconf_server(server):
        target = await netconf.connect(netconf_device(server, tmp_path, profile=profile(write=0.5)))
        answers_within(target.rpc, IN_TIME)  # half a second is for the lock alone
        with pytest.raises(DeviceRefusedError) as caught:
            await target.stage(EDIT)
        assert (caught.value.tag, caught.value.transient) == ("lock-denied", True)
        assert server.log[-1] == "unlock running"
        assert not target.closed
        await target.close()


@pytest.mark.parametrize("operation", ["edit_config", "validate", "commit"])
async def test_a_refused_edit_is_taken_back(operation: str, tmp_path: FilePath) -> None:
    refusal = rpc_error("data-missing", "warning") + rpc_error("invalid-value", path="/system/config/hostname")
    async with netconf_server(NetconfServer(scripted(**{operation: refusal}))) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        with pytest.raises(DeviceRefusedError) as caught:  # noqa: PT012
            await target.stage(EDIT)
            await target.confirm()
        assert (caught.value.tag, caught.value.path) == ("invalid-value", "/system/config/hostname")
        assert server.log[-3:] == ["discard-changes", "unlock candidate", "unlock running"]
        assert not target.closed
        await target.close()


async def test_warnings_do_not_stop_a_commit(tmp_path: FilePath) -> None:
    warned = rpc_error("data-missing", "warning") + OK
    async with netconf_server(NetconfServer(scripted(edit_config=warned, commit=warned))) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        await target.stage(EDIT)
        await target.confirm()
        await target.close()
        assert "commit" in server.log


async def test_access_denied_is_a_matter_of_trust(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer(scripted(commit=rpc_error("access-denied")))) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        await target.stage(EDIT)
        with pytest.raises(DeviceTrustError):
            await target.confirm()
        await target.close()


async def test_a_connection_that_breaks_in_a_commit_leaves_its_effect_unknown(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer(scripted(commit=hang_up))) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        await target.stage(EDIT)
        with pytest.raises(DeviceTimeoutError):
            await target.confirm()
        assert target.closed
        await target.close()


async def test_a_session_that_is_gone_takes_nothing(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer(scripted(get=hang_up))) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        with pytest.raises(DeviceTimeoutError):
            await target.state(ROOTS)
        with pytest.raises(DeviceUnreachableError):
            await target.fetch(ROOTS)
        await target.cancel()
        await target.close()
        await target.close()


@pytest.mark.parametrize("trouble", [say_nothing, stall_in_the_middle])
async def test_a_reply_that_does_not_end_is_given_up_in_time(trouble: Any, tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer(scripted(get_config=trouble))) as server:
        device = netconf_device(server, tmp_path, profile=profile(read=0.3))
        target = await netconf.connect(device)
        async with asyncio.timeout(IN_TIME):
            with pytest.raises(DeviceTimeoutError):
                await target.fetch(ROOTS)
        assert target.closed
        await eventually(lambda: server.ended == 1)
        await target.close()


async def test_a_commit_without_an_answer_closes_the_session(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer(scripted(commit=say_nothing))) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        await target.stage(EDIT)
        answers_within(target.rpc, 0.3)
        with pytest.raises(DeviceTimeoutError):
            await target.confirm()
        assert target.closed
        await eventually(lambda: server.ended == 1)
        await target.close()


async def test_a_cancelled_request_closes_the_session(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer(scripted(edit_config=say_nothing))) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        staging = asyncio.create_task(target.stage(EDIT))
        await eventually(lambda: "edit-config candidate" in server.log)
        staging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await staging
        assert target.closed
        await eventually(lambda: server.ended == 1)
        await target.close()


@pytest.mark.parametrize(
    "stream",
    [
        b"\n#5\nhello\n##\n",
        b"rubbish",
        b"\n#11\n<rpc-reply/>\n##\n",
        b"\n#24\n<rpc-reply message-id='x\n##\n",
    ],
)
async def test_nonsense_ends_the_session_with_a_protocol_error(stream: bytes, tmp_path: FilePath) -> None:
    async def nonsense(side: NetconfSessionSide, _: etree._Element) -> None:
        await side.write(stream)

    async with netconf_server(NetconfServer(scripted(get_config=nonsense))) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        with pytest.raises(DeviceProtocolError):
            await target.fetch(ROOTS)
        assert target.closed
        await target.close()


async def test_a_late_reply_is_dropped(tmp_path: FilePath) -> None:
    async def twice(side: NetconfSessionSide, rpc: etree._Element) -> None:
        await side.reply(rpc, DATA)
        await side.reply(rpc, DATA)

    async with netconf_server(NetconfServer(scripted(get_config=twice))) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        first = await target.fetch(ROOTS)
        assert await target.fetch(ROOTS) == first
        await target.close()


async def test_a_large_edit_waits_for_a_slow_reader(tmp_path: FilePath) -> None:
    """Sending is held back by the SSH window: what is not read is not piled up in memory."""
    names = b"".join(b"<domain-name>d%d</domain-name>" % number for number in range(150_000))
    edit = EditConfig(
        b'<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><s xmlns="urn:s">' + names + b"</s></config>"
    )
    server = NetconfServer(read_pause=0.3)
    async with netconf_server(server):
        target = await netconf.connect(netconf_device(server, tmp_path))
        staging = asyncio.create_task(target.stage(edit))
        paused = 0
        channel: Any = target._session._wire._channel
        most = 0
        while not staging.done():
            most = max(most, channel.get_write_buffer_size())
            paused += not target._session._wire._writable.is_set()
            await asyncio.sleep(0.001)
        await staging
        assert paused > 0
        assert most < 2 << 20 < len(edit.config)
        assert len(server.received[3].findall(".//{urn:s}domain-name")) == 150_000
        await target.cancel()
        await target.close()
