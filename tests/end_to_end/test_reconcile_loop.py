"""The loop over the wire, by both protocols: a fabric converges, and drift is found, by whom, and repaired."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import pytest
from reconcile_fabric import (
    INTERFACES,
    PORT,
    QUIET,
    Fabric,
    base,
    document,
    drift,
    fabric,
    mtu_of,
    ports_config,
    with_settings,
)

from fabricd.errors import InputError, NotFoundError
from fabricd.intent import Document
from fabricd.model.device import Protocol
from fabricd.model.outcome import Event, OutcomeKind, Trigger
from fabricd.settings import data_folder


async def test_a_submission_converges(one: Fabric) -> None:
    assert mtu_of(one) == 9000
    events = [(record.event, record.outcome) for record in await one.records("leaf1")]
    assert events[-2:] == [(Event.APPLY, None), (Event.RECONCILE, OutcomeKind.APPLIED)]
    last = (await one.records("leaf1"))[-1]
    assert (last.trigger, last.revision) == (Trigger.REVISION, 1)
    assert {"fetch", "plan", "apply", "verify", "total"} <= {name for name, _ in last.durations}
    assert any(edit.edit.path.text.startswith(f"/{INTERFACES}") for edit in last.edits)
    assert await one.store.open_transactions() == []
    assert (await one.checked("leaf1")).outcome is OutcomeKind.IN_SYNC


async def test_drift_is_found_and_repaired(one: Fabric) -> None:
    await drift(one)
    record = await one.checked("leaf1")
    assert record.outcome is OutcomeKind.APPLIED
    assert mtu_of(one) == 9000
    (found,) = await one.records("leaf1", Event.DRIFT)
    assert found.decision == record.decision
    assert [edit.edit.path.text for edit in found.edits] == [f"{PORT}/config/mtu"]
    assert [(edit.edit.old, edit.edit.new) for edit in found.edits] == [("1500", "9000")]


async def test_what_nobody_wants_is_deleted_where_it_is_owned_and_left_elsewhere(one: Fabric) -> None:
    await one.switch("leaf1").change(
        {
            f"/{INTERFACES}/interface[name='Loopback7']/config/type": "iana-if-type:softwareLoopback",
            "/openconfig-system:system/config/login-banner": "mine",
        }
    )
    assert (await one.checked("leaf1")).outcome is OutcomeKind.APPLIED
    assert one.switch("leaf1").value(f"/{INTERFACES}/interface[name='Loopback7']/config/type") is None
    assert one.switch("leaf1").value("/openconfig-system:system/config/login-banner") == "mine"


async def test_checks_that_find_nothing_new_are_not_journaled(one: Fabric) -> None:
    before = await one.store.last_sequence()
    for _ in range(3):
        checked = (await one.view("leaf1")).status.checked
        one.controller._workers.add("leaf1", Trigger.SCHEDULE)
        await one.until(functools.partial(_checked_since, one, checked), "checked")
    assert await one.store.last_sequence() == before


async def _checked_since(made: Fabric, before: Any) -> bool:
    return (await made.view("leaf1")).status.checked != before


async def test_only_devices_that_a_change_names_are_touched(tmp_path: File) -> None:
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI, "leaf2": Protocol.NETCONF}) as made:
        for name in ("leaf1", "leaf2"):
            await made.submit(document(name, [name], ports_config(Ethernet1={"mtu": 9000})))
        await made.in_sync("leaf1", "leaf2")
        before = await made.store.desired("leaf2")
        commits = made.switch("leaf2").commits
        done = await made.submit(document("leaf1", ["leaf1"], ports_config(Ethernet1={"mtu": 9100})))
        await made.in_sync("leaf1", "leaf2")
        assert done.changed == ("leaf1",)
        assert await made.store.desired("leaf2") == before
        assert made.switch("leaf2").commits == commits


async def test_a_device_that_no_intent_names_is_left_as_it_is(one: Fabric) -> None:
    await one.submissions.submit(withdraw=["base"], author="tester")
    await one.outcome("leaf1", OutcomeKind.UNMANAGED)
    assert mtu_of(one) == 9000


async def test_a_notification_has_drift_repaired_at_once(tmp_path: File) -> None:
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}, settings=with_settings(watch_changes=True)) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        await made.until(functools.partial(_settled, made), "the subscription stands")
        await drift(made)
        await made.until(functools.partial(_repaired, made), "repaired without a sweep")
        await made.until(functools.partial(_applied_by, made, Trigger.CHANGE), "the repair is journaled")
        # The watcher comes back after the switch was away.
        await made.switch("leaf1").restart()
        await made.until(functools.partial(_settled, made), "the subscription stands again")
        await drift(made, 1400)
        await made.until(functools.partial(_repaired, made), "repaired after a restart of the switch")


async def test_watching_is_switched_off_and_on_while_it_runs(tmp_path: File) -> None:
    watching = with_settings(watch_changes=True)
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}, settings=watching) as made:
        await made.submit(base(9000))
        await made.until(functools.partial(_settled, made), "the subscription stands")
        await made.controller.update(made.devices, made.controller.fleet.models, QUIET)
        assert not made.controller._watchers.watched
        await made.controller.update(made.devices, made.controller.fleet.models, watching)
        assert made.controller._watchers.watched == {"leaf1"}


@pytest.mark.parametrize("protocol", list(Protocol))
async def test_a_device_that_moved_is_watched_where_it_is_now(tmp_path: File, protocol: Protocol) -> None:
    watching = with_settings(watch_changes=True)
    async with fabric(tmp_path, {"leaf1": protocol, "spare": protocol}, settings=watching) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        await made.until(functools.partial(_settled, made), "the subscription stands")
        there = {"leaf1": replace(made.devices["leaf1"], port=made.devices["spare"].port)}
        await made.controller.update(there, made.controller.fleet.models, watching)

        async def moved() -> bool:
            return mtu_of(made, "spare") == 9000 and await _settled(made)

        await made.until(moved, "the other switch is brought to the tree and watched")
        await drift(made, device="spare")
        await made.until(moved, "repaired without a sweep")


async def test_a_device_that_cannot_notify_is_left_to_the_sweep(
    tmp_path: File, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "fabricd.reconcile.changes")
    watching = with_settings(watch_changes=True)
    async with fabric(tmp_path, {"leaf1": Protocol.NETCONF}, settings=watching, notifies=False) as made:

        def told() -> int:
            return sum("the sweep looks after it" in record.getMessage() for record in caplog.records)

        async def given_up() -> bool:
            return told() == 1 and not made.controller._watchers.watched

        await made.submit(base(9000))
        await made.until(given_up, "the watcher gave up")
        await made.submit(base(9100))
        await made.in_sync("leaf1")
        assert (told(), mtu_of(made)) == (1, 9100)


async def _settled(made: Fabric) -> bool:
    return "leaf1" in made.controller._watchers.watched and not made.controller.busy


async def _applied_by(made: Fabric, trigger: Trigger) -> bool:
    records = await made.records("leaf1", Event.RECONCILE)
    return any(r.outcome is OutcomeKind.APPLIED and r.trigger is trigger for r in records)


async def _repaired(made: Fabric) -> bool:
    return mtu_of(made) == 9000


async def test_the_sweep_finds_drift_by_itself(tmp_path: File) -> None:
    async with fabric(tmp_path, {"leaf1": Protocol.NETCONF}, settings=with_settings(sweep_interval=0.3)) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        await drift(made)
        await made.until(functools.partial(_repaired, made), "swept")
        await made.until(functools.partial(_applied_by, made, Trigger.SCHEDULE), "the sweep's repair is journaled")


@pytest.mark.parametrize("models", ["managed", "release"])
async def test_the_demo_fabric_converges_and_heals(tmp_path: File, models: str, request: pytest.FixtureRequest) -> None:
    release = request.getfixturevalue("openconfig_release") if models == "release" else None
    names = dict.fromkeys(("spine1", "spine2", "leaf1", "leaf2"), Protocol.GNMI)
    names |= dict.fromkeys(("leaf3", "leaf4"), Protocol.NETCONF)
    folder = data_folder("config") / "examples" / "openconfig"
    files = [Document(file.name, file.read_bytes()) for file in sorted(folder.glob("*.yaml"))]
    async with fabric(tmp_path, names, release=release) as made:
        done = await made.submit(*files)
        assert set(done.changed) == set(names)
        await made.in_sync(*names)
        assert (await made.submit(*files)).unchanged
        await drift(made, device="leaf1")
        await drift(made, device="leaf3")
        for name in names:
            expected = OutcomeKind.APPLIED if name in ("leaf1", "leaf3") else OutcomeKind.IN_SYNC
            assert (await made.checked(name)).outcome is expected


async def test_the_inventory_may_change_while_it_runs(tmp_path: File) -> None:
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI, "leaf2": Protocol.GNMI}) as made:
        everything = dict(made.devices)
        await made.controller.update({"leaf1": everything["leaf1"]}, made.controller.fleet.models, QUIET)
        with pytest.raises(InputError, match="leaf2"):
            await made.submit(document("all", ["leaf1", "leaf2"], ports_config(Ethernet1={"mtu": 9000})))
        with pytest.raises(NotFoundError):
            made.controller.reconcile_now(["leaf2"])
        await made.controller.update(everything, made.controller.fleet.models, QUIET)
        await made.submit(document("all", ["leaf1", "leaf2"], ports_config(Ethernet1={"mtu": 9000})))
        await made.in_sync("leaf1", "leaf2")
