"""Confirmed commits of a simulated switch in any order of requests, ends of sessions, time and losses of power, against
a model of a few lines (RFC 6241 section 8.4)."""

from __future__ import annotations

import asyncio
import functools
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from manual_time import ManualTime

from fabricd.simulator.confirmed import CommitError, CommitFault, Confirm
from fabricd.simulator.datastore import Datastore
from fabricd.simulator.engine import Edit, Engine
from fabricd.simulator.tree import Object

SESSIONS = st.integers(1, 2)
NAMES = st.sampled_from(["a", "b", "c"])
IDS = st.sampled_from([None, "x", "y"])
SECONDS = st.sampled_from([10, 60])


@functools.cache
def engine() -> Engine:
    return asyncio.run(Engine.open("managed", 1))


def teardown_module() -> None:
    engine().close()
    engine.cache_clear()


def hostname(name: str) -> Edit:
    def edit(tree: Object) -> None:
        tree["openconfig-system:system"] = {"config": {"hostname": name}}

    return edit


def named(config: bytes) -> str:
    return config.decode().partition('"hostname":"')[2].partition('"')[0]


@dataclass
class Waiting:
    """What the model knows of a pending commit."""

    identifier: str
    session: int
    left: float
    before: str


class Switch(RuleBasedStateMachine):
    """The model beside the datastore. Names stand for whole configurations."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.time = ManualTime()
        self.store = self.made()
        self.running, self.saved, self.candidate = "", "", None
        self.waiting: Waiting | None = None

    def made(self) -> Datastore:
        file = Path(self.folder.name) / "switch.json"
        store = Datastore(engine(), file, self.time, lambda: None, sleep=self.time.sleep)
        self.run(store.load())
        return store

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.store.forget_sessions()
        self.run(asyncio.sleep(0))
        self.loop.close()
        self.folder.cleanup()

    def fault(self, identifier: str | None, session: int) -> CommitFault | None:
        """Why a request has no part in what is pending."""
        if self.waiting is None:
            return CommitFault.NONE
        if identifier is not None:
            return None if identifier == self.waiting.identifier else CommitFault.WRONG_ID
        return CommitFault.PENDING if self.waiting.identifier or session != self.waiting.session else None

    def tried(self, work: Coroutine[Any, Any, Any], fault: CommitFault | None) -> bool:
        """Do it; True when it was to be done."""
        if fault is None:
            self.run(work)
            return True
        with pytest.raises(CommitError) as refused:
            self.run(work)
        assert refused.value.fault is fault
        return False

    def revert(self) -> None:
        assert self.waiting is not None
        self.running, self.waiting = self.waiting.before, None

    @rule(session=SESSIONS, name=NAMES)
    def edits_the_candidate(self, session: int, name: str) -> None:
        self.run(self.store.edit_candidate(hostname(name), session))
        self.candidate = name

    @rule(session=SESSIONS, identifier=IDS)
    def commits(self, session: int, identifier: str | None) -> None:
        fault = self.fault(identifier, session) if self.waiting is not None or identifier is not None else None
        if self.tried(self.store.commit(session, identifier=identifier), fault):
            self.running, self.candidate, self.waiting = self.candidate or self.running, None, None
            self.saved = self.running

    @rule(session=SESSIONS, identifier=IDS, persist=IDS, seconds=SECONDS)
    def commits_to_be_confirmed(self, session: int, identifier: str | None, persist: str | None, seconds: int) -> None:
        fault = self.fault(identifier, session) if self.waiting is not None or identifier is not None else None
        confirm = Confirm(seconds, persist or "", session)
        if self.tried(self.store.commit(session, confirm=confirm, identifier=identifier), fault):
            before = self.running if self.waiting is None else self.waiting.before
            self.waiting = Waiting(persist or "", 0 if persist else session, seconds, before)
            self.running, self.candidate = self.candidate or self.running, None

    @rule(session=SESSIONS, identifier=IDS)
    def cancels(self, session: int, identifier: str | None) -> None:
        if self.tried(self.store.cancel(identifier, session), self.fault(identifier, session)):
            self.revert()

    @rule(name=NAMES)
    def is_set_alone(self, name: str) -> None:
        fault = CommitFault.PENDING if self.waiting is not None else None
        if self.tried(self.store.edit_running(hostname(name), alone=True), fault):
            self.running = self.saved = name

    @rule(seconds=st.sampled_from([5, 20]))
    def lets_time_pass(self, seconds: int) -> None:
        self.time.advance(seconds)
        if self.waiting is not None:
            self.waiting.left -= seconds
            if self.waiting.left <= 0:
                self.revert()
        self.settle()

    @rule(session=SESSIONS)
    def loses_a_session(self, session: int) -> None:
        async def end() -> None:
            self.store.release(session)

        self.run(end())
        if self.waiting is not None and self.waiting.session == session:
            self.revert()
        self.settle()

    @rule()
    def loses_power(self) -> None:
        self.store.forget_sessions()
        self.run(asyncio.sleep(0))
        self.store = self.made()
        self.running, self.candidate, self.waiting = self.saved, None, None

    def settle(self) -> None:
        """Timers and ends of sessions take their course in tasks."""

        async def until() -> None:
            async with asyncio.timeout(20):
                while (self.store.pending is None) is not (self.waiting is None):
                    await asyncio.sleep(0)
                for _ in range(5):
                    await asyncio.sleep(0)

        self.run(until())

    @invariant()
    def is_as_the_model_has_it(self) -> None:
        assert named(self.store.running.config) == self.running
        assert (self.store.pending is None) is (self.waiting is None)
        assert named(self.store.file.read_bytes() if self.store.file.exists() else b"") == self.saved


TestSwitch = Switch.TestCase
TestSwitch.settings = settings(max_examples=15, stateful_step_count=20)
