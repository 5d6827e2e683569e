"""What both protocol servers of a switch see of it: its datastore, its state, its faults, its changes.

Made by the switch, handed to gNMI and NETCONF. Starts nothing and knows neither protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fabricd.schema.outline import Outline
from fabricd.simulator.config import SwitchConfig
from fabricd.simulator.datastore import Datastore, Version
from fabricd.simulator.engine import Engine, parse
from fabricd.simulator.facts import SwitchFacts, facts_of
from fabricd.simulator.faults import Fault, Faults
from fabricd.simulator.quirks import Quirks
from fabricd.simulator.state import View, full_tree
from fabricd.simulator.tree import Object


class Live:
    """One switch as its servers see it."""

    def __init__(
        self,
        config: SwitchConfig,
        engine: Engine,
        datastore: Datastore,
        view: Callable[[SwitchFacts, bool], View],
        clock: Callable[[], int],
        suffer: Callable[[Fault], None] | None = None,
    ) -> None:
        """`view` makes the View for the switch's own facts, with time or without. `clock` is in nanoseconds. `suffer`
        does to the switch what a fault of it as a whole means."""
        self.config = config
        self.name = config.name
        self.engine = engine
        self.datastore = datastore
        self.faults = Faults(suffer)
        self.clock = clock
        self.quirks: Quirks = config.quirks
        self._view = view
        self._facts: tuple[int, SwitchFacts] | None = None
        self._steady: tuple[int, Object] | None = None
        self._changed = asyncio.Event()
        self.met: set[str] = set()
        """Quirks that made a difference so far, by their names."""
        self.epoch = 0
        """Counts changes of anything that the switch's state depends on, here or at its neighbours."""

    @property
    def outline(self) -> Outline:
        return self.engine.outline

    async def shown(self) -> Version:
        """The running configuration as it is shown to whoever reads it; the same number, the same bytes."""
        return self.datastore.running

    def meet(self, quirk: str) -> None:
        """A quirk, by its name in Quirks, made a difference."""
        self.met.add(quirk)

    def facts(self) -> SwitchFacts:
        """The facts of the running configuration."""
        running = self.datastore.running
        if self._facts is None or self._facts[0] != running.number:
            self._facts = (running.number, facts_of(self.name, parse(running.config)))
        return self._facts[1]

    async def tree(self) -> Object:
        """Configuration and state as of now; the caller may keep it."""
        config, view = self.datastore.running.config, self._view(self.facts(), True)
        return await self.engine.run(lambda: full_tree(self.outline, parse(config), view))

    async def steady_tree(self) -> Object:
        """The same without what changes by itself; shared, not to be changed."""
        epoch = self.epoch
        if self._steady is None or self._steady[0] != epoch:
            config, view = self.datastore.running.config, self._view(self.facts(), False)
            self._steady = (epoch, await self.engine.run(lambda: full_tree(self.outline, parse(config), view)))
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
