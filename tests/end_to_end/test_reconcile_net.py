"""The net under every write: a change that a switch takes back by itself unless it is looked at and confirmed."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import pytest
from reconcile_fabric import INTERFACES, PORT, Fabric, document, fabric, ports_config, requests, with_settings

from fabricd.intent import Document
from fabricd.model.device import GnmiTraits, Mode, Protocol, WriteTraits
from fabricd.model.edit import Edit, Operation
from fabricd.model.outcome import Event, JournalRecord, OutcomeKind, TransactionPhase
from fabricd.model.path import Path
from fabricd.schema import Schema
from fabricd.settings import data_folder
from fabricd.simulator import Fault, Kind, Rpc
from fabricd.simulator.quirks import Quirks
from fabricd.southbound import netconf
from fabricd.southbound.profiles import load_profile

PROTOCOLS = list(Protocol)
BOTH = pytest.mark.parametrize("protocol", PROTOCOLS)
# The extension is known to be there, so that nothing is asked but what a test is about.
NET: dict[str, Any] = {"confirm_within": 30.0, "gnmi": GnmiTraits(commit="yes")}


@pytest.fixture(params=PROTOCOLS)
async def one(request: pytest.FixtureRequest, tmp_path: File) -> AsyncIterator[Fabric]:
    """One switch, `leaf1`, whose interfaces are owned wholly, in sync with MTU 9000 on Ethernet1."""
    async with fabric(tmp_path, {"leaf1": request.param}, write_timeout=1.0, **NET) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        yield made


def base(mtu: int, device: str = "leaf1", **ports: Any) -> Document:
    config = ports_config(Ethernet1={"mtu": mtu, "description": "to spine1"}, **ports)
    return document(f"base-{device}", [device], config, replace=True)


def mtu_of(made: Fabric, device: str = "leaf1") -> Any:
    return made.switch(device).value(f"{PORT}/config/mtu")


def rounds(heard: list[Rpc]) -> list[Rpc]:
    """What matters of them: reading, putting in force, confirming, taking back."""
    return [rpc for rpc in heard if rpc in (Rpc.GET, Rpc.COMMIT, Rpc.CONFIRM, Rpc.CANCEL)]


async def last(made: Fabric, device: str = "leaf1") -> JournalRecord:
    return (await made.records(device, Event.RECONCILE))[-1]


def pending(made: Fabric, device: str = "leaf1") -> bool:
    return made.switch(device)._datastore.pending is not None


async def nothing_left(made: Fabric, device: str = "leaf1") -> None:
    assert not pending(made, device)
    assert await made.store.open_transactions() == []


async def test_a_change_is_read_while_it_can_still_be_taken_back(one: Fabric) -> None:
    with requests(one) as heard:
        await one.submit(base(9100))
        await one.in_sync("leaf1")
    assert rounds(heard) == [Rpc.GET, Rpc.COMMIT, Rpc.GET, Rpc.CONFIRM]
    assert mtu_of(one) == 9100
    record = await last(one)
    assert record.outcome is OutcomeKind.APPLIED
    assert "probe" in dict(record.durations)
    assert "verify" not in dict(record.durations)
    (*_, applied) = await one.records("leaf1", Event.APPLY)
    assert "takes it back unless it is confirmed within 30 s" in applied.message
    await nothing_left(one)


@BOTH
async def test_a_plan_says_whether_the_switch_takes_it_back(tmp_path: File, protocol: Protocol) -> None:
    async with fabric(tmp_path, {"leaf1": protocol}, confirm_within=30.0) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        await made.switch("leaf1").change({f"{PORT}/config/mtu": 1500})
        _, (plan,) = await made.submissions.plan(["leaf1"])
        assert plan.plan.reverts_itself


@BOTH
async def test_without_time_to_confirm_there_is_no_net(tmp_path: File, protocol: Protocol) -> None:
    async with fabric(tmp_path, {"leaf1": protocol}, confirm_within=0.0) as made:
        with requests(made) as heard:
            await made.submit(base(9000))
            await made.in_sync("leaf1")
        assert Rpc.CONFIRM not in heard
        _, (plan,) = await made.submissions.plan(["leaf1"])
        assert not plan.plan.reverts_itself
        assert {"apply", "verify"} <= set(dict((await last(made)).durations))


async def test_a_change_without_an_answer_is_taken_back_before_it_is_made_again(one: Fabric) -> None:
    """The switch has it in force, we do not know: the id makes it known, and what is not confirmed does not last."""
    one.switch("leaf1").faults.add(Fault(rpc=Rpc.COMMIT, kind=Kind.STALL, after=True))
    with requests(one) as heard:
        await one.submit(base(9100))
        await one.in_sync("leaf1")
    expected = [Rpc.GET, Rpc.COMMIT, Rpc.CANCEL, Rpc.GET, Rpc.GET, Rpc.COMMIT, Rpc.GET, Rpc.CONFIRM]
    told = [rpc for at, rpc in enumerate(rounds(heard)) if rpc is not Rpc.CANCEL or rounds(heard)[at - 1] != rpc]
    assert told == expected
    assert mtu_of(one) == 9100
    failed = [record for record in await one.records("leaf1", Event.RECONCILE) if record.error_code]
    assert [(one.outcome, one.error_code) for one in failed] == [(OutcomeKind.UNREACHABLE, "DEVICE_TIMEOUT")]
    assert "read again" in failed[0].message
    await nothing_left(one)


@pytest.mark.parametrize("after", [True, False])
async def test_a_confirmation_without_an_answer_is_looked_up(one: Fabric, after: bool) -> None:
    one.switch("leaf1").faults.add(Fault(rpc=Rpc.CONFIRM, kind=Kind.STALL, after=after))
    with requests(one) as heard:
        await one.submit(base(9100))
        await one.in_sync("leaf1")
    assert mtu_of(one) == 9100
    assert rounds(heard).count(Rpc.COMMIT) == (1 if after else 2)
    codes = [(record.outcome, record.error_code) for record in await one.records("leaf1", Event.RECONCILE)]
    if after:  # it lasted
        assert codes[-1] == (OutcomeKind.APPLIED, "DEVICE_TIMEOUT")
    else:  # it was taken back, and made again
        assert (OutcomeKind.UNREACHABLE, "DEVICE_TIMEOUT") in codes
        assert codes[-1] == (OutcomeKind.APPLIED, "")
    assert (await one.view("leaf1")).status.error_code == ""
    await nothing_left(one)


async def test_a_switch_that_fails_to_take_a_change_back_still_holds_it(one: Fabric) -> None:
    """It shows the change, so that it would pass for applied, until the switch takes it back by itself."""
    faults = one.switch("leaf1").faults
    faults.add(Fault(rpc=Rpc.CONFIRM, kind=Kind.REFUSE), Fault(rpc=Rpc.CANCEL, kind=Kind.REFUSE, times=2))
    with requests(one) as heard:
        await one.submit(base(9100))
        await one.in_sync("leaf1")
    assert rounds(heard).count(Rpc.COMMIT) == 2
    assert mtu_of(one) == 9100
    (refused,) = [record for record in await one.records("leaf1", Event.RECONCILE) if record.error_code]
    assert refused.outcome is OutcomeKind.FAILED
    assert "not settled yet" in refused.message
    (recovered,) = await one.records("leaf1", Event.RECOVERED)
    assert "still held it unconfirmed and took it back" in recovered.message
    await nothing_left(one)


async def test_what_an_operator_has_in_force_is_not_taken_back_when_our_change_never_came_to_that(
    tmp_path: File,
) -> None:
    """The device's own way to cancel names no id: it takes back whatever is pending."""
    own = load_profile(data_folder("config") / "profiles" / "junos.toml").netconf
    quirks = Quirks(own_confirmed_commit=True)
    net = {"netconf": replace(own, handler="default"), "confirm_within": 30.0}
    async with fabric(tmp_path, {"leaf1": Protocol.NETCONF}, quirks=quirks, write_timeout=1.0, **net) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        operator = await netconf.connect(made.devices["leaf1"])
        with Schema(made.models) as schema:
            name = Edit(Operation.REPLACE, Path.parse("/openconfig-system:system/config/hostname"), None, '"theirs"')
            await operator.stage(schema.edit_config([name]), "theirs")
        assert pending(made)
        with requests(made) as heard:
            await made.submit(base(9100))
            await made.outcome("leaf1", OutcomeKind.FAILED)
            (refused,) = {record.error_code for record in await made.records("leaf1") if record.error_code}
            assert refused == "DEVICE_REFUSED"
            assert pending(made)
            assert Rpc.CANCEL not in heard
        await operator.confirm()
        await operator.close()
        await made.in_sync("leaf1")
        assert made.switch("leaf1").value("/openconfig-system:system/config/hostname") == "theirs"
        await nothing_left(made)


