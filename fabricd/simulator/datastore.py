"""The configuration of one switch: running and candidate, locks, atomic commits that are on disk before they are told.

Used by the gNMI and NETCONF servers of the same switch; the only owner of this state. Knows neither protocol.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from fabricd.errors import FabricdError
from fabricd.simulator.engine import EMPTY, Edit, Engine


class Store(StrEnum):
    RUNNING = "running"
    CANDIDATE = "candidate"


class LockedError(FabricdError):
    """Another NETCONF session holds the lock; `holder` is its session id. `dirty`: refused since the candidate has
    changes that nobody committed (RFC 6241 section 8.3.5.2), holder 0."""

    code = "CONFLICT"

    def __init__(self, store: Store, holder: int) -> None:
        by = f"session {holder} holds the lock" if holder else "it has uncommitted changes"
        super().__init__(f"{store} is not free: {by}")
        self.store = store
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Version:
    """What runs. `number` counts changes from the start of the process, `time` is in nanoseconds since 1970."""

    number: int
    config: bytes
    time: int


class Datastore:
    """Mutable; every method is to be called in the event loop. Edits raise InputError or what the edit raises."""

    def __init__(self, engine: Engine, file: Path, clock: Callable[[], int], told: Callable[[], None]) -> None:
        """`clock` gives nanoseconds since 1970; `told` is called after every change of the running configuration."""
        self._engine = engine
        self.file = file
        self._clock = clock
        self._told = told
        self._busy = asyncio.Lock()
        self._candidate: bytes | None = None  # None: the same as running
        self._locks: dict[Store, int] = {}
        self.running = Version(0, EMPTY, clock())
        self.commits = 0
        """Commits and Sets accepted so far, whether or not they changed anything."""

    async def load(self) -> None:
        """Take up what was persisted; raises InputError when the models refuse it."""
        config = self.file.read_bytes() if self.file.is_file() else EMPTY
        checked = await self._engine.checked(config, whole=True)
        self.running = Version(self.running.number + 1, checked, self._clock())
        self.forget_sessions()

    def forget_sessions(self) -> None:
        """Drop the candidate and all locks, as a restart does."""
        self._candidate = None
        self._locks.clear()

    def config(self, store: Store) -> bytes:
        """Canonical RFC 7951 JSON."""
        if store is Store.CANDIDATE and self._candidate is not None:
            return self._candidate
        return self.running.config

    @property
    def dirty(self) -> bool:
        """True when the candidate differs from what runs."""
        return self._candidate is not None and self._candidate != self.running.config

    async def edit_running(self, edit: Edit, session: int = 0) -> bool:
        """Edit, validate and persist as one; True when something changed. Raises LockedError."""
        return await _unbroken(self._edit_running(edit, session))

    async def edit_candidate(self, edit: Edit, session: int, *, keep: bool = True, whole: bool = False) -> None:
        """Edit the candidate; `keep` false only tries it (test-only). Raises LockedError."""
        async with self._busy:
            self.check_lock(Store.CANDIDATE, session)
            edited = await self._engine.edited(self.config(Store.CANDIDATE), edit, whole=whole)
            if keep:
                self._candidate = edited

    async def validate(self, store: Store) -> None:
        """Raises InputError with everything that is wrong."""
        await self._engine.checked(self.config(store), whole=True)

    async def validate_document(self, edit: Edit) -> None:
        """Validate what an edit makes of nothing."""
        await self._engine.edited(EMPTY, edit, whole=True)

    async def commit(self, session: int) -> bool:
        """Make the candidate run; True when something changed. Raises LockedError."""
        return await _unbroken(self._commit(session))

    async def copy(self, source: Store, target: Store, session: int) -> None:
        """Replace one datastore by the other. Raises LockedError."""
        if target is Store.RUNNING:
            await self.commit(session)
            return
        async with self._busy:
            self.check_lock(Store.CANDIDATE, session)
            if source is Store.RUNNING:
                self._candidate = None

    def discard(self, session: int) -> None:
        """Make the candidate the same as running. Raises LockedError."""
        self.check_lock(Store.CANDIDATE, session)
        self._candidate = None

    def lock(self, store: Store, session: int) -> None:
        """Raises LockedError when it is held by anybody, or the candidate is dirty."""
        if holder := self._locks.get(store):
            raise LockedError(store, holder)
        if store is Store.CANDIDATE and self.dirty:
            raise LockedError(store, 0)
        self._locks[store] = session

    def unlock(self, store: Store, session: int) -> bool:
        """False when this session does not hold it. Unlocking the candidate discards it (RFC 6241 section 8.3.5.2)."""
        if self._locks.get(store) != session:
            return False
        del self._locks[store]
        if store is Store.CANDIDATE:
            self._candidate = None
        return True

    def release(self, session: int) -> None:
        """A session ended: its locks go, and with the candidate's lock its changes."""
        for store in [store for store, holder in self._locks.items() if holder == session]:
            self.unlock(store, session)

    def check_lock(self, store: Store, session: int) -> None:
        """Raises LockedError when another session holds the lock."""
        if self._locks.get(store, session) != session:
            raise LockedError(store, self._locks[store])

    async def _edit_running(self, edit: Edit, session: int) -> bool:
        async with self._busy:
            self.check_lock(Store.RUNNING, session)
            return await self._run(await self._engine.edited(self.running.config, edit, whole=True))

    async def _commit(self, session: int) -> bool:
        async with self._busy:
            self.check_lock(Store.RUNNING, session)
            self.check_lock(Store.CANDIDATE, session)
            changed = await self._run(await self._engine.checked(self.config(Store.CANDIDATE), whole=True))
            self._candidate = None
            return changed

    async def _run(self, config: bytes) -> bool:
        if changed := config != self.running.config:
            await asyncio.to_thread(_persist, self.file, config)
            self.running = Version(self.running.number + 1, config, self._clock())
        self.commits += 1
        if changed:
            self._told()
        return changed


async def _unbroken(work: Coroutine[Any, Any, bool]) -> bool:
    """A caller that goes away must not stop a commit half way."""
    task = asyncio.ensure_future(work)
    # Nobody is left to be told when the caller went away first.
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return await asyncio.shield(task)


def _persist(file: Path, config: bytes) -> None:
    temporary = file.with_name(f".{file.name}.new")
    with temporary.open("wb") as handle:
        handle.write(config)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
