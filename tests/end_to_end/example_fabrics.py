"""The examples as networks that run: switches, ports and cables as their fabric document says, and fabricd's own rooms.

Half of the switches speak gNMI, the others NETCONF. For test_examples_converge.py; owns what it starts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path as File

from reconcile_fabric import PASSWORD, QUIET
from reconcile_fabric import Fabric as Rooms

from fabricd.intent import Document
from fabricd.intent.documents import DraftKind, parse_documents
from fabricd.intent.fabric.document import read_draft_fabric
from fabricd.intent.fabric.values import Fabric, Port
from fabricd.model.device import Device, Login, Profile, Protocol, SecretReference, Timeouts, Trust
from fabricd.schema import ModelSet, Schema, SchemaPool
from fabricd.simulator import LinkConfig, Simulation, SimulationConfig, SwitchConfig
from fabricd.store import Store
from fabricd.telemetry.metrics import Metrics

EXAMPLES = File(__file__).resolve().parents[2] / "config" / "examples"


def document(example: str, *changes: tuple[str, str]) -> Document:
    """The example's file, with each of these texts in it replaced by another."""
    file = (EXAMPLES.parent / "demo" / "fabric" if example == "demo" else EXAMPLES / example) / "fabric.yaml"
    text = file.read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} is to be in {file} once"
        text = text.replace(old, new)
    return Document(file.name, text.encode())


def read(example: str) -> Fabric:
    (draft,) = parse_documents([document(example)], max_bytes=1 << 20, kinds=(DraftKind.FABRIC,))
    with Schema(ModelSet.fabric()) as schema:
        return read_draft_fabric(schema, draft)[0]


def simulated(fabric: Fabric, folder: File) -> SimulationConfig:
    """One switch a device, with every port that the fabric names, cabled as it says."""
    ports: dict[str, set[str]] = {device.name: set() for device in fabric.devices}
    named: list[Port] = [end for link in fabric.links for end in (link.a, link.b)]
    named += [port for attachment in fabric.attachments for port in attachment.ports]
    named += [peer.port for peer in fabric.peers]
    for port in named:
        ports[port.device].add(port.name)
    return SimulationConfig(
        state_directory=folder / "switches",
        username="fabricd",
        password=PASSWORD,
        switches=tuple(SwitchConfig(name=name, ports=tuple(sorted(found))) for name, found in ports.items()),
        links=tuple(LinkConfig(a=str(link.a), b=str(link.b)) for link in fabric.links),
    )


@asynccontextmanager
async def running(example: str, folder: File, first: Protocol = Protocol.GNMI) -> AsyncIterator[Rooms]:
    """Switches of the example without any configuration, and a started controller that knows them. `first`: what the
    first switch by name speaks, and every other one after it."""
    profile = Profile("openconfig", ModelSet.managed().name, timeouts=Timeouts(60.0, 120.0, 120.0))
    async with controlled(simulated(read(example), folder), folder, lambda _: profile, first) as rooms:
        yield rooms


@asynccontextmanager
async def controlled(
    config: SimulationConfig, folder: File, profile_of: Callable[[str], Profile], first: Protocol, workers: int = 1
) -> AsyncIterator[Rooms]:
    """These switches, and a started controller that knows each by the profile that it has; protocols in turn, by name,
    beginning with `first`. `workers` is how many parse and validate."""
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    state = folder / "state"
    state.mkdir()
    async with Simulation(config) as simulation:
        login = Login("fabricd", SecretReference("file", str(secret)))
        trust = Trust(ca=str(simulation.ca_file), known_hosts=str(simulation.known_hosts_file))
        devices = {}
        for number, (name, switch) in enumerate(sorted(simulation.switches.items())):
            protocol = (Protocol.GNMI, Protocol.NETCONF)[(number + (first is Protocol.NETCONF)) % 2]
            port = switch.netconf_port if protocol is Protocol.NETCONF else switch.gnmi_port
            devices[name] = Device(name, switch.host, port, protocol, profile_of(name), login=login, trust=trust)
        rooms = Rooms.__new__(Rooms)
        rooms.simulation, rooms.devices, rooms.settings, rooms.state = simulation, devices, QUIET, state
        rooms.models, rooms.metrics = ModelSet.managed(), Metrics()
        rooms.store, rooms.schemas = await Store.open(state / "fabricd.db"), SchemaPool(workers)
        rooms.start_over()
        try:
            await rooms.controller.start()
            yield rooms
        finally:
            await rooms.controller.stop(grace=2.0)
            await rooms.sessions.close()
            await rooms.store.close()
            await rooms.schemas.close()
