"""The composition root: makes every part, hands them to each other, starts and stops them, and hears signals.

Started by the fabricd command. The only place that names concrete adapters; holds no logic of any room.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from fabricd import __version__
from fabricd.errors import FabricdError, InputError, Problem, StoreError
from fabricd.model.device import Device, Profile, Protocol
from fabricd.model.outcome import Event, JournalRecord, OutcomeKind
from fabricd.northbound.models import ModelRooms
from fabricd.northbound.server import NorthboundServer
from fabricd.northbound.service import FabricdService
from fabricd.reconcile import (
    CablingWatch,
    Controller,
    Explanations,
    InForceWatch,
    LivePlans,
    ModelChecks,
    ModelFetches,
    ModelSets,
    Observations,
    Submissions,
    parse_windows,
)
from fabricd.reconcile.known_secrets import KnownSecrets
from fabricd.reconcile.probing import Probes
from fabricd.schema import ModelSet, Schema, SchemaPool
from fabricd.schema.features import every_feature
from fabricd.schema.model_folder import ModelFolder
from fabricd.settings import Settings, data_folder, load_settings
from fabricd.signals import Signals, heard
from fabricd.southbound import gnmi, netconf
from fabricd.southbound.inventory import load_inventory
from fabricd.southbound.probe import probe
from fabricd.southbound.profiles import load_profiles
from fabricd.southbound.sessions import Connector, Sessions
from fabricd.store import Store
from fabricd.telemetry import Metrics, ServiceNotifier, log_journal, setup_logging, start_metrics_server

_LOG = logging.getLogger(__name__)

STORE_FILE = "fabricd.sqlite"
_STATUS_EVERY = 10.0  # seconds between two status lines for systemd
# A loop that was blocked for this share of the watchdog's patience is not called healthy.
_LIVELINESS = 5.0


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the files say: devices by name, the model sets that their profiles name, and all profiles."""

    devices: dict[str, Device]
    models: dict[str, ModelSet]
    profiles: tuple[Profile, ...] = ()


def read_inventory(settings: Settings) -> Inventory:
    """Read profiles, model sets and inventory. Raises InputError naming every wrong place."""
    models = read_model_sets(settings)
    profiles = load_profiles(data_folder("config") / "profiles")
    if settings.profiles:
        profiles |= load_profiles(settings.profiles)
    devices = load_inventory(settings.inventory, profiles)
    used = {device.profile.name: device.profile for device in devices.values()}
    unknown = [profile for profile in used.values() if profile.models not in models]
    if unknown:
        raise InputError.of(
            Problem(
                f"profile {profile.name!r} names model set {profile.models!r}, which is neither installed nor in "
                "models.sets"
            )
            for profile in unknown
        )
    return Inventory(devices, models, tuple(profiles.values()))


def read_model_sets(settings: Settings) -> dict[str, ModelSet]:
    """Every model set by name. Raises InputError for a folder without modules, or a damaged set."""
    models = {"managed": ModelSet.managed()}
    models |= {name: one.models for name, one in model_folder(settings).installed().items()}
    # What the settings name counts: they are there to be read.
    models |= {
        name: every_feature(ModelSet.from_directory(name, folder)) for name, folder in settings.models.sets.items()
    }
    return models


def model_folder(settings: Settings) -> ModelFolder:
    """Where installed model sets are kept."""
    return ModelFolder(settings.state_directory / "models")


async def run(config: Path) -> int:
    """Serve until SIGTERM or SIGINT; SIGHUP reads settings and inventory again. Returns the exit code.

    Both are heard from the first moment on: whatever is open when they come is closed in order. Raises FabricdError
    (settings, inventory or store cannot be used) before anything is served.
    """
    # Before anything is written: intents and pre-images have secrets in them. The socket has a mode of its own.
    os.umask(0o077)
    settings, secrets = load_settings(config), KnownSecrets()
    _log_as(settings, secrets)
    try:
        with heard() as signals:
            async with AsyncExitStack() as parts:
                daemon = await signals.unless_stopped(Daemon.start(config, settings, secrets, parts))
                if daemon is not None:
                    await daemon.serve(signals)
    except FabricdError as error:
        error.reword(secrets.conceal)
        raise
    except Exception:  # noqa: BLE001  by the log, which keeps secrets; Python would write it there as it is
        _LOG.exception("ended by an error of its own")
        return 1
    _LOG.info("stopped")
    return 0


def _log_as(settings: Settings, secrets: KnownSecrets) -> None:
    setup_logging(settings.telemetry.log_level, settings.telemetry.log_format, conceal=secrets.conceal)


