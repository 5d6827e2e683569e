"""What both engines remember of secrets on devices: digests, under a key of the store's own."""

from __future__ import annotations

from pathlib import Path

from fabricd.model.secret import WrittenSecret
from fabricd.store import Store


async def test_what_is_remembered_of_a_device_survives_and_is_replaced_as_a_whole(place: str) -> None:
    first = {"/a/one": WrittenSecret("d1", "s1"), "/a/two": WrittenSecret("d2")}
    async with await Store.open(place) as store:
        assert await store.secrets("leaf1") == {}
        await store.keep_secrets("leaf1", first)
        await store.keep_secrets("leaf2", {"/a/one": WrittenSecret("d3")})
    async with await Store.open(place) as store:
        assert await store.secrets("leaf1") == first
        await store.keep_secrets("leaf1", {"/a/two": WrittenSecret("d4", "s4")})
        assert await store.secrets("leaf1") == {"/a/two": WrittenSecret("d4", "s4")}
        await store.keep_secrets("leaf1", {})
        assert await store.secrets("leaf1") == {}
        assert await store.secrets("leaf2") == {"/a/one": WrittenSecret("d3")}


async def test_a_store_makes_its_key_once(tmp_path: Path) -> None:
    keys = iter([b"a" * 32, b"b" * 32])

    async def opened(name: str) -> bytes:
        async with await Store.open(tmp_path / name, random=lambda count: next(keys)[:count]) as store:
            return store.secret_key

    assert await opened("one.db") == b"a" * 32
    assert await opened("one.db") == b"a" * 32
    assert await opened("two.db") == b"b" * 32
