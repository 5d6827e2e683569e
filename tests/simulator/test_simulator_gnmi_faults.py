"""Faults of the gNMI of a simulated switch: each kind at each call, as a client meets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import psutil
import pytest
from gnmi_documents import HOSTNAME, interface
from pygnmi.spec.v080 import gnmi_pb2
from raw_gnmi import (
    LOGIN,
    SECONDS,
    Client,
    commit,
    connected,
    ended,
    first,
    notifications,
    refused,
    shown,
    subscription,
    update,
)

from fabricd.gnmi_extensions.gnmi_extensions_pb2 import CommitCancel, CommitConfirm, CommitRequest
from fabricd.simulator import Fault, Kind, Rpc, Simulation, SimulationConfig, Switch

STATUS = grpc.StatusCode
Call = Callable[[Client], Awaitable[Any]]
Configure = Callable[..., SimulationConfig]


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with connected(simulation, left) as connected_client:
        await connected_client.set(update=[update(HOSTNAME, "before")])
        yield connected_client


async def write(client: Client) -> Any:
    return await client.set(update=[update(HOSTNAME, "after")])


async def begin(client: Client) -> Any:
    return await client.set(update=[update(HOSTNAME, "after")], extension=commit("x", commit=CommitRequest()))


async def confirm(client: Client) -> Any:
    return await client.set(extension=commit("x", confirm=CommitConfirm()))


async def cancel(client: Client) -> Any:
    return await client.set(extension=commit("x", cancel=CommitCancel()))


async def watch(client: Client) -> Any:
    """A subscription's first message."""
    stream = client.subscribe("STREAM", HOSTNAME)
    reply = await first(stream)
    stream.cancel()
    return reply


async def hear(client: Client) -> Any:
    """A notification, as the change is made."""
    call = await client.talk(subscription("STREAM", HOSTNAME, updates_only=True))
    await notifications(call)
    await write(client)
    try:
        reply = await call.read()
        if reply is grpc.aio.EOF:
            raise grpc.aio.AioRpcError(await call.code(), await call.initial_metadata(), await call.trailing_metadata())
        return reply
    finally:
        call.cancel()


CALLS: dict[Rpc, Call] = {
    Rpc.HELLO: lambda client: client.capabilities(),
    Rpc.GET: lambda client: client.get("/system"),
    Rpc.SET: write,
    Rpc.COMMIT: begin,
    Rpc.CONFIRM: confirm,
    Rpc.CANCEL: cancel,
    Rpc.SUBSCRIBE: watch,
    Rpc.NOTIFY: hear,
}
EACH = pytest.mark.parametrize("rpc", CALLS)
WRITES = (Rpc.SET, Rpc.COMMIT, Rpc.CANCEL)


async def prepare(client: Client, rpc: Rpc) -> None:
    if rpc in (Rpc.CONFIRM, Rpc.CANCEL):
        await begin(client)


def changed(left: Switch, rpc: Rpc) -> bool:
    """Whether a write of this kind took effect."""
    return left.value(HOSTNAME) == ("before" if rpc is Rpc.CANCEL else "after")


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.01)


async def check_answers(simulation: Simulation, left: Switch) -> None:
    """It answers; on a new connection, since gRPC may send a call on one that is just being cut."""
    async with connected(simulation, left) as fresh:
        assert (await fresh.capabilities()).gNMI_version


@EACH
@pytest.mark.parametrize("after", [False, True])
async def test_a_refusal_says_so_before_or_after_the_effect(
    client: Client, left: Switch, rpc: Rpc, after: bool
) -> None:
    await prepare(client, rpc)
    left.faults.add(Fault(rpc=rpc, kind=Kind.REFUSE, after=after, message="not now"))
    assert await refused(CALLS[rpc](client)) == (STATUS.ABORTED, "not now")
    if rpc in WRITES:
        assert changed(left, rpc) is after
    assert left.faults.struck == 1


