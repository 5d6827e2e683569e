"""The gNMI adapter against a scripted gRPC server: fall-backs, values, failures in the middle, trust."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import grpc
import pytest
from pygnmi.spec.v080 import gnmi_pb2
from southbound_servers import Authority, GnmiServer, gnmi_device, gnmi_server, profile, secret

from fabricd.errors import (
    DeviceError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DeviceTrustError,
    DeviceUnreachableError,
)
from fabricd.model.device import Login, SecretReference, Trust
from fabricd.model.edit import GnmiSet
from fabricd.model.fetched import Encoding
from fabricd.model.path import Path
from fabricd.southbound import gnmi

SYSTEM, INTERFACES = Path.parse("/openconfig-system:system"), Path.parse("/openconfig-interfaces:interfaces")
HOSTNAME = Path.parse("/openconfig-system:system/config/hostname")
CHANGE = GnmiSet(deletes=(INTERFACES,), replaces=((SYSTEM, b"{}"),), updates=((HOSTNAME, b'"leaf1"'),))


def refusing(code: grpc.StatusCode) -> Any:
    async def refuse(_: Any, context: Any) -> Any:
        await context.abort(code, "no")

    return refuse


async def stall(_: Any, __: Any) -> Any:
    await asyncio.sleep(3600)


async def test_all_roots_come_in_one_get_as_the_bytes_sent() -> None:
    server = GnmiServer()
    server.values = {"system": b'{"a": 1 }', "interfaces": b"{}"}
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        fetched = await target.fetch((SYSTEM, INTERFACES))
        assert fetched == await target.fetch((INTERFACES, SYSTEM))
        await target.close()
    assert fetched.encoding is Encoding.JSON_IETF
    assert [(part.path, part.data) for part in fetched.parts] == [(INTERFACES, b"{}"), (SYSTEM, b'{"a": 1 }')]
    assert fetched.size == 11
    assert len(server.gets) == 2
    assert server.gets[0].type == gnmi_pb2.GetRequest.CONFIG
    assert server.gets[0].encoding == gnmi_pb2.JSON_IETF
    assert [elem.name for elem in server.gets[0].path[0].elem] == ["system"]


async def test_different_bytes_have_different_digests() -> None:
    server = GnmiServer()
    digests = set()
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        for values in (
            {"system": b"{}"},
            {"interfaces": b"{}"},
            {"system": b"{ }"},
            {"system": b"{}", "interfaces": b""},
            {},
        ):
            server.values = values
            digests.add((await target.fetch((SYSTEM, INTERFACES))).digest)
        await target.close()
    assert len(digests) == 5


async def test_an_absent_root_is_empty_and_hides_no_other() -> None:
    server = GnmiServer()
    server.values = {"interfaces": b"{}"}
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        fetched = await target.fetch((SYSTEM, INTERFACES))
        assert [part.path for part in fetched.parts] == [INTERFACES]
        assert (await target.fetch((SYSTEM,))).parts == ()
        assert (await target.fetch(())).parts == ()
        await target.close()


async def test_a_device_that_takes_one_path_a_get_is_read_path_by_path() -> None:
    server = GnmiServer()
    server.values = {"system": b"1", "interfaces": b"2"}

    async def one_only(request: Any, context: Any) -> Any:
        if len(request.path) > 1:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "one path")
        server.get = None
        try:
            return await server.Get(request, context)
        finally:
            server.get = one_only

    server.get = one_only
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        assert [part.data for part in (await target.fetch((SYSTEM, INTERFACES))).parts] == [b"2", b"1"]
        await target.close()


async def test_many_updates_with_a_prefix_are_joined_and_scalars_become_json() -> None:
    async def get(_: Any, __: Any) -> Any:
        reply = gnmi_pb2.GetResponse()
        notification = reply.notification.add(prefix=gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name="system")]))
        values: dict[str, Any] = {
            "text": {"string_val": 'a"ü'},
            "signed": {"int_val": -5},
            "large": {"uint_val": 1 << 63},
            "flag": {"bool_val": True},
            "octets": {"bytes_val": b"\x00\xff"},
            "decimal": {"decimal_val": gnmi_pb2.Decimal64(digits=-5, precision=2)},
            "float": {"double_val": 0.25},
            "list": {"leaflist_val": gnmi_pb2.ScalarArray(element=[gnmi_pb2.TypedValue(string_val="x")])},
            "json": {"json_val": b"[1]"},
            "nothing": {},
        }
        for name, value in values.items():
            notification.update.add(
                path=gnmi_pb2.Path(
                    elem=[gnmi_pb2.PathElem(name="x"), gnmi_pb2.PathElem(name=name, key={"k": "v", "b": "a"})]
                ),
                val=gnmi_pb2.TypedValue(**value),
            )
        return reply

    server = GnmiServer()
    server.get = get
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        fetched = await target.state((SYSTEM,))
        await target.close()
    assert server.gets[0].type == gnmi_pb2.GetRequest.ALL
    assert {part.path.name: json.loads(part.data) for part in fetched.parts} == {
        "text": 'a"ü',
        "signed": -5,
        "large": 1 << 63,
        "flag": True,
        "octets": "AP8=",
        "decimal": "-0.05",
        "float": "0.25",
        "list": ["x"],
        "json": [1],
    }
    assert fetched.parts[0].path.text == "/openconfig-system:system/x/decimal[b='a'][k='v']"


async def test_a_value_that_is_no_json_is_a_protocol_error() -> None:
    async def get(request: Any, _: Any) -> Any:
        reply = gnmi_pb2.GetResponse()
        reply.notification.add().update.add(path=request.path[0], val=gnmi_pb2.TypedValue(proto_bytes=b"x"))
        return reply

    server = GnmiServer()
    server.get = get
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        with pytest.raises(DeviceProtocolError):
            await target.fetch((SYSTEM,))
        await target.close()


async def test_a_staged_change_is_one_set_sent_by_confirm() -> None:
    server = GnmiServer()
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        await target.stage(CHANGE)
        assert server.sets == []
        await target.confirm()
        assert len(server.sets) == 1
        sent = server.sets[0]
        assert [elem.name for elem in sent.delete[0].elem] == ["interfaces"]
        assert sent.replace[0].val.json_ietf_val == b"{}"
        assert [elem.name for elem in sent.update[0].path.elem] == ["system", "config", "hostname"]
        assert sent.update[0].val.json_ietf_val == b'"leaf1"'
        await target.stage(CHANGE)
        await target.cancel()
        await target.stage(GnmiSet())
        await target.confirm()
        assert len(server.sets) == 1
        await target.close()


@pytest.mark.parametrize(
    ("code", "kind", "transient"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, DeviceRefusedError, False),
        (grpc.StatusCode.UNKNOWN, DeviceRefusedError, True),
        (grpc.StatusCode.ABORTED, DeviceRefusedError, True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, DeviceRefusedError, True),
        (grpc.StatusCode.UNIMPLEMENTED, DeviceRefusedError, False),
        (grpc.StatusCode.PERMISSION_DENIED, DeviceTrustError, True),
        (grpc.StatusCode.UNAUTHENTICATED, DeviceTrustError, True),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeviceTimeoutError, True),
        (grpc.StatusCode.CANCELLED, DeviceTimeoutError, True),
        (grpc.StatusCode.UNAVAILABLE, DeviceTimeoutError, True),
    ],
)
async def test_status_codes_of_set(code: grpc.StatusCode, kind: type[DeviceError], transient: bool) -> None:
    server = GnmiServer()
    server.set = refusing(code)
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        await target.stage(CHANGE)
        with pytest.raises(DeviceError) as caught:
            await target.confirm()
        assert type(caught.value) is kind
        assert caught.value.transient is transient
        assert target.closed is (kind is not DeviceRefusedError)
        if isinstance(caught.value, DeviceRefusedError):
            assert caught.value.tag == code.name
        await target.close()


@pytest.mark.parametrize("operation", ["get", "set"])
async def test_an_answer_that_does_not_come_is_given_up_in_time(operation: str) -> None:
    server = GnmiServer()
    setattr(server, operation, stall)
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server, profile=profile(read=0.3, write=0.3)))
        started = time.monotonic()
        await target.stage(CHANGE)
        with pytest.raises(DeviceTimeoutError):
            await (target.fetch((SYSTEM,)) if operation == "get" else target.confirm())
        assert time.monotonic() - started < 2
        await target.close()


@pytest.mark.parametrize("operation", ["get", "set"])
async def test_a_server_that_goes_away_in_the_middle_leaves_the_effect_unknown(operation: str) -> None:
    server = GnmiServer()
    setattr(server, operation, stall)
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        await target.stage(CHANGE)
        request = asyncio.create_task(target.fetch((SYSTEM,)) if operation == "get" else target.confirm())
        while not (server.gets or server.sets):
            await asyncio.sleep(0.005)
        assert server.running is not None
        await server.running.stop(None)
        with pytest.raises(DeviceTimeoutError):
            await request
        with pytest.raises(DeviceUnreachableError):
            await target.fetch((SYSTEM,))
        await target.close()


async def test_a_cancelled_request_ends_the_session_and_is_cancelled_on_the_device() -> None:
    server = GnmiServer()
    ended = asyncio.Event()

    async def wait(_: Any, __: Any) -> Any:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    server.set = wait
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        await target.stage(CHANGE)
        request = asyncio.create_task(target.confirm())
        while not server.sets:
            await asyncio.sleep(0.005)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await asyncio.wait_for(ended.wait(), 5)
        assert target.closed
        await target.close()


async def test_twenty_megabytes_are_fetched() -> None:
    server = GnmiServer()
    server.values = {"system": b'"' + b"x" * (20 << 20) + b'"'}
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server, profile=profile(read=30)))
        assert (await target.fetch((SYSTEM,))).size == (20 << 20) + 2
        await target.close()


async def test_an_answer_over_the_profiles_limit_is_refused() -> None:
    server = GnmiServer()
    server.values = {"system": b"x" * 200_000}
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server, profile=replace(profile(), max_message_bytes=100_000)))
        with pytest.raises(DeviceRefusedError) as caught:
            await target.fetch((SYSTEM,))
        assert caught.value.tag == "RESOURCE_EXHAUSTED"
        await target.close()


# --- trust


async def test_password_and_token_go_out_as_metadata(tmp_path: FilePath) -> None:
    server = GnmiServer()
    async with gnmi_server(server):
        reference = secret(tmp_path, "s3cret")
        await (await gnmi.connect(gnmi_device(server, login=Login("admin", reference)))).close()
        await (await gnmi.connect(gnmi_device(server, login=Login(token=reference)))).close()
    assert server.metadata[0]["username"], server.metadata[0]["password"] == ("admin", "s3cret")
    assert server.metadata[1]["authorization"] == "Bearer s3cret"


async def test_wrong_credentials() -> None:
    server = GnmiServer()
    server.capabilities = refusing(grpc.StatusCode.UNAUTHENTICATED)
    async with gnmi_server(server):
        with pytest.raises(DeviceTrustError):
            await gnmi.connect(gnmi_device(server))


async def test_a_missing_secret_is_a_matter_of_trust() -> None:
    server = GnmiServer()
    async with gnmi_server(server):
        login = Login("admin", SecretReference("env", "FABRICD_TEST_NOT_SET"))
        with pytest.raises(DeviceTrustError):
            await gnmi.connect(gnmi_device(server, login=login))


async def test_tls_with_the_right_ca(tmp_path: FilePath) -> None:
    authority = Authority.make(tmp_path)
    server = GnmiServer()
    async with gnmi_server(server, authority.server_credentials()):
        await (await gnmi.connect(gnmi_device(server, trust=Trust(ca=authority.ca)))).close()


async def test_wrong_ca(tmp_path: FilePath) -> None:
    authority, other = Authority.make(tmp_path / "one"), Authority.make(tmp_path / "two", "other")
    server = GnmiServer()
    async with gnmi_server(server, authority.server_credentials()):
        started = time.monotonic()
        with pytest.raises(DeviceTrustError) as caught:
            await gnmi.connect(gnmi_device(server, trust=Trust(ca=other.ca)))
        assert "certificate" in caught.value.message
        assert time.monotonic() - started < 3


async def test_the_name_in_the_certificate_counts_and_can_be_overridden(tmp_path: FilePath) -> None:
    authority = Authority.make(tmp_path)
    server = GnmiServer()
    async with gnmi_server(server, authority.server_credentials(host="leaf1.example")):
        with pytest.raises(DeviceTrustError):
            await gnmi.connect(gnmi_device(server, trust=Trust(ca=authority.ca)))
        with pytest.raises(DeviceTrustError):
            await gnmi.connect(gnmi_device(server, trust=Trust(ca=authority.ca, server_name="leaf2.example")))
        trust = Trust(ca=authority.ca, server_name="leaf1.example")
        await (await gnmi.connect(gnmi_device(server, trust=trust))).close()


async def test_mutual_tls(tmp_path: FilePath) -> None:
    authority, other = Authority.make(tmp_path / "one"), Authority.make(tmp_path / "two", "other")
    certificate, key = authority.sign("fabricd")
    wrong, wrong_key = other.sign("stranger")
    server = GnmiServer()
    async with gnmi_server(server, authority.server_credentials(clients=True)):
        trust = Trust(ca=authority.ca, certificate=str(certificate), key=str(key))
        await (await gnmi.connect(gnmi_device(server, trust=trust))).close()
        for trust in (
            Trust(ca=authority.ca),
            Trust(ca=authority.ca, certificate=str(wrong), key=str(wrong_key)),
            Trust(ca=authority.ca, certificate=str(certificate), key=str(wrong_key)),
        ):
            with pytest.raises(DeviceTrustError):
                await gnmi.connect(gnmi_device(server, trust=trust))


async def test_plain_text_has_to_be_asked_for_and_ca_has_to_be_one(tmp_path: FilePath) -> None:
    rubbish = tmp_path / "ca.pem"
    rubbish.write_text("-----BEGIN CERTIFICATE-----\nrubbish\n")
    (tmp_path / "empty.pem").write_text("")
    server = GnmiServer()
    async with gnmi_server(server):
        for trust in (
            Trust(),
            Trust(ca=str(tmp_path / "absent.pem")),
            Trust(ca=str(tmp_path / "empty.pem")),
            Trust(ca=str(rubbish)),
            Trust(ca=Authority.make(tmp_path / "one").ca),  # the server speaks plain text
        ):
            with pytest.raises(DeviceTrustError):
                await gnmi.connect(gnmi_device(server, trust=trust))


async def test_a_refused_connection_is_unreachable(tmp_path: FilePath) -> None:
    authority = Authority.make(tmp_path)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        server = GnmiServer()
        server.port = closed.getsockname()[1]
        for trust in (Trust(insecure=True), Trust(ca=authority.ca)):
            started = time.monotonic()
            with pytest.raises(DeviceUnreachableError):
                await gnmi.connect(gnmi_device(server, trust=trust))
            assert time.monotonic() - started < 3


@pytest.mark.parametrize("secure", [True, False])
async def test_a_device_that_says_nothing_is_unreachable_in_time(secure: bool, tmp_path: FilePath) -> None:
    trust = Trust(ca=Authority.make(tmp_path).ca) if secure else Trust(insecure=True)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        server = GnmiServer()
        server.port = silent.getsockname()[1]
        started = time.monotonic()
        with pytest.raises(DeviceUnreachableError):
            await gnmi.connect(gnmi_device(server, trust=trust, profile=profile(connect=0.5)))
        assert time.monotonic() - started < 2


async def test_a_server_that_stalls_in_capabilities_is_unreachable_in_time() -> None:
    server = GnmiServer()
    server.capabilities = stall
    async with gnmi_server(server):
        with pytest.raises(DeviceUnreachableError):
            await gnmi.connect(gnmi_device(server, profile=profile(connect=0.5)))


async def test_capabilities() -> None:
    server = GnmiServer()
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        found = await target.capabilities()
        assert found.models == (("openconfig-system", "1.0.0"),)
        assert found.features == ("gNMI:0.8.0", "encoding:JSON", "encoding:JSON_IETF")
        await target.close()


# --- notifications


async def test_changes_begin_with_sync_and_name_paths_of_updates_and_deletes() -> None:
    async def subscribe(requests: Any, _: Any) -> Any:
        request = await anext(aiter(requests))
        server.gets.append(request)
        yield gnmi_pb2.SubscribeResponse(update=gnmi_pb2.Notification(timestamp=1))
        yield gnmi_pb2.SubscribeResponse(sync_response=True)
        notification = gnmi_pb2.Notification(
            timestamp=1_700_000_000_000_000_000, prefix=gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name="system")])
        )
        notification.update.add(path=gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name="config")]))
        notification.delete.add(elem=[gnmi_pb2.PathElem(name="dns")])
        yield gnmi_pb2.SubscribeResponse(update=notification)

    server = GnmiServer()
    server.subscribe = subscribe
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        changes = target.changes((SYSTEM,))
        assert (await anext(changes)).paths == ()
        second = await anext(changes)
        assert [path.text for path in second.paths] == [
            "/openconfig-system:system/config",
            "/openconfig-system:system/dns",
        ]
        assert second.time.timestamp() == 1_700_000_000
        with pytest.raises(DeviceUnreachableError):
            await anext(changes)
        await target.close()
    subscription = server.gets[0].subscribe
    assert subscription.mode == gnmi_pb2.SubscriptionList.STREAM
    assert [one.mode for one in subscription.subscription] == [gnmi_pb2.ON_CHANGE]


async def test_a_device_that_cannot_notify_says_so() -> None:
    async def subscribe(_: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no")
        yield

    server = GnmiServer()
    server.subscribe = subscribe
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        with pytest.raises(DeviceRefusedError) as caught:
            await anext(target.changes((SYSTEM,)))
        assert caught.value.tag == "UNIMPLEMENTED"
        await target.close()


async def test_a_subscription_that_never_stands_is_given_up_in_time() -> None:
    async def subscribe(requests: Any, _: Any) -> Any:
        async for _request in requests:
            yield gnmi_pb2.SubscribeResponse(update=gnmi_pb2.Notification(timestamp=1))

    server = GnmiServer()
    server.subscribe = subscribe
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server, profile=profile(read=0.3)))
        with pytest.raises(DeviceTimeoutError):
            await anext(target.changes((SYSTEM,)))
        await target.close()


async def test_a_subscription_ends_with_the_connection_or_when_it_is_closed() -> None:
    ended = asyncio.Event()

    async def subscribe(_: Any, __: Any) -> Any:
        yield gnmi_pb2.SubscribeResponse(sync_response=True)
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    server = GnmiServer()
    server.subscribe = subscribe
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        async with aclosing(target.changes((SYSTEM,))) as changes:
            await anext(changes)
        await asyncio.wait_for(ended.wait(), 5)
        changes = target.changes((SYSTEM,))
        await anext(changes)
        assert server.running is not None
        await server.running.stop(None)
        with pytest.raises(DeviceTimeoutError):
            await anext(changes)
        await target.close()
