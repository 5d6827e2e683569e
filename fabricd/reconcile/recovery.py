"""Writes that nobody knows the end of: left open by a crash, a lost answer or a full disk, until the device was read.

Asked by reconcile/reconciler before anything else on a device. Must not know plans' making or any protocol.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from fabricd.errors import DeviceError, NotFoundError
from fabricd.model.outcome import Event, JournalRecord, OpenTransaction, TransactionPhase
from fabricd.plan import Planned
from fabricd.reconcile.backoff import Backoff
from fabricd.reconcile.clock import Clock
from fabricd.reconcile.ledger import Run
from fabricd.reconcile.outcomes import Retry
from fabricd.southbound.target import Target
from fabricd.store import Store

_LOG = logging.getLogger(__name__)

_MARGIN = 10.0  # seconds


@dataclass(slots=True)
class _Left:
    """What was left open on one device, since when we know it (monotonic seconds, by id), what the device said of it so
    far, and how often it was asked."""

    transactions: list[OpenTransaction] = field(default_factory=list)
    since: dict[str, float] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    tries: int = 0


class Recovery:
    """Owns what is open and not under way. A transaction leaves it with a `recovered` record, after the device was
    read: until then a restart would find it again."""

    def __init__(self, store: Store, clock: Clock, backoff: Backoff) -> None:
        self._store = store
        self._clock = clock
        self._backoff = backoff
        self._left: dict[str, _Left] = {}

    async def load(self, known: Iterable[str]) -> tuple[str, ...]:
        """Take over what an earlier life left open. Returns the devices that have to be looked at before all others;
        what was open on a device that is not `known` any more is closed."""
        devices = set(known)
        for transaction in await self._store.open_transactions():
            if transaction.device in devices:
                _LOG.warning("%s: %s", transaction.device, _stopped(transaction))
                self.keep(transaction)
            else:
                status = await self._store.status(transaction.device)
                message = f"{_stopped(transaction)}; the device is not in the inventory any more"
                await self._store.finish(status, [self._record(transaction, message)], transaction.id)
        return tuple(self._left)

    def keep(self, transaction: OpenTransaction) -> None:
        """Nobody knows how this one ended: the device has to be asked and read before anything else."""
        left = self._left.setdefault(transaction.device, _Left())
        left.transactions.append(transaction)
        left.since[transaction.id] = self._clock.monotonic()

    def pending(self, device: str) -> bool:
        return device in self._left

    def delay(self, device: str) -> float | None:
        """Seconds until the next try to find out: an unknown effect does not wait behind a long row of failures."""
        return self._backoff.delay(Retry.SOON, max(1, self._left[device].tries))

    async def resolve(self, run: Run, target: Target) -> None:
        """Have the device take back what it holds unconfirmed. Nothing may be read or written there before.

        Raises DeviceError while the device does not say; once its time is over it has decided by itself, and is read
        whatever it says.
        """
        left = self._left.get(run.device.name)
        if left is None:
            return
        left.tries += 1
        for transaction in left.transactions:
            begun = transaction.commit and transaction.phase is not TransactionPhase.PREPARING
            if begun and transaction.id not in left.said:
                left.said[transaction.id] = await self._ask(run, target, transaction, left.since[transaction.id])

    async def _ask(self, run: Run, target: Target, transaction: OpenTransaction, since: float) -> str:
        try:
            with run.phase("recover"):
                held = await target.resolve(transaction.commit, late=transaction.is_late(self._clock.now()))
        except DeviceError as error:
            if not self._is_over(run, transaction, since):
                raise
            _LOG.warning("%s: %s; its deadline is over", transaction.device, error)
            return f"the device did not say what became of it ({error}), and its deadline is over"
        if held:
            return "the device still held it unconfirmed and took it back"
        return "the device holds nothing unconfirmed"

    def _is_over(self, run: Run, transaction: OpenTransaction, since: float) -> bool:
        """Whether the device has decided by itself.

        It counts from when it got the change. That was sent before we gave it up (or were started again), but minutes
        after the deadline was stored where locks and edits took their time; and the device may have taken as long over
        it as a write may take. Counted from when we gave it up, no clock that is set matters.
        """
        if transaction.deadline is None:
            return True
        within = (transaction.deadline - transaction.started).total_seconds()
        return self._clock.monotonic() > since + within + run.device.profile.timeouts.write + _MARGIN

    async def close(self, run: Run, target: Target, found: Planned | None) -> None:
        """The device was read, and `found` says what of it differs; None: no intent names it any more.

        Raises DeviceError when what is in force cannot be made to outlast a restart of the device: it stays open then.
        """
        left = self._left.get(run.device.name)
        if left is None:
            return
        if found is not None and not found.plan.edits:
            await target.save()
        while left.transactions:
            transaction = left.transactions[0]
            parts = (_stopped(transaction), left.said.get(transaction.id, ""), _read_again(transaction, run, found))
            record = self._record(transaction, "; ".join(filter(None, parts)))
            run.status = replace(run.status, in_sync_digest="")
            with suppress(NotFoundError):  # its end was stored although the store said otherwise
                await self._store.finish(run.status, [replace(record, trigger=run.trigger)], transaction.id)
            left.transactions.pop(0)
        del self._left[run.device.name]

    def _record(self, transaction: OpenTransaction, message: str) -> JournalRecord:
        return JournalRecord(
            time=self._clock.now(),
            event=Event.RECOVERED,
            decision=transaction.decision,
            device=transaction.device,
            revision=transaction.revision,
            message=message,
        )


def _stopped(transaction: OpenTransaction) -> str:
    if transaction.phase is TransactionPhase.CONFIRMING:
        return "left while the change was being made permanent: its effect was unknown"
    if transaction.phase is TransactionPhase.PREPARING:
        return "left before the change was put in force"
    if transaction.commit:
        return "left while the device held the change unconfirmed, or was getting it"
    return "left before the change was made permanent"


def _read_again(transaction: OpenTransaction, run: Run, found: Planned | None) -> str:
    if found is None:
        return "no intent names the device any more"
    differing: Sequence[object] = (*found.plan.edits, *found.avoided)
    if not differing:
        return "read again, the device runs what it shall"
    if transaction.revision == run.revision and found.preimage == transaction.preimage:
        return "read again, the device runs what it ran before"
    return f"read again, {len(differing)} edits are needed"
