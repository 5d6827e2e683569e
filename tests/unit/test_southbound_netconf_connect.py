"""How the NETCONF adapter connects, whom it trusts, and what it is notified of, against a scripted SSH server."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path as FilePath

import asyncssh
import pytest
from lxml import etree
from netconf_scripts import ROOTS, scripted
from patience import GROWING, IN_TIME, eventually
from southbound_servers import (
    CAPABILITY,
    OK,
    WRITABLE,
    NetconfServer,
    NetconfSessionSide,
    netconf_device,
    netconf_server,
    profile,
    secret,
)

from fabricd.errors import DeviceProtocolError, DeviceRefusedError, DeviceTrustError, DeviceUnreachableError
from fabricd.model.device import Login, Trust
from fabricd.model.path import Path
from fabricd.southbound import netconf
from fabricd.southbound.netconf.notifications import Inbox, OwnSessions, read_change

CHANGED = (
    '<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2026-11-01T10:00:00Z</eventTime>'
    '<netconf-config-change xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications">'
    "<datastore>{store}</datastore>"
    '<edit><target xmlns:s="{namespace}">/s:{root}/s:config/s:hostname</target><operation>merge</operation></edit>'
    "</netconf-config-change></notification>"
)


def changed(
    store: str = "running", namespace: str = "http://openconfig.net/yang/system", root: str = "system"
) -> bytes:
    return CHANGED.format(store=store, namespace=namespace, root=root).encode()


# --- connecting


async def test_a_refused_connection_is_unreachable(tmp_path: FilePath) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        device = netconf_device(NetconfServer(port=closed.getsockname()[1]), tmp_path)
        with pytest.raises(DeviceUnreachableError):
            await netconf.connect(device)


async def test_a_device_that_says_nothing_is_unreachable_in_time(tmp_path: FilePath) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        device = netconf_device(NetconfServer(port=silent.getsockname()[1]), tmp_path, profile=profile(connect=0.3))
        async with asyncio.timeout(IN_TIME):
            with pytest.raises(DeviceUnreachableError):
                await netconf.connect(device)


@pytest.mark.parametrize("hello", ["nothing", "hang-up"])
async def test_a_session_without_hello_is_unreachable_and_left_open_nowhere(hello: str, tmp_path: FilePath) -> None:
    async def say(side: NetconfSessionSide) -> None:
        if hello == "hang-up":
            side.hang_up()
        await side.process.stdin.read()

    server = NetconfServer(hello=say)
    async with netconf_server(server):
        for seconds in GROWING:
            with pytest.raises(DeviceUnreachableError):
                await netconf.connect(netconf_device(server, tmp_path, profile=profile(connect=seconds)))
            if server.sessions:
                break
        await eventually(lambda: server.ended == server.sessions > 0)


@pytest.mark.parametrize("hello", [b"<hi/>", b"<hello", b"\xff\xfe", b"<rpc-reply/>"])
async def test_a_hello_that_is_none_is_a_protocol_error(hello: bytes, tmp_path: FilePath) -> None:
    async def say(side: NetconfSessionSide) -> None:
        await side.write(hello + b"]]>]]>")
        await side.process.stdin.read()

    async with netconf_server(NetconfServer(hello=say)) as server:
        for seconds in GROWING:
            with pytest.raises((DeviceProtocolError, DeviceUnreachableError)) as caught:
                await netconf.connect(netconf_device(server, tmp_path, profile=profile(connect=seconds)))
            if isinstance(caught.value, DeviceProtocolError):
                break
        assert isinstance(caught.value, DeviceProtocolError)


async def test_wrong_host_key(tmp_path: FilePath) -> None:
    for algorithm in ("ssh-ed25519", "ecdsa-sha2-nistp256"):
        other = asyncssh.generate_private_key(algorithm).export_public_key().decode()
        async with netconf_server(NetconfServer()) as server:
            with pytest.raises(DeviceTrustError):
                await netconf.connect(netconf_device(server, tmp_path, trust=Trust(host_key=other)))
            assert server.sessions == 0


async def test_known_hosts_decide(tmp_path: FilePath) -> None:
    hosts = tmp_path / "known_hosts"
    async with netconf_server(NetconfServer()) as server:
        device = netconf_device(server, tmp_path, trust=Trust(known_hosts=str(hosts)))
        with pytest.raises(DeviceTrustError):  # no such file
            await netconf.connect(device)
        hosts.write_bytes(b"[127.0.0.1]:%d %b" % (server.port, server.key.export_public_key()))
        await (await netconf.connect(device)).close()
        hosts.write_bytes(b"[127.0.0.1]:%d %b" % (server.port + 1, server.key.export_public_key()))
        with pytest.raises(DeviceTrustError):
            await netconf.connect(device)


async def test_an_unchecked_host_key_has_to_be_asked_for(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as server:
        with pytest.raises(DeviceTrustError):
            await netconf.connect(netconf_device(server, tmp_path, trust=Trust()))
        await (await netconf.connect(netconf_device(server, tmp_path, trust=Trust(insecure=True)))).close()


async def test_wrong_password(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as server:
        login = Login("admin", secret(tmp_path, "wrong"))
        with pytest.raises(DeviceTrustError) as caught:
            await netconf.connect(netconf_device(server, tmp_path, login=login))
        assert "wrong" not in str(caught.value)
        assert server.sessions == 0


async def test_a_private_key_logs_in(tmp_path: FilePath) -> None:
    mine, other = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    file = tmp_path / "id"
    async with netconf_server(NetconfServer(client_key=mine)) as server:
        device = netconf_device(server, tmp_path, login=Login("admin", private_key=str(file)))
        with pytest.raises(DeviceTrustError):  # no such file
            await netconf.connect(device)
        file.write_bytes(other.export_private_key())
        with pytest.raises(DeviceTrustError):
            await netconf.connect(device)
        file.write_bytes(mine.export_private_key())
        await (await netconf.connect(device)).close()
        file.write_text("rubbish")
        with pytest.raises(DeviceTrustError):
            await netconf.connect(device)


async def test_capabilities_come_from_the_hello(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        found = await target.capabilities()
        assert found.models == (("openconfig-system", "2025-01-01"),)
        assert (found.candidate, found.notifies) == (True, True)
        assert f"{CAPABILITY}validate:1.1" in found.features
        await target.close()


async def test_a_changed_configuration_is_told_with_its_path(tmp_path: FilePath) -> None:
    async def subscribe(side: NetconfSessionSide, rpc: etree._Element) -> None:
        await side.reply(rpc, OK)
        for message in (
            changed(store="candidate"),
            changed(namespace="http://openconfig.net/yang/lldp", root="lldp"),
            b'<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><a/></notification>',
            changed(),
        ):
            await side.write(side.frame(message))
        side.hang_up()

    async with netconf_server(NetconfServer(scripted(create_subscription=subscribe))) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        seen = []
        with pytest.raises(DeviceUnreachableError):  # noqa: PT012
            async for change in target.changes(ROOTS):
                seen.append(change)  # noqa: PERF401 - what came before the end counts
        assert [change.paths for change in seen] == [(), (Path.parse("/openconfig-system:system/config/hostname"),)]
        assert seen[1].time.isoformat() == "2026-11-01T10:00:00+00:00"
        await target.close()


async def test_a_storm_of_notifications_takes_bounded_memory_and_asks_for_a_full_read(tmp_path: FilePath) -> None:
    inbox = Inbox()
    for _ in range(5000):
        inbox.put(changed())
    inbox.end()
    kept = [message async for message in inbox]
    assert kept[0] is None
    assert 1 < len(kept) < 1000
    device = netconf_device(NetconfServer(port=1), tmp_path)
    told = read_change(None, device, {}, ROOTS, lambda: datetime.now(UTC), OwnSessions())
    assert told is not None
    assert told.paths == ()


async def test_a_device_that_cannot_notify_says_so(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer(capabilities=WRITABLE)) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        with pytest.raises(DeviceRefusedError):
            await anext(target.changes(ROOTS))
        assert not target.closed
        await target.close()
