"""What `fabricd check` does: settings, profiles, inventory and documents, looked at by the daemon's own code, offline.

Called by the fabricd command. Starts nothing, reaches no device, writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from fabricd.daemon import Inventory, read_inventory
from fabricd.errors import InputError, Problem
from fabricd.intent import Document, Draft, compile_device, parse_documents, read_draft, unknown_devices
from fabricd.intent.documents import DraftKind
from fabricd.intent.fabric.places import place
from fabricd.intent.layers import FABRIC_MODELS, Fabrics, Layers, layers_of_config, read_fabric_draft
from fabricd.model.device import Device, Profile, Protocol
from fabricd.model.intent import ConfigIntent
from fabricd.reconcile.places import attributed
from fabricd.reconcile.schedule import parse_windows
from fabricd.schema import ModelSet, Schema
from fabricd.settings import ReconcileSettings, data_folder, load_settings
from fabricd.southbound.profiles import load_profiles

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and everything that is wrong with it."""

    problems: tuple[Problem, ...]
    devices: int = 0
    intents: int = 0
    compiled: int = 0


class _Findings:
    """Collects problems, so that one does not hide the others. Owned by one check."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def of(self, work: Callable[[], T], otherwise: U) -> T | U:
        try:
            return work()
        except InputError as error:
            self.problems += error.problems
            return otherwise


def check(config: Path | None, documents: Sequence[Document]) -> Checked:
    """Look at everything `config` names, then compile `documents` for the devices they name.

    Without `config` the documents are checked against the models that ship with fabricd, whatever their devices.
    """
    findings = _Findings()
    settings = findings.of(lambda: load_settings(config), None) if config else None
    inventory = findings.of(lambda: read_inventory(settings), None) if settings else None
    limit = (settings.reconcile if settings else ReconcileSettings()).document_max_bytes
    if settings:
        findings.of(lambda: parse_windows(settings.reconcile.windows), ())
    drafts = findings.of(lambda: parse_documents(documents, max_bytes=limit, kinds=tuple(DraftKind)), ())
    if config is None:
        inventory = Inventory(_Imagined(), {"managed": ModelSet.managed()})
    elif inventory:
        _load_deviations(inventory, findings)
        findings.problems += unknown_devices(drafts, inventory.devices.__contains__)
    devices = len(inventory.devices) if inventory and config else 0
    compiled = _compile(drafts, inventory, findings) if inventory and not findings.problems else 0
    return Checked(tuple(findings.problems), devices, len(drafts), compiled)


def _load_deviations(inventory: Inventory, findings: _Findings) -> None:
    """Do they fit the models? Nobody would notice before the daemon starts."""
    profiles = {device.profile.name: device.profile for device in inventory.devices.values()}
    for profile in profiles.values():
        if not profile.deviations:
            continue
        try:
            Schema(inventory.models[profile.models].deviating(profile.deviations)).close()
        except InputError as error:
            findings.problems.append(Problem(error.message, path=f"profile {profile.name}: {profile.deviations[-1]}"))


class _Imagined(dict[str, Device]):
    """An inventory for documents that are checked without one: it has every device, of the usual kind."""

    def __missing__(self, name: str) -> Device:
        profile = load_profiles(data_folder("config") / "profiles").get("openconfig") or Profile("openconfig")
        return self.setdefault(name, Device(name, "", 0, Protocol.GNMI, profile))


def _fabric_layers(draft: Draft, inventory: Inventory) -> Layers:
    """What a fabric says of each device, with numbers as a first submission would hand them out. Raises InputError."""
    with Schema(FABRIC_MODELS) as schema:
        intent = read_fabric_draft(schema, draft)
        known: Collection[str] = intent.devices if isinstance(inventory.devices, _Imagined) else inventory.devices
        missing = [
            Problem(f"there is no device {name!r} in the inventory", path=place("devices", name=name))
            for name in intent.devices
            if name not in known
        ]
        if missing:
            raise InputError.of(map(draft.located, missing))
        fabrics = Fabrics()
        try:
            return fabrics.layers(schema, fabrics.numbered(schema, intent, b"{}"))
        except InputError as error:
            raise InputError.of(map(draft.located, error.problems)) from error


def _compile(drafts: Sequence[Draft], inventory: Inventory, findings: _Findings) -> int:
    """As a submission does: read each document by the models of its first device, then merge and validate per device.

    Returns how many devices were compiled.
    """
    schemas: dict[ModelSet, Schema] = {}

    def schema_of(device: Device) -> Schema:
        models = inventory.models[device.profile.models].deviating(device.profile.deviations)
        if models not in schemas:
            schemas[models] = Schema(models)
        return schemas[models]

    by_device: dict[str, list[ConfigIntent]] = defaultdict(list)
    nothing: Layers = {}
    try:
        for draft in drafts:
            if draft.kind is DraftKind.FABRIC:
                layers = findings.of(partial(_fabric_layers, draft, inventory), nothing)
            else:
                schema = schema_of(inventory.devices[draft.devices[0]])
                intent = findings.of(partial(read_draft, schema, draft), None)
                layers = layers_of_config(intent) if intent is not None else nothing
            for name, layer in layers.items():
                by_device[name].append(layer)
        if findings.problems:
            return 0
        for name, intents in by_device.items():
            device = inventory.devices[name]
            findings.of(partial(_compile_device, schema_of(device), device, intents, drafts), None)
        return len(by_device)
    finally:
        for opened in schemas.values():
            opened.close()


def _compile_device(schema: Schema, device: Device, intents: Sequence[ConfigIntent], drafts: Sequence[Draft]) -> None:
    """Raises InputError, whose problems name file and line where one document is to blame."""
    try:
        compile_device(schema, device, intents, 1)
    except InputError as error:
        raise InputError.of(attributed(problem, drafts) for problem in error.problems) from error
