"""The deduplicating queue: nothing is lost, nothing is worked on twice at a time, the pressing goes first."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fabricd.model.outcome import Trigger
from fabricd.reconcile.queue import PRIORITY, Queue

DEVICES = st.sampled_from(["a", "b", "c", "d"])


def test_a_device_waits_once_with_all_its_reasons() -> None:
    queue = Queue()
    queue.add("a", Trigger.SCHEDULE, 5.0)
    queue.add("a", Trigger.CHANGE, 1.0)
    assert len(queue) == 1
    assert queue.take(0.9) is None
    entry = queue.take(1.0)
    assert entry is not None
    assert (entry.device, entry.trigger, entry.triggers) == ("a", Trigger.CHANGE, {Trigger.SCHEDULE, Trigger.CHANGE})
    assert queue.take(10.0) is None


def test_what_comes_while_a_device_is_worked_on_runs_once_afterwards() -> None:
    queue = Queue()
    queue.add("a", Trigger.SCHEDULE, 0.0)
    assert queue.take(0.0)
    queue.add("a", Trigger.CHANGE, 0.0)
    queue.add("a", Trigger.REVISION, 0.0)
    assert queue.take(0.0) is None
    queue.done("a")
    entry = queue.take(0.0)
    assert entry is not None
    assert entry.triggers == {Trigger.CHANGE, Trigger.REVISION}
    queue.done("a")
    assert queue.take(9.0) is None


def test_the_pressing_go_first_among_those_that_are_due() -> None:
    queue = Queue()
    for name, trigger in (("sweep", Trigger.SCHEDULE), ("new", Trigger.REVISION), ("asked", Trigger.OPERATOR)):
        queue.add(name, trigger, 0.0)
    queue.add("later", Trigger.OPERATOR, 2.0)
    assert [queue.take(1.0).device for _ in range(3)] == ["asked", "new", "sweep"]  # type: ignore[union-attr]
    assert queue.take(1.0) is None
    assert queue.next_due() == 2.0


def test_who_was_away_goes_last_unless_a_person_asks() -> None:
    queue = Queue()
    queue.add("dead", Trigger.REVISION, 0.0, away=True)
    queue.add("asked", Trigger.OPERATOR, 0.0, away=True)
    queue.add("swept", Trigger.SCHEDULE, 0.5)
    assert [queue.take(1.0).device for _ in range(3)] == ["asked", "swept", "dead"]  # type: ignore[union-attr]


def test_a_waiting_device_that_becomes_pressing_overtakes() -> None:
    queue = Queue()
    queue.add("a", Trigger.SCHEDULE, 0.0)
    queue.add("b", Trigger.SCHEDULE, 0.5)
    queue.add("c", Trigger.SCHEDULE, 0.7)
    assert queue.take(1.0).device == "a"  # type: ignore[union-attr]
    queue.add("c", Trigger.OPERATOR, 1.0)
    assert queue.take(1.0).device == "c"  # type: ignore[union-attr]


def test_a_sweep_does_not_hurry_a_retry() -> None:
    queue = Queue()
    queue.add("a", Trigger.RETRY, 100.0)
    queue.add("a", Trigger.SCHEDULE, 1.0)
    assert queue.next_due() == 100.0
    queue.add("a", Trigger.CHANGE, 2.0)
    assert queue.next_due() == 2.0


def test_devices_that_left_are_forgotten() -> None:
    queue = Queue()
    queue.add("a", Trigger.SCHEDULE, 0.0)
    queue.add("b", Trigger.SCHEDULE, 0.0)
    queue.keep(["b"])
    assert queue.take(0.0).device == "b"  # type: ignore[union-attr]
    assert queue.take(0.0) is None
    assert queue.next_due() is None


class QueueModel(RuleBasedStateMachine):
    """Against the plainest model: a dictionary of waiting devices and a set of those worked on."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue()
        self.now = 0.0
        self.waiting: dict[str, tuple[float, set[Trigger], bool]] = {}
        self.working: set[str] = set()

    @rule(device=DEVICES, trigger=st.sampled_from(Trigger), delay=st.integers(0, 5), away=st.booleans())
    def add(self, device: str, trigger: Trigger, delay: int, away: bool) -> None:
        self.queue.add(device, trigger, self.now + delay, away=away)
        due, triggers, _ = self.waiting.get(device, (self.now + delay, set(), away))
        if trigger is Trigger.SCHEDULE and triggers == {Trigger.RETRY}:
            return
        self.waiting[device] = (min(due, self.now + delay), triggers | {trigger}, away)

    @rule(seconds=st.integers(1, 4))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def take(self) -> None:
        entry = self.queue.take(self.now)
        ready = {
            name: (away and Trigger.OPERATOR not in triggers, min(PRIORITY[one] for one in triggers))
            for name, (due, triggers, away) in self.waiting.items()
            if due <= self.now and name not in self.working
        }
        if not ready:
            assert entry is None
            return
        assert entry is not None
        assert ready[entry.device] == min(ready.values())
        assert entry.triggers == self.waiting.pop(entry.device)[1]
        self.working.add(entry.device)

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        device = data.draw(st.sampled_from(sorted(self.working)))
        self.working.discard(device)
        self.queue.done(device)

    @invariant()
    def agrees(self) -> None:
        assert len(self.queue) == len(self.waiting)
        assert self.queue.working == self.working
        free = [due for name, (due, *_) in self.waiting.items() if name not in self.working]
        due, first = self.queue.next_due(), min(free, default=None)
        assert (due is None) == (first is None)
        if due is not None and first is not None:
            assert due == first or max(due, first) <= self.now


TestQueueModel = QueueModel.TestCase
