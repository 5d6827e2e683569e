"""A store that is damaged, full or out of reach says so; nothing is guessed and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fabricd.errors import StoreError
from fabricd.model.intent import ConfigIntent, Desired, Scope
from fabricd.model.outcome import Event, JournalRecord
from fabricd.store import NewRevision, Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = JournalRecord(NOW, Event.NOTE, message="x")


async def filled(path: Path) -> Path:
    async with await Store.open(path) as store:
        for base in range(3):
            config = f'{{"revision":{base + 1},"filler":"{os.urandom(20_000).hex()}"}}'.encode()
            new = NewRevision(
                base,
                "a",
                intents=(ConfigIntent("i", ("d",), config + b" "),),
                trees=(Desired("d", 0, config, "x", Scope(())),),
            )
            await store.commit(new, RECORD)
    return path


def change(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(statement, values).rowcount > 0
    connection.close()


async def test_files_are_private_from_the_first_moment(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with await Store.open(tmp_path / "store.db") as store:
            await store.append([RECORD])
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["store.db", "store.db-wal", "store.db-shm", "store.db.lock"], 0o600)


async def test_files_that_were_open_to_others_are_closed_to_them(tmp_path: Path) -> None:
    """As after a restore with everybody's umask, or from a fabricd that was killed."""
    path = await filled(tmp_path / "store.db")
    left = sqlite3.connect(path)
    left.execute("UPDATE head SET sequence = sequence")
    left.commit()
    try:
        for file in tmp_path.iterdir():
            file.chmod(0o666)
        assert {file.name for file in tmp_path.iterdir()} >= {"store.db-wal", "store.db-shm", "store.db.lock"}
        async with await Store.open(path) as store:
            await store.append([RECORD])
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        left.close()
    assert modes == dict.fromkeys(["store.db", "store.db-wal", "store.db-shm", "store.db.lock"], 0o600)


@pytest.mark.parametrize(
    ("name", "why"),
    [("missing/store.db", "folder .* does not exist"), (".", "not a regular file"), ("sqlite+aiosqlite://", "memory")],
)
async def test_a_place_that_cannot_be_is_refused(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(StoreError, match=why):
        await Store.open(name if "://" in name else tmp_path / name)


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "://"])
async def test_an_engine_that_is_not_known_is_refused(url: str) -> None:
    with pytest.raises(StoreError):
        await Store.open(url)


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"dear diary, " * 1000)
    with pytest.raises(StoreError, match="file is not a database"):
        await Store.open(path)
    assert path.read_bytes() == b"dear diary, " * 1000


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
async def test_a_truncated_file_is_refused(tmp_path: Path, kept: float) -> None:
    path = await filled(tmp_path / "store.db")
    os.truncate(path, int(path.stat().st_size * kept) // 4096 * 4096)
    with pytest.raises(StoreError, match="malformed"):
        await Store.open(path)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE blobs SET content = substr(content, 1, length(content) - 1)",
        "UPDATE blobs SET content = CAST(substr(content, 1, 9000) || x'00ff00' || substr(content, 9004) AS BLOB)",
        "UPDATE blobs SET content = x''",
        "UPDATE blobs SET content = x'00112233'",
        "UPDATE blobs SET content = (SELECT b.content FROM blobs b WHERE b.size < 10000)",
    ],
)
async def test_a_damaged_tree_is_never_handed_out(tmp_path: Path, damage: str) -> None:
    path = await filled(tmp_path / "store.db")
    change(path, f"{damage} WHERE size > 10000")
    async with await Store.open(path) as store:
        with pytest.raises(StoreError, match="the tree of d in the store is damaged"):
            await store.desired("d")
        with pytest.raises(StoreError, match="intent i in the store is damaged"):
            await store.intents(3)
        # What is not damaged is there.
        assert (await store.current()).number == 3
        assert len(await store.journal(0, 10)) == 3


