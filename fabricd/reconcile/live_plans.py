"""Plans made from what devices run now, and from what two revisions say: for dry runs, plan and diff.

Used by reconcile/submission. Reads devices, changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from fabricd.errors import FabricdError
from fabricd.intent import current_scope
from fabricd.model.device import Likeness
from fabricd.model.intent import Desired
from fabricd.model.plan import Plan
from fabricd.plan import make_plan, ordered, plan_edits, worst
from fabricd.reconcile.attempt import has_net
from fabricd.reconcile.fleet import Fleet
from fabricd.reconcile.secret_memory import memory_of
from fabricd.reconcile.turns import Turns
from fabricd.schema import Schema, SchemaPool
from fabricd.southbound.sessions import Sessions
from fabricd.store import Store


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """The plan of one device, or why it is not known."""

    plan: Plan
    error: str = ""
    error_code: str = ""


class LivePlans:
    """Reads so many devices at a time. A device that cannot be read is reported, and keeps no other waiting."""

    def __init__(
        self, fleet: Fleet, store: Store, sessions: Sessions, schemas: SchemaPool, *, concurrency: int = 64
    ) -> None:
        self._fleet = fleet
        self._store = store
        self._sessions = sessions
        self._schemas = schemas
        self._turns = Turns(concurrency)

    async def against_devices(self, wanted: Iterable[Desired]) -> tuple[DevicePlan, ...]:
        """What it would take now to bring each device to its tree, by device name."""
        trees = sorted(wanted, key=lambda desired: desired.device)
        return tuple(await asyncio.gather(*map(self._against_device, trees)))

    async def _against_device(self, desired: Desired) -> DevicePlan:
        device = self._fleet.devices.get(desired.device)
        if device is None:
            gone = "is not in the inventory any more"
            return DevicePlan(Plan(desired.device, desired.revision), gone, "NOT_FOUND")
        desired = replace(desired, scope=current_scope(desired, device.profile))
        try:
            async with self._turns.at(device.name), self._sessions.open(device.name) as target:
                fetched = await target.fetch(desired.scope.roots)
                net = await has_net(target, device.profile)
            work = partial(
                make_plan,
                desired=desired,
                fetched=fetched,
                dialect=None,
                likeness=device.profile.likeness,
                memory=await memory_of(self._store, device),
            )
            planned = await self._schemas.run(self._fleet.model_set(device), work)
        except FabricdError as error:
            return DevicePlan(Plan(device.name, desired.revision), self._sessions.conceal(str(error)), error.code)
        return DevicePlan(replace(planned.plan, reverts_itself=net))

    async def between(self, device: str, old: Desired | None, new: Desired | None) -> DevicePlan:
        """What changed from one tree of a device to another; None: it had, or has, none."""
        revision = new.revision if new is not None else 0
        known = self._fleet.devices.get(device)
        if known is None:
            return DevicePlan(Plan(device, revision), "is not in the inventory any more", "NOT_FOUND")
        work = partial(_difference, old=_config(old), new=_config(new), likeness=known.profile.likeness)
        try:
            edits = await self._schemas.run(self._fleet.model_set(known), work)
        except FabricdError as error:
            return DevicePlan(Plan(device, revision), self._sessions.conceal(str(error)), error.code)
        return DevicePlan(replace(edits, device=device, revision=revision))


def _config(desired: Desired | None) -> bytes:
    return desired.config if desired is not None else b"{}"


def _difference(schema: Schema, old: bytes, new: bytes, likeness: Likeness) -> Plan:
    edits = plan_edits(ordered(schema.plain.diff(old, new)), schema.plain.secret_leaves(likeness))
    return Plan("", 0, edits, worst(edit.disruption for edit in edits))
