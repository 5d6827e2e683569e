"""One simulated switch: its datastore, its two servers, power on and off, and the operator's back door.

Made by the simulation; used directly by tests and demonstrations. Knows its neighbours only through its View.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as File

from fabricd.errors import FabricdError, InputError, Problem
from fabricd.model.path import Path
from fabricd.simulator.config import SimulationConfig, SwitchConfig
from fabricd.simulator.confirmed import NANOSECONDS, Sleep
from fabricd.simulator.datastore import Datastore, Store
from fabricd.simulator.engine import Engine, parse
from fabricd.simulator.facts import SwitchFacts
from fabricd.simulator.faults import Fault, Faults, Kind
from fabricd.simulator.gnmi.server import GnmiServer
from fabricd.simulator.live import Live
from fabricd.simulator.netconf.server import NetconfServer
from fabricd.simulator.ports import Ports
from fabricd.simulator.quirks.behaviour import Behaviour
from fabricd.simulator.quirks.late import Late
from fabricd.simulator.state import View
from fabricd.simulator.tree import Object, Place, Step, matches, merge, normalise, remove, write
from fabricd.simulator.trust import Identity
from fabricd.simulator.values import Json

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counts:
    """Writes of one switch: `commits` are commits, Sets and edits of running that were accepted, `edits` those of the
    candidate, `refused` whatever of both was not. `faults` struck so often; quirks that were `met` made a
    difference."""

    commits: int
    edits: int
    refused: int
    faults: int
    met: tuple[str, ...]


class Switch:
    """One switch. Its ports are its own until `close`, also between `stop` and `start`."""

    def __init__(
        self,
        config: SwitchConfig,
        simulation: SimulationConfig,
        engine: Engine,
        identity: Identity,
        view: Callable[[SwitchFacts, bool], View],
        told: Callable[[], None],
        clock: Callable[[], int],
        sleep: Sleep,
        renew: Callable[[bool], Identity],
    ) -> None:
        """`view` makes the View of the switch's neighbourhood, `told` tells it of every change here; `sleep` waits for
        seconds by `clock`; `renew` makes another identity, signed by the simulation's authority or (True) by another.
        Raises InputError for a path in its quirks that the models do not have."""
        self.config = config
        self.host = simulation.host
        self.identity = identity
        self.gnmi_port = config.gnmi_port
        self.netconf_port = config.netconf_port
        self._ports = Ports(simulation.host)
        self._told = told
        self._base_clock = clock
        self._offset = 0
        self._sleep = sleep
        self._renew = renew
        self._rebooting: asyncio.Task[None] | None = None
        self._losing_power: asyncio.Future[None] | None = None
        file = simulation.state_directory / "running" / f"{config.name}.json"
        quirks = config.quirks
        try:
            self._behaviour = Behaviour(engine.outline, quirks, config.ports, self.clock)
        except InputError as error:
            raise InputError.of(replace(problem, device=config.name) for problem in error.problems) from error
        self._datastore = Datastore(
            engine,
            file,
            self.clock,
            told,
            startup=config.startup,
            sleep=sleep,
            behaviour=self._behaviour if self._behaviour else None,
            faults=Faults(self._suffer),
        )
        meet = self._behaviour.met.add
        late = Late(self._datastore, quirks.applies_after, clock, sleep, told, meet) if quirks.applies_after else None
        self._late = late
        self.live = Live(config, engine, self._datastore, self._behaviour, view, self.clock, sleep, late)
        self.faults.add(*config.faults)
        self._gnmi = GnmiServer(self.live, simulation, identity)
        self._netconf = NetconfServer(self.live, simulation, identity)
        self.booted = 0
        self._started = 0
        self.powered = False

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def faults(self) -> Faults:
        """What goes wrong with the next requests."""
        return self.live.faults

    @property
    def met(self) -> frozenset[str]:
        """Quirks that made a difference at least once, by their names in Quirks."""
        return self.live.met

    @property
    def gnmi_connections(self) -> int:
        """How many there are now."""
        return self._gnmi.connections

    @property
    def netconf_sessions(self) -> int:
        """How many there are now."""
        return len(self._netconf.sessions)

    @property
    def pending(self) -> bool:
        """Whether a change runs that nobody has confirmed yet."""
        return self._datastore.pending is not None

    def locked(self, store: Store) -> bool:
        """Whether a session holds the lock of a datastore."""
        return self._datastore.locked(store) is not None

    @property
    def counts(self) -> Counts:
        """What was asked of it since the process started."""
        store = self._datastore
        return Counts(store.commits, store.edits, store.refused, self.faults.struck, tuple(sorted(self.met)))

    @property
    def commits(self) -> int:
        """Commits and Sets accepted by either protocol or the back door since the process started."""
        return self._datastore.commits

    @property
    def version(self) -> int:
        """Grows whenever the running configuration differs from before."""
        return self._datastore.running.number

    @property
    def configured(self) -> int:
        """When the running configuration was last changed or loaded, in nanoseconds since 1970."""
        return self._datastore.running.time

    @property
    def running(self) -> bytes:
        """The running configuration as canonical RFC 7951 JSON."""
        return self._datastore.running.config

    @property
    def config_file(self) -> File:
        """Where the running configuration is kept."""
        return self._datastore.file

    async def state(self) -> Object:
        """Configuration and state, as a Get of everything shows them."""
        return await self.live.tree()

    async def start(self) -> None:
        """Power on: load what was persisted and listen. Raises InputError for a configuration file that the models
        refuse, FabricdError when a port is taken."""
        if self.powered:
            return
        self._stay()
        try:
            await self._datastore.load()
        except InputError as error:
            raise InputError.of(
                Problem(problem.message, device=self.name, path=problem.path or str(self.config_file))
                for problem in error.problems
            ) from error
        self._behaviour.forget()
        if self._late is not None:
            self._late.reset()
        self.booted = self.clock()
        self._started = self._base_clock()
        try:
            self.gnmi_port = self.gnmi_port or self._ports.keep()
            self.netconf_port = self.netconf_port or self._ports.keep()
        except OSError as error:
            raise FabricdError(f"{self.name}: no port of {self.host} can be had: {error.strerror}") from error
        await self._gnmi.start(self.gnmi_port)
        try:
            await self._netconf.start(self.netconf_port)
        except BaseException:
            await self._gnmi.stop()
            raise
        self.powered = True
        self._told()

    async def stop(self) -> None:
        """Power off: every connection is cut, locks and the candidate are gone; neighbours lose their links. A reboot
        that is going on ends here."""
        self._stay()
        if self._losing_power is not None:
            await self._losing_power
        await self._lose_power()

    async def close(self) -> None:
        """Off for good: its ports are anybody's."""
        await self.stop()
        self._ports.close()

    async def _lose_power(self) -> None:
        if not self.powered:
            return
        self.powered = False
        self.faults.let_go()
        await asyncio.gather(self._gnmi.stop(), self._netconf.stop())
        self._datastore.forget_sessions()
        self._told()

    async def restart(self) -> None:
        """Off and on again, on the same ports, with the persisted configuration."""
        await self.stop()
        await self.start()

    def clock(self) -> int:
        """The switch's own clock, in nanoseconds since 1970."""
        return self._base_clock() + self._offset

    @property
    def uptime(self) -> int:
        """Nanoseconds since it was started, whatever its clock was set to."""
        return max(0, self._base_clock() - self._started)

    def reboot(self, seconds: float = 0.0) -> None:
        """Off now, and on again after `seconds`; does not wait for either."""
        self._stay()
        self._rebooting = asyncio.get_running_loop().create_task(self._reboot(seconds))

    def renew_identity(self, *, other_authority: bool = False) -> None:
        """Another certificate and host key, from the next connection on."""
        self.identity = self._renew(other_authority)
        self._gnmi.present(self.identity)
        self._netconf.present(self.identity)

    def _suffer(self, fault: Fault) -> None:
        match fault.kind:
            case Kind.REBOOT:
                self.reboot(fault.seconds)
            case Kind.CLOCK:
                self._offset += round(fault.seconds * NANOSECONDS)
            case Kind.CERTIFICATE:
                self.renew_identity(other_authority=fault.authority == "other")

    async def _reboot(self, seconds: float) -> None:
        # A reboot that is called off must not stop half way.
        self._losing_power = asyncio.ensure_future(self._lose_power())
        await asyncio.shield(self._losing_power)
        await self._sleep(seconds)
        self._rebooting = None
        try:
            await self.start()
        except FabricdError:
            log.exception("%s did not start again", self.name)

    def _stay(self) -> None:
        """No reboot brings it back."""
        rebooting, self._rebooting = self._rebooting, None
        if rebooting is not None:
            rebooting.cancel()

    async def change(
        self,
        update: Mapping[str, Json] | None = None,
        *,
        replace: Mapping[str, Json] | None = None,
        delete: Iterable[str] = (),
    ) -> bool:
        """The operator's back door: change the running configuration in one transaction, behind everybody's back.

        Paths as text (`/interfaces/interface[name=Ethernet1]/config/mtu`, modules optional), values as RFC 7951 JSON.
        True when something changed. Raises InputError, TreeError, LockedError.
        """
        outline = self.live.outline
        deletes = [self._place(text) for text in delete]
        writes = [(self._place(text), text, value, True) for text, value in (replace or {}).items()]
        writes += [(self._place(text), text, value, False) for text, value in (update or {}).items()]

        def edit(tree: Object) -> None:
            for place in deletes:
                if place.steps:
                    remove(tree, place.steps)
                else:
                    tree.clear()
            for place, text, value, whole in writes:
                fresh = normalise(place.node or outline.root, value, text, loose=False)
                if place.steps:
                    write(tree, place, fresh, replace=whole)
                    continue
                assert isinstance(fresh, dict)
                if whole:
                    tree.clear()
                merge(tree, fresh, outline.root)

        return await self._datastore.edit_running(edit)

    def value(self, path: str) -> Json:
        """What is configured at a path (that names one node), None for nothing."""
        found: Json = parse(self.running)
        for step in self._place(path).steps:
            held = found.get(step.node.member) if isinstance(found, dict) else None
            if step.node.kind == "list" and step.keys and isinstance(held, list):
                held = next((one for one in held if isinstance(one, dict) and matches(one, step)), None)
            found = held
        return found

    def _place(self, text: str) -> Place:
        node = self.live.outline.root
        steps = []
        for segment in Path.parse(text).segments:
            child = node.child(f"{segment.module}:{segment.name}" if segment.module else segment.name)
            if child is None:
                raise InputError.of([Problem("the models have no such node", device=self.name, path=text)])
            node = child
            if wrong := [name for name, _ in segment.keys if name not in node.keys]:
                raise InputError.of([Problem(f"{node.name} has no key {wrong[0]!r}", device=self.name, path=text)])
            steps.append(Step(node, segment.keys))
        return Place(tuple(steps))
