"""The loop over the wire, by both protocols: submit, converge, drift, refusals, crashes, policies."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import pytest
from reconcile_fabric import INTERFACES, PORT, QUIET, Fabric, document, fabric, ports_config, with_settings

from fabricd.errors import ConflictError, FabricdError, InputError, NotFoundError, RequestIdUsedError
from fabricd.intent import Document
from fabricd.model.device import Mode, Protocol, SecretReference
from fabricd.model.outcome import Event, OpenTransaction, OutcomeKind, TransactionPhase, Trigger
from fabricd.model.path import Path
from fabricd.settings import data_folder
from fabricd.simulator import Fault, Kind, Rpc

BOTH = pytest.mark.parametrize("protocol", list(Protocol))


@pytest.fixture(params=list(Protocol))
async def one(request: pytest.FixtureRequest, tmp_path: File) -> AsyncIterator[Fabric]:
    """One switch, `leaf1`, whose interfaces are owned wholly, in sync with MTU 9000 on Ethernet1."""
    async with fabric(tmp_path, {"leaf1": request.param}) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        yield made


def base(mtu: int, **more: Any) -> Document:
    config = ports_config(Ethernet1={"mtu": mtu, "description": "to spine1"})
    return document("base", ["leaf1"], config, replace=True, **more)


def mtu_of(made: Fabric, device: str = "leaf1") -> Any:
    return made.switch(device).value(f"{PORT}/config/mtu")


async def drift(made: Fabric, mtu: int = 1500, device: str = "leaf1") -> None:
    await made.switch(device).change({f"{PORT}/config/mtu": mtu})


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


async def test_a_refused_edit_fails_with_its_reason_and_is_tried_again(one: Fabric) -> None:
    one.switch("leaf1").faults.refuse_next_set("not on my watch")
    await one.submit(base(9100))
    await one.in_sync("leaf1")
    failed = [r for r in await one.records("leaf1", Event.RECONCILE) if r.outcome is OutcomeKind.FAILED]
    assert failed[0].error_code == "DEVICE_REFUSED"
    assert "not on my watch" in failed[0].message
    assert failed[0].edits
    assert mtu_of(one) == 9100
    assert await one.store.open_transactions() == []


async def test_what_the_switch_itself_will_not_have_is_told_with_its_path(one: Fabric) -> None:
    both = ports_config(Ethernet1={"mtu": 9000, "description": "to spine1"}, Ethernet2={"mtu": 9000})
    await one.submit(document("base", ["leaf1"], both, replace=True))
    await one.in_sync("leaf1")
    # Somebody made the switch need Ethernet2 where fabricd owns nothing; now nobody wants Ethernet2 any more.
    member = "/openconfig-network-instance:network-instances/network-instance[name='default']"
    await one.switch("leaf1").change(
        {
            f"{member}/config/type": "openconfig-network-instance-types:DEFAULT_INSTANCE",
            f"{member}/interfaces/interface[id='Ethernet2']/config/interface": "Ethernet2",
        }
    )
    await one.submit(base(9000))
    view = await one.outcome("leaf1", OutcomeKind.FAILED)
    assert view.status.error_code == "DEVICE_REFUSED"
    record = await one.checked("leaf1")
    assert "interface" in record.error_path  # by NETCONF the reference, by gNMI (which names none) our only edit
    assert "network-instance" in record.error_path + record.message
    assert one.switch("leaf1").value(f"/{INTERFACES}/interface[name='Ethernet2']/config/mtu") == 9000
    await one.switch("leaf1").change(delete=[member])
    await one.in_sync("leaf1")
    assert one.switch("leaf1").value(f"/{INTERFACES}/interface[name='Ethernet2']/config/mtu") is None


async def test_a_change_that_got_no_answer_is_looked_up_and_not_sent_again(tmp_path: File) -> None:
    for protocol in Protocol:
        folder = tmp_path / protocol
        folder.mkdir()
        async with fabric(folder, {"leaf1": protocol}, write_timeout=0.5) as made:
            await made.submit(base(9000))
            await made.in_sync("leaf1")
            rpc = Rpc.SET if protocol is Protocol.GNMI else Rpc.COMMIT
            made.switch("leaf1").faults.add(Fault(rpc=rpc, kind=Kind.STALL, after=True))
            commits = made.switch("leaf1").commits
            await made.submit(base(9100))
            await made.in_sync("leaf1")
            assert (mtu_of(made), made.switch("leaf1").commits) == (9100, commits + 1)
            record = (await made.records("leaf1", Event.RECONCILE))[-1]
            assert (record.outcome, record.error_code) == (OutcomeKind.APPLIED, "DEVICE_TIMEOUT")
            assert "read again, all of it is in force" in record.message
            assert await made.store.open_transactions() == []
            assert (await made.view("leaf1")).status.error_code == ""


@BOTH
async def test_a_dead_and_a_stalling_switch_delay_no_other(tmp_path: File, protocol: Protocol) -> None:
    names = dict.fromkeys(("dead", "slow", "leaf1", "leaf2"), protocol)
    async with fabric(tmp_path, names, settings=with_settings(concurrency=3), start=False) as made:
        await made.switch("dead").stop()
        made.switch("slow").faults.stall_get(100)
        await made.controller.start()
        await made.submit(document("all", list(names), ports_config(Ethernet1={"mtu": 9000})))
        await made.in_sync("leaf1", "leaf2")
        # The stall is not over: the others were done while it lasted.
        assert made.switch("slow").faults.stalled >= 1
        assert (await made.view("slow")).status.outcome in (None, OutcomeKind.UNREACHABLE, OutcomeKind.UNMANAGED)
        await made.outcome("dead", OutcomeKind.UNREACHABLE)
        await made.switch("dead").start()
        made.switch("slow").faults.release()
        await made.in_sync("dead", "slow")


@BOTH
async def test_a_read_that_stalls_times_out_and_is_tried_again(tmp_path: File, protocol: Protocol) -> None:
    async with fabric(tmp_path, {"leaf1": protocol}, read_timeout=0.4) as made:
        made.switch("leaf1").faults.stall_get(1)
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        codes = [record.error_code for record in await made.records("leaf1", Event.RECONCILE)]
        assert "DEVICE_TIMEOUT" in codes


@BOTH
async def test_wrong_credentials_are_told_and_not_hurried(tmp_path: File, protocol: Protocol) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("guess")
    wrong.chmod(0o600)
    async with fabric(tmp_path, {"leaf1": protocol}, password=SecretReference("file", str(wrong))) as made:
        await made.submit(base(9000))
        view = await made.outcome("leaf1", OutcomeKind.UNREACHABLE)
        assert view.status.error_code == "DEVICE_TRUST"
        due = made.controller._queue.next_due()
        assert due is not None
        assert due - made.controller._clock.monotonic() > 20


async def test_edits_that_do_not_take_effect_are_named(one: Fabric) -> None:
    async def undo() -> None:
        """An operator who changes it back between our write and our reading it again."""
        commits = one.switch("leaf1").commits
        while one.switch("leaf1").commits == commits:
            await asyncio.sleep(0)
        while mtu_of(one) == 9100:
            with contextlib.suppress(FabricdError):  # by NETCONF, our lock is still being let go of
                await drift(one)
            await asyncio.sleep(0)

    # The read for verification waits until the back door was used.
    one.switch("leaf1").faults.delay(Rpc.GET, 0.0)
    one.switch("leaf1").faults.delay(Rpc.GET, 1.0)
    undoing = asyncio.create_task(undo())
    await one.submit(base(9100))
    await undoing

    async def failed() -> Any:
        return [r for r in await one.records("leaf1", Event.RECONCILE) if r.error_code == "NOT_CONVERGED"]

    (record, *_) = await one.until(failed, "not converged")
    assert (record.outcome, record.error_path) == (OutcomeKind.FAILED, f"{PORT}/config/mtu")
    await one.in_sync("leaf1")
    assert mtu_of(one) == 9100


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


@BOTH
async def test_a_transaction_left_open_is_resolved_at_start(tmp_path: File, protocol: Protocol) -> None:
    async with fabric(tmp_path, {"leaf1": protocol, "leaf2": protocol}) as made:
        await made.submit(document("all", ["leaf1", "leaf2"], ports_config(Ethernet1={"mtu": 9000})))
        await made.in_sync("leaf1", "leaf2")
        rpc = Rpc.SET if protocol is Protocol.GNMI else Rpc.COMMIT
        made.switch("leaf2").faults.add(Fault(rpc=rpc, kind=Kind.STALL))
        await made.submit(document("all", ["leaf1", "leaf2"], ports_config(Ethernet1={"mtu": 9100})))
        await made.until(functools.partial(_stalled, made, "leaf2"), "the write is under way")
        await made.in_sync("leaf1")
        await made.controller.stop(grace=0.05)
        await made.sessions.close()
        (left,) = await made.store.open_transactions()
        assert (left.device, left.phase) == ("leaf2", TransactionPhase.CONFIRMING)
        assert b"9000" in left.preimage
        made.switch("leaf2").faults.release()
        await made.reopen_store()
        made.start_over()
        await made.controller.start()
        await made.in_sync("leaf1", "leaf2")
        assert mtu_of(made, "leaf2") == 9100
        assert await made.store.open_transactions() == []
        (recovered,) = await made.records("leaf2", Event.RECOVERED)
        assert recovered.decision == left.decision
        assert "unknown" in recovered.message


async def _stalled(made: Fabric, device: str) -> bool:
    return made.switch(device).faults.stalled > 0


async def test_a_transaction_that_was_only_staged_is_resolved_too(one: Fabric) -> None:
    await one.controller.stop()
    status = (await one.view("leaf1")).status
    checked = status.checked
    assert checked is not None
    left = OpenTransaction("t1", "leaf1", 1, "d1", TransactionPhase.STAGING, checked, b"{}")
    await one.store.begin(left, replace((await one.records("leaf1"))[0], event=Event.APPLY, sequence=0))
    one.start_over()
    await one.controller.start()
    await one.in_sync("leaf1")
    (recovered,) = await one.records("leaf1", Event.RECOVERED)
    assert (recovered.decision, recovered.revision) == ("d1", 1)
    assert await one.store.open_transactions() == []


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


async def test_a_device_that_no_intent_names_is_left_as_it_is(one: Fabric) -> None:
    await one.submissions.submit(withdraw=["base"], author="tester")
    await one.outcome("leaf1", OutcomeKind.UNMANAGED)
    assert mtu_of(one) == 9000


async def test_submissions_that_cannot_be_are_refused_and_change_nothing(one: Fabric) -> None:
    before = await one.store.current()
    good = base(9100)
    bad = [
        document("b", ["leaf9"], {}),
        document("b", ["leaf1"], {INTERFACES: {"interface": [{"name": "E", "config": {"mtuu": 1}}]}}),
        document("b", ["leaf1"], {INTERFACES: {"interface": [{"name": "E", "config": {"mtu": "big"}}]}}),
        document("b", ["leaf1"], ports_config(Ethernet1={"mtu": 1234})),  # same priority, another value
        Document("b.yaml", b"kind: config\nname: [\n"),
    ]
    for wrong in bad:
        with pytest.raises(InputError) as caught:
            await one.submit(good, wrong)
        assert all(problem.message for problem in caught.value.problems)
    with pytest.raises(NotFoundError):
        await one.submissions.submit([good], ["nothing"], author="tester")
    with pytest.raises(ConflictError):
        await one.submit(good, base_revision=7)
    assert await one.store.current() == before
    assert mtu_of(one) == 9000


async def test_a_reference_to_nothing_is_told_with_intent_line_and_path(one: Fabric) -> None:
    text = """kind: config
