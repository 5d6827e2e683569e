"""The tables that migrations make are those that the queries expect, and a schema from the future is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine

from fabricd.errors import StoreError
from fabricd.store import Store
from fabricd.store.tables import metadata


async def made(path: Path) -> Path:
    await (await Store.open(path)).close()
    return path


def differences(connection: Connection) -> list[object]:
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)


async def test_migrations_make_the_tables_of_the_metadata(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{await made(tmp_path / 'store.db')}")
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


async def test_the_comparison_sees_a_difference(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{await made(tmp_path / 'store.db')}")
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE modes DROP COLUMN reason")
        connection.exec_driver_sql("DROP INDEX ix_journal_device_sequence")
        assert len(differences(connection)) == 2
    engine.dispose()


def constraints(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Primary keys, uniqueness and foreign keys, which the comparison does not look at in SQLite."""
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")]
    return {
        table: [
            *((row[1], row[3], row[5]) for row in connection.execute(f"PRAGMA table_info({table})")),
            *((row[2], row[3], row[4]) for row in connection.execute(f"PRAGMA foreign_key_list({table})")),
            *((row[1], row[2]) for row in connection.execute(f"PRAGMA index_list({table})")),
        ]
        for table in tables
        if table != "alembic_version"
    }


async def test_keys_of_the_migrations_are_those_of_the_metadata(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'metadata.db'}")
    metadata.create_all(engine)
    engine.dispose()
    with sqlite3.connect(tmp_path / "metadata.db") as expected, sqlite3.connect(await made(tmp_path / "x.db")) as found:
        assert constraints(found) == constraints(expected)
        assert len(constraints(found)) == len(metadata.tables)


async def test_a_schema_of_a_newer_fabricd_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = await made(tmp_path / "store.db")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"schema 9999.*only up to 0003.*newer fabricd"):
        await Store.open(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


async def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(StoreError, match="not those of a fabricd store"):
        await Store.open(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


async def test_opening_again_runs_no_migration(tmp_path: Path) -> None:
    path = await made(tmp_path / "store.db")
    before = sqlite3.connect(path).execute("SELECT sql FROM sqlite_master").fetchall()
    for _ in range(3):
        await made(path)
    assert sqlite3.connect(path).execute("SELECT sql FROM sqlite_master").fetchall() == before
