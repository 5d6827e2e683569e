"""The confirmed commit of one switch: at most one is pending, whichever protocol began it (RFC 6241 section 8.4).

Owned by the datastore, which carries out what is decided here. Knows neither protocol nor how a configuration is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from fabricd.errors import FabricdError

NANOSECONDS = 1_000_000_000
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Confirm:
    """How a change is to be confirmed. With an `id` it outlives its session; without one only `session` may confirm it
    and the end of that session reverts it."""

    seconds: float
    id: str = ""
    session: int = 0


@dataclass(frozen=True, slots=True)
class Pending:
    """A commit that waits. `session` is its owner, 0 when it has an `id`; `deadline` is in nanoseconds by the switch's
    clock; `before` is the configuration that runs again when nobody confirms."""

    id: str
    session: int
    deadline: int
    before: bytes


class CommitFault(StrEnum):
    PENDING = "pending"  # a commit is pending, and the request does not belong to it
    NONE = "none"  # nothing is pending
    WRONG_ID = "wrong-id"  # something is pending under another id


class CommitError(FabricdError):
    """A request that does not fit the pending commit; `fault` says how, `holder` is the owning session or 0."""

    code = "CONFLICT"

    def __init__(self, fault: CommitFault, holder: int = 0) -> None:
        text = {
            CommitFault.PENDING: "a confirmed commit is pending",
            CommitFault.NONE: "no confirmed commit is pending",
            CommitFault.WRONG_ID: "the pending confirmed commit has another id",
        }
        super().__init__(text[fault])
        self.fault = fault
        self.holder = holder


class Confirmation:
    """The pending commit and its timer. Every method is to be called in the event loop."""

    def __init__(self, clock: Callable[[], int], sleep: Sleep, expired: Callable[[Pending], Awaitable[None]]) -> None:
        """`clock` gives nanoseconds since 1970, `sleep` waits for seconds by the same clock; `expired` is awaited when
        the time is over, and has to check that this commit is still the pending one."""
        self._clock = clock
        self._sleep = sleep
        self._expired = expired
        self._timer: asyncio.Task[None] | None = None
        self._by = 0  # the session that has it going on; 0 when that ended, or when there was none
        self.pending: Pending | None = None

    def check_idle(self) -> None:
        """Raises CommitError when a commit is pending."""
        if self.pending is not None:
            raise CommitError(CommitFault.PENDING, self.pending.session)

    def check_lockable(self, session: int) -> None:
        """Raises CommitError when another session has a confirmed commit going on, with an id or without (RFC 6241
        section 7.5)."""
        if self.pending is not None and (holder := self.pending.session or self._by) not in (0, session):
            raise CommitError(CommitFault.PENDING, holder)

    def check_owner(self, identifier: str | None, session: int) -> Pending:
        """The pending commit, if a request with this id (None: without one) from this session may confirm, cancel or
        prolong it. Raises CommitError."""
        if self.pending is None:
            raise CommitError(CommitFault.NONE)
        if identifier is not None:
            if identifier != self.pending.id:
                raise CommitError(CommitFault.WRONG_ID)
        elif self.pending.id or session != self.pending.session:
            raise CommitError(CommitFault.PENDING, self.pending.session)
        return self.pending

    def begin(self, confirm: Confirm, before: bytes) -> None:
        """Wait for confirmation. A follow-up keeps the first rollback point and starts the time anew."""
        if self.pending is not None:
            before = self.pending.before
        owner = 0 if confirm.id else confirm.session
        self._wait(Pending(confirm.id, owner, self._deadline(confirm.seconds), before))
        self._by = confirm.session

    def prolong(self, seconds: float) -> None:
        """Start the time anew with another duration. Raises CommitError when nothing is pending."""
        if self.pending is None:
            raise CommitError(CommitFault.NONE)
        self._wait(replace(self.pending, deadline=self._deadline(seconds)))

    def leave(self, session: int) -> None:
        """A session ended: what it has going on goes on without it."""
        if self._by == session:
            self._by = 0

    def end(self) -> None:
        """Nothing is pending any more; the timer stops."""
        self.pending = None
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _deadline(self, seconds: float) -> int:
        return self._clock() + round(seconds * NANOSECONDS)

    def _wait(self, pending: Pending) -> None:
        self.end()
        self.pending = pending
        self._timer = asyncio.get_running_loop().create_task(self._watch(pending))

    async def _watch(self, pending: Pending) -> None:
        if (left := pending.deadline - self._clock()) > 0:
            await self._sleep(left / NANOSECONDS)
        await self._expired(pending)
