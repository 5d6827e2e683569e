"""Whether a plan may be carried out now: mode, enforcement windows, guard rails.

Asked by reconcile/reconciler for every plan that is not empty. Pure; must not know devices' sessions or the store.
"""

from __future__ import annotations

from dataclasses import dataclass

from fabricd.model.device import Mode
from fabricd.model.outcome import OutcomeKind
from fabricd.plan import Planned

SMALL_DEVICE_LEAVES = 20
"""Below this many leaves in scope a share says little: the guard rail for deletions does not apply."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a plan may not be carried out."""

    outcome: OutcomeKind
    reason: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the decision depends on. `rollout`: the device has never been at this desired tree, so this is not drift.
    `approved`: a person let the next plan through."""

    mode: Mode
    rollout: bool
    window_open: bool
    approved: bool
    max_deleted_share: float


def forbids(planned: Planned, at: Circumstances) -> Verdict | None:
    """The reason not to carry out the plan now, or None. Approval lifts the guard rails, neither mode nor window."""
    plan = planned.plan
    if at.mode is not Mode.ENFORCE:
        return Verdict(OutcomeKind.DRIFTED, f"the device's mode is {at.mode}")
    if not at.rollout and not at.window_open:
        return Verdict(OutcomeKind.DRIFTED, "outside the windows in which drift may be repaired")
    deletes_much = plan.deleted_share > at.max_deleted_share and planned.leaves > SMALL_DEVICE_LEAVES
    if deletes_much and not at.approved:
        return Verdict(
            OutcomeKind.HELD,
            f"deletes {plan.deleted_share:.0%} of what fabricd owns there, more than {at.max_deleted_share:.0%}; "
            "reconcile with approval to let it through",
        )
    return None
