"""The locks of one session: taken with patience, given back in reverse, lost with the session.

Used by write.py. Must not know what is written under them.
"""

from __future__ import annotations

import logging

from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential

from fabricd.errors import DeviceError, DeviceRefusedError
from fabricd.southbound.netconf import operations
from fabricd.southbound.netconf.rpc import Rpc

_LOG = logging.getLogger(__name__)

# Somebody else's lock is usually a matter of seconds; one that is not is a matter for the next round.
_LONGEST = 20.0
_BUSY = frozenset({"lock-denied", "in-use"})


class Locks:
    """Owns what is locked. Where the profile says that the device bears no locks, nothing is ever sent."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._used = rpc.device.profile.netconf.lock
        self._patience = min(_LONGEST, rpc.device.profile.timeouts.write / 2)
        self._held: list[str] = []
        self._doubtful = False

    async def take(self, datastore: str) -> None:
        """Lock (RFC 6241 section 7.5), trying again while somebody else holds it, for half of timeouts.write at most.

        Raises DeviceError; DeviceRefusedError (transient) with the session that is in the way, where the device names
        it: it holds the lock, or has a commit of its own to confirm.
        """
        if not self._used:
            return
        patience = AsyncRetrying(
            retry=retry_if_exception(_is_busy),
            stop=stop_after_delay(self._patience),
            wait=wait_exponential(multiplier=0.05, max=2.0),
            reraise=True,
        )
        try:
            await patience(self._rpc.ok, operations.Lock, f"lock of {datastore}", datastore)
        except DeviceRefusedError as error:
            if not _is_busy(error):
                # Some devices answer with an error and have locked all the same: nobody would ever unlock that.
                self._doubtful = True
                raise
            raise DeviceRefusedError(
                f"{error.message} (tried for {self._patience:g} s)",
                device=error.device,
                path=error.path,
                tag=error.tag,
            ) from error
        self._held.append(datastore)

    async def take_candidate(self) -> None:
        """A candidate that somebody changed and left cannot be locked (RFC 6241 section 7.5): discard, then lock.

        While another session holds its lock, discard-changes is refused, so nobody's work under a lock is lost.
        """
        if not self._used:
            return
        try:
            await self._rpc.ok(operations.Lock, "lock of candidate", "candidate")
        except DeviceRefusedError as refused:
            self._doubtful |= not _is_busy(refused)
            try:
                await self._rpc.ok(operations.DiscardChanges, "discard-changes")
            except DeviceRefusedError as error:
                _LOG.debug("%s: %s", self._rpc.device.name, error)
            await self.take("candidate")
        else:
            self._held.append("candidate")

    async def release(self) -> None:
        """Never raises: locks that cannot be given back, or that we may hold without knowing, die with the session,
        which is closed then."""
        held, self._held = self._held, []
        if self._doubtful:
            self._rpc.session.abort()
        for datastore in reversed(held):
            if self._rpc.session.closed:
                return
            try:
                await self._rpc.ok(operations.Unlock, f"unlock of {datastore}", datastore)
            except DeviceError as error:
                _LOG.warning("%s: %s; the session is closed", self._rpc.device.name, error)
                self._rpc.session.abort()


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, DeviceRefusedError) and error.tag in _BUSY
