"""The contract of Target where things go wrong: refusals, time-outs, breaks, trust; and notifications."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from target_bench import DEADLINE, HOSTNAME, ROOTS, SYSTEM, Bench, document, eventually, interface

from fabricd.errors import DeviceError, DeviceRefusedError, DeviceTimeoutError, DeviceTrustError, DeviceUnreachableError
from fabricd.model.device import Protocol
from fabricd.model.path import Path
from fabricd.simulator import Fault, Kind, Rpc

pytestmark = pytest.mark.asyncio(loop_scope="module")


TWO = document(
    "leaf1",
    interface("Ethernet1", description="to spine1", mtu=9214, enabled=True),
    interface("Ethernet2", enabled=False),
    dns={"config": {"search": ["a.example", "b.example"]}},
)


# --- refusals


async def test_an_invalid_configuration_is_refused_whole_and_the_session_goes_on(bench: Bench) -> None:
    await bench.configure(document("leaf1"))
    target = await bench.connect()
    good = bench.payload(document("renamed", interface("Ethernet1")))
    bad = bench.broken(good)
    with pytest.raises(DeviceRefusedError) as caught:
        await bench.write(target, bad)
    assert caught.value.tag
    assert caught.value.device == "leaf1"
    assert bench.running() == bench.schema_json(document("leaf1"))
    assert not target.closed
    await bench.write(target, good)
    assert bench.running() == bench.schema_json(document("renamed", interface("Ethernet1")))


async def test_a_refused_write_leaves_nothing_and_the_session_goes_on(bench: Bench) -> None:
    target = await bench.connect()
    payload = bench.payload(TWO)
    bench.switch.faults.refuse_next_set()
    with pytest.raises(DeviceRefusedError):
        await bench.write(target, payload)
    assert bench.running() == {}
    assert not target.closed
    await bench.write(target, payload)
    assert bench.running() == bench.schema_json(TWO)


async def test_a_refused_read_leaves_the_session(bench: Bench) -> None:
    target = await bench.connect()
    bench.switch.faults.add(Fault(rpc=Rpc.GET, kind=Kind.REFUSE))
    with pytest.raises(DeviceRefusedError):
        await target.fetch((SYSTEM,))
    assert bench.read(await target.fetch((SYSTEM,))) == {}


# --- time-outs, breaks, cancellation


async def test_a_read_without_an_answer_is_given_up_in_time(bench: Bench) -> None:
    target = await bench.connect(read=0.3)
    bench.switch.faults.stall_get()
    async with asyncio.timeout(DEADLINE):  # which is long before any other time of this session is over
        with pytest.raises(DeviceTimeoutError):
            await target.fetch(ROOTS)
    assert target.closed


@pytest.mark.parametrize("after", [False, True])
async def test_a_write_without_an_answer_has_an_unknown_effect(bench: Bench, after: bool) -> None:
    target = await bench.connect(write=0.5)
    payload = bench.payload(TWO)
    if bench.protocol is Protocol.GNMI:
        bench.switch.faults.stall_set(after=after)
    else:
        bench.switch.faults.stall_commit(after=after)
    await target.stage(payload)
    with pytest.raises(DeviceTimeoutError):
        await target.confirm()
    assert target.closed
    assert bench.running() == (bench.schema_json(TWO) if after else {})


@pytest.mark.parametrize("after", [False, True])
async def test_a_connection_cut_in_a_write_has_an_unknown_effect(bench: Bench, after: bool) -> None:
    target = await bench.connect()
    payload = bench.payload(TWO)
    rpc = Rpc.SET if bench.protocol is Protocol.GNMI else Rpc.COMMIT
    await target.stage(payload)
    bench.switch.faults.add(Fault(rpc=rpc, kind=Kind.DROP, after=after))
    with pytest.raises(DeviceTimeoutError):
        await target.confirm()
    assert target.closed
    assert bench.running() == (bench.schema_json(TWO) if after else {})
    other = await bench.connect()
    await bench.write(other, bench.payload(document("other")))
    assert bench.running() == bench.schema_json(document("other"))


async def test_a_connection_cut_in_a_read(bench: Bench) -> None:
    target = await bench.connect()
    bench.switch.faults.add(Fault(rpc=Rpc.GET, kind=Kind.DROP))
    with pytest.raises(DeviceTimeoutError):
        await target.fetch(ROOTS)
    assert target.closed


async def test_a_cancelled_write_leaves_no_lock_behind(bench: Bench) -> None:
    target = await bench.connect()
    payload = bench.payload(TWO)
    bench.switch.faults.stall_set()
    writing = asyncio.create_task(bench.write(target, payload))
    await eventually(lambda: bench.switch.faults.stalled == 1)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert target.closed
    bench.switch.faults.release()
    other = await bench.connect()

    async def until_unlocked() -> None:
        # The switch notices the end of a session when it next looks at it.
        while True:
            try:
                await bench.write(other, bench.payload(document("other")))
            except DeviceRefusedError:
                await asyncio.sleep(0.02)
            else:
                return

    await asyncio.wait_for(until_unlocked(), DEADLINE)
    assert bench.running()["openconfig-system:system"]["config"]["hostname"] == "other"


async def test_cancel_after_the_session_is_gone_raises_nothing(bench: Bench) -> None:
    target = await bench.connect()
    await target.stage(bench.payload(TWO))
    await bench.switch.stop()
    await target.cancel()
    await target.close()
    assert bench.running() == {}


# --- sessions and trust


async def test_a_closed_session_takes_nothing_and_closes_twice(bench: Bench) -> None:
    target = await bench.connect()
    payload = bench.payload(TWO)
    await target.close()
    await target.close()
    assert target.closed
    with pytest.raises(DeviceUnreachableError):
        await target.fetch(ROOTS)
    with pytest.raises(DeviceUnreachableError):
        await bench.write(target, payload)
    assert bench.running() == {}


async def test_a_switch_that_is_off_is_unreachable(bench: Bench) -> None:
    target = await bench.connect()
    await bench.switch.stop()
    with pytest.raises((DeviceUnreachableError, DeviceTimeoutError)):
        await target.fetch(ROOTS)
    with pytest.raises(DeviceUnreachableError, match="no connection to"):  # nobody waits for the time to connect
        await bench.connect()


async def test_wrong_password(bench: Bench) -> None:
    with pytest.raises(DeviceTrustError) as caught:
        await bench.connector(bench.device(login=bench.wrong_login()))
    assert "another" not in str(caught.value)


async def test_a_device_that_is_not_who_it_should_be(bench: Bench) -> None:
    with pytest.raises(DeviceTrustError):
        await bench.connector(bench.device(trust=bench.wrong_trust()))


# --- notifications


async def test_a_change_is_told_or_the_device_says_that_it_cannot(bench: Bench) -> None:
    await bench.configure(TWO)
    target = await bench.connect()
    if not (await target.capabilities()).notifies:
        with pytest.raises(DeviceRefusedError):
            await anext(target.changes(ROOTS))
        return
    async with aclosing(target.changes((SYSTEM,))) as changes, asyncio.timeout(DEADLINE):
        assert (await anext(changes)).paths == ()
        await bench.switch.change({HOSTNAME: "other"})
        told: list[Path] = []
        while not any(path.names == ("system", "config", "hostname") for path in told):
            change = await anext(changes)
            assert change.device == "leaf1"
            told += change.paths
        assert all(SYSTEM.covers(path) for path in told)


async def test_a_subscription_ends_with_the_session(bench: Bench) -> None:
    target = await bench.connect()
    if not (await target.capabilities()).notifies:
        bench.world.tried -= 1
        pytest.skip("the simulated switch does not notify over this protocol")
    changes = target.changes(ROOTS)
    await anext(changes)
    await bench.switch.stop()

    async def until_the_end() -> None:
        while True:
            await anext(changes)

    with pytest.raises(DeviceError):
        await asyncio.wait_for(until_the_end(), DEADLINE)
