"""Sessions: one a device, kept while it works, dropped when it broke, never in anybody else's way."""

from __future__ import annotations

import asyncio
import socket
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import grpc
import pytest
from patience import IN_TIME, eventually
from pygnmi.spec.v080 import gnmi_pb2
from southbound_servers import (
    SOMETHING,
    GnmiServer,
    NetconfServer,
    gnmi_device,
    gnmi_server,
    netconf_device,
    netconf_server,
    profile,
)

from fabricd.errors import (
    DeviceError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DeviceUnreachableError,
    NotFoundError,
)
from fabricd.model.device import Device, NetconfTraits, Protocol
from fabricd.model.path import Path
from fabricd.southbound import gnmi, netconf
from fabricd.southbound.sessions import Connector, Sessions
from fabricd.southbound.target import Target

ROOTS = (Path.parse("/openconfig-system:system"),)
CONNECTORS: dict[Protocol, Connector] = {Protocol.GNMI: gnmi.connect, Protocol.NETCONF: netconf.connect}


def sessions_of(*devices: Device, **options: Any) -> Sessions:
    return Sessions({device.name: device for device in devices}, CONNECTORS, **options)


async def fetch(sessions: Sessions, device: str) -> Target:
    async with sessions.open(device) as target:
        await target.fetch(ROOTS)
        return target