async def test_a_person_who_says_stop_before_it_is_in_force_keeps_it_from_that(tmp_path: File) -> None:
    """Minutes may go by over locks and large edits."""
    async with fabric(tmp_path, {"leaf1": Protocol.NETCONF}, **NET) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        made.switch("leaf1").faults.add(Fault(rpc=Rpc.VALIDATE, kind=Kind.STALL))
        with requests(made) as heard:
            await made.submit(base(9100))
            await made.until(functools.partial(_stalled, made), "the candidate is being validated")
            await made.controller.set_mode(["leaf1"], Mode.OBSERVE, author="tester")
            made.switch("leaf1").faults.release()
            await made.outcome("leaf1", OutcomeKind.DRIFTED)
            await made.until(functools.partial(_idle, made), "nothing is under way")
        assert Rpc.COMMIT not in heard
        assert Rpc.CANCEL not in heard
        assert not made.switch("leaf1")._datastore.dirty
        await nothing_left(made)


async def test_a_restart_takes_nothing_back_when_the_change_had_not_come_to_be_in_force(tmp_path: File) -> None:
    """On a device whose own way to cancel names no id that would be somebody else's."""
    own = load_profile(data_folder("config") / "profiles" / "junos.toml").netconf
    net = {"netconf": replace(own, handler="default"), "confirm_within": 30.0}
    quirks = Quirks(own_confirmed_commit=True)
    async with fabric(tmp_path, {"leaf1": Protocol.NETCONF}, quirks=quirks, **net) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        made.switch("leaf1").faults.add(Fault(rpc=Rpc.VALIDATE, kind=Kind.STALL))
        await made.submit(base(9100))
        await made.until(functools.partial(_stalled, made), "the candidate is being validated")
        await made.controller.stop(grace=0.0)
        await made.sessions.close()
        made.switch("leaf1").faults.release()
        (left,) = await made.store.open_transactions()
        assert (left.phase, bool(left.commit)) == (TransactionPhase.PREPARING, True)
        made.start_over()
        with requests(made) as heard:
            await made.controller.start()
            await made.in_sync("leaf1")
        assert Rpc.CANCEL not in heard
        (recovered,) = await made.records("leaf1", Event.RECOVERED)
        assert recovered.message == (
            "left before the change was put in force; read again, the device runs what it ran before"
        )
        await nothing_left(made)


