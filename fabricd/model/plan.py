"""Plans: the ordered edits for one device and how much they disturb.

Made by plan, judged and carried out by reconcile, shown by northbound. Pure values.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fabricd.model.edit import Edit


class Disruption(StrEnum):
    """How much traffic an edit disturbs, from least to most; `UNKNOWN` counts as the worst."""

    HITLESS = "hitless"
    SESSION_RESET = "session-reset"
    LINK_BOUNCE = "link-bounce"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PlannedEdit:
    edit: Edit
    disruption: Disruption


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes to bring one device to its desired tree of `revision`; empty `edits` means in sync.

    `unmanaged` counts nodes on the device outside the owned scope, `skipped` are paths the device sent that its
    models do not know, `omitted` desired nodes that such a device has to do without. `deleted_share` is the share
    (0..1) of the device's leaves in scope that the plan deletes. `reverts_itself` tells whether the device itself takes
    the change back when it is not confirmed.
    """

    device: str
    revision: int
    edits: tuple[PlannedEdit, ...] = ()
    disruption: Disruption = Disruption.HITLESS
    unmanaged: int = 0
    skipped: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()
    deleted_share: float = 0.0
    reverts_itself: bool = False
