"""Rounds that fail: switches that refuse, are dead, stall or do not do as told, and writes that a crash left open."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from dataclasses import replace
from pathlib import Path as File
from typing import Any

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

from fabricd.errors import FabricdError
from fabricd.model.device import Protocol, SecretReference
from fabricd.model.outcome import Event, OpenTransaction, OutcomeKind, TransactionPhase
from fabricd.simulator import Fault, Kind, Rpc
from fabricd.simulator.datastore import LockedError

BOTH = pytest.mark.parametrize("protocol", list(Protocol))


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

    async def freed() -> bool:
        with contextlib.suppress(LockedError):  # while fabricd tries once more
            await one.switch("leaf1").change(delete=[member])
            return True
        return False

    await one.until(freed, "the switch does not need it any more")
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
    faults = one.switch("leaf1").faults
    faults.add(Fault(rpc=Rpc.GET, kind=Kind.DELAY), Fault(rpc=Rpc.GET, kind=Kind.STALL))
    undoing = asyncio.create_task(undo())
    await one.submit(base(9100))
    await undoing
    await one.until(functools.partial(_stalled, one, "leaf1"), "the change is being verified")
    faults.release()

    async def failed() -> Any:
        return [r for r in await one.records("leaf1", Event.RECONCILE) if r.error_code == "NOT_CONVERGED"]

    (record, *_) = await one.until(failed, "not converged")
    assert (record.outcome, record.error_path) == (OutcomeKind.FAILED, f"{PORT}/config/mtu")
    await one.in_sync("leaf1")
    assert mtu_of(one) == 9100


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