@EACH
@pytest.mark.parametrize("after", [False, True])
async def test_a_drop_cuts_the_connection(
    simulation: Simulation, client: Client, left: Switch, rpc: Rpc, after: bool
) -> None:
    await prepare(client, rpc)
    stream = client.subscribe("STREAM", "/lldp", updates_only=True)
    await notifications(stream)
    left.faults.add(Fault(rpc=rpc, kind=Kind.DROP, after=after))
    assert (await refused(CALLS[rpc](client)))[0] is STATUS.UNAVAILABLE
    assert await ended(stream) is STATUS.UNAVAILABLE  # everything on the connection goes with it
    if rpc in WRITES:
        assert changed(left, rpc) is after
    await check_answers(simulation, left)


@EACH
async def test_an_answer_is_cut_in_its_middle(simulation: Simulation, client: Client, left: Switch, rpc: Rpc) -> None:
    await prepare(client, rpc)
    left.faults.add(Fault(rpc=rpc, kind=Kind.CUT_INSIDE))
    assert (await refused(CALLS[rpc](client)))[0] is STATUS.UNAVAILABLE
    if rpc in WRITES:
        assert changed(left, rpc)
    await check_answers(simulation, left)


@EACH
async def test_an_answer_stops_in_its_middle_until_it_is_released(client: Client, left: Switch, rpc: Rpc) -> None:
    await prepare(client, rpc)
    left.faults.add(Fault(rpc=rpc, kind=Kind.STALL_INSIDE))
    waiting = asyncio.ensure_future(CALLS[rpc](client))
    await until(lambda: left.faults.stalled == 1)
    assert not (await asyncio.wait({waiting}, timeout=0.1))[0]
    left.faults.release()
    assert await waiting is not None
    assert left.faults.stalled == 0


@EACH
async def test_bytes_that_are_no_message(client: Client, left: Switch, rpc: Rpc) -> None:
    await prepare(client, rpc)
    left.faults.add(Fault(rpc=rpc, kind=Kind.GARBAGE))
    assert await CALLS[rpc](client) is None  # what gRPC makes of an answer that its message cannot read
    if rpc in WRITES:
        assert changed(left, rpc)


@EACH
async def test_a_wrong_answer_is_well_formed(client: Client, left: Switch, rpc: Rpc) -> None:
    await prepare(client, rpc)
    left.faults.add(Fault(rpc=rpc, kind=Kind.WRONG))
    match await CALLS[rpc](client):
        case gnmi_pb2.CapabilityResponse() as reply:
            assert not reply.supported_models
        case gnmi_pb2.GetResponse() as reply:
            assert [len(one.update) for one in reply.notification] == [0]
        case gnmi_pb2.SetResponse() as reply:
            assert not reply.response
        case gnmi_pb2.SubscribeResponse() as reply:
            assert reply.update.timestamp
            assert not reply.update.update
        case other:
            raise AssertionError(other)


@EACH
async def test_a_stalled_call_goes_on_when_it_is_released(client: Client, left: Switch, rpc: Rpc) -> None:
    await prepare(client, rpc)
    left.faults.add(Fault(rpc=rpc, kind=Kind.STALL))
    waiting = asyncio.ensure_future(CALLS[rpc](client))
    await until(lambda: left.faults.stalled == 1)
    left.faults.release()
    assert await waiting is not None


async def test_a_large_answer_is_cut_after_its_beginning(simulation: Simulation, client: Client, left: Switch) -> None:
    await left.change({"/interfaces": {"interface": [interface(f"Loopback{number}") for number in range(3000)]}})
    size = (await client.get("/interfaces", kind="CONFIG")).ByteSize()
    seen = 0

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        answers, far = await asyncio.open_connection(left.host, left.gnmi_port)

        async def up() -> None:
            while data := await reader.read(1 << 16):
                far.write(data)

        sending = asyncio.ensure_future(up())
        while data := await answers.read(1 << 16):
            seen += len(data)
            writer.write(data)
        sending.cancel()
        writer.close()
        far.close()

    async with await asyncio.start_server(carry, "127.0.0.1", 0) as between:
        port = between.sockets[0].getsockname()[1]
        credentials = grpc.ssl_channel_credentials(simulation.ca_file.read_bytes())
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
            through = Client(channel)
            await through.capabilities()
            left.faults.add(Fault(rpc=Rpc.GET, kind=Kind.CUT_INSIDE))
            before = seen
            assert (await refused(through.get("/interfaces", kind="CONFIG")))[0] is STATUS.UNAVAILABLE
    assert size // 4 < seen - before < size


