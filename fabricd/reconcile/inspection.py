"""Reading a device and comparing it with what it shall run, once or until it shows what it has accepted.

Used by reconcile/reconciler and reconcile/attempt. Must not know policies, nor what is done about a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_exponential

from fabricd.model.edit import Dialect
from fabricd.model.fetched import Fetched
from fabricd.model.intent import Desired
from fabricd.model.path import Path
from fabricd.plan import Planned, make_plan
from fabricd.reconcile.clock import Clock
from fabricd.reconcile.fleet import Fleet
from fabricd.reconcile.ledger import Run
from fabricd.reconcile.secret_memory import memory_of
from fabricd.schema import SchemaPool
from fabricd.southbound.target import Target
from fabricd.store import Store

# Between two looks at a device that needs time to show what it has accepted: seconds, doubling.
_FIRST_LOOK, _LONGEST_LOOK = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a device runs, and what of it differs from its desired tree."""

    fetched: Fetched
    planned: Planned

    @property
    def equal(self) -> bool:
        return not self.planned.plan.edits


class Inspection:
    """Fetches and compares. Keeps nothing between two calls."""

    def __init__(self, fleet: Fleet, store: Store, schemas: SchemaPool, clock: Clock) -> None:
        self._fleet = fleet
        self._store = store
        self._schemas = schemas
        self._clock = clock

    async def plan(
        self,
        run: Run,
        desired: Desired,
        fetched: Fetched,
        dialect: Dialect | None,
        *,
        avoid: Sequence[Path],
        phase: str = "plan",
    ) -> Planned:
        """The plan for what was fetched, with the next piece to send (Run.before); `avoid` are paths to leave alone.
        Without a dialect nothing is rendered."""
        profile = run.device.profile
        work = partial(
            make_plan,
            desired=desired,
            fetched=fetched,
            dialect=dialect,
            avoid=avoid,
            write=replace(profile.write, before=run.before),
            likeness=profile.likeness,
            memory=await memory_of(self._store, run.device, run.secrets),
        )
        with run.phase(phase):
            return await self._schemas.run(self._fleet.model_set(run.device), work)

    async def look(
        self,
        run: Run,
        target: Target,
        desired: Desired,
        dialect: Dialect | None,
        phase: str,
        *,
        enough: Callable[[Seen], bool],
    ) -> Seen:
        """Read and compare, measured as `phase`. A device that takes its time (WriteTraits.settle) is looked at until
        what is seen is `enough`, or that time is over."""
        until = self._clock.monotonic() + run.device.profile.write.settle
        last: Seen | None = None

        async def once() -> Seen:
            nonlocal last
            with run.phase(phase):
                fetched = await target.fetch(desired.scope.roots)
            if last is None or fetched.digest != last.fetched.digest:  # the same bytes differ in the same way
                planned = await self.plan(run, desired, fetched, dialect, avoid=run.avoid, phase=phase)
                last = Seen(fetched, planned)
            return last

        def over(_: RetryCallState) -> bool:
            return self._clock.monotonic() >= until

        growing = wait_exponential(multiplier=_FIRST_LOOK, max=_LONGEST_LOOK)

        def pause(state: RetryCallState) -> float:
            return max(0.0, min(growing(state), until - self._clock.monotonic()))

        looking = AsyncRetrying(
            retry=retry_if_result(lambda seen: not enough(seen)),
            stop=over,
            wait=pause,
            sleep=self._clock.sleep,
            retry_error_callback=_last_seen,
        )
        seen: Seen = await looking(once)
        return seen


def _last_seen(state: RetryCallState) -> Seen:
    assert state.outcome is not None  # only called after an attempt that returned something
    seen: Seen = state.outcome.result()
    return seen
