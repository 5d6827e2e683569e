"""All switches of a simulation in one process, the cables between them, and the files that tell others where they are.

Started by `fabricd simulate` and by tests. Owns the engine; each switch owns its own state.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from fabricd.simulator.config import LinkConfig, SimulationConfig, SwitchConfig
from fabricd.simulator.confirmed import Sleep
from fabricd.simulator.engine import Engine
from fabricd.simulator.facts import SwitchFacts
from fabricd.simulator.state import PortName, View
from fabricd.simulator.switch import Switch
from fabricd.simulator.trust import Identity, Trust, now


class Simulation:
    """Switches by name, between `start` and `stop`, or in an `async with`."""

    def __init__(
        self, config: SimulationConfig, clock: Callable[[], int] = time.time_ns, sleep: Sleep = asyncio.sleep
    ) -> None:
        """`clock` gives nanoseconds since 1970, `sleep` waits for seconds by it."""
        self.config = config
        self.switches: dict[str, Switch] = {}
        self._clock = clock
        self._sleep = sleep
        self._engine: Engine | None = None
        self._trust: Trust | None = None
        self._cables: dict[str, dict[str, PortName]] = {switch.name: {} for switch in config.switches}
        self._plug(config.links)

    @property
    def ca_file(self) -> Path:
        """PEM file of the authority that signed every switch's certificate."""
        return self.config.state_directory / "tls" / "ca.pem"

    @property
    def known_hosts_file(self) -> Path:
        """known_hosts file with every switch's host key."""
        return self.config.state_directory / "ssh" / "known_hosts"

    @property
    def ports_file(self) -> Path:
        """JSON file that names every switch's address, ports and host key."""
        return self.config.state_directory / "ports.json"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start every switch, then write ports.json and known_hosts. Nothing stays running when one fails.

        Raises InputError for models or configurations that do not load, FabricdError when a port is taken.
        """
        folder = self.config.state_directory
        (folder / "running").mkdir(parents=True, exist_ok=True)
        self._trust = await asyncio.to_thread(Trust, folder, self.config.host, now())
        self._engine = await Engine.open(self.config.models, self.config.threads, self.config.deviations)
        try:
            for config in self.config.switches:
                identity = await asyncio.to_thread(self._trust.identity, config.name)
                self.switches[config.name] = Switch(
                    config,
                    self.config,
                    self._engine,
                    identity,
                    self._viewer(config),
                    self._teller(config),
                    self._clock,
                    self._sleep,
                    self._renewer(config.name),
                )
            for switch in self.switches.values():
                await switch.start()
            await self.publish()
        except BaseException:
            await self.stop()
            raise

    def rewire(self, links: Iterable[LinkConfig]) -> None:
        """Somebody pulls all cables and plugs these in, between ports that the switches have. Raises KeyError for a
        switch that there is not."""
        for ports in self._cables.values():
            ports.clear()
        self._plug(links)
        for switch in self.switches.values():
            switch.live.tell()

    def _plug(self, links: Iterable[LinkConfig]) -> None:
        for link in links:
            (left, left_port), (right, right_port) = link.ends
            self._cables[left][left_port] = (right, right_port)
            self._cables[right][right_port] = (left, left_port)

    async def publish(self) -> None:
        """Write ports.json and known_hosts as they are now: after a switch got another host key, say."""
        if self._trust is not None:
            await asyncio.to_thread(self._write_directory, self._trust)

    async def stop(self) -> None:
        """Stop every switch and the engine."""
        await asyncio.gather(*(switch.close() for switch in self.switches.values()))
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _viewer(self, config: SwitchConfig) -> Callable[[SwitchFacts, bool], View]:
        cables = self._cables[config.name]

        def view(facts: SwitchFacts, timed: bool) -> View:
            switch = self.switches[config.name]
            neighbors = {name for name, _ in cables.values()}
            return View(
                facts=facts,
                ports=config.ports,
                cables=cables,
                peers={name: self.switches[name].live.facts() for name in neighbors if self.switches[name].powered},
                booted=switch.booted,
                configured=switch.configured,
                now=switch.clock() if timed else 0,
                uptime=switch.uptime if timed else 0,
            )

        return view

    def _renewer(self, name: str) -> Callable[[bool], Identity]:
        def renew(other_authority: bool) -> Identity:
            assert self._trust is not None
            return self._trust.renewed(name, other_authority=other_authority)

        return renew

    def _teller(self, config: SwitchConfig) -> Callable[[], None]:
        cables = self._cables[config.name]

        def tell() -> None:
            concerned = {config.name, *(switch for switch, _ in cables.values())}
            for name in concerned & self.switches.keys():
                self.switches[name].live.tell()

        return tell

    def _write_directory(self, trust: Trust) -> None:
        trust.write_known_hosts(
            [(switch.netconf_port, switch.identity.host_key_public) for switch in self.switches.values()]
        )
        directory = {
            "ca": str(trust.ca_file),
            "known_hosts": str(trust.known_hosts_file),
            "username": self.config.username,
            "switches": {
                name: {
                    "address": switch.host,
                    "gnmi_port": switch.gnmi_port,
                    "netconf_port": switch.netconf_port,
                    "host_key": switch.identity.host_key_public,
                }
                for name, switch in self.switches.items()
            },
        }
        temporary = self.ports_file.with_name(".ports.json.new")
        temporary.write_bytes(orjson.dumps(directory, option=orjson.OPT_INDENT_2))
        temporary.replace(self.ports_file)
