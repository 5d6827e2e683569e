"""A gNMI switch that looks empty is not taken for one: against a scripted gRPC server."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from gnmi_scripts import BOTH, INTERFACES, SYSTEM, names, session, telling
from pygnmi.spec.v080 import gnmi_pb2
from southbound_servers import GnmiServer, gnmi_server

from fabricd.errors import DeviceProtocolError


async def nothing_there(request: Any, context: Any) -> Any:
    await context.abort(grpc.StatusCode.NOT_FOUND, "no such path")


async def only_notifications(request: Any, _: Any) -> Any:
    return gnmi_pb2.GetResponse(notification=[gnmi_pb2.Notification() for _ in request.path])


async def empty_objects(request: Any, _: Any) -> Any:
    value = gnmi_pb2.TypedValue(json_ietf_val=b" {} ")
    updates = [gnmi_pb2.Update(path=path, val=value) for path in request.path]
    return gnmi_pb2.GetResponse(notification=[gnmi_pb2.Notification(update=updates)])


@pytest.mark.parametrize("answer", [nothing_there, only_notifications, empty_objects])
@pytest.mark.parametrize("roots", [BOTH, (INTERFACES,)])
async def test_a_switch_that_has_nothing_at_all_is_not_taken_for_an_empty_one(answer: Any, roots: Any) -> None:
    """Asked with a wrong origin every switch looks like that; it would be configured from scratch."""
    server = GnmiServer()
    server.get = answer
    async with session(server, origin="wrong") as target:
        with pytest.raises(DeviceProtocolError, match="origin") as caught:
            await target.fetch(roots)
        assert caught.value.device == "leaf1"
        assert "/openconfig-interfaces:interfaces" in caught.value.message
        server.get = None
        assert (await target.fetch(roots)).parts == ()  # there is state at /system


async def test_a_subscription_that_tells_nothing_is_not_an_empty_switch_either() -> None:
    server = GnmiServer()
    server.subscribe = telling({}, [])
    async with session(server, read="once") as target:
        with pytest.raises(DeviceProtocolError, match="origin"):
            await target.fetch(BOTH)
        server.subscribe = telling({"system": {"state": {"hostname": "leaf1"}}}, [])
        assert (await target.fetch(BOTH)).parts == ()


async def test_an_empty_switch_proves_itself_once_a_session() -> None:
    server = GnmiServer()
    async with session(server) as target:
        assert (await target.fetch(BOTH)).parts == ()
        asked = len(server.gets)
        assert (await target.fetch((INTERFACES,))).parts == ()
        assert len(server.gets) == asked + 1
        server.values = {"interfaces": b'{"a":2}'}
        assert len((await target.fetch(BOTH)).parts) == 1


async def test_a_switch_that_restarted_proves_itself_anew() -> None:
    """It answers before it has loaded anything, on a connection that came back by itself."""
    server = GnmiServer()
    server.values = {"system": b'{"a":1}', "interfaces": b'{"a":2}'}
    async with session(server) as target:
        assert len((await target.fetch(BOTH)).parts) == 2
        assert server.running is not None
        await server.running.stop(None)
        server.get = nothing_there
        async with gnmi_server(server, port=server.port):
            with pytest.raises(DeviceProtocolError, match="not up yet"):
                await target.fetch(BOTH)
            server.get, server.values = None, {}
            assert (await target.fetch(BOTH)).parts == ()


async def test_a_missing_counter_does_not_hide_that_the_switch_answers() -> None:
    """Some devices fail the whole Get when one counter is not there."""
    server = GnmiServer()
    server.state = {"interfaces": b'{"interface":[{"name":"Ethernet1"}]}'}

    async def get(request: Any, context: Any) -> Any:
        if names(request.path[0]) == ["system"] and request.type == gnmi_pb2.GetRequest.ALL:
            await context.abort(grpc.StatusCode.INTERNAL, "a counter is missing")
        server.get = None
        try:
            return await server.Get(request, context)
        finally:
            server.get = get

    server.get = get
    async with session(server) as target:
        assert (await target.fetch((SYSTEM,))).parts == ()
