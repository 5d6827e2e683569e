"""From the differences of one device to an ordered plan with disruption classes.

Used by reconcile inside a schema worker. Pure: does no I/O, knows no adapter and no store.
"""

from fabricd.plan.disruption import classify, worst
from fabricd.plan.order import ordered
from fabricd.plan.planner import Planned, deleted_share, make_plan, plan_edits
from fabricd.plan.secrets import NOTHING, Memory, hidden_value, secrets_in

__all__ = [
    "NOTHING",
    "Memory",
    "Planned",
    "classify",
    "deleted_share",
    "hidden_value",
    "make_plan",
    "ordered",
    "plan_edits",
    "secrets_in",
    "worst",
]
