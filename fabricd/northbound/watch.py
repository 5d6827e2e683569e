"""The journal as a stream: every record after a cursor once and in order, for as long as the caller wants.

Called by the servicer. Knows the store's journal only; which record means what is not its business.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from fabricd.model.outcome import JournalRecord
from fabricd.northbound.failures import CursorError, UnavailableError

BATCH = 256
"""Records read at a time: what a slow reader can hold in the daemon's memory."""


class Journal(Protocol):
    """What the store offers: records are dense from `first_sequence` to `last_sequence` (0 and 0 when empty)."""

    async def journal(self, after: int, limit: int, devices: Sequence[str] = ()) -> list[JournalRecord]: ...
    async def first_sequence(self) -> int: ...
    async def last_sequence(self) -> int: ...
    async def wait_beyond(self, sequence: int) -> object: ...


class Watching:
    """Serves any number of readers, each at its own pace.

    Owns the count of readers. `close` ends every stream with UnavailableError, after which a reader resumes from its
    cursor elsewhere or later.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._readers = 0
        self._closing = asyncio.Event()

    @property
    def readers(self) -> int:
        """How many read now."""
        return self._readers

    def close(self) -> None:
        """End every stream, also those that are yet to come."""
        self._closing.set()

    async def records(
        self, after: int, *, last: int = 0, devices: Sequence[str] = (), follow: bool = False
    ) -> AsyncGenerator[JournalRecord, None]:
        """Records after sequence `after` (0: from the first one kept), or the `last` n and what follows them.

        Raises CursorError where the journal cannot be continued from `after` without a gap, UnavailableError when the
        daemon stops.
        """
        self._readers += 1
        try:
            first, end = await self._journal.first_sequence(), await self._journal.last_sequence()
            if after > end:
                raise CursorError(f"the journal ends at {end}: {after} is not a cursor of it")
            if last:
                after = await self._before_last(last, devices, first, end)
            elif not after:
                after = max(first - 1, 0)
            while True:
                # Once more is read after that, so that a reader sees the daemon say that it stops.
                closing = self._closing.is_set()
                end = await self._journal.last_sequence()
                found = await self._journal.journal(after, BATCH, devices)
                await self._still_gapless(after)
                for record in found:
                    yield record
                if found:
                    after = found[-1].sequence
                complete = len(found) < BATCH
                if complete and not follow:
                    return
                if closing:
                    raise UnavailableError("the daemon is stopping; resume from the last record")
                if complete:
                    # Everything up to `end` was looked at, so records of other devices are not looked at again.
                    after = max(after, end)
                    await self._more(after)
        finally:
            self._readers -= 1

    async def _still_gapless(self, after: int) -> None:
        first = await self._journal.first_sequence()
        if first > after + 1:
            raise CursorError(f"records {after + 1} to {first - 1} of the journal were pruned")

    async def _before_last(self, count: int, devices: Sequence[str], first: int, end: int) -> int:
        """The sequence after which `count` matching records follow."""
        if not devices:
            return max(first - 1, end - count, 0)
        sequences: deque[int] = deque(maxlen=count)
        after = max(first - 1, 0)
        while found := await self._journal.journal(after, BATCH, devices):
            sequences.extend(record.sequence for record in found)
            after = found[-1].sequence
        return sequences[0] - 1 if sequences else end

    async def _more(self, after: int) -> None:
        """Wait until the journal goes beyond `after`, or the daemon stops."""
        more = asyncio.ensure_future(self._journal.wait_beyond(after))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait({more, closing}, return_when=asyncio.FIRST_COMPLETED)
            if more.done():
                more.result()
        finally:
            for waiting in (more, closing):
                waiting.cancel()
            await asyncio.gather(more, closing, return_exceptions=True)
