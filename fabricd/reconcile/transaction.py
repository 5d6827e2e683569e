"""One write to one device: stored before it is sent, staged, confirmed or given up.

Used by reconcile/attempt. Must not know plans' making, policies or any protocol.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from fabricd.model.edit import Payload
from fabricd.model.outcome import JournalRecord, OpenTransaction, TransactionPhase
from fabricd.southbound.target import Target
from fabricd.store import Store

_LOG = logging.getLogger(__name__)

_CANCEL_SECONDS = 5.0

Wanted = Callable[[], Awaitable[None]]
"""Raises when what is about to take effect is not wanted any more."""


class Transaction:
    """Leaves the device with all of the payload or, as far as the device allows, with nothing of it.

    Entering stores the transaction with its pre-image and the `apply` record; nothing was sent before. The end of
    the transaction is stored by whoever stores the outcome (Store.finish with its id), so that a transaction is
    open exactly as long as nobody has written down how it ended.

    With a commit id (OpenTransaction.commit) the change is in force after `stage`, and the device takes it back by
    itself unless `confirm` follows: whoever looks at the device in between can still have it undone by leaving with
    an exception. Without one it is in force after `confirm`, for good.
    """

    def __init__(
        self,
        store: Store,
        target: Target,
        payload: Payload,
        opening: OpenTransaction,
        record: JournalRecord,
        still_wanted: Wanted,
    ) -> None:
        """`still_wanted` is asked right before the change takes effect, and before it is made to last."""
        self._store = store
        self._target = target
        self._payload = payload
        self._opening = opening
        self._record = record
        self._still_wanted = still_wanted

    async def __aenter__(self) -> Self:
        await self._store.begin(self._opening, self._record)
        return self

    async def stage(self) -> None:
        """Hand the change to the device; with a commit id it is in force then, unless it is not wanted any more. Raises
        DeviceError; the change is then given up, and with an id a DeviceTimeoutError means that nobody knows whether it
        is in force."""
        await self._target.stage(self._payload, self._opening.commit, self._takes_effect)

    async def _takes_effect(self) -> None:
        await self._store.advance(self._opening.id, TransactionPhase.STAGING)
        await self._still_wanted()

    async def confirm(self) -> None:
        """Make it last, unless it is not wanted any more: staging may have taken minutes. A DeviceTimeoutError means
        that nobody knows: the device has to be read, never resent to."""
        await self._store.advance(self._opening.id, TransactionPhase.CONFIRMING)
        await self._still_wanted()
        await self._target.confirm()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        # Also when we are being stopped: locks must not outlive us, but a dead device must not hold us up either.
        try:
            await asyncio.wait_for(self._target.cancel(), _CANCEL_SECONDS)
        except TimeoutError:
            _LOG.warning("%s did not answer while a change was being taken back", self._opening.device)
