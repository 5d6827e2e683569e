"""The rows of writes under way: stored before anything is sent, gone with the outcome.

Used by store.py inside its own reads and writes. Must not know devices or engines.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fabricd.errors import ConflictError, NotFoundError
from fabricd.model.outcome import OpenTransaction, TransactionPhase
from fabricd.store import codec
from fabricd.store.tables import transactions


async def begin(connection: AsyncConnection, transaction: OpenTransaction, preimage: bytes) -> None:
    """`preimage` is packed. Raises ConflictError when one with that id is open."""
    found = await connection.execute(select(transactions.c.id).where(transactions.c.id == transaction.id))
    if found.one_or_none() is not None:
        raise ConflictError(f"transaction {transaction.id} is open already", device=transaction.device)
    await connection.execute(
        insert(transactions).values(
            id=transaction.id,
            device=transaction.device,
            revision=transaction.revision,
            decision=transaction.decision,
            phase=transaction.phase,
            started=transaction.started,
            preimage=preimage,
            commit_id=transaction.commit,
            deadline=transaction.deadline,
        )
    )


async def advance(connection: AsyncConnection, transaction_id: str, phase: TransactionPhase) -> None:
    """Raises NotFoundError when no such transaction is open."""
    found = await connection.execute(
        update(transactions).where(transactions.c.id == transaction_id).values(phase=phase)
    )
    _must_match(found.rowcount, transaction_id)


async def end(connection: AsyncConnection, transaction_id: str) -> None:
    """Raises NotFoundError when no such transaction is open."""
    gone = await connection.execute(delete(transactions).where(transactions.c.id == transaction_id))
    _must_match(gone.rowcount, transaction_id)


async def read(connection: AsyncConnection) -> list[OpenTransaction]:
    """Oldest first. Raises StoreError for a damaged pre-image."""
    rows = await connection.execute(select(transactions).order_by(transactions.c.started, transactions.c.id))
    return [
        OpenTransaction(
            id=row.id,
            device=row.device,
            revision=row.revision,
            decision=row.decision,
            phase=TransactionPhase(row.phase),
            started=row.started,
            preimage=codec.unpack(row.preimage, f"the pre-image of transaction {row.id}"),
            commit=row.commit_id,
            deadline=row.deadline,
        )
        for row in rows
    ]


def _must_match(rows: int, transaction_id: str) -> None:
    if rows == 0:
        raise NotFoundError(f"no transaction {transaction_id} is open")
