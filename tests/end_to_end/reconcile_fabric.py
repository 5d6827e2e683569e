"""A small fabric for tests: simulated switches, a store, sessions and a controller, all real and over the wire."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path as File
from random import Random
from typing import Any

import orjson

from fabricd.intent import Document
from fabricd.model.device import Device, Login, Mode, Profile, Protocol, SecretReference, Timeouts, Trust
from fabricd.model.outcome import Event, JournalRecord, OutcomeKind
from fabricd.reconcile import Controller, DeviceView, LivePlans, Submissions, SystemClock
from fabricd.schema import ModelSet, SchemaPool
from fabricd.settings import ReconcileSettings
from fabricd.simulator import Fault, Rpc, Simulation, SimulationConfig, Switch, SwitchConfig
from fabricd.simulator.quirks import Quirks
from fabricd.southbound import gnmi, netconf
from fabricd.southbound.sessions import Sessions
from fabricd.store import Store
from fabricd.telemetry.metrics import Metrics

DEADLINE = 120.0  # seconds for anything to happen at all; never what is waited for
INTERFACES = "openconfig-interfaces:interfaces"
PORT = f"/{INTERFACES}/interface[name='Ethernet1']"
PASSWORD = "let-me-in"

# Nothing happens by itself in a test unless it asks for it: the sweep is far away, and retries are quick.
QUIET = ReconcileSettings(sweep_interval=3600, retry_first=0.05, retry_max=0.2, watch_changes=False)


def ports_config(**ports: Mapping[str, Any]) -> dict[str, Any]:
    """An OpenConfig document with these interfaces."""
    entries = [
        {"name": name, "config": {"name": name, "type": "iana-if-type:ethernetCsmacd", **config}}
        for name, config in ports.items()
    ]
    return {INTERFACES: {"interface": entries}}


def document(name: str, devices: Sequence[str], config: Mapping[str, Any], **more: Any) -> Document:
    body = {"kind": "config", "name": name, "devices": list(devices), "config": config, **more}
    return Document(f"{name}.json", orjson.dumps(body))


def base(mtu: int, **more: Any) -> Document:
    """The intent `base`: all interfaces of leaf1, of which there is one."""
    config = ports_config(Ethernet1={"mtu": mtu, "description": "to spine1"})
    return document("base", ["leaf1"], config, replace=True, **more)


@dataclass
class Fabric:
    """Owns nothing that outlives `fabric`; `restart` makes a new controller on the same store."""

    simulation: Simulation
    store: Store
    schemas: SchemaPool
    devices: dict[str, Device]
    settings: ReconcileSettings
    state: File
    models: ModelSet
    metrics: Metrics
    sessions: Sessions
    controller: Controller
    submissions: Submissions

    def switch(self, name: str) -> Switch:
        return self.simulation.switches[name]

    def start_over(self) -> None:
        """A new life of sessions and controller."""
        self.sessions = Sessions(self.devices, CONNECTORS)
        self.controller = Controller(
            store=self.store,
            sessions=self.sessions,
            schemas=self.schemas,
            devices=self.devices,
            models={self.models.name: self.models},
            settings=self.settings,
            metrics=self.metrics,
            random=Random(7),
        )
        self.submissions = Submissions(
            store=self.store,
            schemas=self.schemas,
            fleet=self.controller.fleet,
            plans=LivePlans(self.controller.fleet, self.store, self.sessions, self.schemas),
            revised=self.controller.revised,
            document_max_bytes=self.settings.document_max_bytes,
            clock=SystemClock(),
        )

    async def reopen_store(self) -> None:
        await self.store.close()
        self.store = await Store.open(self.state / "fabricd.db")

    async def submit(self, *documents: Document, **more: Any) -> Any:
        return await self.submissions.submit(documents, author="tester", **more)

    async def view(self, device: str) -> DeviceView:
        (view,) = await self.controller.status([device])
        return view

    async def outcome(self, device: str, *wanted: OutcomeKind) -> DeviceView:
        """Wait until a device has one of these outcomes."""
        return await self.until(functools.partial(self._has, device, wanted), f"{device} is {wanted}")

    async def in_sync(self, *devices: str) -> None:
        """Wait until devices run the current revision, as far as fabricd knows."""
        for device in devices:
            await self.until(functools.partial(self._in_sync, device), f"{device} is in sync")

    async def _has(self, device: str, wanted: Sequence[OutcomeKind]) -> DeviceView | None:
        view = await self.view(device)
        return view if view.status.outcome in wanted else None

    async def _in_sync(self, device: str) -> DeviceView | None:
        view = await self.view(device)
        return view if view.in_sync else None

    async def until(self, condition: Callable[[], Awaitable[Any]], what: str) -> Any:
        """Wait for the journal or status to say so, at most DEADLINE."""
        async with asyncio.timeout(DEADLINE):
            while True:
                found = await condition()
                if found:
                    return found
                await asyncio.sleep(0.02)

    async def records(self, device: str = "", event: Event | None = None) -> list[JournalRecord]:
        found = await self.store.journal(0, 10_000, [device] if device else [])
        return [record for record in found if event is None or record.event is event]

    async def checked(self, device: str, *, approve: bool = False) -> JournalRecord:
        """Ask for a reconcile now and wait for its record."""
        before = await self.store.last_sequence()
        self.controller.reconcile_now([device], approve=approve)
        return await self.next_round(device, before)

    async def next_round(self, device: str, after: int) -> JournalRecord:
        """Wait until a round of a device is told to have ended, in a record that comes after this one."""

        async def recorded() -> JournalRecord | None:
            for record in await self.store.journal(after, 1000, [device]):
                if record.event is Event.RECONCILE:
                    return record
            return None

        found = await self.until(recorded, f"{device} is reconciled")
        assert isinstance(found, JournalRecord)
        return found


CONNECTORS = {Protocol.GNMI: gnmi.connect, Protocol.NETCONF: netconf.connect}


@asynccontextmanager
async def fabric(
    folder: File,
    protocols: Mapping[str, Protocol],
    *,
    settings: ReconcileSettings = QUIET,
    modes: Mapping[str, Mode] | None = None,
    read_timeout: float = 120.0,
    write_timeout: float = 120.0,
    start: bool = True,
    release: File | None = None,
    password: SecretReference | None = None,
    quirks: Quirks | None = None,
    notifies: bool = True,
    startup: bool = False,
    candidate: bool = True,
    modules: tuple[File, ...] = (),
    **profile: Any,
) -> AsyncIterator[Fabric]:
    """Switches of these names and protocols, with a controller that is started unless `start` is False. `release`:
    they and we have the models in this folder instead of the managed ones. `quirks` are the switches', those of
    NETCONF can tell of changes (`notifies`), forget what was not copied to `startup`, and have a `candidate` or a
    running configuration that is edited as it is; `modules` are files that they and we load besides;
    `profile` is what their Profile says."""
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    ports = ("Ethernet1", "Ethernet2")
    said_of_all = {"ports": ports, "quirks": quirks or Quirks(), "notifications": notifies, "startup": startup} | (
        {} if candidate else {"candidate": False, "writable_running": True, "confirmed_commit": False}
    )
    switches = tuple(SwitchConfig(name=name, **said_of_all) for name in protocols)
    config = SimulationConfig(
        state_directory=folder / "switches",
        username="fabricd",
        password=PASSWORD,
        switches=switches,
        models="managed" if release is None else str(release),
        deviations=modules,
    )
    state = folder / "state"
    state.mkdir()
    async with Simulation(config) as simulation:
        models = ModelSet.managed() if release is None else ModelSet.from_directory("release", release)
        models = replace(models, deviations=(*models.deviations, *modules))
        # Unless a test says otherwise there is no net: a write is one Set or commit, so that faults hit it.
        said: dict[str, Any] = {"confirm_within": 0.0, **profile}
        kind = Profile("test", models.name, timeouts=Timeouts(60.0, read_timeout, write_timeout), **said)
        trust = Trust(ca=str(simulation.ca_file), known_hosts=str(simulation.known_hosts_file))
        login = Login("fabricd", password or SecretReference("file", str(secret)))
        devices = {
            name: Device(
                name=name,
                address=simulation.switches[name].host,
                port=simulation.switches[name].gnmi_port
                if protocol is Protocol.GNMI
                else simulation.switches[name].netconf_port,
                protocol=protocol,
                profile=kind,
                login=login,
                trust=trust,
                mode=(modes or {}).get(name, Mode.ENFORCE),
            )
            for name, protocol in protocols.items()
        }
        store = await Store.open(state / "fabricd.db")
        schemas = SchemaPool(1)
        made = Fabric.__new__(Fabric)
        made.simulation, made.store, made.schemas, made.devices = simulation, store, schemas, devices
        made.settings, made.state, made.models, made.metrics = settings, state, models, Metrics()
        made.start_over()
        try:
            if start:
                await made.controller.start()
            yield made
        finally:
            for switch in simulation.switches.values():
                switch.faults.release()
            await made.controller.stop(grace=2.0)
            await made.sessions.close()
            await made.store.close()
            await schemas.close()


@contextmanager
def requests(made: Fabric, device: str = "leaf1") -> Iterator[list[Rpc]]:
    """Everything the switch is asked, in order, as it arrives there."""
    faults = made.switch(device).faults
    heard: list[Rpc] = []
    strike = faults.strike

    async def listening(rpc: Rpc, *, after: bool = False) -> Fault | None:
        if not after:
            heard.append(rpc)
        return await strike(rpc, after=after)

    faults.strike = listening  # type: ignore[method-assign]
    try:
        yield heard
    finally:
        del faults.strike  # type: ignore[misc]


def mtu_of(made: Fabric, device: str = "leaf1") -> Any:
    """What the switch itself has on Ethernet1."""
    return made.switch(device).value(f"{PORT}/config/mtu")


async def drift(made: Fabric, mtu: int = 1500, device: str = "leaf1") -> None:
    """Somebody changes the MTU of Ethernet1 behind our back."""
    await made.switch(device).change({f"{PORT}/config/mtu": mtu})


def with_settings(**changes: Any) -> ReconcileSettings:
    return QUIET.model_copy(update=changes)


def without(devices: Mapping[str, Device], name: str, **changes: Any) -> dict[str, Device]:
    """The devices, one of them changed."""
    return {**devices, name: replace(devices[name], **changes)}
