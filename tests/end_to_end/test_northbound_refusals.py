"""Bad input to fabricd.v1 gets a clear error and changes nothing; and sockets that cannot be had."""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
import stat
from pathlib import Path

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from northbound_harness import Service, interfaces, serving

from fabricd.client import Client
from fabricd.errors import ConflictError, FabricdError, InputError, RequestIdUsedError
from fabricd.northbound.failures import UnavailableError
from fabricd.northbound.server import SERVICE
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.northbound.v1.fabricd_pb2_grpc import FabricdStub

# Bad input


async def test_every_problem_of_a_document_comes_with_its_place(client: Client) -> None:
    content = interfaces("leaf1").content.replace(b"mtu: 9000", b"mtu: huge\n          colour: blue")
    with pytest.raises(InputError) as caught:
        await client.submit([pb.Document(source="bad.yaml", content=content)])
    assert {problem.line for problem in caught.value.problems} <= {11, 12}
    assert any("mtu" in problem.path or "mtu" in problem.message for problem in caught.value.problems)
    assert all("bad.yaml" in problem.intent for problem in caught.value.problems)
    assert await client.revisions() == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"kind": "config", ', "line 1"),
        (b"kind: config\n  name: [", "line 2"),
        (b"", "empty"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"kind: service\nname: x\ndevices: [leaf1]\nconfig: {}", "kind"),
        (b"kind: config\nname: x\ndevices: [leaf9]\nconfig: {}", "leaf9"),
    ],
)
async def test_malformed_documents_are_refused_with_a_place(client: Client, content: bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        await client.submit([pb.Document(source="bad", content=content)])
    assert any(said in str(problem) for problem in caught.value.problems)
    assert await client.revisions() == []


async def test_a_document_of_64_megabytes_gets_a_clear_answer(client: Client) -> None:
    large = pb.Document(source="large.yaml", content=b"#" * (64 << 20))
    with pytest.raises(InputError) as caught:
        await client.submit([large])
    assert caught.value.problems[0].intent == "large.yaml"
    assert str(64 << 20) in caught.value.problems[0].message
    assert await client.revisions() == []


async def test_a_request_too_large_for_the_wire_is_refused_and_the_daemon_lives_on(tmp_path: Path) -> None:
    async with serving(tmp_path, max_message_bytes=1 << 20) as service, service.client() as client:
        with pytest.raises(FabricdError) as caught:
            await client.submit([pb.Document(content=b"#" * (2 << 20))])
        assert caught.value.code == "RESOURCE_EXHAUSTED"
        assert (await client.status()).revision == 0


async def test_a_stale_base_revision_is_refused_and_the_current_one_taken(client: Client) -> None:
    await client.submit([interfaces("leaf1")], base_revision=0)
    with pytest.raises(ConflictError) as caught:
        await client.submit([interfaces("leaf1", mtu=9100)], base_revision=0)
    assert type(caught.value) is ConflictError
    with pytest.raises(ConflictError):
        await client.rollback(1, base_revision=7)
    assert (await client.submit([interfaces("leaf1", mtu=9100)], base_revision=1)).revision == 2


async def test_of_many_submissions_on_one_base_exactly_one_wins(service: Service) -> None:
    async with service.client() as client:
        results = await asyncio.gather(
            *(client.submit([interfaces("leaf1", mtu=9000 + n)], base_revision=0) for n in range(8)),
            return_exceptions=True,
        )
        assert sum(isinstance(one, pb.SubmitResponse) for one in results) == 1
        assert sum(isinstance(one, ConflictError) for one in results) == 7
        assert [one.number for one in await client.revisions()] == [1]


async def test_a_repeated_request_id_is_answered_and_not_repeated(client: Client) -> None:
    first = await client.submit([interfaces("leaf1")], request_id="r-1")
    await client.submit([interfaces("leaf2")])
    again = await client.submit([interfaces("leaf1")], request_id="r-1")
    assert (again.revision, again.repeated_request, list(again.changed_devices)) == (
        first.revision, True, list(first.changed_devices)
    )  # fmt: skip
    with pytest.raises(RequestIdUsedError):
        await client.submit([interfaces("leaf1", mtu=1500)], request_id="r-1")
    with pytest.raises(RequestIdUsedError):
        await client.rollback(1, request_id="r-1")
    assert len(await client.revisions()) == 2


async def test_nothing_and_too_much_text_are_refused(client: Client) -> None:
    for attempt in (
        client.submit([]),
        client.submit([interfaces("leaf1")], comment="x" * 5000),
        client.submit([interfaces("leaf1")], request_id="x" * 129),
        client.rollback(0),
        client.set_mode(["leaf1"], "observe", reason="x" * 5000),
    ):
        with pytest.raises(InputError):
            await attempt


async def test_an_error_carries_google_rpc_details_for_any_client(service: Service) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        content = interfaces("leaf1").content.replace(b"mtu: 9000", b"colour: blue")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await FabricdStub(channel).Submit(pb.SubmitRequest(documents=[pb.Document(source="d", content=content)]))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    trailing = dict(caught.value.trailing_metadata() or ())
    status = Status.FromString(trailing["grpc-status-details-bin"])
    info, bad = ErrorInfo(), BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    assert (info.reason, info.domain) == ("INVALID_INPUT", "fabricd")
    assert "colour" in bad.field_violations[0].description + bad.field_violations[0].field


async def test_hundreds_of_problems_reach_both_our_client_and_one_with_small_metadata(service: Service) -> None:
    lines = "\n".join(f"          unknown-leaf-{n}: {n}" for n in range(300))
    content = interfaces("leaf1").content.decode().replace("          mtu: 9000", lines).encode()
    document = pb.Document(source="many.yaml", content=content)
    async with service.client() as client:
        with pytest.raises(InputError):
            await client.submit([document])
    async with grpc.aio.insecure_channel(service.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await FabricdStub(channel).Submit(pb.SubmitRequest(documents=[document]))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def _answered(channel: grpc.aio.Channel, path: str, request: bytes, *, streaming: bool) -> None:
    if not streaming:
        await channel.unary_unary(path)(request)
        return
    async for _ in channel.unary_stream(path)(request):
        pass


async def test_bytes_that_are_no_message_are_an_invalid_argument_of_every_method(service: Service) -> None:
    methods = pb.DESCRIPTOR.services_by_name["Fabricd"].methods
    async with grpc.aio.insecure_channel(service.address) as channel:
        for method in methods:
            path = f"/{SERVICE}/{method.name}"
            garbage = b"\xff\xff\xff\xff"
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await _answered(channel, path, garbage, streaming=method.server_streaming)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, method.name
            assert b"INVALID_INPUT" in dict(caught.value.trailing_metadata() or ())["grpc-status-details-bin"]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(f"/{SERVICE}/Destroy")(b"")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_surprise_inside_is_logged_and_not_leaked(
    service: Service, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    # Something that no check foresees.
    service.controller.fleet.devices = None  # type: ignore[assignment]
    with caplog.at_level(logging.ERROR), pytest.raises(FabricdError) as caught:
        await client.status()
    assert caught.value.code == "INTERNAL"
    assert "NoneType" not in caught.value.message
    assert "Traceback" in caplog.text


async def test_a_submission_is_carried_to_its_end_when_the_caller_hangs_up(client: Client) -> None:
    for mtu in range(9000, 9010):
        task = asyncio.ensure_future(client.submit([interfaces("leaf1", mtu=mtu)]))
        await asyncio.sleep(0.002 * (mtu - 9000))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    last = await client.submit([interfaces("leaf1", mtu=1500)])
    revisions = await client.revisions()
    assert [one.number for one in revisions] == list(range(last.revision, 0, -1))
    records = [record async for record in client.watch()]
    told = [record.revision for record in records if record.event == "revision"]
    assert told == list(range(1, last.revision + 1))
    assert [record.sequence for record in records] == list(range(1, len(records) + 1))


# The socket, health and reflection


async def test_the_socket_has_its_permissions_from_the_start_and_goes_with_the_daemon(tmp_path: Path) -> None:
    async with serving(tmp_path, unix_mode=0o600) as service:
        mode = service.socket.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not service.socket.exists()


async def test_a_live_socket_is_refused_and_keeps_working(service: Service, client: Client, tmp_path: Path) -> None:
    elsewhere = tmp_path / "second"
    elsewhere.mkdir()
    with pytest.raises(InputError, match="serves on"):
        async with serving(elsewhere, unix_socket=service.socket):
            pass
    assert (await client.status()).version


async def test_a_socket_left_by_a_killed_daemon_is_replaced_but_a_file_is_not(tmp_path: Path) -> None:
    with sockets.socket(sockets.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "fabricd.sock"))
    async with serving(tmp_path) as service, service.client() as client:
        assert (await client.status()).version
    (tmp_path / "fabricd.sock").write_text("precious")
    with pytest.raises(InputError, match="not a socket"):
        async with serving(tmp_path):
            pass
    assert (tmp_path / "fabricd.sock").read_text() == "precious"


async def test_a_socket_path_that_cannot_be_is_refused_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / ("x" * 120), tmp_path / "missing" / "fabricd.sock"):
        with pytest.raises(InputError, match=r"northbound\.unix_socket"):
            async with serving(tmp_path, unix_socket=path):
                pass


async def test_nobody_there_is_an_error_that_names_the_address(tmp_path: Path) -> None:
    async with Client.connect(f"unix:{tmp_path}/none.sock") as client:
        with pytest.raises(UnavailableError, match=r"does not answer at unix:.*none\.sock"):
            await client.status()
