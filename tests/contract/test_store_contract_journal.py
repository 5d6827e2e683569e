"""What every user of the journal may rely on, the same for every engine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from store_records import NOON, note

from fabricd.errors import InputError, StoreError
from fabricd.model.edit import Edit, Operation
from fabricd.model.outcome import DeviceStatus, Event, JournalRecord, OutcomeKind, Trigger
from fabricd.model.path import Path
from fabricd.model.plan import Disruption, PlannedEdit
from fabricd.store import NewRevision, Store


class TestJournal:
    async def test_nothing_is_read_before_all_of_the_store_knows_of_it(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever has read a record finds it counted, and the status and revision that came with it current."""
        writer = store._running()
        attempt = writer._attempt

        async def attempt_and_dawdle(works: Any) -> Any:
            done = await attempt(works)
            await asyncio.sleep(0.1)  # as on a machine with much else to do: committed, and not told yet
            return done

        monkeypatch.setattr(writer, "_attempt", attempt_and_dawdle)
        commit = asyncio.create_task(store.commit(NewRevision(0, "a", request_id="r1"), note()))
        while not (found := await store.journal(0, 9)):
            if await store.revisions() or await store.by_request("r1") is not None:
                assert await store.current() is not None
        assert found[-1].sequence == await store.last_sequence() == 1
        assert (await store.current()) == (await store.revisions())[0] == await commit
        finish = asyncio.create_task(store.finish(DeviceStatus("d", failures=7), [note()]))
        while len(await store.journal(0, 9)) < 2:
            await asyncio.sleep(0)
        assert (await store.status("d")).failures == 7
        await finish

    async def test_a_store_that_is_closed_waits_for_its_readers(self, place: str) -> None:
        for _ in range(20):
            store = await Store.open(place)
            await store.append([note()])

            async def read(store: Store = store) -> None:
                while True:
                    await store.journal(0, 9)

            readers = [asyncio.create_task(read()) for _ in range(4)]
            await asyncio.sleep(0.005)
            for one in readers[:2]:
                one.cancel()
            await store.close()
            async with asyncio.timeout(60):
                ended = await asyncio.gather(*readers, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError | StoreError) for one in ended)

    async def test_numbers_are_dense_and_in_order_of_commit(self, store: Store) -> None:
        batches = await asyncio.gather(*(store.append([note(f"{n}.{m}") for m in range(n % 4)]) for n in range(60)))
        flat = [record for batch in batches for record in batch]
        kept = await store.journal(0, 1000)
        assert [record.sequence for record in kept] == list(range(1, len(flat) + 1))
        assert sorted(flat, key=lambda record: record.sequence) == kept
        assert await store.last_sequence() == len(flat)

    async def test_a_record_comes_back_as_it_was(self, store: Store) -> None:
        path = Path.parse("/openconfig-interfaces:interfaces/interface[name='Ethernet1/\"1']/config/mtu")
        record = JournalRecord(
            NOON,
            Event.RECONCILE,
            decision="d-1",
            device="leaf1",
            revision=3,
            trigger=Trigger.CHANGE,
            outcome=OutcomeKind.APPLIED,
            edits=(
                PlannedEdit(Edit(Operation.REPLACE, path, "1500", "9000"), Disruption.LINK_BOUNCE),
                PlannedEdit(Edit(Operation.MOVE, path, after="[name='x']"), Disruption.HITLESS),
            ),
            durations=(("fetch", 0.25), ("total", 0.5)),
            error_code="DEVICE_REFUSED",
            error_path="/a:b",
            message="zeile\nzwei \x1b[31m\u2028",
            author="ann",
        )
        [written] = await store.append([record])
        assert await store.journal(0, 10) == [written]
        assert written.sequence == 1

    async def test_reading_goes_on_from_a_cursor_for_all_or_some_devices(self, store: Store) -> None:
        await store.append([note(str(n), device=f"leaf{n % 3}") for n in range(9)])
        assert [one.sequence for one in await store.journal(4, 3)] == [5, 6, 7]
        assert [one.sequence for one in await store.journal(0, 10, ["leaf1"])] == [2, 5, 8]
        assert [one.sequence for one in await store.journal(2, 2, ["leaf0", "leaf2"])] == [3, 4]
        assert await store.journal(9, 10) == []

    async def test_pruning_keeps_the_newest_and_their_numbers(self, store: Store) -> None:
        await store.append([note(str(n)) for n in range(10)])
        assert await store.prune(4) == 6
        assert await store.first_sequence() == 7
        assert [one.message for one in await store.journal(0, 10)] == ["6", "7", "8", "9"]
        assert await store.prune(0) == 4
        assert (await store.first_sequence(), await store.last_sequence()) == (11, 10)
        assert [one.sequence for one in await store.append([note()])] == [11]
        assert await store.prune(50) == 0
        with pytest.raises(InputError):
            await store.prune(-1)

    async def test_pruning_counts_records_written_at_the_same_moment(self, store: Store) -> None:
        await store.append([note()])
        await asyncio.gather(
            store.append([note(str(n)) for n in range(5)]), store.prune(2), store.append([note("last")])
        )
        assert [one.sequence for one in await store.journal(0, 10)] == [5, 6, 7]

    async def test_a_waiter_wakes_for_what_is_beyond_its_cursor(self, store: Store) -> None:
        waiting = [asyncio.create_task(store.wait_beyond(after)) for after in (0, 1, 2)]
        await store.append([note()])
        assert await waiting[0] >= 1
        assert not waiting[1].done()
        await store.append([note(), note()])
        assert await asyncio.gather(*waiting[1:]) == [3, 3]
        assert await store.wait_beyond(2) == 3

    async def test_a_follower_misses_and_repeats_nothing(self, store: Store) -> None:
        seen: list[int] = []

        async def follow() -> None:
            while len(seen) < 200:
                await store.wait_beyond(seen[-1] if seen else 0)
                seen.extend(one.sequence for one in await store.journal(seen[-1] if seen else 0, 7))

        follower = asyncio.create_task(follow())
        await asyncio.gather(*(store.append([note(), note()]) for _ in range(100)))
        await asyncio.wait_for(follower, 60)
        assert seen == list(range(1, 201))

    async def test_a_waiter_is_told_when_the_store_closes(self, place: str) -> None:
        store = await Store.open(place)
        waiting = asyncio.create_task(store.wait_beyond(0))
        await asyncio.sleep(0)
        await store.close()
        with pytest.raises(StoreError, match="closed"):
            await asyncio.wait_for(waiting, 60)

    async def test_who_listens_hears_every_record_once_and_in_order(self, place: str) -> None:
        heard: list[JournalRecord] = []
        async with await Store.open(place, written=heard.append) as store:
            await asyncio.gather(
                store.commit(NewRevision(0, "a"), note("revision")),
                *(store.finish(DeviceStatus(f"d{n}"), [note(str(n))]) for n in range(20)),
            )
            assert heard == await store.journal(0, 100)
            assert len(heard) == 21

    async def test_a_listener_that_fails_undoes_and_repeats_nothing(self, place: str) -> None:
        def fail(_: JournalRecord) -> None:
            raise ValueError("no ear")

        async with await Store.open(place, written=fail) as store:
            batches = await asyncio.gather(*(store.append([note(str(n))]) for n in range(20)))
            assert [batch[0].sequence for batch in batches] == list(range(1, 21))
            assert [one.message for one in await store.journal(0, 100)] == [str(n) for n in range(20)]
