"""When waiting for devices ends, and with which exit code."""

from __future__ import annotations

import pytest

from fabricd.cli.converge import Goal, verdict
from fabricd.northbound.v1 import fabricd_pb2 as pb


def device(outcome: str, *, revision: int = 0, desired: int = 2, checked: int = 0, **fields: object) -> pb.DeviceStatus:
    found = pb.DeviceStatus(
        device="leaf1", mode="enforce", outcome=outcome, revision=revision, desired_revision=desired, **fields
    )  # type: ignore[arg-type]
    found.checked.FromNanoseconds(checked)
    return found


@pytest.mark.parametrize(
    ("status", "settled", "code"),
    [
        (device("in-sync", revision=2, in_sync=True), True, 0),
        (device("applied", revision=2, in_sync=True), True, 0),
        (device("in-sync", revision=1), False, 1),  # equal to what was wanted before
        (device("unmanaged"), False, 1),  # a new device, not yet looked at
        (device(""), False, 1),
        (device("in-sync", revision=1, desired=0), True, 0),  # taken leave of
        (device("drifted", revision=1), False, 1),  # an answer about the revision before
        (device("drifted", revision=2), True, 2),
        (device("held", revision=2), True, 2),
        (device("unstable", revision=3), True, 2),
        (device("unreachable", revision=2), False, 1),  # may come back
        (device("failed", revision=2), False, 1),
    ],
)
def test_waiting_ends_when_nothing_more_will_happen_by_itself(
    status: pb.DeviceStatus, settled: bool, code: int
) -> None:
    goal = Goal(("leaf1",), revision=2)
    assert goal.settled(status) is settled
    assert verdict(pb.StatusResponse(devices=[status]), goal) == code


def test_a_paused_device_is_pending_at_once() -> None:
    paused = device("paused")
    paused.mode = "pause"
    assert verdict(pb.StatusResponse(devices=[paused]), Goal(("leaf1",), revision=2)) == 2


def test_only_a_check_after_the_request_counts_when_that_is_what_was_asked_for() -> None:
    goal = Goal(("leaf1",), since={"leaf1": 100})
    assert not goal.settled(device("in-sync", in_sync=True, checked=100))
    assert goal.settled(device("in-sync", in_sync=True, checked=101))
    assert not goal.settled(device("drifted", checked=100))
    assert goal.settled(device("drifted", checked=101))


def test_one_error_among_many_is_an_error() -> None:
    statuses = [device("in-sync", in_sync=True), device("drifted", revision=2), device("failed", revision=2)]
    assert verdict(pb.StatusResponse(devices=statuses), Goal(("leaf1",), revision=2)) == 1
    assert verdict(pb.StatusResponse(devices=statuses[:2]), Goal(("leaf1",), revision=2)) == 2
