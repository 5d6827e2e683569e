"""SIGKILL at any moment loses nothing that was acknowledged."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import signal
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import store_victim
from store_victim import configuration

from fabricd.model.intent import Desired, Scope
from fabricd.model.outcome import Event, JournalRecord, TransactionPhase
from fabricd.store import NewRevision, Store

ROUNDS = 20
NOW = datetime(2026, 1, 1, tzinfo=UTC)
# Forked from a process that has loaded what a victim needs, instead of loading it twenty times.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["aiosqlite", "fabricd.store"])


def kill_at_a_random_moment(path: Path, seed: int, chance: random.Random) -> list[list[str]]:
    """What a victim acknowledged before it was killed."""
    ours, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=store_victim.run, args=(str(path), seed, theirs))
    process.start()
    theirs.close()
    with open(ours.fileno(), "rb", closefd=False) as told:
        # Its work decides when, not the time: a busy machine gets as far as any other.
        lines = [told.readline() for _ in range(chance.randrange(1, 40))]
        # The pipe is emptied all the while, so that the victim never waits for it.
        reader = threading.Thread(target=lambda: lines.extend(told))
        reader.start()
        process.join(chance.uniform(0, 0.02))
        running = process.is_alive()
        process.kill()
        process.join()
        reader.join()
    ours.close()
    assert running
    assert process.exitcode == -signal.SIGKILL
    return [line.decode().split() for line in lines if line.endswith(b"\n")]


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    chance = random.Random(20260504)
    records: dict[int, str] = {}
    revision = 0
    finished: dict[str, int] = {}
    begun: set[str] = set()
    confirming: set[str] = set()
    ended: set[str] = set()
    for seed in range(ROUNDS):
        for what, *words in await asyncio.to_thread(kill_at_a_random_moment, path, seed, chance):
            if what == "revision":
                assert int(words[0]) == revision + 1
                revision = int(words[0])
            elif what == "record":
                assert int(words[0]) not in records
                records[int(words[0])] = words[1]
            elif what == "begun":
                begun.add(words[0])
            elif what == "confirming":
                confirming.add(words[0])
            else:
                finished[words[0]] = int(words[1])
                ended.add(words[2])
        async with await Store.open(path) as store:
            await check_store(store, revision, records, finished)
            current = await store.current()
            revision = current.number if current else 0
            still_open = {one.id: one for one in await store.open_transactions()}
            kept = {record.message for record in await store.journal(0, 10**9)}
            assert not ended & set(still_open)
            for transaction in begun - ended:
                # Its end may have been written but not acknowledged; then its record is there as well.
                assert (transaction in still_open) != (transaction in kept)
            for transaction in confirming & set(still_open):
                assert still_open[transaction].phase is TransactionPhase.CONFIRMING
            assert all(one.preimage == b"before" for one in still_open.values())
    assert min(len(records), revision, len(ended)) > ROUNDS // 2
    print(f"{ROUNDS} kills: {len(records)} records, {revision} revisions, {len(ended)} transactions, none lost")


async def check_store(store: Store, revision: int, records: dict[int, str], finished: dict[str, int]) -> None:
    last = await store.last_sequence()
    kept = await store.journal(0, 10**9)
    assert [record.sequence for record in kept] == list(range(1, last + 1))
    by_sequence = {record.sequence: record.message for record in kept}
    assert {sequence: by_sequence[sequence] for sequence in records} == records
    current = await store.current()
    number = current.number if current else 0
    # One more may have been written than was acknowledged.
    assert revision <= number <= revision + 1
    assert [record.revision for record in kept if record.event is Event.REVISION] == list(range(1, number + 1))
    assert [one.number for one in reversed(await store.revisions(10**9))] == list(range(1, number + 1))
    if current:
        request = await store.by_request(f"r{number}")
        assert request is not None
        assert (request.revision, request.unchanged) == (number, False)
        assert {intent.config for intent in await store.intents(number)} == {
            configuration("intent", one) for one in range(max(1, number - 2), number + 1)
        }
    for device in await store.desired_devices():
        tree = await store.desired(device)
        assert tree is not None
        assert tree.config == configuration(device, tree.revision)
        assert tree.digest == str(tree.revision)
    for device in current.changed if current else ():
        assert (await store.desired_head(device)).revision == number
    for device, failures in finished.items():
        assert (await store.status(device)).failures >= failures


async def test_a_backup_taken_while_the_store_writes_is_a_store(tmp_path: Path) -> None:
    """What docs/install.md tells people to do: SQLite's online backup, from another connection."""
    async with await Store.open(tmp_path / "store.db") as store:
        new = NewRevision(0, "a", trees=(Desired("d0", 0, configuration("d0", 1), "1", Scope(())),))
        await store.commit(new, JournalRecord(NOW, Event.REVISION))
        writes = [asyncio.create_task(store.append([JournalRecord(NOW, Event.NOTE)])) for _ in range(200)]
        await writes[0]

        def backup() -> None:
            with (
                closing(sqlite3.connect(tmp_path / "store.db")) as live,
                closing(sqlite3.connect(tmp_path / "backup.db")) as copy,
            ):
                live.backup(copy)

        await asyncio.to_thread(backup)
        await asyncio.gather(*writes)
    async with await Store.open(tmp_path / "backup.db") as store:
        kept = await store.journal(0, 1000)
        assert [record.sequence for record in kept] == list(range(1, await store.last_sequence() + 1))
        assert len(kept) >= 2
        assert (await store.desired("d0")).config == configuration("d0", 1)
