"""Engines and what differs between them: PRAGMAs, file mode, the lock of the single writer, errors.

Used by store.py. The only module here that knows SQLite from PostgreSQL; knows no table.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from fabricd.errors import StoreError

_READERS = 3
_PRIVATE = 0o600
_SQLITE_SUFFIXES = ("-wal", "-shm", "-journal")
_BUSY_MILLISECONDS = 10_000
# Any number will do, as long as every fabricd uses the same ("fabricd" in ASCII).
_POSTGRESQL_LOCK = 0x66616272696364


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is. `file` is the SQLite file, or None for a server."""

    url: URL
    file: Path | None

    @classmethod
    def of(cls, url_or_path: str | Path) -> Place:
        """Raises StoreError when it is neither a path nor the URL of a known engine."""
        if isinstance(url_or_path, Path) or "://" not in url_or_path:
            return cls._of_file(Path(url_or_path))
        try:
            url = make_url(url_or_path)
        except (ArgumentError, ValueError) as error:
            raise StoreError(f"not the URL of a store: {error}") from error
        backend = url.get_backend_name()
        if backend == "sqlite":
            if not url.database or url.database == ":memory:":
                raise StoreError("a store in memory would lose what it acknowledged: name a file")
            return cls._of_file(Path(url.database))
        if backend == "postgresql":
            return cls(url.set(drivername="postgresql+psycopg"), None)
        raise StoreError(f"no such kind of store: {backend}")

    @classmethod
    def _of_file(cls, path: Path) -> Place:
        # Resolved, so that two names of one file share one lock.
        file = path.expanduser().resolve()
        return cls(URL.create("sqlite+aiosqlite", database=str(file)), file)

    def __str__(self) -> str:
        return str(self.file) if self.file else self.url.render_as_string(hide_password=True)


def writing_engine(place: Place) -> AsyncEngine:
    """One connection, on which every transaction takes the write lock when it begins."""
    return _engine(place, writes=True)


def reading_engine(place: Place) -> AsyncEngine:
    """A few connections on which nothing can be written; each transaction sees one state of the store."""
    return _engine(place, writes=False)


def _engine(place: Place, *, writes: bool) -> AsyncEngine:
    isolation: dict[str, Any] = {} if place.file or writes else {"isolation_level": "REPEATABLE READ"}
    try:
        engine = create_async_engine(place.url, pool_size=1 if writes else _READERS, max_overflow=0, **isolation)
    except (SQLAlchemyError, ImportError) as error:
        raise StoreError(f"cannot open store {place}: {error}") from error
    if place.file:
        _prepare_sqlite(engine, writes=writes)
    return engine


def _prepare_sqlite(engine: AsyncEngine, *, writes: bool) -> None:
    def on_connect(connection: Any, _record: object) -> None:
        # The sqlite3 module would begin transactions late and end them early: they are begun below instead.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
        if writes:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA foreign_keys=ON")
        else:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "begin", on_begin)


@contextlib.contextmanager
def translated(action: str) -> Iterator[None]:
    """Turns what the database library raises into StoreError: `<action>: <the engine's own words>`."""
    try:
        yield
    except DBAPIError as error:
        # Not str(error): that shows the statement with its values.
        raise StoreError(f"{action}: {error.orig}") from error
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(f"{action}: {error}") from error


@contextlib.asynccontextmanager
async def single_writer(place: Place) -> AsyncIterator[None]:
    """Holds the right to write. Raises StoreError at once when another process has it; the kernel (or the server)
    takes it back when this process dies."""
    if place.file:
        with _file_lock(place.file):
            _make_private(place.file)
            yield
        return
    engine = create_async_engine(place.url, poolclass=NullPool)
    try:
        with translated(f"cannot open store {place}"):
            connection = await engine.connect()
        try:
            await _advisory_lock(place, connection)
            yield
        finally:
            # The lock belongs to the session, and ends with it.
            with contextlib.suppress(SQLAlchemyError):
                await connection.close()
    finally:
        await engine.dispose()


async def _advisory_lock(place: Place, connection: AsyncConnection) -> None:
    with translated(f"cannot open store {place}"):
        found = await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _POSTGRESQL_LOCK})
        held = bool(found.scalar_one())
        # No transaction is left open for the sake of the lock.
        await connection.commit()
    if not held:
        raise StoreError(f"store {place} is in use by another fabricd")


@contextlib.contextmanager
def _file_lock(file: Path) -> Iterator[None]:
    if not file.parent.is_dir():
        raise StoreError(f"cannot open store {file}: folder {file.parent} does not exist")
    lock = file.with_name(file.name + ".lock")
    with translated(f"cannot open store {file}"):
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
            by = f"process {holder}" if holder else "another process"
            raise StoreError(f"store {file} is in use by {by}") from error
        with translated(f"cannot open store {file}"):
            os.fchmod(handle, _PRIVATE)
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _make_private(file: Path) -> None:
    """SQLite gives its other files the mode of the database, which is made here before SQLite would. What a restore, a
    copy or a crash left open to others is closed to them, before anything more is written to it."""
    with translated(f"cannot open store {file}"):
        if file.exists() and not file.is_file():
            raise StoreError(f"cannot open store {file}: not a regular file")
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE))
        for one in (file, *(file.with_name(file.name + suffix) for suffix in _SQLITE_SUFFIXES)):
            with contextlib.suppress(FileNotFoundError):
                if stat.S_IMODE(one.stat().st_mode) & ~_PRIVATE:
                    one.chmod(_PRIVATE)