async def test_a_person_who_says_stop_before_the_confirmation_has_it_taken_back(one: Fabric) -> None:
    faults = one.switch("leaf1").faults
    faults.add(Fault(rpc=Rpc.GET, kind=Kind.DELAY), Fault(rpc=Rpc.GET, kind=Kind.STALL))
    with requests(one) as heard:
        await one.submit(base(9100))
        await one.until(functools.partial(_stalled, one), "the change is in force and is being read")
        assert (pending(one), mtu_of(one)) == (True, 9100)
        await one.controller.set_mode(["leaf1"], Mode.OBSERVE, author="tester")
        faults.release()
        await one.outcome("leaf1", OutcomeKind.DRIFTED)
        await one.until(functools.partial(_idle, one), "nothing is under way")
    assert Rpc.CONFIRM not in heard
    assert mtu_of(one) == 9000
    await nothing_left(one)


async def _stalled(made: Fabric) -> bool:
    return made.switch("leaf1").faults.stalled > 0


async def _idle(made: Fabric) -> bool:
    return not made.controller.busy


@BOTH
async def test_a_change_that_cuts_the_switch_off_is_taken_back_by_it(tmp_path: File, protocol: Protocol) -> None:
    async with fabric(tmp_path, {"leaf1": protocol}, read_timeout=0.3, write_timeout=0.3, confirm_within=1.0) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        faults = made.switch("leaf1").faults
        with requests(made) as heard:
            # From the moment it is in force on, nothing that we ask gets an answer.
            silent = [Fault(rpc=rpc, kind=Kind.STALL, times=10_000) for rpc in (Rpc.CANCEL, Rpc.CONFIRM)]
            faults.add(Fault(rpc=Rpc.GET, kind=Kind.DELAY, seconds=0.0))  # the read before it
            faults.add(Fault(rpc=Rpc.GET, kind=Kind.STALL, times=10_000), *silent)
            await made.submit(base(9100))
            await made.until(lambda: _heard(heard, Rpc.COMMIT), "the change is in force")

            async def back() -> bool:
                return not pending(made) and mtu_of(made) == 9000

            async def unsettled() -> bool:
                return any("not settled yet" in one.message for one in await made.records("leaf1", Event.RECONCILE))

            await made.until(back, "the switch took it back")
            await made.until(unsettled, "it was asked in vain what became of it")
            assert (await made.view("leaf1")).in_sync is False
            faults.release()
            await made.in_sync("leaf1")
        assert mtu_of(made) == 9100
        (recovered, *_) = await made.records("leaf1", Event.RECOVERED)
        assert "read again, the device runs what it ran before" in recovered.message
        await nothing_left(made)


