"""How one reconcile ended, and the one function that says so for every exception.

Used by reconcile/reconciler. Pure; must not know the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from fabricd.errors import (
    DeviceError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTrustError,
    FabricdError,
    InputError,
)
from fabricd.model.outcome import OutcomeKind
from fabricd.model.path import Path
from fabricd.model.plan import Plan


class Retry(StrEnum):
    """When to come back to a device without being asked."""

    NEVER = "never"  # not before the next trigger
    SOON = "soon"  # retry_first, doubling up to retry_max
    SLOWLY = "slowly"  # minutes: only a person can mend it


@dataclass(frozen=True, slots=True)
class Ending:
    """What one reconcile of one device came to.

    `found` is the plan as it was found; `drift` counts edits that were found and not made. `seen` is the digest of
    the fetched bytes if they are known to equal the desired tree. `verdict` is a sentence for people.
    """

    outcome: OutcomeKind
    verdict: str = ""
    found: Plan | None = None
    drift: int = 0
    seen: str = ""
    retry: Retry = Retry.NEVER
    error_code: str = ""
    error_path: str = ""


class OvertakenError(FabricdError):
    """What was about to be written is not wanted any more. Nothing was made permanent; whoever changed his mind has
    put the device on the queue again."""

    code = "OVERTAKEN"


class NotConvergedError(FabricdError):
    """Edits that the device accepted, and that are not there when it is read again. `paths` (at least one) still
    differ. Says nothing about whether the device kept the rest: whoever held a net has it taken back."""

    code = "NOT_CONVERGED"

    def __init__(self, paths: Sequence[Path], *, device: str) -> None:
        first = paths[0].text
        super().__init__(
            f"{len(paths)} edits were accepted but did not take effect, first {first}", device=device, path=first
        )
        self.paths = tuple(paths)


def judge(error: Exception, found: Plan | None = None) -> Ending:
    """The ending for any exception that a reconcile may raise. `found` is the plan that was being carried out.

    Unreachable: no session, no trust, or an answer that did not come (the effect is unknown, so the device is read
    again before anything is sent). Failed: everything that a device, a document or we ourselves did wrong.
    """
    outcome, retry = OutcomeKind.FAILED, Retry.SOON
    match error:
        case DeviceTrustError():
            outcome, retry = OutcomeKind.UNREACHABLE, Retry.SLOWLY
        case DeviceRefusedError():
            pass
        case DeviceProtocolError():
            retry = Retry.SLOWLY
        case DeviceError():
            outcome = OutcomeKind.UNREACHABLE
        case OvertakenError():
            outcome, retry = OutcomeKind.DRIFTED, Retry.NEVER
        case InputError():
            # The desired tree itself is at fault; the same tree will not do better.
            retry = Retry.NEVER
        case FabricdError():
            pass
        case _:
            retry = Retry.SLOWLY
    if isinstance(error, DeviceError) and not error.transient:
        retry = Retry.SLOWLY
    if isinstance(error, DeviceRefusedError) and not error.path and found is not None and len(found.edits) == 1:
        error.path = found.edits[0].edit.path.text  # gNMI errors name no path; here it can only be this one
    code, path = (error.code, error.path) if isinstance(error, FabricdError) else (FabricdError.code, "")
    return Ending(
        outcome,
        verdict=str(error) or type(error).__name__,
        found=found,
        drift=len(found.edits) if found is not None else 0,
        retry=retry,
        error_code=code,
        error_path=path,
    )
