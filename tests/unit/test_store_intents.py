"""Intents of both kinds come back from the store as they went in, with the file they came in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fabricd.errors import NotFoundError
from fabricd.model.intent import ConfigIntent, FabricIntent
from fabricd.model.outcome import Event, JournalRecord
from fabricd.model.path import Path as DataPath
from fabricd.store import NewRevision, Store

CONFIG = ConfigIntent(
    "edge", ("leaf1",), b'{"a":1}', "ann", 7, (DataPath.parse("/lldp"),), "edge.yaml", b"# an edge\nname: edge\n"
)
FABRIC = FabricIntent("hall", ("leaf1", "leaf2"), b'{"f":1}', b'{"held":{}}', "bob", 9, "hall.yaml", b"kind: fabric\n")


async def commit(
    store: Store, base: int, *intents: ConfigIntent | FabricIntent, withdrawn: tuple[str, ...] = ()
) -> None:
    record = JournalRecord(datetime(2026, 1, 1, tzinfo=UTC), Event.REVISION)
    await store.commit(NewRevision(base, "ann", intents=intents, withdrawn=withdrawn), record)


async def test_both_kinds_of_intents_survive_with_their_files(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "store.sqlite") as store:
        await commit(store, 0, CONFIG, FABRIC)
    async with await Store.open(tmp_path / "store.sqlite") as store:
        config, fabric = await store.intents(1)
        assert (config, fabric) == (CONFIG, FABRIC)
        # Files make no difference between intents, so they are compared by themselves.
        assert (config.source, config.document) == (CONFIG.source, CONFIG.document)
        assert (fabric.source, fabric.document) == (FABRIC.source, FABRIC.document)


async def test_it_is_known_since_which_revision_an_intent_is_as_it_is(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "store.sqlite") as store:
        await commit(store, 0, CONFIG, FABRIC)
        await commit(store, 1, replace(FABRIC, allocations=b'{"held":{"asn":{"leaf1":"65001"}}}'))
        await commit(store, 2, withdrawn=("edge",))
        assert await store.intent_revisions(1) == {"edge": 1, "hall": 1}
        assert await store.intent_revisions(2) == {"edge": 1, "hall": 2}
        assert (await store.intents(3)) == (replace(FABRIC, allocations=b'{"held":{"asn":{"leaf1":"65001"}}}'),)
        assert (await store.intents(1)) == (CONFIG, FABRIC)
        with pytest.raises(NotFoundError):
            await store.intent_revisions(4)
