"""The loop that brings every device to its desired tree, and what puts devices on its queue.

Used by northbound and started by the daemon. Must not know a concrete adapter.
"""

from fabricd.reconcile.cabling_watch import CablingWatch
from fabricd.reconcile.clock import Clock, SystemClock
from fabricd.reconcile.controller import Controller, DeviceView
from fabricd.reconcile.explanations import Explained, Explanations
from fabricd.reconcile.in_force_watch import InForceWatch
from fabricd.reconcile.live_plans import DevicePlan, LivePlans
from fabricd.reconcile.model_check import ModelChecks
from fabricd.reconcile.model_fetch import ModelFetches
from fabricd.reconcile.model_sets import ModelSets
from fabricd.reconcile.observations import Observations
from fabricd.reconcile.schedule import parse_windows
from fabricd.reconcile.submission import Submissions, Submitted

__all__ = [
    "CablingWatch",
    "Clock",
    "Controller",
    "DevicePlan",
    "DeviceView",
    "Explained",
    "Explanations",
    "InForceWatch",
    "LivePlans",
    "ModelChecks",
    "ModelFetches",
    "ModelSets",
    "Observations",
    "Submissions",
    "Submitted",
    "SystemClock",
    "parse_windows",
]
