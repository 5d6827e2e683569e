"""The store as everyone sees it: one object, opened once by the daemon.

Used by reconcile, northbound and the daemon. Owns engines, the writer's lock and the journal's wake-up call; leaves
the rows to snapshots.py, transactions.py, *_rows.py, and the write transactions to writer.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from fabricd.errors import InputError, NotFoundError, StoreError
from fabricd.model.intent import Desired, Intent, Revision
from fabricd.model.outcome import DeviceStatus, JournalRecord, ModeSetting, OpenTransaction, TransactionPhase
from fabricd.model.secret import WrittenSecrets
from fabricd.store import codec, journal_rows, mode_rows, secret_rows, snapshots, transactions
from fabricd.store.engine import Place, reading_engine, single_writer, translated, writing_engine
from fabricd.store.schema_version import upgrade
from fabricd.store.tables import head, statuses
from fabricd.store.values import DesiredHead, NewRevision, Request
from fabricd.store.writer import Batch, Writer

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class Store:
    """Everything the daemon must not forget. What a method has returned is on disk, whatever happens next.

    All methods raise StoreError when the database cannot be read or written, or holds something damaged. This
    process is the only writer, so device status and what is current are also kept in memory. The memory follows a
    commit a moment later; until then nobody reads what it brought, so that all methods tell of one state.
    """

    def __init__(
        self,
        place: Place,
        clock: Clock,
        written: Callable[[JournalRecord], None] | None,
        random: Callable[[int], bytes],
        conceal: Callable[[str], str],
    ) -> None:
        """Use `Store.open`."""
        self._conceal = conceal
        self._random = random
        self._secret_key = b""
        self._place = place
        self._clock = clock
        self._written = written
        self._writing: AsyncEngine = writing_engine(place)
        self._reading: AsyncEngine = reading_engine(place)
        self._open = contextlib.AsyncExitStack()
        self._writer: Writer | None = None
        self._revision = 0
        self._sequence = 0
        self._statuses: dict[str, DeviceStatus] = {}
        self._heads: dict[str, DesiredHead | None] = {}
        self._more = asyncio.Event()
        self._reads = 0
        self._unread = asyncio.Event()
        self._unread.set()

    @classmethod
    async def open(
        cls,
        url_or_path: str | Path,
        *,
        clock: Clock = _now,
        written: Callable[[JournalRecord], None] | None = None,
        random: Callable[[int], bytes] = token_bytes,
        conceal: Callable[[str], str] = str,
    ) -> Store:
        """Opens the store, creating or upgrading its tables. `clock` gives UTC times for revisions. `written` is
        called with every new journal record, in order, once it is durable; it must not raise. `random` makes the key of
        a new store. `conceal` takes secrets out of the sentences of journal and status before they are written.

        A path is an SQLite file (mode 0600, also if it was another before; its folder must exist). Raises StoreError
        when it is in use by another process, written by a newer fabricd, or no store at all.
        """
        store = cls(Place.of(url_or_path), clock, written, random, conceal)
        try:
            await store._start()
        except BaseException:
            await store.close()
            raise
        return store

    async def _start(self) -> None:
        self._open.push_async_callback(self._writing.dispose)
        self._open.push_async_callback(self._reading.dispose)
        await self._open.enter_async_context(single_writer(self._place))
        with translated(f"cannot open store {self._place}"):
            async with self._writing.begin() as connection:
                await connection.run_sync(upgrade)
                self._revision, self._sequence = (
                    await connection.execute(select(head.c.revision, head.c.sequence))
                ).one()
                for device, body in await connection.execute(select(statuses.c.device, statuses.c.body)):
                    self._statuses[device] = codec.status_from_bytes(device, body)
                self._secret_key = await secret_rows.key(connection, self._random)
        self._writer = Writer(self._writing, self._committed, self._conceal)
        self._open.push_async_callback(self._writer.close)

    async def close(self) -> None:
        """Finishes the reads and writes that were begun and lets go of the database. May be called twice."""
        self._writer = None
        self._more.set()
        # A reader whose connection is taken away, if it is also cancelled, would never end.
        await self._unread.wait()
        await self._open.aclose()

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Revisions

    async def current(self) -> Revision | None:
        """The revision the fabric shall be at; None before the first."""
        return await self.revision(self._revision) if self._revision else None

    async def revision(self, number: int) -> Revision:
        """Raises NotFoundError."""
        self._must_exist(number)
        async with self._read() as connection:
            return await snapshots.read_revision(connection, number)

    async def revisions(self, limit: int = 50, before: int = 0) -> list[Revision]:
        """Newest first; only those below `before` unless that is 0."""
        end = self._revision + 1
        async with self._read() as connection:
            return await snapshots.read_revisions(connection, limit, min(before or end, end))

    async def by_request(self, request_id: str) -> Request | None:
        """What was carried out under a request id."""
        if not request_id:
            return None
        async with self._read() as connection:
            found = await snapshots.read_request(connection, request_id)
        return found if found is not None and found.revision <= self._revision else None

    async def intents(self, revision: int) -> tuple[Intent, ...]:
        """All intents of a revision, by name; none for revision 0. Raises NotFoundError."""
        self._must_exist(revision)
        async with self._read() as connection:
            return await snapshots.read_intents(connection, revision)

    async def intent_revisions(self, revision: int) -> dict[str, int]:
        """The revision that last changed each intent, as of `revision`; withdrawn ones too. Raises NotFoundError."""
        self._must_exist(revision)
        async with self._read() as connection:
            return await snapshots.read_intent_revisions(connection, revision)

    async def desired(self, device: str, revision: int = 0) -> Desired | None:
        """The tree of a device in a revision (0: the current one); None when it has none. Raises NotFoundError."""
        number = self._number(revision)
        async with self._read() as connection:
            return await snapshots.read_desired(connection, device, number)

    async def desired_head(self, device: str) -> DesiredHead | None:
        """As `desired` at the current revision, without the tree: kept in memory, so asking often costs nothing."""
        if device in self._heads:
            return self._heads[device]
        number = self._revision
        async with self._read() as connection:
            found = await snapshots.read_desired_head(connection, device, number)
        if number == self._revision:
            self._heads[device] = found
        return found

    async def desired_devices(self, revision: int = 0) -> dict[str, str]:
        """The devices that have a tree in a revision (0: the current one), with its digest. Raises NotFoundError."""
        number = self._number(revision)
        async with self._read() as connection:
            return await snapshots.read_desired_digests(connection, number)

    async def commit(self, new: NewRevision, record: JournalRecord) -> Revision:
        """Makes a revision and makes it current, with its journal record (whose `revision` is set to it).

        Its request, if it has an id, is remembered in the same transaction. Raises ConflictError when `new.base` is no
        longer current, RequestIdUsedError when its request id was used before.
        """
        # Refused before the contents are hashed and packed; what decides is the check inside the transaction.
        async with self._read() as connection:
            await snapshots.check(connection, new, self._revision)
        addresses, scopes = await asyncio.to_thread(snapshots.contents, new)
        async with self._read() as connection:
            known = await snapshots.known_blobs(connection, addresses.values())
        packed = await asyncio.to_thread(snapshots.packed, addresses, known)
        prepared = snapshots.Prepared(new, addresses, packed, scopes)

        async def work(batch: Batch) -> Revision:
            await snapshots.check(batch.connection, new, batch.revision)
            revision = await snapshots.write(batch.connection, prepared, batch.revision + 1, self._clock())
            batch.revision = revision.number
            batch.append([replace(record, revision=revision.number)])
            return revision

        return await self._running().run(work)

    async def remember(self, request_id: str, digest: str, revision: int) -> None:
        """Keeps the id of a request that was found to change nothing in `revision`. Raises RequestIdUsedError."""

        async def work(batch: Batch) -> None:
            await snapshots.check_request(batch.connection, request_id)
            request = Request(request_id, digest, revision, unchanged=True, time=self._clock())
            await snapshots.write_request(batch.connection, request)

        await self._running().run(work)

    # Device status and modes

    async def status(self, device: str) -> DeviceStatus:
        """What is known of a device; an empty status when nothing is."""
        return self._statuses.get(device) or DeviceStatus(device)

    async def statuses(self) -> dict[str, DeviceStatus]:
        return dict(self._statuses)

    async def finish(
        self, status: DeviceStatus, records: Sequence[JournalRecord] = (), transaction_id: str | None = None
    ) -> list[JournalRecord]:
        """Ends one reconcile: its status, its journal records and the end of its transaction, all or none.

        Returns the records with their sequence numbers. Raises NotFoundError when no such transaction is open.
        """

        async def work(batch: Batch) -> list[JournalRecord]:
            if transaction_id is not None:
                await transactions.end(batch.connection, transaction_id)
            batch.put_status(status)
            return batch.append(records)

        return await self._running().run(work)

    async def modes(self) -> dict[str, ModeSetting]:
        """The modes that operators set, by device."""
        async with self._read() as connection:
            return await mode_rows.read(connection)

    async def set_mode(self, device: str, setting: ModeSetting | None, record: JournalRecord) -> JournalRecord:
        """Sets a device's mode, or with None gives it back to the inventory; with its journal record, which is returned
        with its sequence number."""
        if setting is not None and setting.device != device:
            raise InputError(f"mode of {setting.device} set for {device}")

        async def work(batch: Batch) -> JournalRecord:
            await mode_rows.write(batch.connection, device, setting)
            return batch.append([record])[0]

        return await self._running().run(work)

    # Journal

    async def append(self, records: Sequence[JournalRecord]) -> list[JournalRecord]:
        """Writes records, together and in order. Returns them with their sequence numbers."""

        async def work(batch: Batch) -> list[JournalRecord]:
            return batch.append(records)

        return await self._running().run(work)

    async def journal(self, after: int, limit: int, devices: Sequence[str] = ()) -> list[JournalRecord]:
        """The first `limit` records above `after`, in order; only those of `devices` unless that is empty."""
        async with self._read() as connection:
            return await journal_rows.read(connection, after, self._sequence, limit, devices)

    async def last_sequence(self) -> int:
        """The number of the newest record ever written; 0 when there was none."""
        return self._sequence

    async def first_sequence(self) -> int:
        """The number of the oldest record kept; when none is kept, the number that the next one will get."""
        async with self._read() as connection:
            return await journal_rows.first(connection)

    async def wait_beyond(self, sequence: int) -> int:
        """Returns the last sequence number as soon as it is above `sequence`. Raises StoreError when closed."""
        while self._sequence <= sequence:
            self._running()
            await self._more.wait()
        return self._sequence

    async def prune(self, keep_journal: int) -> int:
        """Deletes all but the newest `keep_journal` records; the others keep their numbers. Returns how many went."""
        if keep_journal < 0:
            raise InputError(f"cannot keep {keep_journal} journal records")

        async def work(batch: Batch) -> int:
            await batch.flush_journal()
            return await journal_rows.prune(batch.connection, batch.sequence - keep_journal)

        return await self._running().run(work)

    # Transactions

    async def begin(self, transaction: OpenTransaction, record: JournalRecord) -> JournalRecord:
        """Stores a transaction before anything of it is sent, with its journal record, which is returned with its
        sequence number. Raises ConflictError when one with that id is open."""
        preimage = codec.pack(transaction.preimage)

        async def work(batch: Batch) -> JournalRecord:
            await transactions.begin(batch.connection, transaction, preimage)
            return batch.append([record])[0]

        return await self._running().run(work)

    async def advance(self, transaction_id: str, phase: TransactionPhase) -> None:
        """Raises NotFoundError when no such transaction is open."""

        async def work(batch: Batch) -> None:
            await transactions.advance(batch.connection, transaction_id, phase)

        await self._running().run(work)

    async def open_transactions(self) -> list[OpenTransaction]:
        """Oldest first."""
        async with self._read() as connection:
            return await transactions.read(connection)

    # Secrets on devices

    @property
    def secret_key(self) -> bytes:
        """The key for digests of secrets: 32 bytes, this store's own."""
        return self._secret_key

    async def secrets(self, device: str) -> WrittenSecrets:
        """What is remembered of a device's secrets; empty when nothing is."""
        async with self._read() as connection:
            return await secret_rows.read(connection, device)

    async def keep_secrets(self, device: str, found: WrittenSecrets) -> None:
        """Remember this of a device's secrets, instead of what was remembered before."""

        async def work(batch: Batch) -> None:
            await secret_rows.write(batch.connection, device, found)

        await self._running().run(work)

    # What all of them need

    @contextlib.asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        self._running()
        self._reads += 1
        self._unread.clear()
        try:
            with translated("cannot read the store"):
                async with self._reading.connect() as connection:
                    yield connection
        finally:
            self._reads -= 1
            if not self._reads:
                self._unread.set()

    def _running(self) -> Writer:
        if self._writer is None:
            raise StoreError("the store is closed")
        return self._writer

    def _committed(self, batch: Batch) -> None:
        if batch.revision != self._revision:
            self._revision = batch.revision
            self._heads.clear()
        for status in batch.statuses:
            self._statuses[status.device] = status
        if batch.sequence != self._sequence:
            self._sequence = batch.sequence
            self._more.set()
            self._more = asyncio.Event()
        if self._written:
            for record in batch.records:
                self._written(record)

    def _number(self, revision: int) -> int:
        self._must_exist(revision)
        return revision or self._revision

    def _must_exist(self, revision: int) -> None:
        if not 0 <= revision <= self._revision:
            raise NotFoundError(f"there is no revision {revision}")
