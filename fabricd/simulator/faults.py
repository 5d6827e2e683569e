"""Faults as data: what goes wrong with the next requests of a switch, in order, each a number of times, then nothing.

Set by tests and demonstrations through Switch.faults; asked by both protocol servers. Knows neither protocol.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from fabricd.errors import FabricdError


class Rpc(StrEnum):
    """What a request is for, whatever the protocol calls it."""

    HELLO = "hello"  # NETCONF hello; gNMI Capabilities
    GET = "get"  # gNMI Get; NETCONF get, get-config, get-data
    SET = "set"  # gNMI Set; NETCONF edit-config, edit-data
    VALIDATE = "validate"
    COMMIT = "commit"  # NETCONF commit, confirmed or not; gNMI: a Set with the Commit extension's commit
    CONFIRM = "confirm"  # NETCONF confirming commit; gNMI: Commit confirm
    CANCEL = "cancel"  # NETCONF cancel-commit; gNMI: Commit cancel
    LOCK = "lock"
    UNLOCK = "unlock"
    DISCARD = "discard"
    SUBSCRIBE = "subscribe"
    NOTIFY = "notify"  # a notification about to be sent
    CLOSE = "close"


class Kind(StrEnum):
    STALL = "stall"  # held until Faults.release()
    DELAY = "delay"
    REFUSE = "refuse"
    DROP = "drop"  # the connection is cut without an answer
    STALL_INSIDE = "stall-inside"  # the answer stops in its middle, until Faults.release()
    CUT_INSIDE = "cut-inside"  # the connection is cut in the middle of the answer
    WRONG = "wrong"  # an answer that is well-formed and not the one to this request
    GARBAGE = "garbage"  # bytes that the protocol does not know
    PARTIAL = "partial"  # a write takes effect in part and is then refused
    REBOOT = "reboot"  # the switch starts anew; what is not in startup is lost
    CLOCK = "clock"  # the switch's clock jumps by `seconds`
    CERTIFICATE = "certificate"  # new certificate and host key from the next connection on
    FLOOD = "flood"  # `count` notifications at once


class Fault(BaseModel):
    """One fault. `after`: strikes when the request has taken effect and only the answer is missing."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    rpc: Rpc
    """Which requests it strikes."""
    kind: Kind
    """What happens."""
    times: Annotated[int, Field(ge=1)] = 1
    """How many of them; then everything is normal."""
    after: bool = False
    """When the request has taken effect."""
    seconds: float = 0.0
    """DELAY: how long; REBOOT: how long the switch is away; CLOCK: how far, negative for back."""
    message: str = "refused on purpose"
    """REFUSE: what is said."""
    count: Annotated[int, Field(ge=1)] = 1000
    """FLOOD: how many."""


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
        self.add(Fault(rpc=Rpc.GET, kind=Kind.STALL, times=times))

    def stall_set(self, times: int = 1, *, after: bool = False) -> None:
        """Hold the next Set or edit-config, before or after it has taken effect."""
        self.add(Fault(rpc=Rpc.SET, kind=Kind.STALL, times=times, after=after))

    def stall_commit(self, times: int = 1, *, after: bool = False) -> None:
        """Hold the next NETCONF commit, before or after it has taken effect."""
        self.add(Fault(rpc=Rpc.COMMIT, kind=Kind.STALL, times=times, after=after))

    def refuse_next_set(self, message: str = "refused on purpose") -> None:
        """Answer the next Set or edit-config with an error."""
        self.add(Fault(rpc=Rpc.SET, kind=Kind.REFUSE, message=message))

    def delay(self, rpc: Rpc, seconds: float, times: int = 1) -> None:
        """Answer later."""
        self.add(Fault(rpc=rpc, kind=Kind.DELAY, times=times, seconds=seconds))

    def release(self) -> None:
        """Let go of everything that is held, and forget faults that have not struck yet."""
        self._waiting.clear()
        self._released.set()
        self._released = asyncio.Event()

    async def strike(self, rpc: Rpc, *, after: bool = False) -> Fault | None:
        """To be awaited before (or after) a request is carried out. Raises RefusedError or DroppedError; a fault of
        another kind than those, STALL and DELAY is returned: only the server can carry it out."""
        fault = next((one for one in self._waiting if one.rpc is rpc and one.after is after), None)
        if fault is None:
            return None
        self._waiting.remove(fault)
        self.struck += 1
        match fault.kind:
            case Kind.STALL:
                await self.hold()
            case Kind.DELAY:
                await asyncio.sleep(fault.seconds)
            case Kind.REFUSE:
                raise RefusedError(fault.message)
            case Kind.DROP:
                raise DroppedError("connection cut on purpose")
            case _:
                return fault
        return None

    async def hold(self) -> None:
        """Wait until `release`; counted in `stalled` meanwhile."""
        self.stalled += 1
        try:
            await self._released.wait()
        finally:
            self.stalled -= 1
