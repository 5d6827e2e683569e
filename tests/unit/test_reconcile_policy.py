"""What may be done when: modes, windows, guard rails, flaps, back-off, and every error's outcome."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd import errors
from fabricd.errors import InputError
from fabricd.model.device import Mode
from fabricd.model.edit import Edit, Operation
from fabricd.model.outcome import OutcomeKind
from fabricd.model.path import Path
from fabricd.model.plan import Disruption, Plan, PlannedEdit
from fabricd.plan import Planned
from fabricd.reconcile.backoff import Backoff
from fabricd.reconcile.clock import SystemClock
from fabricd.reconcile.flap import FlapBreaker
from fabricd.reconcile.ledger import decision_id
from fabricd.reconcile.outcomes import Retry, judge
from fabricd.reconcile.policy import Circumstances, forbids
from fabricd.reconcile.schedule import Schedule, Window, any_open, parse_windows, phase
from fabricd.settings import ReconcileSettings

EDIT = PlannedEdit(Edit(Operation.DELETE, Path.parse("/a:b")), Disruption.HITLESS)
MTU, NAME = Path.parse("/x:a/mtu"), Path.parse("/x:a/name")


def planned(deleted_share: float = 0.0, leaves: int = 1000) -> Planned:
    return Planned(Plan("leaf1", 1, (EDIT,), deleted_share=deleted_share), leaves=leaves)


def circumstances(
    mode: Mode = Mode.ENFORCE, *, rollout: bool = False, window_open: bool = True, approved: bool = False
) -> Circumstances:
    return Circumstances(mode, rollout, window_open, approved, max_deleted_share=0.5)


def test_an_ordinary_plan_is_carried_out() -> None:
    assert forbids(planned(), circumstances()) is None


@pytest.mark.parametrize("approved", [True, False])
def test_a_device_that_is_observed_is_never_written(approved: bool) -> None:
    verdict = forbids(planned(), circumstances(Mode.OBSERVE, rollout=True, approved=approved))
    assert verdict is not None
    assert verdict.outcome is OutcomeKind.DRIFTED


def test_outside_the_windows_drift_waits_and_a_new_revision_does_not() -> None:
    verdict = forbids(planned(), circumstances(window_open=False))
    assert verdict is not None
    assert verdict.outcome is OutcomeKind.DRIFTED
    assert forbids(planned(), circumstances(window_open=False, rollout=True)) is None


def test_a_plan_that_deletes_much_is_held_until_approved() -> None:
    verdict = forbids(planned(0.6), circumstances(rollout=True))
    assert verdict is not None
    assert verdict.outcome is OutcomeKind.HELD
    assert "60%" in verdict.reason
    assert forbids(planned(0.6), circumstances(approved=True)) is None
    assert forbids(planned(0.5), circumstances()) is None
    assert forbids(planned(1.0, leaves=10), circumstances()) is None


def renaming(old: str | None, new: str | None = '"leaf1"') -> Planned:
    edit = Edit(Operation.REPLACE, Path.parse("/openconfig-system:system/config/hostname"), old, new)
    return Planned(Plan("leaf1", 1, (EDIT, PlannedEdit(edit, Disruption.HITLESS))))


@pytest.mark.parametrize(
    ("old", "held"),
    [('"leaf2"', True), ('"leaf1"', False), ('"localhost"', False), (None, False)],
)
def test_a_device_that_calls_itself_by_anothers_name_waits_for_a_persons_word(old: str | None, held: bool) -> None:
    at = replace(circumstances(rollout=True), inventory={"leaf1": 1, "leaf2": 2})
    verdict = forbids(renaming(old), at)
    assert (verdict is not None) is held
    if verdict is not None:
        assert verdict.outcome is OutcomeKind.HELD
        assert "calls itself 'leaf2'" in verdict.reason
    assert forbids(renaming(old), replace(at, approved=True)) is None
    assert forbids(renaming(old), replace(at, inventory={"leaf1": 1})) is None


def test_a_path_repaired_too_often_becomes_unstable() -> None:
    breaker = FlapBreaker(count=3, period=60)
    assert breaker.repaired("a", "tree", [MTU], 0) == ()
    assert breaker.repaired("a", "tree", [MTU, NAME], 10) == ()
    assert breaker.repaired("a", "tree", [MTU], 20) == (MTU,)
    assert breaker.unstable("a") == (MTU,)
    assert breaker.unstable("b") == ()
    breaker.release("a")
    assert breaker.unstable("a") == ()


def test_slow_repairs_are_no_flap_and_a_new_tree_starts_the_count_anew() -> None:
    breaker = FlapBreaker(count=3, period=60)
    assert [breaker.repaired("a", "tree", [MTU], now) for now in range(0, 400, 40)] == [()] * 10
    for now, tree in enumerate(["one", "two", "one", "two", "one"]):
        assert breaker.repaired("b", tree, [MTU], now) == ()


@pytest.mark.parametrize("counts", [(3, 5), (5, 3)])
def test_a_reload_that_changes_the_count_goes_on_counting(counts: tuple[int, int]) -> None:
    before, after = counts
    breaker = FlapBreaker(count=before, period=60)
    for now in range(before - 1):
        assert breaker.repaired("a", "tree", [MTU], now) == ()
    breaker.count = after
    found = [breaker.repaired("a", "tree", [MTU], now) for now in range(before - 1, max(counts))]
    assert (MTU,) in found


def test_what_was_unstable_in_an_earlier_life_is_unstable() -> None:
    breaker = FlapBreaker(count=3, period=60)
    breaker.restore("a", [NAME])
    assert breaker.unstable("a") == (NAME,)


def test_a_path_written_in_vain_again_and_again_becomes_unstable() -> None:
    breaker = FlapBreaker(count=3, period=60)
    assert breaker.suspects("a", "tree") == ()
    assert breaker.written_in_vain("a", "tree", [MTU, NAME]) == ()
    assert breaker.suspects("a", "tree") == (MTU, NAME)
    assert breaker.repaired("a", "tree", [NAME], 0) == ()  # that one took
    assert breaker.written_in_vain("a", "tree", [MTU]) == ()
    assert breaker.suspects("a", "tree") == (MTU,)
    assert breaker.written_in_vain("a", "tree", [MTU]) == (MTU,)
    assert (breaker.suspects("a", "tree"), breaker.unstable("a")) == ((), (MTU,))
    breaker.release("a")
    assert breaker.unstable("a") == ()


def test_nothing_is_suspect_under_a_new_tree_or_once_nothing_differs() -> None:
    breaker = FlapBreaker(count=2, period=60)
    breaker.written_in_vain("a", "one", [MTU])
    assert breaker.suspects("a", "two") == ()
    assert breaker.written_in_vain("a", "two", [MTU]) == ()
    breaker.settled("a")
    assert breaker.suspects("a", "two") == ()
    assert breaker.written_in_vain("a", "two", [MTU]) == ()


@given(failures=st.integers(1, 10_000), seed=st.integers())
def test_backoff_doubles_with_jitter_up_to_its_maximum(failures: int, seed: int) -> None:
    backoff = Backoff(ReconcileSettings(retry_first=1, retry_max=300), Random(seed))
    soon, slowly = backoff.delay(Retry.SOON, failures), backoff.delay(Retry.SLOWLY, failures)
    full = min(300, 2 ** min(failures - 1, 20))
    assert soon is not None
    assert full / 2 <= soon <= full
    assert slowly is not None
    assert 30 <= slowly <= 600
    assert backoff.delay(Retry.NEVER, failures) is None


@pytest.mark.parametrize(
    ("error", "outcome", "retry", "code"),
    [
        (errors.DeviceUnreachableError("x"), OutcomeKind.UNREACHABLE, Retry.SOON, "DEVICE_UNREACHABLE"),
        (errors.DeviceTimeoutError("x"), OutcomeKind.UNREACHABLE, Retry.SOON, "DEVICE_TIMEOUT"),
        (errors.DeviceTrustError("x"), OutcomeKind.UNREACHABLE, Retry.SLOWLY, "DEVICE_TRUST"),
        (
            errors.DeviceRefusedError("x", path="/p", tag="invalid-value"),
            OutcomeKind.FAILED,
            Retry.SOON,
            "DEVICE_REFUSED",
        ),
        (errors.DeviceProtocolError("x"), OutcomeKind.FAILED, Retry.SLOWLY, "DEVICE_PROTOCOL"),
        (errors.InputError("x"), OutcomeKind.FAILED, Retry.NEVER, "INVALID_INPUT"),
        (errors.StoreError("x"), OutcomeKind.FAILED, Retry.SOON, "STORE"),
        (ValueError("x"), OutcomeKind.FAILED, Retry.SLOWLY, "INTERNAL"),
    ],
)
def test_every_error_has_an_outcome(error: Exception, outcome: OutcomeKind, retry: Retry, code: str) -> None:
    ending = judge(error, planned().plan)
    assert (ending.outcome, ending.retry, ending.error_code, ending.verdict) == (outcome, retry, code, "x")
    assert ending.drift == 1
    assert ending.error_path == getattr(error, "path", "")


def test_a_refusal_without_a_path_is_put_down_to_the_only_edit() -> None:
    assert judge(errors.DeviceRefusedError("x"), planned().plan).error_path == EDIT.edit.path.text
    assert judge(errors.DeviceRefusedError("x")).error_path == ""


def all_errors(root: type[errors.FabricdError]) -> list[type[errors.FabricdError]]:
    found = [root, *(child for one in root.__subclasses__() for child in all_errors(one))]
    return [kind for kind in found if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", all_errors(errors.FabricdError))
def test_no_error_of_ours_looks_like_success(kind: type[errors.FabricdError]) -> None:
    assert judge(kind("x")).outcome in (OutcomeKind.FAILED, OutcomeKind.UNREACHABLE)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2026-11-23 21:59:59", False),  # a Monday
        ("2026-11-23 22:00:00", True),
        ("2026-11-23 23:59:59", True),
        ("2026-11-24 00:00:00", False),
        ("2026-11-28 22:30:00", False),  # a Saturday
    ],
)
def test_a_window_is_open_from_its_time_for_its_length(now: str, is_open: bool) -> None:
    windows = parse_windows(["0 22 * * 1-5 +120"], UTC)
    assert any_open(windows, at(now)) is is_open


def test_a_window_may_reach_over_midnight_and_weekdays_count_as_in_cron() -> None:
    sunday = Window.parse("30 23 * * 0 +60", UTC)
    assert sunday.is_open(at("2026-11-22 23:45:00"))
    assert sunday.is_open(at("2026-11-23 00:15:00"))
    assert not sunday.is_open(at("2026-11-23 23:45:00"))
    assert Window.parse("30 23 * * sun +60", UTC).is_open(at("2026-11-22 23:45:00"))


def test_without_windows_it_is_always_open() -> None:
    assert any_open((), at("2026-01-01 00:00:00"))


@pytest.mark.parametrize(
    "text", ["", "0 22 * * *", "0 22 * * * 0", "61 22 * * * +5", "0 22 * * 8 +5", "a b c d e +5", "0 22 * * */2 +5"]
)
def test_a_window_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_windows([text])
    assert caught.value.problems[0].path == "reconcile.windows"


def test_devices_have_their_turns_spread_over_the_sweep() -> None:
    turns = [phase(f"leaf{number}") for number in range(1000)]
    assert all(0 <= turn < 1 for turn in turns)
    for tenth in range(10):
        assert 50 < sum(tenth / 10 <= turn < (tenth + 1) / 10 for turn in turns) < 150


@given(seed=st.integers(), milliseconds=st.integers(1, 10**6))
def test_decision_ids_sort_by_time(seed: int, milliseconds: int) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    later = first + timedelta(milliseconds=milliseconds)
    assert decision_id(first, Random(seed)) < decision_id(later, Random(seed))


class _SteppedClock:
    """The machine's clock with a wall time that can be set; its naps are short."""

    def __init__(self) -> None:
        self.step = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.step

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.01)


