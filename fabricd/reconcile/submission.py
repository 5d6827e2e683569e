"""From submitted documents to a new revision: parse, merge, compile, validate, then dry run or commit and enqueue.

Called by northbound. Must not know gRPC or a concrete adapter.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fabricd.errors import ConflictError, InputError, NotFoundError, Problem
from fabricd.intent import (
    Document,
    Draft,
    compile_device,
    parse_documents,
    read_draft,
    touched_devices,
    unknown_devices,
)
from fabricd.intent.documents import DraftKind
from fabricd.intent.fabric.places import place
from fabricd.intent.layers import FABRIC_MODELS, Fabrics, Layers, layers_of_config, read_fabric_draft
from fabricd.model.intent import ConfigIntent, Desired, FabricIntent, Intent
from fabricd.model.outcome import Event, JournalRecord
from fabricd.model.path import Path
from fabricd.reconcile.clock import Clock, SystemClock
from fabricd.reconcile.fleet import Fleet
from fabricd.reconcile.live_plans import DevicePlan, LivePlans
from fabricd.reconcile.places import all_or_problems, attributed, located
from fabricd.reconcile.requests import Asked
from fabricd.schema import SchemaPool
from fabricd.store import NewRevision, Store


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission. `revision`: the new one; of a dry run or an unchanged one: the current one.
    `repeated`: the request id was known, this is the first answer again. `plans`: dry run only."""

    revision: int
    changed: tuple[str, ...] = ()
    repeated: bool = False
    unchanged: bool = False
    plans: tuple[DevicePlan, ...] = ()


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What a set of changed intents comes to: what to commit, by name and device."""

    intents: tuple[Intent, ...]
    withdrawn: tuple[str, ...]
    trees: tuple[Desired, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a submission would come to: the trees that would change, by device, and all intents by name."""

    trees: Mapping[str, Desired]
    intents: Mapping[str, Intent]