async def test_a_set_takes_effect_in_part_and_is_refused(client: Client, left: Switch) -> None:
    left.faults.add(Fault(rpc=Rpc.SET, kind=Kind.PARTIAL, message="half"))
    updates = [update(HOSTNAME, "after"), update("/lldp/config/enabled", False)]
    assert (await refused(client.set(update=updates)))[0] is STATUS.ABORTED
    assert sorted([left.value(HOSTNAME) == "after", left.value("/lldp") is not None]) == [False, True]


async def test_a_flood_is_that_many_notifications(client: Client, left: Switch) -> None:
    left.faults.add(Fault(rpc=Rpc.NOTIFY, kind=Kind.FLOOD, count=500))
    stream = client.subscribe("STREAM", HOSTNAME, updates_only=True)
    await notifications(stream)
    await write(client)
    for _ in range(500):
        assert shown((await stream.read()).update) == {"config/hostname": "after"}
    await client.set(update=[update(HOSTNAME, "last")])
    assert shown((await stream.read()).update) == {"config/hostname": "last"}
    stream.cancel()


async def test_another_certificate_is_shown_from_the_next_connection_on(
    simulation: Simulation, client: Client, left: Switch
) -> None:
    left.faults.add(Fault(rpc=Rpc.GET, kind=Kind.CERTIFICATE, authority="other"))
    await client.get("/system")
    await client.get("/system")
    async with connected(simulation, left) as stranger:
        call = stranger.stub.Capabilities(gnmi_pb2.CapabilityRequest(), metadata=stranger.metadata, timeout=SECONDS)
        assert (await refused(call))[0] is STATUS.UNAVAILABLE


async def test_a_reboot_cuts_the_call_and_loses_what_is_pending(
    simulation: Simulation, client: Client, left: Switch
) -> None:
    await begin(client)
    left.faults.add(Fault(rpc=Rpc.GET, kind=Kind.REBOOT))
    assert (await refused(client.get("/system")))[0] is STATUS.UNAVAILABLE
    await until(lambda: not left.powered or left.value(HOSTNAME) == "before")
    await until(lambda: left.powered)
    assert left.value(HOSTNAME) == "before"
    await check_answers(simulation, left)


def listening() -> set[int]:
    """The ports that this process listens on, whoever of its tests opened them."""
    return {one.laddr.port for one in psutil.Process().net_connections("tcp") if one.status == psutil.CONN_LISTEN}


async def test_whoever_goes_around_the_port_of_the_switch_gets_nothing(configure: Configure) -> None:
    before = listening()
    async with Simulation(configure()) as simulation:
        outside = {port for one in simulation.switches.values() for port in (one.gnmi_port, one.netconf_port)}
        inside = listening() - before - outside
        assert len(inside) == len(simulation.switches)
        credentials = grpc.ssl_channel_credentials(simulation.ca_file.read_bytes())
        for port in inside:
            async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
                call = Client(channel).stub.Get(gnmi_pb2.GetRequest(), metadata=LOGIN, timeout=SECONDS)
                assert (await refused(call))[0] is STATUS.UNAVAILABLE


async def test_a_client_that_is_cut_off_leaves_nothing_behind(simulation: Simulation, left: Switch) -> None:
    for _ in range(5):
        async with connected(simulation, left) as client:
            left.faults.add(Fault(rpc=Rpc.GET, kind=Kind.STALL_INSIDE))
            waiting = asyncio.ensure_future(client.get("/system"))
            await until(lambda: left.faults.stalled == 1)
            assert left.gnmi_connections == 1
            waiting.cancel()
            left.faults.add(Fault(rpc=Rpc.HELLO, kind=Kind.DROP))
            assert (await refused(client.capabilities()))[0] is STATUS.UNAVAILABLE
        await until(lambda: left.gnmi_connections == 0)
        await until(lambda: left.faults.stalled == 0)
