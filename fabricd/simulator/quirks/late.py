"""Changes that show only some time after they were accepted (quirk 23).

Made by the switch when it has that quirk, asked by its Live. The only owner of what is not shown yet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from fabricd.simulator.confirmed import NANOSECONDS, Sleep
from fabricd.simulator.datastore import Changed, Datastore, Event, Store, Version


class Late:
    """The versions of one datastore, each shown `seconds` after it came to run."""

    def __init__(
        self,
        datastore: Datastore,
        seconds: float,
        clock: Callable[[], int],
        sleep: Sleep,
        told: Callable[[], None],
        meet: Callable[[str], None],
    ) -> None:
        """`clock` gives nanoseconds since 1970, not by the switch's own clock, which faults set back; `sleep` waits for
        seconds by it. `told` is called when something shows that did not before, `meet` when something is held back."""
        self._datastore = datastore
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._told = told
        self._meet = meet
        self._shown = datastore.running
        self._waiting: deque[tuple[int, Version]] = deque()
        self.listeners: list[Callable[[Event], None]] = []
        """Called with every event of the datastore, with a change of running when it shows."""
        self._tasks: set[asyncio.Task[None]] = set()
        datastore.listeners.append(self._note)

    def shown(self) -> Version:
        """What shows now."""
        now = self._clock()
        while self._waiting and self._waiting[0][0] <= now:
            self._shown = self._waiting.popleft()[1]
        return self._shown

    def reset(self) -> None:
        """The switch started: what runs shows."""
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        self._shown = self._datastore.running

    def _note(self, event: Event) -> None:
        if not isinstance(event, Changed) or event.store is not Store.RUNNING:
            self._tell(event)
        else:
            due = self._clock() + round(self._seconds * NANOSECONDS)
            self._waiting.append((due, self._datastore.running))
            self._meet("applies_after")
            task = asyncio.get_running_loop().create_task(self._wake(due, event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _wake(self, due: int, event: Changed) -> None:
        # The machine's clock may have been set back meanwhile.
        while (left := due - self._clock()) > 0:
            await self._sleep(left / NANOSECONDS)
        self._told()
        self._tell(event)

    def _tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)
