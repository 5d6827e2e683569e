"""How long the store takes and how much it grows.

Run by `make bench`, or with another number of trees: `python tests/benchmarks/bench_store.py --trees 100`.
Trees are made of interfaces that differ from device to device in names and addresses, as compiled ones do.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from pathlib import Path as File

import orjson
from rich.console import Console
from rich.table import Table

from fabricd.model.intent import Desired, Scope
from fabricd.model.outcome import DeviceStatus, Event, JournalRecord, OutcomeKind, Trigger
from fabricd.model.path import Path
from fabricd.store import NewRevision, Store

SCOPE = Scope((Path.parse("/openconfig-interfaces:interfaces"),))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def configuration(device: int, size: int, change: int = 0) -> bytes:
    chance = random.Random(device)
    interfaces: list[Mapping[str, object]] = []
    length = 0
    while length < size:
        number = len(interfaces)
        name = f"Ethernet{number}"
        interface = {
            "name": name,
            "config": {
                "name": name,
                "description": f"to host {chance.randrange(10**6)} of rack {device}",
                "mtu": 9000 + (change if number == 0 else 0),
                "enabled": True,
                "type": "iana-if-type:ethernetCsmacd",
            },
            "subinterfaces": {
                "subinterface": [
                    {
                        "index": 0,
                        "config": {"index": 0},
                        "openconfig-if-ip:ipv4": {
                            "addresses": {
                                "address": [
                                    {
                                        "ip": f"10.{device % 256}.{number % 256}.{chance.randrange(256)}",
                                        "config": {"prefix-length": 31},
                                    }
                                ]
                            }
                        },
                    }
                ]
            },
        }
        interfaces.append(interface)
        length += len(orjson.dumps(interface)) + 1
    return orjson.dumps({"openconfig-interfaces:interfaces": {"interface": interfaces}})


def tree(device: int, size: int, change: int = 0) -> Desired:
    return Desired(f"leaf{device}", 0, configuration(device, size, change), f"{device}.{change}", SCOPE)


async def timed(work: Awaitable[object]) -> float:
    begun = time.perf_counter()
    await work
    return time.perf_counter() - begun


def on_disk(folder: str) -> int:
    return sum(file.stat().st_size for file in File(folder).iterdir() if not file.name.endswith("-shm"))


async def measure(count: int, size: int, console: Console) -> None:
    table = Table(
        "what", "time", "rate or size", title=f"store: {count} trees of {size // 1000} KB, SQLite WAL, synchronous=FULL"
    )
    record = JournalRecord(NOW, Event.RECONCILE, "d-1", "leaf1", 1, Trigger.SCHEDULE, OutcomeKind.IN_SYNC)
    with tempfile.TemporaryDirectory() as folder:
        path = File(folder) / "store.db"
        table.add_row("open, new", f"{await timed(open_and_close(path)) * 1e3:.0f} ms", "")
        async with await Store.open(path) as store:
            trees = tuple(tree(device, size) for device in range(count))
            every = await timed(store.commit(NewRevision(0, "bench", trees=trees), record))
            given = sum(len(one.config) for one in trees)
            table.add_row(f"commit {count} trees", f"{every * 1e3:.0f} ms", f"{given / 1e6:.0f} MB given")
        full = on_disk(folder)
        table.add_row("file after that", "", f"{full / 1e6:.1f} MB")
        async with await Store.open(path) as store:
            changed = tuple(tree(device, size, 1) for device in range(10))
            some = await timed(store.commit(NewRevision(1, "bench", trees=changed), record))
        table.add_row(
            "commit a change of 10 trees", f"{some * 1e3:.1f} ms", f"file grows {(on_disk(folder) - full) / 1e3:.0f} KB"
        )
        async with await Store.open(path) as store:
            reads = await timed(read_all(store, count))
            table.add_row("read a tree", f"{reads / count * 1e3:.2f} ms", "each")
            again = await timed(heads(store, count, 20))
            table.add_row(
                "look up a digest and scope", f"{again / count / 20 * 1e6:.1f} us", "each, 19 of 20 from memory"
            )
            alone = await timed(one_by_one(store, record, 300))
            table.add_row(
                "append, one after the other", f"{alone / 300 * 1e3:.2f} ms", f"{300 / alone:,.0f}/s, one fsync each"
            )
            together = await timed(at_once(store, record, 10_000))
            table.add_row("append, 1,000 at once", f"{together / 10:.3f} s", f"{10_000 / together:,.0f}/s")
            finished = await timed(finishes(store, record, 10_000))
            table.add_row(
                "finish (status, record), 1,000 at once", f"{finished / 10:.3f} s", f"{10_000 / finished:,.0f}/s"
            )
            journal = await timed(store.journal(0, 10_000))
            table.add_row("read 10,000 journal records", f"{journal * 1e3:.0f} ms", f"{10_000 / journal:,.0f}/s")
    console.print(table)


async def open_and_close(path: File) -> None:
    await (await Store.open(path)).close()


async def read_all(store: Store, count: int) -> None:
    for device in range(count):
        assert await store.desired(f"leaf{device}") is not None


async def heads(store: Store, count: int, rounds: int) -> None:
    for device in range(count):
        for _ in range(rounds):
            await store.desired_head(f"leaf{device}")


async def one_by_one(store: Store, record: JournalRecord, count: int) -> None:
    for _ in range(count):
        await store.append([record])


async def at_once(store: Store, record: JournalRecord, count: int) -> None:
    for _ in range(count // 1000):
        await asyncio.gather(*(store.append([record]) for _ in range(1000)))


async def finishes(store: Store, record: JournalRecord, count: int) -> None:
    for _ in range(count // 1000):
        await asyncio.gather(
            *(store.finish(DeviceStatus(f"leaf{n}", OutcomeKind.IN_SYNC, checked=NOW), [record]) for n in range(1000))
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trees", type=int, default=1000)
    parser.add_argument("--size", type=int, default=200_000)
    given = parser.parse_args()
    asyncio.run(measure(given.trees, given.size, Console(width=110)))
