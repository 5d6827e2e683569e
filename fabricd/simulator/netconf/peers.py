"""What an operation sees of the session it is carried out for, of the other sessions, and of what is counted.

Implemented by the NETCONF session and server. Carries out nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from fabricd.simulator.netconf.filter import Filter


@dataclass(slots=True)
class Counters:
    """Messages of one session, or of all (RFC 6022 section 2.1.4). `in_rpcs` are those without a mistake of the rpc
    layer, `out_rpc_errors` the replies that tell of errors."""

    in_rpcs: int = 0
    in_bad_rpcs: int = 0
    out_rpc_errors: int = 0
    out_notifications: int = 0


@dataclass(slots=True)
class ServerCounters(Counters):
    """Those of the whole server (RFC 6022 section 2.1.5). `started` is in nanoseconds since 1970; `in_sessions` were
    greeted, `dropped_sessions` ended by neither side's will."""

    started: int = 0
    in_bad_hellos: int = 0
    in_sessions: int = 0
    dropped_sessions: int = 0


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a session asked to be told. Times are in nanoseconds since 1970; `start` 0: nothing from before, `stop` 0:
    for ever."""

    wanted: Filter = None
    start: int = 0
    stop: int = 0


class Session(Protocol):
    """The session that sent the request."""

    @property
    def id(self) -> int: ...

    @property
    def username(self) -> str: ...

    @property
    def source(self) -> str:
        """Address of the client."""
        ...

    @property
    def started(self) -> int:
        """Nanoseconds since 1970."""
        ...

    @property
    def counters(self) -> Counters: ...

    @property
    def subscription(self) -> Subscription | None: ...

    def subscribe(self, subscription: Subscription) -> None:
        """Tell from now on, beginning after the reply to the current operation."""
        ...

    def end(self) -> None:
        """Close after the reply to the current operation."""
        ...


class Sessions(Protocol):
    """All sessions of the switch."""

    counters: ServerCounters

    def kill(self, session: int, by: int) -> bool:
        """Cut a session on behalf of another; False when there is none of that id."""
        ...

    def open(self) -> Iterable[Session]:
        """Those that are open."""
        ...
