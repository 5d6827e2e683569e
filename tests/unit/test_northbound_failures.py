"""Errors on the wire come back as what they were, however many problems they carry."""

from __future__ import annotations

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from fabricd.errors import (
    ConflictError,
    DeviceRefusedError,
    DeviceTimeoutError,
    FabricdError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    Problem,
    RequestIdUsedError,
    StoreError,
)
from fabricd.northbound.failures import (
    DETAIL_BYTES,
    BusyError,
    CursorError,
    UnauthenticatedError,
    UnavailableError,
    from_status,
    status_code,
    to_status,
)

CODES = [
    (InputError("bad"), grpc.StatusCode.INVALID_ARGUMENT),
    (ConflictError("stale"), grpc.StatusCode.ABORTED),
    (RequestIdUsedError("used"), grpc.StatusCode.ALREADY_EXISTS),
    (NotFoundError("none", device="leaf9"), grpc.StatusCode.NOT_FOUND),
    (PermissionDeniedError("no"), grpc.StatusCode.PERMISSION_DENIED),
    (UnauthenticatedError("who"), grpc.StatusCode.UNAUTHENTICATED),
    (StoreError("disk"), grpc.StatusCode.UNAVAILABLE),
    (UnavailableError("stopping"), grpc.StatusCode.UNAVAILABLE),
    (BusyError("many"), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (CursorError("pruned"), grpc.StatusCode.OUT_OF_RANGE),
    (DeviceTimeoutError("slow", device="leaf1"), grpc.StatusCode.FAILED_PRECONDITION),
    (DeviceRefusedError("no", path="/a"), grpc.StatusCode.FAILED_PRECONDITION),
    (FabricdError("what"), grpc.StatusCode.INTERNAL),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=lambda value: type(value).__name__)
def test_every_error_has_its_code_and_comes_back_as_its_own_class(error: FabricdError, code: grpc.StatusCode) -> None:
    assert status_code(error) is code
    back = from_status(code, error.message, to_status(error).SerializeToString())
    assert type(back) is type(error)
    assert (back.message, back.code, back.device, back.path) == (error.message, error.code, error.device, error.path)


def test_details_name_reason_domain_and_every_place() -> None:
    error = InputError.of(
        [
            Problem("no such leaf", device="leaf1", intent="base", path="/m:a/b[name='x']", line=7, column=3),
            Problem("wrong type", intent="base", path="config.x"),
        ]
    )
    status = to_status(error)
    info, bad = ErrorInfo(), BadRequest()
    assert [any(detail.Unpack(kind) for kind in (info, bad)) for detail in status.details][:2] == [True, True]
    assert (info.reason, info.domain) == ("INVALID_INPUT", "fabricd")
    assert [(one.field, one.description) for one in bad.field_violations] == [
        ("base/leaf1/m:a/b[name='x']", "no such leaf (line 7)"),
        ("base//config.x", "wrong type"),
    ]


_texts = st.text(max_size=60)
_problems = st.builds(
    Problem,
    message=_texts,
    device=_texts,
    intent=_texts,
    path=_texts,
    line=st.integers(0, 2**31),
    column=st.integers(0, 2**31),
)


@given(st.lists(_problems, min_size=1, max_size=20))
def test_problems_survive_the_wire_unchanged(problems: list[Problem]) -> None:
    status = to_status(InputError("several", problems), limit=1 << 20)
    back = from_status(grpc.StatusCode.INVALID_ARGUMENT, "", status.SerializeToString())
    assert isinstance(back, InputError)
    assert back.problems == tuple(problems)


@given(st.integers(1, 3000), st.integers(1, 400), st.integers(DETAIL_BYTES, 100_000))
def test_details_stay_below_the_callers_limit_and_count_what_they_leave_out(count: int, size: int, limit: int) -> None:
    status = to_status(InputError("x", [Problem("p" * size, path="/a/b")] * count), limit)
    assert status.ByteSize() <= limit
    back = from_status(grpc.StatusCode.INVALID_ARGUMENT, "", status.SerializeToString())
    assert isinstance(back, InputError)
    sent = [problem for problem in back.problems if problem.path]
    if len(sent) < count:
        assert back.problems[-1].message == f"and {count - len(sent)} more problems"
    else:
        assert len(back.problems) == count


@pytest.mark.parametrize("details", [None, b"", b"\xff\xff not a message", Status(message="x").SerializeToString()])
def test_errors_that_are_not_ours_are_still_errors_of_the_right_kind(details: bytes | None) -> None:
    assert isinstance(from_status(grpc.StatusCode.UNAVAILABLE, "gone", details), UnavailableError)
    assert isinstance(from_status(grpc.StatusCode.RESOURCE_EXHAUSTED, "large", details), BusyError)
    unknown = from_status(grpc.StatusCode.UNIMPLEMENTED, "Method not found!", details)
    assert (type(unknown), unknown.code, unknown.message) == (FabricdError, "UNIMPLEMENTED", "Method not found!")


def test_a_reason_of_a_newer_daemon_keeps_its_code() -> None:
    class NewerError(FabricdError):
        code = "NEWER"

    sent = to_status(NewerError("from the future")).SerializeToString()
    NewerError.code = "OTHER"  # this side does not know it
    back = from_status(grpc.StatusCode.INTERNAL, "", sent)
    assert (type(back), back.code, back.message) == (FabricdError, "NEWER", "from the future")
