"""What both protocol servers of a switch see of it: its datastore, its state, its faults, its changes.

Made by the switch, handed to gNMI and NETCONF. Starts nothing and knows neither protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fabricd.schema.outline import Outline
from fabricd.simulator.config import SwitchConfig
from fabricd.simulator.confirmed import Sleep
from fabricd.simulator.datastore import Changed, Datastore, Event, Store, Version
from fabricd.simulator.engine import Engine, parse
from fabricd.simulator.facts import SwitchFacts, facts_of
from fabricd.simulator.faults import Faults
from fabricd.simulator.quirks import Quirks
from fabricd.simulator.quirks.behaviour import Behaviour
from fabricd.simulator.quirks.late import Late
from fabricd.simulator.state import View, full_tree
from fabricd.simulator.tree import Object


class Live:
    """One switch as its servers see it."""

    def __init__(
        self,
        config: SwitchConfig,
        engine: Engine,
        datastore: Datastore,
        behaviour: Behaviour,
        view: Callable[[SwitchFacts, bool], View],
        clock: Callable[[], int],
        sleep: Sleep,
        late: Late | None,
    ) -> None:
        """`view` makes the View for the switch's own facts, with time or without. `clock` is in nanoseconds, `sleep`
        waits for seconds. `late` holds back what is shown, None shows everything at once."""
        self.config = config
        self.name = config.name
        self.engine = engine
        self.datastore = datastore
        self.faults: Faults = datastore.faults
        self.clock = clock
        self.sleep = sleep
        self.quirks: Quirks = config.quirks
        self._behaviour = behaviour
        self._differs = bool(behaviour)
        self._late = late
        self._view = view
        self._facts: tuple[int, SwitchFacts] | None = None
        self._steady: tuple[int, Object] | None = None
        self._looked: Version | None = None
        self._shown: Version | None = None
        self._reads = 0
        self._changed = asyncio.Event()
        self.epoch = 0
        """Counts changes of anything that the switch's state depends on, here or at its neighbours."""
        if self._differs:
            datastore.listeners.append(self._note)

    @property
    def outline(self) -> Outline:
        return self.engine.outline

    @property
    def listeners(self) -> list[Callable[[Event], None]]:
        """Called with what happened to the datastores, when it shows."""
        return self.datastore.listeners if self._late is None else self._late.listeners

    @property
    def met(self) -> frozenset[str]:
        """Quirks that made a difference so far, by their names."""
        return frozenset(self._behaviour.met)

    def meet(self, quirk: str) -> None:
        """A quirk, by its name in Quirks, made a difference."""
        self._behaviour.met.add(quirk)

    async def shown(self) -> Version:
        """The running configuration as it is shown to whoever reads it; the same number, the same bytes."""
        running = self._running()
        appearance = self._behaviour.appearance
        if not appearance:
            return running
        if appearance.steady and self._looked is running and self._shown is not None:
            return self._shown
        salt = self._salt()
        config = await self.engine.run(lambda: self._behaviour.shown(running.config, salt))
        # Numbers of what looks different at every read are negative: no version of the datastore has those.
        number = running.number if appearance.steady else -salt
        self._looked, self._shown = running, Version(number, config, running.time)
        return self._shown

    def facts(self) -> SwitchFacts:
        """The facts of what is in force."""
        running = self._running()
        if self._facts is None or self._facts[0] != running.number:
            config = self._behaviour.in_force(running.config) if self._differs else parse(running.config)
            self._facts = (running.number, facts_of(self.name, config))
        return self._facts[1]

    async def tree(self) -> Object:
        """Configuration and state as of now; the caller may keep it."""
        return await self._tree(timed=True)

    async def steady_tree(self) -> Object:
        """The same without what changes by itself; shared, not to be changed."""
        epoch = self.epoch
        if self._steady is None or self._steady[0] != epoch:
            self._steady = (epoch, await self._tree(timed=False))
        return self._steady[1]

    def tell(self) -> None:
        """Something changed: wake everybody who waits."""
        self.epoch += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed_since(self, epoch: int) -> int:
        """Wait until there is a later epoch than this one, and return it."""
        while self.epoch <= epoch:
            await self._changed.wait()
        return self.epoch

    async def _tree(self, *, timed: bool) -> Object:
        config, view = self._running().config, self._view(self.facts(), timed)
        if not self._differs:
            return await self.engine.run(lambda: full_tree(self.outline, parse(config), view))
        salt = self._salt()
        return await self.engine.run(lambda: self._behaviour.full_tree(config, view, salt))

    def _running(self) -> Version:
        return self.datastore.running if self._late is None else self._late.shown()

    def _salt(self) -> int:
        self._reads += 1
        return self._reads

    def _note(self, event: Event) -> None:
        if isinstance(event, Changed) and event.store is Store.RUNNING:
            self._behaviour.changed(event.before, event.after)
