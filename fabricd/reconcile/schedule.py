"""Calendar: the sweep over all devices, the pruning of the journal, and the windows in which drift may be repaired.

Started by the controller. The only user of APScheduler; its jobs put names on the queue and do no work themselves.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from fabricd.errors import InputError, Problem
from fabricd.reconcile.clock import Clock

_LOG = logging.getLogger(__name__)

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PRUNE_INTERVAL = timedelta(minutes=10)
_LOOK_AT_CLOCK = 30.0  # seconds
_CLOCK_STEP = 5.0  # seconds that wall time may gain or lose on the steady clock between two looks


@dataclass(frozen=True, slots=True)
class Window:
    """One enforcement window: it opens when `trigger` fires and stays open for `length`."""

    text: str
    trigger: Any
    length: timedelta

    @classmethod
    def parse(cls, text: str, zone: tzinfo | None = None) -> Window:
        """Read 'MINUTE HOUR DAY MONTH WEEKDAY +DURATION_MINUTES' (crontab(5): 0 and 7 are Sunday), in `zone` or else
        the machine's. Raises InputError."""
        *fields, duration = text.split() or [""]
        if len(fields) != 5 or not duration.removeprefix("+").isdigit() or int(duration.removeprefix("+")) == 0:
            raise _bad_window(text, "expected 'MINUTE HOUR DAY MONTH WEEKDAY +DURATION_MINUTES'")
        try:
            # APScheduler counts weekdays from Monday, cron from Sunday: names mean the same to both.
            trigger = CronTrigger.from_crontab(" ".join((*fields[:4], _weekdays(fields[4]))), timezone=zone)
        except ValueError as error:
            raise _bad_window(text, str(error)) from error
        return cls(text, trigger, timedelta(minutes=int(duration.removeprefix("+"))))

    def is_open(self, now: datetime) -> bool:
        """Whether the window opened less than its length ago. `now` is aware."""
        opened = self.trigger.get_next_fire_time(None, now - self.length + timedelta(microseconds=1))
        return opened is not None and bool(opened <= now)


def parse_windows(texts: Sequence[str], zone: tzinfo | None = None) -> tuple[Window, ...]:
    """All windows. Raises InputError naming the setting."""
    return tuple(Window.parse(text, zone) for text in texts)


def any_open(windows: Sequence[Window], now: datetime) -> bool:
    """Whether drift may be repaired now: always, when there are no windows."""
    return not windows or any(window.is_open(now) for window in windows)


def phase(device: str) -> float:
    """Where in each sweep (0..1) a device has its turn: the same in every sweep and life, spread evenly."""
    return int.from_bytes(hashlib.blake2b(device.encode(), digest_size=8).digest(), "big") / 2.0**64


class Schedule:
    """Owns the scheduler. `sweep` gets the seconds over which to spread the devices.

    APScheduler plans by wall time: after that was set back, as by NTP on a machine that booted with a wrong clock, the
    next sweep would be as far away as the step was wide. Steps are looked for, and the jobs planned anew.
    """

    def __init__(self, sweep: Callable[[float], None], prune: Callable[[], Awaitable[None]], clock: Clock) -> None:
        self._sweep = sweep
        self._prune = prune
        self._clock = clock
        self._scheduler = AsyncIOScheduler()
        self._interval = 0.0
        self._minding: asyncio.Task[None] | None = None

    def start(self, interval: float) -> None:
        self._interval = interval
        # One job for all devices: with a job for each, APScheduler drops most of them when many are due at once.
        always: dict[str, Any] = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._scheduler.add_job(self._swept, IntervalTrigger(seconds=interval), args=[interval], id="sweep", **always)
        self._scheduler.add_job(
            self._prune, IntervalTrigger(seconds=_PRUNE_INTERVAL.total_seconds()), id="prune", **always
        )
        self._scheduler.start()
        self._minding = asyncio.create_task(self._mind_the_clock(), name="clock steps")

    def change_interval(self, interval: float) -> None:
        """Plan the sweep anew if this is another interval. Else it stays as planned: settings may be read again more
        often than a sweep takes."""
        if interval == self._interval:
            return
        self._interval = interval
        self._scheduler.modify_job("sweep", args=[interval])
        self._plan_sweep()

    def _plan_sweep(self) -> None:
        self._scheduler.reschedule_job("sweep", trigger=IntervalTrigger(seconds=self._interval))

    def _plan_anew(self) -> None:
        self._plan_sweep()
        self._scheduler.reschedule_job("prune", trigger=IntervalTrigger(seconds=_PRUNE_INTERVAL.total_seconds()))

    async def _mind_the_clock(self) -> None:
        ahead = self._ahead()
        while True:
            await self._clock.sleep(_LOOK_AT_CLOCK)
            before, ahead = ahead, self._ahead()
            if abs(ahead - before) > _CLOCK_STEP:
                _LOG.warning("the clock was set by %+.0f s; the next sweep is planned anew", ahead - before)
                self._plan_anew()

    def _ahead(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()

    def stop(self) -> None:
        if self._minding is not None:
            self._minding.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _swept(self, interval: float) -> None:
        # A coroutine, because APScheduler would run a plain function in a thread.
        self._sweep(interval)


def _weekdays(text: str) -> str:
    """A crontab weekday field with names for numbers: '1-5' -> 'mon-fri', '0,6' -> 'sun,sat'."""
    if text == "*":
        return text
    parts: list[str] = []
    for part in text.split(","):
        days, _, step = part.partition("/")
        first, dash, last = days.partition("-")
        if first.isdigit() and (not dash or last.isdigit()) and not step:
            start, end = int(first), int(last or first)
            if start > end or end > 7:
                raise ValueError(f"weekday {part!r} is not within 0-7")
            parts += (_WEEKDAYS[day] for day in range(start, end + 1))
        elif not step:
            parts.append(part)
        else:
            raise ValueError(f"weekday {part!r}: steps are not supported, name the days")
    return ",".join(parts)


def _bad_window(text: str, why: str) -> InputError:
    return InputError.of((Problem(f"{text!r}: {why}", path="reconcile.windows"),))
