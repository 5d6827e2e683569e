"""The one hierarchy of errors, and the places they point at.

Raised by every room; caught at the edges (gRPC status, CLI exit code, reconcile outcome). Knows no other room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where.

    `path` is a data path (RFC 7951 names), `line` and `column` count from 1 and are 0 when unknown. `rule` is the
    error-app-tag of the models' rule that is broken, as RFC 7950 section 15 has it, "" for none.
    """

    message: str
    device: str = ""
    intent: str = ""
    path: str = ""
    line: int = 0
    column: int = 0
    rule: str = field(default="", compare=False)

    def __str__(self) -> str:
        place = [part for part in (self.device, self.intent, self.path) if part]
        if self.line:
            place.append(f"line {self.line}" + (f", column {self.column}" if self.column else ""))
        return f"{': '.join(place)}: {self.message}" if place else self.message


class FabricdError(Exception):
    """Root of everything fabricd raises on purpose.

    `code` is stable and machine-readable (it stands in the journal and in google.rpc.ErrorInfo.reason).
    """

    code = "INTERNAL"

    def __init__(self, message: str, *, device: str = "", path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.device = device
        self.path = path

    def reword(self, change: Callable[[str], str]) -> None:
        """Say the same otherwise: `change` is applied to the sentence and to the path, both of which a device may have
        given."""
        self.message, self.path = change(self.message), change(self.path)
        self.args = (self.message,)


class InputError(FabricdError):
    """Something a person or a program handed in is wrong; `problems` names every place. Nothing was changed."""

    code = "INVALID_INPUT"

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems) or (Problem(message),)
        first = self.problems[0]
        super().__init__(message, device=first.device, path=first.path)

    def reword(self, change: Callable[[str], str]) -> None:
        super().reword(change)
        self.problems = tuple(replace(one, message=change(one.message), path=change(one.path)) for one in self.problems)

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> InputError:
        """The error for one or more problems (at least one), its message being the first problem."""
        found = tuple(problems)
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return cls(f"{found[0]}{more}", found)


class ConflictError(FabricdError):
    """The request was made against something that has changed since (a stale base revision, a used request id)."""

    code = "CONFLICT"


class RequestIdUsedError(ConflictError):
    """The request id stands for an earlier request with other content."""

    code = "REQUEST_ID_USED"


class NotFoundError(FabricdError):
    """A device, revision or intent of that name does not exist."""

    code = "NOT_FOUND"


class PermissionDeniedError(FabricdError):
    """The caller's role does not allow this."""

    code = "PERMISSION_DENIED"


class StoreError(FabricdError):
    """The store could not be read or written; nothing was acknowledged."""

    code = "STORE"


class DeviceError(FabricdError):
    """A device could not be read or written. `transient` tells whether trying again later can help; `without_effect`
    that it is certain that nothing of the change is in force, not even until somebody confirms it."""

    code = "DEVICE"
    transient = True
    without_effect = False


class DeviceUnreachableError(DeviceError):
    """No connection, or it was lost before the request was sent."""

    code = "DEVICE_UNREACHABLE"


class DeviceTimeoutError(DeviceError):
    """A deadline expired, or the connection broke with a request under way. Its effect is unknown: re-read, never
    resend."""

    code = "DEVICE_TIMEOUT"


class DeviceTrustError(DeviceError):
    """Wrong certificate, wrong host key, or credentials refused. Retried slowly: only a person can mend it."""

    code = "DEVICE_TRUST"


class DeviceRefusedError(DeviceError):
    """The device answered with an error; `tag` is its error-tag (RFC 6241 appendix A) or gRPC status name."""

    code = "DEVICE_REFUSED"

    def __init__(
        self, message: str, *, device: str = "", path: str = "", tag: str = "", transient: bool = True
    ) -> None:
        super().__init__(message, device=device, path=path)
        self.tag = tag
        self.transient = transient


class DeviceTooLargeError(DeviceRefusedError):
    """A request or an answer is larger than the device or Profile.max_message_bytes allows; or the device has too much
    to do, for which gRPC has the same status."""

    code = "DEVICE_TOO_LARGE"


class DeviceProtocolError(DeviceError):
    """The device sent something that its protocol does not allow, or that cannot be read with its models."""

    code = "DEVICE_PROTOCOL"
