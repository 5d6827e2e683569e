"""What a fetch of 220 KB costs over each adapter, against a bare gRPC Get of the same bytes, in one run.

Run by `make bench`. The servers answer with prepared bytes from a process of their own; CPU is that of the client
process, all threads. The second table holds NETCONF sessions against those of ncclient as it comes.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path as FilePath
from typing import Any

import asyncssh
import grpc
import grpc.aio
import orjson
from ncclient import manager
from pygnmi.spec.v080 import gnmi_pb2, gnmi_pb2_grpc
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(FilePath(__file__).resolve().parents[1] / "unit"))
from certificate_authority import Authority
from southbound_servers import (
    GnmiServer,
    NetconfServer,
    answer,
    gnmi_device,
    gnmi_server,
    netconf_device,
    netconf_server,
    profile,
)

from fabricd.model.device import Device, Trust
from fabricd.model.path import Path
from fabricd.southbound import gnmi, netconf

ROOT = Path.parse("/openconfig-system:system")
ROUNDS, PER_ROUND, IN_FLIGHT = 9, 20, 32
SESSIONS, STOCK_SESSIONS = 300, 50


def json_bytes() -> bytes:
    servers = [{"address": f"10.0.{n // 250}.{n % 250}", "config": {"address": "10.0.0.1"}} for n in range(3880)]
    return orjson.dumps({"openconfig-system:ntp": {"server": servers}})


def xml_bytes() -> bytes:
    entry = "<server><address>10.0.0.1</address><config><address>10.0.0.1</address></config></server>"
    return f'<data><system xmlns="http://openconfig.net/yang/system">{entry * 2500}</system></data>'.encode()


# --- the servers' process


async def serve(folder: FilePath) -> None:
    data = xml_bytes()
    key = asyncssh.import_private_key((folder / "host").read_bytes())
    server = GnmiServer()
    server.values = {"system": json_bytes()}

    async def script(side: Any, rpc: Any) -> None:
        await answer(side, rpc, data)

    authority = Authority.make(folder)
    async with (
        gnmi_server(server, authority.server_credentials()),
        netconf_server(NetconfServer(script, key=key)) as ssh,
    ):
        print(server.port, ssh.port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextlib.asynccontextmanager
async def servers(folder: FilePath) -> AsyncIterator[tuple[Device, Device]]:
    """A gNMI and a NETCONF device in another process."""
    ssh = NetconfServer()
    (folder / "host").write_bytes(ssh.key.export_private_key())
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "serve", str(folder), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        ports = (await process.stdout.readline()).split()
        server = GnmiServer()
        server.port, ssh.port = int(ports[0]), int(ports[1])
        patient = profile(connect=60, read=60)
        yield (
            gnmi_device(server, trust=Trust(ca=str(folder / "ca.pem")), profile=patient),
            netconf_device(ssh, folder, profile=patient),
        )
    finally:
        process.stdin.close()
        await process.wait()


# --- measuring


Fetch = Callable[[], Awaitable[object]]


async def cost(work: Fetch, times: int, at_once: int) -> tuple[float, float]:
    """Milliseconds of wall time and CPU for one `work`, done `times` times."""
    limit = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with limit:
            await work()

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one() for _ in range(times)))
    return (time.perf_counter() - wall) * 1000 / times, (time.process_time() - cpu) * 1000 / times


async def bare(device: Device) -> tuple[Fetch, Callable[[], Awaitable[None]]]:
    """A Get by nothing but a channel and the generated stub."""
    ca = FilePath(device.trust.ca).read_bytes()
    channel = grpc.aio.secure_channel(
        f"{device.address}:{device.port}",
        grpc.ssl_channel_credentials(ca),
        options=[("grpc.max_receive_message_length", -1)],
    )
    stub = gnmi_pb2_grpc.gNMIStub(channel)
    request = gnmi_pb2.GetRequest(
        path=[gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name="system")])],
        type=gnmi_pb2.GetRequest.CONFIG,
        encoding=gnmi_pb2.JSON_IETF,
    )

    async def get() -> bytes:
        reply = await stub.Get(request)
        return bytes(reply.notification[0].update[0].val.json_ietf_val)

    return get, channel.close


async def fetches(console: Console, over_gnmi: Device, over_netconf: Device) -> None:
    get, close = await bare(over_gnmi)
    first, second = await gnmi.connect(over_gnmi), await netconf.connect(over_netconf)
    kinds: dict[str, Fetch] = {
        "bare gRPC Get": get,
        "gNMI fetch": lambda: first.fetch((ROOT,)),
        "NETCONF fetch": lambda: second.fetch((ROOT,)),
    }
    sizes = {
        "bare gRPC Get": len(await get()),  # type: ignore[arg-type]
        "gNMI fetch": (await first.fetch((ROOT,))).size,
        "NETCONF fetch": (await second.fetch((ROOT,))).size,
    }
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for _ in range(ROUNDS):
        for at_once in (1, IN_FLIGHT):
            for name, work in kinds.items():
                found.setdefault((name, at_once), []).append(
                    await cost(work, PER_ROUND * (2 if at_once > 1 else 1), at_once)
                )
    table = Table(title=f"One fetch, medians of {ROUNDS} rounds", title_justify="left")
    for column in (
        "",
        "bytes",
        "wall ms",
        "CPU ms",
        "CPU ratio",
        f"wall ms, {IN_FLIGHT} in flight",
        "CPU ms",
        "CPU ratio",
    ):
        table.add_column(column, justify="right" if column else "left")
    for name in kinds:
        cells = [name, f"{sizes[name]:,}"]
        for at_once in (1, IN_FLIGHT):
            wall = statistics.median(one[0] for one in found[name, at_once])
            cpu = statistics.median(one[1] for one in found[name, at_once])
            # Rounds stand side by side, so that a busy machine is busy for all of them.
            ratio = statistics.median(
                mine[1] / other[1]
                for mine, other in zip(found[name, at_once], found["bare gRPC Get", at_once], strict=True)
            )
            cells += [f"{wall:.2f}", f"{cpu:.2f}", f"{ratio:.2f}"]
        table.add_row(*cells)
    console.print(table)
    await close()
    await first.close()
    await second.close()


async def many_sessions(console: Console, device: Device) -> None:
    table = Table(title="get-config over many NETCONF sessions, 32 in flight", title_justify="left")
    for column in ("", "sessions", "requests/s", "CPU ms each", "threads"):
        table.add_column(column, justify="right" if column else "left")

    targets = []
    for start in range(0, SESSIONS, 20):
        targets += await asyncio.gather(*(netconf.connect(device) for _ in range(start, min(start + 20, SESSIONS))))
    turn = iter(range(1 << 30))
    wall, cpu = await cost(lambda: targets[next(turn) % SESSIONS].fetch((ROOT,)), SESSIONS * 2, IN_FLIGHT)
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    table.add_row("fabricd", str(SESSIONS), f"{1000 / wall:.0f}", f"{cpu:.2f}", str(threads))
    await asyncio.gather(*(target.close() for target in targets))

    def connect() -> Any:
        return manager.connect(
            host=device.address, port=device.port, username="admin", password="secret", hostkey_verify=False,
            look_for_keys=False, allow_agent=False, timeout=60,
        )  # fmt: skip

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        stock = list(await asyncio.gather(*(asyncio.wrap_future(pool.submit(connect)) for _ in range(STOCK_SESSIONS))))
        threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
        turn = iter(range(1 << 30))
        wall, cpu = await cost(
            lambda: asyncio.wrap_future(pool.submit(stock[next(turn) % STOCK_SESSIONS].get_config, "running")),
            STOCK_SESSIONS * 4,
            IN_FLIGHT,
        )
        for one in stock:
            pool.submit(one.close_session)
    table.add_row("ncclient", str(STOCK_SESSIONS), f"{1000 / wall:.0f}", f"{cpu:.2f}", str(threads))
    console.print(table)


async def main() -> None:
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as folder:
        async with servers(FilePath(folder)) as (over_gnmi, over_netconf):
            await fetches(console, over_gnmi, over_netconf)
            await many_sessions(console, over_netconf)


if __name__ == "__main__":
    asyncio.run(serve(FilePath(sys.argv[2])) if sys.argv[1:2] == ["serve"] else main())
