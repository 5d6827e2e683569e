"""The model sets of a running daemon: installed, replaced, listed and removed without a restart.

Called by northbound and by reconcile/model_fetch. Owns the folder of installed sets; must not know gRPC or adapters.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from fabricd.errors import ConflictError, FabricdError, InputError, NotFoundError, Problem
from fabricd.model.device import Device
from fabricd.model.outcome import Event, JournalRecord
from fabricd.reconcile.clock import Clock, SystemClock
from fabricd.reconcile.fleet import Fleet
from fabricd.schema import ModelSet, Schema, SchemaPool
from fabricd.schema.features import Chosen, Enabled
from fabricd.schema.model_folder import InstalledSet, ModelFolder
from fabricd.schema.module_files import ModuleFile, read_modules
from fabricd.schema.trial import load_elsewhere
from fabricd.store import Store

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
LOAD_WITHIN = 120.0  # seconds; a full OpenConfig release takes one
_BUILT_IN = "managed"

Adopted = Callable[[Mapping[str, ModelSet]], Awaitable[None]]
"""Told all model sets, by name, after one was installed, replaced or removed."""


@dataclass(frozen=True, slots=True)
class SetView:
    """A model set as people ask for it. `origin`: what it was installed from. `revisions` are (module, revision) of
    those that are implemented; `devices` those whose profile names it; `device` the one it was fetched from;
    `features` are (module, features that are enabled)."""

    name: str
    origin: str
    revisions: tuple[tuple[str, str], ...]
    devices: tuple[str, ...]
    device: str = ""
    installed: datetime | None = None
    removable: bool = False
    features: Enabled = ()


def may_be_named(name: str) -> None:
    """Raises InputError for what is no name of a model set."""
    if not _NAME.fullmatch(name):
        raise InputError(f"{name[:80]!r} is no name for a model set: letters, digits, dots, dashes, underscores")


class ModelSets:
    """One change at a time. A set that does not load, or that a desired tree does not fit, is never in use."""

    def __init__(
        self,
        *,
        folder: ModelFolder,
        store: Store,
        schemas: SchemaPool,
        fleet: Fleet,
        adopted: Adopted,
        clock: Clock | None = None,
    ) -> None:
        self._folder = folder
        self._store = store
        self._schemas = schemas
        self._fleet = fleet
        self._adopted = adopted
        self._clock = clock or SystemClock()
        self._turn = asyncio.Lock()

    def may_be_installed(self, name: str) -> None:
        """Raises InputError for what is no name of a set, ConflictError for that of a set that was not installed."""
        may_be_named(name)
        if name in self._fleet.models and name not in self._folder.installed():
            raise ConflictError(f"model set {name!r} is built in, or named in the settings: choose another name")

    async def install(
        self,
        name: str,
        files: Iterable[ModuleFile],
        *,
        modules: Sequence[str] | None = None,
        deviations: Sequence[str] = (),
        features: Chosen = MappingProxyType({}),
        origin: str,
        author: str,
        device: str = "",
    ) -> SetView:
        """Make the files a model set, or replace the one of that name. Usable, and kept over restarts, when it returns.

        `modules`, `deviations` and `features` as in ModelFolder.lay_out. Raises InputError, and nothing is changed,
        when a file is no YANG, the modules do not load, or the desired tree of a device that uses the set would not be
        valid any more: with a Problem for each place.
        """
        self.may_be_installed(name)
        read = await asyncio.to_thread(read_modules, tuple(files))
        async with self._turn:
            candidate = await asyncio.to_thread(
                self._folder.lay_out,
                name,
                read,
                chosen=None if modules is None else tuple(modules),
                deviations=deviations,
                features=features,
                origin=origin,
                device=device,
                installed=self._clock.now(),
            )
            try:
                candidate = replace(candidate, implemented=await load_elsewhere(candidate.models, within=LOAD_WITHIN))
                fitting = await self._fitting(candidate.models, {})
                async with self._fleet.turn:
                    # Revisions are made while all trees are validated: what changed meanwhile is looked at again.
                    await self._fitting(candidate.models, fitting)
                    await asyncio.to_thread(self._folder.adopt, candidate)
                    await self._use({**self._fleet.models, name: candidate.models})
            except BaseException:
                if self._fleet.models.get(name) != candidate.models:
                    self._schemas.retire(candidate.models)
                await asyncio.to_thread(self._folder.discard, candidate)
                raise
            await self._note(f"model set {name} installed from {origin}: {len(read)} modules", author)
        return await self._view(candidate.models, candidate)

    async def remove(self, name: str, *, author: str) -> None:
        """Raises NotFoundError for a set that is not there, ConflictError for one that a device uses or that was not
        installed."""
        async with self._turn:
            if name not in await asyncio.to_thread(self._folder.installed):
                if name not in self._fleet.models:
                    raise NotFoundError(f"there is no model set {name!r}")
                raise ConflictError(f"model set {name!r} was not installed: it is built in, or named in the settings")
            async with self._fleet.turn:
                if users := [device.name for device in self._users(name)]:
                    raise ConflictError(f"model set {name!r} is used by {', '.join(users[:5])}", device=users[0])
                await asyncio.to_thread(self._folder.remove, name)
                await self._use({other: models for other, models in self._fleet.models.items() if other != name})
            await self._note(f"model set {name} removed", author)

    async def views(self) -> tuple[SetView, ...]:
        """Every set, built in, of the settings or installed, by name."""
        installed = await asyncio.to_thread(self._folder.installed)
        return tuple(
            [await self._view(models, installed.get(name)) for name, models in sorted(self._fleet.models.items())]
        )

    async def of_device(self, device: str) -> InstalledSet | None:
        """The newest set that was fetched from this device."""
        installed = (await asyncio.to_thread(self._folder.installed)).values()
        own = [one for one in installed if one.device == device and one.name in self._fleet.models]
        return max(own, key=lambda one: one.installed, default=None)

    def known(self, name: str) -> ModelSet:
        """Raises NotFoundError."""
        if name not in self._fleet.models:
            raise NotFoundError(f"there is no model set {name!r}")
        return self._fleet.models[name]

    def _users(self, name: str) -> list[Device]:
        return [device for device in self._fleet.devices.values() if device.profile.models == name]

    async def _fitting(self, models: ModelSet, known: Mapping[str, str]) -> dict[str, str]:
        """Digests, by device, of the desired trees that fit the set; those in `known` do. Raises InputError with every
        place where one does not, or where the deviations of a device's profile do not load with the set."""
        future = replace(self._fleet, models={**self._fleet.models, models.name: models})
        problems: list[Problem] = []
        found: dict[str, str] = {}
        for device in self._users(models.name):
            head = await self._store.desired_head(device.name)
            found[device.name] = head.digest if head is not None else ""
            if known.get(device.name) == found[device.name]:
                continue
            desired = await self._store.desired(device.name)
            try:
                # Where nothing is desired yet, the set has to load all the same.
                work = _Fits(device.name, desired.config) if desired is not None else Schema.namespaces
                await self._schemas.run(future.model_set(device), work)
            except InputError as error:
                problems += (replace(problem, device=device.name) for problem in error.problems)
            except FabricdError as error:
                problems.append(Problem(error.message, device=device.name))
        if problems:
            raise InputError.of(problems)
        return found

    async def _use(self, models: Mapping[str, ModelSet]) -> None:
        before = self._fleet.models
        await self._adopted(models)
        for name, old in before.items():
            if models.get(name) != old:
                self._schemas.retire(old)

    async def _view(self, models: ModelSet, installed: InstalledSet | None) -> SetView:
        # A set that nobody uses need not be loaded to be told of.
        implemented = installed.implemented if installed is not None else ()
        return SetView(
            name=models.name,
            origin=installed.origin if installed else "built in" if models.name == _BUILT_IN else "settings",
            revisions=implemented or await self._schemas.run(models, Schema.modules),
            devices=tuple(device.name for device in self._users(models.name)),
            device=installed.device if installed else "",
            installed=installed.installed if installed else None,
            removable=installed is not None,
            features=models.features,
        )

    async def _note(self, message: str, author: str) -> None:
        await self._store.append([JournalRecord(self._clock.now(), Event.NOTE, message=message, author=author)])


@dataclass(frozen=True, slots=True)
class _Fits:
    """Work for a schema: does a tree fit it? Raises InputError where not."""

    device: str
    config: bytes

    def __call__(self, schema: Schema) -> None:
        models = schema.plain
        config = models.read(self.config, limit=len(self.config))
        models.validate(config, device=self.device)
        if schema is not models:
            schema.validate(schema.fitting(config)[0], device=self.device)
