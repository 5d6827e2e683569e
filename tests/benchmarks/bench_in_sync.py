"""What it costs to check a device that is in sync, against a bare gRPC Get of the same bytes, in one run.

Run by `make bench`. The switches are simulated in a process of their own; CPU is that of this process, all threads.
    bare Get     a channel and pygnmi's generated stub, nothing else
    fetch        Target.fetch: deadline, digest over the bytes
    check        one whole reconcile of a device in sync: store, session, fetch, digest, outcome
    full check   the same when the bytes are not known yet: parse, compare with the desired tree
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import grpc
import orjson
from pygnmi.spec.v080 import gnmi_pb2, gnmi_pb2_grpc
from rich.console import Console
from rich.table import Table

from fabricd.intent import Document
from fabricd.model.device import Device, Login, Profile, Protocol, SecretReference, Trust
from fabricd.model.outcome import OutcomeKind, Trigger
from fabricd.model.path import Path as DataPath
from fabricd.reconcile import Controller, LivePlans, Submissions, SystemClock
from fabricd.reconcile.backoff import Backoff
from fabricd.reconcile.flap import FlapBreaker
from fabricd.reconcile.ledger import Ledger
from fabricd.reconcile.queue import Entry
from fabricd.reconcile.reconciler import Reconciler
from fabricd.reconcile.recovery import Recovery
from fabricd.schema import ModelSet, Schema, SchemaPool
from fabricd.settings import ReconcileSettings
from fabricd.southbound import gnmi, netconf
from fabricd.southbound.sessions import Connector, Sessions
from fabricd.store import Store
from fabricd.telemetry import Metrics

ROUNDS, PER_ROUND = 15, 10
PORTS = 760  # makes about 220 KB
INTERFACES = "openconfig-interfaces:interfaces"


def configuration() -> dict[str, Any]:
    def port(n: int) -> dict[str, Any]:
        ip = f"10.{n // 250}.{n % 250}.1"
        address = {"ip": ip, "config": {"ip": ip, "prefix-length": 31}}
        ipv4 = {"openconfig-if-ip:ipv4": {"addresses": {"address": [address]}}}
        return {
            "name": f"Ethernet{n}",
            "config": {
                "name": f"Ethernet{n}",
                "type": "iana-if-type:ethernetCsmacd",
                "description": f"link {n}",
                "mtu": 9214,
            },
            "subinterfaces": {"subinterface": [{"index": 0, "config": {"index": 0}, **ipv4}]},
        }

    return {INTERFACES: {"interface": [port(n) for n in range(1, PORTS + 1)]}}


@contextlib.asynccontextmanager
async def switches(folder: Path, config: bytes) -> AsyncIterator[dict[str, Any]]:
    """Two simulated switches that run `config` already; yields what ports.json says."""
    (folder / "switches" / "running").mkdir(parents=True)
    for name in ("gnmi", "netconf"):
        (folder / "switches" / "running" / f"{name}.json").write_bytes(config)
    (folder / "simulation.toml").write_text(
        '[simulation]\nstate_directory = "switches"\npassword = "bench"\n'
        '[[switch]]\nname = "gnmi"\n[[switch]]\nname = "netconf"\n'
    )
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "fabricd",
        "simulate",
        folder / "simulation.toml",
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async for line in process.stderr:
            if b"ready" in line:
                break
        yield orjson.loads((folder / "switches" / "ports.json").read_bytes())["switches"]
    finally:
        process.terminate()
        await process.wait()


async def measured(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """(CPU, wall) in milliseconds of one call."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(PER_ROUND):
        await work()
    return tuple((end - begun) * 1000 / PER_ROUND for begun, end in
                 ((cpu, time.process_time()), (wall, time.perf_counter())))  # type: ignore[return-value]  # fmt: skip


async def bare_stub(device: Device) -> tuple[Callable[[], Awaitable[object]], grpc.aio.Channel]:
    credentials = grpc.ssl_channel_credentials(Path(device.trust.ca).read_bytes())
    channel = grpc.aio.secure_channel(
        f"{device.address}:{device.port}", credentials, options=[("grpc.max_receive_message_length", -1)]
    )
    stub = gnmi_pb2_grpc.gNMIStub(channel)
    request = gnmi_pb2.GetRequest(path=[gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name="interfaces")])], type=1, encoding=4)

    async def get() -> object:
        return await stub.Get(request, metadata=(("username", "fabricd"), ("password", "bench")), timeout=60)

    return get, channel


