"""Trying changes over gNMI: by the Commit extension and its cancellation, or, where that is allowed, by writing.

Used by experiments as their ground; those of gNMI use its wire as well. Must not know what is tried.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import orjson
from google.protobuf.duration_pb2 import Duration

from fabricd.errors import DeviceError, DeviceRefusedError
from fabricd.gnmi_extensions.gnmi_extensions_pb2 import Commit, CommitCancel, CommitConfirm, CommitRequest
from fabricd.model.device import GnmiTraits
from fabricd.model.edit import EditConfig, GnmiSet
from fabricd.model.fetched import Fetched, Part
from fabricd.model.path import Path, Segment
from fabricd.southbound.gnmi import messages
from fabricd.southbound.gnmi.calls import Calls
from fabricd.southbound.gnmi.channel import metadata, open_channel, wait_ready
from fabricd.southbound.gnmi.reading import Reading
from fabricd.southbound.gnmi.requests import Requests
from fabricd.southbound.probe.ground import Attempt, StuckError, Surroundings
from fabricd.southbound.probe.traceless import UNDER_WAY, TracelessGround, over_a_new_session, steadily, to_the_end
from fabricd.southbound.secrets import credentials

_LOG = logging.getLogger(__name__)

_NONE_PENDING = "FAILED_PRECONDITION"
_NOT_PENDING = frozenset({_NONE_PENDING, "INVALID_ARGUMENT"})
_UNKNOWN = "UNKNOWN"
_TRIES = 3
_PAUSE = 0.2  # seconds before a call is tried again of which there were too many

Kind = Literal["CONFIG", "STATE", "ALL"]


class GnmiGround(TracelessGround):
    """Owns the channel, and what is pending on the device because of it."""

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self.traits = GnmiTraits()
        self.has_net = False
        self.unknown = 0
        """How many Sets were answered UNKNOWN and turned out to have been carried out."""
        self.partial: list[str] = []
        """Statuses of Sets that were refused and of which something was carried out."""
        self.keeps_parts = False
        """What was carried out of a refused Set lasts, and no cancellation takes it back."""
        self._pending = ""
        self.calls: Calls
        self.requests: Requests

    async def connect(self) -> None:
        """A channel of its own. Raises DeviceError."""
        device = self._around.device
        login = await credentials(device)
        channel = await open_channel(device)
        try:
            await wait_ready(channel, device, device.profile.timeouts.connect)
        except BaseException:
            await channel.close(None)
            raise
        self.calls = Calls(device, channel, metadata(device, login))
        self.speak(self.traits)

    def speak(self, traits: GnmiTraits) -> None:
        """Write requests in this manner from now on."""
        self.traits = traits
        self.requests = Requests(traits, self._around.device.name)
        self._reading = Reading(self.calls, self.requests)

    async def close(self) -> None:
        """Take back what is pending and put back what may have stayed, over a new channel if it must be, and close.
        Raises StuckError."""
        try:
            await self._take_back()
            await self.tidy()
        finally:
            await self.calls.close()

    # The wire

    async def get(self, paths: Sequence[Path], kind: Kind) -> Any:
        """A GetResponse. Raises DeviceRefusedError with the status."""
        return await self.calls.ask("Get", self.requests.get(paths, kind))

    async def answer(self, payload: GnmiSet, commit: Commit | None = None) -> str:
        """The status of a Set, "" for OK. UNKNOWN is one of them."""
        for _ in range(_TRIES):
            try:
                # Given up it would be carried out all the same, and after what takes it back.
                await to_the_end(self.calls.ask("Set", self.requests.set(payload, commit)))
            except DeviceRefusedError as error:
                if error.tag != "RESOURCE_EXHAUSTED":
                    return error.tag
                await asyncio.sleep(_PAUSE)
            else:
                return ""
        return "RESOURCE_EXHAUSTED"

    async def find_net(self) -> tuple[str, str]:
        """The answers to the confirmation of a commit that does not exist, and to an empty Set; `has_net` from then
        on. Only FAILED_PRECONDITION to the first alone proves the extension."""
        confirm = Commit(id=self._around.commit, confirm=CommitConfirm())
        asked = ""
        for _ in range(_TRIES):
            asked = await self.answer(GnmiSet(), confirm)
            if asked == _NONE_PENDING:
                break
        empty = await self.answer(GnmiSet())
        if empty == _UNKNOWN:
            # Nothing was set, so nothing depends on the answer but whether such answers mean anything.
            self.unknown += 1
            empty = ""
        self.has_net = asked == _NONE_PENDING and empty != asked
        return asked, empty

    # Ground

    @property
    def tries(self) -> bool:
        return self.has_net or self._around.write

    async def fetch(self) -> Fetched:
        return await self._reading.config(self.roots)

    async def state(self, roots: Sequence[Path]) -> Fetched:
        """By a Get for each root, or a Subscribe ONCE where that is refused: one leaf that is missing has some devices
        refuse all."""
        parts: list[Part] = []
        for root in roots:
            try:
                reply = await self.get((root,), "ALL")
            except DeviceRefusedError as error:
                _LOG.debug("%s: %s; %s is read by a subscription", self._around.device.name, error, root)
                parts += (await Reading(self.calls, self.requests, way="once").all((root,))).parts
            else:
                parts += messages.read_parts(reply, (root,), self._around.device.name)
        return messages.fetched(parts)

    async def recover(self) -> None:
        await self.revive()
        await self._take_back()
        await self.tidy()

    async def refusal(self, attempt: Attempt) -> str:
        return await steadily(lambda: self._refusal(attempt))

    async def _refusal(self, attempt: Attempt) -> str:
        if not self.has_net:
            return await self._refusal_by_writing(attempt)
        status = await self._begin(attempt)
        carried_out = await self._take_back()
        if status == _UNKNOWN:
            if not carried_out:
                raise DeviceRefusedError(
                    "a Set was answered UNKNOWN and not carried out", device=self._around.device.name, tag=status
                )
            self.unknown += 1
            return ""
        if status and carried_out:
            self.partial.append(status)
        if status:
            self._doubtful |= not carried_out
            if self.keeps_parts:
                await self.clean(attempt)
        return status

    async def clean(self, attempt: Attempt) -> None:
        """Delete what a change made. Deleting what is not there is no error (gNMI section 3.4.6)."""
        if attempt.made and (status := await self.answer(GnmiSet(attempt.made))) not in ("", _UNKNOWN):
            raise DeviceRefusedError(
                f"what was carried out of a refused Set cannot be deleted: {status}",
                device=self._around.device.name,
                tag=status,
            )

    @asynccontextmanager
    async def in_force(self, *attempts: Attempt) -> AsyncIterator[None]:
        # A device holds one commit, so that what takes several has to last.
        if not self.has_net or len(attempts) > 1:
            async with self.lasting() as write:
                for attempt in attempts:
                    await write(attempt)
                yield
            return
        (attempt,) = attempts
        status = ""
        try:
            status = await self._begin(attempt)
            if status and status != _UNKNOWN:
                self._doubtful = True
                if self.keeps_parts:
                    await self.clean(attempt)
                raise self._refused(status)
            yield
        finally:
            carried_out = await to_the_end(self._take_back())
        if status == _UNKNOWN and carried_out:
            self.unknown += 1

    async def _write(self, attempt: Attempt) -> None:
        status = await self.answer(payload_of(attempt))
        if status == _UNKNOWN:
            self.unknown += 1
        elif status:
            raise self._refused(status)

    def _refused(self, status: str) -> DeviceRefusedError:
        return DeviceRefusedError(f"the change was refused: {status}", device=self._around.device.name, tag=status)

    async def _send_back(self, gnmi: GnmiSet, netconf: EditConfig) -> None:
        await self.answer(gnmi)

    async def _begin(self, attempt: Attempt) -> str:
        """Put it in force under the id of this probe."""
        self._touch(attempt)
        duration = Duration()
        duration.FromNanoseconds(int(self._around.deadline * 1e9))
        self._pending = commit = self._around.commit
        return await self.answer(
            payload_of(attempt), Commit(id=commit, commit=CommitRequest(rollback_duration=duration))
        )

    async def _take_back(self) -> bool:
        """Cancel what is pending, if anything is. True when something was in force. Raises StuckError."""
        commit = self._pending
        if not commit:
            return False
        try:
            status = await over_a_new_session(self._cancel, self.revive)
        except DeviceError as error:
            raise StuckError(
                f"what the probe tried could not be taken back: {error.message}; the device does so by itself within "
                f"{self._around.deadline:g} s",
                device=self._around.device.name,
            ) from error
        if status and status not in _NOT_PENDING:
            raise StuckError(
                f"the cancellation of commit {commit} was refused: {status}; the device takes it back by itself within "
                f"{self._around.deadline:g} s",
                device=self._around.device.name,
            )
        self._pending = ""
        return not status

    async def _cancel(self) -> str:
        """The status of the cancellation of what is pending, "" where it was in force until now."""
        cancel = Commit(id=self._pending, cancel=CommitCancel())
        status = await self.answer(GnmiSet(), cancel)
        if status == _UNKNOWN:
            again = await self.answer(GnmiSet(), cancel)
            self.unknown += again in _NOT_PENDING
            status = "" if again in _NOT_PENDING else again
        return status

    async def revive(self) -> None:
        if self.calls.closed:
            await self.calls.close()
            await asyncio.sleep(UNDER_WAY)
            await self.connect()


def payload_of(attempt: Attempt) -> GnmiSet:
    """One Set. Each top-level container of each document is an update of its own, in this order."""
    updates = [(path, orjson.dumps(value)) for path, value in attempt.updates]
    for document in attempt.documents:
        for member, value in document.items():
            module, _, name = member.partition(":")
            inside = {_qualified(module, inner): held for inner, held in value.items()}
            updates.append((Path((Segment(name, module),)), orjson.dumps(inside)))
    replaces = tuple((path, orjson.dumps(document)) for path, document in attempt.replaces)
    return GnmiSet(attempt.deletes, replaces, tuple(updates))


def _qualified(module: str, member: str) -> str:
    return member if ":" in member else f"{module}:{member}"