class Submissions:
    """Makes revisions, one after the other. All or none of a submission becomes current."""

    def __init__(
        self,
        *,
        store: Store,
        schemas: SchemaPool,
        fleet: Fleet,
        plans: LivePlans,
        revised: Callable[[Iterable[str]], Awaitable[None]],
        document_max_bytes: int,
        clock: Clock | None = None,
    ) -> None:
        """`revised` is told the devices whose trees a new revision changed."""
        self._store = store
        self._schemas = schemas
        self._fleet = fleet
        self._plans = plans
        self._revised = revised
        self.document_max_bytes = document_max_bytes
        self._clock = clock or SystemClock()
        self._fabrics = Fabrics()

    async def submit(
        self,
        documents: Sequence[Document] = (),
        withdraw: Sequence[str] = (),
        *,
        author: str,
        comment: str = "",
        dry_run: bool = False,
        base_revision: int | None = None,
        request_id: str = "",
    ) -> Submitted:
        """Make the documents part of the desired configuration and take `withdraw` back.

        What is carried out under a `request_id` is answered, not repeated, when it is asked for again; dry runs are
        not remembered. Raises InputError naming every problem; ConflictError when `base_revision` is not current;
        RequestIdUsedError when `request_id` was used for something else; NotFoundError for an intent to withdraw that
        is not there.
        """
        asked = Asked.of(
            request_id, "submit", [document.content for document in documents], [f"-{name}" for name in withdraw]
        )
        if (known := await self._repeat(asked)) is not None:
            return known
        drafts = await self._parsed(documents)
        twice = sorted({draft.name for draft in drafts} & set(withdraw))
        if twice:
            raise InputError.of((Problem("is submitted and withdrawn at once", intent=twice[0]),))
        read = await self._read(drafts, documents)
        async with self._fleet.turn:
            if (known := await self._repeat(asked)) is not None:
                return known
            base, old = await self._base(base_revision)
            intents = await self._located_numbers(old, read, drafts)
            for name in withdraw:
                if name not in old:
                    raise NotFoundError(f"there is no intent {name!r} in revision {base}")
            new = {name: intent for name, intent in old.items() if name not in set(withdraw)}
            new.update((intent.name, intent) for intent in intents)
            try:
                made = await self._make(base, old, new, dry_run=dry_run, author=author, comment=comment, asked=asked)
            except InputError as error:
                raise InputError.of(attributed(problem, drafts) for problem in error.problems) from error
        return await self._planned(*made)

    async def preview(self, documents: Sequence[Document]) -> Preview:
        """What these documents would make of the current revision. Nothing is stored, no device is read. Raises
        InputError as `submit` does."""
        drafts = await self._parsed(documents)
        read = await self._read(drafts, documents)
        base, old = await self._base(None)
        intents = await self._located_numbers(old, read, drafts)
        new = {**old, **_by_name(intents)}
        try:
            compiled = await self._compile(base, old, new)
        except InputError as error:
            raise InputError.of(attributed(problem, drafts) for problem in error.problems) from error
        return Preview({tree.device: tree for tree in compiled.trees}, new)

    async def rollback(
        self,
        to: int,
        *,
        author: str,
        comment: str = "",
        dry_run: bool = False,
        base_revision: int | None = None,
        request_id: str = "",
    ) -> Submitted:
        """Make the intents of an earlier revision the newest revision. They are compiled anew: what the devices'
        models or protected paths no longer allow is refused. Raises as `submit` does."""
        asked = Asked.of(request_id, "rollback", to)
        async with self._fleet.turn:
            if (known := await self._repeat(asked)) is not None:
                return known
            base, old = await self._base(base_revision)
            new = _by_name(await self._store.intents((await self._store.revision(to)).number))
            problems = unknown_devices(
                (Draft(i.name, i.devices, b"{}") for i in new.values() if old.get(i.name) != i),
                self._fleet.devices.__contains__,
            )
            if problems:
                raise InputError.of(problems)
            comment = comment or f"rollback to revision {to}"
            made = await self._make(
                base,
                old,
                new,
                dry_run=dry_run,
                author=author,
                comment=comment,
                asked=asked,
                rollback_of=to,
            )
        return await self._planned(*made)

    async def diff(
        self, old: int = 0, new: int = 0, devices: Sequence[str] = ()
    ) -> tuple[int, int, tuple[DevicePlan, ...]]:
        """What changed from revision `old` (0: the parent of `new`) to `new` (0: the current one), for devices that
        differ: both numbers, and a plan each. Raises NotFoundError."""
        current = await self._store.revision(new) if new else await self._store.current()
        if current is None:
            raise NotFoundError("there is no revision yet")
        before = (await self._store.revision(old)).number if old else current.parent
        digests = await self._store.desired_devices(before) if before else {}
        after = await self._store.desired_devices(current.number)
        names = [
            name
            for name in sorted({*digests, *after})
            if digests.get(name) != after.get(name) and (not devices or name in devices)
        ]
        found = [
            await self._plans.between(
                name,
                await self._store.desired(name, before) if name in digests else None,
                await self._store.desired(name, current.number) if name in after else None,
            )
            for name in names
        ]
        # What is owned may have changed without any leaf: that is no difference to people.
        return before, current.number, tuple(one for one in found if one.plan.edits or one.error_code)

    async def plan(self, devices: Sequence[str] = ()) -> tuple[int, tuple[DevicePlan, ...]]:
        """Read devices (all, if none is named) and tell what brings them to the current revision: its number, and a
        plan for each that it says something of. Raises NotFoundError for a device that is not in the inventory."""
        names = self._fleet.known(devices)
        current = await self._store.current()
        trees = [await self._store.desired(name) for name in names] if current else []
        plans = await self._plans.against_devices(tree for tree in trees if tree is not None)
        return current.number if current else 0, plans

    async def _repeat(self, asked: Asked) -> Submitted | None:
        known = await asked.known(self._store)
        if known is None:
            return None
        changed = () if known.unchanged else (await self._store.revision(known.revision)).changed
        return Submitted(known.revision, changed, repeated=True, unchanged=known.unchanged)

    async def _base(self, wanted: int | None) -> tuple[int, dict[str, Intent]]:
        current = await self._store.current()
        number = current.number if current is not None else 0
        if wanted is not None and wanted != number:
            raise ConflictError(f"based on revision {wanted}, but {number} is current")
        return number, _by_name(await self._store.intents(number)) if number else {}

    async def _read(self, drafts: Sequence[Draft], documents: Sequence[Document]) -> tuple[Intent, ...]:
        """Each config draft read by the models of the first device it names; the others read it when they are compiled.
        Fabrics are read by their own model."""
        files = {document.source: document.content for document in documents}
        intents = await all_or_problems(map(self._read_one, drafts))
        problems = [
            draft.located(Problem(f"there is no device {name!r} in the inventory", path=place("devices", name=name)))
            for draft, intent in zip(drafts, intents, strict=True)
            for name in intent.devices
            if name not in self._fleet.devices
        ]
        if problems:
            raise InputError.of(problems)
        return tuple(
            replace(intent, source=draft.source, document=files.get(draft.source, b""))
            for draft, intent in zip(drafts, intents, strict=True)
        )

    async def _parsed(self, documents: Sequence[Document]) -> tuple[Draft, ...]:
        drafts = await asyncio.to_thread(
            parse_documents, documents, max_bytes=self.document_max_bytes, kinds=tuple(DraftKind)
        )
        problems = unknown_devices(drafts, self._fleet.devices.__contains__)
        if problems:
            raise InputError.of(problems)
        return tuple(drafts)

    async def _located_numbers(
        self, old: Mapping[str, Intent], read: Iterable[Intent], drafts: Sequence[Draft]
    ) -> tuple[Intent, ...]:
        try:
            return await self._numbered(old, read)
        except InputError as error:
            raise InputError.of(located(problem, drafts) for problem in error.problems) from error

    async def _read_one(self, draft: Draft) -> Intent:
        if draft.kind is DraftKind.FABRIC:
            return await self._schemas.run(FABRIC_MODELS, partial(read_fabric_draft, draft=draft))
        models = self._fleet.model_set(self._fleet.devices[draft.devices[0]])
        return await self._schemas.run(models, partial(read_draft, draft=draft))

    async def _numbered(self, old: Mapping[str, Intent], read: Iterable[Intent]) -> tuple[Intent, ...]:
        """Fabrics get their numbers, and keep those that they have in the revision this is based on."""

        async def one(intent: Intent) -> Intent:
            if isinstance(intent, ConfigIntent):
                return intent
            before = old.get(intent.name)
            previous = before.allocations if isinstance(before, FabricIntent) else b"{}"
            work = partial(self._fabrics.numbered, intent=intent, previous=previous)
            return await self._schemas.run(FABRIC_MODELS, work)

        return tuple(await all_or_problems(map(one, read)))

    async def concerns(self, intent: FabricIntent, device: str, path: Path) -> tuple[str, ...]:
        """The parts of the fabric compiler that say something of a path on a device, by name."""
        work = partial(self._fabrics.concerns, intent=intent, device=device, path=path)
        return await self._schemas.run(FABRIC_MODELS, work)

    async def layers(self, intent: Intent) -> Layers:
        """What an intent says of each device. Raises InputError for a fabric that does not compile any more."""
        if isinstance(intent, ConfigIntent):
            return layers_of_config(intent)
        return await self._schemas.run(FABRIC_MODELS, partial(self._fabrics.layers, intent=intent))

    async def _make(
        self,
        base: int,
        old: Mapping[str, Intent],
        new: Mapping[str, Intent],
        *,
        dry_run: bool,
        author: str,
        comment: str,
        asked: Asked,
        rollback_of: int = 0,
    ) -> tuple[Submitted, tuple[Desired, ...]]:
        """What was made, and of a dry run the trees to plan."""
        compiled = await self._compile(base, old, new)
        if dry_run:
            return Submitted(base, _changed(compiled), unchanged=old == new), compiled.trees
        if old == new:
            await asked.remember(self._store, base)
            return Submitted(base, unchanged=True), ()
        number = base + 1
        changed = _changed(compiled)
        count = f"{len(changed)} device{'' if len(changed) == 1 else 's'}"
        text = f"{comment or 'no comment'} ({count})"
        record = JournalRecord(self._clock.now(), Event.REVISION, revision=number, message=text, author=author)
        revision = await self._store.commit(
            NewRevision(
                base=base,
                author=author,
                comment=comment,
                request_id=asked.id,
                request_digest=asked.digest,
                intents=compiled.intents,
                withdrawn=compiled.withdrawn,
                trees=compiled.trees,
                dropped=compiled.dropped,
                rollback_of=rollback_of,
            ),
            record,
        )
        await self._revised(changed)
        return Submitted(revision.number, changed), ()

    async def _planned(self, made: Submitted, trees: Sequence[Desired]) -> Submitted:
        """Devices are read when others may have their turn: they may be slow."""
        return replace(made, plans=await self._plans.against_devices(trees)) if trees else made

    async def _compile(self, base: int, old: Mapping[str, Intent], new: Mapping[str, Intent]) -> _Compiled:
        """Compile the devices of which a changed intent says something else than before; all other trees stay."""
        changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
        digests = await self._store.desired_devices(base) if base else {}
        before = {name: await self.layers(old[name]) for name in sorted(changed & set(old))}
        after = {name: await self.layers(new[name]) for name in sorted(new)}
        by_device: dict[str, list[ConfigIntent]] = defaultdict(list)
        for layers in after.values():
            for member, layer in layers.items():
                by_device[member].append(layer)
        jobs, dropped = [], []
        for name in touched_devices(before, {intent: after[intent] for intent in changed & set(after)}):
            device = self._fleet.devices.get(name)
            if device is not None and by_device[name]:
                previous = await self._store.desired(name, base) if name in digests else None
                work = partial(
                    compile_device, device=device, intents=by_device[name], revision=base + 1, previous=previous
                )
                jobs.append(self._schemas.run(self._fleet.model_set(device), work))
            elif name in digests:
                dropped.append(name)
        trees = await all_or_problems(jobs)
        return _Compiled(
            intents=tuple(new[name] for name in sorted(changed & set(new))),
            withdrawn=tuple(sorted(changed - set(new))),
            trees=tuple(tree for tree in trees if digests.get(tree.device) != tree.digest),
            dropped=tuple(dropped),
        )


def _by_name(intents: Iterable[Intent]) -> dict[str, Intent]:
    return {intent.name: intent for intent in intents}


def _changed(compiled: _Compiled) -> tuple[str, ...]:
    return tuple(sorted((*(tree.device for tree in compiled.trees), *compiled.dropped)))
