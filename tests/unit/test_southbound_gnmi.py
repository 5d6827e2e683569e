"""The gNMI adapter against a scripted gRPC server: fall-backs, values, failures in the middle."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import grpc
import pytest
from gnmi_scripts import INTERFACES, SYSTEM, refusing, stall
from patience import IN_TIME, eventually
from pygnmi.spec.v080 import gnmi_pb2
from southbound_servers import GnmiServer, gnmi_device, gnmi_server, profile

from fabricd.errors import (
    DeviceError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DeviceTooLargeError,
    DeviceTrustError,
    DeviceUnreachableError,
)
from fabricd.model.edit import GnmiSet
from fabricd.model.fetched import Encoding
from fabricd.model.path import Path
from fabricd.southbound import gnmi

HOSTNAME = Path.parse("/openconfig-system:system/config/hostname")
CHANGE = GnmiSet(deletes=(INTERFACES,), replaces=((SYSTEM, b"{}"),), updates=((HOSTNAME, b'"leaf1"'),))


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


SCALARS: dict[str, tuple[dict[str, Any], object]] = {
    "text": ({"string_val": 'a"ü'}, 'a"ü'),
    "signed": ({"int_val": -5}, -5),
    "large": ({"uint_val": 1 << 63}, 1 << 63),
    "flag": ({"bool_val": True}, True),
    "octets": ({"bytes_val": b"\x00\xff"}, "AP8="),
    "decimal": ({"decimal_val": gnmi_pb2.Decimal64(digits=-5, precision=2)}, "-0.05"),
    "float": ({"double_val": 0.25}, "0.25"),
    "list": ({"leaflist_val": gnmi_pb2.ScalarArray(element=[gnmi_pb2.TypedValue(string_val="x")])}, ["x"]),
    "json": ({"json_val": b"[1]"}, [1]),
}


@pytest.mark.parametrize("many", [False, True])
async def test_updates_with_a_prefix_are_joined_and_scalars_become_json(many: bool) -> None:
    """A few updates are passed on as they are, many are put together into one part."""
    sent = list(SCALARS) if many else list(SCALARS)[:2]

    async def get(_: Any, __: Any) -> Any:
        reply = gnmi_pb2.GetResponse()
        notification = reply.notification.add(prefix=gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name="system")]))
        for name in [*sent, "nothing"]:
            elems = [gnmi_pb2.PathElem(name="x", key={"k": "v", "b": "a"}), gnmi_pb2.PathElem(name=name)]
            value = gnmi_pb2.TypedValue(**SCALARS[name][0]) if name in SCALARS else gnmi_pb2.TypedValue()
            notification.update.add(path=gnmi_pb2.Path(elem=elems), val=value)
        return reply

    server = GnmiServer()
    server.get = get
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        fetched = await target.state((SYSTEM,))
        await target.close()
    assert server.gets[0].type == gnmi_pb2.GetRequest.ALL
    found = {part.path.text: json.loads(part.data) for part in fetched.parts}
    if many:
        entry = {"k": "v", "b": "a"} | {name: SCALARS[name][1] for name in sent}
        assert found == {SYSTEM.text: {"x": [entry]}}
    else:
        assert found == {f"{SYSTEM}/x[b='a'][k='v']/{name}": SCALARS[name][1] for name in sent}


@pytest.mark.parametrize(
    "value",
    [
        gnmi_pb2.TypedValue(proto_bytes=b"x"),
        gnmi_pb2.TypedValue(decimal_val=gnmi_pb2.Decimal64(digits=1, precision=(1 << 32) - 1)),
    ],
    ids=["octets", "four billion zeros"],
)
async def test_a_value_that_is_no_json_is_a_protocol_error(value: Any) -> None:
    async def get(request: Any, _: Any) -> Any:
        reply = gnmi_pb2.GetResponse()
        reply.notification.add().update.add(path=request.path[0], val=value)
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
        (grpc.StatusCode.UNKNOWN, DeviceTimeoutError, True),
        (grpc.StatusCode.ABORTED, DeviceRefusedError, True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, DeviceTooLargeError, True),
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
        assert target.closed is not issubclass(kind, DeviceRefusedError)
        if isinstance(caught.value, DeviceRefusedError):
            assert caught.value.tag == code.name
        await target.close()


@pytest.mark.parametrize("operation", ["get", "set"])
async def test_an_answer_that_does_not_come_is_given_up_in_time(operation: str) -> None:
    server = GnmiServer()
    setattr(server, operation, stall)
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server, profile=profile(read=0.3, write=0.3)))
        await target.stage(CHANGE)
        async with asyncio.timeout(IN_TIME):
            with pytest.raises(DeviceTimeoutError):
                await (target.fetch((SYSTEM,)) if operation == "get" else target.confirm())
        await target.close()


@pytest.mark.parametrize("operation", ["get", "set"])
async def test_a_server_that_goes_away_in_the_middle_leaves_the_effect_unknown(operation: str) -> None:
    server = GnmiServer()
    setattr(server, operation, stall)
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        await target.stage(CHANGE)
        request = asyncio.create_task(target.fetch((SYSTEM,)) if operation == "get" else target.confirm())
        await eventually(lambda: bool(server.gets or server.sets))
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
        await eventually(lambda: bool(server.sets))
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await asyncio.wait_for(ended.wait(), IN_TIME)
        assert target.closed
        await target.close()


async def test_twenty_megabytes_are_fetched() -> None:
    server = GnmiServer()
    server.values = {"system": b'"' + b"x" * (20 << 20) + b'"'}
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        assert (await target.fetch((SYSTEM,))).size == (20 << 20) + 2
        await target.close()


async def test_an_answer_over_the_profiles_limit_is_refused() -> None:
    server = GnmiServer()
    server.values = {"system": b"x" * 200_000}
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server, profile=replace(profile(), max_message_bytes=100_000)))
        with pytest.raises(DeviceTooLargeError) as caught:
            await target.fetch((SYSTEM,))
        assert (caught.value.code, caught.value.tag) == ("DEVICE_TOO_LARGE", "RESOURCE_EXHAUSTED")
        await target.close()
