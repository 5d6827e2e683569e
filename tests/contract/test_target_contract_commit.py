"""The contract of Target for changes that a device takes back unless they are confirmed, over both protocols."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from target_bench import Bench, document, eventually, interface

from fabricd.errors import DeviceRefusedError, DeviceTimeoutError
from fabricd.model.edit import Payload
from fabricd.simulator import Fault, Kind, Rpc
from fabricd.southbound.target import Target

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD = document("leaf1", interface("Ethernet1", description="to spine1"))
NEW = document("renamed", interface("Ethernet1", description="to spine2"))
OTHER = document("another", interface("Ethernet1", description="to spine3"))


async def connected(bench: Bench, *, write: float = 0.0) -> Target:
    """A session that knows that the device takes changes back. It cannot always find out while one waits there."""
    target = await bench.connect(write=write)
    await target.prepare()
    assert target.reverts
    return target


@pytest_asyncio.fixture(loop_scope="module")
async def target(bench: Bench) -> AsyncIterator[Target]:
    await bench.configure(OLD)
    target = await connected(bench)
    yield target
    await target.cancel()
    bench.world.alarm.ring()  # nothing waits for its confirmation when the next test begins


def runs(bench: Bench, value: dict[str, object]) -> bool:
    return bench.running() == bench.schema_json(value)


@pytest.fixture
def payload(bench: Bench, target: Target) -> Payload:
    return bench.payload(NEW)


async def test_finding_out_changes_nothing(bench: Bench, target: Target) -> None:
    before = bench.switch.version
    await target.prepare()
    assert target.reverts
    assert bench.switch.version == before
    assert runs(bench, OLD)


async def test_a_change_with_an_id_is_in_force_at_once_and_lasts_when_it_is_confirmed(
    bench: Bench, target: Target, payload: Payload
) -> None:
    await target.stage(payload, "id-1")
    assert runs(bench, NEW)
    await target.confirm()
    bench.world.alarm.ring()
    await bench.switch.restart()
    assert runs(bench, NEW)


async def test_cancel_takes_it_back(bench: Bench, target: Target, payload: Payload) -> None:
    await target.stage(payload, "id-1")
    await target.cancel()
    assert runs(bench, OLD)
    assert not target.closed
    await bench.write(target, payload)
    assert runs(bench, NEW)


async def test_who_is_asked_before_it_is_in_force_may_keep_it_from_that(
    bench: Bench, target: Target, payload: Payload
) -> None:
    asked: list[bool] = []

    async def note() -> None:
        asked.append(runs(bench, OLD))

    async def never() -> None:
        await note()
        raise LookupError

    with pytest.raises(LookupError):
        await target.stage(payload, "id-1", never)
    await target.cancel()
    assert runs(bench, OLD)
    assert await target.resolve("id-1") is False
    await target.stage(payload, "id-2", note)
    assert asked == [True, True]
    await target.confirm()
    assert runs(bench, NEW)


async def test_what_is_not_confirmed_in_time_is_taken_back_and_a_late_confirm_is_refused(
    bench: Bench, target: Target, payload: Payload
) -> None:
    await target.stage(payload, "id-1")
    bench.world.alarm.ring()
    await eventually(lambda: runs(bench, OLD))
    with pytest.raises(DeviceRefusedError) as caught:
        await target.confirm()
    assert caught.value.transient
    assert runs(bench, OLD)
    assert await target.resolve("id-1") is False
    await target.stage(payload, "id-2")
    await target.confirm()
    assert runs(bench, NEW)


async def test_it_outlives_its_session_and_another_has_it_taken_back(
    bench: Bench, target: Target, payload: Payload
) -> None:
    await target.stage(payload, "id-1")
    await target.close()
    other = await bench.connect()
    assert runs(bench, NEW)
    assert await other.resolve("id-0") is False
    assert runs(bench, NEW)
    assert await other.resolve("id-1") is True
    assert runs(bench, OLD)
    assert await other.resolve("id-1") is False
    await bench.write(other, payload)
    assert runs(bench, NEW)


async def test_what_was_confirmed_cannot_be_taken_back(bench: Bench, target: Target, payload: Payload) -> None:
    await target.stage(payload, "id-1")
    await target.confirm()
    assert await target.resolve("id-1") is False
    assert runs(bench, NEW)


async def test_while_one_change_waits_there_is_no_other(bench: Bench, target: Target, payload: Payload) -> None:
    other = await connected(bench, write=2)  # it also decides how long a lock is waited for
    await target.stage(payload, "id-1")
    await target.close()
    with pytest.raises(DeviceRefusedError) as caught:
        await other.stage(bench.payload(OTHER), "id-2")
    assert caught.value.transient
    assert runs(bench, NEW)
    assert await other.resolve("id-1") is True
    await other.stage(bench.payload(OTHER), "id-2")
    await other.confirm()
    assert runs(bench, OTHER)


async def test_an_invalid_change_is_never_in_force(bench: Bench, target: Target) -> None:
    added = bench.payload(document("leaf1", interface("Ethernet2")))
    with pytest.raises(DeviceRefusedError):
        await target.stage(bench.broken(added), "id-1")
    assert runs(bench, OLD)
    assert await target.resolve("id-1") is False
    await target.stage(added, "id-2")
    await target.confirm()
    assert not runs(bench, OLD)


@pytest.mark.parametrize("after", [False, True])
async def test_a_change_whose_answer_was_lost_is_resolved_over_another_session(
    bench: Bench, target: Target, payload: Payload, after: bool
) -> None:
    bench.switch.faults.add(Fault(rpc=Rpc.COMMIT, kind=Kind.DROP, after=after))
    with pytest.raises(DeviceTimeoutError):
        await target.stage(payload, "id-1")
    assert target.closed
    assert runs(bench, NEW if after else OLD)
    assert await (await bench.connect()).resolve("id-1") is after
    assert runs(bench, OLD)


@pytest.mark.parametrize("after", [False, True])
async def test_a_confirmation_whose_answer_was_lost_is_resolved_over_another_session(
    bench: Bench, target: Target, payload: Payload, after: bool
) -> None:
    await target.stage(payload, "id-1")
    bench.switch.faults.add(Fault(rpc=Rpc.CONFIRM, kind=Kind.DROP, after=after))
    with pytest.raises(DeviceTimeoutError):
        await target.confirm()
    assert target.closed
    assert await (await bench.connect()).resolve("id-1") is not after
    assert runs(bench, NEW if after else OLD)


async def test_a_change_with_an_id_is_staged_once_at_a_time(bench: Bench, target: Target, payload: Payload) -> None:
    await target.stage(payload, "id-1")
    with pytest.raises(RuntimeError):
        await target.stage(payload, "id-2")
    assert runs(bench, NEW)
    await target.cancel()
    with pytest.raises(RuntimeError):
        await target.confirm()
    assert runs(bench, OLD)
