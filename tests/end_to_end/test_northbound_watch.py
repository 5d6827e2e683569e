"""The journal as a stream: no gap and no duplicate, whatever happens to daemon, reader and journal."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import grpc
import grpc.aio
import pytest
from northbound_harness import DEADLINE, Service, serving

from fabricd.client import Client
from fabricd.model.outcome import Event, JournalRecord
from fabricd.northbound.failures import BusyError, CursorError, UnavailableError
from fabricd.northbound.server import SERVICE
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.northbound.v1.fabricd_pb2_grpc import FabricdStub


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path, running=False) as service:
        yield service


@pytest.fixture
async def client(service: Service) -> AsyncIterator[Client]:
    async with service.client() as client:
        yield client


def notes(count: int, *, device: str = "", text: str = "note") -> list[JournalRecord]:
    return [JournalRecord(dt.datetime.now(dt.UTC), Event.NOTE, device=device, message=text) for _ in range(count)]


async def listed(client: Client, **options: object) -> list[int]:
    return [record.sequence async for record in client.watch(**options)]  # type: ignore[arg-type]


class Reader:
    """Follows the journal in a task and keeps what it saw."""

    def __init__(self, client: Client, **options: object) -> None:
        self.seen: list[int] = []
        self._arrived = asyncio.Condition()
        self._task = asyncio.create_task(self._read(client, options))

    async def _read(self, client: Client, options: dict[str, object]) -> None:
        async for record in client.watch(follow=True, **options):  # type: ignore[arg-type]
            async with self._arrived:
                self.seen.append(record.sequence)
                self._arrived.notify_all()

    async def until(self, sequence: int, seconds: float = DEADLINE) -> list[int]:
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(lambda: self._task.done() or (self.seen and self.seen[-1] >= sequence))
        if self._task.done():
            self._task.result()
        return self.seen

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_a_listing_starts_at_the_cursor_and_ends(service: Service, client: Client) -> None:
    assert await listed(client) == []
    await service.store.append(notes(700))
    assert await listed(client) == list(range(1, 701))
    assert await listed(client, after=690) == list(range(691, 701))
    assert await listed(client, after=700) == []
    assert await listed(client, last=3) == [698, 699, 700]
    assert await listed(client, last=10_000) == list(range(1, 701))


async def test_devices_filter_and_last_counts_only_theirs(service: Service, client: Client) -> None:
    for number in range(600):
        await service.store.append(notes(1, device=f"leaf{number % 3}"))
    wanted = [number + 1 for number in range(600) if number % 3 == 1]
    assert await listed(client, devices=["leaf1"]) == wanted
    assert await listed(client, devices=["leaf1"], last=2) == wanted[-2:]
    assert await listed(client, devices=["leaf1", "leaf2"], after=590) == [n for n in range(591, 601) if (n - 1) % 3]
    assert await listed(client, devices=["nobody"], last=5) == []


async def test_a_follower_sees_what_comes_at_once_and_in_order(service: Service, client: Client) -> None:
    await service.store.append(notes(5))
    reader = Reader(client, last=2)
    assert await reader.until(5) == [4, 5]
    for _ in range(50):
        await service.store.append(notes(7))
    assert await reader.until(355) == list(range(4, 356))
    await reader.stop()


async def test_a_record_carries_everything(service: Service, client: Client) -> None:
    at = dt.datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=dt.UTC)
    record = JournalRecord(
        at, Event.RECONCILE, decision="d1", device="leaf1", revision=4, durations=(("fetch", 0.25),),
        error_code="DEVICE", error_path="/a", message="ümlaut \x1b[31m", author="alice",
    )  # fmt: skip
    await service.store.append([record])
    (found,) = [one async for one in client.watch()]
    assert found.time.ToDatetime(dt.UTC) == at
    assert (found.event, found.decision, found.device, found.revision, found.trigger, found.outcome) == (
        "reconcile", "d1", "leaf1", 4, "", ""
    )  # fmt: skip
    assert (dict(found.durations), found.error_code, found.error_path, found.message, found.author) == (
        {"fetch": 0.25}, "DEVICE", "/a", "ümlaut \x1b[31m", "alice"
    )  # fmt: skip


async def test_no_gap_and_no_duplicate_over_restarts_of_the_daemon(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'fabricd.sock'}"
    reader: Reader | None = None
    written = 0
    async with Client.connect(address) as client:
        for life in range(4):
            async with serving(tmp_path, running=False) as service:
                if reader is None:
                    reader = Reader(client)
                for _ in range(20):
                    await service.store.append(notes(13))
                written += 260
                if life == 1:
                    await reader.until(written)  # sometimes the reader keeps up, sometimes it is cut off in the middle
                if life == 3:
                    assert await reader.until(written) == list(range(1, written + 1))
        assert reader is not None
        await reader.stop()


async def test_a_stream_ends_cleanly_when_the_daemon_stops(tmp_path: Path) -> None:
    async with serving(tmp_path, running=False) as service, grpc.aio.insecure_channel(service.address) as channel:
        await service.store.append(notes(1))
        call = FabricdStub(channel).Watch(pb.WatchRequest(follow=True))
        assert (await call.read()).sequence == 1
        stopping = asyncio.create_task(service.server.stop(grace=600))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert b"UNAVAILABLE" in dict(caught.value.trailing_metadata() or ())["grpc-status-details-bin"]
        async with asyncio.timeout(DEADLINE):  # nobody waits for the grace period
            await stopping


async def test_a_reader_that_never_was_connected_gets_an_error_at_once(tmp_path: Path) -> None:
    async with Client.connect(f"unix:{tmp_path}/none.sock") as client:
        with pytest.raises(UnavailableError):
            await listed(client, follow=True)


async def test_patience_ends_for_a_daemon_that_does_not_come_back(tmp_path: Path) -> None:
    async with Client.connect(f"unix:{tmp_path / 'fabricd.sock'}") as client:
        async with serving(tmp_path, running=False) as service:
            await service.store.append(notes(1))
            records = client.watch(follow=True, patience=0.5)
            assert (await anext(records)).sequence == 1
        with pytest.raises(UnavailableError):
            async with asyncio.timeout(DEADLINE):
                await anext(records)


async def test_pruned_records_are_out_of_range_and_not_a_silent_gap(service: Service, client: Client) -> None:
    await service.store.append(notes(100))
    await service.store.prune(10)
    assert await listed(client) == list(range(91, 101))
    assert await listed(client, after=90) == list(range(91, 101))
    for cursor in (1, 50, 89):
        with pytest.raises(CursorError, match=f"records {cursor + 1} to 90"):
            await listed(client, after=cursor)
    with pytest.raises(CursorError, match="ends at 100"):
        await listed(client, after=101)


async def test_records_pruned_under_a_slow_reader_are_out_of_range(service: Service, client: Client) -> None:
    await service.store.append(notes(3_000, text="x" * 4_000))
    async with aclosing(client.watch(follow=True)) as records:
        assert (await anext(records)).sequence == 1
        await service.store.prune(10)
        seen = [1]

        async def read_on() -> None:
            async for record in records:
                seen.append(record.sequence)  # noqa: PERF401  what was seen counts although it ends in an error

        with pytest.raises(CursorError):
            await read_on()
        assert seen == list(range(1, len(seen) + 1))
        assert len(seen) < 2_900


async def test_a_reader_that_does_not_read_holds_back_only_itself(service: Service, client: Client) -> None:
    """12 MB of journal: a stalled reader must not pull it all into memory, nor keep another from reading."""
    reads = 0
    real = service.store.journal

    async def counted(after: int, limit: int, devices: Sequence[str] = ()) -> list[JournalRecord]:
        nonlocal reads
        reads += 1
        return await real(after, limit, devices)

    await service.store.append(notes(3_000, text="x" * 4_000))
    async with grpc.aio.insecure_channel(service.address) as channel:
        stalled = FabricdStub(channel).Watch(pb.WatchRequest(follow=True))
        assert (await stalled.read()).sequence == 1
        service.store.journal = counted  # type: ignore[method-assign]  # counts, and reads the real thing
        # What fits into gRPC's windows is sent ahead; then the reading stops.
        before = -1
        while before != reads:
            before = reads
            await asyncio.sleep(0.3)
        assert reads <= 6, "of 12 batches"
        assert await listed(client) == list(range(1, 3_001))
        seen = [(await stalled.read()).sequence for _ in range(2_999)]
        assert seen == list(range(2, 3_001))
        stalled.cancel()


@pytest.mark.slow
async def test_a_hostile_number_of_streams_leaves_the_api_usable(service: Service, client: Client) -> None:
    await service.store.append(notes(1))
    channels = [
        grpc.aio.insecure_channel(service.address, options=[("grpc.use_local_subchannel_pool", 1), ("n", n)])
        for n in range(8)
    ]
    calls = [FabricdStub(channel).Watch(pb.WatchRequest(follow=True)) for channel in channels for _ in range(100)]
    results = await asyncio.gather(*(call.read() for call in calls), return_exceptions=True)
    refused = [one for one in results if isinstance(one, grpc.aio.AioRpcError)]
    assert {one.code() for one in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert len(refused) == 800 - 512
    with pytest.raises(BusyError):
        await listed(client, follow=True)
    async with asyncio.timeout(DEADLINE):
        assert (await client.status()).version
    for call in calls:
        call.cancel()
    for channel in channels:
        await channel.close()
    async with asyncio.timeout(DEADLINE):  # their places are given back
        while True:
            try:
                assert await listed(client) == [1]
                break
            except BusyError:
                await asyncio.sleep(0.05)


async def test_calls_that_are_cut_off_give_their_place_back(service: Service) -> None:
    for _ in range(30):
        async with grpc.aio.insecure_channel(service.address) as channel:
            call = channel.unary_stream(f"/{SERVICE}/Watch")(pb.WatchRequest(follow=True).SerializeToString())
            await call.wait_for_connection()
    async with asyncio.timeout(DEADLINE):
        while service.server.readers:
            await asyncio.sleep(0.02)
