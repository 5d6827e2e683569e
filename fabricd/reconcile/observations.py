"""What devices say of themselves now: state, cabling as they see it, and what of their desired tree is not in force.

Called by northbound. Reads devices and the store, changes nothing; must not know gRPC or a concrete adapter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from fabricd.errors import DeviceRefusedError, FabricdError, NotFoundError
from fabricd.intent import current_scope
from fabricd.intent.fabric.cabling import Cable, compare_cabling
from fabricd.intent.fabric.document import read_fabric
from fabricd.intent.fabric.values import Link
from fabricd.intent.layers import FABRIC_MODELS
from fabricd.model.device import Mode
from fabricd.model.fetched import Fetched
from fabricd.model.intent import FabricIntent
from fabricd.model.operational import InForce, Operational
from fabricd.model.path import Path
from fabricd.reconcile.clock import Clock, SystemClock
from fabricd.reconcile.fleet import Fleet
from fabricd.reconcile.turns import Turns
from fabricd.schema import Schema, SchemaPool
from fabricd.schema.applied import in_force, mirrors
from fabricd.schema.observed import read_observed
from fabricd.schema.operational import operational
from fabricd.southbound.sessions import Sessions
from fabricd.southbound.target import Target
from fabricd.store import Store

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A container to read, and what to read instead where a device refuses it: one leaf that it lacks makes some
    devices refuse all, and some tell counters by their container only."""

    path: Path
    pieces: tuple[Path, ...] = ()


def _wanted(container: str, *leaves: str) -> Wanted:
    return Wanted(Path.parse(container), tuple(Path.parse(f"{container}/{leaf}") for leaf in leaves))


_INTERFACES = "/openconfig-interfaces:interfaces/interface/state"
_LLDP = "/openconfig-lldp:lldp"
_NEIGHBOR = f"{_LLDP}/interfaces/interface/neighbors/neighbor/state"
_BGP = "/openconfig-network-instance:network-instances/network-instance/protocols/protocol/bgp/neighbors/neighbor/state"
_PORTS = _wanted(
    _INTERFACES, "name", "admin-status", "oper-status", "enabled", "description", "mtu", "last-change"
)  # fmt: skip
_LLDP_STATE = (
    _wanted(f"{_LLDP}/state", "enabled", "system-name", "chassis-id"),
    _wanted(f"{_LLDP}/interfaces/interface/state", "name", "enabled"),
    _wanted(_NEIGHBOR, "id", "system-name", "chassis-id", "port-id", "port-description"),
)
_SESSIONS = _wanted(_BGP, "neighbor-address", "session-state", "peer-as", "enabled", "last-established")


@dataclass(frozen=True, slots=True)
class Observed:
    """A device's state, or why it is not known."""

    device: str
    state: Operational | None = None
    error: str = ""
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """How much of a device's desired tree is in force, or why that is not known. `waiting`: the last change is younger
    than the time that the profile gives the device to settle."""

    device: str
    found: InForce | None = None
    waiting: bool = False
    error: str = ""
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class Cabling:
    """The cables of a revision's fabrics. `unread` are devices that could not be asked, and why."""

    revision: int
    cables: tuple[Cable, ...]
    unread: Mapping[str, str]


