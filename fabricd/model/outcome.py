"""Outcomes, device status and journal records: what the daemon decided, and how it ended.

Made by reconcile, kept by store, shown by northbound and telemetry. Pure values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from fabricd.model.device import Mode
from fabricd.model.plan import PlannedEdit


class Trigger(StrEnum):
    """Why a device was put on the queue."""

    SCHEDULE = "schedule"
    CHANGE = "change"
    REVISION = "revision"
    RETRY = "retry"
    OPERATOR = "operator"
    START = "start"


class OutcomeKind(StrEnum):
    """What one reconcile of one device ended with."""

    IN_SYNC = "in-sync"  # nothing had to be done
    APPLIED = "applied"  # edits were written and verified
    DRIFTED = "drifted"  # differs, and mode or window forbids repair
    HELD = "held"  # a guard rail wants a person's word first
    UNSTABLE = "unstable"  # paths that do not converge are left alone (flap breaker)
    UNREACHABLE = "unreachable"  # no session, wrong trust, or it timed out
    FAILED = "failed"  # the device refused, or answered nonsense
    UNMANAGED = "unmanaged"  # the current revision says nothing of it
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """What is known of one device. Times are UTC. `in_sync_digest` is the digest of the fetched bytes that were
    last found equal to the tree with `desired_digest`; empty when unknown."""

    device: str
    outcome: OutcomeKind | None = None
    revision: int = 0
    desired_digest: str = ""
    in_sync_digest: str = ""
    checked: datetime | None = None
    changed: datetime | None = None
    drift: int = 0
    failures: int = 0
    error_code: str = ""
    error_message: str = ""
    unstable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModeSetting:
    """A device's mode as set by an operator; overrides the inventory's."""

    device: str
    mode: Mode
    author: str
    reason: str
    since: datetime


class Event(StrEnum):
    """What a journal record tells."""

    REVISION = "revision"  # a revision became current
    RECONCILE = "reconcile"  # one reconcile of one device ended
    DRIFT = "drift"  # a device was found to differ
    APPLY = "apply"  # a transaction is about to write to a device
    RECOVERED = "recovered"  # what became of a transaction left open is known
    MODE = "mode"
    NOTE = "note"  # start, stop, reload, model sets, cables


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One line of the durable reconcile log. `sequence` is dense, from 1, given by the store (0 before).

    `decision` is shared by all records of one reconcile. `durations` are seconds by phase (recover, fetch, plan,
    apply, probe, verify, total). `error_code` of an outcome that is no error: one that was overcome.
    """

    time: datetime
    event: Event
    decision: str = ""
    device: str = ""
    revision: int = 0
    trigger: Trigger | None = None
    outcome: OutcomeKind | None = None
    edits: tuple[PlannedEdit, ...] = ()
    durations: tuple[tuple[str, float], ...] = ()
    error_code: str = ""
    error_path: str = ""
    message: str = ""
    author: str = ""
    sequence: int = 0


class TransactionPhase(StrEnum):
    PREPARING = "preparing"  # stored before anything is sent
    STAGING = "staging"  # stored before the change is in force until it is confirmed
    CONFIRMING = "confirming"  # stored before the change is made permanent


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A write under way, stored before it is sent so that a restart knows of it. `preimage` is the device's
    configuration in scope before the write, as canonical RFC 7951 JSON. `commit` is the id under which the device
    holds the change and takes it back by itself unless it is confirmed; by `deadline`, counted from before it was
    sent. Empty and None: the device does not do that."""

    id: str
    device: str
    revision: int
    decision: str
    phase: TransactionPhase
    started: datetime
    preimage: bytes = field(default=b"", repr=False)
    commit: str = ""
    deadline: datetime | None = None

    def is_late(self, now: datetime) -> bool:
        """Whether the device may have taken it back by itself already."""
        return self.deadline is not None and now > self.deadline
