"""What every user of the store may rely on, the same for every engine: revisions, devices, transactions, its life."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta

import pytest
from store_records import NOON, note

from fabricd.errors import ConflictError, InputError, NotFoundError, RequestIdUsedError, StoreError
from fabricd.model.device import Mode
from fabricd.model.intent import ConfigIntent, Desired, Scope
from fabricd.model.outcome import (
    DeviceStatus,
    Event,
    JournalRecord,
    ModeSetting,
    OpenTransaction,
    OutcomeKind,
    TransactionPhase,
)
from fabricd.model.path import Path
from fabricd.store import DesiredHead, NewRevision, Request, Store

SCOPE = Scope(roots=(Path.parse("/openconfig-interfaces:interfaces"),), protected=(Path.parse("/a:b[c='d']"),))


def tree(device: str, config: bytes = b"{}", scope: Scope = SCOPE) -> Desired:
    return Desired(device, 0, config, f"digest of {device} {config[:20].decode()}", scope)


def intent(name: str, config: bytes = b"{}") -> ConfigIntent:
    return ConfigIntent(name, ("leaf1", "leaf2"), config, "netops", 120, (Path.parse("/a:b/c[d='e']"),))


class TestRevisions:
    async def test_a_new_store_has_no_revision(self, store: Store) -> None:
        assert await store.current() is None
        assert await store.revisions(10) == []
        assert await store.intents(0) == ()
        assert await store.desired("leaf1") is None
        assert await store.desired_head("leaf1") is None
        assert await store.desired_devices() == {}

    async def test_a_commit_is_current_with_all_it_brought(self, store: Store) -> None:
        made = await store.commit(
            NewRevision(0, "ann", "first", intents=(intent("base"),), trees=(tree("leaf2"), tree("leaf1", b'{"a":1}'))),
            JournalRecord(NOON, Event.REVISION, author="ann"),
        )
        assert (made.number, made.parent, made.author, made.comment, made.created) == (1, 0, "ann", "first", NOON)
        assert made.changed == ("leaf1", "leaf2")
        assert await store.current() == made == await store.revision(1)
        assert await store.intents(1) == (intent("base"),)
        assert await store.desired("leaf1") == Desired("leaf1", 1, b'{"a":1}', 'digest of leaf1 {"a":1}', SCOPE)
        assert await store.desired_head("leaf1") == DesiredHead("leaf1", 1, 'digest of leaf1 {"a":1}', SCOPE)
        assert await store.desired_devices() == {"leaf1": 'digest of leaf1 {"a":1}', "leaf2": "digest of leaf2 {}"}
        assert [(one.sequence, one.event, one.revision) for one in await store.journal(0, 10)] == [
            (1, Event.REVISION, 1)
        ]

    async def test_what_a_revision_does_not_change_stays_as_it_was(self, store: Store) -> None:
        await store.commit(
            NewRevision(0, "a", intents=(intent("x"), intent("y")), trees=(tree("d1"), tree("d2"), tree("d3"))), note()
        )
        await store.commit(
            NewRevision(
                1, "a", intents=(intent("y", b"[2]"),), withdrawn=("x",), trees=(tree("d1", b"[2]"),), dropped=("d3",)
            ),
            note(),
        )
        assert [one.name for one in await store.intents(1)] == ["x", "y"]
        assert await store.intents(2) == (intent("y", b"[2]"),)
        assert [
            (await store.desired(device)) and (await store.desired(device)).revision for device in ("d1", "d2", "d3")
        ] == [
            2,
            1,
            None,
        ]
        assert (await store.desired("d1", 1)).config == b"{}"
        assert (await store.desired("d3", 1)).revision == 1
        assert list(await store.desired_devices(1)) == ["d1", "d2", "d3"]
        assert list(await store.desired_devices()) == ["d1", "d2"]
        assert (await store.revision(2)).changed == ("d1", "d3")
        assert await store.desired_head("d3") is None

    async def test_a_withdrawn_intent_and_a_dropped_tree_can_come_back(self, store: Store) -> None:
        await store.commit(NewRevision(0, "a", intents=(intent("x"),), trees=(tree("d"),)), note())
        await store.commit(NewRevision(1, "a", withdrawn=("x",), dropped=("d",)), note())
        assert await store.desired_head("d") is None
        await store.commit(NewRevision(2, "a", intents=(intent("x"),), trees=(tree("d"),), rollback_of=1), note())
        assert [len(await store.intents(number)) for number in (1, 2, 3)] == [1, 0, 1]
        assert (await store.desired("d")).revision == (await store.desired_head("d")).revision == 3
        assert (await store.current()).rollback_of == 1

    async def test_a_stale_base_is_refused_naming_both_and_changes_nothing(self, store: Store) -> None:
        await store.commit(NewRevision(0, "a", trees=(tree("d"),)), note())
        with pytest.raises(ConflictError, match=r"revision 0.*revision 1"):
            await store.commit(NewRevision(0, "a", trees=(tree("d", b"[1]"),)), note())
        assert (await store.current()).number == 1
        assert (await store.desired("d")).config == b"{}"
        assert await store.last_sequence() == 1

    async def test_of_many_commits_on_one_base_exactly_one_wins(self, store: Store) -> None:
        results = await asyncio.gather(
            *(store.commit(NewRevision(0, f"user{n}", trees=(tree(f"d{n}"),)), note()) for n in range(20)),
            return_exceptions=True,
        )
        won = [result for result in results if not isinstance(result, BaseException)]
        assert len(won) == 1
        assert all(isinstance(result, ConflictError) for result in results if result not in won)
        assert await store.desired_devices() == {won[0].changed[0]: (await store.desired(won[0].changed[0])).digest}
        assert await store.last_sequence() == 1

    async def test_a_request_id_finds_its_revision_and_is_used_once(self, store: Store) -> None:
        made = await store.commit(NewRevision(0, "a", request_id="r1", request_digest="abc"), note())
        assert await store.by_request("r1") == Request("r1", "abc", 1, unchanged=False, time=made.created)
        assert await store.by_request("r2") is None
        assert await store.by_request("") is None
        for base in (0, 1):  # said before the base is looked at
            with pytest.raises(RequestIdUsedError, match="'r1' was used at revision 1"):
                await store.commit(NewRevision(base, "a", request_id="r1"), note())
        await store.commit(NewRevision(1, "a"), note())
        await store.commit(NewRevision(2, "a"), note())

    async def test_a_request_that_changed_nothing_uses_its_id_too(self, store: Store) -> None:
        await store.commit(NewRevision(0, "a", request_id="r1", request_digest="abc"), note())
        await store.remember("r2", "def", 1)
        found = await store.by_request("r2")
        assert (found.digest, found.revision, found.unchanged) == ("def", 1, True)
        for used in ("r1", "r2"):
            with pytest.raises(RequestIdUsedError):
                await store.remember(used, "def", 1)
            with pytest.raises(RequestIdUsedError):
                await store.commit(NewRevision(1, "a", request_id=used), note())
        assert (await store.current()).number == await store.last_sequence() == 1

    async def test_of_two_requests_under_one_id_at_once_one_wins(self, store: Store) -> None:
        results = await asyncio.gather(
            store.commit(NewRevision(0, "a", request_id="r1", request_digest="abc"), note()),
            store.remember("r1", "def", 0),
            return_exceptions=True,
        )
        assert sum(isinstance(one, RequestIdUsedError) for one in results) == 1

    async def test_revisions_are_listed_newest_first_in_pages(self, store: Store) -> None:
        for base in range(5):
            await store.commit(NewRevision(base, "a", f"comment {base}"), note())
        assert [one.number for one in await store.revisions(2)] == [5, 4]
        assert [one.number for one in await store.revisions(2, before=4)] == [3, 2]
        assert [one.number for one in await store.revisions(9, before=2)] == [1]

    async def test_a_revision_that_does_not_exist_is_not_found(self, store: Store) -> None:
        for ask in (
            store.revision(7),
            store.intents(7),
            store.desired("d", 7),
            store.desired_devices(7),
            store.revision(0),
        ):
            with pytest.raises(NotFoundError):
                await ask

    async def test_equal_contents_are_stored_once_and_large_ones_come_back_whole(self, store: Store) -> None:
        large = b'"' + os.urandom(300_000).hex().encode() + b'"'
        await store.commit(NewRevision(0, "a", trees=(tree("d1", large), tree("d2", large))), note())
        await store.commit(NewRevision(1, "a", trees=(tree("d3", large),)), note())
        assert {(await store.desired(device)).config for device in ("d1", "d2", "d3")} == {large}


class TestDevices:
    async def test_status_is_empty_until_the_first_reconcile_ends(self, store: Store) -> None:
        assert await store.status("leaf1") == DeviceStatus("leaf1")
        assert await store.statuses() == {}

    async def test_finish_keeps_the_status_and_its_records_together(self, place: str) -> None:
        full = DeviceStatus(
            "leaf1",
            OutcomeKind.UNSTABLE,
            revision=4,
            desired_digest="dd",
            in_sync_digest="ii",
            checked=NOON,
            changed=NOON - timedelta(days=1),
            drift=3,
            failures=2,
            error_code="DEVICE_REFUSED",
            error_message="no \x00 way",
            unstable=("/a:b", "/a:c"),
        )
        async with await Store.open(place) as store:
            [record] = await store.finish(full, [note("done", "leaf1")])
            await store.finish(DeviceStatus("leaf2", OutcomeKind.IN_SYNC), [])
            assert record.sequence == 1
        async with await Store.open(place) as store:
            assert await store.statuses() == {"leaf1": full, "leaf2": DeviceStatus("leaf2", OutcomeKind.IN_SYNC)}
            assert await store.status("leaf1") == full
            await store.finish(DeviceStatus("leaf1", OutcomeKind.IN_SYNC))
            assert (await store.status("leaf1")).outcome is OutcomeKind.IN_SYNC

    async def test_of_two_statuses_written_at_once_the_later_stands(self, place: str) -> None:
        async with await Store.open(place) as store:
            await asyncio.gather(*(store.finish(DeviceStatus("d", failures=n)) for n in range(50)))
            assert (await store.status("d")).failures == 49
        async with await Store.open(place) as store:
            assert (await store.status("d")).failures == 49

    async def test_modes_are_set_replaced_and_taken_back(self, store: Store) -> None:
        pause = ModeSetting("leaf1", Mode.PAUSE, "ann", "cabling", NOON)
        observe = ModeSetting("leaf1", Mode.OBSERVE, "bob", "", NOON)
        assert await store.modes() == {}
        assert (await store.set_mode("leaf1", pause, note("pause"))).sequence == 1
        assert await store.modes() == {"leaf1": pause}
        await store.set_mode("leaf1", observe, note("observe"))
        assert await store.modes() == {"leaf1": observe}
        await store.set_mode("leaf1", None, note("back"))
        assert await store.modes() == {}
        assert [one.message for one in await store.journal(0, 10)] == ["pause", "observe", "back"]
        with pytest.raises(InputError):
            await store.set_mode("leaf2", pause, note())


class TestTransactions:
    def transaction(self, name: str = "t1", device: str = "leaf1", seconds: int = 0) -> OpenTransaction:
        started = NOON + timedelta(seconds=seconds)
        return OpenTransaction(name, device, 3, "d-1", TransactionPhase.STAGING, started, b'{"before":true}')

    async def test_a_transaction_is_known_until_its_reconcile_ends(self, place: str) -> None:
        async with await Store.open(place) as store:
            assert (await store.begin(self.transaction(), note("apply"))).sequence == 1
            await store.begin(self.transaction("t0", "leaf2", seconds=-5), note("apply"))
            await store.advance("t1", TransactionPhase.CONFIRMING)
        async with await Store.open(place) as store:
            older, newer = await store.open_transactions()
            assert (older.id, older.phase) == ("t0", TransactionPhase.STAGING)
            assert (newer.id, newer.phase, newer.preimage) == ("t1", TransactionPhase.CONFIRMING, b'{"before":true}')
            await store.finish(DeviceStatus("leaf1", OutcomeKind.APPLIED), [note("applied")], "t1")
            assert [one.id for one in await store.open_transactions()] == ["t0"]
            assert [one.message for one in await store.journal(0, 10)] == ["apply", "apply", "applied"]

    async def test_the_id_and_the_deadline_on_the_device_are_kept(self, place: str) -> None:
        until = NOON + timedelta(seconds=120, microseconds=1)
        async with await Store.open(place) as store:
            await store.begin(replace(self.transaction(), commit="c-1", deadline=until), note("apply"))
            await store.begin(self.transaction("t2"), note("apply"))
        async with await Store.open(place) as store:
            netted, plain = await store.open_transactions()
            assert (netted.commit, netted.deadline) == ("c-1", until)
            assert (plain.commit, plain.deadline) == ("", None)

    async def test_ending_what_is_not_open_writes_neither_status_nor_record(self, store: Store) -> None:
        with pytest.raises(NotFoundError):
            await store.finish(DeviceStatus("leaf1", OutcomeKind.APPLIED), [note()], "nothing")
        with pytest.raises(NotFoundError):
            await store.advance("nothing", TransactionPhase.CONFIRMING)
        assert await store.statuses() == {}
        assert await store.last_sequence() == 0

    async def test_an_id_is_open_once(self, store: Store) -> None:
        await store.begin(self.transaction(), note())
        with pytest.raises(ConflictError):
            await store.begin(self.transaction(), note())
        assert await store.last_sequence() == 1

    async def test_one_that_fails_takes_nobody_with_it(self, store: Store) -> None:
        """Writes that wait at the same moment share a transaction; a refusal among them undoes only itself."""
        results = await asyncio.gather(
            store.finish(DeviceStatus("d1", failures=1), [note("one")]),
            store.finish(DeviceStatus("d2", failures=1), [note("two")], "nothing"),
            store.begin(self.transaction(), note("three")),
            store.commit(NewRevision(9, "a"), note("four")),
            store.append([note("five")]),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [list, NotFoundError, JournalRecord, ConflictError, list]
        assert set(await store.statuses()) == {"d1"}
        kept = await store.journal(0, 10)
        assert [one.sequence for one in kept] == [1, 2, 3]
        assert {one.message for one in kept} == {"one", "three", "five"}


class TestLife:
    async def test_opening_again_changes_nothing(self, place: str) -> None:
        for expected in range(4):
            async with await Store.open(place) as store:
                assert await store.last_sequence() == expected
                assert len(await store.journal(0, 10)) == expected
                await store.append([note()])

    async def test_a_second_writer_is_refused_until_the_first_is_gone(self, place: str) -> None:
        async with await Store.open(place) as first:
            with pytest.raises(StoreError, match="in use by"):
                await Store.open(place)
            await first.append([note()])
        async with await Store.open(place) as second:
            assert await second.last_sequence() == 1

    async def test_a_closed_store_says_so(self, place: str) -> None:
        store = await Store.open(place)
        await store.close()
        await store.close()
        with pytest.raises(StoreError, match="closed"):
            await store.append([note()])
        with pytest.raises(StoreError, match="closed"):
            await store.journal(0, 1)

    async def test_closing_finishes_what_was_begun(self, place: str) -> None:
        store = await Store.open(place)
        writes = [asyncio.create_task(store.append([note()])) for _ in range(50)]
        await asyncio.sleep(0)
        await store.close()
        assert sorted(batch[0].sequence for batch in await asyncio.gather(*writes)) == list(range(1, 51))
        async with await Store.open(place) as again:
            assert await again.last_sequence() == 50

    async def test_a_cancelled_writer_leaves_the_journal_dense(self, store: Store) -> None:
        writes = [asyncio.create_task(store.append([note(str(n))])) for n in range(100)]
        for n, write in enumerate(writes):
            await asyncio.sleep(0)
            if n % 3 == 0:
                write.cancel()
        results = await asyncio.gather(*writes, return_exceptions=True)
        kept = await store.journal(0, 1000)
        assert [one.sequence for one in kept] == list(range(1, len(kept) + 1))
        acknowledged = {batch[0] for batch in results if isinstance(batch, list)}
        assert acknowledged <= set(kept)

    async def test_cancelled_readers_leave_the_store_readable(self, store: Store) -> None:
        await store.append([note(str(n)) for n in range(200)])
        for _ in range(10):
            reads = [asyncio.create_task(store.journal(0, 1000)) for _ in range(6)]
            await asyncio.sleep(0.001)
            for read in reads:
                read.cancel()
            await asyncio.gather(*reads, return_exceptions=True)
        assert len(await store.journal(0, 1000)) == 200
