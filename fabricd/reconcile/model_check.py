"""Which leaves that a device shall have it cannot take: by the models it handed out, or by those it advertises.

Called by northbound. Reads the store and, where no models were fetched, the device; changes nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from fabricd.errors import DeviceProtocolError, NotFoundError
from fabricd.intent import Document
from fabricd.intent.explain import says
from fabricd.model.device import Device
from fabricd.model.intent import ConfigIntent, Intent, Scope
from fabricd.model.path import Path, Segment, covered
from fabricd.reconcile.fleet import Fleet
from fabricd.reconcile.model_sets import ModelSets
from fabricd.reconcile.submission import Submissions
from fabricd.schema import ModelSet, Schema, SchemaPool
from fabricd.schema.applied import as_called
from fabricd.schema.outline import outline_of
from fabricd.schema.takeable import (
    Leaf,
    Reason,
    Refused,
    broken_rules,
    by_deviation,
    leaves,
    modules_of,
    refused,
)
from fabricd.southbound.sessions import Sessions
from fabricd.store import Store

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Untakeable:
    """A leaf that a device cannot take. `reason` is one of schema.takeable.Reason; `intent` the one that wants it, in
    file `source`. `value` is empty for a rule that no single leaf breaks. `sent` is the leaf as the device would get
    it, by the names of its profile, where that is another one."""

    path: Path
    value: str
    reason: str
    message: str
    intent: str = ""
    source: str = ""
    sent: Leaf | None = None


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A module that the device has in another revision, or (empty) not at all."""

    name: str
    ours: str
    device: str


