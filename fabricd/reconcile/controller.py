"""Everything that runs: queue, workers, watchers and calendar, started and stopped together.

Made by the daemon, asked by northbound. Owns the fleet as it is known now. Must not know a concrete adapter.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from fabricd.errors import ConflictError, StoreError
from fabricd.model.device import Device, Mode
from fabricd.model.outcome import (
    DeviceStatus,
    Event,
    JournalRecord,
    ModeSetting,
    OpenTransaction,
    OutcomeKind,
    Trigger,
)
from fabricd.model.path import Path
from fabricd.reconcile.backoff import Backoff
from fabricd.reconcile.changes import Watchers
from fabricd.reconcile.clock import Clock, SystemClock
from fabricd.reconcile.device_secrets import DeviceSecrets
from fabricd.reconcile.flap import FlapBreaker
from fabricd.reconcile.fleet import Fleet
from fabricd.reconcile.known_secrets import KnownSecrets
from fabricd.reconcile.ledger import Ledger
from fabricd.reconcile.queue import Queue
from fabricd.reconcile.reconciler import Reconciler
from fabricd.reconcile.recovery import Recovery
from fabricd.reconcile.schedule import Schedule, any_open, parse_windows, phase
from fabricd.reconcile.workers import Workers
from fabricd.schema import ModelSet, SchemaPool
from fabricd.settings import ReconcileSettings
from fabricd.southbound.sessions import Sessions
from fabricd.store import Store
from fabricd.telemetry.metrics import Metrics

_LOG = logging.getLogger(__name__)

# Notifications come in bursts: one change of a switch is many leaves.
_DEBOUNCE = 0.05


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device as people ask for it: inventory, mode in force, who set it, and what is known. `in_sync`: the last
    check found it equal to the current revision."""

    device: Device
    mode: Mode
    setting: ModeSetting | None
    status: DeviceStatus
    in_sync: bool


