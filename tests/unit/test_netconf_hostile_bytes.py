"""Whatever bytes a NETCONF server sends: nothing but a DeviceError comes of them, and nothing is lost track of."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from fabricd.errors import DeviceError
from fabricd.model.device import Device, NetconfTraits, Profile, Protocol
from fabricd.southbound.netconf import operations, reply
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