@dataclass(frozen=True, slots=True)
class Checked:
    """`against` names the model set that was held against, empty: what the device advertises. `leaves` were looked at,
    those among them that the device's profile adds because the device assumes something else than the models;
    `left_out` are those (paths without keys, and how many) that never reach the device, by its profile's likeness."""

    against: str
    leaves: int
    untakeable: tuple[Untakeable, ...]
    modules: tuple[Mismatch, ...] = ()
    left_out: Mapping[Path, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The tree to check and what each intent says of it, highest priority first."""

    config: bytes
    layers: tuple[ConfigIntent, ...]
    intents: Mapping[str, Intent]


class _Sent:
    """What a device would be sent, and what each part of it is called here."""

    def __init__(self, config: bytes, called: Iterable[tuple[Leaf, Leaf]]) -> None:
        """`called` has every leaf by its canonical name, and as it is sent."""
        self.config = config
        self.leaves: list[Leaf] = []
        self._canonical: dict[Path, Leaf] = {}
        self._above: dict[Path, Path] = {}
        for leaf, sent in called:
            self.leaves.append(sent)
            if leaf != sent:
                self._canonical[sent.path] = leaf
                for depth in range(1, len(sent.path)):
                    self._above[Path(sent.path.segments[:depth])] = Path(leaf.path.segments[:depth])

    def canonical(self, one: Refused) -> Refused:
        """The same by its canonical name."""
        leaf = self._canonical.get(one.leaf.path)
        if leaf is None:
            return replace(one, leaf=replace(one.leaf, path=self._above.get(one.leaf.path, one.leaf.path)))
        return replace(one, leaf=leaf if one.leaf.value else replace(leaf, value=""))


class ModelChecks:
    """Checks one device at a time."""

    def __init__(
        self,
        *,
        store: Store,
        schemas: SchemaPool,
        sessions: Sessions,
        fleet: Fleet,
        submissions: Submissions,
        sets: ModelSets,
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._sessions = sessions
        self._fleet = fleet
        self._submissions = submissions
        self._sets = sets

    async def check(self, name: str, documents: Sequence[Document] = (), *, models: str = "") -> Checked:
        """The desired tree of a device, or what `documents` would make of it, as the device would be sent it: by the
        names of its profile, without what that leaves out, and with the defaults that have to be said. It is held
        against `models`, or else the set fetched from the device, or else the names that it advertises.

        Raises NotFoundError for what is not known, InputError for documents that a submission would refuse, DeviceError
        when the device has to be asked and does not answer.
        """
        device = self._fleet.device(name)
        wanted = await self._wanted(device, documents)
        own = self._fleet.model_set(device)
        likeness = device.profile.likeness
        silent = (*likeness.omitted, *likeness.unsupported)

        def reaching(schema: Schema) -> tuple[_Sent, Counter[Path], tuple[Path, ...]]:
            # In the models without the deviations of the profile: what those take away is not to go unsaid.
            plain = schema.plain
            gone = (leaf.path for leaf in leaves(plain, wanted.config) if covered(silent, leaf.path))
            # As for a device that has nothing yet: then every default that has to be said is.
            kept = plain.liken(wanted.config, b"", Scope(()), likeness, _never).desired
            config = plain.names(likeness, kept).outward(kept)
            sent = _Sent(config, as_called(plain, kept, likeness))
            return sent, Counter(_keyless(path) for path in gone), plain.secret_leaves(likeness)

        sent, left_out, secrets = await self._schemas.run(own, reaching)
        against = models or (fetched.name if (fetched := await self._sets.of_device(name)) else "")
        if against:
            modules: tuple[Mismatch, ...] = ()
            found = await self._by_models(self._sets.known(against), sent.leaves, sent.config)
        else:
            found, modules = await self._by_names(device, own, sent.leaves)
        attributed = await asyncio.to_thread(_attributed, found, sent, wanted, secrets)
        return Checked(against, len(sent.leaves), attributed, modules, left_out)

    async def _wanted(self, device: Device, documents: Sequence[Document]) -> _Wanted:
        if documents:
            preview = await self._submissions.preview(documents)
            desired, intents = preview.trees.get(device.name), preview.intents
        else:
            current = await self._store.current()
            desired = None
            intents = {one.name: one for one in await self._store.intents(current.number)} if current else {}
        desired = desired or await self._store.desired(device.name)
        if desired is None:
            raise NotFoundError(f"nothing is desired of {device.name}", device=device.name)
        layers = [
            layer
            for intent in intents.values()
            if device.name in intent.devices
            for layer in ((await self._submissions.layers(intent)).get(device.name),)
            if layer is not None
        ]
        layers.sort(key=lambda layer: (-layer.priority, layer.name))
        return _Wanted(desired.config, tuple(layers), intents)

    async def _by_models(self, models: ModelSet, wanted: Sequence[Leaf], config: bytes) -> tuple[Refused, ...]:
        found = await self._schemas.run(models, partial(refused, wanted=wanted))
        if not found:
            return await self._schemas.run(models, partial(broken_rules, config=config))
        if models.deviations:
            plain = models.undeviated
            found = await self._schemas.run(plain, partial(by_deviation, found=found))
        return found

    async def _by_names(
        self, device: Device, own: ModelSet, wanted: Sequence[Leaf]
    ) -> tuple[tuple[Refused, ...], tuple[Mismatch, ...]]:
        """The hello or Capabilities tell which modules there are, and nothing of what is in them."""
        async with self._sessions.open(device.name) as target:
            advertised: dict[str, set[str]] = {}
            for module, revision in (await target.capabilities()).models:
                advertised.setdefault(module, set()).add(revision)
        if not advertised:
            raise DeviceProtocolError("the device does not say which models it has", device=device.name)
        counts = await self._schemas.run(own, lambda schema: modules_of(schema.plain, wanted))
        facts = {module.name: module for module in (await asyncio.to_thread(outline_of, own)).modules}
        mismatches: list[Mismatch] = []
        for name in sorted(counts):
            ours, theirs = facts[name], advertised.get(name)
            if theirs is None:
                mismatches.append(Mismatch(name, ours.version, ""))
            elif not theirs & {ours.revision, ours.version, ""}:
                dated = all(_DATE.fullmatch(one) for one in theirs)
                mismatches.append(Mismatch(name, ours.revision if dated else ours.version, ", ".join(sorted(theirs))))
        absent = {one.name for one in mismatches if not one.device}
        found = await self._schemas.run(own, lambda schema: _of_modules(schema.plain, wanted, absent))
        return found, tuple(mismatches)


def _keyless(path: Path) -> Path:
    return Path(tuple(Segment(one.name, one.module) for one in path.segments))


def _of_modules(schema: Schema, wanted: Sequence[Leaf], absent: set[str]) -> tuple[Refused, ...]:
    """The leaves that need one of these modules."""
    found = []
    for leaf in wanted:
        along = schema.context.nodes.along(leaf.path) or ()
        needed = next((node.module for node in along if node.module in absent), "")
        if needed:
            found.append(Refused(leaf, Reason.MODULE, f"the device does not advertise module {needed}"))
    return tuple(found)


def _never(path: Path, wanted: str, shown: str | None) -> bool:
    return False


def _attributed(
    found: Sequence[Refused], sent: _Sent, wanted: _Wanted, secrets: Sequence[Path]
) -> tuple[Untakeable, ...]:
    told = ((one, _without_secret(sent.canonical(one), secrets)) for one in found)
    return tuple(_with_intent(one, sent, wanted) for sent, one in told)


def _without_secret(one: Refused, secrets: Sequence[Path]) -> Refused:
    """Nobody is told a secret, whatever is wrong with it; messages of values and rules quote it."""
    if not covered(secrets, one.leaf.path):
        return one
    quoted = one.reason in (Reason.VALUE, Reason.RULE)
    return Refused(Leaf(one.leaf.path, ""), one.reason, "this secret is not allowed there" if quoted else one.message)


def _with_intent(one: Refused, sent: Refused, wanted: _Wanted) -> Untakeable:
    layer = next((layer for layer in wanted.layers if says(layer.config, one.leaf.path)), None)
    intent = layer.name if layer is not None else ""
    source = wanted.intents[intent].source if intent else ""
    # A secret keeps its path, by whatever name.
    called = sent.leaf if one.leaf.value else replace(sent.leaf, value="")
    other = called if called != one.leaf else None
    return Untakeable(one.leaf.path, one.leaf.value, one.reason.value, one.message, intent, source, other)