async def _heard(heard: list[Rpc], rpc: Rpc) -> bool:
    return rpc in heard


@BOTH
async def test_a_change_that_cuts_the_switch_off_is_not_made_again_and_again(
    tmp_path: File, protocol: Protocol
) -> None:
    """Each time the switch is out of reach until it takes the change back: that is an outage, and we make it."""
    settings = with_settings(flap_count=2)
    async with fabric(
        tmp_path, {"leaf1": protocol}, settings=settings, read_timeout=0.3, write_timeout=0.3, **NET
    ) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        faults = made.switch("leaf1").faults
        with requests(made) as heard:
            for _ in range(2):  # the reads before the change get their answers, that of the change in force does not
                faults.add(Fault(rpc=Rpc.GET, kind=Kind.DELAY), Fault(rpc=Rpc.GET, kind=Kind.STALL))
                faults.add(Fault(rpc=Rpc.GET, kind=Kind.DELAY))
            await made.submit(base(9100))
            view = await made.outcome("leaf1", OutcomeKind.UNSTABLE)
        assert rounds(heard).count(Rpc.COMMIT) == 2
        assert Rpc.CONFIRM not in heard
        assert view.status.unstable == (f"{PORT}/config/mtu",)
        assert mtu_of(made) == 9000
        await nothing_left(made)
        await made.checked("leaf1", approve=True)
        await made.in_sync("leaf1")
        assert mtu_of(made) == 9100


