"""Probes of devices: one at a time each, with the device set apart meanwhile and the journal told what is tried.

Called by northbound. How a device is probed is handed in: this must not know a concrete adapter.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Protocol

from fabricd.model.device import Device, Profile
from fabricd.model.outcome import Event, JournalRecord
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
        self.known = known

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
        try:
            while (step := await steps.get()) is not None:
                yield step
            yield await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))

    async def _probed(
        self, device: str, options: ProbeOptions, author: str, steps: asyncio.Queue[ProbeStep | None]
    ) -> ProbeReport:
        async def note(text: str) -> None:
            record = JournalRecord(self._clock.now(), Event.NOTE, device=device, message=text, author=author)
            await self._store.append([record])

        async with self._controller.apart(device) as held:
            report = await self._prober(
                held,
                options,
                models=self._controller.fleet.model_set(held),
                schemas=self._schemas,
                known=self.known,
                commit=f"fabricd-probe-{secrets.token_hex(4)}",
                note=note,
                told=steps.put_nowait,
            )
            left = f"; left behind: {', '.join(report.left)}" if report.left else ""
            await note(f"probed: {len(report.findings)} findings, {len(report.undecided)} not decided{left}")
            return report
