"""Whether a plan may be carried out now: mode, enforcement windows, guard rails.

Asked by reconcile/reconciler for every plan that is not empty. Pure; must not know devices' sessions or the store.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import orjson

from fabricd.model.device import Mode
from fabricd.model.outcome import OutcomeKind
from fabricd.model.plan import Plan
from fabricd.plan import Planned

SMALL_DEVICE_LEAVES = 20
"""Below this many leaves in scope a share says little: the guard rail for deletions does not apply."""

_HOSTNAME = ("system", "config", "hostname")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a plan may not be carried out."""

    outcome: OutcomeKind
    reason: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the decision depends on. `rollout`: the device has never been at this desired tree, so this is not drift.
    `approved`: a person let the next plan through. `inventory`: the names of all devices."""

    mode: Mode
    rollout: bool
    window_open: bool
    approved: bool
    max_deleted_share: float
    inventory: Container[str] = ()


def forbids(planned: Planned, at: Circumstances) -> Verdict | None:
    """The reason not to carry out the plan now, or None. Approval lifts the guard rails, neither mode nor window."""
    plan = planned.plan
    if at.mode is not Mode.ENFORCE:
        return Verdict(OutcomeKind.DRIFTED, f"the device's mode is {at.mode}")
    if not at.rollout and not at.window_open:
        return Verdict(OutcomeKind.DRIFTED, "outside the windows in which drift may be repaired")
    if not at.approved and (taken_for := _calls_itself(plan)) != plan.device and taken_for in at.inventory:
        return Verdict(
            OutcomeKind.HELD,
            f"the device calls itself {taken_for!r}, which is another device of the inventory: is it reached at the "
            "right address? Reconcile with approval if it is, and shall be renamed",
        )
    deletes_much = plan.deleted_share > at.max_deleted_share and planned.leaves > SMALL_DEVICE_LEAVES
    if deletes_much and not at.approved:
        return Verdict(
            OutcomeKind.HELD,
            f"deletes {plan.deleted_share:.0%} of what fabricd owns there, more than {at.max_deleted_share:.0%}; "
            "reconcile with approval to let it through",
        )
    if planned.lost and not at.approved:
        more = f" and {len(planned.lost) - 1} more" if len(planned.lost) > 1 else ""
        return Verdict(
            OutcomeKind.HELD,
            "rewrites a list, as gNMI can neither move nor insert its entries, and what the models do not know goes "
            f"with it: {planned.lost[0]}{more}; reconcile with approval to let it through",
        )
    return None


def _calls_itself(plan: Plan) -> str:
    """The hostname that the device runs, where the plan gives it another one; else empty."""
    for planned in plan.edits:
        edit = planned.edit
        if edit.path.names == _HOSTNAME and edit.old is not None and edit.new is not None:
            return str(orjson.loads(edit.old))
    return ""
