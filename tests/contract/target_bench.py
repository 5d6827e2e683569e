"""The bench that the contract of Target is tried on: a simulated switch, a schema, and both adapters to reach it.

Used by test_target_contract. Knows both adapters, so that the tests know none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path as FilePath
from typing import Any

import asyncssh
import orjson

from fabricd.model.device import Device, Login, Profile, Protocol, SecretReference, Timeouts, Trust
from fabricd.model.edit import EditConfig, GnmiSet, Payload
from fabricd.model.fetched import Fetched
from fabricd.model.path import Path
from fabricd.schema import ModelSet, Schema
from fabricd.simulator import Simulation, SimulationConfig, Switch, SwitchConfig
from fabricd.simulator.trust import Trust as Authority
from fabricd.simulator.trust import now
from fabricd.southbound import gnmi, netconf
from fabricd.southbound.sessions import Connector
from fabricd.southbound.target import Target

SYSTEM = Path.parse("/openconfig-system:system")
INTERFACES = Path.parse("/openconfig-interfaces:interfaces")
LLDP = Path.parse("/openconfig-lldp:lldp")
ROOTS = (SYSTEM, INTERFACES, LLDP)

HOSTNAME = "/system/config/hostname"
DEADLINE = 120.0  # seconds for anything to happen at all; never what is waited for


def interface(name: str, **config: Any) -> dict[str, Any]:
    return {"name": name, "config": {"name": name, "type": "iana-if-type:ethernetCsmacd", **config}}


def document(hostname: str, *interfaces: dict[str, Any], **system: Any) -> dict[str, Any]:
    """A small configuration in the models' terms."""
    found: dict[str, Any] = {"openconfig-system:system": {"config": {"hostname": hostname}, **system}}
    if interfaces:
        found["openconfig-interfaces:interfaces"] = {"interface": list(interfaces)}
    return found


