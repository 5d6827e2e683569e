"""Change notifications: one watcher a device that puts it on the queue as soon as the device says it changed.

Owned by the controller. Must not know protocols, nor what is done about a change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Protocol

from fabricd.errors import DeviceError, DeviceRefusedError, FabricdError
from fabricd.model.fetched import Change
from fabricd.model.path import Path
from fabricd.reconcile.backoff import Backoff
from fabricd.reconcile.clock import Clock
from fabricd.reconcile.outcomes import judge

_LOG = logging.getLogger(__name__)


class Watches(Protocol):
    """What southbound's Sessions offers for this: notifications on a session of its own."""

    def watch(self, device: str, roots: Sequence[Path]) -> AsyncIterator[Change]: ...


class Watchers:
    """Owns the watchers' tasks. `notify` is called with a device's name; notifications are hints, so nothing is lost
    when several come in one."""

    def __init__(self, sessions: Watches, notify: Callable[[str], None], backoff: Backoff, clock: Clock) -> None:
        self._sessions = sessions
        self._notify = notify
        self._backoff = backoff
        self._clock = clock
        self._tasks: dict[str, tuple[tuple[Path, ...], asyncio.Task[None]]] = {}

    @property
    def watched(self) -> frozenset[str]:
        """Devices whose watcher is at work; one that cannot notify has none."""
        return frozenset(name for name, (_, task) in self._tasks.items() if not task.done())

    async def watch(self, wanted: Mapping[str, tuple[Path, ...]]) -> None:
        """Watch exactly these devices below these roots; watchers that have the same to do go on."""
        await self.drop(name for name, (roots, _) in tuple(self._tasks.items()) if wanted.get(name) != roots)
        for name, roots in wanted.items():
            if name not in self._tasks:
                task = asyncio.create_task(self._keep_watching(name, roots), name=f"watch of {name}")
                self._tasks[name] = (roots, task)

    async def drop(self, devices: Iterable[str]) -> None:
        """Watch these no more. Who is to be watched all the same, but elsewhere or as somebody else, begins anew with
        the next `watch`; and so does one that could not notify as it was."""
        stopped = [self._tasks.pop(name)[1] for name in devices if name in self._tasks]
        for task in stopped:
            task.cancel()
        await asyncio.gather(*stopped, return_exceptions=True)

    async def rewatch(self, device: str, roots: tuple[Path, ...] | None) -> None:
        """Watch one device below these roots, or not at all; the others go on."""
        others = {name: kept for name, (kept, _) in self._tasks.items() if name != device}
        await self.watch(others if roots is None else {**others, device: roots})

    async def _keep_watching(self, device: str, roots: tuple[Path, ...]) -> None:
        failures = 0
        while True:
            stands = False
            wait = 0.0
            try:
                async with aclosing(self._sessions.watch(device, roots)) as changes:  # type: ignore[type-var]
                    async for _ in changes:
                        stands, failures = True, 0
                        self._notify(device)
                raise DeviceError("the device ended its notifications", device=device)
            except DeviceRefusedError as error:
                if not stands and not error.transient:
                    _LOG.info("%s does not notify of changes (%s); the sweep looks after it", device, error)
                    return
                wait = self._wait(device, error, failures)
            except FabricdError as error:
                wait = self._wait(device, error, failures)
            except Exception as error:  # noqa: BLE001 a watcher outlives every surprise
                _LOG.exception("watching %s failed", device)
                wait = self._wait(device, error, failures)
            failures += 1
            # Not while the error is handled: by its traceback it holds the session, and with it the connection.
            await self._clock.sleep(wait)

    def _wait(self, device: str, error: Exception, failures: int) -> float:
        """Seconds until the next try after `failures` and this one."""
        delay = self._backoff.delay(judge(error).retry, failures + 1)
        wait = self._backoff.settings.retry_max if delay is None else delay
        _LOG.debug("watching %s again in %.1f s: %s", device, wait, error)
        return wait
