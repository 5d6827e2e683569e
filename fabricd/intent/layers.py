"""From intents of any kind to layers: what each intent says of each device, as configuration with a priority.

Called by reconcile/submission and offline commands in schema workers. Pure but for a memory of compiled fabrics.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import orjson

from fabricd.errors import InputError
from fabricd.intent.documents import Draft
from fabricd.intent.explain import says
from fabricd.intent.fabric import pools
from fabricd.intent.fabric.compile import CONCERNS, CompiledFabric, compile_fabric
from fabricd.intent.fabric.document import read_draft_fabric, read_fabric
from fabricd.intent.fabric.fragment import rendered
from fabricd.model.intent import ConfigIntent, FabricIntent
from fabricd.model.path import Path
from fabricd.schema import ModelSet, Schema

Layers = Mapping[str, ConfigIntent]
"""What one intent says, by device."""

FABRIC_MODELS = ModelSet.fabric()
_KEPT = 4  # compiled fabrics: the current and the next one of two fabrics


def read_fabric_draft(schema: Schema, draft: Draft) -> FabricIntent:
    """The draft as an intent, with nothing handed out yet. `schema` is one of ModelSet.fabric(). Raises InputError."""
    fabric, canonical = read_draft_fabric(schema, draft)
    return FabricIntent(
        name=draft.name,
        devices=tuple(device.name for device in fabric.devices),
        fabric=canonical,
        owner=draft.owner,
        priority=draft.priority,
        source=draft.source,
    )


class Fabrics:
    """Compiles fabric intents, and keeps what it compiled last: what did not change is not compiled again.

    Safe to call from several threads; they wait for each other.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._compiled: OrderedDict[tuple[bytes, bytes], CompiledFabric] = OrderedDict()
        self._latest: dict[str, CompiledFabric] = {}

    def numbered(self, schema: Schema, intent: FabricIntent, previous: bytes) -> FabricIntent:
        """The intent with numbers handed out, those in `previous` (allocations of the same intent before) kept.

        Raises InputError naming every problem of the fabric as a whole.
        """
        compiled = self._compile(schema, intent, previous)
        return replace(intent, allocations=pools.dump(compiled.resolved.allocations))

    def layers(self, schema: Schema, intent: FabricIntent) -> Layers:
        """What a numbered fabric says of each device."""
        compiled = self._compile(schema, intent, intent.allocations)
        return MappingProxyType(
            {
                device: ConfigIntent(
                    name=intent.name,
                    devices=(device,),
                    config=tree,
                    owner=intent.owner,
                    priority=intent.priority,
                    replace=tuple(Path.parse(claim) for claim in compiled.claims[device]),
                )
                for device, tree in compiled.trees.items()
            }
        )

    def concerns(self, schema: Schema, intent: FabricIntent, device: str, path: Path) -> tuple[str, ...]:
        """The parts of the compiler that say something of a path on a device, by name."""
        resolved = self._compile(schema, intent, intent.allocations).resolved
        one = resolved.devices[device]
        return tuple(
            concern.__name__ for concern in CONCERNS if says(orjson.dumps(rendered(concern(resolved, one))), path)
        )

    def _compile(self, schema: Schema, intent: FabricIntent, allocations: bytes) -> CompiledFabric:
        with self._lock:
            found = self._compiled.get((intent.fabric, allocations))
            if found is None:
                try:
                    fabric, _ = read_fabric(schema, intent.fabric, name=intent.name)
                    previous, known = pools.load(allocations), self._latest.get(intent.name)
                    if known is not None and known.resolved.allocations != previous:
                        known = None
                    found = compile_fabric(fabric, previous, known=known)
                except InputError as error:
                    raise InputError.of(
                        replace(one, intent=one.intent or intent.name) for one in error.problems
                    ) from error
                self._latest[intent.name] = found
                # With what it handed out it compiles to the same.
                self._keep(intent.fabric, pools.dump(found.resolved.allocations), found)
            self._keep(intent.fabric, allocations, found)
            return found

    def _keep(self, fabric: bytes, allocations: bytes, compiled: CompiledFabric) -> None:
        self._compiled[fabric, allocations] = compiled
        self._compiled.move_to_end((fabric, allocations))
        while len(self._compiled) > _KEPT:
            self._compiled.popitem(last=False)


def layers_of_config(intent: ConfigIntent) -> Layers:
    """A config intent says the same of every device it names."""
    return MappingProxyType(dict.fromkeys(intent.devices, intent))
