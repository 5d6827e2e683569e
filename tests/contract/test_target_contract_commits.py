"""The contract of Target where devices take back what is not confirmed: both adapters, against a simulated switch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from target_bench import ROOTS, Bench, document, eventually, interface

from fabricd.errors import DeviceRefusedError
from fabricd.model.device import Protocol
from fabricd.southbound.target import Target

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEFORE = document("leaf1", interface("Ethernet1", mtu=1500))
AFTER = document("leaf1", interface("Ethernet1", mtu=9000))


@pytest_asyncio.fixture(loop_scope="module")
async def careful(bench: Bench) -> AsyncIterator[Bench]:
    """A switch that runs BEFORE, and nothing is pending on it afterwards. Skips what cannot revert."""
    await bench.configure(BEFORE)
    target = await ready(bench)
    if not target.reverts:
        bench.world.tried -= 1
        pytest.skip("the simulated switch takes nothing back over this protocol")
    yield bench
    for commit in ("one", "two"):
        await target.resolve(commit)


async def ready(bench: Bench, **profile: Any) -> Target:
    target = await bench.connect(**profile)
    await target.prepare()
    return target


async def test_finding_out_changes_nothing(careful: Bench) -> None:
    before = careful.switch.version
    target = await ready(careful)
    await target.prepare()
    assert target.reverts
    assert careful.switch.version == before


async def test_no_time_to_confirm_is_no_net(careful: Bench) -> None:
    assert not (await ready(careful, confirm_within=0.0)).reverts


async def test_a_change_is_in_force_at_once_and_lasts_once_it_is_confirmed(careful: Bench) -> None:
    target = await ready(careful, confirm_within=600.0)
    await target.stage(careful.payload(AFTER), "one")
    assert careful.running() == careful.schema_json(AFTER)
    assert careful.read(await target.fetch(ROOTS)) == careful.running()
    await target.confirm()
    assert careful.running() == careful.schema_json(AFTER)
    assert not await (await ready(careful)).resolve("one")
    assert careful.running() == careful.schema_json(AFTER)


async def test_a_change_that_is_given_up_is_taken_back(careful: Bench) -> None:
    target = await ready(careful)
    await target.stage(careful.payload(AFTER), "one")
    await target.cancel()
    assert careful.running() == careful.schema_json(BEFORE)
    await target.stage(careful.payload(AFTER), "two")
    await target.confirm()
    assert careful.running() == careful.schema_json(AFTER)


async def test_a_change_that_nobody_confirms_is_taken_back_in_time(careful: Bench) -> None:
    target = await ready(careful, confirm_within=1.0)
    await target.stage(careful.payload(AFTER), "one")
    await eventually(lambda: careful.running() == careful.schema_json(BEFORE))
    with pytest.raises(DeviceRefusedError) as caught:
        await target.confirm()
    assert caught.value.transient
    assert careful.running() == careful.schema_json(BEFORE)
    await target.cancel()
    await careful.write(target, careful.payload(AFTER))
    assert careful.running() == careful.schema_json(AFTER)


async def test_what_a_lost_session_left_is_resolved_by_the_next(careful: Bench) -> None:
    target = await ready(careful)
    await target.stage(careful.payload(AFTER), "one")
    await target.close()
    assert careful.running() == careful.schema_json(AFTER)
    other = await careful.connect()
    assert await other.resolve("one")
    assert careful.running() == careful.schema_json(BEFORE)
    assert not await other.resolve("one")
    assert not await other.resolve("never heard of")
    await careful.write(other, careful.payload(AFTER))
    assert careful.running() == careful.schema_json(AFTER)


async def test_another_id_does_not_touch_what_is_pending(careful: Bench) -> None:
    target, other = await ready(careful), await careful.connect()
    await target.stage(careful.payload(AFTER), "one")
    assert not await other.resolve("two")
    assert careful.running() == careful.schema_json(AFTER)
    await target.confirm()
    assert careful.running() == careful.schema_json(AFTER)


async def test_while_one_change_waits_no_other_is_taken(careful: Bench) -> None:
    """Refused for now; and giving it up leaves the first alone."""
    target, other = await ready(careful), await ready(careful, write=1.0)  # that long it waits for a lock
    await target.stage(careful.payload(AFTER), "one")
    payload = careful.payload(document("other"))
    with pytest.raises(DeviceRefusedError) as caught:
        await other.stage(payload, "two")
    assert caught.value.transient
    await other.cancel()
    assert careful.running() == careful.schema_json(AFTER)
    await target.confirm()
    assert careful.running() == careful.schema_json(AFTER)


async def test_a_refused_change_leaves_nothing_pending(careful: Bench) -> None:
    target = await ready(careful)
    payload = careful.payload(document("renamed", interface("Ethernet2")))
    with pytest.raises(DeviceRefusedError):
        await target.stage(careful.broken(payload), "one")
    await target.cancel()
    assert careful.running() == careful.schema_json(BEFORE)
    await target.stage(payload, "two")
    await target.confirm()
    assert careful.running() == careful.schema_json(document("renamed", interface("Ethernet2")))


async def test_a_stage_that_is_cancelled_can_be_resolved(careful: Bench) -> None:
    target = await ready(careful)
    if careful.protocol is Protocol.GNMI:
        careful.switch.faults.stall_set(after=True)
    else:
        careful.switch.faults.stall_commit(after=True)
    staging = asyncio.create_task(target.stage(careful.payload(AFTER), "one"))
    await eventually(lambda: careful.switch.faults.stalled == 1)
    staging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await staging
    assert target.closed
    await target.cancel()
    careful.switch.faults.release()
    other = await careful.connect()
    assert await other.resolve("one")
    assert careful.running() == careful.schema_json(BEFORE)
