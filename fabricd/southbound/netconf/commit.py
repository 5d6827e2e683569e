"""Commits that a device takes back by itself unless they are confirmed: as RFC 6241 has them, or in its own operations.

Used by write.py. Must not know locks, edits or where an id comes from.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from fabricd.errors import DeviceRefusedError
from fabricd.model.device import Device
from fabricd.southbound.netconf import operations, templates
from fabricd.southbound.netconf.rpc import Rpc


class ConfirmedCommit(Protocol):
    """All three raise DeviceError, as Target says."""

    @property
    def bound(self) -> bool:
        """Whether `cancel` names the id, so that it can hit no commit but that one."""
        ...

    async def begin(self, commit: str, seconds: int) -> None:
        """Put the candidate in force; the device takes it back after `seconds`, whatever becomes of the session."""
        ...

    async def confirm(self, commit: str) -> None:
        """Make it last. A refusal is transient: it judges no configuration, it came too late or out of turn."""
        ...

    async def cancel(self, commit: str) -> None:
        """Have it taken back now. DeviceRefusedError where the device knows nothing of it."""
        ...


def confirmed_commit(rpc: Rpc) -> ConfirmedCommit | None:
    """The kind that the device has, by its profile and what it advertises; None where it has none that outlives a
    session. Version 1.0 of the capability does not: it has no persist."""
    traits = rpc.device.profile.netconf
    if not rpc.hello.has(":candidate"):
        return None
    if traits.confirmed_commit == "own":
        return _Own(rpc, dict(traits.operations))
    if traits.confirmed_commit == "standard" and rpc.hello.has(":confirmed-commit:1.1"):
        return _Standard(rpc)
    return None


class _Standard:
    """RFC 6241 section 8.4, with persist: any session that knows the id may confirm or cancel."""

    bound = True

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def begin(self, commit: str, seconds: int) -> None:
        await self._rpc.ok(
            operations.Commit, "the commit to be confirmed", confirmed=True, timeout=str(seconds), persist=commit
        )

    async def confirm(self, commit: str) -> None:
        try:
            await self._rpc.ok(operations.Commit, "the confirming commit", persist_id=commit)
        except DeviceRefusedError as error:
            error.transient = True
            raise

    async def cancel(self, commit: str) -> None:
        await self._rpc.ok(operations.CancelCommit, "cancel-commit", persist_id=commit)


class _Own:
    """Operations of the profile, sent as they are (NetconfTraits.operations)."""

    def __init__(self, rpc: Rpc, texts: dict[str, str]) -> None:
        self._rpc = rpc
        self._texts = texts
        self._seconds = 0
        self._until = 0.0

    @property
    def bound(self) -> bool:
        return self._names_id("cancel")

    async def begin(self, commit: str, seconds: int) -> None:
        self._seconds = seconds
        self._until = asyncio.get_running_loop().time() + seconds
        await self._send("commit-confirmed", commit)

    async def confirm(self, commit: str) -> None:
        if not self._names_id("confirm") and asyncio.get_running_loop().time() >= self._until:
            # It would make the candidate last that was taken back, or what somebody else has in force by now.
            raise DeviceRefusedError(
                "the time to confirm is over, and the device takes the change back",
                device=self._rpc.device.name,
                tag="operation-failed",
            )
        try:
            await self._send("confirm", commit)
        except DeviceRefusedError as error:
            error.transient = True
            raise

    async def cancel(self, commit: str) -> None:
        if "cancel" not in self._texts:
            raise by_itself(self._rpc.device)
        await self._send("cancel", commit)

    def _names_id(self, name: str) -> bool:
        return name in self._texts and "id" in templates.places(self._texts[name])

    async def _send(self, name: str, commit: str) -> None:
        operation = templates.fill(self._texts[name], commit=commit, seconds=self._seconds)
        await self._rpc.ok(operations.Dispatch, f"{name} ({operation.tag})", operation)


def by_itself(device: Device) -> DeviceRefusedError:
    """A change that can, or may, not be cancelled: the device is left to its timer."""
    return DeviceRefusedError(
        "the device takes the change back by itself when its time is over, but cannot be told to",
        device=device.name,
        tag="operation-not-supported",
    )