class Observations:
    """Reads so many devices at a time. A device that cannot be read is reported, and keeps no other waiting."""

    def __init__(
        self,
        *,
        store: Store,
        schemas: SchemaPool,
        sessions: Sessions,
        fleet: Fleet,
        clock: Clock | None = None,
        concurrency: int = 64,
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._sessions = sessions
        self._fleet = fleet
        self._clock = clock or SystemClock()
        self._turns = Turns(concurrency)

    async def operational(self, devices: Sequence[str] = ()) -> tuple[Observed, ...]:
        """State of these devices, all if none is named. Raises NotFoundError."""
        work = partial(self._observe, wanted=(_PORTS, *_LLDP_STATE, _SESSIONS))
        return await self._each(self._fleet.known(devices), work)

    async def cabling(self, devices: Sequence[str] = ()) -> Cabling:
        """Every cable of the current revision's fabrics (only those that touch one of `devices`, if any is named), as
        the devices at its ends see it. Raises NotFoundError."""
        self._fleet.known(devices)
        revision, links = await self.links()
        asked = {port.device for _, link in links for port in (link.a, link.b)}
        if devices:
            links = [one for one in links if {one[1].a.device, one[1].b.device} & set(devices)]
            asked = {port.device for _, link in links for port in (link.a, link.b)} | set(devices)
        known = [name for name in sorted(asked) if name in self._fleet.devices]
        observed = await self._each(known, partial(self._observe, wanted=(_PORTS, *_LLDP_STATE)))
        unread = {one.device: one.error for one in observed if one.state is None}
        unread |= dict.fromkeys(asked - set(known), "is not in the inventory any more")
        sights = dict.fromkeys(asked) | {one.device: one.state for one in observed}
        # Tens of thousands of cables take a while, and others want the loop.
        cables = await asyncio.to_thread(compare_cabling, links, sights)
        if devices:
            cables = tuple(cable for cable in cables if {cable.a.port.device, cable.b.port.device} & set(devices))
        return Cabling(revision, cables, unread)

    async def sights(self, devices: Sequence[str]) -> dict[str, Operational | None]:
        """Interfaces and LLDP neighbours of these devices, None of those that cannot be read, are not in the inventory
        (any more), or are paused."""
        fleet = self._fleet
        known = [name for name in devices if name in fleet.devices]
        asked = [name for name in known if fleet.mode(fleet.devices[name]) is not Mode.PAUSE]
        observed = await self._each(asked, partial(self._observe, wanted=(_PORTS, *_LLDP_STATE)))
        return dict.fromkeys(devices) | {one.device: one.state for one in observed}

    async def applied(self, devices: Sequence[str] = ()) -> tuple[Applied, ...]:
        """What of their desired trees these devices do not have in force; of all that have one, if none is named.
        Raises NotFoundError."""
        names: Sequence[str] = self._fleet.known(devices)
        if not devices:
            names = [name for name in names if await self._store.desired_head(name) is not None]
        return await self._each(names, self._apply)

    async def _each(self, names: Iterable[str], work: Callable[[str], Awaitable[_T]]) -> tuple[_T, ...]:
        async def one(name: str) -> _T:
            async with self._turns.at(name):
                return await work(name)

        return tuple(await asyncio.gather(*map(one, names)))

    async def _observe(self, name: str, wanted: Sequence[Wanted]) -> Observed:
        try:
            models = self._fleet.model_set(self._fleet.device(name))
            async with self._sessions.open(name) as target:
                fetched, unread = await read_state(target, wanted)
            read = self._clock.now()

            def work(schema: Schema) -> Operational:
                return operational(name, read, read_observed(schema, fetched), tuple(path.text for path in unread))

            return Observed(name, await self._schemas.run(models, work))
        except FabricdError as error:
            return Observed(name, None, self._sessions.conceal(str(error)), error.code)

    async def _apply(self, name: str) -> Applied:
        try:
            device = self._fleet.device(name)
            desired = await self._store.desired(name)
            if desired is None:
                raise NotFoundError("nothing is desired of it")
            scope = current_scope(desired, device.profile)
            models = self._fleet.model_set(device)
            pieces = await self._schemas.run(models, partial(mirrors, desired=desired.config))
            wanted = [Wanted(root, tuple(piece for piece in pieces if root.covers(piece))) for root in scope.roots]
            async with self._sessions.open(name) as target:
                fetched, unread = await read_state(target, wanted)
            likeness = device.profile.likeness
            work = partial(in_force, desired=desired.config, fetched=fetched, scope=scope, likeness=likeness)
            found = await self._schemas.run(models, work)
        except FabricdError as error:
            return Applied(name, None, error=self._sessions.conceal(str(error)), error_code=error.code)
        changed = (await self._store.status(name)).changed
        age = (self._clock.now() - changed).total_seconds() if changed else None
        untold = tuple(dict.fromkeys((*found.untold, *unread)))
        return Applied(name, replace(found, untold=untold), age is not None and age < device.profile.write.settle)

    async def links(self) -> tuple[int, list[tuple[str, Link]]]:
        """The current revision, and the links of its fabrics with the fabric's name."""
        current = await self._store.current()
        links: list[tuple[str, Link]] = []
        for intent in await self._store.intents(current.number) if current else ():
            if isinstance(intent, FabricIntent):
                work = partial(read_fabric, content=intent.fabric, name=intent.name)
                fabric, _ = await self._schemas.run(FABRIC_MODELS, work)
                links += ((intent.name, link) for link in fabric.links)
        return current.number if current else 0, links


async def read_state(target: Target, wanted: Sequence[Wanted]) -> tuple[tuple[Fetched, ...], tuple[Path, ...]]:
    """State below `wanted`, where the device refuses a container its pieces, and the paths that it refuses even so.

    A device that lacks one leaf of a container may say that the container is not there: an empty answer is looked into
    as well. Raises DeviceError for everything that is no refusal.
    """
    answers: list[Fetched] = []
    unread: list[Path] = []
    for one in wanted:
        whole = await _asked(target, one.path)
        if whole is not None:
            answers.append(whole)
        if whole is None and not one.pieces:
            unread.append(one.path)
        for piece in one.pieces if whole is None or not whole.parts else ():
            part = await _asked(target, piece)
            if part is None:
                unread.append(piece)
            else:
                answers.append(part)
    return tuple(answers), tuple(unread)


async def _asked(target: Target, path: Path) -> Fetched | None:
    """None: the device refuses."""
    try:
        return await target.state([path])
    except DeviceRefusedError:
        return None
