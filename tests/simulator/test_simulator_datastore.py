"""The datastore of a simulated switch by itself: confirmed commits, startup, what survives the loss of power."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from manual_time import ManualTime

from fabricd.simulator.confirmed import CommitError, CommitFault, Confirm
from fabricd.simulator.datastore import Changed, Confirmed, Datastore, Event, LockedError, Step, Store
from fabricd.simulator.engine import EMPTY, Edit, Engine
from fabricd.simulator.tree import Object

Make = Callable[..., Datastore]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = asyncio.run(Engine.open("managed", 1))
    yield opened
    opened.close()


@pytest.fixture
def make(engine: Engine, tmp_path: Path, time: ManualTime) -> Make:
    """A datastore over the same file each time, as after a restart."""

    def make(*, startup: bool = False) -> Datastore:
        return Datastore(engine, tmp_path / "switch.json", time, lambda: None, startup=startup, sleep=time.sleep)

    return make


@pytest.fixture
async def store(make: Make) -> Datastore:
    made = make()
    await made.load()
    return made


def hostname(name: str) -> Edit:
    def edit(tree: Object) -> None:
        tree["openconfig-system:system"] = {"config": {"hostname": name}}

    return edit


def named(config: bytes) -> str:
    return config.decode().partition('"hostname":"')[2].partition('"')[0]


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.001)


async def propose(store: Datastore, name: str, session: int, confirm: Confirm, identifier: str | None = None) -> None:
    await store.edit_candidate(hostname(name), session)
    await store.commit(session, confirm=confirm, identifier=identifier)


async def test_without_confirmation_in_time_the_first_configuration_runs_again(
    store: Datastore, time: ManualTime
) -> None:
    await store.edit_running(hostname("before"))
    await propose(store, "one", 1, Confirm(60, session=1))
    time.advance(50)
    await propose(store, "two", 1, Confirm(60, session=1))
    assert store.pending is not None
    assert store.pending.deadline == time() + 60 * 10**9
    time.advance(50)
    await asyncio.sleep(0.01)
    assert named(store.running.config) == "two"
    time.advance(11)
    await until(lambda: store.pending is None)
    assert named(store.running.config) == "before"


async def test_a_confirmed_commit_stays_and_is_on_disk_from_then_on(
    store: Datastore, make: Make, time: ManualTime
) -> None:
    await propose(store, "new", 1, Confirm(60, session=1))
    assert not store.file.exists()
    await store.commit(1)
    time.advance(1000)
    await asyncio.sleep(0.01)
    assert named(store.running.config) == "new"
    again = make()
    await again.load()
    assert named(again.running.config) == "new"


async def test_power_loss_ends_a_pending_commit_and_brings_back_what_ran_before(store: Datastore, make: Make) -> None:
    await store.edit_running(hostname("before"))
    await propose(store, "new", 1, Confirm(60, id="token"))
    await store.edit_running(hostname("meanwhile"))
    again = make()
    await again.load()
    assert (named(again.running.config), again.pending) == ("before", None)
    store.forget_sessions()
    await store.load()
    assert (named(store.running.config), store.pending) == ("before", None)


async def test_the_end_of_the_session_reverts_only_what_has_no_id(store: Datastore) -> None:
    await propose(store, "bound", 1, Confirm(60, session=1))
    store.release(2)
    await asyncio.sleep(0.01)
    assert store.pending is not None
    store.release(1)
    await until(lambda: store.pending is None)
    assert named(store.running.config) == ""
    await propose(store, "kept", 1, Confirm(60, id="token"))
    store.release(1)
    await asyncio.sleep(0.01)
    assert named(store.running.config) == "kept"
    await store.confirm("token")
    assert store.pending is None


@pytest.mark.parametrize(
    ("confirm", "identifier", "session", "fault"),
    [
        (Confirm(60, id="token"), None, 1, CommitFault.PENDING),
        (Confirm(60, id="token"), "other", 1, CommitFault.WRONG_ID),
        (Confirm(60, session=1), None, 2, CommitFault.PENDING),
        (Confirm(60, session=1), "token", 1, CommitFault.WRONG_ID),
        (None, "token", 1, CommitFault.NONE),
    ],
)
async def test_who_has_no_part_in_a_pending_commit_is_refused(
    store: Datastore, confirm: Confirm | None, identifier: str | None, session: int, fault: CommitFault
) -> None:
    if confirm is not None:
        await propose(store, "new", 1, confirm)
    running, commits = store.running, store.commits
    for attempt in (store.commit(session, identifier=identifier), store.confirm(identifier, session),
                    store.cancel(identifier, session)):  # fmt: skip
        with pytest.raises(CommitError) as refused:
            await attempt
        assert refused.value.fault is fault
    with pytest.raises(CommitError):
        store.prolong(identifier, 10, session)
    assert (store.running, store.commits) == (running, commits)


async def test_while_one_is_pending_a_change_alone_is_refused(store: Datastore) -> None:
    await store.edit_running(hostname("new"), confirm=Confirm(60, id="token"))
    for more in ({"alone": True}, {"confirm": Confirm(60, id="token")}):
        with pytest.raises(CommitError, match="pending"):
            await store.edit_running(hostname("other"), **more)  # type: ignore[arg-type]
    assert named(store.running.config) == "new"


async def test_prolonging_starts_the_time_anew(store: Datastore, time: ManualTime) -> None:
    await store.edit_running(hostname("new"), confirm=Confirm(10, id="token"))
    time.advance(9)
    store.prolong("token", 100)
    time.advance(99)
    await asyncio.sleep(0.01)
    assert store.pending is not None
    time.advance(1)
    await until(lambda: store.pending is None)
    assert named(store.running.config) == ""


async def test_listeners_hear_every_step_with_who_took_it(store: Datastore, time: ManualTime) -> None:
    heard: list[Event] = []
    store.listeners.append(heard.append)
    await propose(store, "one", 7, Confirm(60, id="token"))
    await propose(store, "two", 7, Confirm(30, id="token"), "token")
    await store.cancel("token", 7)
    await propose(store, "one", 7, Confirm(60, id="token"))
    time.advance(60)
    await until(lambda: store.pending is None)
    await propose(store, "one", 7, Confirm(60, id="token"))
    await store.confirm("token", 8)
    steps = [(event.step, event.session, event.seconds) for event in heard if isinstance(event, Confirmed)]
    assert steps == [
        (Step.START, 7, 60), (Step.EXTEND, 7, 30), (Step.CANCEL, 7, 0),
        (Step.START, 7, 60), (Step.TIMEOUT, None, 0),
        (Step.START, 7, 60), (Step.COMPLETE, 8, 0),
    ]  # fmt: skip
    changes = [(named(event.after), event.session) for event in heard if isinstance(event, Changed)]
    assert changes == [("one", 7), ("two", 7), ("", 7), ("one", 7), ("", None), ("one", 7)]


async def test_with_startup_only_what_was_copied_survives(make: Make) -> None:
    store = make(startup=True)
    await store.load()
    await store.edit_running(hostname("kept"))
    assert store.config(Store.STARTUP) == EMPTY
    await store.copy(Store.RUNNING, Store.STARTUP, 0)
    await store.edit_running(hostname("lost"))
    again = make(startup=True)
    await again.load()
    assert named(again.running.config) == named(again.config(Store.STARTUP)) == "kept"
    again.lock(Store.STARTUP, 1)
    with pytest.raises(LockedError):
        await again.delete_startup(2)
    await again.delete_startup(1)
    assert again.config(Store.STARTUP) == EMPTY
    assert named(again.running.config) == "kept"


async def test_a_confirmed_commit_and_startup_keep_out_of_each_others_way(make: Make) -> None:
    store = make(startup=True)
    await store.load()
    await propose(store, "new", 1, Confirm(60, session=1))
    await store.commit(1)
    assert store.config(Store.STARTUP) == EMPTY
    assert named(store.running.config) == "new"
