"""The rows of what is remembered of secrets on devices, and the key of their digests.

Used by store.py inside its own reads and writes. Holds no secret; must not know how digests are made.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fabricd.errors import StoreError
from fabricd.model.secret import WrittenSecret, WrittenSecrets
from fabricd.store.tables import secret_key, secrets

_KEY_BYTES = 32


async def key(connection: AsyncConnection, random: Callable[[int], bytes]) -> bytes:
    """The key of this store, made by `random` when there is none yet. Raises StoreError for a damaged one."""
    found = (await connection.execute(select(secret_key.c.value))).scalar_one_or_none()
    if found is None:
        found = random(_KEY_BYTES)
        await connection.execute(insert(secret_key).values(id=1, value=found))
    if len(found) != _KEY_BYTES:
        raise StoreError(f"the key of the secrets' digests has {len(found)} bytes instead of {_KEY_BYTES}")
    return bytes(found)


async def read(connection: AsyncConnection, device: str) -> WrittenSecrets:
    rows = await connection.execute(select(secrets).where(secrets.c.device == device))
    return {row.path: WrittenSecret(row.digest, row.shown) for row in rows}


async def write(connection: AsyncConnection, device: str, found: WrittenSecrets) -> None:
    """All that is remembered of one device; what was before is forgotten."""
    await connection.execute(delete(secrets).where(secrets.c.device == device))
    if found:
        rows = [
            {"device": device, "path": path, "digest": one.digest, "shown": one.shown} for path, one in found.items()
        ]
        await connection.execute(insert(secrets), rows)
