"""Switches as they are: ncclient's device handlers, words before the hello, odd replies, defaults, limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import asyncssh
import pytest
from lxml import etree
from netconf_scripts import ROOTS, scripted
from patience import IN_TIME
from southbound_servers import (
    CANDIDATE,
    CAPABILITY,
    NetconfServer,
    NetconfSessionSide,
    netconf_device,
    netconf_server,
    profile,
    rpc_error,
)

from fabricd.errors import (
    DeviceError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTrustError,
    DeviceUnreachableError,
)
from fabricd.model.device import Device, NetconfTraits, Trust
from fabricd.model.edit import EditConfig
from fabricd.model.fetched import Fetched
from fabricd.model.path import Path
from fabricd.southbound import netconf
from fabricd.southbound.netconf.handlers import HANDLERS

EDIT = EditConfig(
    b'<nc:config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"><system xmlns="http://openconfig.net/yang/system">'
    b'<config><hostname nc:operation="merge">leaf3</hostname></config></system></nc:config>'
)
DATA = b'<data><system xmlns="http://openconfig.net/yang/system"><config/></system></data>'
LLDP = "http://openconfig.net/yang/lldp"
TWO = (*ROOTS, Path.parse("/openconfig-lldp:lldp"))

HELLO = "".join(f"<capability>{uri.replace('&', '&amp;')}</capability>" for uri in CANDIDATE)
HELLO = (
    f'<?xml version="1.0"?><hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities>{HELLO}</capabilities>'
    "<session-id>1</session-id></hello>"
)
EARLY_ERROR = (
    "<rpc-reply><rpc-error><error-severity>error</error-severity><error-message>no config db</error-message>"
    "</rpc-error></rpc-reply>"
)


def of_kind(server: NetconfServer, tmp_path: FilePath, handler: str = "default", **changes: Any) -> Device:
    kind = replace(profile(), netconf=NetconfTraits(handler=handler))
    return netconf_device(server, tmp_path, **{"profile": kind, **changes})


@asynccontextmanager
async def session(device: Device) -> AsyncIterator[netconf.NetconfTarget]:
    target = await netconf.connect(device, namespaces={"openconfig-lldp": LLDP})
    try:
        yield target
    finally:
        await target.close()


# --- device handlers


@pytest.mark.filterwarnings("ignore:.*DeviceHandler is deprecated")  # ncclient's advice on one of them
@pytest.mark.parametrize("handler", sorted(HANDLERS))
async def test_every_handler_reads_and_writes_and_checks_the_host_key(handler: str, tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer(scripted(get_config=DATA))) as server:
        async with session(of_kind(server, tmp_path, handler)) as target:
            fetched = await target.fetch(ROOTS)
            assert etree.fromstring(fetched.parts[0].data)[0].tag == "{http://openconfig.net/yang/system}system"
            await target.stage(EDIT)
            await target.confirm()
        edit = next(one for one in server.received if etree.QName(one).localname == "edit-config")
        (config,) = edit.findall("{urn:ietf:params:xml:ns:netconf:base:1.0}config")
        assert config.findtext(".//{http://openconfig.net/yang/system}hostname") == "leaf3"
        stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        before = server.sessions
        with pytest.raises(DeviceTrustError):
            await netconf.connect(of_kind(server, tmp_path, handler, trust=Trust(host_key=stranger)))
        with pytest.raises(DeviceTrustError):
            await netconf.connect(of_kind(server, tmp_path, handler, trust=Trust()))
        assert server.sessions == before


async def test_the_first_subsystem_of_the_handler_that_the_device_has_is_used(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer(subsystem="xmlagent")) as server:
        with pytest.raises(DeviceUnreachableError):
            await netconf.connect(of_kind(server, tmp_path))
        async with session(of_kind(server, tmp_path, "nexus")) as target:
            await target.fetch(ROOTS)


async def test_our_hello_offers_what_is_used(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as server, session(of_kind(server, tmp_path)):
        pass
    assert f"{CAPABILITY}confirmed-commit:1.1".encode() in server.hellos[0]
    assert f"{CAPABILITY}validate:1.1".encode() in server.hellos[0]


@pytest.mark.parametrize(
    ("handler", "body"),
    [
        # A second routing engine's element is never closed.
        (
            "junos",
            '<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="{id}"><commit-results>'
            "<routing-engine><name>re0</name><commit-success/><ok/></commit-results></rpc-reply>",
        ),
        (
            "huawei",
            '\0<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="{id}"><ok/></rpc-reply>\0',
        ),
    ],
)
async def test_replies_that_are_not_well_formed_are_mended_by_the_handler_that_knows_them(
    handler: str, body: str, tmp_path: FilePath
) -> None:
    async def commit(side: NetconfSessionSide, rpc: etree._Element) -> None:
        await side.write(side.frame(body.format(id=rpc.get("message-id")).encode()))

    async with netconf_server(NetconfServer(scripted(commit=commit))) as server:
        async with session(of_kind(server, tmp_path, handler)) as target:
            await target.stage(EDIT)
            await target.confirm()
        async with session(of_kind(server, tmp_path)) as target:
            await target.stage(EDIT)
            with pytest.raises(DeviceProtocolError):
                await target.confirm()
            assert target.closed


# --- before the hello


@pytest.mark.parametrize(
    "words",
    [
        (EARLY_ERROR, HELLO),
        (EARLY_ERROR + "\n<!-- ready -->\n" + HELLO,),
        ("Authorised users only. <hello> to you & others.\n", "", HELLO + "\n"),
        (*(EARLY_ERROR,) * 8, HELLO),
    ],
)
async def test_what_is_said_before_the_hello_is_skipped(
    words: tuple[str, ...], tmp_path: FilePath, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    async def say(side: NetconfSessionSide) -> None:
        for text in words:
            await side.write(side.frame(text.encode()))

    async with (
        netconf_server(NetconfServer(scripted(get_config=DATA), hello=say)) as server,
        session(of_kind(server, tmp_path)) as target,
    ):
        await target.fetch(ROOTS)
    if len(words) > 1:
        assert "before its hello" in caplog.text


async def test_words_without_end_instead_of_a_hello_are_a_protocol_error(tmp_path: FilePath) -> None:
    async def say(side: NetconfSessionSide) -> None:
        while True:
            await side.write(side.frame(EARLY_ERROR.encode()))
            await asyncio.sleep(0)

    async with netconf_server(NetconfServer(hello=say)) as server:
        with pytest.raises(DeviceProtocolError, match="no config db"):
            await netconf.connect(of_kind(server, tmp_path))


async def test_a_device_that_hangs_up_instead_of_a_hello_is_quoted(tmp_path: FilePath) -> None:
    async def say(side: NetconfSessionSide) -> None:
        await side.write(side.frame(b"<rpc-error><error-message>too many sessions</error-message></rpc-error>"))
        side.process.exit(1)

    async with netconf_server(NetconfServer(hello=say)) as server:
        with pytest.raises(DeviceUnreachableError, match="too many sessions"):
            await netconf.connect(of_kind(server, tmp_path))


@pytest.mark.parametrize(
    "text", [b"<hello " * 400_000, b"<" * 3_000_000, b"<?xml " * 500_000, b"</hello" * 400_000, b"<hello>" * 400_000]
)
async def test_hostile_words_before_the_hello_take_no_time(text: bytes, tmp_path: FilePath) -> None:
    async def say(side: NetconfSessionSide) -> None:
        await side.write(side.frame(text))
        await side.write(side.frame(HELLO.encode()))

    async with netconf_server(NetconfServer(hello=say)) as server, asyncio.timeout(IN_TIME):
        await (await netconf.connect(of_kind(server, tmp_path))).close()


@pytest.mark.parametrize("handler", ["default", "junos", "huawei"])
async def test_hostile_replies_that_are_not_well_formed_take_no_time(handler: str, tmp_path: FilePath) -> None:
    async def validate(side: NetconfSessionSide, rpc: etree._Element) -> None:
        text = f"<rpc-reply message-id='{rpc.get('message-id')}'>" + "<rpc-reply></rpc-reply>" * 40_000 + "</hello"
        await side.write(side.frame(text.encode()))

    async with (
        netconf_server(NetconfServer(scripted(validate=validate))) as server,
        session(of_kind(server, tmp_path, handler)) as target,
        asyncio.timeout(IN_TIME),
    ):
        with pytest.raises(DeviceProtocolError):
            await target.stage(EDIT)


# --- replies


async def test_replies_come_in_any_order(tmp_path: FilePath) -> None:
    held: list[etree._Element] = []

    async def get(side: NetconfSessionSide, rpc: etree._Element) -> None:
        held.append(rpc)
        if len(held) == 3:
            for one in reversed(held):
                asked = etree.QName(one.find("{*}get-config/{*}filter")[0]).localname
                await side.reply(one, f"<data><{asked} xmlns='urn:x'/></data>".encode())

    paths = [(Path.parse(f"/openconfig-system:{name}"),) for name in ("a", "b", "c")]
    async with (
        netconf_server(NetconfServer(scripted(get_config=get))) as server,
        session(of_kind(server, tmp_path)) as target,
    ):
        fetched = await asyncio.gather(*(target.fetch(roots) for roots in paths))
    assert [etree.fromstring(one.parts[0].data)[0].tag for one in fetched] == ["{urn:x}a", "{urn:x}b", "{urn:x}c"]


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (rpc_error("malformed-message", message="what?"), "DEVICE_PROTOCOL", "malformed-message: what?"),
        (rpc_error("too-big", message="at most 1000"), "DEVICE_TOO_LARGE", "too-big: at most 1000; the request had "),
        (b"<ok/>", "DEVICE_PROTOCOL", "without a message-id"),
        (b"<ok>", "DEVICE_PROTOCOL", "without a message-id"),
    ],
)
async def test_a_device_that_cannot_read_a_request_is_quoted(
    body: bytes, code: str, said: str, tmp_path: FilePath
) -> None:
    """Its reply has no message-id (RFC 6241 section 4.2), and what follows on such a session cannot be trusted."""

    async def unread(side: NetconfSessionSide, _: etree._Element) -> None:
        await side.write(side.frame(b"<rpc-reply>" + body + b"</rpc-reply>"))

    async with (
        netconf_server(NetconfServer(scripted(edit_config=unread))) as server,
        session(of_kind(server, tmp_path)) as target,
    ):
        with pytest.raises(DeviceError) as caught:
            await target.stage(EDIT)
        assert caught.value.code == code
        assert said in caught.value.message
        assert target.closed


async def test_replies_that_nobody_asked_for_end_the_session_when_they_do_not_end(tmp_path: FilePath) -> None:
    async def flood(side: NetconfSessionSide, _: etree._Element) -> None:
        while True:
            await side.write(side.frame(b"<rpc-reply message-id='nobody'><ok/></rpc-reply>"))
            await asyncio.sleep(0)

    async with (
        netconf_server(NetconfServer(scripted(get_config=flood))) as server,
        session(of_kind(server, tmp_path)) as target,
    ):
        with pytest.raises(DeviceProtocolError):
            await target.fetch(ROOTS)
        assert target.closed


# --- defaults


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("basic-mode=explicit", "explicit"),
        ("basic-mode=explicit&also-supported=report-all,trim", "explicit"),
        ("basic-mode=trim&also-supported=report-all,explicit", "explicit"),
        ("basic-mode=trim&also-supported=report-all", None),
        ("basic-mode=report-all", None),
        ("also-supported=explicit", None),
        ("", None),
        (None, None),
    ],
)
async def test_defaults_are_shown_as_they_were_set_where_the_device_can(
    said: str | None, asked: str | None, tmp_path: FilePath
) -> None:
    uri = f"{CAPABILITY}with-defaults:1.0" + (f"?{said}" if said else "")
    capabilities = CANDIDATE if said is None else (*CANDIDATE, uri)
    async with (
        netconf_server(NetconfServer(capabilities=capabilities)) as server,
        session(of_kind(server, tmp_path)) as target,
    ):
        await target.fetch(ROOTS)
        await target.state(ROOTS)
    wanted = server.received[0].findtext("{urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults}with-defaults")
    assert wanted == asked
    assert server.received[1].find("{*}with-defaults") is None


async def test_a_device_that_does_not_know_what_it_advertises_is_asked_without(tmp_path: FilePath) -> None:
    async def get(side: NetconfSessionSide, rpc: etree._Element) -> None:
        known = rpc.find("{*}get-config/{*}with-defaults") is None
        await side.reply(rpc, DATA if known else rpc_error("unknown-element"))

    capabilities = (*CANDIDATE, f"{CAPABILITY}with-defaults:1.0?basic-mode=explicit")
    async with netconf_server(NetconfServer(scripted(get_config=get), capabilities=capabilities)) as server:
        async with session(of_kind(server, tmp_path)) as target:
            assert await target.fetch(ROOTS) == await target.fetch(ROOTS)
        assert server.log.count("get-config running") == 3


# --- limits


def one_by_one(most: int) -> Any:
    async def get(side: NetconfSessionSide, rpc: etree._Element) -> None:
        asked = [etree.QName(one).localname for one in rpc.find("{*}get-config/{*}filter")]
        body = "".join(f"<{name} xmlns='urn:x'/>" for name in asked)
        await side.reply(rpc, f"<data>{body}</data>".encode() if len(asked) <= most else rpc_error("too-big"))

    return scripted(get_config=get)


async def test_roots_that_are_too_big_together_are_fetched_apart_from_then_on(tmp_path: FilePath) -> None:
    async def fetched(most: int) -> tuple[list[Fetched], list[str]]:
        async with (
            netconf_server(NetconfServer(one_by_one(most))) as server,
            session(of_kind(server, tmp_path)) as target,
        ):
            return [await target.fetch(TWO), await target.fetch(TWO)], server.log

    apart, log = await fetched(1)
    assert apart[0] == apart[1]
    assert [etree.fromstring(part.data)[0].tag for part in apart[0].parts] == ["{urn:x}system", "{urn:x}lldp"]
    assert apart[0].size == sum(len(part.data) for part in apart[0].parts)
    assert log.count("get-config running") == 5
    together, log = await fetched(2)
    assert log.count("get-config running") == 2
    assert len(together[0].parts) == 1
    assert together[0].digest != apart[0].digest


async def test_a_root_that_is_too_big_alone_is_a_final_refusal(tmp_path: FilePath) -> None:
    async with (
        netconf_server(NetconfServer(one_by_one(0))) as server,
        session(of_kind(server, tmp_path)) as target,
    ):
        for roots in (ROOTS, TWO):
            with pytest.raises(DeviceRefusedError) as caught:
                await target.fetch(roots)
            assert (caught.value.tag, caught.value.transient) == ("too-big", False)
