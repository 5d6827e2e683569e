"""How long a device takes to show what it accepted, and to show that it is gone: measured at every change.

Kept by the bench, told at the end of a probe. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fabricd.model.probe import Certainty, Finding

SLOW = 0.4
"""Seconds; what takes longer to show is told."""
_MARGIN = 3.0  # a device under load takes longer than one that is probed


@dataclass
class Settling:
    """Seconds. `slowest` of all changes, `bound`: what the profile says, 0 while all show at once. `kept`: how many
    changes showed within the bound since it is what it is."""

    slowest: float = 0.0
    bound: float = 0.0
    kept: int = 0

    def took(self, seconds: float) -> None:
        """One more change was seen to show, or to be gone."""
        self.slowest = max(self.slowest, seconds)
        if seconds <= max(self.bound, SLOW):
            self.kept += 1
        else:
            self.bound, self.kept = float(math.ceil(seconds * _MARGIN)), 0

    @property
    def patience(self) -> float:
        """How long to wait before something counts as not there."""
        return self.slowest * 1.5 + SLOW if self.bound else 0.0

    def finding(self) -> Finding | None:
        """What is to be told, None where there is nothing."""
        if not self.bound:
            return None
        return Finding(
            "settle",
            f"What is accepted shows after up to {self.slowest:.1f} s.",
            (23,),
            ("write.settle",),
            (
                f"accepted, and to be read {self.slowest:.1f} s later",
                f"{self.kept} more changes were to be seen, or to be seen gone, within {self.bound:g} s",
            ),
            Certainty.SEEN if self.kept else Certainty.LIKELY,
        )