class Alarm:
    """How the switch sleeps: as long as it likes, or until a test rings."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), seconds)

    def ring(self) -> None:
        self._rung.set()
        self._rung = asyncio.Event()


@dataclass
class World:
    """One simulated switch with one model set, and the schema of that set."""

    simulation: Simulation
    schema: Schema
    folder: FilePath
    alarm: Alarm
    tried: int = 0

    @property
    def switch(self) -> Switch:
        return self.simulation.switches["leaf1"]

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: FilePath, release: FilePath | None) -> AsyncIterator[World]:
        """`release` is the folder of an OpenConfig release, None for the models that ship with fabricd."""
        (folder / "password").write_text("a password\n")
        (folder / "password").chmod(0o600)
        (folder / "wrong").write_text("another\n")
        (folder / "wrong").chmod(0o600)
        config = SimulationConfig(
            state_directory=folder / "switches",
            username="operator",
            password="a password",
            models="managed" if release is None else str(release),
            switches=(SwitchConfig(name="leaf1", ports=("Ethernet1", "Ethernet2")),),
        )
        models = ModelSet.managed() if release is None else ModelSet.from_directory("release", release)
        with Schema(models) as schema:
            alarm = Alarm()
            async with Simulation(config, sleep=alarm.sleep) as simulation:
                yield cls(simulation, schema, folder, alarm)

    async def reset(self) -> None:
        """The switch as it came out of the box, without faults."""
        self.switch.faults.release()
        # Off and on: a request that was held and given up would otherwise go on now, into the next test.
        await self.switch.stop()
        await self.switch.start()
        await self.switch.change(delete=["/"])


@dataclass
class Bench:
    """A world, and one adapter to it. Closes what it opened."""

    world: World
    protocol: Protocol
    timeouts: Timeouts = field(default_factory=lambda: Timeouts(connect=60.0, read=600.0, write=600.0))
    opened: list[Target] = field(default_factory=list)

    @property
    def switch(self) -> Switch:
        return self.world.switch

    @property
    def schema(self) -> Schema:
        return self.world.schema

    def device(self, **changes: Any) -> Device:
        """The inventory entry of the switch, for this adapter."""
        world, is_gnmi = self.world, self.protocol is Protocol.GNMI
        device = Device(
            name="leaf1",
            address="127.0.0.1",
            port=world.switch.gnmi_port if is_gnmi else world.switch.netconf_port,
            protocol=self.protocol,
            profile=Profile("test", timeouts=self.timeouts),
            login=Login("operator", SecretReference("file", str(world.folder / "password"))),
            trust=Trust(
                ca=str(world.simulation.ca_file) if is_gnmi else "",
                known_hosts="" if is_gnmi else str(world.simulation.known_hosts_file),
            ),
        )
        return replace(device, **changes)

    @property
    def connector(self) -> Connector:
        if self.protocol is Protocol.GNMI:
            return gnmi.connect
        return partial(netconf.connect, namespaces=self.schema.namespaces())

    async def connect(self, *, read: float = 0.0, write: float = 0.0, **profile: Any) -> Target:
        """A session; `read` and `write` are deadlines in seconds where they matter, `profile` is what else the profile
        says."""
        timeouts = replace(self.timeouts, read=read or self.timeouts.read, write=write or self.timeouts.write)
        target = await self.connector(self.device(profile=Profile("test", timeouts=timeouts, **profile)))
        self.opened.append(target)
        return target

    def wrong_trust(self) -> Trust:
        """Trust in somebody else."""
        if self.protocol is Protocol.NETCONF:
            return Trust(host_key=asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode())
        return Trust(ca=str(Authority(self.world.folder / "stranger", "127.0.0.1", now()).ca_file))

    def wrong_login(self) -> Login:
        return Login("operator", SecretReference("file", str(self.world.folder / "wrong")))

    def config(self, value: dict[str, Any]) -> bytes:
        """Canonical JSON of a document."""
        return self.schema.read(orjson.dumps(value))

    def schema_json(self, value: dict[str, Any]) -> dict[str, Any]:
        """A document as the models write it, to compare with."""
        found: dict[str, Any] = orjson.loads(self.config(value))
        return found

    def broken(self, payload: Payload) -> Payload:
        """The same change with a value that no model allows in it."""
        if isinstance(payload, EditConfig):
            return EditConfig(payload.config.replace(b":ethernetCsmacd", b":nonsense"))

        def spoilt(pairs: tuple[tuple[Path, bytes], ...]) -> tuple[tuple[Path, bytes], ...]:
            return tuple((path, value.replace(b":ethernetCsmacd", b":nonsense")) for path, value in pairs)

        return GnmiSet(payload.deletes, spoilt(payload.replaces), spoilt(payload.updates))

    async def write(self, target: Target, payload: Payload) -> None:
        """Stage and confirm."""
        await target.stage(payload)
        await target.confirm()

    async def configure(self, value: dict[str, Any]) -> None:
        """Have the switch run exactly this, behind everybody's back."""
        await self.switch.change(replace={"/": value})

    def running(self) -> dict[str, Any]:
        """What the switch runs, straight from its datastore."""
        found: dict[str, Any] = orjson.loads(self.switch.running)
        return found

    def payload(self, new: dict[str, Any]) -> Payload:
        """What turns the switch's running configuration into `new`, in this adapter's words."""
        old, wanted = self.schema.read(self.switch.running), self.config(new)
        dialect = self.opened[-1].dialect
        return self.schema.render(self.schema.diff(old, wanted), wanted, dialect)

    def read(self, fetched: Fetched) -> dict[str, Any]:
        """What was fetched, read by the models; nothing may have been left out."""
        tree = self.schema.read_device(fetched.parts, fetched.encoding)
        assert tree.skipped == ()
        found: dict[str, Any] = orjson.loads(self.schema.canonical(tree.config))
        return found

    async def close(self) -> None:
        self.switch.faults.release()
        for target in self.opened:
            await target.close()


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it holds; fails after DEADLINE."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)
