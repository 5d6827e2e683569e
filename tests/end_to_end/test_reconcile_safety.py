"""What must not happen to a switch whatever the moment: writes after a stop, stale plans, loops, lost records."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path as File
from typing import Any

import pytest
from prometheus_client import generate_latest
from reconcile_fabric import INTERFACES, PORT, QUIET, Fabric, document, fabric, ports_config, with_settings

from fabricd.errors import StoreError
from fabricd.intent import Document
from fabricd.model.device import Mode, Protocol, Timeouts
from fabricd.model.outcome import Event, JournalRecord, OutcomeKind, Trigger
from fabricd.schema import ModelSet
from fabricd.simulator import Fault, Kind, Rpc
from fabricd.simulator.datastore import LockedError

BOTH = pytest.mark.parametrize("protocol", list(Protocol))


def base(mtu: int, device: str = "leaf1") -> Document:
    config = ports_config(Ethernet1={"mtu": mtu, "description": "to spine1"})
    return document(f"base-{device}", [device], config, replace=True)


def many(count: int) -> Document:
    ports = {f"Loopback{n}": {"description": "x", "type": "iana-if-type:softwareLoopback"} for n in range(count)}
    return document("base-leaf1", ["leaf1"], ports_config(**ports), replace=True)


@pytest.fixture(params=list(Protocol))
async def one(request: pytest.FixtureRequest, tmp_path: File) -> AsyncIterator[Fabric]:
    """One switch, `leaf1`, whose interfaces are owned wholly, in sync with MTU 9000 on Ethernet1."""
    async with fabric(tmp_path, {"leaf1": request.param}) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        yield made


def mtu_of(made: Fabric, device: str = "leaf1") -> Any:
    return made.switch(device).value(f"{PORT}/config/mtu")


async def _stalled(made: Fabric, device: str = "leaf1") -> bool:
    return made.switch(device).faults.stalled > 0


async def stalled(made: Fabric, device: str = "leaf1") -> None:
    await made.until(functools.partial(_stalled, made, device), "a request is held")


async def idle(made: Fabric) -> None:
    async def done() -> bool:
        return not made.controller.busy

    await made.until(done, "nothing is due or under way")


@pytest.mark.parametrize("mode", [Mode.PAUSE, Mode.OBSERVE])
@pytest.mark.parametrize("moment", ["read", "stage"])
async def test_nothing_is_written_after_a_person_said_stop(one: Fabric, mode: Mode, moment: str) -> None:
    """The word comes while the switch is being read, or while the change is already in its candidate."""
    if moment == "stage" and one.devices["leaf1"].protocol is Protocol.GNMI:
        pytest.skip("gNMI stages nothing on the switch")
    one.switch("leaf1").faults.add(Fault(rpc=Rpc.GET if moment == "read" else Rpc.VALIDATE, kind=Kind.STALL))
    commits = one.switch("leaf1").commits
    await one.submit(base(9100))
    await stalled(one)
    await one.controller.set_mode(["leaf1"], mode, author="tester")
    one.switch("leaf1").faults.release()
    await idle(one)
    assert (mtu_of(one), one.switch("leaf1").commits) == (9000, commits)
    expected = OutcomeKind.PAUSED if mode is Mode.PAUSE else OutcomeKind.DRIFTED
    assert (await one.view("leaf1")).status.outcome is expected
    assert await one.store.open_transactions() == []
    await one.controller.set_mode(["leaf1"], None, author="tester")
    await one.in_sync("leaf1")
    assert mtu_of(one) == 9100


async def test_a_revision_that_is_not_current_any_more_is_not_written(tmp_path: File) -> None:
    """Whoever rolls back while a switch is still validating the bad revision never sees it in force."""
    async with fabric(tmp_path, {"leaf1": Protocol.NETCONF}) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        commits = made.switch("leaf1").commits
        made.switch("leaf1").faults.add(Fault(rpc=Rpc.VALIDATE, kind=Kind.STALL))
        await made.submit(base(1280))
        await stalled(made)
        await made.submissions.rollback(1, author="tester")
        made.switch("leaf1").faults.release()
        await made.in_sync("leaf1")
        await idle(made)
        assert (mtu_of(made), made.switch("leaf1").commits) == (9000, commits)
        records = await made.records("leaf1", Event.RECONCILE)
        assert [record.outcome for record in records[-2:]] == [OutcomeKind.DRIFTED, OutcomeKind.IN_SYNC]
        assert "meanwhile" in records[-2].message


async def test_a_switch_that_leaves_the_inventory_is_not_written_any_more(tmp_path: File) -> None:
    async with fabric(tmp_path, {"leaf1": Protocol.NETCONF, "leaf2": Protocol.NETCONF}) as made:
        for name in ("leaf1", "leaf2"):
            await made.submit(base(9000, name))
        await made.in_sync("leaf1", "leaf2")
        commits = made.switch("leaf1").commits
        made.switch("leaf1").faults.add(Fault(rpc=Rpc.VALIDATE, kind=Kind.STALL))
        await made.submit(base(9100))
        await stalled(made)
        await made.controller.update({"leaf2": made.devices["leaf2"]}, made.controller.fleet.models, QUIET)
        made.switch("leaf1").faults.release()
        await idle(made)
        assert (mtu_of(made), made.switch("leaf1").commits) == (9000, commits)
        assert await made.store.open_transactions() == []
        assert b"leaf1" not in generate_latest(made.metrics.registry)
        await made.controller.update(made.devices, made.controller.fleet.models, QUIET)
        await made.in_sync("leaf1", "leaf2")
        assert mtu_of(made) == 9100


@BOTH
async def test_an_approval_given_during_a_check_is_for_the_next_plan(tmp_path: File, protocol: Protocol) -> None:
    async with fabric(tmp_path, {"leaf1": protocol}) as made:
        await made.submit(many(12))
        await made.in_sync("leaf1")
        await made.submit(many(1))
        await made.outcome("leaf1", OutcomeKind.HELD)
        made.switch("leaf1").faults.stall_get()
        made.controller._workers.add("leaf1", Trigger.SCHEDULE)
        await stalled(made)
        made.controller.reconcile_now(["leaf1"], approve=True)
        made.switch("leaf1").faults.release()
        await made.in_sync("leaf1")


async def test_an_approval_does_not_wait_for_a_device_that_comes_back(tmp_path: File) -> None:
    """Between the two, somebody may have put another switch there."""
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        made.controller.reconcile_now(["leaf1"], approve=True)
        await made.controller.update({}, {made.models.name: made.models}, made.settings)
        leaves = {"name": "Loopback{}", "type": "iana-if-type:softwareLoopback", "description": "x"}
        added = {
            f"/{INTERFACES}/interface[name='Loopback{n}']/config/{leaf}": value.format(n)
            for n in range(40)
            for leaf, value in leaves.items()
        }
        await made.switch("leaf1").change(added)
        await made.controller.update(made.devices, {made.models.name: made.models}, made.settings)
        await made.outcome("leaf1", OutcomeKind.HELD)


@BOTH
async def test_an_approval_is_good_for_one_attempt(tmp_path: File, protocol: Protocol) -> None:
    """A switch that was away when somebody said yes is not emptied days later because of that."""
    async with fabric(tmp_path, {"leaf1": protocol}) as made:
        await made.submit(many(12))
        await made.in_sync("leaf1")
        await made.switch("leaf1").stop()
        await made.sessions.replace({})  # as after a night without traffic
        await made.sessions.replace(made.devices)
        assert (await made.checked("leaf1", approve=True)).outcome is OutcomeKind.UNREACHABLE
        await made.submit(many(1))
        await made.switch("leaf1").start()
        await made.outcome("leaf1", OutcomeKind.HELD)
        assert made.switch("leaf1").value(f"/{INTERFACES}/interface[name='Loopback9']/config/description") == "x"


async def test_notifications_do_not_hurry_a_switch_that_keeps_refusing(tmp_path: File) -> None:
    """A switch that applies a part of what it refuses tells of a change each time: that must not become a loop."""
    settings = with_settings(watch_changes=True, retry_first=600.0, retry_max=600.0)  # nothing is tried again by itself
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}, settings=settings) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")

        async def watched() -> bool:
            return "leaf1" in made.controller._watchers.watched and not made.controller.busy

        await made.until(watched, "the subscription stands")
        faults = made.switch("leaf1").faults
        faults.add(Fault(rpc=Rpc.SET, kind=Kind.REFUSE, times=10_000))
        struck = faults.struck
        await made.submit(base(9100))
        await made.outcome("leaf1", OutcomeKind.FAILED)
        for number in range(20):
            await made.switch("leaf1").change({"/openconfig-system:system/config/login-banner": f"{number}"})
            await made.switch("leaf1").change({f"{PORT}/config/description": f"{number}"})
            await asyncio.sleep(0.05)
        assert faults.struck - struck == 1
        faults.release()
        made.controller.reconcile_now(["leaf1"])
        await made.in_sync("leaf1")
        # Back to health, it is looked at at once again.
        await made.until(watched, "idle")
        await made.switch("leaf1").change({f"{PORT}/config/mtu": 1500})

        async def repaired() -> bool:
            return mtu_of(made) == 9100

        await made.until(repaired, "repaired")


@BOTH
async def test_a_switch_that_takes_no_subscription_now_is_asked_again(tmp_path: File, protocol: Protocol) -> None:
    """It has too many, or its agent has just started: the sweep alone would be slow for as long as fabricd runs."""
    async with fabric(tmp_path, {"leaf1": protocol}, settings=with_settings(watch_changes=True)) as made:
        made.switch("leaf1").faults.add(Fault(rpc=Rpc.SUBSCRIBE, kind=Kind.REFUSE, times=3))
        await made.submit(base(9000))
        await made.in_sync("leaf1")

        async def watched() -> bool:
            return Trigger.CHANGE in {record.trigger for record in await made.records("leaf1", Event.RECONCILE)}

        async def changed() -> bool:
            with contextlib.suppress(LockedError):  # while fabricd repairs the one before
                await made.switch("leaf1").change({f"{PORT}/config/mtu": 1500})
            return await watched()

        await made.until(changed, "a change was told")
        await made.in_sync("leaf1")
        assert not made.switch("leaf1").faults.waiting


@BOTH
async def test_switches_that_are_swapped_in_the_inventory_are_not_written(tmp_path: File, protocol: Protocol) -> None:
    def named(name: str) -> Document:
        config = {**ports_config(Ethernet1={"mtu": 9000}), "openconfig-system:system": {"config": {"hostname": name}}}
        return document(f"base-{name}", [name], config)

    async with fabric(tmp_path, {"leaf1": protocol, "leaf2": protocol}, start=False) as made:
        for name in ("leaf1", "leaf2"):
            await made.switch(name).change({"/openconfig-system:system/config/hostname": name})
        ports = {name: device.port for name, device in made.devices.items()}
        right = dict(made.devices)
        made.devices.update(
            leaf1=replace(right["leaf1"], port=ports["leaf2"]), leaf2=replace(right["leaf2"], port=ports["leaf1"])
        )
        made.start_over()
        await made.controller.start()
        before = {name: made.switch(name).running for name in right}
        await made.submit(named("leaf1"), named("leaf2"))
        for name, other in (("leaf1", "leaf2"), ("leaf2", "leaf1")):
            view = await made.outcome(name, OutcomeKind.HELD)
            assert f"calls itself '{other}'" in view.status.error_message
        assert {name: made.switch(name).running for name in right} == before
        await made.controller.update(right, {made.models.name: made.models}, made.settings)
        await made.in_sync("leaf1", "leaf2")


async def test_a_device_is_compared_by_the_models_in_force_however_they_change(tmp_path: File) -> None:
    """Also when they are replaced while a round goes on that was begun with others."""
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        run = made.schemas.run
        work: list[ModelSet] = []

        async def replaced_meanwhile(models: ModelSet, job: Any) -> Any:
            found = await run(models, job)
            work.append(models)
            if len(work) == 1:
                fewer = replace(made.models, modules=made.models.modules[:-1])
                await made.controller.use_models({made.models.name: fewer})
                await made.controller.use_models({made.models.name: made.models})
            return found

        made.schemas.run = replaced_meanwhile  # type: ignore[method-assign, assignment]
        made.controller._reconciler.distrust(["leaf1"])
        for _ in range(3):
            await made.checked("leaf1")
        assert len(work) == 2


@BOTH
async def test_many_dead_switches_do_not_delay_a_revision_for_the_others(tmp_path: File, protocol: Protocol) -> None:
    async with fabric(tmp_path, {"leaf1": protocol}, settings=with_settings(concurrency=4), start=False) as made:
        with socket.socket() as silent:  # refuses connections
            silent.bind(("127.0.0.1", 0))
            slow = replace(made.devices["leaf1"].profile, timeouts=Timeouts(1.0, 1.0, 1.0))
            dead = [f"dead{number}" for number in range(40)]
            port = silent.getsockname()[1]
            made.devices.update(
                {name: replace(made.devices["leaf1"], name=name, port=port, profile=slow) for name in dead}
            )
            made.start_over()
            await made.submit(base(9000), document("dead", dead, ports_config(Ethernet1={"mtu": 9000})))
            await made.controller.start()
            for name in ("leaf1", *dead):
                await made.outcome(name, OutcomeKind.APPLIED, OutcomeKind.UNREACHABLE)
            silent.listen(1000)  # accepts them, and never says a word: each of the dead takes a second from now on
            before = await tries(made, dead)
            await made.submit(base(9100), document("dead", dead, ports_config(Ethernet1={"mtu": 9100})))
            await made.in_sync("leaf1")
            assert await tries(made, dead) - before < len(dead)


async def tries(made: Fabric, devices: list[str]) -> int:
    """How often it was tried in vain to reach them."""
    return sum(view.status.failures for view in await made.controller.status(devices))


async def fill(made: Fabric) -> None:
    """A disk without room for one more record, as SQLite sees it."""
    async with made.store._writing.connect() as connection:
        (pages,) = (await connection.exec_driver_sql("PRAGMA page_count")).one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    record = JournalRecord(datetime.now(UTC), Event.NOTE)

    async def append_for_ever(size: int) -> None:
        while True:
            await made.store.append([record] * size)

    for size in (20, 1):
        with pytest.raises(StoreError, match="full"):
            await append_for_ever(size)


async def free(made: Fabric) -> None:
    async with made.store._writing.connect() as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")


@BOTH
async def test_a_disk_that_fills_during_a_write_leaves_nothing_open(tmp_path: File, protocol: Protocol) -> None:
    async with fabric(tmp_path, {"leaf1": protocol}) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        rpc = Rpc.SET if protocol is Protocol.GNMI else Rpc.COMMIT
        made.switch("leaf1").faults.add(Fault(rpc=rpc, kind=Kind.STALL))
        await made.submit(base(9100))
        await stalled(made)
        await fill(made)
        made.switch("leaf1").faults.release()
        await idle(made)
        assert mtu_of(made) == 9100
        assert len(await made.store.open_transactions()) == 1
        await free(made)
        assert (await made.checked("leaf1")).outcome is OutcomeKind.IN_SYNC
        assert await made.store.open_transactions() == []
        assert (await made.view("leaf1")).in_sync


@BOTH
async def test_nothing_is_written_while_the_journal_cannot_be(tmp_path: File, protocol: Protocol) -> None:
    async with fabric(tmp_path, {"leaf1": protocol}) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        await idle(made)
        await made.switch("leaf1").change({f"{PORT}/config/mtu": 1500})
        commits = made.switch("leaf1").commits
        await fill(made)
        made.controller.reconcile_now(["leaf1"])
        await asyncio.sleep(0)
        await idle(made)
        assert (mtu_of(made), made.switch("leaf1").commits) == (1500, commits)
        await free(made)
        assert (await made.checked("leaf1")).outcome is OutcomeKind.APPLIED
        assert mtu_of(made) == 9000
        assert await made.store.open_transactions() == []
