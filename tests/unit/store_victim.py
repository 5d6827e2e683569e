"""What is killed in test_store_durability.py: it writes to a store without pause and tells what was acknowledged."""

from __future__ import annotations

import asyncio
import os
import random
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import orjson

from fabricd.model.intent import ConfigIntent, Desired, Scope
from fabricd.model.outcome import DeviceStatus, Event, JournalRecord, OpenTransaction, OutcomeKind, TransactionPhase
from fabricd.store import NewRevision, Store

DEVICES = 5
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def configuration(device: str, revision: int) -> bytes:
    filler = random.Random(f"{device}{revision}").randbytes(6000).hex()
    return orjson.dumps({"device": device, "revision": revision, "filler": filler})


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def victim(path: str, seed: int) -> None:
    chance = random.Random(seed)
    store = await Store.open(path)

    async def commits() -> None:
        while True:
            current = await store.current()
            base = current.number if current else 0
            devices = chance.sample([f"d{n}" for n in range(DEVICES)], 2)
            trees = tuple(Desired(name, 0, configuration(name, base + 1), f"{base + 1}", Scope(())) for name in devices)
            intent = ConfigIntent(f"i{base % 3}", tuple(devices), configuration("intent", base + 1))
            new = NewRevision(base, "victim", request_id=f"r{base + 1}", intents=(intent,), trees=trees)
            say("revision", (await store.commit(new, JournalRecord(NOW, Event.REVISION))).number)

    async def appends(name: str) -> None:
        count = 0
        while True:
            count += 1
            records = [JournalRecord(NOW, Event.NOTE, message=f"{seed}/{name}/{count}/{n}") for n in range(count % 4)]
            for record in await store.append(records):
                say("record", record.sequence, record.message)

    async def reconciles(device: str) -> None:
        failures = (await store.status(device)).failures
        while True:
            failures += 1
            transaction = f"{seed}/{device}/{failures}"
            await store.begin(
                OpenTransaction(transaction, device, 1, "", TransactionPhase.STAGING, NOW, b"before"),
                JournalRecord(NOW, Event.APPLY, device=device),
            )
            say("begun", transaction)
            await store.advance(transaction, TransactionPhase.CONFIRMING)
            say("confirming", transaction)
            status = DeviceStatus(device, OutcomeKind.APPLIED, failures=failures)
            [record] = await store.finish(
                status, [JournalRecord(NOW, Event.RECONCILE, message=transaction)], transaction
            )
            say("record", record.sequence, transaction)
            say("finished", device, failures, transaction)

    await asyncio.gather(commits(), appends("a"), appends("b"), *(reconciles(f"d{n}") for n in range(2)))


def run(path: str, seed: int, told: Connection) -> None:
    """To be called in a process of its own; each line that goes to `told` is one acknowledgement."""
    os.dup2(told.fileno(), 1)
    asyncio.run(victim(path, seed))
