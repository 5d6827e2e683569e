"""Sessions: at most one live session a device, kept between reconciles and dropped when it broke.

Used by reconcile. Knows no adapter: connectors are handed in by protocol.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol as Interface

from fabricd.errors import DeviceRefusedError, DeviceUnreachableError, FabricdError, NotFoundError
from fabricd.model.device import Device, Protocol
from fabricd.model.fetched import Change
from fabricd.model.path import Path
from fabricd.southbound.target import Target

_LOG = logging.getLogger(__name__)

Connector = Callable[[Device], Awaitable[Target]]
"""Opens a session, logged in, within Profile.timeouts.connect. Raises DeviceError; leaves nothing open then."""


class Guard(Interface):
    """Keeps secrets out of what devices say."""

    async def learn(self, device: Device) -> None:
        """Find out what the device may quote: its login and what it may have been sent. Raises StoreError."""

    def conceal(self, text: str) -> str:
        """The text without secrets."""


@dataclass(slots=True)
class _Slot:
    """One device's session and the lock that whoever uses it holds. Owned by Sessions."""

    device: Device
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    target: Target | None = None
    idle: asyncio.TimerHandle | None = None
    closing: asyncio.Task[None] | None = None


class Sessions:
    """Live sessions by device name. Owns them: nobody else closes a Target that came from here.

    `idle` is how many seconds an unused session is kept, `connects` how many sessions are set up at the same time
    (an SSH or TLS handshake costs milliseconds of CPU on both sides).
    """

    def __init__(
        self,
        devices: Mapping[str, Device],
        connectors: Mapping[Protocol, Connector],
        *,
        idle: float = 300.0,
        connects: int = 128,
    ) -> None:
        self._connectors = dict(connectors)
        self._slots = {name: _Slot(device) for name, device in devices.items()}
        self._idle = idle
        self._connects = asyncio.Semaphore(connects)
        # Watchers of many dead devices must leave room for those that are to be read and written.
        self._watch_connects = asyncio.Semaphore(max(1, connects // 4))
        self._closing: set[asyncio.Task[None]] = set()
        self._connected = 0
        self._closed = False
        self.guard: Guard | None = None
        """Asked before every connection, and about everything that an error says that leaves a session."""

    @property
    def live(self) -> tuple[str, ...]:
        """Names of the devices that have a session now."""
        return tuple(name for name, slot in self._slots.items() if slot.target is not None and not slot.target.closed)

    @property
    def count(self) -> int:
        """Sessions that stand on this side: those in `live`, those that broke and were not asked for since, those of
        watchers, and those being closed. At most one a device when nothing watches and nothing is under way."""
        return self._connected

    @asynccontextmanager
    async def open(self, device: str) -> AsyncIterator[Target]:
        """The device's session, held alone until the block ends; waits for whoever holds it.

        The session is kept when the block ends well or with DeviceRefusedError, and dropped on every other
        exception, cancellation among them: what is then under way or locked on the device dies with it.
        Raises NotFoundError for a device that is not in the inventory, DeviceError when no session can be had.
        """
        async with self._held(device) as slot:
            if slot.idle is not None:
                slot.idle.cancel()
                slot.idle = None
            target = await self._live(slot)
            try:
                yield target
            except DeviceRefusedError:
                self._keep(slot)
                raise
            except BaseException:
                self._drop(slot)
                raise
            self._keep(slot)

    @asynccontextmanager
    async def alone(self, device: str) -> AsyncIterator[Device]:
        """The device without a session of ours: the kept one is closed first, and none is opened until the block ends,
        for which whoever wants one waits. Watchers are not meant. Raises NotFoundError."""
        async with self._held(device) as slot:
            if slot.idle is not None:
                slot.idle.cancel()
                slot.idle = None
            self._drop(slot)
            if slot.closing is not None:
                await asyncio.wait((slot.closing,))
            if self.guard is not None:
                await self.guard.learn(slot.device)
            yield slot.device

    async def watch(self, device: str, roots: Sequence[Path]) -> AsyncGenerator[Change, None]:
        """`Target.changes` on a session of its own, which never makes `open` wait. Raises what both of them raise, and
        DeviceRefusedError, without connecting, for a device that bears no second session."""
        entry = self._slot(device).device
        if _borne(entry) == 1:
            raise DeviceRefusedError(
                "the device bears one session, which is for reading and writing",
                device=device,
                tag="resource-denied",
                transient=False,
            )
        with self._guarded():
            async with self._watch_connects:
                target = await self._connect(entry)
            try:
                async with aclosing(target.changes(roots)) as changes:
                    async for change in changes:
                        yield change
            finally:
                await self._finish(target)

    async def replace(self, devices: Mapping[str, Device]) -> None:
        """Go on with another inventory. Sessions of devices that changed or went are closed: unused ones before this
        returns, others as soon as whoever uses them is done, which is not waited for."""
        old = self._slots
        self._slots = {
            name: old[name] if name in old and old[name].device == device else _Slot(device)
            for name, device in devices.items()
        }
        await asyncio.gather(*(self._retire(slot) for name, slot in old.items() if self._slots.get(name) is not slot))

    @asynccontextmanager
    async def _held(self, device: str) -> AsyncIterator[_Slot]:
        """The device's slot, locked. Who had to wait while the inventory changed gets the new one."""
        while True:
            slot = self._slot(device)
            async with slot.lock:
                if self._slots.get(device) is slot:
                    with self._guarded():
                        yield slot
                    return

    def conceal(self, text: str) -> str:
        """What is said of an answer, by whoever reads it after the session was given back, without secrets."""
        return text if self.guard is None else self.guard.conceal(text)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Errors that leave the block quote no secret."""
        try:
            yield
        except FabricdError as error:
            error.reword(self.conceal)
            raise

    async def close(self) -> None:
        """Close every session, also those in use, and wait until they are closed. No session is opened afterwards."""
        self._closed = True
        for slot in self._slots.values():
            if slot.idle is not None:
                slot.idle.cancel()
            self._drop(slot)
        while self._closing:
            await asyncio.wait(self._closing)

    def _slot(self, device: str) -> _Slot:
        try:
            return self._slots[device]
        except KeyError:
            raise NotFoundError(f"there is no device {device!r} in the inventory", device=device) from None

    async def _live(self, slot: _Slot) -> Target:
        if slot.target is not None and slot.target.closed:
            self._drop(slot)
        if slot.target is None:
            if slot.closing is not None and _borne(slot.device):
                # It counts there until it is closed, and one too many may get no answer at all.
                await asyncio.wait((slot.closing,))
            slot.target = await self._connect(slot.device)
        return slot.target

    async def _connect(self, device: Device) -> Target:
        connector = self._connectors[device.protocol]
        if self.guard is not None:
            await self.guard.learn(device)
        async with self._connects:
            self._must_be_open(device)
            target = await connector(device)
        self._connected += 1
        if self._closed:
            await self._finish(target)
            self._must_be_open(device)
        return target

    def _must_be_open(self, device: Device) -> None:
        if self._closed:
            raise DeviceUnreachableError("sessions are closed", device=device.name)

    def _keep(self, slot: _Slot) -> None:
        """After use: close it if it broke or is not wanted any more, else give it until `idle`."""
        if slot.target is None or slot.target.closed or self._slots.get(slot.device.name) is not slot:
            self._drop(slot)
        elif not self._closed:
            slot.idle = asyncio.get_running_loop().call_later(self._idle, self._expire, slot)

    def _expire(self, slot: _Slot) -> None:
        slot.idle = None
        if not slot.lock.locked():
            _LOG.debug("closing the idle session of %s", slot.device.name)
            self._drop(slot)

    async def _retire(self, slot: _Slot) -> None:
        if slot.idle is not None:
            slot.idle.cancel()
        if slot.target is not None and not slot.lock.locked():
            target, slot.target = slot.target, None
            await self._finish(target)

    def _drop(self, slot: _Slot) -> None:
        """Close the slot's session in a task of its own, so that neither cancellation nor a slow peer is in the way."""
        target, slot.target = slot.target, None
        if target is not None:
            slot.closing = self._close_later(target)

    def _close_later(self, target: Target) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(target.close(), name=f"close session of {target.name}")
        self._closing.add(task)
        task.add_done_callback(self._gone)
        return task

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        self._connected -= 1

    async def _finish(self, target: Target) -> None:
        """Close and wait; closing goes on when the waiting is cancelled."""
        await asyncio.shield(self._close_later(target))


def _borne(device: Device) -> int:
    """How many sessions of ours the device bears, 0 for any number."""
    return device.profile.netconf.sessions if device.protocol is Protocol.NETCONF else 0
