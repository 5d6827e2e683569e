"""Requests that are wrong, or at odds with what is there: a clear error, nothing changed, nothing half done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.message import Message
from installation import DEVICES, Installation, descriptions, installed
from refusals import ask, changes_nothing, plain_channel, refusal

from fabricd.daemon import STORE_FILE
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.store import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")

HUGE = 2**64 - 1
GOOD = descriptions("good", "good", ["leaf1"])
GARBAGE = (b"\xff" * 9, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x03\x0a\x01\xff")
"""An endless varint, a length beyond the end, and a name that is no UTF-8 (the last one for documents only)."""


@dataclass(frozen=True)
class Kind:
    code: grpc.StatusCode
    reason: str


INVALID = Kind(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_INPUT")
NOT_FOUND = Kind(grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
CONFLICT = Kind(grpc.StatusCode.ABORTED, "CONFLICT")
USED = Kind(grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_USED")
BEYOND = Kind(grpc.StatusCode.OUT_OF_RANGE, "OUT_OF_RANGE")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fabric(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """The demo's fabric at revision 2, in sync; request id "used" made the second."""
    async with installed(tmp_path_factory.mktemp("bad-requests")) as installation:
        await installation.start()
        await installation.submit_fabric()
        await installation.client.submit([descriptions("used", "x", ["leaf2"])], request_id="used")
        await installation.converge()
        yield installation


def said(name: str, *, priority: int = 300, text: str = "x", devices: str = "leaf1") -> pb.Document:
    body = (
        f"kind: config\nname: {name}\npriority: {priority}\ndevices: [{devices}]\nconfig:\n"
        f"  openconfig-system:system: {{config: {{login-banner: '{text}'}}}}\n"
    )
    return pb.Document(source=f"{name}.yaml", content=body.encode())


