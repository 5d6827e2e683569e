"""Faults as data: what goes wrong with the next requests of a switch, in order, each a number of times, then nothing.

Set by simulation files, by the control socket and by tests through Switch.faults; asked by both protocol servers and by
the datastore. Knows neither protocol.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
    WARNS = "warns"  # NETCONF: a warning stands beside the answer
    CONTRADICTS = "contradicts"  # NETCONF: an error stands beside the answer
    GARBAGE = "garbage"  # bytes that the protocol does not know
    PARTIAL = "partial"  # a write takes effect in part and is then refused
    REBOOT = "reboot"  # the switch starts anew; what is not in startup is lost
    CLOCK = "clock"  # the switch's clock jumps by `seconds`
    CERTIFICATE = "certificate"  # new certificate and host key from the next connection on
    FLOOD = "flood"  # the notification is sent `count` times at once


SPOILED = frozenset({Kind.STALL_INSIDE, Kind.CUT_INSIDE, Kind.WRONG, Kind.WARNS, Kind.CONTRADICTS, Kind.GARBAGE})
"""What happens to the answer: the request is carried out, the protocol sends its answer in this way."""
SWITCH = frozenset({Kind.REBOOT, Kind.CLOCK, Kind.CERTIFICATE})
"""What happens to the switch as a whole."""


class Fault(BaseModel):
    """One fault. `after`: strikes when the request has taken effect and only the answer is missing."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    rpc: Rpc
    """Which requests it strikes."""
    kind: Kind
    """What happens."""
    times: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """How many of them; then everything is normal."""
    after: bool = False
    """When the request has taken effect. Always so for what spoils an answer."""
    seconds: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    """DELAY: how long; REBOOT: how long the switch is away; CLOCK: how far, negative for back."""
    message: str = ""
    """REFUSE, PARTIAL, WARNS, CONTRADICTS: what is said instead of the usual. In the first two, `{request}` stands for
    the request as it came, `{password}` for the one that the switch is logged in to with."""
    count: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """FLOOD: how many."""
    authority: Literal["same", "other"] = "same"
    """CERTIFICATE: who signs the new certificate, the simulation's authority or one that nobody knows."""

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if not _fits(self.rpc, self.kind):
            fitting = "notify" if self.kind is Kind.FLOOD else "set or commit"
            raise ValueError(f"the rpc of {self.kind} has to be {fitting}")
        if self.kind in (Kind.PARTIAL, Kind.FLOOD) and self.after:
            raise ValueError(f"{self.kind} cannot strike afterwards")
        if self.kind in (Kind.DELAY, Kind.REBOOT) and self.seconds < 0:
            raise ValueError("seconds cannot be negative here")
        return self

    @property
    def said(self) -> str:
        """`message`, or what is usual."""
        return self.message or "refused on purpose"

    @property
    def late(self) -> bool:
        """Strikes when the request has been carried out."""
        return self.after or self.kind in SPOILED


PASSING = tuple(kind for kind in Kind if kind not in (Kind.STALL, Kind.STALL_INSIDE))
"""Kinds after which a switch goes on by itself."""


def random_faults(
    seed: int, count: int, rpcs: Sequence[Rpc] = tuple(Rpc), kinds: Sequence[Kind] = PASSING
) -> tuple[Fault, ...]:
    """So many faults of these kinds for these requests, each striking once; the same seed, the same faults.

    Delays are below 0.2 s, reboots below 0.5 s, and clocks jump by up to an hour. Raises ValueError when no kind fits
    any of the requests.
    """
    random = Random(seed)  # noqa: S311 - a sequence that can be had again, no secret
    fitting = [(rpc, kind) for rpc in rpcs for kind in kinds if _fits(rpc, kind)]
    if not fitting:
        raise ValueError("none of the kinds can strike any of the requests")
    found = []
    for _ in range(count):
        rpc, kind = random.choice(fitting)
        after = random.random() < 0.5 and kind not in (Kind.PARTIAL, Kind.FLOOD)
        seconds = round({Kind.DELAY: 0.2, Kind.REBOOT: 0.5, Kind.CLOCK: 7200.0}.get(kind, 0.0) * random.random(), 3)
        found.append(
            Fault(
                rpc=rpc,
                kind=kind,
                after=after,
                seconds=seconds - 3600.0 if kind is Kind.CLOCK else seconds,
                count=random.randint(2, 200) if kind is Kind.FLOOD else 1000,
                authority=random.choice(("same", "other")) if kind is Kind.CERTIFICATE else "same",
            )
        )
    return tuple(found)


def _fits(rpc: Rpc, kind: Kind) -> bool:
    return (kind is not Kind.FLOOD or rpc is Rpc.NOTIFY) and (kind is not Kind.PARTIAL or rpc in (Rpc.SET, Rpc.COMMIT))


class RefusedError(FabricdError):
    """A REFUSE or PARTIAL fault struck."""

    code = "REFUSED"

    def quoting(self, request: str, password: str) -> RefusedError:
        """The same with what its message quotes put in."""
        return RefusedError(self.message.replace("{request}", request).replace("{password}", password))