@BOTH
async def test_a_restart_has_what_was_not_confirmed_taken_back_first(tmp_path: File, protocol: Protocol) -> None:
    async with fabric(tmp_path, {"leaf1": protocol, "leaf2": protocol}, **NET) as made:
        for name in ("leaf1", "leaf2"):
            await made.submit(base(9000, name))
        await made.in_sync("leaf1", "leaf2")
        made.switch("leaf1").faults.add(Fault(rpc=Rpc.CONFIRM, kind=Kind.STALL))
        made.switch("leaf1").faults.add(Fault(rpc=Rpc.CANCEL, kind=Kind.STALL, times=2))
        await made.submit(base(9100))
        await made.until(functools.partial(_stalled, made), "the confirmation is under way")
        await made.controller.stop(grace=0.05)
        await made.sessions.close()
        (left,) = await made.store.open_transactions()
        assert (left.phase, bool(left.commit), left.deadline is not None) == (TransactionPhase.CONFIRMING, True, True)
        assert pending(made)
        assert mtu_of(made) == 9100
        await made.reopen_store()
        made.start_over()
        made.switch("leaf1").faults.release()
        with requests(made) as heard:
            await made.controller.start()
            await made.in_sync("leaf1", "leaf2")
        assert rounds(heard) == [Rpc.CANCEL, Rpc.GET, Rpc.COMMIT, Rpc.GET, Rpc.CONFIRM]
        assert mtu_of(made) == 9100
        (recovered,) = await made.records("leaf1", Event.RECOVERED)
        assert recovered.decision == left.decision
        assert "took it back" in recovered.message
        assert "what it ran before" in recovered.message
        await nothing_left(made)


@BOTH
async def test_one_leaf_that_never_takes_does_not_keep_the_others_from_being_written(
    tmp_path: File, protocol: Protocol
) -> None:
    """The switch drops the lag-type of a bundle without members; everything else of the revision is good."""
    settings = with_settings(flap_count=3)
    quirks = Quirks(lag_with_members=True)
    async with fabric(tmp_path, {"leaf1": protocol}, settings=settings, quirks=quirks, **NET) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        bundle = {"type": "iana-if-type:ieee8023adLag"}
        loopbacks = {f"Loopback{n}": {"type": "iana-if-type:softwareLoopback", "mtu": 9000} for n in range(20)}
        config = ports_config(Ethernet1={"mtu": 9100}, PortChannel1=bundle, **loopbacks)
        (lag,) = [entry for entry in config[INTERFACES]["interface"] if entry["name"] == "PortChannel1"]
        lag["openconfig-if-aggregate:aggregation"] = {"config": {"lag-type": "LACP"}}
        with requests(made) as heard:
            await made.submit(document("base-leaf1", ["leaf1"], config, replace=True))
            await made.outcome("leaf1", OutcomeKind.UNSTABLE)
        lying = f"/{INTERFACES}/interface[name='PortChannel1']/openconfig-if-aggregate:aggregation"
        records = await made.records("leaf1", Event.RECONCILE)
        first, second, *more = [record for record in records if record.revision == 2]
        # Taken back as a whole at first; then the others without it; then it alone, until it is given up.
        assert (first.outcome, first.error_code, first.error_path[: len(lying)]) == (
            OutcomeKind.FAILED,
            "NOT_CONVERGED",
            lying,
        )
        assert (second.outcome, second.error_code) == (OutcomeKind.FAILED, "NOT_CONVERGED")
        assert "everything else is in force" in second.message
        assert mtu_of(made) == 9100
        assert made.switch("leaf1").value(f"/{INTERFACES}/interface[name='Loopback19']/config/mtu") == 9000
        (unstable,) = (await made.view("leaf1")).status.unstable
        assert unstable.startswith(lying)
        assert more[-1].outcome is OutcomeKind.UNSTABLE
        assert rounds(heard).count(Rpc.CONFIRM) == 1
        await nothing_left(made)


@BOTH
async def test_a_switch_that_shows_changes_late_is_waited_for(tmp_path: File, protocol: Protocol) -> None:
    quirks = Quirks(applies_after=0.8)
    async with fabric(tmp_path, {"leaf1": protocol}, quirks=quirks, write=WriteTraits(settle=10.0), **NET) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        assert mtu_of(made) == 9000
        assert [record.error_code for record in await made.records("leaf1", Event.RECONCILE)] == [""] * 2
        await nothing_left(made)
