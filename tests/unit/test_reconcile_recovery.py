"""Writes of unknown effect: asked for until the device says or its deadline is over, closed when it was read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path as File
from random import Random
from typing import cast

import pytest

from fabricd.errors import DeviceError, DeviceRefusedError, DeviceTimeoutError
from fabricd.model.device import Device, Mode, Profile, Protocol, Timeouts
from fabricd.model.edit import Edit, Operation
from fabricd.model.outcome import Event, JournalRecord, OpenTransaction, OutcomeKind, TransactionPhase, Trigger
from fabricd.model.path import Path
from fabricd.model.plan import Disruption, Plan, PlannedEdit
from fabricd.plan import Planned
from fabricd.reconcile.backoff import Backoff
from fabricd.reconcile.ledger import Run
from fabricd.reconcile.recovery import Recovery
from fabricd.settings import ReconcileSettings
from fabricd.southbound.target import Target
from fabricd.store import Store

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
DEVICE = Device("leaf1", "", 0, Protocol.GNMI, Profile("test", timeouts=Timeouts(write=20.0)))
EDIT = PlannedEdit(Edit(Operation.DELETE, Path.parse("/a:b")), Disruption.HITLESS)
EQUAL = Planned(Plan("leaf1", 3))
AS_BEFORE = Planned(Plan("leaf1", 3, (EDIT,)), preimage=b"before")
OTHER = Planned(Plan("leaf1", 3, (EDIT,)), preimage=b"else")


@dataclass
class ManualClock:
    time: datetime = NOON
    running: float = 0.0

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.running

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.running += seconds


@dataclass
class Answers:
    """What a target says of an id, and of being told to save."""

    resolved: bool | DeviceError = False
    saved: DeviceError | None = None
    asked: list[str] = field(default_factory=list)
    late: bool = False

    async def resolve(self, commit: str, *, late: bool = False) -> bool:
        self.asked.append(commit)
        self.late = late
        if isinstance(self.resolved, DeviceError):
            raise self.resolved
        return self.resolved

    async def save(self) -> None:
        self.asked.append("save")
        if self.saved is not None:
            raise self.saved


@dataclass
class Bench:
    store: Store
    clock: ManualClock
    recovery: Recovery

    async def run(self) -> Run:
        status = await self.store.status("leaf1")
        return Run("d2", DEVICE, Mode.ENFORCE, Trigger.START, status, 0.0, self.clock, revision=3)

    async def round(self, answers: Answers, found: Planned | None = EQUAL) -> None:
        run, target = await self.run(), cast("Target", answers)
        await self.recovery.resolve(run, target)
        await self.recovery.close(run, target, found)

    async def told(self) -> list[str]:
        return [one.message for one in await self.store.journal(0, 100) if one.event is Event.RECOVERED]


@pytest.fixture
async def bench(tmp_path: File) -> AsyncIterator[Bench]:
    async with await Store.open(tmp_path / "store.db") as store:
        clock = ManualClock()
        yield Bench(store, clock, Recovery(store, clock, Backoff(ReconcileSettings(retry_first=1), Random(1))))


def opened(phase: TransactionPhase, commit: str = "c1", device: str = "leaf1") -> OpenTransaction:
    deadline = NOON + timedelta(seconds=60) if commit else None
    return OpenTransaction(f"t-{device}", device, 3, "d1", phase, NOON, b"before", commit, deadline)


async def leave_open(bench: Bench, phase: TransactionPhase, commit: str = "c1", device: str = "leaf1") -> None:
    await bench.store.begin(opened(phase, commit, device), JournalRecord(NOON, Event.APPLY, device=device))


@pytest.mark.parametrize(
    ("held", "found", "says"),
    [
        (True, AS_BEFORE, "still held it unconfirmed and took it back; read again, the device runs what it ran before"),
        (False, EQUAL, "holds nothing unconfirmed; read again, the device runs what it shall"),
        (False, OTHER, "holds nothing unconfirmed; read again, 1 edits are needed"),
        (True, None, "took it back; no intent names the device any more"),
    ],
)
async def test_what_the_device_said_and_runs_is_told(
    bench: Bench, held: bool, found: Planned | None, says: str
) -> None:
    await leave_open(bench, TransactionPhase.STAGING)
    assert await bench.recovery.load(["leaf1", "leaf2"]) == ("leaf1",)
    assert bench.recovery.pending("leaf1")
    answers = Answers(held)
    await bench.round(answers, found)
    (message,) = await bench.told()
    assert message.endswith(says)
    assert answers.asked == ["c1"] + ["save"] * (found is EQUAL)
    assert not bench.recovery.pending("leaf1")
    assert await bench.store.open_transactions() == []


async def test_a_device_that_does_not_say_is_asked_until_its_deadline_is_over(bench: Bench) -> None:
    await leave_open(bench, TransactionPhase.CONFIRMING)
    await bench.recovery.load(["leaf1"])
    answers = Answers(DeviceTimeoutError("no answer"))
    for seconds, late in ((0, False), (59, False), (30, True)):  # 60 s, 20 s for a write, 10 s to spare
        await bench.clock.sleep(seconds)
        with pytest.raises(DeviceTimeoutError):
            await bench.round(answers)
        assert answers.late is late
        assert await bench.told() == []
    await bench.clock.sleep(2)
    await bench.round(answers, AS_BEFORE)
    (message,) = await bench.told()
    assert "its effect was unknown; the device did not say" in message
    assert message.endswith("its deadline is over; read again, the device runs what it ran before")


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400)])
async def test_a_clock_that_is_set_ends_no_deadline_early_and_none_never(bench: Bench, jump: timedelta) -> None:
    """A machine that starts without a clock is years off until it hears of the time."""
    await leave_open(bench, TransactionPhase.CONFIRMING)
    bench.clock.time += jump
    await bench.recovery.load(["leaf1"])
    answers = Answers(DeviceTimeoutError("no answer"))
    with pytest.raises(DeviceTimeoutError):
        await bench.round(answers)
    await bench.clock.sleep(91)
    await bench.round(answers, AS_BEFORE)
    assert await bench.store.open_transactions() == []


async def test_what_cannot_be_saved_stays_open(bench: Bench) -> None:
    await leave_open(bench, TransactionPhase.CONFIRMING)
    await bench.recovery.load(["leaf1"])
    with pytest.raises(DeviceRefusedError):
        await bench.round(Answers(saved=DeviceRefusedError("startup is locked")))
    assert len(await bench.store.open_transactions()) == 1
    again = Answers()
    await bench.round(again)
    assert again.asked == ["save"]  # what the device said of the id is remembered
    assert await bench.store.open_transactions() == []


async def test_a_plain_write_is_only_read_again(bench: Bench) -> None:
    await leave_open(bench, TransactionPhase.CONFIRMING, commit="")
    await bench.recovery.load(["leaf1"])
    answers = Answers(DeviceTimeoutError("never asked"))
    await bench.round(answers, OTHER)
    assert answers.asked == []
    (message,) = await bench.told()
    assert "its effect was unknown; read again, 1 edits are needed" in message


async def test_what_is_open_on_a_device_that_left_is_closed(bench: Bench) -> None:
    await leave_open(bench, TransactionPhase.STAGING, device="leaf9")
    assert await bench.recovery.load(["leaf1"]) == ()
    assert "not in the inventory any more" in (await bench.told())[0]
    assert await bench.store.open_transactions() == []


async def test_an_old_digest_does_not_count_after_a_write_of_unknown_effect(bench: Bench) -> None:
    run = await bench.run()
    known = type(run.status)("leaf1", OutcomeKind.IN_SYNC, 3, "tree", "bytes")
    await bench.store.finish(known)
    await leave_open(bench, TransactionPhase.CONFIRMING)
    await bench.recovery.load(["leaf1"])
    await bench.round(Answers())
    assert (await bench.store.status("leaf1")).in_sync_digest == ""


async def test_the_waits_start_anew_for_a_write_of_unknown_effect(bench: Bench) -> None:
    bench.recovery.keep(opened(TransactionPhase.CONFIRMING))
    first = bench.recovery.delay("leaf1")
    assert first is not None
    assert first <= 1
    for _ in range(4):
        with pytest.raises(DeviceTimeoutError):
            await bench.round(Answers(DeviceTimeoutError("no answer")))
    later = bench.recovery.delay("leaf1")
    assert later is not None
    assert 4 <= later <= 8
