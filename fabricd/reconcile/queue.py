"""The deduplicating queue: which devices want to be looked at, why, and from when on.

Filled by everything that triggers, emptied by reconcile/workers. Pure bookkeeping; must not know tasks or clocks.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from fabricd.model.outcome import Trigger

PRIORITY = {
    Trigger.OPERATOR: 0,
    Trigger.START: 1,
    Trigger.REVISION: 2,
    Trigger.CHANGE: 3,
    Trigger.RETRY: 4,
    Trigger.SCHEDULE: 5,
}
"""Who goes first among those that are due; lower is sooner."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A device on the queue with all reasons it was put there. `due` is in the caller's seconds. `away`: it could not
    be reached last time."""

    device: str
    due: float
    triggers: frozenset[Trigger]
    away: bool = False

    @property
    def trigger(self) -> Trigger:
        """The most pressing reason."""
        return min(self.triggers, key=PRIORITY.__getitem__)

    @property
    def rank(self) -> int:
        """Its place among those that are due; lower is sooner. Who was away goes last, unless a person asked."""
        behind = self.away and self.trigger is not Trigger.OPERATOR
        return PRIORITY[self.trigger] + (len(PRIORITY) if behind else 0)


@dataclass(slots=True)
class Queue:
    """At most one entry a device, and at most one worker: a device that is added while it is worked on is handed
    out once more after `done`. Among entries that are due the most pressing trigger goes first, then the earlier
    due time, then whoever came first; devices that were away come after all others, because each of them keeps a
    worker for as long as connecting may take.
    """

    _waiting: dict[str, Entry] = field(default_factory=dict)
    _working: set[str] = field(default_factory=set)
    _again: dict[str, Entry] = field(default_factory=dict)
    _by_due: list[tuple[float, int, str]] = field(default_factory=list)
    _ready: list[tuple[int, float, int, str]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def __len__(self) -> int:
        """Devices that wait, also those that are not due yet."""
        return len(self._waiting) + len(self._again)

    def ready(self, now: float) -> int:
        """Devices that wait although they are due: the backlog."""
        return sum(entry.due <= now for entry in self._waiting.values())

    @property
    def working(self) -> frozenset[str]:
        return frozenset(self._working)

    def add(self, device: str, trigger: Trigger, due: float, *, away: bool = False) -> None:
        """Put a device on the queue, or add a reason to the entry it has. The earlier due time counts, except that
        the schedule does not hurry a retry: a device that keeps failing is not asked more often for being swept."""
        shelf = self._again if device in self._working else self._waiting
        known = shelf.get(device)
        if known is None:
            entry = Entry(device, due, frozenset({trigger}), away)
        elif trigger is Trigger.SCHEDULE and known.triggers == {Trigger.RETRY}:
            return
        else:
            entry = Entry(device, min(known.due, due), known.triggers | {trigger}, away)
        shelf[device] = entry
        if shelf is self._waiting and entry != known:
            self._push(entry)

    def take(self, now: float) -> Entry | None:
        """The next entry that is due; its device counts as worked on until `done`. None if there is none."""
        while self._by_due and self._by_due[0][0] <= now:
            _, _, device = heapq.heappop(self._by_due)
            entry = self._waiting.get(device)
            if entry is not None and entry.due <= now:
                heapq.heappush(self._ready, (entry.rank, entry.due, next(self._order), device))
        while self._ready:
            rank, due, _, device = heapq.heappop(self._ready)
            entry = self._waiting.get(device)
            if entry is not None and self._current(due, device, rank):
                del self._waiting[device]
                self._working.add(device)
                return entry
        return None

    def reserve(self, device: str) -> bool:
        """Count the device as worked on until `done`, without an entry; False when it is worked on already."""
        if device in self._working:
            return False
        self._working.add(device)
        if (entry := self._waiting.pop(device, None)) is not None:
            self._again[device] = entry
        return True

    def done(self, device: str) -> None:
        """The device is not worked on any more; what came meanwhile waits now."""
        self._working.discard(device)
        entry = self._again.pop(device, None)
        if entry is not None:
            self._waiting[device] = entry
            self._push(entry)

    def next_due(self) -> float | None:
        """When `take` may give something; None: not before something is added."""
        while self._by_due and not self._current(*self._by_due[0][::2]):
            heapq.heappop(self._by_due)
        while self._ready and not self._current(*self._ready[0][1::2], self._ready[0][0]):
            heapq.heappop(self._ready)
        first = [self._by_due[0][0]] if self._by_due else []
        return min((*first, self._ready[0][1]) if self._ready else first, default=None)

    def keep(self, devices: Iterable[str]) -> None:
        """Forget all others: they left the inventory."""
        wanted = set(devices)
        for shelf in (self._waiting, self._again):
            for device in set(shelf) - wanted:
                del shelf[device]

    def _push(self, entry: Entry) -> None:
        # An entry that is ready already and became more pressing is pushed again; its older places are stale.
        heapq.heappush(self._by_due, (entry.due, next(self._order), entry.device))

    def _current(self, due: float, device: str, rank: int | None = None) -> bool:
        """Whether a place on a heap still stands for what waits."""
        entry = self._waiting.get(device)
        return entry is not None and entry.due == due and rank in (None, entry.rank)