REQUESTS: dict[str, tuple[str, Message, Kind, str]] = {
    "empty submission": ("Submit", pb.SubmitRequest(comment="c"), INVALID, "nothing was submitted"),
    "endless comment": ("Submit", pb.SubmitRequest(documents=[GOOD], comment="c" * 5000), INVALID, "comment"),
    "endless request id": ("Submit", pb.SubmitRequest(documents=[GOOD], request_id="c" * 200), INVALID, "request_id"),
    "stale base": ("Submit", pb.SubmitRequest(documents=[GOOD], base_revision=1), CONFLICT, "revision 1, but 2"),
    "base of no revision": ("Submit", pb.SubmitRequest(documents=[GOOD], base_revision=0), CONFLICT, "but 2"),
    "absurd base": ("Submit", pb.SubmitRequest(documents=[GOOD], base_revision=HUGE), CONFLICT, str(HUGE)),
    "used request id": ("Submit", pb.SubmitRequest(documents=[GOOD], request_id="used"), USED, "'used'"),
    "used request id of a rollback": ("Rollback", pb.RollbackRequest(to_revision=1, request_id="used"), USED, "'used'"),
    "withdrawal of nothing": ("Submit", pb.SubmitRequest(withdraw=["nobody"]), NOT_FOUND, "'nobody'"),
    "good document, withdrawal of nothing": (
        "Submit", pb.SubmitRequest(documents=[GOOD], withdraw=["leaf1", "nobody"]), NOT_FOUND, "'nobody'",
    ),
    "submitted and withdrawn": ("Submit", pb.SubmitRequest(documents=[GOOD], withdraw=["good"]), INVALID, "at once"),
    "rollback to nothing": ("Rollback", pb.RollbackRequest(), INVALID, "to_revision"),
    "rollback to the future": ("Rollback", pb.RollbackRequest(to_revision=3), NOT_FOUND, "revision 3"),
    "rollback to an absurd revision": ("Rollback", pb.RollbackRequest(to_revision=HUGE), NOT_FOUND, str(HUGE)),
    "rollback on a stale base": ("Rollback", pb.RollbackRequest(to_revision=1, base_revision=1), CONFLICT, "but 2"),
    "absurd revision": ("GetRevision", pb.GetRevisionRequest(revision=HUGE), NOT_FOUND, str(HUGE)),
    "diff of an absurd revision": ("Diff", pb.DiffRequest(from_revision=1, to_revision=HUGE), NOT_FOUND, str(HUGE)),
    "diff from an absurd revision": ("Diff", pb.DiffRequest(from_revision=HUGE), NOT_FOUND, str(HUGE)),
    "desired of an absurd revision": (
        "GetDesired", pb.GetDesiredRequest(device="leaf1", revision=HUGE), NOT_FOUND, str(HUGE),
    ),
    "desired of an unknown device": ("GetDesired", pb.GetDesiredRequest(device="leaf9"), NOT_FOUND, "'leaf9'"),
    "desired of no device": ("GetDesired", pb.GetDesiredRequest(), NOT_FOUND, "''"),
    "status of an unknown device": ("Status", pb.StatusRequest(devices=["leaf1", "leaf9"]), NOT_FOUND, "'leaf9'"),
    "plan of an unknown device": ("Plan", pb.PlanRequest(devices=["leaf1", "leaf9"]), NOT_FOUND, "'leaf9'"),
    "diff of an unknown device": ("Diff", pb.DiffRequest(devices=["leaf9"]), NOT_FOUND, "'leaf9'"),
    "reconcile of an unknown device": (
        "Reconcile", pb.ReconcileRequest(devices=["leaf1", "leaf9"]), NOT_FOUND, "'leaf9'",
    ),
    "a device name of a megabyte": ("Status", pb.StatusRequest(devices=["x" * (1 << 20)]), NOT_FOUND, "xxx"),
    "a device name with control characters": ("Status", pb.StatusRequest(devices=["\x00\n\x1b"]), NOT_FOUND, r"\x00"),
    "mode of an unknown device": (
        "SetMode", pb.SetModeRequest(devices=["leaf1", "leaf9"], mode="pause"), NOT_FOUND, "'leaf9'",
    ),
    "mode of no device": ("SetMode", pb.SetModeRequest(mode="pause"), INVALID, "no device"),
    "invalid mode": ("SetMode", pb.SetModeRequest(devices=["leaf1"], mode="destroy"), INVALID, "'destroy'"),
    "endless reason": (
        "SetMode", pb.SetModeRequest(devices=["leaf1"], mode="pause", reason="c" * 5000), INVALID, "reason",
    ),
    "watch of an absurd cursor": ("Watch", pb.WatchRequest(after=HUGE), BEYOND, str(HUGE)),
    "watch beyond the end": ("Watch", pb.WatchRequest(after=1_000_000, follow=True), BEYOND, "1000000"),
    "two intents of one name": (
        "Submit", pb.SubmitRequest(documents=[said("a"), said("a", text="y")]), INVALID, "a.yaml: a",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_bad_request_is_refused(fabric: Installation, name: str) -> None:
    method, request, kind, says = REQUESTS[name]
    async with plain_channel(fabric) as channel, changes_nothing(fabric):
        found = await refusal(channel, method, request)
    assert (found.code, found.reason) == (kind.code, kind.reason)
    assert says in found.message
    assert len(found.message) < 2000
    if kind is NOT_FOUND and "'leaf9'" in says:
        assert found.device == "leaf9"


@pytest.mark.parametrize("garbage", GARBAGE, ids=("varint", "length", "text"))
async def test_bytes_that_are_no_submission_are_refused(fabric: Installation, garbage: bytes) -> None:
    async with plain_channel(fabric) as channel, changes_nothing(fabric):
        found = await refusal(channel, "Submit", garbage)
    assert (found.code, found.reason) == (INVALID.code, INVALID.reason)
    assert "not a well-formed message" in found.message


async def test_a_watch_from_before_what_was_pruned_is_refused_and_one_from_there_on_is_served(tmp_path: Path) -> None:
    async with installed(tmp_path) as installation:
        await installation.start()
        await installation.submit_fabric()
        await installation.converge()
        assert await installation.stop() == 0
        store = await Store.open(installation.folder / "state" / STORE_FILE)
        await store.prune(5)
        first = await store.first_sequence()
        await store.close()
        assert first > 2
        await installation.start()
        await installation.converge()
        async with plain_channel(installation) as channel, changes_nothing(installation):
            for after in (1, first - 2):
                found = await refusal(channel, "Watch", pb.WatchRequest(after=after))
                assert (found.code, found.reason) == (BEYOND.code, BEYOND.reason)
                assert f"records {after + 1} to {first - 1} of the journal were pruned" in found.message
            for after in (0, first - 1):
                assert (await ask(channel, "Watch", pb.WatchRequest(after=after))).sequence == first


async def test_absurd_numbers_that_have_an_answer_are_answered(fabric: Installation) -> None:
    everything = 2**32 - 1
    async with plain_channel(fabric) as channel, changes_nothing(fabric):
        for request in (pb.ListRevisionsRequest(limit=everything), pb.ListRevisionsRequest(before=HUGE)):
            listed = await ask(channel, "ListRevisions", request)
            assert [one.number for one in listed.revisions] == [2, 1]
        assert not (await ask(channel, "ListRevisions", pb.ListRevisionsRequest(before=1))).revisions
        first = await ask(channel, "Watch", pb.WatchRequest(last=everything))
        assert first.sequence == 1


async def test_two_intents_of_equal_priority_that_disagree_are_both_named(fabric: Installation) -> None:
    both = pb.SubmitRequest(documents=[said("one", text="this"), said("two", text="that")])
    async with plain_channel(fabric) as channel, changes_nothing(fabric):
        found = await refusal(channel, "Submit", both)
    assert (found.code, found.reason) == (INVALID.code, INVALID.reason)
    (problem,) = found.problems
    assert problem.device == "leaf1"
    assert problem.path == "/openconfig-system:system/config/login-banner"
    assert "one" in problem.message + problem.intent
    assert "two" in problem.message + problem.intent


async def test_an_intent_that_disagrees_with_a_stored_one_names_both(fabric: Installation) -> None:
    """`base` of the demo has its say about the banner at priority 100."""
    async with plain_channel(fabric) as channel, changes_nothing(fabric):
        found = await refusal(channel, "Submit", pb.SubmitRequest(documents=[said("rival", priority=100)]))
    (problem,) = found.problems
    assert (problem.device, problem.path) == ("leaf1", "/openconfig-system:system/config/login-banner")
    assert "rival" in problem.message
    assert "base" in problem.message


async def test_one_bad_document_among_a_hundred_good_ones_takes_all_with_it(fabric: Installation) -> None:
    good = [said(f"good{n}", priority=1000 + n, devices=DEVICES[n % len(DEVICES)]) for n in range(100)]
    bad = pb.Document(source="bad.yaml", content=good[50].content.replace(b"login-banner", b"login-fee"))
    async with plain_channel(fabric) as channel, changes_nothing(fabric):
        documents = [*good[:50], bad, *good[51:]]
        found = await refusal(channel, "Submit", pb.SubmitRequest(documents=documents, withdraw=["used"]))
    (problem,) = found.problems
    assert (problem.intent, problem.path) == ("bad.yaml: good50", "/openconfig-system:system/config/login-fee")
    assert problem.line == 6


async def test_every_wrong_document_is_told_at_once(fabric: Installation) -> None:
    wrong = [pb.Document(source=f"{n}.yaml", content=said(f"i{n}").content.replace(b"'x'", b"[]")) for n in range(5)]
    async with plain_channel(fabric) as channel, changes_nothing(fabric):
        found = await refusal(channel, "Submit", pb.SubmitRequest(documents=wrong))
    assert [problem.intent for problem in found.problems] == [f"{n}.yaml: i{n}" for n in range(5)]


async def test_thousands_of_problems_fit_into_an_answer_and_the_rest_is_counted(fabric: Installation) -> None:
    many = [said(f"i{n}", devices=f"nobody{n}") for n in range(1000)]
    async with plain_channel(fabric) as channel, changes_nothing(fabric):
        found = await refusal(channel, "Submit", pb.SubmitRequest(documents=many))
    assert len(found.problems) + found.omitted == 1000
    assert found.problems
    assert found.omitted
    assert all("nobody" in problem.message for problem in found.problems)


async def test_a_dry_run_of_something_bad_is_refused_alike(fabric: Installation) -> None:
    bad = said("bad", devices="leaf9")
    async with plain_channel(fabric) as channel, changes_nothing(fabric):
        told: list[Any] = [
            (found.code, found.reason, found.message, found.problems)
            for dry in (True, False)
            for found in [await refusal(channel, "Submit", pb.SubmitRequest(documents=[bad], dry_run=dry))]
        ]
    assert told[0] == told[1]


async def test_a_refused_request_leaves_its_id_unused(fabric: Installation) -> None:
    async with plain_channel(fabric) as channel, changes_nothing(fabric):
        for _ in range(2):
            request = pb.SubmitRequest(documents=[said("bad", devices="leaf9")], request_id="retried")
            assert (await refusal(channel, "Submit", request)).reason == "INVALID_INPUT"
        # Good this time: were the id taken, this would be REQUEST_ID_USED.
        good = pb.SubmitRequest(documents=[GOOD], request_id="retried", dry_run=True)
        assert list((await ask(channel, "Submit", good)).changed_devices) == ["leaf1"]
