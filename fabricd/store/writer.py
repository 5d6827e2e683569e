"""The single writer: puts what is waiting into one transaction, so that many writers share one fsync.

Used by store.py, one instance a store. Knows the head, journal and status tables; must not know why they change.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from fabricd.errors import StoreError
from fabricd.model.outcome import DeviceStatus, JournalRecord
from fabricd.store import codec
from fabricd.store.engine import translated
from fabricd.store.tables import head, journal, statuses

_log = logging.getLogger(__name__)
T = TypeVar("T")

# Bounds how long the first of a batch waits for the last.
_LARGEST_BATCH = 256


@dataclass(slots=True)
class Batch:
    """One write transaction, shared by the works that run in it one after the other.

    `revision` and `sequence` are the current revision and the last journal number as this transaction will leave
    them, `records` what it appends. What is handed to `append` and `put_status` is written when the last work is done,
    with the sentences in it as `conceal` returns them.
    """

    connection: AsyncConnection
    revision: int
    sequence: int
    conceal: Callable[[str], str] = str
    records: list[JournalRecord] = field(default_factory=list)
    _journal: list[dict[str, object]] = field(default_factory=list)
    _statuses: dict[str, tuple[DeviceStatus, bytes]] = field(default_factory=dict)

    def append(self, records: Sequence[JournalRecord]) -> list[JournalRecord]:
        """The records with their sequence numbers."""
        numbered = []
        for record in records:
            self.sequence += 1
            told = replace(
                record,
                sequence=self.sequence,
                message=self.conceal(record.message),
                error_path=self.conceal(record.error_path),
            )
            numbered.append(told)
            self.records.append(told)
            self._journal.append(
                {
                    "sequence": self.sequence,
                    "time": record.time,
                    "device": record.device,
                    "body": codec.record_to_bytes(told),
                }
            )
        return numbered

    def put_status(self, status: DeviceStatus) -> None:
        told = replace(status, error_message=self.conceal(status.error_message))
        self._statuses[status.device] = (told, codec.status_to_bytes(told))

    @property
    def statuses(self) -> list[DeviceStatus]:
        return [status for status, _ in self._statuses.values()]

    async def flush(self) -> None:
        if self._statuses:
            await self.connection.execute(_DELETE_STATUS, [{"_device": device} for device in self._statuses])
            await self.connection.execute(
                insert(statuses), [{"device": device, "body": body} for device, (_, body) in self._statuses.items()]
            )
        await self.flush_journal()
        await self.connection.execute(update(head).values(revision=self.revision, sequence=self.sequence))

    async def flush_journal(self) -> None:
        """For a work that looks at the journal: what the batch has appended so far is in the table after this."""
        if self._journal:
            await self.connection.execute(insert(journal), self._journal)
            self._journal.clear()


_DELETE_STATUS = delete(statuses).where(statuses.c.device == bindparam("_device"))
_SELECT_HEAD = select(head.c.revision, head.c.sequence).with_for_update()

Work = Callable[[Batch], Awaitable[T]]
Waiting = tuple[Work[Any], asyncio.Future[Any]]


class _CommonError(StoreError):
    """What befell all works of a transaction alike, and none by its own fault: each alone would fare no better."""


class _CommitError(_CommonError):
    """The COMMIT itself failed: whether it took effect is not known, so nothing in it may be tried again."""


class Writer:
    """Owns the queue of works and the task that runs them. `committed` is called after each commit, before the
    works' callers hear of it. `conceal` takes out of journal and status what nobody is to be told."""

    def __init__(
        self, engine: AsyncEngine, committed: Callable[[Batch], None], conceal: Callable[[str], str] = str
    ) -> None:
        self._engine = engine
        self._conceal = conceal
        self._committed = committed
        self._queue: asyncio.Queue[Waiting | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._serve(), name="store writer")
        self._closed = False

    async def run(self, work: Work[T]) -> T:
        """Runs `work` inside a write transaction; returns when that is durable.

        `work` may run a second time, after a rollback, when another work in its transaction failed. A caller that
        is cancelled leaves a work that has begun to its end. Raises what `work` raises, else StoreError.
        """
        if self._closed:
            raise StoreError("the store is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((work, future))
        return await future

    async def close(self) -> None:
        """Finishes what is queued and stops."""
        if not self._closed:
            self._closed = True
            self._queue.put_nowait(None)
        await self._task

    async def _serve(self) -> None:
        try:
            while (first := await self._queue.get()) is not None:
                waiting = [first]
                last = False
                while len(waiting) < _LARGEST_BATCH and not self._queue.empty():
                    more = self._queue.get_nowait()
                    if more is None:
                        last = True
                        break
                    waiting.append(more)
                await self._write([one for one in waiting if not one[1].done()])
                if last:
                    return
        finally:
            self._closed = True
            self._refuse_rest()

    def _refuse_rest(self) -> None:
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                waiting = self._queue.get_nowait()
                if waiting and not waiting[1].done():
                    waiting[1].set_exception(StoreError("the store is closed"))

    async def _write(self, waiting: list[Waiting]) -> None:
        if not waiting:
            return
        try:
            results, batch = await self._attempt([work for work, _ in waiting])
        except BaseException as error:
            if len(waiting) > 1 and isinstance(error, Exception) and not isinstance(error, _CommonError):
                # One of them failed, all were rolled back: each gets a transaction of its own.
                for one in waiting:
                    await self._write([one])
                return
            for _, future in waiting:
                if not future.done():
                    failed = error if isinstance(error, Exception) else StoreError("the store is closed")
                    future.set_exception(failed)
            if not isinstance(error, Exception):
                raise
            return
        self._tell(batch)
        for (_, future), result in zip(waiting, results, strict=True):
            if not future.done():
                future.set_result(result)

    async def _attempt(self, works: Sequence[Work[Any]]) -> tuple[list[Any], Batch]:
        with translated("cannot write to the store"):
            connection = await self._engine.connect()
        try:
            revision, sequence = await _head(connection)
            with translated("cannot write to the store"):
                batch = Batch(connection, revision, sequence, self._conceal)
                results = [await work(batch) for work in works]
                await batch.flush()
            try:
                with translated("cannot write to the store"):
                    await connection.commit()
            except StoreError as error:
                raise _CommitError(error.message) from error
            return results, batch
        finally:
            # What goes wrong after a commit does not undo it.
            with contextlib.suppress(SQLAlchemyError):
                await connection.close()

    def _tell(self, batch: Batch) -> None:
        try:
            self._committed(batch)
        except Exception:  # noqa: BLE001  a listener is not the store's to judge; it is told in the log
            _log.exception("a listener of the store failed")


async def _head(connection: AsyncConnection) -> tuple[int, int]:
    """Begins the transaction, which has to wait for whoever else has the database locked."""
    try:
        with translated("cannot write to the store"):
            revision, sequence = (await connection.execute(_SELECT_HEAD)).one()
    except StoreError as error:
        raise _CommonError(error.message) from error
    return revision, sequence
