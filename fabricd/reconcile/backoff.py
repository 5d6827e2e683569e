"""How long a device that failed is left in peace.

Called by reconcile/reconciler. Pure but for the random source that is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from tenacity import RetryCallState, wait_exponential

from fabricd.reconcile.outcomes import Retry
from fabricd.settings import ReconcileSettings

# Only a person can mend a wrong key or password; asking often would lock accounts.
_SLOW_FIRST = 60.0
_SLOW_MAX = 600.0


@dataclass(slots=True)
class Backoff:
    """Doubles with every failure in a row, up to a maximum; a random share of the upper half is taken off, so that
    devices that failed together do not come back together."""

    settings: ReconcileSettings
    random: Random = field(default_factory=Random)

    def delay(self, retry: Retry, failures: int) -> float | None:
        """Seconds until the next try after `failures` (at least 1) in a row; None: wait for another trigger."""
        match retry:
            case Retry.NEVER:
                return None
            case Retry.SOON:
                first, longest = self.settings.retry_first, self.settings.retry_max
            case Retry.SLOWLY:
                first, longest = _SLOW_FIRST, max(_SLOW_MAX, self.settings.retry_max)
        state = RetryCallState(retry_object=None, fn=None, args=(), kwargs={})  # type: ignore[arg-type]
        state.attempt_number = min(failures, 64)
        full = float(wait_exponential(multiplier=first, max=longest)(state))
        return full * self.random.uniform(0.5, 1.0)
