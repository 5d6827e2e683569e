"""How gNMI devices want to be asked, and what they answer instead: against a scripted gRPC server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import grpc
import pytest
from gnmi_scripts import BOTH, INTERFACES, SYNC, SYSTEM, names, refusing, session, telling, update_of
from pygnmi.spec.v080 import gnmi_pb2
from southbound_servers import GnmiServer, gnmi_server

from fabricd.errors import DeviceProtocolError, DeviceRefusedError, DeviceTimeoutError
from fabricd.model.edit import GnmiSet
from fabricd.model.path import Path

ETHERNET = Path.parse("/openconfig-interfaces:interfaces/interface[name='Ethernet1']/openconfig-if-ethernet:ethernet")
NATIVE = Path.parse("/vendor-vlan:vlans")


def ports(**config: Any) -> dict[str, Any]:
    return {"interfaces": {"interface": [{"name": "Ethernet1", "config": {"name": "Ethernet1", **config}}]}}


CONFIG = {"system": {"config": {"hostname": "leaf1"}}, **ports(mtu=9000)}


# --- how it is asked


async def requests_of(**traits: Any) -> tuple[Any, Any, Any]:
    """A Get, a Set and a Subscribe as they go out."""
    server = GnmiServer()
    server.values = {"interfaces": b'{"a":1}', "openconfig-interfaces:interfaces": b'{"a":1}'}
    asked: list[Any] = []
    server.subscribe = telling({}, asked)
    async with session(server, **traits) as target:
        await target.fetch((ETHERNET,))
        await target.stage(GnmiSet((NATIVE,), ((ETHERNET, b"{}"),), ((SYSTEM, b"{}"),)))
        await target.confirm()
        async with aclosing(target.changes((ETHERNET,))) as changes:
            await anext(changes)
    return server.gets[0], server.sets[0], asked[0].subscribe


async def test_what_is_usual() -> None:
    get, changed, subscribe = await requests_of()
    assert names(get.path[0]) == ["interfaces", "interface", "ethernet"]
    assert get.path[0].elem[1].key == {"name": "Ethernet1"}
    assert not any(one.HasField("prefix") for one in (get, changed, subscribe))
    assert {path.origin for path in (get.path[0], changed.delete[0], subscribe.subscription[0].path)} == {""}
    assert names(changed.delete[0]) == ["vendor-vlan:vlans"]
    assert changed.update[0].val.WhichOneof("value") == "json_ietf_val"
    assert get.encoding == subscribe.encoding == gnmi_pb2.JSON_IETF


async def test_an_origin_stands_in_every_path() -> None:
    get, changed, subscribe = await requests_of(origin="native")
    paths = [*get.path, *changed.delete, *(one.path for one in [*changed.replace, *changed.update])]
    paths += [one.path for one in subscribe.subscription]
    assert len(paths) == 5
    assert {path.origin for path in paths} == {"native"}


async def test_with_a_prefix_the_origin_stands_there_alone() -> None:
    for request in await requests_of(origin="native", prefix=True):
        assert (request.prefix.target, request.prefix.origin) == ("leaf1", "native")
        assert "native" not in str(request).replace(str(request.prefix), "").replace('origin: "native"', "", 1)


async def test_names_may_have_to_be_qualified() -> None:
    get, changed, subscribe = await requests_of(names="qualified")
    wanted = ["openconfig-interfaces:interfaces", "interface", "openconfig-if-ethernet:ethernet"]
    assert names(get.path[0]) == names(changed.replace[0].path) == names(subscribe.subscription[0].path) == wanted


async def test_plain_json() -> None:
    get, changed, subscribe = await requests_of(encoding="json")
    assert get.encoding == subscribe.encoding == gnmi_pb2.JSON
    assert changed.replace[0].val.json_val == changed.update[0].val.json_val == b"{}"


async def test_a_get_for_each_root() -> None:
    server = GnmiServer()
    server.values = {"system": b'{"a":1}', "interfaces": b'{"a":2}'}
    async with session(server, read="each") as target:
        assert [part.data for part in (await target.fetch(BOTH)).parts] == [b'{"a":2}', b'{"a":1}']
        assert [len(get.path) for get in server.gets] == [1, 1]
        del server.values["system"]
        assert [part.data for part in (await target.fetch(BOTH)).parts] == [b'{"a":2}']


# --- a subscription instead of a Get


async def test_leaves_of_a_subscription_become_one_part_for_each_root() -> None:
    server = GnmiServer()
    asked: list[Any] = []
    server.subscribe = telling(CONFIG, asked)
    async with session(server, read="once") as target:
        fetched = await target.fetch(BOTH)
        assert (await target.fetch(BOTH)).digest == fetched.digest
    assert server.gets == []
    assert {one.subscribe.mode for one in asked} == {gnmi_pb2.SubscriptionList.ONCE}
    assert {part.path: json.loads(part.data) for part in fetched.parts} == {
        SYSTEM: CONFIG["system"],
        INTERFACES: CONFIG["interfaces"],
    }


async def test_state_is_left_out_of_a_configuration_and_kept_for_who_asks_for_it() -> None:
    server = GnmiServer()
    config = json.loads(json.dumps(CONFIG))
    config["system"]["state"] = {"hostname": "leaf1", "boot-time": "17"}
    config["interfaces"]["interface"].append({"name": "Ethernet2", "state": {"counters": {"in-octets": "17"}}})
    server.subscribe = telling(config, [])
    async with session(server, read="once") as target:
        fetched, whole = await target.fetch(BOTH), await target.state(BOTH)
    assert {part.path: json.loads(part.data) for part in fetched.parts} == {
        SYSTEM: CONFIG["system"],
        INTERFACES: CONFIG["interfaces"],
    }
    assert {part.path: json.loads(part.data) for part in whole.parts} == {
        SYSTEM: config["system"],
        INTERFACES: config["interfaces"],
    }


async def test_an_answer_that_is_not_whole_is_none() -> None:
    """Without its sync_response nobody knows what is missing."""
    server = GnmiServer()
    server.subscribe = telling(CONFIG, [], sync=False)
    async with session(server, read="once") as target:
        with pytest.raises(DeviceProtocolError, match="sync_response"):
            await target.fetch(BOTH)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.ABORTED, grpc.StatusCode.OK])
async def test_a_subscription_that_is_over_before_it_was_asked_for_says_why(code: grpc.StatusCode) -> None:
    server = GnmiServer()

    async def subscribe(_: Any, context: Any) -> AsyncIterator[Any]:
        if code is not grpc.StatusCode.OK:
            await context.abort(code, "not here")
        for nothing in ():
            yield nothing

    server.subscribe = subscribe
    async with session(server, read="once") as target:
        with pytest.raises(DeviceProtocolError if code is grpc.StatusCode.OK else DeviceRefusedError) as caught:
            await target.fetch(BOTH)
        assert "not here" in caught.value.message or code is grpc.StatusCode.OK


async def test_an_absent_root_of_a_subscription_hides_no_other() -> None:
    server = GnmiServer()
    answer = telling(CONFIG, [])

    async def subscribe(requests: Any, context: Any) -> AsyncIterator[Any]:
        request = await anext(aiter(requests))
        if names(request.subscribe.subscription[0].path) == ["system"]:
            await context.abort(grpc.StatusCode.NOT_FOUND, "system")

        async def again() -> AsyncIterator[Any]:
            yield request

        async for response in answer(again(), context):
            yield response

    server.subscribe = subscribe
    async with session(server, read="once") as target:
        assert [part.path for part in (await target.fetch(BOTH)).parts] == [INTERFACES]


async def test_a_subscription_that_never_ends_is_given_up_in_time() -> None:
    server = GnmiServer()

    async def subscribe(_: Any, __: Any) -> AsyncIterator[Any]:
        while True:
            yield gnmi_pb2.SubscribeResponse(update=gnmi_pb2.Notification(update=[update_of([("system", {})], {})]))

    server.subscribe = subscribe
    async with session(server, read="once", within=0.3) as target:
        with pytest.raises(DeviceTimeoutError):
            await target.fetch(BOTH)
        assert target.closed


@pytest.mark.parametrize(
    ("updates", "path"),
    [
        ([([("system", {}), ("x", {})], 1), ([("system", {}), ("x", {}), ("y", {})], 1)], "/system/x/y"),
        ([([("system", {}), ("x", {"k": "v"})], 1)], "/system/x[k=v]"),
        ([([("system", {}), ("x", {"k": "v"})], {}), ([("system", {}), ("x", {})], [{}])], "/system/x"),
        ([([("system", {}), ("x", {})], [{}]), ([("system", {}), ("x", {"k": "v"})], {})], "/system/x[k=v]"),
        ([([], 1)], ""),
        ([([("system", {}), ("x", {})], 1), ([("system", {}), ("x", {})], 2)], "/system/x"),
        ([([("system", {}), ("x", {})], 1), ([("system", {})], {"x": 2})], "/system"),
    ],
)
async def test_leaves_that_contradict_each_other_are_the_devices_fault(updates: list[Any], path: str) -> None:
    server = GnmiServer()

    async def subscribe(_: Any, __: Any) -> AsyncIterator[Any]:
        for steps, value in updates:
            yield gnmi_pb2.SubscribeResponse(update=gnmi_pb2.Notification(update=[update_of(steps, value)]))
        yield SYNC

    server.subscribe = subscribe
    async with session(server, read="once") as target:
        with pytest.raises(DeviceProtocolError) as caught:
            await target.fetch((SYSTEM,))
        assert caught.value.path == path


async def test_a_root_that_an_answer_passes_over_is_asked_for_by_itself() -> None:
    """gNMI section 3.3.2 wants a notification for each path. Deletes, which a Get has not, are not believed."""
    server = GnmiServer()
    server.values = {"system": b'{"a":1}', "interfaces": b'{"a":2}'}

    async def half(request: Any, context: Any) -> Any:
        server.get = None
        try:
            answer = await server.Get(request, context)
        finally:
            server.get = half
        if len(answer.notification) > 1:
            del answer.notification[1:]
            answer.notification[0].delete.extend(request.path)
        return answer

    server.get = half
    async with session(server) as target:
        assert len((await target.fetch(BOTH)).parts) == 2
        assert [len(get.path) for get in server.gets[::2]] == [2, 1, 1]  # each is counted on both ways through `half`


@pytest.mark.parametrize("read", ["together", "once"])
async def test_an_error_inside_an_answer_is_one(read: str) -> None:
    """As devices told them before gNMI had statuses: a container of which nothing else is said is not empty."""
    server = GnmiServer()
    server.values = {"system": b'{"a":1}', "interfaces": b'{"a":2}'}
    error = gnmi_pb2.Error(code=grpc.StatusCode.INTERNAL.value[0], message="the database\n is away")

    async def get(request: Any, context: Any) -> Any:
        return gnmi_pb2.GetResponse(error=error)

    async def subscribe(_: Any, __: Any) -> AsyncIterator[Any]:
        yield gnmi_pb2.SubscribeResponse(error=error)
        yield SYNC

    server.get, server.subscribe = get, subscribe
    async with session(server, read=read) as target:
        with pytest.raises(DeviceRefusedError, match="INTERNAL: the database is away") as refused:
            await target.fetch(BOTH)
        assert (refused.value.tag, refused.value.device) == ("INTERNAL", "leaf1")


# --- answers that are too large


def too_large(server: GnmiServer, allowed: Callable[[Any], bool]) -> Any:
    async def get(request: Any, context: Any) -> Any:
        if not allowed(request):
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too large")
        server.get = None
        try:
            return await server.Get(request, context)
        finally:
            server.get = get

    return get


async def test_roots_are_read_one_by_one_when_together_they_are_too_large() -> None:
    server = GnmiServer()
    server.values = {"system": b'{"a":1}', "interfaces": b'{"a":2}'}
    server.get = too_large(server, lambda request: len(request.path) == 1)
    async with session(server) as target:
        first, second = await target.fetch(BOTH), await target.fetch(BOTH)
        assert [part.data for part in first.parts] == [b'{"a":2}', b'{"a":1}']
        assert first == second
        assert [len(get.path) for get in server.gets if len(get.path) > 1] == [2]  # tried once a session


async def test_a_root_that_is_too_large_by_itself_is_read_by_a_subscription() -> None:
    server = GnmiServer()
    server.values = {"system": b'{"config":{"hostname":"leaf1"}}'}
    server.get = too_large(server, lambda request: names(request.path[0]) == ["system"] and len(request.path) == 1)
    asked: list[Any] = []
    server.subscribe = telling(CONFIG, asked)
    async with session(server) as target:
        first = await target.fetch(BOTH)
        gets = len(server.gets)
        assert await target.fetch(BOTH) == first
        assert {tuple(names(get.path[0])) for get in server.gets[gets:]} == {("system",)}
        assert not target.closed
    assert {part.path: json.loads(part.data) for part in first.parts} == {
        SYSTEM: CONFIG["system"],
        INTERFACES: CONFIG["interfaces"],
    }
    assert len(asked) == 2


async def test_what_was_too_large_is_asked_for_anew_after_a_restart() -> None:
    """On a connection that came back by itself: the device may have other software, and other limits."""
    server = GnmiServer()
    server.values = {"system": b'{"a":1}', "interfaces": b'{"a":2}'}
    server.get = too_large(server, lambda request: names(request.path[0]) == ["system"] and len(request.path) == 1)
    server.subscribe = telling(CONFIG, [])
    async with session(server) as target:
        await target.fetch(BOTH)
        assert server.running is not None
        await server.running.stop(None)
        server.get = server.subscribe = None
        server.gets.clear()
        async with gnmi_server(server, port=server.port):
            assert [part.data for part in (await target.fetch(BOTH)).parts] == [b'{"a":2}', b'{"a":1}']
            assert [len(get.path) for get in server.gets] == [2]
            assert not target.closed


async def test_state_that_is_too_large_does_not_change_how_configuration_is_read() -> None:
    server = GnmiServer()
    server.values = {"system": b'{"a":1}', "interfaces": b'{"a":2}'}
    server.get = too_large(server, lambda request: request.type == gnmi_pb2.GetRequest.CONFIG)
    server.subscribe = telling(CONFIG, [])
    async with session(server) as target:
        assert len((await target.state(BOTH)).parts) == 2
        server.gets.clear()
        assert len((await target.fetch(BOTH)).parts) == 2
        assert {len(get.path) for get in server.gets} == {2}


async def test_too_many_calls_pass_and_nothing_is_remembered() -> None:
    server = GnmiServer()
    server.values = {"system": b'{"a":1}', "interfaces": b'{"a":2}'}
    server.get = refusing(grpc.StatusCode.RESOURCE_EXHAUSTED)

    async def subscribe(_: Any, context: Any) -> AsyncIterator[Any]:
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls")
        yield SYNC

    server.subscribe = subscribe
    async with session(server) as target:
        with pytest.raises(DeviceRefusedError) as caught:
            await target.fetch(BOTH)
        assert (caught.value.tag, caught.value.transient) == ("RESOURCE_EXHAUSTED", True)
        assert not target.closed
        server.get = None
        server.gets.clear()
        assert len((await target.fetch(BOTH)).parts) == 2
        assert [len(get.path) for get in server.gets] == [2]
