"""Errors on the wire: FabricdError to google.rpc.Status with its places, and back again.

The gate writes them, client reads them. Knows gRPC and the error hierarchy, nothing of what went wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from fabricd.errors import (
    ConflictError,
    DeviceError,
    FabricdError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    Problem,
    RequestIdUsedError,
    StoreError,
)
from fabricd.northbound.v1 import fabricd_pb2 as pb

DOMAIN = "fabricd"

# gRPC implementations refuse more than 8 KiB of metadata unless told otherwise; base64 takes a third of it.
DETAIL_BYTES = 4_500
MOST_DETAIL_BYTES = 512 << 10
_MESSAGE_BYTES = 800


class CursorError(FabricdError):
    """The journal has no gapless continuation of that cursor: records were pruned, or it lies beyond the end."""

    code = "OUT_OF_RANGE"


class UnauthenticatedError(FabricdError):
    """The caller did not prove who it is."""

    code = "UNAUTHENTICATED"


class BusyError(FabricdError):
    """A limit of the daemon is reached; trying again later can help."""

    code = "RESOURCE_EXHAUSTED"


class UnavailableError(FabricdError):
    """The daemon is not there, or is about to stop. Nothing is known of the request if it was already sent."""

    code = "UNAVAILABLE"


_CODES: dict[type[FabricdError], grpc.StatusCode] = {
    InputError: grpc.StatusCode.INVALID_ARGUMENT,
    RequestIdUsedError: grpc.StatusCode.ALREADY_EXISTS,
    ConflictError: grpc.StatusCode.ABORTED,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    PermissionDeniedError: grpc.StatusCode.PERMISSION_DENIED,
    UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
    StoreError: grpc.StatusCode.UNAVAILABLE,
    UnavailableError: grpc.StatusCode.UNAVAILABLE,
    BusyError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    CursorError: grpc.StatusCode.OUT_OF_RANGE,
    DeviceError: grpc.StatusCode.FAILED_PRECONDITION,
}


def status_code(error: FabricdError) -> grpc.StatusCode:
    """The gRPC status of the nearest known ancestor of the error; INTERNAL when there is none."""
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), grpc.StatusCode.INTERNAL)


def to_status(error: FabricdError, limit: int = DETAIL_BYTES) -> Status:
    """The error with its details in at most about `limit` bytes; problems beyond that are counted, not sent."""
    status = Status(code=_number(status_code(error)), message=_clipped(error.message, _MESSAGE_BYTES))
    info = ErrorInfo(reason=error.code, domain=DOMAIN)
    for key, value in (("device", error.device), ("path", error.path)):
        if value:
            info.metadata[key] = _clipped(value, _MESSAGE_BYTES)
    _pack(status, info)
    if not isinstance(error, InputError):
        return status
    violations = BadRequest()
    places = pb.Problems()
    room = limit - status.ByteSize() - 200  # type URLs and lengths of the two
    for count, problem in enumerate(error.problems):
        violation, place = _violation(problem), _place(problem)
        room -= violation.ByteSize() + place.ByteSize() + 12
        if room < 0 and count:
            places.omitted = len(error.problems) - count
            break
        violations.field_violations.append(violation)
        places.problems.append(place)
    _pack(status, violations)
    _pack(status, places)
    return status


def from_status(code: grpc.StatusCode, message: str, details: bytes | None) -> FabricdError:
    """The error a call ended with, as its own class where the details name one of ours."""
    status = Status()
    if details:
        try:
            status.ParseFromString(details)
        except DecodeError:
            status = Status(message=message)
    info, places = ErrorInfo(), pb.Problems()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(places)
    if info.domain != DOMAIN:
        return _foreign(code, message)
    kind = next((kind for kind in _kinds(FabricdError) if kind.code == info.reason), None)
    text = status.message or message
    if kind is InputError:
        problems = [_problem(place) for place in places.problems]
        if places.omitted:
            problems.append(Problem(f"and {places.omitted} more problems"))
        return InputError(text, problems)
    device, path = info.metadata.get("device", ""), info.metadata.get("path", "")
    if kind is None:
        error = FabricdError(text, device=device, path=path)
        error.code = info.reason
        return error
    return kind(text, device=device, path=path)


def _foreign(code: grpc.StatusCode, message: str) -> FabricdError:
    """An error that gRPC itself made up: no connection, too large, no such method."""
    kinds: dict[grpc.StatusCode, type[FabricdError]] = {
        grpc.StatusCode.UNAVAILABLE: UnavailableError,
        grpc.StatusCode.DEADLINE_EXCEEDED: UnavailableError,
        grpc.StatusCode.RESOURCE_EXHAUSTED: BusyError,
        grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
        grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
        grpc.StatusCode.NOT_FOUND: NotFoundError,
        grpc.StatusCode.OUT_OF_RANGE: CursorError,
    }
    error = kinds.get(code, FabricdError)(message or code.name)
    if type(error) is FabricdError:
        error.code = code.name
    return error


def _kinds(root: type[FabricdError]) -> Iterator[type[FabricdError]]:
    yield root
    for child in root.__subclasses__():
        yield from _kinds(child)


def _violation(problem: Problem) -> BadRequest.FieldViolation:
    line = f" (line {problem.line})" if problem.line else ""
    path = problem.path if problem.path.startswith("/") else f"/{problem.path}"
    return BadRequest.FieldViolation(
        field=f"{problem.intent}/{problem.device}{path}",
        description=problem.message + line,
    )


def _place(problem: Problem) -> pb.Problem:
    return pb.Problem(
        message=problem.message,
        device=problem.device,
        intent=problem.intent,
        path=problem.path,
        line=problem.line,
        column=problem.column,
    )


def _problem(place: pb.Problem) -> Problem:
    return Problem(
        place.message, device=place.device, intent=place.intent, path=place.path, line=place.line, column=place.column
    )


def _pack(status: Status, detail: ErrorInfo | BadRequest | pb.Problems) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status.details.append(packed)


def _number(code: grpc.StatusCode) -> int:
    number: int = code.value[0]
    return number


def _clipped(text: str, limit: int) -> str:
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= limit else raw[:limit].decode("utf-8", "ignore") + "…"
