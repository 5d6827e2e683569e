"""Subscriptions to a simulated switch in every mode; what takes time runs on a clock that tests move."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from gnmi_documents import ETHERNET1, ETHERNET2, HOSTNAME, TYPE, interface
from manual_time import ManualTime
from pygnmi.spec.v080 import gnmi_pb2
from raw_gnmi import (
    SECONDS,
    Client,
    as_text,
    connected,
    ended,
    extension,
    first,
    notifications,
    path,
    refused,
    shown,
    subscription,
    update,
)

from fabricd.gnmi_extensions.gnmi_extensions_pb2 import Depth
from fabricd.simulator import Simulation, SimulationConfig, Switch
from fabricd.simulator.gnmi.server import MAX_STREAMS
from fabricd.simulator.gnmi.subscription import MAX_SUBSCRIPTIONS

STATUS = grpc.StatusCode
Configure = Callable[..., SimulationConfig]
SECOND = 1_000_000_000
COUNTERS = f"{ETHERNET1}/state/counters"
POLL = gnmi_pb2.SubscribeRequest(poll=gnmi_pb2.Poll())


@pytest.fixture
async def simulation(configure: Configure, time: ManualTime) -> AsyncIterator[Simulation]:
    async with Simulation(configure(), clock=time, sleep=time.sleep) as running:
        yield running


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with connected(simulation, left) as connected_client:
        await connected_client.set(update=[update(ETHERNET1, interface(mtu=9000))])
        yield connected_client


async def marked(client: Client, stream: Any, name: str) -> list[gnmi_pb2.Notification]:
    """Change the host name, and give what a stream that hears of it tells before that."""
    await client.set(update=[update(HOSTNAME, name)])
    found = []
    while True:
        told = (await stream.read()).update
        if any(one.val.json_ietf_val == json.dumps(name).encode() for one in told.update):
            return found
        found.append(told)


# ONCE and POLL


async def test_polls_give_everything_each_time(client: Client) -> None:
    call = await client.talk(subscription("POLL", f"{ETHERNET1}/config", prefix=gnmi_pb2.Path(target="left")))
    for mtu in (9000, 1500, 1500):
        await client.set(update=[update(f"{ETHERNET1}/config/mtu", mtu)])
        if mtu != 9000:
            await call.write(POLL)
        [told] = await notifications(call)
        assert shown(told) == {"config/name": "Ethernet1", "config/type": TYPE, "config/mtu": mtu}
        assert told.prefix.target == "left"
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF


async def test_a_poll_of_updates_only_begins_with_the_sync(client: Client) -> None:
    call = await client.talk(subscription("POLL", f"{ETHERNET1}/config", updates_only=True))
    assert await notifications(call) == []
    await call.write(POLL)
    assert len(await notifications(call)) == 1
    await call.write(subscription("POLL", "/system"))
    assert await ended(call) is STATUS.INVALID_ARGUMENT


async def test_once_of_updates_only_is_the_sync_alone(client: Client) -> None:
    stream = client.subscribe("ONCE", "/interfaces", updates_only=True)
    assert [reply.sync_response async for reply in stream] == [True]


async def test_every_encoding_is_streamed(client: Client) -> None:
    for encoding, kind in (("PROTO", "uint_val"), ("ASCII", "ascii_val"), ("JSON", "json_val")):
        [told] = await notifications(client.subscribe("ONCE", f"{ETHERNET1}/config/mtu", encoding=encoding))
        assert told.update[0].val.WhichOneof("value") == kind


async def test_depth_and_models_limit_a_subscription(client: Client) -> None:
    depth = [extension(depth=Depth(level=1))]
    [told] = await notifications(client.subscribe("ONCE", ETHERNET1, extension=depth))
    assert [as_text(one.path) for one in told.update] == [f"{ETHERNET1}/name"]
    models = [gnmi_pb2.ModelData(name="openconfig-system")]
    [told] = await notifications(client.subscribe("ONCE", "/", use_models=models))
    assert {one.path.elem[0].name for one in told.update} == {"system"}


# On change


async def test_what_goes_is_told_as_high_as_nothing_is_left(client: Client) -> None:
    await client.set(update=[update("/interfaces/interface[name=Loopback0]", interface("Loopback0"))])
    stream = client.subscribe("STREAM", "/interfaces", updates_only=True)
    assert await notifications(stream) == []
    gone = {}
    for text in ("/interfaces/interface[name=Loopback0]", ETHERNET1):
        await client.set(delete=[path(text)])
        gone[text] = {as_text(one) for one in (await stream.read()).update.delete}
    assert gone["/interfaces/interface[name=Loopback0]"] == {"/interfaces/interface[name=Loopback0]"}
    # The port is still there, and so is its state.
    assert {f"{ETHERNET1}/config", f"{ETHERNET1}/state/mtu"} <= gone[ETHERNET1]
    assert not {f"{ETHERNET1}/name", f"{ETHERNET1}/state", ETHERNET1} & gone[ETHERNET1]
    stream.cancel()


async def test_deletes_never_reach_above_what_is_subscribed_to(client: Client) -> None:
    stream = client.subscribe("STREAM", f"{ETHERNET1}/config/mtu", updates_only=True)
    assert await notifications(stream) == []
    await client.set(delete=[path(ETHERNET1)])
    assert [as_text(one) for one in (await stream.read()).update.delete] == [f"{ETHERNET1}/config/mtu"]
    stream.cancel()


async def test_a_return_to_a_default_is_an_update_of_the_state(client: Client) -> None:
    await client.set(update=[update(f"{ETHERNET1}/config/enabled", False)])
    stream = client.subscribe("STREAM", f"{ETHERNET1}/state/enabled", updates_only=True)
    assert await notifications(stream) == []
    await client.set(delete=[path(f"{ETHERNET1}/config/enabled")])
    told = (await stream.read()).update
    assert (shown(told), list(told.delete)) == ({"state/enabled": True}, [])
    stream.cancel()


async def test_a_list_whose_order_counts_is_told_as_a_whole(client: Client) -> None:
    def policy(*names: str) -> dict[str, Any]:
        statements = [{"name": name, "config": {"name": name}} for name in names]
        return {"name": "p", "config": {"name": "p"}, "statements": {"statement": statements}}

    text = "/routing-policy/policy-definitions/policy-definition[name=p]"
    await client.set(update=[update(text, policy("a", "b"))])
    prefix = gnmi_pb2.Path(target="left", elem=path("/routing-policy").elem)
    stream = client.subscribe("STREAM", "/policy-definitions", prefix=prefix)
    plain, whole = await notifications(stream)
    assert not plain.atomic
    assert {one.path.elem[-1].name for one in plain.update} == {"name"}
    assert whole.atomic
    assert (as_text(whole.prefix), whole.prefix.target) == (f"{text}/statements", "left")
    await client.set(replace=[update(text, policy("b", "a"))])
    told = (await stream.read()).update
    assert told.atomic
    names = [one.path.elem[0].key["name"] for one in told.update if one.path.elem[-2].name == "config"]
    assert names == ["b", "a"]
    assert as_text(told.update[0].path) == "/statement[name=b]/name"
    await client.set(delete=[path(f"{text}/statements")])
    gone = {as_text(one) for one in (await stream.read()).update.delete}
    assert "/policy-definitions/policy-definition[name=p]/statements" in gone
    stream.cancel()


async def test_a_heartbeat_tells_everything_again(client: Client, time: ManualTime) -> None:
    stream = client.subscribe(
        "STREAM", f"{ETHERNET1}/config/mtu", each={"heartbeat_interval": 30 * SECOND}, updates_only=True
    )
    assert await notifications(stream) == []
    for _ in range(2):
        await sleepers(time, 1)
        time.advance(30)
        told = (await stream.read()).update
        assert shown(told) == {"config/mtu": 9000}
        assert told.timestamp == time()
    stream.cancel()


# Samples


async def sleepers(time: ManualTime, count: int) -> None:
    """Wait until so many wait for the clock."""
    async with asyncio.timeout(20):
        while time.sleeping < count:
            await asyncio.sleep(0.01)


async def test_samples_come_at_their_interval_changed_or_not(client: Client, time: ManualTime) -> None:
    stream = client.subscribe("STREAM", f"{ETHERNET1}/state/mtu", kind="SAMPLE", each={"sample_interval": 10 * SECOND})
    assert [shown(one) for one in await notifications(stream)] == [{"state/mtu": 9000}]
    for mtu in (9000, 1500):
        await client.set(update=[update(f"{ETHERNET1}/config/mtu", mtu)])
        await sleepers(time, 1)
        time.advance(10)
        assert shown((await stream.read()).update) == {"state/mtu": mtu}
    await client.set(delete=[path(f"{ETHERNET1}/config/mtu")])
    await sleepers(time, 1)
    time.advance(10)
    assert [as_text(one) for one in (await stream.read()).update.delete] == [f"{ETHERNET1}/state/mtu"]
    stream.cancel()


async def test_redundant_samples_are_left_out_until_the_heartbeat(client: Client, time: ManualTime) -> None:
    each = {"sample_interval": 10 * SECOND, "heartbeat_interval": 35 * SECOND, "suppress_redundant": True}
    stream = client.subscribe("STREAM", f"{ETHERNET1}/config", "/system/config", kind="SAMPLE", each=each)
    await notifications(stream)
    await sleepers(time, 2)
    time.advance(10)  # nothing changed
    await sleepers(time, 2)
    await client.set(update=[update(f"{ETHERNET1}/config/mtu", 1500)])
    time.advance(10)
    assert shown((await stream.read()).update) == {"config/mtu": 1500}
    await sleepers(time, 2)
    time.advance(15)
    told = (await stream.read()).update
    assert shown(told) == {"config/name": "Ethernet1", "config/type": TYPE, "config/mtu": 1500}
    stream.cancel()


async def test_counters_grow_from_sample_to_sample(client: Client, right: Switch, time: ManualTime) -> None:
    each = {"sample_interval": SECOND, "suppress_redundant": True}
    stream = client.subscribe("STREAM", COUNTERS, kind="SAMPLE", each=each)
    [before] = [shown(one) for one in await notifications(stream)]
    await sleepers(time, 1)
    time.advance(1)
    told = shown((await stream.read()).update)
    assert int(told["counters/in-pkts"]) > int(before["counters/in-pkts"])
    assert "counters/in-errors" not in told  # did not change
    stream.cancel()


async def test_the_target_samples_what_changes_by_itself_and_tells_the_rest_at_once(
    client: Client, time: ManualTime
) -> None:
    stream = client.subscribe("STREAM", f"{ETHERNET1}/state", kind="TARGET_DEFINED")
    begun = {name for one in await notifications(stream) for name in shown(one)}
    assert {"state/mtu", "counters/in-pkts"} <= begun
    await client.set(update=[update(f"{ETHERNET1}/config/mtu", 1500)])
    assert shown((await stream.read()).update) == {"state/mtu": 1500}
    await sleepers(time, 1)
    time.advance(10)
    told = shown((await stream.read()).update)
    assert {name.partition("/")[0] for name in told} == {"counters"}
    stream.cancel()


async def test_updates_only_of_samples_begins_with_the_next_one(client: Client, time: ManualTime) -> None:
    each = {"sample_interval": 10 * SECOND}
    stream = client.subscribe("STREAM", f"{ETHERNET1}/config/mtu", kind="SAMPLE", each=each, updates_only=True)
    assert await notifications(stream) == []
    await sleepers(time, 1)
    time.advance(10)
    assert shown((await stream.read()).update) == {"config/mtu": 9000}
    stream.cancel()


async def test_an_interval_of_zero_is_the_smallest_there_is(client: Client, time: ManualTime) -> None:
    stream = client.subscribe("STREAM", f"{ETHERNET1}/config/mtu", kind="SAMPLE")
    await notifications(stream)
    await sleepers(time, 1)
    time.advance(0.1)
    assert shown((await stream.read()).update) == {"config/mtu": 9000}
    stream.cancel()


async def test_nothing_waits_for_the_clock_after_a_stream(client: Client, time: ManualTime) -> None:
    each = {"sample_interval": 10 * SECOND, "heartbeat_interval": 10 * SECOND}
    stream = client.subscribe("STREAM", ETHERNET1, kind="SAMPLE", each=each)
    await notifications(stream)
    await sleepers(time, 2)
    stream.cancel()
    async with asyncio.timeout(20):
        while time.sleeping:
            await asyncio.sleep(0.01)


# What is refused


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        (subscription("ONCE"), STATUS.INVALID_ARGUMENT),
        (subscription("ONCE", "/nothing"), STATUS.UNIMPLEMENTED),
        (subscription("STREAM", "/interfaces/interface[id=1]"), STATUS.INVALID_ARGUMENT),
        (subscription("ONCE", "/interfaces", encoding="BYTES"), STATUS.UNIMPLEMENTED),
        (subscription("STREAM", "/", kind="SAMPLE", each={"sample_interval": SECOND // 100}), STATUS.INVALID_ARGUMENT),
        (subscription("STREAM", "/", each={"heartbeat_interval": 1}), STATUS.INVALID_ARGUMENT),
        (subscription("ONCE", *["/interfaces"] * (MAX_SUBSCRIPTIONS + 1)), STATUS.RESOURCE_EXHAUSTED),
        (subscription("ONCE", "/", use_models=[gnmi_pb2.ModelData(name="none")]), STATUS.INVALID_ARGUMENT),
        (POLL, STATUS.INVALID_ARGUMENT),
        (gnmi_pb2.SubscribeRequest(), STATUS.INVALID_ARGUMENT),
        (gnmi_pb2.SubscribeRequest.FromString(b"\x0a\x06\x12\x04\x0a\x00\x10\x09"), STATUS.INVALID_ARGUMENT),
        (gnmi_pb2.SubscribeRequest.FromString(b"\x0a\x06\x12\x02\x0a\x00\x28\x09"), STATUS.INVALID_ARGUMENT),
    ],
    ids=["no path", "unknown path", "wrong key", "encoding", "too fast", "heart too fast", "too many paths",
         "unknown model", "poll first", "nothing", "unknown mode of a path", "unknown mode"],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(
    client: Client, wrong: gnmi_pb2.SubscribeRequest, status: grpc.StatusCode
) -> None:
    assert (await refused(first(await client.talk(wrong))))[0] is status


async def test_no_request_and_one_too_many_are_refused(client: Client) -> None:
    call = client.stub.Subscribe(metadata=client.metadata, timeout=SECONDS)
    await call.done_writing()
    assert (await refused(first(call)))[0] is STATUS.INVALID_ARGUMENT
    call = await client.talk(subscription("STREAM", HOSTNAME))
    assert await notifications(call) == []
    await call.write(subscription("STREAM", "/lldp"))
    assert await ended(call) is STATUS.INVALID_ARGUMENT


async def test_streams_are_bounded_and_free_their_place(client: Client) -> None:
    streams = [client.subscribe("STREAM", HOSTNAME) for _ in range(MAX_STREAMS)]
    for stream in streams:
        assert await notifications(stream) == []
    code, _ = await refused(first(client.subscribe("ONCE", HOSTNAME)))
    assert code is STATUS.RESOURCE_EXHAUSTED
    streams.pop().cancel()

    async def free() -> bool:
        call = client.subscribe("ONCE", HOSTNAME)
        return await call.read() is not grpc.aio.EOF and await call.code() is STATUS.OK

    async with asyncio.timeout(20):
        while not await free():
            await asyncio.sleep(0.01)
    for stream in streams:
        stream.cancel()


async def test_changes_faster_than_they_are_read_arrive_as_one(client: Client, left: Switch) -> None:
    stream = client.subscribe("STREAM", HOSTNAME, updates_only=True)
    assert await notifications(stream) == []
    for number in range(50):
        await left.change({HOSTNAME: f"h{number}"})
    found = []
    while not found or found[-1] != "h49":
        found.append(shown((await stream.read()).update)["config/hostname"])
    assert len(found) <= 50
    assert found == sorted(found, key=lambda name: int(name[1:]))
    stream.cancel()


async def test_two_subscriptions_in_one_call_are_told_each_in_its_manner(client: Client, time: ManualTime) -> None:
    request = subscription("STREAM", HOSTNAME)
    sampled = gnmi_pb2.Subscription(path=path(ETHERNET2), mode=gnmi_pb2.SAMPLE, sample_interval=10 * SECOND)
    request.subscribe.subscription.append(sampled)
    await client.set(update=[update(ETHERNET2, interface("Ethernet2"))])
    call = await client.talk(request)
    await notifications(call)
    assert await marked(client, call, "at-once") == []
    await sleepers(time, 1)
    time.advance(10)
    told = (await call.read()).update
    assert {one.path.elem[1].key["name"] for one in told.update} == {"Ethernet2"}
    call.cancel()
