"""Requests by the ids that their callers give them: what was carried out once is answered again, not repeated.

Used by reconcile/submission. Must not know what is asked for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self

from fabricd.errors import RequestIdUsedError
from fabricd.store import Request, Store


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its id ("" for none), and what tells it from another one with that id."""

    id: str
    digest: str

    @classmethod
    def of(cls, id: str, kind: str, *content: object) -> Self:  # noqa: A002  the word of the field
        """`content` is what counts; base revision, comment and dry run do not."""
        if not id:
            return cls("", "")
        digest = hashlib.blake2b(kind.encode(), digest_size=16)
        for part in content:
            for piece in part if isinstance(part, (list, tuple)) else (part,):
                data = piece if isinstance(piece, bytes) else str(piece).encode()
                digest.update(len(data).to_bytes(8, "big") + data)
        return cls(id, digest.hexdigest())

    async def known(self, store: Store) -> Request | None:
        """What was carried out under this id. Raises RequestIdUsedError when that was another request."""
        found = await store.by_request(self.id) if self.id else None
        if found is not None and found.digest != self.digest:
            raise RequestIdUsedError(
                f"request id {self.id!r} was used for another request at revision {found.revision}"
            )
        return found

    async def remember(self, store: Store, revision: int) -> None:
        """It changed nothing in `revision`: a repeat must be told the same, whatever is current by then."""
        if self.id:
            await store.remember(self.id, self.digest, revision)
