"""The configuration of one switch: running, candidate, startup, locks, commits that are on disk before they are told.

Used by the gNMI and NETCONF servers of the same switch; the only owner of this state. Knows neither protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fabricd.errors import FabricdError
from fabricd.simulator.configuration_file import write_whole
from fabricd.simulator.confirmed import Confirm, Confirmation, Pending, Sleep
from fabricd.simulator.engine import EMPTY, Edit, Engine
from fabricd.simulator.faults import Faults, RefusedError, Rpc
from fabricd.simulator.quirks.behaviour import Behaviour
from fabricd.simulator.stores import Changed, Confirmed, Event, Lock, LockedError, Step, Store, Version

__all__ = ["Changed", "Confirmed", "Datastore", "Event", "Lock", "LockedError", "Step", "Store", "Version"]


class Datastore:
    """Mutable; every method is to be called in the event loop. Edits raise InputError or what the edit raises.

    Sessions are NETCONF's ids; 0 stands for everybody else. Whatever writes raises LockedError when another session
    holds the lock. While a confirmed commit is pending the file keeps what ran before it, so that losing power reverts
    it (RFC 6241 section 8.4.1).
    """

    def __init__(
        self,
        engine: Engine,
        file: Path,
        clock: Callable[[], int],
        told: Callable[[], None],
        *,
        startup: bool = False,
        sleep: Sleep = asyncio.sleep,
        behaviour: Behaviour | None = None,
        faults: Faults | None = None,
    ) -> None:
        """`clock` gives nanoseconds since 1970, `sleep` waits by it; `told` is called after every change of the running
        configuration. `startup`: running is lost with the power unless it was copied to startup. `behaviour`: what
        quirks make of a write, None for a switch without such quirks. `faults` are those of the switch."""
        self._engine = engine
        self.file = file
        self._clock = clock
        self._told = told
        self._keeps_startup = startup
        self._busy = asyncio.Lock()
        self._candidate: bytes | None = None  # None: the same as running
        self._startup = EMPTY
        self._locks: dict[Store, Lock] = {}
        self._tasks: set[asyncio.Task[bool]] = set()
        self._confirmation = Confirmation(clock, sleep, self._time_out)
        self.listeners: list[Callable[[Event], None]] = []
        """Called with every event after it happened; must not raise."""
        self.running = Version(0, EMPTY, clock())
        self.commits = 0
        """Commits and Sets accepted so far, whether or not they changed anything."""
        self.edits = 0
        """Edits of the candidate accepted so far."""
        self.refused = 0
        """Edits, commits and Sets refused so far."""
        self.faults = faults or Faults()
        self._behaviour = behaviour

    async def load(self) -> None:
        """Take up what was persisted; raises InputError when the models refuse it."""
        config = self.file.read_bytes() if self.file.is_file() else EMPTY
        checked = await self._engine.checked(config, whole=True)
        self._startup = checked
        self.running = Version(self.running.number + 1, checked, self._clock())
        self.forget_sessions()

    def forget_sessions(self) -> None:
        """Drop the candidate, all locks and the pending commit, as a restart does; `load` brings back what ran before
        that commit."""
        self._candidate = None
        self._locks.clear()
        self._confirmation.end()

    # Reading

    def config(self, store: Store) -> bytes:
        """Canonical RFC 7951 JSON."""
        if store is Store.CANDIDATE and self._candidate is not None:
            return self._candidate
        return self._startup if store is Store.STARTUP else self.running.config

    @property
    def dirty(self) -> bool:
        """True when the candidate differs from what runs."""
        return self._candidate is not None and self._candidate != self.running.config

    @property
    def pending(self) -> Pending | None:
        """The confirmed commit that waits for its confirmation."""
        return self._confirmation.pending

    # Writing

    async def edit_running(
        self,
        edit: Edit,
        session: int = 0,
        *,
        confirm: Confirm | None = None,
        alone: bool = False,
        purposes: tuple[Rpc, ...] = (),
    ) -> bool:
        """Edit, validate and persist as one; True when something changed.

        `confirm`: revert it unless it is confirmed in time. `alone` (implied by `confirm`): refuse with CommitError
        while a confirmed commit is pending. `purposes`: what faults know it as.
        """
        with self._counting():
            return await self._unbroken(self._edit_running(edit, session, confirm, alone, purposes))

    async def edit_candidate(self, edit: Edit, session: int, *, keep: bool = True, whole: bool = False) -> None:
        """Edit the candidate; `keep` false only tries it (test-only)."""
        with self._counting():
            async with self._busy:
                self.check_lock(Store.CANDIDATE, session)
                before = self.config(Store.CANDIDATE)
                edited = await self._edited(before, edit, whole=whole)
                if not keep:
                    return
                if (fault := self.faults.partial(Rpc.SET)) is not None:
                    self._candidate = await self._engine.half(before, edited)
                    raise RefusedError(fault.said)
                self._candidate = edited
                self.edits += 1

    async def try_edit(self, store: Store, edit: Edit, *, whole: bool) -> None:
        """Raises InputError or what the edit raises if it could not be done; changes nothing."""
        await self._edited(self.config(store), edit, whole=whole)

    async def validate(self, store: Store) -> None:
        """Raises InputError with everything that is wrong."""
        await self._edited(self.config(store), None, whole=True)

    async def validate_document(self, edit: Edit) -> None:
        """Validate what an edit makes of nothing."""
        await self._engine.edited(EMPTY, edit, whole=True)

    async def commit(self, session: int, *, confirm: Confirm | None = None, identifier: str | None = None) -> bool:
        """Make the candidate run; True when something changed.

        With `confirm` it has to be confirmed in time; while one is pending this is a follow-up. Without, it confirms
        what is pending. `identifier` is the pending commit's id (persist-id). Raises CommitError when a commit is
        pending that this request does not belong to, or an identifier is given and none is pending.
        """
        with self._counting():
            return await self._unbroken(self._commit(session, confirm, identifier))

    async def confirm(self, identifier: str | None, session: int = 0) -> None:
        """Keep what the pending commit made run, and persist it. Raises CommitError."""
        await self._unbroken(self._confirm(identifier, session))

    async def cancel(self, identifier: str | None, session: int = 0) -> bool:
        """Revert the pending commit; True when that changed something. Raises CommitError."""
        return await self._unbroken(self._cancel(identifier, session))

    def prolong(self, identifier: str | None, seconds: float, session: int = 0) -> None:
        """Start the pending commit's time anew. Raises CommitError."""
        self._confirmation.check_owner(identifier, session)
        self._confirmation.prolong(seconds)
        self._tell(Confirmed(Step.EXTEND, session, seconds))

    async def copy(self, source: Store, target: Store, session: int) -> None:
        """Replace one datastore by the other."""

        def nothing(_: object) -> None:
            pass

        await self._unbroken(self._replace(target, source, nothing, session))

    async def replace(self, target: Store, edit: Edit, session: int) -> None:
        """Replace a datastore by what an edit makes of nothing."""
        await self._unbroken(self._replace(target, None, edit, session))

    async def delete_startup(self, session: int) -> None:
        """Start empty next time."""
        await self._unbroken(self._delete_startup(session))

    def discard(self, session: int) -> None:
        """Make the candidate the same as running."""
        self.check_lock(Store.CANDIDATE, session)
        self._candidate = None

    # Locks

    def lock(self, store: Store, session: int) -> None:
        """Raises LockedError when it is held by anybody, or the candidate is dirty; CommitError for running while a
        confirmed commit of another session is pending (RFC 6241 section 7.5)."""
        if held := self._locks.get(store):
            raise LockedError(store, held.session)
        if store is Store.CANDIDATE and self.dirty:
            raise LockedError(store, 0)
        if store is Store.RUNNING:
            self._confirmation.check_lockable(session)
        self._locks[store] = Lock(session, self._clock())

    def unlock(self, store: Store, session: int) -> bool:
        """False when this session does not hold it. Unlocking the candidate discards it (RFC 6241 section 8.3.5.2)."""
        held = self._locks.get(store)
        if held is None or held.session != session:
            return False
        del self._locks[store]
        if store is Store.CANDIDATE:
            self._candidate = None
        return True

    def locked(self, store: Store) -> Lock | None:
        """Who holds it."""
        return self._locks.get(store)

    def release(self, session: int) -> None:
        """A session ended: its locks go, with the candidate's lock its changes, and its confirmed commit is reverted
        unless that has an id."""
        for store in [store for store, held in self._locks.items() if held.session == session]:
            self.unlock(store, session)
        if (pending := self.pending) is not None and session and pending.session == session:
            self._detached(self._revert(pending, Step.CANCEL))
        self._confirmation.leave(session)

    def check_lock(self, store: Store, session: int) -> None:
        """Raises LockedError when another session holds the lock."""
        if (held := self._locks.get(store)) is not None and held.session != session:
            raise LockedError(store, held.session)

    # Inside

    async def _edit_running(
        self, edit: Edit, session: int, confirm: Confirm | None, alone: bool, purposes: tuple[Rpc, ...]
    ) -> bool:
        async with self._busy:
            self.check_lock(Store.RUNNING, session)
            if alone or confirm is not None:
                self._confirmation.check_idle()
            accepted = await self._acceptable(self.running.config, edit)
            await self._check_partial(accepted, session, *purposes)
            return await self._run(accepted, session, confirm)

    async def _commit(self, session: int, confirm: Confirm | None, identifier: str | None) -> bool:
        async with self._busy:
            self.check_lock(Store.RUNNING, session)
            self.check_lock(Store.CANDIDATE, session)
            pending = None
            if self.pending is not None or identifier is not None:
                pending = self._confirmation.check_owner(identifier, session)
            accepted = await self._acceptable(self.config(Store.CANDIDATE))
            confirms = pending is not None and confirm is None
            await self._check_partial(accepted, session, *(() if confirms else (Rpc.COMMIT,)))
            changed = await self._run(accepted, session, confirm)
            self._candidate = None
            if confirms:
                await self._keep(session)
            return changed

    async def _confirm(self, identifier: str | None, session: int) -> bool:
        async with self._busy:
            self._confirmation.check_owner(identifier, session)
            await self._keep(session)
            return True

    async def _cancel(self, identifier: str | None, session: int) -> bool:
        pending = self._confirmation.check_owner(identifier, session)
        return await self._revert(pending, Step.CANCEL, session)

    async def _replace(self, target: Store, source: Store | None, edit: Edit, session: int) -> bool:
        async with self._busy:
            self.check_lock(target, session)
            base = EMPTY if source is None else self.config(source)
            if target is Store.CANDIDATE:
                edited = await self._engine.edited(base, edit, whole=False)
                self._candidate = None if source is Store.RUNNING else edited
                return True
            if target is Store.RUNNING:
                return await self._run(await self._acceptable(base, edit), session, None)
            whole = base if source is Store.RUNNING else await self._engine.edited(base, edit, whole=True)
            await self._persist(whole, session)
            return True

    async def _delete_startup(self, session: int) -> bool:
        async with self._busy:
            self.check_lock(Store.STARTUP, session)
            await self._persist(EMPTY, session)
            return True

    async def _acceptable(self, config: bytes, edit: Edit | None = None) -> bytes:
        """The one place where what is about to run is made and checked as a whole."""
        if self._behaviour is None:
            return await self._edited(config, edit, whole=True)
        running = self.running.config
        taken = self._behaviour.taking(edit, running)
        accepted = await self._engine.edited(config, taken, whole=True, running=running)
        self._behaviour.accepted(taken)
        return accepted

    async def _edited(self, config: bytes, edit: Edit | None, *, whole: bool) -> bytes:
        """What an edit makes of a configuration on this switch, checked."""
        running = self.running.config
        if self._behaviour is not None:
            edit = self._behaviour.taking(edit, running, final=whole)
        if edit is None:
            return await self._engine.checked(config, whole=whole, running=running)
        return await self._engine.edited(config, edit, whole=whole, running=running)

    async def _check_partial(self, accepted: bytes, session: int, *rpcs: Rpc) -> None:
        """Raises RefusedError when a fault lets the write take effect in part."""
        if (fault := self.faults.partial(*rpcs)) is not None:
            await self._run(await self._engine.half(self.running.config, accepted), session, None, accepted=False)
            raise RefusedError(fault.said)

    @contextmanager
    def _counting(self) -> Iterator[None]:
        try:
            yield
        except FabricdError:
            self.refused += 1
            raise

    async def _run(self, config: bytes, session: int | None, confirm: Confirm | None, *, accepted: bool = True) -> bool:
        """The one place where a configuration becomes the running one."""
        before = self.running.config
        changed = config != before
        if confirm is None and self.pending is None and not self._keeps_startup:
            if changed:
                await self._persist(config, session)
        elif confirm is not None:
            step = Step.START if self.pending is None else Step.EXTEND
            self._confirmation.begin(confirm, before)
            self._tell(Confirmed(step, session, confirm.seconds))
        if changed:
            self.running = Version(self.running.number + 1, config, self._clock())
        self.commits += accepted
        if changed:
            self._told()
            self._tell(Changed(Store.RUNNING, before, config, session))
        return changed

    async def _keep(self, session: int) -> None:
        if not self._keeps_startup and self.running.config != self._startup:
            await self._persist(self.running.config, session)
        self._confirmation.end()
        self._tell(Confirmed(Step.COMPLETE, session))

    async def _time_out(self, pending: Pending) -> None:
        await self._unbroken(self._revert(pending, Step.TIMEOUT))

    async def _revert(self, pending: Pending, step: Step, session: int | None = None) -> bool:
        async with self._busy:
            if self.pending is not pending:
                return False  # confirmed, prolonged or reverted while this waited
            self._confirmation.end()
            before = self.running.config
            if changed := pending.before != before:
                self.running = Version(self.running.number + 1, pending.before, self._clock())
                self._told()
            self._tell(Confirmed(step, session))
            if changed:
                self._tell(Changed(Store.RUNNING, before, pending.before, session))
            return changed

    async def _persist(self, config: bytes, session: int | None) -> None:
        await asyncio.to_thread(write_whole, self.file, config)
        before, self._startup = self._startup, config
        if self._keeps_startup and before != config:
            self._tell(Changed(Store.STARTUP, before, config, session))

    def _tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)

    def _detached(self, work: Coroutine[Any, Any, bool]) -> asyncio.Task[bool]:
        """Work that goes on whoever waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _unbroken(self, work: Coroutine[Any, Any, bool]) -> bool:
        """A caller that goes away must not stop a commit half way."""
        task = self._detached(work)
        # Nobody is left to be told when the caller went away first.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)