class Daemon:
    """Everything of one run. Owned by `run`; what it opened is closed in reverse by the exit stack it was given."""

    def __init__(
        self,
        config: Path,
        secrets: KnownSecrets,
        controller: Controller,
        submissions: Submissions,
        probes: Probes,
        store: Store,
        schemas: SchemaPool,
        namespaces: dict[str, str],
        cabling: CablingWatch,
    ) -> None:
        self._config = config
        self._secrets = secrets
        self._controller = controller
        self._submissions = submissions
        self._probes = probes
        self._store = store
        self._schemas = schemas
        self._namespaces = namespaces  # shared with the NETCONF connector
        self._cabling = cabling
        self._notifier = ServiceNotifier()
        self._beat = 0.0

    @classmethod
    async def start(cls, config: Path, settings: Settings, secrets: KnownSecrets, parts: AsyncExitStack) -> Daemon:
        """Open the store, compose everything, begin to reconcile, and serve northbound.

        Everything is handed to `parts` before it is begun, so that this may be cancelled at any point.
        """
        parse_windows(settings.reconcile.windows)
        inventory = read_inventory(settings)
        if not settings.state_directory.is_dir():
            raise InputError(f"state_directory: {settings.state_directory} is not a directory")
        model_folder(settings).tidy()
        metrics = Metrics()
        listeners: list[Callable[[JournalRecord], None]] = [partial(_written, metrics)]

        def written(record: JournalRecord) -> None:
            for hear in listeners:
                hear(record)

        store = await Store.open(settings.state_directory / STORE_FILE, written=written, conceal=secrets.conceal)
        parts.push_async_callback(store.close)
        schemas = SchemaPool(settings.models.threads)
        parts.push_async_callback(schemas.close)
        namespaces = await _namespaces(inventory, schemas)
        # NETCONF's subtree filters need the XML namespaces of the modules.
        connectors: dict[Protocol, Connector] = {
            Protocol.GNMI: gnmi.connect,
            Protocol.NETCONF: partial(netconf.connect, namespaces=namespaces, own=netconf.OwnSessions()),
        }
        sessions = Sessions(inventory.devices, connectors)
        parts.push_async_callback(sessions.close)
        controller = Controller(
            store=store,
            sessions=sessions,
            schemas=schemas,
            devices=inventory.devices,
            models=inventory.models,
            settings=settings.reconcile,
            metrics=metrics,
            secrets=secrets,
        )
        submissions = Submissions(
            store=store,
            schemas=schemas,
            fleet=controller.fleet,
            plans=LivePlans(controller.fleet, store, sessions, schemas),
            revised=controller.revised,
            document_max_bytes=settings.reconcile.document_max_bytes,
        )
        explanations = Explanations(store=store, schemas=schemas, fleet=controller.fleet, submissions=submissions)
        current = await store.current()
        metrics.revision(current.number if current else 0, current.created if current else None)
        metrics.devices((await store.statuses()).values())
        metrics.journal_sequence(await store.last_sequence())
        if settings.telemetry.metrics_address:
            host, _, port = settings.telemetry.metrics_address.rpartition(":")
            exposed = start_metrics_server(metrics, host.strip("[]"), int(port))
            parts.callback(exposed.close)
            _LOG.info("metrics on http://%s:%d/metrics", exposed.host, exposed.port)

        async def adopted(models: Mapping[str, ModelSet]) -> None:
            namespaces.update(await _namespaces(Inventory(dict(controller.fleet.devices), dict(models)), schemas))
            await controller.use_models(models)

        sets = ModelSets(
            folder=model_folder(settings), store=store, schemas=schemas, fleet=controller.fleet, adopted=adopted
        )
        checks = ModelChecks(
            store=store, schemas=schemas, sessions=sessions, fleet=controller.fleet, submissions=submissions, sets=sets
        )
        observations = Observations(store=store, schemas=schemas, sessions=sessions, fleet=controller.fleet)
        in_force = InForceWatch(fleet=controller.fleet, observations=observations, store=store)
        listeners.append(in_force.written)
        cabling = CablingWatch(observations=observations, store=store, metrics=metrics)
        probes = Probes(controller=controller, store=store, schemas=schemas, prober=probe, known=inventory.profiles)
        service = FabricdService(
            store,
            submissions,
            controller,
            explanations,
            models=ModelRooms(sets, ModelFetches(sessions), checks),
            observations=observations,
            probes=probes,
            started=datetime.now(UTC),
        )
        server = NorthboundServer(settings.northbound, service, conceal=secrets.conceal)
        daemon = cls(config, secrets, controller, submissions, probes, store, schemas, namespaces, cabling)
        parts.push_async_callback(controller.stop)
        parts.push_async_callback(cabling.stop)
        parts.push_async_callback(in_force.stop)
        # After the server, which gives a call up without waiting for what it put in force on a device to be undone.
        parts.push_async_callback(probes.stop)
        parts.push_async_callback(server.stop)
        # An address that cannot be had ends this before any device is touched. Who connects has to wait until it is
        # known which writes an earlier life left open: they come first on their devices, whatever is asked for.
        await server.bind()
        await daemon._note(f"fabricd {__version__} started, {len(inventory.devices)} devices")
        await controller.start()
        await cabling.look_every(settings.reconcile.cabling_interval)
        await server.start()
        await server.set_serving(True)
        return daemon

    async def serve(self, signals: Signals) -> None:
        """Work until told to stop."""
        self._beat = asyncio.get_running_loop().time()
        tasks = [
            asyncio.create_task(self._notifier.watchdog(self._healthy)),
            asyncio.create_task(self._tell_status()),
        ]
        self._notifier.ready(await self._summary())
        _LOG.info("ready")
        try:
            await signals.unless_stopped(self._keep_reloading(signals))
            reason = f"stopping on {signals.stop.result().name}"
            _LOG.info(reason)
            self._notifier.stopping("finishing what is being written")
            await self._note(reason)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_reloading(self, signals: Signals) -> None:
        while True:
            await signals.reload()
            await self._reload()

    async def _reload(self) -> None:
        """Go on with new settings and inventory, or, when they are wrong, with the old ones."""
        self._notifier.reloading()
        try:
            settings = load_settings(self._config)
            async with self._controller.fleet.turn:
                inventory = read_inventory(settings)
                self._namespaces.update(await _namespaces(inventory, self._schemas))
                await self._controller.update(inventory.devices, inventory.models, settings.reconcile)
            await self._cabling.look_every(settings.reconcile.cabling_interval)
            self._probes.known = inventory.profiles
            self._submissions.document_max_bytes = settings.reconcile.document_max_bytes
            _log_as(settings, self._secrets)
        except FabricdError as error:
            _LOG.error("not reloaded, everything stays as it was: %s", error)
            await self._note(f"not reloaded: {error}")
        else:
            await self._note(f"reloaded, {len(inventory.devices)} devices")
        self._notifier.ready(await self._summary())

    async def _tell_status(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._beat = loop.time()
            self._notifier.status(await self._summary())
            await asyncio.sleep(min(_STATUS_EVERY, _LIVELINESS / 2))

    def _healthy(self) -> bool:
        """The status task, which goes through the store's memory and the controller, came by lately."""
        return asyncio.get_running_loop().time() - self._beat < _LIVELINESS

    async def _summary(self) -> str:
        try:
            views = await self._controller.status()
            current = await self._store.current()
        except StoreError as error:
            # Signs of life go on: a restart would not mend it, and people are to be told.
            return str(error)
        in_sync = sum(view.in_sync for view in views)
        trouble = sum(view.status.outcome in _TROUBLE for view in views)
        return (
            f"revision {current.number if current else 0}: {in_sync}/{len(views)} devices in sync, "
            f"{trouble} in trouble, {self._controller.queue_depth} queued"
        )

    async def _note(self, message: str) -> None:
        """In the journal; where the store does not take it, in the log alone."""
        try:
            await self._store.append([JournalRecord(datetime.now(UTC), Event.NOTE, message=message)])
        except StoreError as error:
            _LOG.error("not in the journal: %s (%s)", message, error)


_TROUBLE = (OutcomeKind.UNREACHABLE, OutcomeKind.FAILED, OutcomeKind.HELD, OutcomeKind.UNSTABLE)


def _written(metrics: Metrics, record: JournalRecord) -> None:
    log_journal(record)
    metrics.journal_sequence(record.sequence)
    if record.event is Event.REVISION:
        metrics.revision(record.revision, record.time)


async def _namespaces(inventory: Inventory, schemas: SchemaPool) -> dict[str, str]:
    """XML namespaces by module name, of every model set that a device uses."""
    found: dict[str, str] = {}
    profiles = {(device.profile.models, device.profile.deviations) for device in inventory.devices.values()}
    for models, deviations in profiles:
        found |= await schemas.run(inventory.models[models].deviating(deviations), Schema.namespaces)
    return found
