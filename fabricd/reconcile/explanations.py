"""Answers why a device has a value at a path: all intents' claims, who wins, since when and by whom.

Called by northbound. Reads the store, changes nothing; must not know gRPC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fabricd.errors import InputError, NotFoundError, Problem
from fabricd.intent.explain import Explanation, explain
from fabricd.model.device import Likeness
from fabricd.model.intent import FabricIntent, Intent, Revision
from fabricd.model.path import ROOT, Path
from fabricd.plan import hidden_value
from fabricd.reconcile.fleet import Fleet
from fabricd.reconcile.submission import Submissions
from fabricd.schema import ModelSet, Schema, SchemaPool
from fabricd.store import Store


@dataclass(frozen=True, slots=True)
class Explained:
    """`since` has the revision that last changed each claiming intent; `concerns` the part of the fabric compiler that
    said it, by name of the fabric."""

    revision: int
    explanation: Explanation
    since: dict[str, Revision]
    kinds: dict[str, str]
    concerns: dict[str, str]


def _explained(schema: Schema, path: Path, likeness: Likeness, **what: Any) -> Explanation:
    """Without secrets, whose paths are those of the models without deviations, as the intents'."""
    found = explain(schema, path=path, likeness=likeness, **what)
    secrets = schema.plain.secret_leaves(likeness)
    claims = (replace(claim, value=hidden_value(path, claim.value, secrets)) for claim in found.claims)
    return replace(found, value=hidden_value(path, found.value, secrets), claims=tuple(claims))


def _shown(schema: Schema, text: str, likeness: Likeness) -> str:
    return hidden_value(ROOT, text, schema.plain.secret_leaves(likeness))


class Explanations:
    """Explains any revision that is kept."""

    def __init__(self, *, store: Store, schemas: SchemaPool, fleet: Fleet, submissions: Submissions) -> None:
        self._store = store
        self._schemas = schemas
        self._fleet = fleet
        self._submissions = submissions

    async def explain(self, device: str, path: str, revision: int = 0) -> Explained:
        """`revision` 0: the current one. Raises NotFoundError for a device or revision that is not known, InputError
        for a path that is none."""
        known = self._fleet.device(device)
        current = await self._store.revision(revision) if revision else await self._store.current()
        if current is None:
            raise NotFoundError("there is no revision yet: nothing was ever submitted")
        if not (parsed := Path.parse(path)).segments:
            raise InputError.of((Problem("names the whole device: name a node", device=device, path=path),))
        intents: dict[str, Intent] = {one.name: one for one in await self._store.intents(current.number)}
        layers = [
            layer
            for intent in intents.values()
            if device in intent.devices
            for layer in ((await self._submissions.layers(intent)).get(device),)
            if layer is not None
        ]
        work = partial(
            _explained,
            device=device,
            desired=await self._store.desired(device, current.number),
            layers=layers,
            intents=intents,
            path=parsed,
            likeness=known.profile.likeness,
        )
        explanation = await self._schemas.run(self._fleet.model_set(known), work)
        numbers = await self._store.intent_revisions(current.number)
        claiming = [claim.intent for claim in explanation.claims]
        concerns = {
            name: await self._submissions.concerns(intent, device, parsed)
            for name in claiming
            if isinstance(intent := intents[name], FabricIntent)
        }
        return Explained(
            revision=current.number,
            explanation=explanation,
            since={name: await self._store.revision(numbers[name]) for name in claiming},
            kinds={name: "fabric" if isinstance(intents[name], FabricIntent) else "config" for name in claiming},
            concerns={name: ", ".join(found) for name, found in concerns.items()},
        )

    async def shown(self, config: bytes, devices: Iterable[str]) -> str:
        """A configuration for these devices as people may see it: without the secrets that the models and the devices'
        profiles name. Where none of them is in the inventory any more the managed models tell."""
        known = (self._fleet.devices.get(name) for name in devices)
        profiles = {device.profile.name: device for device in known if device is not None}
        read_by = [(self._fleet.model_set(device), device.profile.likeness) for device in profiles.values()]
        text = config.decode()
        for models, likeness in read_by or [(ModelSet.managed(), Likeness())]:
            text = await self._schemas.run(models, partial(_shown, text=text, likeness=likeness))
        return text
