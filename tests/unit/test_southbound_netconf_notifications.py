"""Which notifications make a device be read again: others' changes do, our own do not, commits taken back do."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path as FilePath

import pytest
from lxml import etree
from netconf_scripts import ROOTS, scripted
from patience import IN_TIME
from southbound_servers import (
    OK,
    NetconfServer,
    NetconfSessionSide,
    netconf_device,
    netconf_server,
)

from fabricd.errors import DeviceProtocolError
from fabricd.model.device import Device
from fabricd.model.edit import EditConfig
from fabricd.model.fetched import Change
from fabricd.model.path import Path
from fabricd.southbound import netconf
from fabricd.southbound.netconf.notifications import OwnSessions, read_change
from fabricd.southbound.netconf.session import NetconfSession

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
NAMESPACE = "http://openconfig.net/yang/system"
MODULES = {NAMESPACE: "openconfig-system"}
HOSTNAME = Path.parse("/openconfig-system:system/config/hostname")
EDIT = EditConfig(
    f'<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><system xmlns="{NAMESPACE}"/></config>'.encode()
)


def told(event: str, body: str = "", *, user: str = "", session: str = "") -> bytes:
    by = f"<username>{user}</username><session-id>{session}</session-id>" if user else "<server/>"
    return (
        '<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0">'
        "<eventTime>2026-11-01T10:00:00Z</eventTime>"
        f'<netconf-{event} xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications">'
        f"<changed-by>{by}</changed-by>{body}</netconf-{event}></notification>"
    ).encode()


def changed(root: str = "system", *, user: str = "", session: str = "") -> bytes:
    edit = f'<edit><target xmlns:s="{NAMESPACE}">/s:{root}/s:config/s:hostname</target></edit>'
    return told("config-change", f"<datastore>running</datastore>{edit}", user=user, session=session)


@pytest.fixture
def device(tmp_path: FilePath) -> Device:
    return netconf_device(NetconfServer(port=1), tmp_path)


def read(message: bytes, device: Device) -> Change | None:
    return read_change(message, device, MODULES, ROOTS, lambda: NOON, OwnSessions())


@pytest.mark.parametrize(
    ("message", "paths"),
    [
        (changed(), (HOSTNAME,)),
        (changed("lldp"), None),
        (changed().replace(b"/s:system", b"not a path"), ()),
        (told("config-change"), ()),
        (told("config-change", "<datastore>startup</datastore>"), None),
        (told("confirmed-commit", "<confirm-event>start</confirm-event><timeout>60</timeout>"), None),
        (told("confirmed-commit", "<confirm-event>extend</confirm-event>"), None),
        (told("confirmed-commit", "<confirm-event>complete</confirm-event>"), None),
        (told("confirmed-commit", "<confirm-event>timeout</confirm-event>"), ()),
        (told("confirmed-commit", "<confirm-event>cancel</confirm-event>", user="eve", session="4"), ()),
        (told("capability-change", "<added-capability>urn:a</added-capability>"), ()),
        (told("session-start"), None),
        (
            b'<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><replayComplete/></notification>',
            None,
        ),
        (b"<notification/>", None),
    ],
)
def test_what_has_to_be_read_again(message: bytes, paths: tuple[Path, ...] | None, device: Device) -> None:
    change = read(message, device)
    assert (change.paths if change is not None else None) == paths


@pytest.mark.parametrize("time", ["", "yesterday", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_that_cannot_be_read_is_now(time: str, device: Device) -> None:
    change = read(changed().replace(b"2026-11-01T10:00:00Z", time.encode()), device)
    assert change is not None
    assert change.time == NOON


def test_a_notification_that_is_no_xml_is_a_protocol_error(device: Device) -> None:
    with pytest.raises(DeviceProtocolError):
        read(b"<notification>", device)


async def test_only_what_we_wrote_over_an_open_session_is_ours(tmp_path: FilePath) -> None:
    own = OwnSessions()
    async with netconf_server(NetconfServer()) as server:
        device = netconf_device(server, tmp_path)
        writing, reading = [await NetconfSession.open(device) for _ in range(2)]
        assert not own.made(device, "admin", "1")
        own.add(writing, device)
        assert own.made(device, "admin", "1")
        assert not own.made(device, "admin", reading.hello.session_id)
        assert not own.made(device, "eve", "1")
        assert not own.made(device, "admin", "0")
        assert not own.made(device, "admin", "")
        await writing.close()
        await reading.close()
        assert not own.made(device, "admin", "1")


async def test_our_own_write_causes_no_second_read_and_hides_no_other_change(tmp_path: FilePath) -> None:
    subscribed: asyncio.Future[NetconfSessionSide] = asyncio.get_running_loop().create_future()

    async def subscribe(side: NetconfSessionSide, rpc: etree._Element) -> None:
        await side.reply(rpc, OK)
        subscribed.set_result(side)

    async with netconf_server(NetconfServer(scripted(create_subscription=subscribe))) as server:
        device = netconf_device(server, tmp_path)
        connect = partial(netconf.connect, own=OwnSessions())
        watching, writing = await connect(device), await connect(device)
        async with aclosing(watching.changes(ROOTS)) as changes, asyncio.timeout(IN_TIME):
            assert (await anext(changes)).paths == ()
            side = await subscribed
            await writing.stage(EDIT)
            await writing.confirm()
            for message in (
                changed(user="admin", session="2"),
                told("confirmed-commit", "<confirm-event>cancel</confirm-event>", user="admin", session="2"),
                changed(user="admin", session="3"),
            ):
                await side.write(side.frame(message))
            assert (await anext(changes)).paths == (HOSTNAME,)  # of session 3
            await writing.close()
            await side.write(side.frame(changed(user="admin", session="2")))
            assert (await anext(changes)).paths == (HOSTNAME,)  # the id is somebody else's now
        await watching.close()