async def test_a_session_is_kept_between_uses_and_closed_at_the_end(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as server:
        sessions = sessions_of(netconf_device(server, tmp_path))
        first = await fetch(sessions, "leaf3")
        assert await fetch(sessions, "leaf3") is first
        assert sessions.live == ("leaf3",)
        assert server.sessions == sessions.count == 1
        await sessions.close()
        assert first.closed
        assert sessions.count == 0
        assert server.log[-1] == "close-session"
        with pytest.raises(DeviceUnreachableError):
            await fetch(sessions, "leaf3")


async def test_two_users_of_a_device_come_one_after_the_other(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as server:
        sessions = sessions_of(netconf_device(server, tmp_path))
        inside = 0

        async def use() -> None:
            nonlocal inside
            async with sessions.open("leaf3") as target:
                inside += 1
                assert inside == 1
                await target.fetch(ROOTS)
                inside -= 1

        await asyncio.gather(*(use() for _ in range(20)))
        assert server.sessions == 1
        await sessions.close()


async def test_a_device_that_bears_few_sessions_gets_the_next_when_the_last_is_closed(tmp_path: FilePath) -> None:
    kind = replace(profile(), netconf=NetconfTraits(sessions=2))
    server = NetconfServer()
    async with netconf_server(server):
        sessions = sessions_of(netconf_device(server, tmp_path, profile=kind))
        async with aclosing(sessions.watch("leaf3", ROOTS)) as changes:
            await anext(changes)
            assert sessions.count == 1
            for number in range(2, 5):
                with pytest.raises(ZeroDivisionError):  # noqa: PT012 - drops the session
                    async with sessions.open("leaf3"):
                        assert (server.sessions, server.ended) == (number, number - 2)
                        assert sessions.count == 2
                        raise ZeroDivisionError
        await sessions.close()
        assert sessions.count == 0


async def test_a_device_that_bears_one_session_is_never_watched(tmp_path: FilePath) -> None:
    kind = replace(profile(), netconf=NetconfTraits(sessions=1))
    server = NetconfServer()
    async with netconf_server(server):
        sessions = sessions_of(netconf_device(server, tmp_path, profile=kind))
        with pytest.raises(DeviceRefusedError):
            await anext(sessions.watch("leaf3", ROOTS))
        assert server.sessions == 0
        for number in range(1, 4):
            with pytest.raises(ZeroDivisionError):  # noqa: PT012 - drops the session
                async with sessions.open("leaf3"):
                    assert (server.sessions, server.ended) == (number, number - 1)
                    raise ZeroDivisionError
        await sessions.close()


async def test_a_refusal_keeps_the_session_and_other_errors_drop_it() -> None:
    codes = iter([grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.DEADLINE_EXCEEDED])

    async def refuse(_: Any, context: Any) -> Any:
        await context.abort(next(codes), "no")

    server = GnmiServer()
    server.get = refuse
    async with gnmi_server(server):
        sessions = sessions_of(gnmi_device(server))
        with pytest.raises(DeviceRefusedError):
            await fetch(sessions, "leaf1")
        assert sessions.live == ("leaf1",)
        with pytest.raises(DeviceTimeoutError):
            await fetch(sessions, "leaf1")
        assert sessions.live == ()
        server.get = None
        await fetch(sessions, "leaf1")
        assert len(server.metadata) == 2  # one Capabilities a session
        await sessions.close()


async def test_an_error_of_the_user_drops_the_session_and_its_locks(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as server:
        sessions = sessions_of(netconf_device(server, tmp_path))
        with pytest.raises(ZeroDivisionError):
            async with sessions.open("leaf3"):
                raise ZeroDivisionError
        await eventually(lambda: server.ended == 1)
        await fetch(sessions, "leaf3")
        assert server.sessions == 2
        await sessions.close()


async def test_a_session_that_the_device_closed_is_replaced(tmp_path: FilePath) -> None:
    async def hang_up(side: Any, rpc: Any) -> None:
        await side.reply(rpc, SOMETHING)
        side.hang_up()

    server = NetconfServer(hang_up)
    async with netconf_server(server):
        sessions = sessions_of(netconf_device(server, tmp_path))
        first = await fetch(sessions, "leaf3")
        await eventually(lambda: first.closed)
        server.script = None
        assert await fetch(sessions, "leaf3") is not first
        await sessions.close()


async def test_a_cancelled_user_leaves_no_session_half_used(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as server:
        sessions = sessions_of(netconf_device(server, tmp_path))
        entered = asyncio.Event()

        async def use() -> None:
            async with sessions.open("leaf3"):
                entered.set()
                await asyncio.sleep(3600)

        user = asyncio.create_task(use())
        await entered.wait()
        waiting = asyncio.create_task(use())
        await asyncio.sleep(0)
        waiting.cancel()
        user.cancel()
        for task in (user, waiting):
            with pytest.raises(asyncio.CancelledError):
                await task
        await eventually(lambda: server.ended == 1)
        await fetch(sessions, "leaf3")
        await sessions.close()
        await eventually(lambda: server.ended == server.sessions == 2)


async def test_connecting_can_be_cancelled() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        server = GnmiServer()
        server.port = silent.getsockname()[1]
        sessions = sessions_of(gnmi_device(server, profile=profile(connect=60)))
        user = asyncio.create_task(fetch(sessions, "leaf1"))
        await asyncio.sleep(0.05)
        user.cancel()
        with pytest.raises(asyncio.CancelledError):
            await user
        async with asyncio.timeout(IN_TIME):
            await sessions.close()


async def test_an_unused_session_is_closed_after_a_while(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as server:
        sessions = sessions_of(netconf_device(server, tmp_path), idle=0.05)
        await fetch(sessions, "leaf3")
        await eventually(lambda: server.ended == 1)
        assert sessions.live == ()
        await fetch(sessions, "leaf3")
        assert server.sessions == 2
        await sessions.close()


async def test_a_dead_device_delays_no_other(tmp_path: FilePath) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        async with netconf_server(NetconfServer()) as server:
            dead = netconf_device(NetconfServer(port=silent.getsockname()[1]), tmp_path, name="dead")
            sessions = sessions_of(dead, netconf_device(server, tmp_path))
            waiting = asyncio.create_task(fetch(sessions, "dead"))
            async with asyncio.timeout(IN_TIME):
                for _ in range(20):
                    await fetch(sessions, "leaf3")
            assert not waiting.done()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await sessions.close()


async def test_connects_are_bounded(tmp_path: FilePath) -> None:
    greeting = most = 0
    three = asyncio.Event()

    async def hello(side: Any) -> None:
        nonlocal greeting, most
        greeting += 1
        most = max(most, greeting)
        if greeting == 3:
            three.set()
        await asyncio.wait_for(three.wait(), IN_TIME)
        await asyncio.sleep(0.02)
        greeting -= 1
        await side.write(b"<hello><capabilities/><session-id>1</session-id></hello>]]>]]>")

    async with netconf_server(NetconfServer(hello=hello, capabilities=())) as server:
        devices = [netconf_device(server, tmp_path, name=f"leaf{number}") for number in range(12)]
        sessions = sessions_of(*devices, connects=3)
        await asyncio.gather(*(fetch(sessions, device.name) for device in devices))
        assert most == 3
        assert len(sessions.live) == 12
        await sessions.close()
        await eventually(lambda: server.ended == 12)


async def test_an_unknown_device_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        await fetch(sessions_of(), "leaf9")


async def test_another_inventory_closes_what_changed_and_keeps_the_rest(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as one, netconf_server(NetconfServer()) as two:
        same, old = netconf_device(one, tmp_path), netconf_device(two, tmp_path, name="leaf4")
        sessions = sessions_of(same, old)
        kept, gone = await fetch(sessions, "leaf3"), await fetch(sessions, "leaf4")
        await sessions.replace({"leaf3": same})
        assert gone.closed
        assert await fetch(sessions, "leaf3") is kept
        with pytest.raises(NotFoundError):
            await fetch(sessions, "leaf4")
        moved = netconf_device(two, tmp_path, name="leaf3")
        await sessions.replace({"leaf3": moved})
        assert kept.closed
        await fetch(sessions, "leaf3")
        assert two.sessions == 2
        await sessions.close()


async def test_another_inventory_waits_for_nobody_and_takes_effect_for_all_who_wait(tmp_path: FilePath) -> None:
    async with netconf_server(NetconfServer()) as one, netconf_server(NetconfServer()) as two:
        old, new = netconf_device(one, tmp_path), netconf_device(two, tmp_path)
        leaving = netconf_device(one, tmp_path, name="leaf4")
        sessions = sessions_of(old, leaving)
        release = asyncio.Event()

        async def use() -> Any:
            async with sessions.open("leaf3") as target:
                await release.wait()
                await target.fetch(ROOTS)
                return target

        user = asyncio.create_task(use())
        await eventually(lambda: sessions.live == ("leaf3",))
        waiting = [asyncio.create_task(fetch(sessions, "leaf3")) for _ in range(2)]
        async with asyncio.timeout(IN_TIME):
            await sessions.replace({"leaf3": new})
        fresh = await fetch(sessions, "leaf3")  # the new device is not kept by what the old one is doing
        release.set()
        assert await user is not fresh  # who had begun comes to an end, and its session is not used again
        await eventually(lambda: one.ended == one.sessions == 1)
        assert {await one for one in waiting} == {fresh}
        assert two.sessions == 1
        await sessions.close()


async def test_watchers_of_dead_devices_leave_room_to_connect(tmp_path: FilePath) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        async with netconf_server(NetconfServer()) as server:
            nobody = NetconfServer(port=silent.getsockname()[1])
            dead = [
                netconf_device(nobody, tmp_path, name=f"dead{number}", profile=profile(connect=60))
                for number in range(8)
            ]
            sessions = sessions_of(*dead, netconf_device(server, tmp_path), connects=4)

            async def watch(name: str) -> None:
                async with aclosing(sessions.watch(name, ROOTS)) as changes:
                    await anext(changes)

            watching = [asyncio.create_task(watch(device.name)) for device in dead]
            await asyncio.sleep(0.1)
            async with asyncio.timeout(IN_TIME):
                await fetch(sessions, "leaf3")
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await sessions.close()


async def test_watching_holds_nobody_up_and_ends_cleanly() -> None:
    async def subscribe(_: Any, __: Any) -> Any:
        yield gnmi_pb2.SubscribeResponse(sync_response=True)
        await asyncio.sleep(3600)

    server = GnmiServer()
    server.subscribe = subscribe
    async with gnmi_server(server):
        sessions = sessions_of(gnmi_device(server))
        async with aclosing(sessions.watch("leaf1", ROOTS)) as changes:
            await anext(changes)
            async with asyncio.timeout(IN_TIME):
                await fetch(sessions, "leaf1")
        changes = sessions.watch("leaf1", ROOTS)
        await anext(changes)
        assert server.running is not None
        await server.running.stop(None)
        with pytest.raises(DeviceError):
            await anext(changes)
        await sessions.close()
