"""Quirks of the gNMI of simulated switches: each one does what its description says, and is counted as met."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from gnmi_documents import ETHERNET1, HOSTNAME, interface
from manual_time import ManualTime
from pygnmi.spec.v080 import gnmi_pb2
from raw_gnmi import (
    SECONDS,
    Client,
    commit,
    connected,
    first,
    notifications,
    path,
    refused,
    shown,
    subscription,
    update,
    values,
)

from fabricd.gnmi_extensions.gnmi_extensions_pb2 import CommitRequest
from fabricd.simulator import Simulation, SimulationConfig, Switch, SwitchConfig

STATUS = grpc.StatusCode
Configure = Callable[..., SimulationConfig]
COUNTERS = f"{ETHERNET1}/state/counters"
MODULE = gnmi_pb2.Path(
    elem=[
        gnmi_pb2.PathElem(name="openconfig-interfaces:interfaces"),
        gnmi_pb2.PathElem(name="interface", key={"name": "Ethernet1"}),
    ]
)


@asynccontextmanager
async def quirky(
    configure: Configure, time: ManualTime | None = None, **quirks: Any
) -> AsyncIterator[tuple[Client, Switch]]:
    """A switch with these quirks and one interface."""
    switch = SwitchConfig(name="left", ports=("Ethernet1",), quirks=quirks)
    clocks = {"clock": time, "sleep": time.sleep} if time is not None else {}
    async with Simulation(configure(switches=(switch,), links=()), **clocks) as simulation:
        left = simulation.switches["left"]
        await left.change({ETHERNET1: interface(mtu=9000)})
        async with connected(simulation, left) as client:
            yield client, left


async def test_loose_json_has_no_modules_and_no_quoted_numbers(configure: Configure) -> None:
    async with quirky(configure, loose_json=True) as (client, left):
        [config] = values(await client.get(f"{ETHERNET1}/config", kind="CONFIG"))
        assert config == {"name": "Ethernet1", "type": "ethernetCsmacd", "mtu": 9000}
        [octets] = values(await client.get(f"{COUNTERS}/in-octets"))
        assert isinstance(octets, int)
        [told] = await notifications(client.subscribe("ONCE", f"{ETHERNET1}/config/type"))
        assert shown(told) == {"config/type": "ethernetCsmacd"}
        await client.set(update=[update(ETHERNET1, {"config": {"type": "ethernetCsmacd", "mtu": "1500"}})])
        assert left.value(f"{ETHERNET1}/config/mtu") == 1500
        assert "loose_json" in left.met


async def test_names_need_their_module(configure: Configure) -> None:
    async with quirky(configure, module_names=True) as (client, left):
        assert (await refused(client.get(ETHERNET1)))[0] is STATUS.NOT_FOUND
        request = gnmi_pb2.GetRequest(path=[MODULE], encoding=gnmi_pb2.JSON_IETF, type=gnmi_pb2.GetRequest.CONFIG)
        reply = await client.stub.Get(request, metadata=client.metadata, timeout=SECONDS)
        assert reply.notification[0].update[0].path == MODULE
        named = gnmi_pb2.Path(origin="openconfig", elem=MODULE.elem)
        request = gnmi_pb2.GetRequest(path=[named], encoding=gnmi_pb2.JSON_IETF)
        call = client.stub.Get(request, metadata=client.metadata, timeout=SECONDS)
        assert (await refused(call))[0] is STATUS.INVALID_ARGUMENT
        [told] = await notifications(client.subscribe("ONCE", "/*/*/config/mtu"))
        assert told.update[0].path.elem[0].name == "openconfig-interfaces:interfaces"
        assert "module_names" in left.met


async def test_the_origin_has_to_be_the_switchs_own(configure: Configure) -> None:
    async with quirky(configure, origin="openconfig-interfaces") as (client, left):
        for origin in ("", "openconfig"):
            prefix = gnmi_pb2.Path(origin=origin)
            assert (await refused(client.get(ETHERNET1, prefix=prefix)))[0] is STATUS.INVALID_ARGUMENT
        prefix = gnmi_pb2.Path(origin="openconfig-interfaces")
        assert len(values(await client.get(ETHERNET1, prefix=prefix))) == 1
        await client.set(prefix=prefix, update=[update(f"{ETHERNET1}/config/mtu", 1500)])
        assert left.value(f"{ETHERNET1}/config/mtu") == 1500
        assert "origin" in left.met


async def test_a_replace_needs_its_entry(configure: Configure) -> None:
    async with quirky(configure, replace_needs_entry=True) as (client, left):
        loopback = "/interfaces/interface[name=Loopback0]"
        new = update(loopback, interface("Loopback0"))
        code, details = await refused(client.set(replace=[new]))
        assert code is STATUS.NOT_FOUND
        assert "Loopback0" in details
        assert left.value(loopback) is None
        await client.set(replace=[update(ETHERNET1, interface(mtu=1500))])
        await client.set(update=[new])
        await client.set(replace=[new])
        assert left.value(loopback) == interface("Loopback0")
        assert "replace_needs_entry" in left.met


async def test_every_second_set_is_answered_unknown_and_carried_out(configure: Configure) -> None:
    async with quirky(configure, unknown_after_set=2) as (client, left):
        await client.set(update=[update(HOSTNAME, "one")])
        assert (await refused(client.set(update=[update(HOSTNAME, "two")])))[0] is STATUS.UNKNOWN
        assert left.value(HOSTNAME) == "two"
        await client.set(update=[update(HOSTNAME, "three")])
        assert "unknown_after_set" in left.met


async def test_a_failed_set_has_carried_out_what_stands_before_its_mistake(configure: Configure) -> None:
    async with quirky(configure, partial_failure=True) as (client, left):
        mistakes = [
            (update("/nothing", 1), STATUS.NOT_FOUND),
            (update(f"{ETHERNET1}/config/mtu", "big"), STATUS.INVALID_ARGUMENT),
            (update("/interfaces/interface[name=a]", {"config": {"name": "b"}}), STATUS.ABORTED),
        ]
        for number, (wrong, status) in enumerate(mistakes):
            before = [update(HOSTNAME, f"h{number}"), update(f"{ETHERNET1}/config/description", f"d{number}")]
            after = [update("/lldp/config/enabled", False)]
            assert (await refused(client.set(update=[*before, wrong, *after])))[0] is status
            assert left.value(HOSTNAME) == f"h{number}"
            assert left.value(f"{ETHERNET1}/config/description") == f"d{number}"
            assert left.value("/lldp") is None
        half = client.set(
            update=[update(HOSTNAME, "kept"), mistakes[2][0]], extension=commit("x", commit=CommitRequest())
        )
        assert (await refused(half))[0] is STATUS.ABORTED
        assert left.value(HOSTNAME) == "kept"  # and nothing is pending
        running = left.running
        assert (await refused(client.set(update=[mistakes[0][0]])))[0] is STATUS.NOT_FOUND
        waiting = commit("x", commit=CommitRequest())
        await client.set(extension=waiting)
        late = client.set(update=[update(HOSTNAME, "late"), mistakes[0][0]])
        assert (await refused(late))[0] in (STATUS.FAILED_PRECONDITION, STATUS.NOT_FOUND)
        assert left.running == running
        assert "partial_failure" in left.met


async def test_the_root_cannot_be_read(configure: Configure) -> None:
    async with quirky(configure, no_root_get=True) as (client, left):
        for paths in ((), ("/",), (ETHERNET1, "/")):
            assert (await refused(client.get(*paths)))[0] is STATUS.UNIMPLEMENTED
        assert len(values(await client.get("/interfaces", kind="CONFIG"))) == 1
        prefix = gnmi_pb2.Path(elem=path("/interfaces").elem)
        assert len(values(await client.get("/", prefix=prefix, kind="CONFIG"))) == 1
        assert "no_root_get" in left.met


async def test_counters_are_late_and_come_as_a_container_only(configure: Configure) -> None:
    time = ManualTime()
    async with quirky(configure, time, late_counters=10.0) as (client, left):
        await left.change({"/interfaces/interface[name=Loopback0]": interface("Loopback0")})
        loopback = "/interfaces/interface[name=Loopback0]/state/counters"
        assert (await refused(client.get(f"{loopback}/in-pkts")))[0] is STATUS.NOT_FOUND
        seen = []
        for seconds in (5, 4, 2, 9):
            time.advance(seconds)
            [counters] = values(await client.get(loopback))
            seen.append(int(counters["openconfig-interfaces:in-pkts"]))
        assert seen[0] == seen[1] < seen[2] == seen[3]
        assert "late_counters" in left.met


async def test_one_missing_counter_fails_the_whole_get(configure: Configure) -> None:
    gap = "/interfaces/interface/state/counters/in-errors"
    async with quirky(configure, missing_counter=gap) as (client, left):
        for text in ("/", ETHERNET1, COUNTERS, f"{COUNTERS}/in-errors"):
            for kind in ("ALL", "STATE"):
                code, details = await refused(client.get(text, kind=kind))
                assert code is STATUS.NOT_FOUND
                assert gap in details
        assert len(values(await client.get(ETHERNET1, kind="CONFIG"))) == 1
        assert len(values(await client.get(f"{COUNTERS}/in-pkts"))) == 1
        [told] = await notifications(client.subscribe("ONCE", COUNTERS))
        assert "in-errors" not in {one.path.elem[-1].name for one in told.update}
        assert "missing_counter" in left.met


async def test_deletions_are_not_told(configure: Configure) -> None:
    async with quirky(configure, no_delete_notifications=True) as (client, left):
        stream = client.subscribe("STREAM", "/interfaces", HOSTNAME, updates_only=True)
        assert await notifications(stream) == []
        await client.set(delete=[path(f"{ETHERNET1}/config/mtu")])
        await client.set(update=[update(HOSTNAME, "told")])
        told = (await stream.read()).update
        assert (shown(told), list(told.delete)) == ({"config/hostname": "told"}, [])
        stream.cancel()
        assert "no_delete_notifications" in left.met


async def test_a_stream_is_silent_once_it_is_synced(configure: Configure) -> None:
    time = ManualTime()
    async with quirky(configure, time, silent_stream=True) as (client, left):
        for ends in (True, False):
            first_message = subscription("STREAM", HOSTNAME, f"{ETHERNET1}/config/mtu")
            call = await client.talk(first_message)
            assert len(await notifications(call)) == 1
            if ends:
                await call.done_writing()
            await client.set(update=[update(HOSTNAME, f"{ends}")])
            silence = asyncio.ensure_future(call.read())
            assert not (await asyncio.wait({silence}, timeout=0.2))[0]
            call.cancel()
            await asyncio.gather(silence, return_exceptions=True)
        assert len(await notifications(client.subscribe("ONCE", HOSTNAME))) == 1
        assert "silent_stream" in left.met


async def test_a_request_has_to_have_a_prefix(configure: Configure) -> None:
    async with quirky(configure, wants_prefix=True) as (client, left):
        assert (await refused(client.get("/")))[0] is STATUS.INVALID_ARGUMENT
        assert (await refused(client.set(update=[update(HOSTNAME, "x")])))[0] is STATUS.INVALID_ARGUMENT
        assert (await refused(first(client.subscribe("ONCE", "/"))))[0] is STATUS.INVALID_ARGUMENT
        prefix = gnmi_pb2.Path(target="left")
        assert len(values(await client.get("/", prefix=prefix))) == 1
        await client.set(update=[update(HOSTNAME, "x")], prefix=prefix)
        assert len(await notifications(client.subscribe("ONCE", HOSTNAME, prefix=prefix))) == 1
        assert "wants_prefix" in left.met


async def test_messages_are_limited_either_way(configure: Configure) -> None:
    async with quirky(configure, message_bytes=2000) as (client, left):
        large = {"interface": [interface(f"Loopback{number}") for number in range(40)]}
        assert (await refused(client.set(update=[update("/interfaces", large)])))[0] is STATUS.RESOURCE_EXHAUSTED
        await left.change({"/interfaces": json.loads(json.dumps(large))})
        assert (await refused(client.get("/interfaces", kind="CONFIG")))[0] is STATUS.RESOURCE_EXHAUSTED
        assert (await refused(first(client.subscribe("ONCE", "/interfaces"))))[0] is STATUS.RESOURCE_EXHAUSTED
        assert len(values(await client.get(f"{ETHERNET1}/config", kind="CONFIG"))) == 1
        assert "message_bytes" in left.met


async def test_calls_at_the_same_time_are_limited(configure: Configure) -> None:
    async with quirky(configure, calls=2) as (client, left):
        stream = client.subscribe("STREAM", HOSTNAME)
        await notifications(stream)
        left.faults.stall_get()
        held = asyncio.ensure_future(client.get("/interfaces"))
        async with asyncio.timeout(20):
            while not left.faults.stalled:
                await asyncio.sleep(0.01)
        assert (await refused(client.get("/interfaces")))[0] is STATUS.RESOURCE_EXHAUSTED
        assert (await refused(client.capabilities()))[0] is STATUS.RESOURCE_EXHAUSTED
        left.faults.release()
        await held
        assert len(values(await client.get("/interfaces"))) == 1
        stream.cancel()
        assert "calls" in left.met


async def test_a_replace_makes_sessions_and_interfaces_flap(configure: Configure) -> None:
    async with quirky(configure, replace_flaps=True) as (client, left):
        await client.set(update=[update(f"{ETHERNET1}/config/mtu", 1500)])
        assert "replace_flaps" not in left.met
        await client.set(replace=[update(ETHERNET1, interface(mtu=1500, description="x"))])
        assert "replace_flaps" in left.met
