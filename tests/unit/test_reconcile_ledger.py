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
