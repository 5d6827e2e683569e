"""The contract of Target: both adapters, with both model sets, against a simulated switch over the wire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import pytest_asyncio
from target_bench import (
    HOSTNAME,
    INTERFACES,
    LLDP,
    ROOTS,
    SYSTEM,
    Bench,
    World,
    document,
    eventually,
    interface,
)

from fabricd.errors import (
    DeviceError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DeviceTrustError,
    DeviceUnreachableError,
)
from fabricd.model.device import Protocol
from fabricd.model.edit import Dialect, EditConfig, GnmiSet
from fabricd.model.path import Path
from fabricd.simulator import Fault, Kind, Rpc
from fabricd.southbound.target import Target

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["managed", "release"])
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    release = request.getfixturevalue("openconfig_release") if request.param == "release" else None
    async with World.running(tmp_path_factory.mktemp(request.param), release) as world:
        yield world
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\ncontract of Target, {request.param} models, both adapters: {world.tried} checks")


@pytest_asyncio.fixture(loop_scope="module", params=list(Protocol))
async def bench(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Bench]:
    await world.reset()
    world.tried += 1
    bench = Bench(world, request.param)
    yield bench
    await bench.close()


TWO = document(
    "leaf1",
    interface("Ethernet1", description="to spine1", mtu=9214, enabled=True),
    interface("Ethernet2", enabled=False),
    dns={"config": {"search": ["a.example", "b.example"]}},
)


# --- reading


async def test_it_is_a_target_with_a_name_and_a_dialect(bench: Bench) -> None:
    target = await bench.connect()
    assert isinstance(target, Target)
    assert target.name == "leaf1"
    assert target.dialect is (Dialect.GNMI if bench.protocol is Protocol.GNMI else Dialect.NETCONF)
    assert not target.closed


async def test_capabilities_name_the_models(bench: Bench) -> None:
    found = await (await bench.connect()).capabilities()
    assert {"openconfig-interfaces", "openconfig-system"} <= {name for name, _ in found.models}
    assert found.features


async def test_what_is_fetched_is_what_the_switch_runs(bench: Bench) -> None:
    await bench.configure(TWO)
    fetched = await (await bench.connect()).fetch(ROOTS)
    assert bench.read(fetched) == bench.running()
    assert fetched.size == sum(len(part.data) for part in fetched.parts)


async def test_an_empty_switch_is_empty(bench: Bench) -> None:
    assert bench.read(await (await bench.connect()).fetch(ROOTS)) == {}


async def test_an_absent_root_is_empty_and_hides_no_other(bench: Bench) -> None:
    await bench.configure(document("leaf1"))
    target = await bench.connect()
    assert bench.read(await target.fetch((LLDP, SYSTEM, INTERFACES))) == bench.running()
    assert bench.read(await target.fetch((LLDP,))) == {}


async def test_only_the_roots_are_fetched(bench: Bench) -> None:
    await bench.configure(TWO)
    fetched = bench.read(await (await bench.connect()).fetch((INTERFACES,)))
    assert list(fetched) == ["openconfig-interfaces:interfaces"]


async def test_a_root_may_be_one_entry_of_a_list(bench: Bench) -> None:
    await bench.configure(TWO)
    path = Path.parse("/openconfig-interfaces:interfaces/interface[name='Ethernet2']")
    fetched = bench.read(await (await bench.connect()).fetch((path,)))
    assert [one["name"] for one in fetched["openconfig-interfaces:interfaces"]["interface"]] == ["Ethernet2"]


async def test_equal_configurations_have_equal_digests_over_sessions_and_restarts(bench: Bench) -> None:
    await bench.configure(TWO)
    first = await (await bench.connect()).fetch(ROOTS)
    second = await (await bench.connect()).fetch(ROOTS)
    assert first == second
    await bench.switch.restart()
    assert (await (await bench.connect()).fetch(ROOTS)).digest == first.digest


async def test_a_changed_leaf_changes_the_digest(bench: Bench) -> None:
    await bench.configure(TWO)
    target = await bench.connect()
    before = await target.fetch(ROOTS)
    await bench.switch.change({HOSTNAME: "other"})
    assert (await target.fetch(ROOTS)).digest != before.digest
    await bench.switch.change({HOSTNAME: "leaf1"})
    assert (await target.fetch(ROOTS)).digest == before.digest


async def test_state_holds_what_is_in_force(bench: Bench) -> None:
    await bench.configure(TWO)
    target = await bench.connect()
    path = Path.parse("/openconfig-system:system/state/hostname")
    state = await target.state((path,))
    assert b"leaf1" in b"".join(part.data for part in state.parts)
    assert b"<state" not in b"".join(part.data for part in (await target.fetch(ROOTS)).parts)
    assert b'state"' not in b"".join(part.data for part in (await target.fetch(ROOTS)).parts)


async def test_five_megabytes_are_fetched(bench: Bench) -> None:
    await bench.configure(
        document("leaf1", *(interface(f"Ethernet{number}", description="x" * 100_000) for number in range(50)))
    )
    fetched = await (await bench.connect()).fetch(ROOTS)
    assert fetched.size > 5_000_000
    assert bench.read(fetched) == bench.running()


async def test_several_requests_at_a_time_in_one_session(bench: Bench) -> None:
    await bench.configure(TWO)
    target = await bench.connect()
    fetched = await asyncio.gather(*(target.fetch(ROOTS) for _ in range(8)))
    assert len({one.digest for one in fetched}) == 1


# --- writing


async def test_nothing_lasts_before_confirm_and_all_of_it_after(bench: Bench) -> None:
    target = await bench.connect()
    await target.stage(bench.payload(TWO))
    assert bench.running() == {}
    await target.confirm()
    assert bench.running() == bench.schema_json(TWO)
    assert bench.read(await target.fetch(ROOTS)) == bench.running()


async def test_creations_changes_and_deletions_go_in_one(bench: Bench) -> None:
    await bench.configure(TWO)
    wanted = document(
        "renamed",
        interface("Ethernet1", mtu=1500, enabled=True),
        interface("Ethernet3", description="new", enabled=True),
        dns={"config": {"search": ["b.example", "c.example"]}},
    )
    target = await bench.connect()
    before = bench.switch.version
    await target.stage(bench.payload(wanted))
    await target.confirm()
    assert bench.running() == bench.schema_json(wanted)
    assert bench.switch.version == before + 1


@pytest.mark.parametrize(
    "name", ["Ethernet1/2", "a]b", "a=b", "a b", "it's", 'say "x"', "back\\slash", "ü", "[1]", "<&>"]
)
async def test_keys_of_any_kind(bench: Bench, name: str) -> None:
    target = await bench.connect()
    wanted = document("leaf1", interface(name, description=name))
    await target.stage(bench.payload(wanted))
    await target.confirm()
    assert bench.running() == bench.schema_json(wanted)
    path = Path.parse("/openconfig-interfaces:interfaces").child(
        Path.parse(f"/interface[name={name.replace(chr(92), chr(92) * 2).replace(']', chr(92) + ']')}]").segments[0]
    )
    assert bench.read(await target.fetch((path,)))["openconfig-interfaces:interfaces"]["interface"][0]["name"] == name
    await target.stage(bench.payload(document("leaf1")))
    await target.confirm()
    assert bench.running() == bench.schema_json(document("leaf1"))


async def test_a_cancelled_change_leaves_nothing_and_no_lock(bench: Bench) -> None:
    target, other = await bench.connect(), await bench.connect()
    await target.stage(bench.payload(TWO))
    await target.cancel()
    assert bench.running() == {}
    await other.stage(bench.payload(document("other")))
    await other.confirm()
    assert bench.running() == bench.schema_json(document("other"))
    await target.stage(bench.payload(TWO))
    await target.confirm()
    assert bench.running() == bench.schema_json(TWO)


async def test_cancel_without_stage_is_nothing(bench: Bench) -> None:
    target = await bench.connect()
    await target.cancel()
    await target.cancel()
    assert not target.closed


async def test_an_empty_payload_changes_nothing(bench: Bench) -> None:
    await bench.configure(TWO)
    target = await bench.connect()
    before = bench.switch.version
    await target.stage(bench.payload(TWO))
    await target.confirm()
    assert bench.switch.version == before


async def test_the_other_dialects_payload_is_a_mistake_of_the_program(bench: Bench) -> None:
    target = await bench.connect()
    wrong = EditConfig(b"<config/>") if target.dialect is Dialect.GNMI else GnmiSet()
    with pytest.raises(TypeError):
        await target.stage(wrong)
    await target.stage(bench.payload(TWO))
    await target.confirm()


async def test_a_change_is_staged_once_at_a_time(bench: Bench) -> None:
    target = await bench.connect()
    with pytest.raises(RuntimeError):
        await target.confirm()
    await target.stage(bench.payload(TWO))
    with pytest.raises(RuntimeError):
        await target.stage(bench.payload(TWO))
    await target.confirm()
    assert bench.running() == bench.schema_json(TWO)


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
    bench.switch.faults.add(Fault(Rpc.GET, Kind.REFUSE))
    with pytest.raises(DeviceRefusedError):
        await target.fetch((SYSTEM,))
    assert bench.read(await target.fetch((SYSTEM,))) == {}


# --- time-outs, breaks, cancellation


async def test_a_read_without_an_answer_is_given_up_in_time(bench: Bench) -> None:
    target = await bench.connect(read=0.3)
    bench.switch.faults.stall_get()
    started = time.monotonic()
    with pytest.raises(DeviceTimeoutError):
        await target.fetch(ROOTS)
    assert time.monotonic() - started < 3
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
    bench.switch.faults.add(Fault(rpc, Kind.DROP, after=after))
    with pytest.raises(DeviceTimeoutError):
        await target.confirm()
    assert target.closed
    assert bench.running() == (bench.schema_json(TWO) if after else {})
    other = await bench.connect()
    await bench.write(other, bench.payload(document("other")))
    assert bench.running() == bench.schema_json(document("other"))


async def test_a_connection_cut_in_a_read(bench: Bench) -> None:
    target = await bench.connect()
    bench.switch.faults.add(Fault(Rpc.GET, Kind.DROP))
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

    await asyncio.wait_for(until_unlocked(), 10)
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
    started = time.monotonic()
    with pytest.raises(DeviceUnreachableError):
        await bench.connect()
    assert time.monotonic() - started < 3


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
    async with aclosing(target.changes((SYSTEM,))) as changes, asyncio.timeout(10):
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
        await asyncio.wait_for(until_the_end(), 10)