class DroppedError(FabricdError):
    """A DROP or REBOOT fault struck: cut the connection, say nothing."""

    code = "DROPPED"


class Faults:
    """The faults of one switch. Those for the same request strike in the order they were added."""

    def __init__(self, suffer: Callable[[Fault], None] | None = None) -> None:
        """`suffer` does to the switch what REBOOT, CLOCK and CERTIFICATE mean; it must not wait."""
        self._suffer = suffer
        self._waiting: list[tuple[Fault, int]] = []  # and how many times more
        self._released = asyncio.Event()
        self._counts: Counter[tuple[Rpc, Kind]] = Counter()
        self.stalled = 0
        """Requests held right now."""

    @property
    def struck(self) -> int:
        """How often a fault struck so far."""
        return self._counts.total()

    @property
    def counts(self) -> Mapping[tuple[Rpc, Kind], int]:
        """How often which kind struck which requests."""
        return dict(self._counts)

    @property
    def waiting(self) -> tuple[Fault, ...]:
        """What has not struck yet, `times` being what is left."""
        return tuple(fault.model_copy(update={"times": left}) for fault, left in self._waiting)

    def add(self, *faults: Fault) -> None:
        """Have each fault strike the next `times` requests of its kind, after those that wait already."""
        self._waiting += [(fault, fault.times) for fault in faults]

    def stall_get(self, times: int = 1) -> None:
        """Hold the answers to the next reads."""
        self.add(Fault(rpc=Rpc.GET, kind=Kind.STALL, times=times))

    def stall_set(self, times: int = 1, *, after: bool = False) -> None:
        """Hold the next Set or edit-config, before or after it has taken effect."""
        self.add(Fault(rpc=Rpc.SET, kind=Kind.STALL, times=times, after=after))

    def stall_commit(self, times: int = 1, *, after: bool = False) -> None:
        """Hold the next NETCONF commit, before or after it has taken effect."""
        self.add(Fault(rpc=Rpc.COMMIT, kind=Kind.STALL, times=times, after=after))

    def refuse_next_set(self, message: str = "") -> None:
        """Answer the next Set or edit-config with an error."""
        self.add(Fault(rpc=Rpc.SET, kind=Kind.REFUSE, message=message))

    def delay(self, rpc: Rpc, seconds: float, times: int = 1) -> None:
        """Answer later."""
        self.add(Fault(rpc=rpc, kind=Kind.DELAY, times=times, seconds=seconds))

    def release(self) -> None:
        """Let go of everything that is held, and forget faults that have not struck yet."""
        self._waiting.clear()
        self.let_go()

    def let_go(self) -> None:
        """Let go of everything that is held; what waits goes on waiting."""
        self._released.set()
        self._released = asyncio.Event()

    async def strike(self, rpc: Rpc, *, after: bool = False) -> Fault | None:
        """To be awaited before a request is carried out, and again (`after`) when its answer is ready to be sent; for a
        notification once, before it is sent.

        Returns the fault that the protocol has to carry out: one of SPOILED for the answer, FLOOD for a notification.
        STALL_INSIDE sends half of the answer, awaits `hold`, then sends the rest. Everything else happens here. Raises
        RefusedError or DroppedError.
        """
        fault = self._take(rpc, after=after)
        match fault:
            case None:
                return None
            case Fault(kind=Kind.STALL):
                await self.hold()
            case Fault(kind=Kind.DELAY):
                await asyncio.sleep(fault.seconds)
            case Fault(kind=Kind.REFUSE):
                raise RefusedError(fault.said)
            case Fault(kind=Kind.DROP):
                raise DroppedError("connection cut on purpose")
            case Fault(kind=Kind.REBOOT | Kind.CLOCK | Kind.CERTIFICATE):
                if self._suffer is not None:
                    self._suffer(fault)
                if fault.kind is Kind.REBOOT:
                    raise DroppedError("the switch starts anew")
            case _:
                return fault
        return None

    async def hold(self) -> None:
        """Wait until release()."""
        self.stalled += 1
        try:
            await self._released.wait()
        finally:
            self.stalled -= 1

    def partial(self, *rpcs: Rpc) -> Fault | None:
        """For the datastore, when it carries out one of these: the PARTIAL fault that strikes it, used up."""
        for rpc in rpcs:
            first = next((fault for fault, _ in self._waiting if fault.rpc is rpc and not fault.late), None)
            if first is not None and first.kind is Kind.PARTIAL:
                return self._use(first)
        return None

    def _take(self, rpc: Rpc, *, after: bool) -> Fault | None:
        fault = next((fault for fault, _ in self._waiting if fault.rpc is rpc and fault.late is after), None)
        # PARTIAL waits for the datastore, and what stands behind it waits for the next request.
        return None if fault is None or fault.kind is Kind.PARTIAL else self._use(fault)

    def _use(self, fault: Fault) -> Fault:
        at = next(at for at, (one, _) in enumerate(self._waiting) if one is fault)
        left = self._waiting[at][1] - 1
        if left:
            self._waiting[at] = (fault, left)
        else:
            del self._waiting[at]
        self._counts[fault.rpc, fault.kind] += 1
        return fault