async def test_settings_that_are_read_again_put_off_neither_sweep_nor_pruning() -> None:
    """Somebody's automation may have them read again more often than a sweep takes."""

    async def prune() -> None:
        """Not looked at here."""

    schedule = Schedule(lambda _: None, prune, SystemClock())
    schedule.start(3600)

    def planned(job: str) -> datetime:
        time = schedule._scheduler.get_job(job).next_run_time
        assert isinstance(time, datetime)
        return time

    try:
        sweep, prune_time = planned("sweep"), planned("prune")
        schedule.change_interval(3600)
        assert (planned("sweep"), planned("prune")) == (sweep, prune_time)
        schedule.change_interval(60)
        assert planned("sweep") < sweep
        assert planned("prune") == prune_time
    finally:
        schedule.stop()


async def test_a_clock_that_is_set_back_does_not_stop_the_sweep() -> None:
    swept = asyncio.Event()
    clock = _SteppedClock()

    async def prune() -> None:
        """Not looked at here."""

    schedule = Schedule(lambda _: swept.set(), prune, clock)
    schedule.start(0.1)
    try:
        async with asyncio.timeout(10):
            await swept.wait()
            # What the scheduler sees when wall time goes back by four years: all that it planned is that far away.
            for job in ("sweep", "prune"):
                schedule._scheduler.modify_job(job, next_run_time=datetime.now(UTC) + timedelta(days=1461))
            swept.clear()
            await asyncio.sleep(0.3)
            assert not swept.is_set()
            clock.step = -timedelta(days=1461)
            await swept.wait()
        assert schedule._scheduler.get_job("prune").next_run_time < datetime.now(UTC) + timedelta(days=1)
    finally:
        schedule.stop()
