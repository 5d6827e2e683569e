"""Changes that the device takes back by itself: the Commit extension of gNMI Set (version 0.1.0).

Used by the gNMI adapter. Must not know what is changed.
"""

from __future__ import annotations

import logging

from google.protobuf.duration_pb2 import Duration

from fabricd.errors import DeviceRefusedError
from fabricd.gnmi_extensions.gnmi_extensions_pb2 import Commit, CommitCancel, CommitConfirm, CommitRequest
from fabricd.model.edit import GnmiSet
from fabricd.southbound.gnmi.calls import Calls
from fabricd.southbound.gnmi.requests import Requests

_LOG = logging.getLogger(__name__)

# No change is ever staged under this id, so confirming it confirms nothing.
_PROBE = "fabricd-probe"

_WRONG_STATE, _WRONG_ID = "FAILED_PRECONDITION", "INVALID_ARGUMENT"


class Commits:
    """What one session knows of the extension, its requests, and the commit that is pending because of it.

    The device is idle or has one commit pending: commit makes it pending; confirm, cancel and the end of its time make
    it idle. What does not fit the state is FAILED_PRECONDITION, another id than the pending one INVALID_ARGUMENT.
    """

    def __init__(self, calls: Calls, requests: Requests) -> None:
        self._calls = calls
        self._requests = requests
        self._device = calls.device.name
        profile = calls.device.profile
        self._seconds = profile.confirm_within
        self._there: bool | None = {"yes": True, "no": False, "probe": None}[profile.gnmi.commit]
        if self._seconds <= 0:
            self._there = False
        self.pending = ""
        """Id of the change that this session put in force and that waits for its confirmation."""

    @property
    def there(self) -> bool:
        """False also as long as nobody has found out."""
        return bool(self._there)

    async def find_out(self) -> None:
        """Ask for the confirmation of a commit that does not exist, in a Set that changes nothing.

        Only FAILED_PRECONDITION proves the extension: a device that passes over what it does not know says OK, and
        would make the change last. Where an empty Set without it is refused so as well, a lock or somebody else's
        commit is the reason; then, and after any other answer that may pass, it counts as not there until the next
        time it is asked.
        """
        if self._there is not None:
            return
        asked = await self._refusal(Commit(id=_PROBE, confirm=CommitConfirm()))
        if asked in ("", "UNIMPLEMENTED"):
            self._there = False
        elif asked in (_WRONG_STATE, _WRONG_ID) and await self._refusal(None) != _WRONG_STATE:
            self._there = asked == _WRONG_STATE  # with nothing pending, no id is wrong: the extension is
        _LOG.debug("%s: the confirmation of no commit was answered %s", self._device, asked or "OK")

    async def _refusal(self, commit: Commit | None) -> str:
        """The status that an empty Set is refused with, empty if it is not."""
        try:
            await self._calls.ask("Set", self._requests.set(GnmiSet(), commit))
        except DeviceRefusedError as error:
            return error.tag
        return ""

    async def commit(self, payload: GnmiSet, id: str) -> None:  # noqa: A002 - the extension's word
        """The change is in force when this returns, until its time ends. Raises DeviceRefusedError, transient, while
        another change is pending."""
        duration = Duration()
        duration.FromNanoseconds(int(self._seconds * 1e9))
        try:
            await self._change(payload, Commit(id=id, commit=CommitRequest(rollback_duration=duration)))
        except DeviceRefusedError as error:
            if error.tag != _WRONG_STATE:
                raise
            message = "the device takes no change now: another one waits there for its confirmation, or it is locked"
            raise self._refused(f"{message} ({error.message})", error) from error
        self.pending = id

    async def confirm(self) -> None:
        """The pending change lasts when this returns."""
        try:
            await self._change(GnmiSet(), Commit(id=self.pending, confirm=CommitConfirm()))
        except DeviceRefusedError as error:
            if error.tag not in (_WRONG_STATE, _WRONG_ID):
                raise  # it is still pending, and can be cancelled
            self.pending = ""
            raise self._refused("the device took the change back before it was confirmed", error) from error
        self.pending = ""

    async def cancel(self) -> None:
        """Have the pending change taken back."""
        pending, self.pending = self.pending, ""
        await self.take_back(pending)

    async def take_back(self, id: str) -> bool:  # noqa: A002
        """Have the change of this id taken back. False when no such change is pending."""
        try:
            await self._change(GnmiSet(), Commit(id=id, cancel=CommitCancel()))
        except DeviceRefusedError as error:
            if error.tag not in (_WRONG_STATE, _WRONG_ID):
                raise
            return False
        return True

    async def _change(self, payload: GnmiSet, commit: Commit) -> None:
        await self._calls.ask("Set", self._requests.set(payload, commit), changes=True)

    def _refused(self, message: str, cause: DeviceRefusedError) -> DeviceRefusedError:
        """What passes: the change can be made anew later."""
        return DeviceRefusedError(message, device=self._device, path=cause.path, tag=cause.tag)
