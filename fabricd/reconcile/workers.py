"""Carries what is due from the queue to the work, one task a device, so many at a time.

Owned by the controller. Must not know what the work is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fabricd.model.outcome import Trigger
from fabricd.reconcile.clock import Clock
from fabricd.reconcile.queue import Entry, Queue

_LOG = logging.getLogger(__name__)

Work = Callable[[Entry], Awaitable[float | None]]
"""Works on one device; returns the seconds after which it wants to be tried again, or None. Raises nothing."""


def _nobody(_: str) -> bool:
    return False


class Workers:
    """Owns the queue's tasks. A device is never worked on twice at a time; none waits for another, unless all
    `concurrency` places are taken."""

    def __init__(
        self, queue: Queue, work: Work, clock: Clock, concurrency: int, away: Callable[[str], bool] = _nobody
    ) -> None:
        """`away` tells whether a device could not be reached last time; such devices wait for all others."""
        self._queue = queue
        self._work = work
        self._clock = clock
        self.concurrency = concurrency
        self._away = away
        self._wake = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.Task[None] | None = None
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_due: float | None = None

    def add(self, device: str, trigger: Trigger, delay: float = 0.0) -> None:
        """Put a device on the queue, to be worked on after `delay` seconds or sooner if it waits already."""
        self._queue.add(device, trigger, self._clock.monotonic() + delay, away=self._away(device))
        self._wake.set()

    def start(self) -> None:
        self._loop = asyncio.create_task(self._dispatch(), name="reconcile dispatch")

    async def stop(self, grace: float) -> None:
        """Take nothing more from the queue, give running work `grace` seconds, then cancel it and wait for its end."""
        self._cancel_alarm()
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        running = set(self._tasks.values())
        if running:
            _, late = await asyncio.wait(running, timeout=grace)
            for task in late:
                _LOG.warning("%s did not end within %.0f s and is cancelled", task.get_name(), grace)
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    @asynccontextmanager
    async def without(self, device: str) -> AsyncIterator[None]:
        """No round of this device until the block ends, and none under way: what is due waits, and keeps no worker. Not
        to be entered twice for a device."""
        while not self._queue.reserve(device):
            await asyncio.wait((self._tasks[device],))
        try:
            yield
        finally:
            self._queue.done(device)
            self._wake.set()

    async def _dispatch(self) -> None:
        while True:
            self._wake.clear()
            now = self._clock.monotonic()
            while len(self._tasks) < self.concurrency and (entry := self._queue.take(now)) is not None:
                task = asyncio.create_task(self._run(entry), name=f"reconcile of {entry.device}")
                self._tasks[entry.device] = task
            if len(self._tasks) < self.concurrency:
                self._set_alarm(self._queue.next_due(), now)
            await self._wake.wait()

    def _set_alarm(self, due: float | None, now: float) -> None:
        """Wake when the next entry is due. An alarm that is set for that time already stays: this runs often."""
        if due == self._alarm_due and self._alarm is not None and not self._alarm.done():
            return
        self._cancel_alarm()
        self._alarm_due = due
        if due is not None:
            self._alarm = asyncio.create_task(self._ring(max(0.0, due - now)), name="reconcile alarm")

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()

    async def _ring(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._wake.set()

    async def _run(self, entry: Entry) -> None:
        again: float | None = None
        try:
            again = await self._work(entry)
        finally:
            if again is not None:
                self.add(entry.device, Trigger.RETRY, again)
            self._queue.done(entry.device)
            del self._tasks[entry.device]
            self._wake.set()