name: user
devices: [leaf1]
config:
  openconfig-network-instance:network-instances:
    network-instance:
      - name: default
        config: {name: default, type: openconfig-network-instance-types:DEFAULT_INSTANCE}
        interfaces:
          interface:
            - id: Ethernet9
              config:
                id: Ethernet9
                interface: Ethernet9
"""
    with pytest.raises(InputError) as caught:
        await one.submit(Document("user.yaml", text.encode()))
    found = {(problem.device, problem.intent, problem.line) for problem in caught.value.problems}
    assert ("leaf1", "user.yaml: user", 14) in found


async def test_a_higher_priority_wins_leaf_by_leaf(one: Fabric) -> None:
    await one.submit(document("over", ["leaf1"], ports_config(Ethernet1={"mtu": 9200}), priority=200))
    await one.in_sync("leaf1")
    assert mtu_of(one) == 9200
    assert one.switch("leaf1").value(f"{PORT}/config/description") == "to spine1"


async def test_a_repeated_request_is_answered_and_not_repeated(one: Fabric) -> None:
    first = await one.submit(base(9100), request_id="r1")
    again = await one.submit(base(9100), request_id="r1")
    assert (again.revision, again.repeated, again.changed) == (first.revision, True, first.changed)
    with pytest.raises(RequestIdUsedError):
        await one.submit(base(9200), request_id="r1")
    same = await one.submit(base(9100))
    assert (same.revision, same.unchanged) == (first.revision, True)
    assert len(await one.store.revisions()) == 2


async def test_a_repeated_request_that_changed_nothing_is_not_carried_out_later(one: Fabric) -> None:
    same = await one.submit(base(9000), request_id="r1")
    assert (same.revision, same.unchanged, same.repeated) == (1, True, False)
    await one.submit(base(9100), request_id="r2")
    # The answer to r1 was lost, and its sender asks again: what came in between must stand.
    again = await one.submit(base(9000), request_id="r1", base_revision=1)
    assert (again.revision, again.unchanged, again.repeated) == (1, True, True)
    with pytest.raises(RequestIdUsedError):
        await one.submit(base(9200), request_id="r1")
    with pytest.raises(RequestIdUsedError):
        await one.submissions.rollback(1, author="tester", request_id="r1")
    assert [one.number for one in await one.store.revisions()] == [2, 1]


async def test_a_dry_run_leaves_its_request_id_unused(one: Fabric) -> None:
    for wanted in (base(9000), base(9100)):
        assert (await one.submit(wanted, request_id="r1", dry_run=True)).revision == 1
    done = await one.submit(base(9200), request_id="r1")
    assert (done.revision, done.repeated) == (2, False)


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


async def test_a_dry_run_plans_against_the_devices_and_changes_nothing(tmp_path: File) -> None:
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI, "leaf2": Protocol.NETCONF, "dead": Protocol.GNMI}) as made:
        await made.switch("dead").stop()
        done = await made.submit(
            document("all", ["leaf1", "leaf2", "dead"], ports_config(Ethernet1={"mtu": 9000})), dry_run=True
        )
        plans = {plan.plan.device: plan for plan in done.plans}
        assert (done.revision, done.changed) == (0, ("dead", "leaf1", "leaf2"))
        assert plans["dead"].error_code == "DEVICE_UNREACHABLE"
        for name in ("leaf1", "leaf2"):
            assert plans[name].plan.edits
            assert mtu_of(made, name) is None
        assert await made.store.current() is None


async def test_rollback_diff_and_plan(one: Fabric) -> None:
    await one.submit(base(9100))
    await one.in_sync("leaf1")
    old, new, (changed,) = await one.submissions.diff()
    assert (old, new, changed.plan.device) == (1, 2, "leaf1")
    assert [(edit.edit.old, edit.edit.new) for edit in changed.plan.edits] == [("9000", "9100")]
    back = await one.submissions.rollback(1, author="tester")
    assert (back.revision, back.changed) == (3, ("leaf1",))
    await one.in_sync("leaf1")
    assert mtu_of(one) == 9000
    revision = await one.store.revision(3)
    assert (revision.rollback_of, revision.comment) == (1, "rollback to revision 1")
    assert (await one.submissions.diff(1, 3))[2] == ()
    await one.controller.set_mode(["leaf1"], Mode.OBSERVE, author="tester")
    await drift(one)
    number, (plan,) = await one.submissions.plan(["leaf1"])
    assert number == 3
    assert [edit.edit.path.text for edit in plan.plan.edits] == [f"{PORT}/config/mtu"]


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
