"""The rows of the journal: reading them from a cursor on, and deleting the oldest.

Used by store.py inside its own reads and writes; writer.py adds them. Must not know engines, nor what is decided.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fabricd.model.outcome import JournalRecord
from fabricd.store import codec
from fabricd.store.tables import head, journal


async def read(
    connection: AsyncConnection, after: int, last: int, limit: int, devices: Sequence[str]
) -> list[JournalRecord]:
    """The first `limit` records above `after` up to `last`, in order; only those of `devices` unless that is empty."""
    query = select(journal.c.sequence, journal.c.body).where(journal.c.sequence > after, journal.c.sequence <= last)
    if devices:
        query = query.where(journal.c.device.in_(devices))
    rows = (await connection.execute(query.order_by(journal.c.sequence).limit(limit))).all()
    return [codec.record_from_bytes(sequence, body) for sequence, body in rows]


async def first(connection: AsyncConnection) -> int:
    """The number of the oldest record kept; when none is kept, the number that the next one will get."""
    found = (await connection.execute(select(func.min(journal.c.sequence)))).scalar_one()
    last = (await connection.execute(select(head.c.sequence))).scalar_one()
    return int(last + 1 if found is None else found)


async def prune(connection: AsyncConnection, through: int) -> int:
    """Deletes the records up to this number. Returns how many went."""
    return (await connection.execute(delete(journal).where(journal.c.sequence <= through))).rowcount
