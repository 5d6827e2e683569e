"""What keeps a difference from being written: modes, windows, too many deletions, paths that keep coming back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path as File

import pytest
from reconcile_fabric import (
    INTERFACES,
    PORT,
    Fabric,
    base,
    document,
    drift,
    fabric,
    mtu_of,
    ports_config,
    with_settings,
)

from fabricd.errors import InputError, StoreError
from fabricd.model.device import Mode, Protocol
from fabricd.model.outcome import Event, JournalRecord, OutcomeKind, Trigger
from fabricd.model.path import Path

BOTH = pytest.mark.parametrize("protocol", list(Protocol))


async def test_an_observed_device_is_reported_and_not_written(one: Fabric) -> None:
    await one.controller.set_mode(["leaf1"], Mode.OBSERVE, author="tester", reason="maintenance")
    await one.outcome("leaf1", OutcomeKind.IN_SYNC)
    commits = one.switch("leaf1").commits
    await drift(one)
    record = await one.checked("leaf1")
    assert (record.outcome, mtu_of(one)) == (OutcomeKind.DRIFTED, 1500)
    assert one.switch("leaf1").commits == commits + 1  # ours, through the back door
    assert (await one.view("leaf1")).status.drift == 1
    (mode,) = await one.records("leaf1", Event.MODE)
    assert (mode.author, mode.message) == ("tester", "mode observe: maintenance")
    await one.controller.set_mode(["leaf1"], None, author="tester")
    await one.in_sync("leaf1")
    assert mtu_of(one) == 9000


async def test_drift_that_the_store_did_not_take_is_journaled_by_the_next_sweep(
    one: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one.controller.set_mode(["leaf1"], Mode.OBSERVE, author="tester")
    await one.outcome("leaf1", OutcomeKind.IN_SYNC)
    await drift(one)
    refused: list[Event] = []
    append = one.store.append

    async def full(records: Sequence[JournalRecord]) -> list[JournalRecord]:
        if refused or all(record.event is not Event.DRIFT for record in records):
            return await append(records)
        refused.extend(record.event for record in records)
        raise StoreError("cannot write to the store: database or disk is full")

    monkeypatch.setattr(one.store, "append", full)
    one.controller._workers.add("leaf1", Trigger.SCHEDULE)
    await one.outcome("leaf1", OutcomeKind.DRIFTED)  # by the retry
    assert refused == [Event.DRIFT]
    (found,) = await one.records("leaf1", Event.DRIFT)
    assert [edit.edit.new for edit in found.edits] == ["9000"]


async def test_a_paused_device_is_not_even_read(one: Fabric) -> None:
    await one.controller.set_mode(["leaf1"], Mode.PAUSE, author="tester")
    await one.outcome("leaf1", OutcomeKind.PAUSED)
    await one.switch("leaf1").stop()
    record = await one.checked("leaf1")
    assert record.outcome is OutcomeKind.PAUSED
    await one.switch("leaf1").start()


async def test_modes_outlive_a_restart(one: Fabric) -> None:
    await one.controller.set_mode(["leaf1"], Mode.PAUSE, author="tester")
    await one.controller.stop()
    await one.sessions.close()
    await one.reopen_store()
    one.start_over()
    await one.controller.start()
    assert (await one.view("leaf1")).mode is Mode.PAUSE


async def test_a_path_that_keeps_coming_back_is_left_alone_until_approved(tmp_path: File) -> None:
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}, settings=with_settings(flap_count=3)) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        outcomes = []
        for round_ in range(4):
            await drift(made, 1500 + round_)
            outcomes.append((await made.checked("leaf1")).outcome)
        assert outcomes == [OutcomeKind.APPLIED, OutcomeKind.APPLIED, OutcomeKind.UNSTABLE, OutcomeKind.UNSTABLE]
        assert mtu_of(made) == 1503
        view = await made.view("leaf1")
        assert view.status.unstable == (f"{PORT}/config/mtu",)
        assert not view.in_sync
        # Others are still repaired.
        await made.switch("leaf1").change({f"{PORT}/config/description": "wrong"})
        assert (await made.checked("leaf1")).outcome is OutcomeKind.UNSTABLE
        assert made.switch("leaf1").value(f"{PORT}/config/description") == "to spine1"
        # It outlives a restart.
        await made.controller.stop()
        made.start_over()
        await made.controller.start()
        assert (await made.checked("leaf1")).outcome is OutcomeKind.UNSTABLE
        assert (await made.checked("leaf1", approve=True)).outcome is OutcomeKind.APPLIED
        assert (mtu_of(made), (await made.view("leaf1")).status.unstable) == (9000, ())


@BOTH
async def test_a_plan_that_deletes_much_is_held_until_approved(tmp_path: File, protocol: Protocol) -> None:
    async with fabric(tmp_path, {"leaf1": protocol}) as made:
        many = {
            f"Loopback{number}": {"description": "x", "type": "iana-if-type:softwareLoopback"} for number in range(12)
        }
        await made.submit(document("base", ["leaf1"], ports_config(**many), replace=True))
        await made.in_sync("leaf1")
        few = {"Loopback0": many["Loopback0"]}
        await made.submit(document("base", ["leaf1"], ports_config(**few), replace=True))
        view = await made.outcome("leaf1", OutcomeKind.HELD)
        assert "deletes" in view.status.error_message
        assert view.status.drift > 0
        assert made.switch("leaf1").value(f"/{INTERFACES}/interface[name='Loopback9']/config/description") == "x"
        assert (await made.checked("leaf1", approve=True)).outcome is OutcomeKind.APPLIED
        assert made.switch("leaf1").value(f"/{INTERFACES}/interface[name='Loopback9']/config/description") is None


async def test_outside_the_windows_drift_is_reported_and_revisions_are_rolled_out(tmp_path: File) -> None:
    # The 30th of February never comes.
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}, settings=with_settings(windows=("0 0 30 2 * +1",))) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        await drift(made)
        assert (await made.checked("leaf1")).outcome is OutcomeKind.DRIFTED
        assert mtu_of(made) == 1500
        await made.submit(base(9100))
        await made.in_sync("leaf1")
        assert mtu_of(made) == 9100


async def test_a_protected_path_is_refused_and_never_written(tmp_path: File) -> None:
    protected = Path.parse(f"/{INTERFACES}/interface[name='Management0']")
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}, protected=(protected,)) as made:
        with pytest.raises(InputError) as caught:
            await made.submit(document("bad", ["leaf1"], ports_config(Management0={"mtu": 1500})))
        assert "protected" in caught.value.problems[0].message
        assert caught.value.problems[0].intent == "bad.json: bad"
        await made.switch("leaf1").change({f"{protected}/config/type": "iana-if-type:ethernetCsmacd"})
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        assert made.switch("leaf1").value(f"{protected}/config/type") == "iana-if-type:ethernetCsmacd"
