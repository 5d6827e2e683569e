"""Endings as they are written down: what is stored at once, and what may wait."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path as File
from random import Random

import pytest
from test_reconcile_recovery import DEVICE, NOON, ManualClock

from fabricd.model.device import Mode
from fabricd.model.outcome import DeviceStatus, OutcomeKind, Trigger
from fabricd.reconcile.backoff import Backoff
from fabricd.reconcile.ledger import Ledger, Run
from fabricd.reconcile.outcomes import Ending
from fabricd.settings import ReconcileSettings
from fabricd.store import Store
from fabricd.store.writer import Batch


@pytest.mark.parametrize("step", [timedelta(minutes=11), timedelta(days=-1)])
async def test_the_time_of_a_check_is_stored_when_the_stored_one_is_far_from_it(
    tmp_path: File, step: timedelta
) -> None:
    """Also when the clock was set back: until it has caught up a restart would tell of a check in the future."""
    async with await Store.open(tmp_path / "store.db") as store:
        clock = ManualClock()
        ledger = Ledger(store, clock, Backoff(ReconcileSettings(), Random(1)))

        async def checked() -> DeviceStatus:
            status = await ledger.status("leaf1")
            run = Run("d", DEVICE, Mode.ENFORCE, Trigger.SCHEDULE, status, 0.0, clock, revision=1)
            after, _ = await ledger.finish(run, Ending(OutcomeKind.IN_SYNC, seen="digest"), ())
            return after

        assert (await checked()).checked == (await store.status("leaf1")).checked == NOON
        clock.time = NOON + timedelta(minutes=1)
        assert (await checked()).checked == clock.time
        assert (await store.status("leaf1")).checked == NOON
        clock.time = NOON + step
        assert (await checked()).checked == (await store.status("leaf1")).checked == clock.time


async def test_what_waited_is_stored_in_a_few_commits_when_the_daemon_stops(tmp_path: File) -> None:
    """One commit for each of thousands of devices would take longer than systemd waits for a stop."""
    async with await Store.open(tmp_path / "store.db") as store:
        clock = ManualClock()
        ledger = Ledger(store, clock, Backoff(ReconcileSettings(), Random(1)))
        names = [f"leaf{number}" for number in range(300)]
        for name in names:
            status = DeviceStatus(name, outcome=OutcomeKind.IN_SYNC, revision=1, checked=NOON, in_sync_digest="digest")
            ledger._checked[name] = status
        assert store._writer is not None
        stored: list[int] = []
        committed = store._writer._committed

        def counted(batch: Batch) -> None:
            stored.append(len(batch.statuses))
            committed(batch)

        store._writer._committed = counted
        await ledger.flush()
        assert sum(stored) == len(names)
        assert len(stored) <= 3
        assert set(await store.statuses()) == set(names)
