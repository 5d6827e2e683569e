"""What it costs to know whether a fabric is cabled as it should be, and whether a switch does what it accepted.

Run by `make bench`. First the comparison alone, at growing sizes: microseconds a cable should stay what they are. Then
both looks over the wire, at SWITCHES simulated switches in a process of their own (another number as argument), beside
bare gRPC Gets of the same containers; CPU is that of this process, all threads. Last, state held against desired trees.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import orjson
from pygnmi.spec.v080 import gnmi_pb2, gnmi_pb2_grpc
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
from schema_trees import leaf_switch

from fabricd.intent.fabric.cabling import Verdict, compare_cabling
from fabricd.intent.fabric.values import Link, Port
from fabricd.model.device import Device, Login, Profile, Protocol, SecretReference, Trust
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.intent import Scope
from fabricd.model.operational import InterfaceState, LldpNeighbor, Operational
from fabricd.model.path import Path as DataPath
from fabricd.reconcile import Observations
from fabricd.reconcile.fleet import Fleet
from fabricd.schema import ModelSet, Schema, SchemaPool, raw
from fabricd.schema.applied import in_force
from fabricd.southbound import gnmi
from fabricd.southbound.sessions import Sessions
from fabricd.store import Store

SIZES = {250: 16, 500: 32, 1000: 32}  # switches, and how many of them are spines
SWITCHES = 1000
UPLINKS = 4  # of each simulated leaf
READ = (
    "interfaces/interface/state",
    "lldp/state",
    "lldp/interfaces/interface/state",
    "lldp/interfaces/interface/neighbors/neighbor/state",
)
NOW = datetime.now(UTC)
Sights = dict[str, Operational | None]


def cabled(switches: int, spines: int) -> list[tuple[str, Link]]:
    """Every leaf to every spine."""
    return [
        ("dc1", Link(Port(f"spine{spine}", f"Ethernet{leaf}"), Port(f"leaf{leaf}", f"Ethernet{spine}")))
        for leaf in range(1, switches - spines + 1)
        for spine in range(1, spines + 1)
    ]


def sights(links: Iterable[tuple[str, Link]], *, heard: bool, shifted: bool = False) -> Sights:
    """What the devices see; `shifted`: each leaf is plugged in where the next one should be."""
    ends: dict[str, list[tuple[Port, Port]]] = {}
    wanted = [link for _, link in links]
    far = [link.b for link in wanted]
    if shifted:
        far = far[1:] + far[:1]
    for link, other in zip(wanted, far, strict=True):
        ends.setdefault(link.a.device, []).append((link.a, other))
        ends.setdefault(other.device, []).append((other, link.a))
    return {
        device: Operational(
            device,
            NOW,
            tuple(InterfaceState(here.name, "UP", "UP") for here, _ in mine),
            tuple(LldpNeighbor(here.name, there.device, "", there.name) for here, there in mine) if heard else (),
            lldp=True,
            system_name=device,
        )
        for device, mine in ends.items()
    }


def best_of(work: Callable[[], object], rounds: int = 3) -> float:
    """Seconds of CPU of this thread."""
    times = []
    for _ in range(rounds):
        started = time.thread_time()
        work()
        times.append(time.thread_time() - started)
    return min(times)


def comparing(console: Console) -> None:
    table = Table(title="comparing alone")
    for column in ("switches", "cables", "what is seen", "CPU ms", "µs a cable", "x of the smallest fabric's"):
        table.add_column(column, justify="left" if column == "what is seen" else "right")
    first: dict[str, float] = {}
    for switches, spines in SIZES.items():
        links = cabled(switches, spines)
        for said, seen in (
            ("as it should be", sights(links, heard=True)),
            ("nothing is heard", sights(links, heard=False)),
            ("every cable is wrong", sights(links, heard=True, shifted=True)),
        ):
            each = best_of(lambda links=links, seen=seen: compare_cabling(links, seen)) * 1e6 / len(links)  # type: ignore[misc]
            ratio = each / first.setdefault(said, each)
            cost = f"{each * len(links) / 1000:.0f}"
            table.add_row(str(switches), f"{len(links):,}", said, cost, f"{each:.1f}", f"{ratio:.2f}")
    console.print(table)


@contextlib.asynccontextmanager
async def simulated(folder: Path, links: list[tuple[str, Link]]) -> AsyncIterator[dict[str, Any]]:
    """Switches that are cabled like that, and what ports.json says of them."""
    ports: dict[str, list[str]] = {}
    for _, link in links:
        for end in (link.a, link.b):
            ports.setdefault(end.device, []).append(end.name)
    lines = ['[simulation]\nstate_directory = "switches"\npassword = "bench"']
    lines += [f'[[switch]]\nname = "{name}"\nports = {orjson.dumps(held).decode()}' for name, held in ports.items()]
    lines += [f'[[link]]\na = "{link.a}"\nb = "{link.b}"' for _, link in links]
    (folder / "simulation.toml").write_text("\n".join(lines))
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "fabricd", "simulate", folder / "simulation.toml", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async for line in process.stderr:
            if b"ready" in line:
                break
        draining = asyncio.create_task(process.stderr.read())
        yield orjson.loads((folder / "switches" / "ports.json").read_bytes())["switches"]
        draining.cancel()
    finally:
        process.terminate()
        await process.wait()


async def bare_gets(devices: Iterable[Device]) -> float:
    """Seconds of CPU that the same containers cost by a stub alone, channels opened before."""
    paths = [gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name=one) for one in path.split("/")]) for path in READ]
    request = [gnmi_pb2.GetRequest(path=[path], encoding=gnmi_pb2.JSON_IETF) for path in paths]
    login = (("username", "fabricd"), ("password", "bench"))
    channels = []
    stubs = []
    for device in devices:
        credentials = grpc.ssl_channel_credentials(Path(device.trust.ca).read_bytes())
        channels.append(grpc.aio.secure_channel(f"{device.address}:{device.port}", credentials))
        stubs.append(gnmi_pb2_grpc.gNMIStub(channels[-1]))
        await channels[-1].channel_ready()
    places = asyncio.Semaphore(64)

    async def read(stub: Any) -> None:
        async with places:
            for one in request:
                await stub.Get(one, metadata=login, timeout=60)

    started = time.process_time()
    await asyncio.gather(*map(read, stubs))
    took = time.process_time() - started
    for channel in channels:
        await channel.close()
    return took


async def reading(console: Console, folder: Path, switches: int) -> None:
    links = cabled(switches, UPLINKS)
    os.environ["BENCH_PASSWORD"] = "bench"
    async with contextlib.AsyncExitStack() as parts:
        started = time.perf_counter()
        ports = await parts.enter_async_context(simulated(folder, links))
        up = time.perf_counter() - started
        trust = Trust(ca=str(folder / "switches/tls/ca.pem"))
        login = Login("fabricd", SecretReference("env", "BENCH_PASSWORD"))
        devices = {
            name: Device(name, "127.0.0.1", held["gnmi_port"], Protocol.GNMI, Profile("openconfig"), login, trust)
            for name, held in ports.items()
        }
        store = await Store.open(folder / "store.sqlite")
        parts.push_async_callback(store.close)
        schemas = SchemaPool(2)
        parts.push_async_callback(schemas.close)
        sessions = Sessions(devices, {Protocol.GNMI: gnmi.connect})
        parts.push_async_callback(sessions.close)
        fleet = Fleet(devices, {"managed": ModelSet.managed()})
        observations = Observations(store=store, schemas=schemas, sessions=sessions, fleet=fleet)
        bare = await bare_gets(devices.values())
        await observations.sights(list(devices))  # sessions are open after it
        wall, cpu = time.perf_counter(), time.process_time()
        seen = await observations.sights(list(devices))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    compared = time.thread_time()
    verdicts = {cable.verdict for cable in compare_cabling(links, seen)}
    compared = time.thread_time() - compared
    if verdicts != {Verdict.OK}:
        raise SystemExit(f"all cables are as they should be, and seem to be {', '.join(sorted(verdicts))}")
    table = Table(title=f"{switches} simulated switches, {len(links):,} cables, up after {up:.1f} s")
    for column in ("", "CPU s", "CPU ms a switch", "x bare Gets"):
        table.add_column(column, justify="right" if column else "left")
    for name, took in (("bare Gets", bare), ("all are read", cpu), ("cables are compared", compared)):
        table.add_row(name, f"{took:.2f}", f"{took * 1000 / switches:.2f}", f"{took / bare:.2f}")
    table.caption = f"reading them took {wall:.1f} s"
    console.print(table)


def _state_of(value: Any) -> Any:
    """A configuration as the state that mirrors it."""
    if isinstance(value, list):
        return [_state_of(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {"state" if name == "config" else name: _state_of(held) for name, held in value.items()}


def held_in_force(console: Console) -> None:
    table = Table(title="a desired tree held against the state that mirrors it")
    for column in ("bytes", "leaves", "CPU ms", "µs a leaf", "x libyang's parse of both"):
        table.add_column(column, justify="right")
    with Schema(ModelSet.managed()) as schema:
        for ports in (64, 128, 256, 510):
            config = schema.read(orjson.dumps(leaf_switch(ports)))
            shown = {name: orjson.dumps(_state_of(value)) for name, value in orjson.loads(config).items()}
            parts = tuple(Part(DataPath.parse(f"/{name}"), data) for name, data in shown.items())
            fetched = [Fetched(Encoding.JSON_IETF, parts, "", 0)]
            found = in_force(schema, config, fetched, Scope(roots=()))
            if found.not_in_force or not found.leaves:
                raise SystemExit("every leaf should be in force")
            documents = (
                config,
                b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), data) for name, data in shown.items()),
            )

            def parse(documents: tuple[bytes, bytes] = documents) -> None:
                for one in documents:
                    raw.free_all(raw.parse(schema.context.pointer, one, raw.JSON, raw.STRICT | raw.PARSE_ONLY))

            took = best_of(lambda config=config, fetched=fetched: in_force(schema, config, fetched, Scope(roots=())))  # type: ignore[misc]
            each = f"{took * 1e6 / found.leaves:.1f}"
            table.add_row(
                f"{len(config):,}", f"{found.leaves:,}", f"{took * 1000:.1f}", each, f"{took / best_of(parse):.1f}"
            )
    console.print(table)


def main() -> None:
    console = Console(width=110)
    comparing(console)
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(reading(console, Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else SWITCHES))
    held_in_force(console)


if __name__ == "__main__":
    main()
