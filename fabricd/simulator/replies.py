"""Replies to the last few reads of one version of a configuration, so that a repeated read is one look-up.

Held by the reading half of both protocols. Knows neither: a request and its reply are anything.
"""

from __future__ import annotations

from collections.abc import Hashable, Sized
from typing import Generic, TypeVar

Request = TypeVar("Request", bound=Hashable)
Reply = TypeVar("Reply", bound=Sized)
_MOST = 64
_LONGEST_REQUEST = 4096
_ROOM = 32 << 20  # in bytes of replies; what clients send must not fill the memory


class Replies(Generic[Request, Reply]):
    """Mutable, owned by one reader."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._held: dict[Request, Reply] = {}
        self._size = 0

    def find(self, version: int, request: Request) -> Reply | None:
        """What was answered to this request in this version. Another version than before forgets everything."""
        if self._version != version:
            self._version = version
            self._held.clear()
            self._size = 0
        return self._held.get(request)

    def keep(self, version: int, request: Request, length: int, reply: Reply) -> None:
        """Keep a reply to a request of `length` bytes, at the cost of the oldest ones, unless another version was asked
        for meanwhile or either is too long."""
        if version != self._version or length > _LONGEST_REQUEST or len(reply) > _ROOM or request in self._held:
            return
        self._held[request] = reply
        self._size += len(reply)
        while len(self._held) > _MOST or self._size > _ROOM:
            self._size -= len(self._held.pop(next(iter(self._held))))
