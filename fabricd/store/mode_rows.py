"""The rows of modes that operators set, one a device.

Used by store.py inside its own reads and writes. Must not know devices or engines.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fabricd.model.device import Mode
from fabricd.model.outcome import ModeSetting
from fabricd.store.tables import modes


async def read(connection: AsyncConnection) -> dict[str, ModeSetting]:
    """By device."""
    rows = await connection.execute(select(modes))
    return {row.device: ModeSetting(row.device, Mode(row.mode), row.author, row.reason, row.since) for row in rows}


async def write(connection: AsyncConnection, device: str, setting: ModeSetting | None) -> None:
    """Replaces what was set; None: nothing is."""
    await connection.execute(delete(modes).where(modes.c.device == device))
    if setting is not None:
        await connection.execute(
            insert(modes).values(
                device=device,
                mode=setting.mode,
                author=setting.author,
                reason=setting.reason,
                since=setting.since,
            )
        )
