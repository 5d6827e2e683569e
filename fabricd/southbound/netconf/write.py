"""One change on its way to a device: staged under locks, then confirmed or given up.

Used by the adapter. Must not know payloads of other protocols, nor why something is written.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Coroutine, Sequence

from lxml import etree

from fabricd.errors import DeviceError, DeviceProtocolError, DeviceRefusedError, DeviceTimeoutError
from fabricd.southbound.netconf import operations
from fabricd.southbound.netconf.commit import by_itself, confirmed_commit
from fabricd.southbound.netconf.locks import Locks
from fabricd.southbound.netconf.rpc import Rpc
from fabricd.southbound.target import AboutTo

_LOG = logging.getLogger(__name__)

# How devices say that they hold nothing under an id: RFC 6241 section 8.4.4.1 has the first, others are seen too.
_NOTHING_HELD = frozenset({"invalid-value", "data-missing", "bad-element"})
# Some say so by this one, with which others say that they failed to take back what they hold.
_AMBIGUOUS = "operation-failed"
# No change is ever put in force under this id.
_NEVER_USED = "fabricd-nothing"


class Writer:
    """Owns the change between `stage` and `confirm` or `cancel`. See Target for what the methods promise."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        hello = rpc.hello
        self._candidate = hello.has(":candidate")
        self._writable = hello.has(":writable-running")
        self._rollback = hello.has(":rollback-on-error")
        self._validates = hello.has(":validate")
        self._startup = hello.has(":startup")
        self._seconds = math.ceil(rpc.device.profile.confirm_within)
        self._confirmed = confirmed_commit(rpc)
        self._locks = Locks(rpc)
        self._is_staged = False
        self._waiting: Sequence[etree._Element] = ()  # for confirm, where there is no candidate
        self._edited = False  # the candidate may hold something of ours
        self._in_force = ""  # the id under which the device holds it unconfirmed

    @property
    def reverts(self) -> bool:
        """Whether `stage` may be given an id."""
        return self._confirmed is not None and self._seconds > 0

    @property
    def collects(self) -> bool:
        """Whether `stage` may be given an edit in parts: nothing of them is in force before all are there."""
        return self._candidate

    async def stage(self, configs: Sequence[etree._Element], commit: str, about_to: AboutTo) -> None:
        """Lock; with :candidate also discard-changes, edit-config, validate, and with an id, unless `about_to` raises,
        the commit to be confirmed. `configs` are the parts of one edit, several only where it `collects`.

        After a DeviceError nothing is locked, the candidate is as it was, and nothing is in force that can be helped.
        """
        device = self._rpc.device
        if self._is_staged:
            raise RuntimeError(f"{device.name}: a change is already staged")
        if commit and not self.reverts:
            raise RuntimeError(f"{device.name}: takes nothing back by itself")
        if not self._candidate and not self._writable:
            raise DeviceRefusedError(
                "the device has neither a candidate nor a writable running configuration",
                device=device.name,
                tag="operation-not-supported",
            )
        self._is_staged = True
        try:
            await self._locks.take("running")
            if self._candidate:
                await self._fill_candidate(configs)
                await self._begin(commit, about_to)
            else:
                self._waiting = configs
        except DeviceError:
            await self.cancel()
            raise

    async def confirm(self) -> None:
        """The confirming commit, the commit (RFC 6241 section 8.3.4.1), or the edit of running itself; then unlock."""
        if not self._is_staged:
            raise RuntimeError(f"{self._rpc.device.name}: nothing is staged")
        try:
            if self._in_force and self._confirmed is not None:
                await self._bound_or_given_up(self._confirmed.confirm(self._in_force))
                self._in_force = ""
            elif self._candidate:
                await self._in_turn(self._rpc.ok(operations.Commit, "commit"))
            else:
                await self._edit("running", self._waiting)
            await self.save()
        except DeviceError:
            await self.cancel()
            raise
        self._is_staged, self._waiting, self._edited = False, (), False
        await self._locks.release()

    async def save(self) -> None:
        """With :startup what is only in running is gone after a reboot (RFC 6241 section 8.7)."""
        if self._startup:
            await self._rpc.ok(operations.CopyConfig, "copy-config to startup", "running", "startup")

    async def cancel(self) -> None:
        """Take back what is in force, empty the candidate, unlock; a session in which that fails is closed. What is in
        force then is taken back by the device itself."""
        edited, commit = self._edited, self._in_force
        self._is_staged, self._waiting, self._edited, self._in_force = False, (), False, ""
        if commit and self._confirmed is not None and not self._rpc.session.closed:
            try:
                await self._confirmed.cancel(commit)
            except DeviceError as error:
                may_hold_nothing = isinstance(error, DeviceRefusedError) and error.tag in (*_NOTHING_HELD, _AMBIGUOUS)
                level = logging.DEBUG if may_hold_nothing else logging.WARNING
                _LOG.log(level, "%s: %s; an unconfirmed change ends by itself", self._rpc.device.name, error)
        if edited and not self._rpc.session.closed:
            try:
                await self._rpc.ok(operations.DiscardChanges, "discard-changes")
            except DeviceError as error:
                _LOG.warning("%s: %s; the session is closed", self._rpc.device.name, error)
                self._rpc.session.abort()
        await self._locks.release()

    async def resolve(self, commit: str, *, late: bool = False) -> bool:
        """Have what is held under `commit` taken back; see Target.resolve."""
        if self._confirmed is None or (late and not self._confirmed.bound):
            raise by_itself(self._rpc.device)
        try:
            await self._confirmed.cancel(commit)
        except DeviceRefusedError as error:
            if error.tag in _NOTHING_HELD or (error.tag == _AMBIGUOUS and await self._is_said_of_nothing()):
                _LOG.debug("%s: %s", self._rpc.device.name, error)
                return False
            raise
        return True

    async def _is_said_of_nothing(self) -> bool:
        """Whether the device refuses in the same way to take back what cannot be there. Where the operation names no id
        there is nothing to compare with, and the profile vouches for it."""
        if self._confirmed is None or not self._confirmed.bound:
            return True
        try:
            await self._confirmed.cancel(_NEVER_USED)
        except DeviceRefusedError as error:
            return error.tag == _AMBIGUOUS
        return False

    async def _fill_candidate(self, configs: Sequence[etree._Element]) -> None:
        await self._locks.take_candidate()
        self._edited = True
        await self._rpc.ok(operations.DiscardChanges, "discard-changes")
        await self._edit("candidate", configs)
        if self._validates:
            await self._rpc.ok(operations.Validate, "validate", "candidate")

    async def _begin(self, commit: str, about_to: AboutTo) -> None:
        if not commit or self._confirmed is None:
            return
        await about_to()
        self._in_force = commit  # from now on it may be
        try:
            await self._bound_or_given_up(self._in_turn(self._confirmed.begin(commit, self._seconds)))
        except DeviceError as error:
            error.without_effect = not (self._in_force or isinstance(error, DeviceTimeoutError | DeviceProtocolError))
            raise

    async def _bound_or_given_up(self, committing: Coroutine[None, None, None]) -> None:
        """After an error what is pending may be somebody else's, and a cancel that names no id would take that back."""
        try:
            await committing
        except DeviceError:
            if self._confirmed is None or not self._confirmed.bound:
                self._in_force = ""
            raise

    async def _in_turn(self, committing: Coroutine[None, None, None]) -> None:
        """A refusal says what else than this change is in the way."""
        try:
            await committing
        except DeviceRefusedError as error:
            if error.tag != "in-use":
                raise
            raise DeviceRefusedError(
                "the device takes no commit now: another one waits there for its confirmation, or running is locked"
                f" ({error.message})",
                device=error.device,
                path=error.path,
                tag=error.tag,
            ) from error

    async def _edit(self, target: str, configs: Sequence[etree._Element]) -> None:
        """edit-config that changes what is marked and nothing else (RFC 6241 section 7.2). A part need not be valid
        without the others: it is not tested, as all of it is validated."""
        for config in configs:
            await self._rpc.ok(
                operations.EditConfig,
                f"edit-config of {target}",
                config,
                target=target,
                default_operation="none",
                test_option="set" if len(configs) > 1 and self._validates else None,
                error_option="rollback-on-error" if self._rollback else None,
            )
