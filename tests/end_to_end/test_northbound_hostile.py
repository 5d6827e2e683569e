"""Callers that mean harm, or are merely broken: they send nothing, read nothing, go away. Others do not notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from northbound_harness import DEADLINE, Service, interfaces, serving, switches

from fabricd.client import Client
from fabricd.northbound import gate, models
from fabricd.northbound.failures import BusyError
from fabricd.northbound.server import SERVICE
from fabricd.northbound.v1.fabricd_pb2_grpc import FabricdStub
from fabricd.simulator import Fault, Kind, Rpc

PROJECT = Path(__file__).resolve().parents[2]
_HEALTH = "/grpc.health.v1.Health"
_REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
_CONNECTIONS = 9
_CALLS = 1_100  # more than the daemon serves at once


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path, running=False) as service:
        yield service


@asynccontextmanager
async def flood(
    service: Service, start: Callable[[grpc.aio.Channel], Any], count: int = _CALLS
) -> AsyncIterator[list[Any]]:
    """So many calls at once, over connections of their own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(service.address, options=[*options, ("n", n)]) for n in range(_CONNECTIONS)]
    calls = [start(channels[number % _CONNECTIONS]) for number in range(count)]
    try:
        yield calls
    finally:
        for call in calls:
            call.cancel()
        for channel in channels:
            await channel.close()


async def answered(client: Client) -> None:
    """Wait until the daemon has room for a call."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await client.status()
                return
            except BusyError:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """No call that the block began may be served any more when it has ended."""
    yield
    async with asyncio.timeout(DEADLINE):
        while serving := calls():
            await asyncio.wait(serving, timeout=0.05)


def calls() -> list[asyncio.Task[Any]]:
    """What serves the calls of the northbound server now."""
    return [
        task
        for task in asyncio.all_tasks()
        if task.get_name().startswith("HandleExceptions[") and not task.get_name().startswith("HandleExceptions[/gnmi")
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [f"/{SERVICE}/Status", f"/{SERVICE}/Watch", f"/{SERVICE}/InstallModels", f"{_HEALTH}/Check", _REFLECTION]
)
async def test_callers_that_send_nothing_lock_nobody_out(
    service: Service, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(gate, "REQUEST_WITHIN", 1.0)
    async with (
        service.client() as client,
        nothing_left(),
        flood(service, lambda channel: channel.stream_stream(path)()),
    ):
        await answered(client)
        assert await client.submit([interfaces("leaf1")], request_id=path)


@pytest.mark.slow
async def test_streams_of_any_kind_leave_room_for_calls(service: Service) -> None:
    async with service.client() as client, nothing_left():
        async with flood(service, lambda channel: channel.unary_stream(f"{_HEALTH}/Watch")(b""), 800) as opened:
            heard = await asyncio.gather(*(call.read() for call in opened), return_exceptions=True)
            refused = [one for one in heard if isinstance(one, grpc.aio.AioRpcError)]
            assert {one.code() for one in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
            assert len(heard) - len(refused) == gate.MOST_STREAMS
            await answered(client)
        await answered(client)


async def test_a_request_that_does_not_come_ends_its_call(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "REQUEST_WITHIN", 0.2)
    async with grpc.aio.insecure_channel(service.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="did not arrive within") as late:
            await _ended(channel.stream_stream(f"/{SERVICE}/Status")())
        assert late.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        nothing = channel.stream_stream(f"/{SERVICE}/Status")()
        await nothing.done_writing()
        with pytest.raises(grpc.aio.AioRpcError, match="no request was sent"):
            await _ended(nothing)


async def test_a_caller_who_does_not_send_its_files_makes_room_for_others(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "RECEIVED_WITHIN", 2.0)
    async with service.client() as client, nothing_left(), AsyncExitStack() as stack:
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(service.address))
        silent = [FabricdStub(channel).InstallModels() for _ in range(8)]  # type: ignore[no-untyped-call]
        files = [(file.name, file.read_bytes()) for file in (PROJECT / "yang" / "openconfig").glob("*.yang")]
        *_, last = [one async for one in client.install_models("mine", files)]
        assert last.installed.name == "mine"
        ends = await asyncio.gather(*map(_ended, silent), return_exceptions=True)
        assert all("not all sent within" in str(end) for end in ends)


async def test_many_questions_about_a_stalled_device_hold_up_no_other(tmp_path: Path) -> None:
    async with (
        switches(tmp_path, "leaf1", "leaf2") as (simulation, devices),
        serving(tmp_path, devices=devices, running=False) as service,
        service.client() as client,
    ):
        await client.submit([interfaces("leaf1"), interfaces("leaf2")])
        stalled = simulation.switches["leaf1"].faults
        stalled.add(Fault(rpc=Rpc.GET, kind=Kind.STALL, times=1_000))
        for ask in (client.operational, client.cabling, client.applied, client.plan):
            async with nothing_left():
                waiting = [asyncio.ensure_future(ask(["leaf1"])) for _ in range(100)]
                while not stalled.stalled:
                    await asyncio.sleep(0.01)
                found = asyncio.ensure_future(ask(["leaf2"]))
                await asyncio.wait((found, *waiting), return_when=asyncio.FIRST_COMPLETED)
                assert found.done(), "before any that waits for leaf1"
                for one in waiting:
                    one.cancel()
            stalled.release()
            stalled.add(Fault(rpc=Rpc.GET, kind=Kind.STALL, times=1_000))
        stalled.release()
        assert (await client.operational(["leaf1"])).devices[0].interfaces


async def test_a_device_that_leaves_the_inventory_while_it_is_read_is_told(tmp_path: Path) -> None:
    async with (
        switches(tmp_path, "leaf1", "leaf2") as (simulation, devices),
        serving(tmp_path, devices=devices, running=False) as service,
        service.client() as client,
    ):
        await client.submit([interfaces("leaf1"), interfaces("leaf2")])
        for ask in (client.operational, client.applied):
            faults = simulation.switches["leaf1"].faults
            faults.add(Fault(rpc=Rpc.GET, kind=Kind.DELAY, seconds=0.5))
            asked = asyncio.ensure_future(ask())
            while faults.waiting:
                await asyncio.sleep(0.01)
            service.controller.fleet.devices = {"leaf2": devices["leaf2"]}
            found = await asked
            assert [one.device for one in found.devices] == ["leaf1", "leaf2"]
            service.controller.fleet.devices = devices


async def _ended(call: Any) -> None:
    async for _ in call:
        pass
