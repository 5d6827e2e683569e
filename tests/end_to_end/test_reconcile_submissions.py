"""Submissions: what is refused and changes nothing, priorities, request ids, dry runs, rollback, diff and plan."""

from __future__ import annotations

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

from fabricd.errors import ConflictError, InputError, NotFoundError, RequestIdUsedError, StoreError
from fabricd.intent import Document
from fabricd.model.device import Mode, Protocol
from fabricd.model.intent import Revision
from fabricd.model.outcome import JournalRecord
from fabricd.store import DesiredHead, NewRevision


async def test_a_revision_that_was_made_is_told_although_the_store_cannot_be_read_right_after(
    tmp_path: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}, settings=with_settings(watch_changes=True)) as made:
        commit, unread = made.store.commit, made.store.desired_head

        async def broken(device: str) -> DesiredHead | None:
            monkeypatch.setattr(made.store, "desired_head", unread)
            raise StoreError("cannot read the store: disk I/O error")

        async def commit_and_break(new: NewRevision, record: JournalRecord) -> Revision:
            revision = await commit(new, record)
            monkeypatch.setattr(made.store, "desired_head", broken)
            return revision

        monkeypatch.setattr(made.store, "commit", commit_and_break)
        assert (await made.submit(base(9000))).revision == 1
        await made.in_sync("leaf1")


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
