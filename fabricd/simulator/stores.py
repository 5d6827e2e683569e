"""What is said of the datastores of one switch: their names, versions, locks, and what happened to them.

Values that the datastore hands out, to both protocols and to whoever listens. Does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fabricd.errors import FabricdError


class Store(StrEnum):
    RUNNING = "running"
    CANDIDATE = "candidate"
    STARTUP = "startup"


class LockedError(FabricdError):
    """Another NETCONF session holds the lock; `holder` is its session id. `dirty`: refused since the candidate has
    changes that nobody committed (RFC 6241 section 8.3.5.2), holder 0."""

    code = "CONFLICT"

    def __init__(self, store: Store, holder: int) -> None:
        by = f"session {holder} holds the lock" if holder else "it has uncommitted changes"
        super().__init__(f"{store} is not free: {by}")
        self.store = store
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Version:
    """What runs. `number` counts changes from the start of the process, `time` is in nanoseconds since 1970."""

    number: int
    config: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Changed:
    """Running or startup differs from before. `session` is the NETCONF session that did it, 0 for another user, None
    for the switch itself."""

    store: Store
    before: bytes
    after: bytes
    session: int | None


class Step(StrEnum):
    """What happened to a confirmed commit (RFC 6470 section 2.2.5)."""

    START = "start"
    CANCEL = "cancel"
    TIMEOUT = "timeout"
    EXTEND = "extend"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A confirmed commit took a step. `session` as in Changed; `seconds` until it is reverted, for START and EXTEND."""

    step: Step
    session: int | None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Lock:
    """Who holds a datastore, since when (nanoseconds since 1970)."""

    session: int
    since: int


Event = Changed | Confirmed
