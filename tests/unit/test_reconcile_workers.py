"""Workers: bounded, one a device, none waiting for another; retries and stopping, on a clock turned by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from fabricd.model.outcome import Trigger
from fabricd.reconcile.queue import Entry, Queue
from fabricd.reconcile.workers import Workers


class HandClock:
    """Stands still until `turn`."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._now)

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        until = asyncio.Event()
        self._sleepers.append((self._now + seconds, until))
        await until.wait()

    def turn(self, seconds: float) -> None:
        self._now += seconds
        for due, event in self._sleepers:
            if due <= self._now:
                event.set()


class Bench:
    """Work that records what happens and lasts until it is released."""

    def __init__(self, concurrency: int = 2) -> None:
        self.clock = HandClock()
        self.began: list[str] = []
        self.triggers: list[frozenset[Trigger]] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.retry: dict[str, float] = {}
        self.ended: list[str] = []
        self.workers = Workers(Queue(), self._work, self.clock, concurrency)

    async def _work(self, entry: Entry) -> float | None:
        self.began.append(entry.device)
        self.triggers.append(entry.triggers)
        if entry.device in self.gates:
            await self.gates[entry.device].wait()
        self.ended.append(entry.device)
        return self.retry.pop(entry.device, None)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Bench]:
    bench.workers.start()
    try:
        yield bench
    finally:
        await bench.workers.stop(grace=0.0)


async def settle() -> None:
    """Let every task that can go on do so: nothing here waits for real time."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_device_that_hangs_keeps_no_other_waiting() -> None:
    async with running(Bench(concurrency=2)) as bench:
        bench.gates["dead"] = asyncio.Event()
        for name in ("dead", "a", "b", "c"):
            bench.workers.add(name, Trigger.SCHEDULE)
        await settle()
        assert bench.ended == ["a", "b", "c"]
        assert bench.began == ["dead", "a", "b", "c"]


async def test_no_more_than_so_many_are_worked_on_at_a_time() -> None:
    async with running(Bench(concurrency=2)) as bench:
        bench.gates = {name: asyncio.Event() for name in "abc"}
        for name in "abc":
            bench.workers.add(name, Trigger.SCHEDULE)
        await settle()
        assert bench.began == ["a", "b"]
        bench.gates["b"].set()
        await settle()
        assert bench.began == ["a", "b", "c"]


async def test_a_device_added_while_it_is_worked_on_runs_once_afterwards() -> None:
    async with running(Bench()) as bench:
        bench.gates["a"] = asyncio.Event()
        bench.workers.add("a", Trigger.SCHEDULE)
        await settle()
        bench.workers.add("a", Trigger.CHANGE)
        bench.workers.add("a", Trigger.REVISION)
        await settle()
        assert bench.began == ["a"]
        bench.gates["a"].set()
        await settle()
        assert bench.began == ["a", "a"]
        assert bench.triggers[1] == {Trigger.CHANGE, Trigger.REVISION}


async def test_a_delay_is_waited_for_and_an_earlier_wish_shortens_it() -> None:
    async with running(Bench()) as bench:
        bench.workers.add("a", Trigger.SCHEDULE, 10.0)
        bench.workers.add("b", Trigger.SCHEDULE, 10.0)
        await settle()
        bench.clock.turn(9.0)
        bench.workers.add("b", Trigger.OPERATOR)
        await settle()
        assert bench.began == ["b"]
        bench.clock.turn(1.0)
        await settle()
        assert bench.began == ["b", "a"]


async def test_failed_work_is_tried_again_after_its_wait() -> None:
    async with running(Bench()) as bench:
        bench.retry["a"] = 5.0
        bench.workers.add("a", Trigger.REVISION)
        await settle()
        bench.clock.turn(4.0)
        await settle()
        assert bench.began == ["a"]
        bench.clock.turn(1.0)
        await settle()
        assert bench.began == ["a", "a"]
        assert bench.triggers[1] == {Trigger.RETRY}
        bench.clock.turn(1000.0)
        await settle()
        assert bench.began == ["a", "a"]


async def test_stopping_lets_work_end_and_takes_nothing_new() -> None:
    bench = Bench()
    bench.workers.start()
    bench.gates["a"] = asyncio.Event()
    bench.workers.add("a", Trigger.REVISION)
    await settle()
    stopping = asyncio.create_task(bench.workers.stop(grace=30.0))
    await settle()
    bench.workers.add("b", Trigger.REVISION)
    bench.gates["a"].set()
    await stopping
    assert (bench.began, bench.ended) == (["a"], ["a"])


async def test_stopping_cancels_what_does_not_end() -> None:
    bench = Bench()
    bench.workers.start()
    bench.gates["a"] = asyncio.Event()
    bench.workers.add("a", Trigger.REVISION)
    await settle()
    await bench.workers.stop(grace=0.01)
    assert (bench.began, bench.ended) == (["a"], [])
