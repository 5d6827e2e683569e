"""One switch to probe, over the wire, and what is done to it at a request of the probe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from target_bench import DEADLINE, eventually

from fabricd.model.device import Device, Login, Profile, Protocol, SecretReference, Timeouts, Trust
from fabricd.model.probe import ProbeOptions, ProbeReport
from fabricd.schema import ModelSet, SchemaPool
from fabricd.simulator import Simulation, SimulationConfig, Switch, SwitchConfig
from fabricd.simulator.datastore import Store
from fabricd.simulator.faults import Fault, Rpc
from fabricd.southbound.probe import probe


@dataclass
class Bench:
    """One switch, and a probe of it."""

    simulation: Simulation
    switch: Switch
    schemas: SchemaPool
    device: Device
    before: bytes
    notes: list[str] = field(default_factory=list)

    async def probe(self, **options: Any) -> ProbeReport:
        async def note(text: str) -> None:
            self.notes.append(text)

        return await probe(
            self.device,
            ProbeOptions(**options),
            models=ModelSet.managed(),
            schemas=self.schemas,
            known=(),
            commit="fabricd-probe-1",
            note=note,
            told=lambda _: None,
        )

    async def is_untouched(self) -> None:
        """As it was, in memory and on disk, with nothing open."""
        store = self.switch.live.datastore
        await eventually(lambda: self.switch.running == self.before and store.pending is None)
        assert self.switch.config_file.read_bytes() == self.before
        await eventually(lambda: not store.dirty and not any(map(store.locked, Store)))
        await eventually(lambda: self.switch.gnmi_connections == 0 and self.switch.netconf_sessions == 0)


async def shown(switch: Switch, text: bytes) -> None:
    """Wait until a read of the switch would show it."""
    async with asyncio.timeout(DEADLINE):
        while text not in (await switch.live.shown()).config:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def bench(folder: File, schemas: SchemaPool, protocol: Protocol, **config: Any) -> AsyncIterator[Bench]:
    password = folder / "password"
    password.write_text("a password\n")
    password.chmod(0o600)
    switch_config = SwitchConfig.model_validate({"name": "leaf1", "ports": ("Ethernet1",), **config})
    simulated = SimulationConfig(
        state_directory=folder / "switches", username="operator", password="a password", switches=(switch_config,)
    )
    async with Simulation(simulated) as simulation:
        switch = simulation.switches["leaf1"]
        await switch.change({"/system/config/hostname": "leaf1"})
        await eventually(lambda: b"leaf1" in switch.running)
        device = Device(
            "leaf1",
            "127.0.0.1",
            switch.gnmi_port if protocol is Protocol.GNMI else switch.netconf_port,
            protocol,
            Profile("somehow", timeouts=Timeouts(60.0, 60.0, 60.0)),
            Login("operator", SecretReference("file", str(password))),
            Trust(ca=str(simulation.ca_file), known_hosts=str(simulation.known_hosts_file)),
        )
        await shown(switch, b"leaf1")  # some show late
        yield Bench(simulation, switch, schemas, device, switch.running)


@contextmanager
def at_request(
    switch: Switch, number: int, act: Callable[[Rpc], Awaitable[None]], only: Rpc | None = None
) -> Iterator[list[Rpc]]:
    """Do something when so manieth request reaches the switch, before it is carried out. The list has what it was then,
    and is empty when the probe was over before."""
    faults = switch.faults
    strike = faults.strike
    hit: list[Rpc] = []
    seen = 0

    async def counting(rpc: Rpc, *, after: bool = False) -> Fault | None:
        nonlocal seen
        if not after and only in (None, rpc):
            seen += 1
            if seen == number:
                hit.append(rpc)
                await act(rpc)
        return await strike(rpc, after=after)

    faults.strike = counting  # type: ignore[method-assign]
    try:
        yield hit
    finally:
        del faults.strike  # type: ignore[misc]