async def run(folder: Path) -> None:
    with Schema(ModelSet.managed()) as schema:
        config = schema.read(orjson.dumps(configuration()))
        namespaces = schema.namespaces()
    os.environ["BENCH_PASSWORD"] = "bench"
    async with contextlib.AsyncExitStack() as parts:
        ports = await parts.enter_async_context(switches(folder, config))
        trust = Trust(ca=str(folder / "switches/tls/ca.pem"), known_hosts=str(folder / "switches/ssh/known_hosts"))
        login = Login("fabricd", SecretReference("env", "BENCH_PASSWORD"))
        devices = {
            str(protocol): Device(
                name=str(protocol),
                address="127.0.0.1",
                port=ports[str(protocol)][f"{protocol}_port"],
                protocol=protocol,
                profile=Profile("openconfig"),
                login=login,
                trust=trust,
            )
            for protocol in Protocol
        }
        store = await Store.open(folder / "store.sqlite")
        parts.push_async_callback(store.close)
        schemas = SchemaPool(2)
        parts.push_async_callback(schemas.close)
        connectors: dict[Protocol, Connector] = {
            Protocol.GNMI: gnmi.connect,
            Protocol.NETCONF: partial(netconf.connect, namespaces=namespaces),
        }
        sessions = Sessions(devices, connectors)
        parts.push_async_callback(sessions.close)
        settings, clock, metrics = ReconcileSettings(), SystemClock(), Metrics()
        controller = Controller(
            store=store, sessions=sessions, schemas=schemas, devices=devices, models={"managed": ModelSet.managed()},
            settings=settings, metrics=metrics,
        )  # fmt: skip
        submissions = Submissions(
            store=store, schemas=schemas, fleet=controller.fleet, revised=controller.revised,
            plans=LivePlans(controller.fleet, store, sessions, schemas), document_max_bytes=settings.document_max_bytes,
        )  # fmt: skip
        backoff = Backoff(settings, Random(1))
        reconciler = Reconciler(
            fleet=controller.fleet, store=store, sessions=sessions, schemas=schemas, metrics=metrics, clock=clock,
            ledger=Ledger(store, clock, backoff), recovery=Recovery(store, clock, backoff),
            breaker=FlapBreaker(5, 600), secrets=controller.secrets, random=Random(2),
        )  # fmt: skip
        body = {"kind": "config", "name": "all", "devices": list(devices), "replace": True}
        document = Document("all.json", orjson.dumps({**body, "config": orjson.loads(config)}))
        await submissions.submit([document], author="bench")

        async def fetch(device: str) -> None:
            async with sessions.open(device) as target:
                await target.fetch((DataPath.parse(f"/{INTERFACES}"),))

        async def check(device: str) -> None:
            await reconciler.reconcile(Entry(device, 0.0, frozenset({Trigger.SCHEDULE})))

        async def full_check(device: str) -> None:
            reconciler.distrust([device])
            await check(device)

        get, channel = await bare_stub(devices["gnmi"])
        parts.push_async_callback(channel.close)
        works: dict[str, Callable[[], Awaitable[object]]] = {
            "gNMI: bare Get": get,
            "gNMI: fetch": partial(fetch, "gnmi"),
            "gNMI: check": partial(check, "gnmi"),
            "gNMI: full check": partial(full_check, "gnmi"),
            "NETCONF: fetch": partial(fetch, "netconf"),
            "NETCONF: check": partial(check, "netconf"),
            "NETCONF: full check": partial(full_check, "netconf"),
        }
        for work in works.values():
            await work()
        for name in devices:
            status = await store.status(name)
            assert status.outcome is OutcomeKind.IN_SYNC, (name, status)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
        for _ in range(ROUNDS):
            for name, work in works.items():
                found[name].append(await measured(work))
    show(found, len(config))


def show(found: dict[str, list[tuple[float, float]]], size: int) -> None:
    table = Table(title=f"check of a device in sync, {size / 1000:.0f} KB, median of {ROUNDS} rounds of {PER_ROUND}")
    for column in ("", "CPU ms", "wall ms", "CPU ratio to bare Get", "wall ratio"):
        table.add_column(column, justify="left" if not column else "right")
    bare = found["gNMI: bare Get"]
    for name, rounds in found.items():
        cpu, wall = (statistics.median(one[at] for one in rounds) for at in (0, 1))
        ratios = (
            statistics.median(one[at] / other[at] for one, other in zip(rounds, bare, strict=True)) for at in (0, 1)
        )
        table.add_row(name, f"{cpu:.2f}", f"{wall:.2f}", *(f"{ratio:.2f}" for ratio in ratios))
    Console(width=110).print(table)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(run(Path(name)))
