"""A store that an older fabricd wrote is opened with all it holds, on either engine, also with a write left open."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from store_records import NOON, note

import fabricd.store
from fabricd.errors import StoreError
from fabricd.model.outcome import OpenTransaction, TransactionPhase
from fabricd.store import Store, codec
from fabricd.store.tables import metadata

MICROSECONDS = int(NOON.timestamp()) * 10**6 + NOON.microsecond


def sync_url(place: str) -> str:
    return place if "://" in place else f"sqlite:///{place}"


def migrate(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(fabricd.store.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def written_by_the_first_release(place: str) -> None:
    engine = create_engine(sync_url(place))
    with engine.begin() as connection:
        migrate(connection, "0001")
        connection.execute(text("UPDATE head SET sequence = 1"))
        connection.execute(
            text("INSERT INTO journal (sequence, time, device, body) VALUES (1, :time, '', :body)"),
            {"time": MICROSECONDS, "body": codec.record_to_bytes(note("from before"))},
        )
        connection.execute(
            text(
                "INSERT INTO transactions (id, device, revision, decision, phase, started, preimage) "
                "VALUES ('t0', 'leaf1', 3, 'd-0', 'confirming', :time, :preimage)"
            ),
            {"time": MICROSECONDS, "preimage": codec.pack(b'{"before":true}')},
        )
    engine.dispose()


async def test_an_older_store_is_upgraded_with_what_it_holds(place: str) -> None:
    written_by_the_first_release(place)
    async with await Store.open(place) as store:
        assert [record.message for record in await store.journal(0, 10)] == ["from before"]
        (left,) = await store.open_transactions()
        assert left == OpenTransaction(
            "t0", "leaf1", 3, "d-0", TransactionPhase.CONFIRMING, NOON, b'{"before":true}', commit="", deadline=None
        )
        until = NOON + timedelta(seconds=120)
        new = OpenTransaction("t1", "leaf1", 3, "d-1", TransactionPhase.STAGING, until, b"{}", "c-1", until)
        assert (await store.begin(new, note("after"))).sequence == 2
        assert await store.open_transactions() == [left, new]
    engine = create_engine(sync_url(place))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_an_upgrade_that_fails_leaves_the_store_as_it_was(place: str) -> None:
    written_by_the_first_release(place)
    engine = create_engine(sync_url(place))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE transactions ADD COLUMN deadline INTEGER"))
    with pytest.raises(StoreError):
        await Store.open(place)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "0001"
        columns = connection.execute(text("SELECT * FROM transactions")).keys()
        assert "commit_id" not in columns
    engine.dispose()
