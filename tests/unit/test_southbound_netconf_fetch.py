"""What the NETCONF adapter reads of a scripted SSH server: the bytes of data, filters, emptiness, large messages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path as FilePath

import pytest
from lxml import etree
from netconf_scripts import ROOTS, scripted
from southbound_servers import (
    BASE,
    CANDIDATE,
    NOTHING,
    OK,
    SOMETHING,
    NetconfServer,
    NetconfSessionSide,
    answer,
    localname,
    netconf_device,
    netconf_server,
    profile,
    rpc_error,
)

from fabricd.errors import (
    DeviceProtocolError,
    DeviceTooLargeError,
)
from fabricd.model.fetched import Encoding
from fabricd.model.path import Path
from fabricd.southbound import netconf

DATA = b'<data><system xmlns="http://openconfig.net/yang/system"><config/></system></data>'


@pytest.mark.parametrize("chunk", [1, 7, 1 << 16])
@pytest.mark.parametrize("version", ["0", "1"])
async def test_fetched_bytes_are_those_of_data(chunk: int, version: str, tmp_path: FilePath) -> None:
    capabilities = tuple(uri for uri in CANDIDATE if not (version == "0" and uri == f"{BASE}1"))
    server = NetconfServer(scripted(get_config=DATA), capabilities=capabilities, chunk=chunk)
    async with netconf_server(server):
        target = await netconf.connect(netconf_device(server, tmp_path))
        first, second = await target.fetch(ROOTS), await target.fetch(ROOTS)
        assert first == second
        assert first.encoding is Encoding.XML
        assert first.size == len(first.parts[0].data)
        assert etree.fromstring(first.parts[0].data).find("{http://openconfig.net/yang/system}system") is not None
        await target.close()


async def test_the_filter_names_the_roots_with_namespaces(tmp_path: FilePath) -> None:
    paths = (
        Path.parse("/openconfig-system:system"),
        Path.parse("/openconfig-interfaces:interfaces/interface[name='a&b']/config"),
    )
    async with netconf_server(NetconfServer()) as server:
        known = {"openconfig-interfaces": "http://openconfig.net/yang/interfaces"}
        target = await netconf.connect(netconf_device(server, tmp_path), namespaces=known)
        await target.fetch(paths)
        await target.close()
    wanted = server.received[0].find("{*}filter")
    assert wanted.get("type") == "subtree"
    assert [child.tag for child in wanted] == [
        "{http://openconfig.net/yang/system}system",  # named by the hello
        "{http://openconfig.net/yang/interfaces}interfaces",
    ]
    assert wanted.findtext(".//{http://openconfig.net/yang/interfaces}name") == "a&b"


async def test_a_switch_that_shows_nothing_at_all_is_not_taken_for_an_empty_one(tmp_path: FilePath) -> None:
    """A filter of a namespace that it does not know selects nothing, and so does any before it has loaded anything."""
    shown = {"get-config": NOTHING, "get": b"<data> <!-- nothing --> </data>"}

    async def script(side: NetconfSessionSide, rpc: etree._Element) -> None:
        await answer(side, rpc, shown.get(localname(next(rpc.iterchildren(tag=etree.Element))), OK))

    async with netconf_server(NetconfServer(script)) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        with pytest.raises(DeviceProtocolError, match="not up yet") as caught:
            await target.fetch(ROOTS)
        assert (caught.value.device, target.closed) == ("leaf3", False)
        shown["get"] = rpc_error("unknown-namespace")
        with pytest.raises(DeviceProtocolError, match="other namespaces"):
            await target.fetch(ROOTS)
        shown["get"] = SOMETHING
        (part,) = (await target.fetch(ROOTS)).parts
        assert len(etree.fromstring(part.data)) == 0
        asked = len(server.log)
        shown["get"] = NOTHING
        await target.fetch(ROOTS)  # once a session is enough
        assert server.log[asked:] == ["get-config running"]
        await target.close()
        again = await netconf.connect(netconf_device(server, tmp_path))
        shown["get-config"] = SOMETHING
        await again.fetch(ROOTS)
        shown["get-config"] = NOTHING
        await again.fetch(ROOTS)
        await again.close()


async def test_a_root_of_unknown_namespace_is_fetched_without_a_filter(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        await target.fetch((Path.parse("/other:top"),))
        assert server.received[0].find("{*}filter") is None
        await target.close()


async def test_twenty_megabytes_are_fetched_while_the_loop_stays_alive(tmp_path: FilePath) -> None:
    entry = b"<a xmlns='urn:x'>" + b"x" * 1000 + b"</a>"
    data = b"<data>" + entry * 20_000 + b"</data>"
    async with netconf_server(NetconfServer(scripted(get_config=data))) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        fetched = await target.fetch(ROOTS)
        assert fetched.size > 20_000_000
        assert fetched.parts[0].data.endswith(entry + b"</data>")
        await target.close()


async def test_a_reply_over_the_profiles_limit_has_the_code_for_what_is_too_large(tmp_path: FilePath) -> None:
    data = b"<data>" + b"<a/>" * 50_000 + b"</data>"
    async with netconf_server(NetconfServer(scripted(get_config=data))) as server:
        device = netconf_device(server, tmp_path, profile=replace(profile(), max_message_bytes=100_000))
        target = await netconf.connect(device)
        with pytest.raises(DeviceTooLargeError, match="longer than 100000 bytes") as caught:
            await target.fetch(ROOTS)
        assert (caught.value.code, caught.value.transient) == ("DEVICE_TOO_LARGE", False)
        assert target.closed
        await target.close()


async def test_a_chunk_that_is_announced_too_large_is_not_waited_for(tmp_path: FilePath) -> None:
    async def announce(side: NetconfSessionSide, _: etree._Element) -> None:
        await side.write(b"\n#999999999\n")

    async with netconf_server(NetconfServer(scripted(get_config=announce))) as server:
        target = await netconf.connect(netconf_device(server, tmp_path))
        with pytest.raises(DeviceTooLargeError):
            await target.fetch(ROOTS)
        assert target.closed
        await target.close()