async def test_a_damaged_journal_record_is_named(tmp_path: Path) -> None:
    path = await filled(tmp_path / "store.db")
    change(path, "UPDATE journal SET body = x'2a' WHERE sequence = 2")
    async with await Store.open(path) as store:
        with pytest.raises(StoreError, match="journal record 2 in the store is damaged"):
            await store.journal(0, 10)
        assert [one.sequence for one in await store.journal(2, 10)] == [3]


async def test_a_full_disk_acknowledges_nothing_and_is_got_over(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes the kernel refuse to let the files grow, in a process of its own."""
    program = f"""
import asyncio, dataclasses, os, resource, signal, sys
sys.path[:0] = {[str(Path(__file__).parent)]!r}
from test_store_damage import RECORD
from fabricd.errors import StoreError
from fabricd.model.intent import Desired, Scope
from fabricd.store import NewRevision, Store

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    async with await Store.open({str(tmp_path / "store.db")!r}) as store:
        acknowledged = (await store.append([RECORD]))[0].sequence
        full = max(file.stat().st_size for file in __import__("pathlib").Path({str(tmp_path)!r}).iterdir()) + 50_000
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (full, hard))
        refused = 0
        for n in range(200):
            try:
                record = dataclasses.replace(RECORD, message=os.urandom(2000).hex())
                acknowledged = (await store.append([record]))[0].sequence
            except StoreError as error:
                refused += 1
        assert refused > 50, refused
        tree = Desired("d", 0, os.urandom(100_000).hex().encode(), "x", Scope(()))
        try:
            await store.commit(NewRevision(0, "a", trees=(tree,)), RECORD)
        except StoreError as error:
            print(error)
        else:
            raise AssertionError("committed on a full disk")
        assert await store.current() is None and await store.last_sequence() == acknowledged
        assert [r.sequence for r in await store.journal(0, 1000)] == list(range(1, acknowledged + 1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
        assert (await store.append([RECORD]))[0].sequence == acknowledged + 1
        assert (await store.commit(NewRevision(0, "a", trees=(tree,)), RECORD)).number == 1
    print("acknowledged", acknowledged + 2)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first.startswith("cannot write to the store: ")
    async with await Store.open(tmp_path / "store.db") as store:
        assert await store.last_sequence() == int(last.removeprefix("acknowledged "))
        assert await store.desired("d") is not None


async def test_who_waits_for_a_locked_database_waits_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait: each of them alone would keep those behind it waiting for as long again."""
    monkeypatch.setattr("fabricd.store.engine._BUSY_MILLISECONDS", 200)
    async with await Store.open(tmp_path / "store.db") as store:
        await store.append([RECORD])
        somebody = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        try:
            somebody.execute("BEGIN IMMEDIATE")
            writes = [asyncio.create_task(store.append([RECORD])) for _ in range(20)]
            await asyncio.wait(writes, return_when=asyncio.FIRST_COMPLETED)
        finally:
            somebody.close()
        told = await asyncio.gather(*writes, return_exceptions=True)
        assert [str(one) for one in told] == ["cannot write to the store: database is locked"] * 20
        assert (await store.append([RECORD]))[0].sequence == 2


@pytest.mark.parametrize("existing", [False, True])
async def test_a_folder_without_permission_is_named(existing: bool) -> None:
    """In a process that is not root, which no permission would stop."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        if existing:
            await filled(path)
            (Path(folder) / "store.db.lock").chmod(0o400)
        Path(folder).chmod(0o555)
        program = f"""
import asyncio, os
import aiosqlite
from fabricd.errors import StoreError
from fabricd.store import Store
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    asyncio.run(Store.open({str(path)!r}))
except StoreError as error:
    print(error)
"""
        try:
            done = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
            )
        finally:
            Path(folder).chmod(0o700)
        assert "Permission denied" in done.stdout, done.stdout + done.stderr
        assert str(path) in done.stdout
        assert path.exists() == existing
