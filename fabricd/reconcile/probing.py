"""Probes of devices: one at a time each, with the device set apart meanwhile and the journal told what is tried.

Called by northbound. How a device is probed is handed in: this must not know a concrete adapter.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from fabricd.errors import DeviceError
from fabricd.model.device import Device, Profile
from fabricd.model.outcome import Event, JournalRecord, OpenTransaction, TransactionPhase
from fabricd.model.probe import ProbeOptions, ProbeReport, ProbeStep
from fabricd.reconcile.clock import Clock, SystemClock
from fabricd.reconcile.controller import Controller
from fabricd.schema import ModelSet, SchemaPool
from fabricd.store import Store


class Prober(Protocol):
    """southbound/probe's function."""

    async def __call__(
        self,
        device: Device,
        options: ProbeOptions,
        *,
        models: ModelSet,
        schemas: SchemaPool,
        known: Sequence[Profile],
        commit: str,
        note: Callable[[str], Awaitable[None]],
        told: Callable[[ProbeStep], None],
    ) -> ProbeReport: ...


class Probes:
    """`known` are the profiles there are, renewed with the settings."""

    def __init__(
        self,
        *,
        controller: Controller,
        store: Store,
        schemas: SchemaPool,
        prober: Prober,
        known: Sequence[Profile],
        clock: Clock | None = None,
    ) -> None:
        self._controller = controller
        self._store = store
        self._schemas = schemas
        self._prober = prober
        self._clock = clock or SystemClock()
        self._tasks: set[asyncio.Task[ProbeReport]] = set()
        self.known = known

    async def stop(self) -> None:
        """End the probes under way, and wait until what they tried is taken back. Nobody may begin one any more."""
        await _ended(self._tasks)

    async def probe(
        self, device: str, options: ProbeOptions, *, author: str
    ) -> AsyncGenerator[ProbeStep | ProbeReport, None]:
        """Progress, and the report as the last item. Closing the generator ends the probe, and waits until what was
        tried is taken back.

        Raises NotFoundError, ConflictError (it is being probed, or a write is open there), DeviceError.
        """
        steps: asyncio.Queue[ProbeStep | None] = asyncio.Queue()
        task = asyncio.create_task(self._probed(device, options, author, steps), name=f"probe of {device}")
        task.add_done_callback(lambda _: steps.put_nowait(None))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while (step := await steps.get()) is not None:
                yield step
            yield await task
        finally:
            await _ended((task,))

    async def _probed(
        self, device: str, options: ProbeOptions, author: str, steps: asyncio.Queue[ProbeStep | None]
    ) -> ProbeReport:
        trial = _Trial(self._store, self._clock, device, author, options)
        async with self._controller.apart(device) as held:
            try:
                report = await self._prober(
                    held,
                    options,
                    models=self._controller.fleet.model_set(held),
                    schemas=self._schemas,
                    known=self.known,
                    commit=trial.commit,
                    note=trial.note,
                    told=steps.put_nowait,
                )
            except DeviceError:
                # Whether all of it was taken back is not known.
                if trial.begun is not None:
                    self._controller.left_open(trial.begun)
                raise
            except BaseException:
                await asyncio.shield(trial.end("the probe was given up, and what it tried taken back"))
                raise
            left = f"; left behind: {', '.join(report.left)}" if report.left else ""
            counts = f"{len(report.findings)} findings, {len(report.undecided)} not decided"
            await trial.end(f"probed: {counts}{left}")
            return _told(report, self._controller.secrets.conceal)


async def _ended(tasks: Iterable[asyncio.Task[ProbeReport]]) -> None:
    running = [task for task in tasks if not task.done()]
    for task in running:
        if not task.cancelling():
            task.cancel()
    if running:
        await asyncio.wait(running)


def _told(report: ProbeReport, conceal: Callable[[str], str]) -> ProbeReport:
    """Without the secrets that the device quoted in its answers."""
    return replace(
        report,
        findings=tuple(replace(one, evidence=tuple(map(conceal, one.evidence))) for one in report.findings),
        undecided=tuple(replace(one, why=conceal(one.why)) for one in report.undecided),
    )


class _Trial:
    """What the store knows of one probe: a transaction from the first note on, so that a restart has the device take
    back what was tried. `begun` is it, None before."""

    def __init__(self, store: Store, clock: Clock, device: str, author: str, options: ProbeOptions) -> None:
        self._store = store
        self._clock = clock
        self._device = device
        self._author = author
        # Every trial has its own deadline, and the last one may begin when the time for all is nearly over.
        self._longest = timedelta(seconds=options.timeout + options.deadline)
        self.commit = f"fabricd-probe-{secrets.token_hex(4)}"
        self.begun: OpenTransaction | None = None

    async def note(self, text: str) -> None:
        """Durable when it returns."""
        if self.begun is not None:
            await self._store.append([self._record(text)])
            return
        now = self._clock.now()
        begun = OpenTransaction(
            id=self.commit,
            device=self._device,
            revision=0,
            decision=self.commit,
            phase=TransactionPhase.STAGING,
            started=now,
            commit=self.commit,
            deadline=now + self._longest,
        )
        await self._store.begin(begun, self._record(text))
        self.begun = begun

    async def end(self, text: str) -> None:
        """Nothing is open any more."""
        if self.begun is None:
            await self._store.append([self._record(text)])
            return
        await self._store.finish(await self._store.status(self._device), [self._record(text)], self.begun.id)
        self.begun = None

    def _record(self, text: str) -> JournalRecord:
        return JournalRecord(
            self._clock.now(),
            Event.NOTE,
            decision=self.commit,
            device=self._device,
            message=text,
            author=self._author,
        )
