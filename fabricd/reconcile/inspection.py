"""Reading a device and comparing it with what it shall run, once or until it shows what it has accepted.

Used by reconcile/reconciler and reconcile/attempt. Must not know policies, nor what is done about a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fabricd.model.edit import Dialect
from fabricd.model.fetched import Fetched
from fabricd.model.intent import Desired
from fabricd.model.path import Path
from fabricd.plan import Planned, make_plan
from fabricd.reconcile.clock import Clock
from fabricd.reconcile.device_secrets import DeviceSecrets
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

    def __init__(self, fleet: Fleet, store: Store, schemas: SchemaPool, clock: Clock, secrets: DeviceSecrets) -> None:
        self._secrets = secrets
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
            planned = await self._schemas.run(self._fleet.model_set(run.device), work)
        self._secrets.learn_found(run.device, planned.quotable)
        return planned

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
        wait = _FIRST_LOOK
        # Not tenacity's loop: it keeps the error that ends it in a circle of references, and with it the session.
        while True:
            with run.phase(phase):
                fetched = await target.fetch(desired.scope.roots)
            if last is None or fetched.digest != last.fetched.digest:  # the same bytes differ in the same way
                planned = await self.plan(run, desired, fetched, dialect, avoid=run.avoid, phase=phase)
                last = Seen(fetched, planned)
            left = until - self._clock.monotonic()
            if enough(last) or left <= 0:
                return last
            await self._clock.sleep(min(wait, left))
            wait = min(2 * wait, _LONGEST_LOOK)