class Controller:
    """Keeps every device of the inventory at its desired tree from `start` to `stop`."""

    def __init__(
        self,
        *,
        store: Store,
        sessions: Sessions,
        schemas: SchemaPool,
        devices: Mapping[str, Device],
        models: Mapping[str, ModelSet],
        settings: ReconcileSettings,
        metrics: Metrics,
        secrets: KnownSecrets | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        """`secrets` learns what devices may quote. Raises InputError for windows that cannot be read."""
        self._store = store
        self._sessions = sessions
        self._metrics = metrics
        self._clock = clock or SystemClock()
        random = random or Random()  # noqa: S311 jitter and ids, not secrets
        self._settings = settings
        self._windows = parse_windows(settings.windows)
        self._mode_settings: dict[str, ModeSetting] = {}
        self._apart: set[str] = set()
        self.fleet = Fleet(
            dict(devices),
            dict(models),
            window_open=lambda: any_open(self._windows, self._clock.now()),
            max_deleted_share=settings.max_deleted_share,
        )
        self.secrets = sessions.guard = DeviceSecrets(secrets or KnownSecrets(), self.fleet, store, schemas)
        self._backoff = Backoff(settings, random)
        self._breaker = FlapBreaker(settings.flap_count, settings.flap_period)
        self._ledger = Ledger(store, self._clock, self._backoff)
        self._recovery = Recovery(store, self._clock, self._backoff)
        self._reconciler = Reconciler(
            fleet=self.fleet,
            store=store,
            sessions=sessions,
            schemas=schemas,
            ledger=self._ledger,
            breaker=self._breaker,
            recovery=self._recovery,
            secrets=self.secrets,
            metrics=metrics,
            clock=self._clock,
            random=random,
        )
        self._queue = Queue()
        self._workers = Workers(
            self._queue,
            self._reconciler.reconcile,
            self._clock,
            settings.concurrency,
            self._reconciler.away.__contains__,
        )
        self._watchers = Watchers(sessions, self._changed, self._backoff, self._clock)
        self._schedule = Schedule(self._sweep, self._prune, self._clock)

    async def start(self) -> None:
        """Look at every device, at first at those where an earlier life left a write open, and go on doing so."""
        self._mode_settings = await self._store.modes()
        self.fleet.modes = {name: setting.mode for name, setting in self._mode_settings.items()}
        for name, status in (await self._store.statuses()).items():
            self._breaker.restore(name, map(Path.parse, status.unstable))
            if status.outcome is OutcomeKind.UNREACHABLE:
                self._reconciler.away.add(name)
        await self._count()
        # Ahead of all others of the same urgency, because the queue keeps their order.
        for name in (*await self._recovery.load(self.fleet.devices), *self.fleet.devices):
            self._workers.add(name, Trigger.START)
        self._workers.start()
        self._schedule.start(self._settings.sweep_interval)
        await self._watch()

    async def stop(self, grace: float = 20.0) -> None:
        """Let what is being written end within `grace` seconds, give the rest up. Devices keep what they have."""
        self._schedule.stop()
        await self._watchers.watch({})
        await self._workers.stop(grace)
        try:
            await self._ledger.flush()
        except StoreError as error:
            _LOG.warning("the times of the last checks were not stored: %s", error)

    async def update(
        self, devices: Mapping[str, Device], models: Mapping[str, ModelSet], settings: ReconcileSettings
    ) -> None:
        """Go on with another inventory and other settings. Raises InputError before anything is changed."""
        windows = parse_windows(settings.windows)
        changed = [name for name, device in devices.items() if self.fleet.devices.get(name) != device]
        gone = self.fleet.devices.keys() - devices.keys()
        self._windows, self._settings, self._backoff.settings = windows, settings, settings
        self._breaker.count, self._breaker.period = settings.flap_count, settings.flap_period
        self._workers.concurrency = settings.concurrency
        self.fleet.devices, self.fleet.models = dict(devices), dict(models)
        self.fleet.max_deleted_share = settings.max_deleted_share
        self._queue.keep(devices)
        self._reconciler.distrust(changed)
        self._reconciler.forget(gone)
        await self._sessions.replace(devices)  # at once: no round may find a new device behind an old session
        await self._watchers.drop(changed)
        await self._count()
        self._schedule.change_interval(settings.sweep_interval)
        for name in changed:
            self._workers.add(name, Trigger.OPERATOR)
        await self._watch()

    async def use_models(self, models: Mapping[str, ModelSet]) -> None:
        """Go on with other model sets; devices whose set is another one now are looked at in full."""
        before, self.fleet.models = self.fleet.models, dict(models)
        names = {name for name in {*before, *models} if before.get(name) != models.get(name)}
        changed = [name for name, device in self.fleet.devices.items() if device.profile.models in names]
        self._reconciler.distrust(changed)
        for name in changed:
            self._workers.add(name, Trigger.OPERATOR)

    async def revised(self, devices: Iterable[str]) -> None:
        """A new revision changed these devices' trees."""
        for name in devices:
            if name in self.fleet.devices:
                self._workers.add(name, Trigger.REVISION)
        await self._watch()

    def reconcile_now(self, devices: Sequence[str] = (), *, approve: bool = False) -> tuple[str, ...]:
        """Put devices on the queue now, all if none is named. `approve`: guard rails and the flap breaker let the
        next plan through. Returns their names. Raises NotFoundError before anything is queued."""
        names = self.known(devices)
        for name in names:
            if approve:
                self._reconciler.approve(name)
            self._workers.add(name, Trigger.OPERATOR)
        return names

    async def set_mode(self, devices: Sequence[str], mode: Mode | None, *, author: str, reason: str = "") -> None:
        """Override the inventory's mode of these devices (at least one), or with None give it back to the inventory.
        Durable when it returns, and no write begins against it; one that was sent before comes to its end. Raises
        NotFoundError before anything is changed."""
        for name in self.known(devices):
            now = self._clock.now()
            setting = ModeSetting(name, mode, author, reason, now) if mode is not None else None
            text = f"mode {mode}" if mode is not None else "mode back to the inventory's"
            record = JournalRecord(
                now, Event.MODE, device=name, message=f"{text}: {reason}" if reason else text, author=author
            )
            await self._store.set_mode(name, setting, record)
            if setting is None:
                self._mode_settings.pop(name, None)
                self.fleet.modes.pop(name, None)
            else:
                self._mode_settings[name] = setting
                self.fleet.modes[name] = setting.mode
            self._workers.add(name, Trigger.OPERATOR)
        await self._watch()

    @asynccontextmanager
    async def apart(self, device: str) -> AsyncIterator[Device]:
        """The device with nobody else at it: no watcher, no session, no reconcile until the block ends; then it is
        looked at in full. Raises NotFoundError, and ConflictError while somebody has it so, or a write is open there of
        which nobody knows the end."""
        self.known([device])
        if device in self._apart:
            raise ConflictError("the device is being probed already", device=device)
        self._apart.add(device)
        try:
            async with self._workers.without(device):
                if self._recovery.pending(device):
                    raise ConflictError(
                        "a write is open there whose end is not known yet: wait until it is", device=device
                    )
                await self._watchers.rewatch(device, None)
                async with self._sessions.alone(device) as held:
                    yield held
        finally:
            self._apart.discard(device)
            if device in self.fleet.devices:
                self._reconciler.distrust([device])
                self._workers.add(device, Trigger.OPERATOR)
            await self._watch()

    def left_open(self, transaction: OpenTransaction) -> None:
        """What a probe tried may still be in force: the device is asked to take it back before anything else."""
        self._recovery.keep(transaction)
        self._workers.add(transaction.device, Trigger.OPERATOR)

    async def status(self, devices: Sequence[str] = ()) -> tuple[DeviceView, ...]:
        """What is known of these devices, all if none is named. Raises NotFoundError."""
        # All by the inventory of now: it may be another one before the last is looked up.
        known = [self.fleet.device(name) for name in self.known(devices)]
        return tuple([await self._view(device) for device in known])

    @property
    def queue_depth(self) -> int:
        """Devices that wait for a worker although they are due."""
        return self._queue.ready(self._clock.monotonic())

    @property
    def busy(self) -> bool:
        """Whether any device is due or being worked on."""
        return bool(self._queue.working) or self.queue_depth > 0

    def known(self, devices: Sequence[str]) -> tuple[str, ...]:
        """These names, each once, or all. Raises NotFoundError for one that is not in the inventory."""
        return self.fleet.known(devices)

    async def _view(self, device: Device) -> DeviceView:
        name = device.name
        status = await self._ledger.status(name)
        head = await self._store.desired_head(name)
        # What is known of a device with a write of unknown effect is from before that.
        settled = status.outcome in (OutcomeKind.IN_SYNC, OutcomeKind.APPLIED) and not self._recovery.pending(name)
        in_sync = head is not None and settled and head.digest == status.desired_digest
        return DeviceView(device, self.fleet.mode(device), self._mode_settings.get(name), status, in_sync)

    async def _count(self) -> None:
        self._metrics.devices([await self._ledger.status(name) for name in self.fleet.devices])

    async def _watch(self) -> None:
        """Watch the devices that have a desired tree and may be looked at, if any are to be watched. When the store
        does not tell which, those that are watched stay: the sweep looks after all."""
        wanted: dict[str, tuple[Path, ...]] = {}
        try:
            for name, device in self.fleet.devices.items() if self._settings.watch_changes else ():
                wanted_at_all = self.fleet.mode(device) is not Mode.PAUSE and name not in self._apart
                head = await self._store.desired_head(name) if wanted_at_all else None
                if head is not None:
                    wanted[name] = head.scope.roots
        except StoreError as error:
            _LOG.warning("it is not known which devices to watch: %s", error)
        else:
            await self._watchers.watch(wanted)

    def _changed(self, device: str) -> None:
        # What a failed write changes on a switch is told too: that must not turn the back-off into a loop.
        if device not in self._reconciler.failing:
            self._workers.add(device, Trigger.CHANGE, _DEBOUNCE)

    def _sweep(self, interval: float) -> None:
        for name in self.fleet.devices:
            self._workers.add(name, Trigger.SCHEDULE, phase(name) * interval)
        self._metrics.queue_depth(self.queue_depth)

    async def _prune(self) -> None:
        try:
            gone = await self._store.prune(self._settings.journal_keep)
        except StoreError as error:
            _LOG.warning("the journal could not be pruned: %s", error)
        else:
            if gone:
                _LOG.info("pruned %d journal records", gone)
