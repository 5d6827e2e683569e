"""What a refused request must leave behind: an error that says where, and a fabric that nothing happened to."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from installation import Installation, descriptions

from fabricd.northbound.v1 import fabricd_pb2 as pb

SERVICE = "/fabricd.v1.Fabricd/"
_STREAMS = {"Watch": pb.JournalRecord}
_ANSWERS: dict[str, Any] = {
    "Submit": pb.SubmitResponse,
    "Rollback": pb.SubmitResponse,
    "ListRevisions": pb.ListRevisionsResponse,
    "GetRevision": pb.GetRevisionResponse,
    "Diff": pb.DiffResponse,
    "Status": pb.StatusResponse,
    "Plan": pb.PlanResponse,
    "Reconcile": pb.ReconcileResponse,
    "SetMode": pb.SetModeResponse,
    "GetDesired": pb.GetDesiredResponse,
}
# What a journal says when something was made, found to differ, or written.
_CHANGES = frozenset({"revision", "apply", "drift", "mode", "recovered"})


@dataclass(frozen=True)
class Refusal:
    """An error as any gRPC client sees it."""

    code: grpc.StatusCode
    message: str
    info: ErrorInfo
    problems: tuple[pb.Problem, ...]
    fields: tuple[str, ...]
    omitted: int

    @property
    def reason(self) -> str:
        return str(self.info.reason)

    @property
    def device(self) -> str:
        return str(self.info.metadata.get("device", ""))

    @property
    def path(self) -> str:
        return str(self.info.metadata.get("path", ""))


@contextlib.asynccontextmanager
async def plain_channel(installation: Installation) -> AsyncIterator[grpc.aio.Channel]:
    """A channel without any of fabricd's own client in it, but for large requests and details."""
    options = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_metadata_size", 1 << 20),
        ("grpc.absolute_max_metadata_size", 1 << 20),
        ("grpc.default_authority", "localhost"),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    async with grpc.aio.insecure_channel(f"unix:{installation.folder / 'fabricd.sock'}", options=options) as channel:
        yield channel


async def ask(channel: grpc.aio.Channel, method: str, request: Any) -> Any:
    """The answer, of a stream its first message (None for an empty one). `request` may be raw bytes."""
    data = request if isinstance(request, bytes) else request.SerializeToString()
    if method in _STREAMS:
        call = channel.unary_stream(SERVICE + method, response_deserializer=_STREAMS[method].FromString)(data)
        found = await call.read()
        return None if found is grpc.aio.EOF and await call.code() is grpc.StatusCode.OK else found
    return await channel.unary_unary(SERVICE + method, response_deserializer=_ANSWERS[method].FromString)(
        data, timeout=120, metadata=(("fabricd-detail-bytes", "100000"),)
    )


async def refusal(channel: grpc.aio.Channel, method: str, request: Any) -> Refusal:
    """How the daemon refuses it; fails when it does not, or when it is gRPC that does."""
    try:
        answer = await ask(channel, method, request)
    except grpc.aio.AioRpcError as error:
        return read_refusal(error)
    raise AssertionError(f"{method} was not refused, but answered:\n{answer}")


def read_refusal(error: grpc.aio.AioRpcError) -> Refusal:
    trailing = dict(error.trailing_metadata() or ())
    assert "grpc-status-details-bin" in trailing, f"no details with {error.code()}: {error.details()}"
    status = Status.FromString(trailing["grpc-status-details-bin"])
    info, bad, places = ErrorInfo(), BadRequest(), pb.Problems()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
        detail.Unpack(places)
    assert info.domain == "fabricd"
    assert status.code == error.code().value[0]
    return Refusal(
        code=error.code(),
        message=error.details() or "",
        info=info,
        problems=tuple(places.problems),
        fields=tuple(violation.field for violation in bad.field_violations),
        omitted=places.omitted,
    )


@dataclass(frozen=True)
class Picture:
    """All that a refused request could have changed, as users and as the switches themselves see it."""

    started: str
    revision: int
    revisions: tuple[tuple[int, str], ...]
    intents: tuple[bytes, ...] = field(repr=False)
    devices: tuple[tuple[str, str, bool, int], ...]
    journal: tuple[int, ...]
    running: tuple[tuple[str, int, int, bytes], ...] = field(repr=False)


async def picture(installation: Installation) -> Picture:
    client = installation.client
    status = await client.status()
    return Picture(
        started=str(status.started),
        revision=status.revision,
        revisions=tuple((one.number, one.comment) for one in await client.revisions(limit=1000)),
        intents=tuple(one.SerializeToString(deterministic=True) for one in (await client.revision()).intents),
        devices=tuple((one.device, one.mode, one.in_sync, one.drift) for one in status.devices),
        journal=tuple([record.sequence async for record in client.watch() if record.event in _CHANGES]),
        running=tuple(
            (name, switch.commits, switch.version, switch.running)
            for name, switch in installation.simulation.switches.items()
        ),
    )


@contextlib.asynccontextmanager
async def changes_nothing(installation: Installation) -> AsyncIterator[None]:
    """Whatever happens inside leaves revisions, intents, modes, journal and switches as they were, and a daemon that is
    the same process, in sync, and takes the next submission."""
    before, logged = await picture(installation), len(installation.log)
    assert all(in_sync for _, _, in_sync, _ in before.devices)
    yield
    assert installation.process is not None
    assert installation.process.returncode is None, installation.log[-3000:]
    assert await picture(installation) == before
    next_one = await installation.client.submit([descriptions("next", "still serving", ["leaf1"])], dry_run=True)
    assert (next_one.revision, list(next_one.changed_devices)) == (before.revision, ["leaf1"])
    assert [(plan.device, len(plan.edits), plan.error) for plan in next_one.plans] == [("leaf1", 1, "")]
    written = installation.log[logged:]
    assert "Traceback" not in written, written[-4000:]
    for line in written.splitlines():
        json.loads(line)
