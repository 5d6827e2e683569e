"""Faults as data: what goes wrong with the next requests of a switch, in order, each a number of times, then nothing.

Set by tests and demonstrations through Switch.faults; asked by both protocol servers. Knows neither protocol.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from fabricd.errors import FabricdError


class Rpc(StrEnum):
    """What a request is for, whatever the protocol calls it."""

    GET = "get"  # gNMI Get; NETCONF get, get-config
    SET = "set"  # gNMI Set; NETCONF edit-config
    VALIDATE = "validate"
    COMMIT = "commit"  # NETCONF commit
    SUBSCRIBE = "subscribe"


class Kind(StrEnum):
    STALL = "stall"  # held until Faults.release()
    DELAY = "delay"
    REFUSE = "refuse"
    DROP = "drop"  # the connection is cut without an answer


@dataclass(frozen=True, slots=True)
class Fault:
    """`after`: strikes when the request has taken effect and only the answer is missing. `seconds` is for DELAY,
    `message` for REFUSE."""

    rpc: Rpc
    kind: Kind
    times: int = 1
    after: bool = False
    seconds: float = 0.0
    message: str = "refused on purpose"


class RefusedError(FabricdError):
    """A REFUSE fault struck."""

    code = "REFUSED"


class DroppedError(FabricdError):
    """A DROP fault struck: cut the connection, say nothing."""

    code = "DROPPED"


class Faults:
    """The faults of one switch. Those for the same request strike in the order they were added."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._released = asyncio.Event()
        self.stalled = 0
        """Requests held right now."""
        self.struck = 0
        """How often a fault struck so far."""

    def add(self, fault: Fault) -> None:
        """Have a fault strike the next `times` requests of its kind."""
        self._waiting += [fault] * fault.times

    def stall_get(self, times: int = 1) -> None:
        """Hold the answers to the next reads."""
        self.add(Fault(Rpc.GET, Kind.STALL, times))

    def stall_set(self, times: int = 1, *, after: bool = False) -> None:
        """Hold the next Set or edit-config, before or after it has taken effect."""
        self.add(Fault(Rpc.SET, Kind.STALL, times, after))

    def stall_commit(self, times: int = 1, *, after: bool = False) -> None:
        """Hold the next NETCONF commit, before or after it has taken effect."""
        self.add(Fault(Rpc.COMMIT, Kind.STALL, times, after))

    def refuse_next_set(self, message: str = "refused on purpose") -> None:
        """Answer the next Set or edit-config with an error."""
        self.add(Fault(Rpc.SET, Kind.REFUSE, message=message))

    def delay(self, rpc: Rpc, seconds: float, times: int = 1) -> None:
        """Answer later."""
        self.add(Fault(rpc, Kind.DELAY, times, seconds=seconds))

    def release(self) -> None:
        """Let go of everything that is held, and forget faults that have not struck yet."""
        self._waiting.clear()
        self._released.set()
        self._released = asyncio.Event()

    async def strike(self, rpc: Rpc, *, after: bool = False) -> None:
        """To be awaited before (or after) a request is carried out. Raises RefusedError or DroppedError."""
        fault = next((one for one in self._waiting if one.rpc is rpc and one.after is after), None)
        if fault is None:
            return
        self._waiting.remove(fault)
        self.struck += 1
        match fault.kind:
            case Kind.STALL:
                self.stalled += 1
                try:
                    await self._released.wait()
                finally:
                    self.stalled -= 1
            case Kind.DELAY:
                await asyncio.sleep(fault.seconds)
            case Kind.REFUSE:
                raise RefusedError(fault.message)
            case Kind.DROP:
                raise DroppedError("connection cut on purpose")
