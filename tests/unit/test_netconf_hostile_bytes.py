"""Whatever bytes a NETCONF server sends: nothing but a DeviceError comes of them, and nothing is lost track of."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fabricd.errors import DeviceError
from fabricd.model.device import Device, NetconfTraits, Profile, Protocol
from fabricd.southbound.netconf import operations, reply, schemas
from fabricd.southbound.netconf.notifications import OwnSessions, read_change
from fabricd.southbound.netconf.session import NetconfSession

BASE = 'xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"'
HELLO = (
    f"<hello {BASE}><capabilities><capability>urn:ietf:params:netconf:base:1.1</capability></capabilities>"
    "<session-id>1</session-id></hello>"
).encode()
CHANGED = (
    b'<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>x</eventTime>'
    b'<netconf-config-change xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"><changed-by><username>a'
    b"</username><session-id>1</session-id></changed-by><edit><target>/a:b[</target></edit></netconf-config-change>"
    b"</notification>"
)
FRAGMENTS = [
    HELLO,
    CHANGED,
    f'<rpc-reply {BASE} message-id="1"><ok/></rpc-reply>'.encode(),
    f'<rpc-reply {BASE} message-id="1"><data><a xmlns="urn:a"/></data></rpc-reply>'.encode(),
    f"<rpc-reply {BASE}><rpc-error><error-tag>x</error-tag><error-info/></rpc-error></rpc-reply>".encode(),
    b"<rpc-reply message-id='1'><commit-results><routing-engine><ok/></commit-results></rpc-reply>",
    b"]]>]]>",
    b"\n##\n",
    b"\n#10\n",
    b"\n#4294967295\n",
    b"<?xml version='1.0' encoding='utf-16'?>",
    b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
    b"<![CDATA[",
    b"<!--",
    b"\0",
    b"\xff\xfe",
]
STREAM = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=40)), max_size=12)
NAMES = st.sampled_from(
    [
        "module-set",
        "module",
        "import-only-module",
        "name",
        "revision",
        "namespace",
        "schema",
        "datastore",
        "feature",
        "deviation",
        "submodule",
    ]
)
TEXTS = st.sampled_from(["", " a ", "a-types", "2024-01-01", "ds:running", "../a", "a/b", "\u00e9", "x" * 300])
ELEMENTS = st.recursive(
    st.tuples(NAMES, TEXTS), lambda inner: st.tuples(NAMES, st.lists(inner, max_size=5)), max_leaves=30
)
HANDLERS = st.sampled_from(["default", "junos", "huawei"])


def device(handler: str) -> Device:
    return Device("leaf3", "192.0.2.3", 830, Protocol.NETCONF, Profile("test", netconf=NetconfTraits(handler)))


@given(STREAM, HANDLERS, st.booleans(), st.integers(1, 50))
def test_a_session_survives_any_stream(pieces: list[bytes], handler: str, greeted: bool, cut: int) -> None:
    async def run() -> None:
        session = NetconfSession(device(handler))
        told: list[bytes] = []
        session.on_notification = told.append
        stream = (HELLO + b"]]>]]>" if greeted else b"") + b"".join(pieces)
        for at in range(0, len(stream), cut):
            session._wire.data_received(stream[at : at + cut], None)
        assert not greeted or session.closed or session.hello.session_id == "1"
        assert all(b"notification" in one for one in told)
        session.abort()
        assert session.closed

    asyncio.run(run())


@given(STREAM, HANDLERS)
def test_nothing_but_a_device_error_comes_of_any_message(pieces: list[bytes], handler: str) -> None:
    message, where = b"".join(pieces), device(handler)
    kind = operations.handler(handler)
    with suppress(DeviceError):
        reply.check(message, where, "commit", lambda text: operations.repaired(kind, text))
    with suppress(DeviceError):
        assert b"data" in reply.data_element(message, where, "get", lambda text: operations.repaired(kind, text))
    with suppress(DeviceError):
        read_change(message, where, {}, (), lambda: datetime.now(UTC), OwnSessions())
    with suppress(ValueError):
        operations.read_hello(message)


def put(parent: etree._Element, element: Any) -> None:
    name, content = element
    child = etree.SubElement(parent, f"{{{schemas.LIBRARY}}}{name}")
    if isinstance(content, str):
        child.text = content
    else:
        for one in content:
            put(child, one)


@given(st.sampled_from(["yang-library", "modules-state"]), st.lists(ELEMENTS, max_size=6))
def test_no_library_makes_a_module_with_a_name_that_is_none(root: str, elements: list[Any]) -> None:
    data = etree.Element("data")
    put(data, (root, elements))
    where = device("default")
    for read in (schemas.read_library, schemas.read_modules_state):
        with suppress(DeviceError):
            for module in read(data, where):
                for name in (module.name, *module.deviations, *(name for name, _ in module.submodules)):
                    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,249}", name)
                assert re.fullmatch(r"(\d{4}-\d\d-\d\d)?", module.revision, re.ASCII)
