"""Mutual TLS and roles over TCP: every role times every method, and everyone who is to stay outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from northbound_harness import Authority, Service, interfaces, serving

from fabricd.client import Client, Tls
from fabricd.errors import DeviceError, InputError, PermissionDeniedError
from fabricd.northbound.failures import UnavailableError
from fabricd.northbound.server import SERVICE
from fabricd.northbound.v1 import fabricd_pb2

ROLES = {"grafana": "viewer", "ci.example.net": "operator", "root": "admin"}


class Secured:
    """A daemon on TCP with its authority."""

    def __init__(self, service: Service, authority: Authority, server_tls: Tls) -> None:
        self.service = service
        self.authority = authority
        self.server_tls = server_tls

    def client(self, name: str, **names: Any) -> Client:
        return self.service.tls_client(self.authority.issue(name, **names))


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[Secured]:
    authority = Authority(tmp_path / "tls")
    server = authority.issue("server", alternative_names=["localhost"])
    async with serving(
        tmp_path,
        tcp_address="127.0.0.1:0",
        tls_certificate=server.certificate,
        tls_key=server.key,
        tls_client_ca=authority.file,
        roles=ROLES,
    ) as service:
        async with service.client() as local:
            await local.submit([interfaces("leaf1")])
        yield Secured(service, authority, server)


async def _install(client: Client) -> None:
    module = b"module small { namespace urn:small; prefix small; leaf x { type string; } }"
    async for _ in client.install_models("small", [("small.yang", module)], modules=["small"]):
        pass


async def _fetch(client: Client) -> None:
    with suppress(DeviceError):  # it is switched off
        async for _ in client.fetch_models("leaf2", "small"):
            pass


async def _probe(client: Client) -> None:
    with suppress(DeviceError):
        async for _ in client.probe(fabricd_pb2.ProbeRequest(device="leaf2")):
            pass


async def _check(client: Client) -> None:
    with suppress(DeviceError):
        await client.check_models("leaf1")


async def _watch(client: Client) -> None:
    async for _ in client.watch(last=1):
        pass


CALLS: dict[str, Callable[[Client], Awaitable[Any]]] = {
    "Submit": lambda client: client.submit([interfaces("leaf2")]),
    "ListRevisions": lambda client: client.revisions(),
    "GetRevision": lambda client: client.revision(),
    "Diff": lambda client: client.diff(),
    "Rollback": lambda client: client.rollback(1),
    "Status": lambda client: client.status(),
    "Plan": lambda client: client.plan(["leaf2"]),
    "Reconcile": lambda client: client.reconcile(["leaf1"]),
    "SetMode": lambda client: client.set_mode(["leaf1"], "observe"),
    "GetDesired": lambda client: client.desired("leaf1"),
    "Explain": lambda client: client.explain("leaf1", "/interfaces"),
    "Watch": _watch,
    "InstallModels": _install,
    "FetchModels": _fetch,
    "ListModels": lambda client: client.models(),
    "RemoveModels": lambda client: client.remove_models("small"),
    "CheckModels": _check,
    "Operational": lambda client: client.operational(["leaf2"]),
    "Cabling": lambda client: client.cabling(["leaf2"]),
    "Applied": lambda client: client.applied(["leaf2"]),
    "Probe": _probe,
}
FOR_ADMINS = {"InstallModels", "FetchModels", "RemoveModels", "Probe"}
CHANGES = {"Submit", "Rollback", "Reconcile", "SetMode", *FOR_ADMINS}
ALLOWED = {"root": set(CALLS), "ci.example.net": set(CALLS) - FOR_ADMINS, "grafana": set(CALLS) - CHANGES}


@pytest.mark.parametrize("name", ["grafana", "ci.example.net", "root", "stranger"])
async def test_each_role_may_call_what_it_may_and_nothing_else(secured: Secured, name: str) -> None:
    assert set(CALLS) == {method.name for method in fabricd_pb2.DESCRIPTOR.services_by_name["Fabricd"].methods}
    allowed = ALLOWED.get(name, set())
    async with secured.client(name) as client:
        for method, call in CALLS.items():
            if method in allowed:
                await call(client)
            else:
                with pytest.raises(PermissionDeniedError):
                    await call(client)


async def test_without_a_role_nothing_is_read_of_a_request(secured: Secured) -> None:
    giant = fabricd_pb2.Document(source="giant.yaml", content=b"#" * (32 << 20))
    for name in ("stranger", "grafana"):
        async with secured.client(name) as client:
            with pytest.raises(PermissionDeniedError):
                await client.submit([giant])
            tls = secured.authority.issue(name)
            files = (tls.ca, tls.key, tls.certificate)
            credentials = grpc.ssl_channel_credentials(*(file.read_bytes() for file in files))
            address = f"localhost:{secured.service.server.tcp_port}"
            async with grpc.aio.secure_channel(address, credentials) as channel:
                # It would not send its request for as long as it likes.
                silent = channel.stream_stream(f"/{SERVICE}/Submit")()
                assert await silent.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_the_certificate_is_the_author_and_not_what_the_caller_says(secured: Secured) -> None:
    tls = secured.authority.issue("somebody", alternative_names=["ci.example.net"])
    async with secured.service.tls_client(tls, author="root") as client:
        await client.submit([interfaces("leaf2")])
        assert (await client.revisions())[0].author == "ci.example.net"


async def test_a_certificate_of_another_authority_or_none_does_not_get_in(secured: Secured, tmp_path: Path) -> None:
    foreign = Authority(tmp_path / "foreign", "foreign").issue("root")
    async with secured.service.tls_client(replace(foreign, ca=secured.authority.file)) as client:
        with pytest.raises(UnavailableError):
            await client.status()
    async with grpc.aio.secure_channel(
        f"localhost:{secured.service.server.tcp_port}",
        grpc.ssl_channel_credentials(secured.authority.file.read_bytes()),
    ) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_plain_text_to_the_tls_port_gets_nothing(secured: Secured) -> None:
    async with secured.service.tls_client(None, insecure=True) as client:
        with pytest.raises(UnavailableError):
            await client.status()


async def test_a_client_refuses_a_daemon_of_another_authority_or_name(secured: Secured, tmp_path: Path) -> None:
    mine = secured.authority.issue("root")
    other = Authority(tmp_path / "other", "other").file
    for tls in (replace(mine, ca=other), replace(mine, server_name="elsewhere.example.net")):
        async with secured.service.tls_client(tls) as client:
            with pytest.raises(UnavailableError):
                await client.status()


async def test_health_needs_a_role_too(secured: Secured) -> None:
    for name, code in (("grafana", None), ("stranger", grpc.StatusCode.PERMISSION_DENIED)):
        tls = secured.authority.issue(name)
        credentials = grpc.ssl_channel_credentials(
            tls.ca.read_bytes(), tls.key.read_bytes(), tls.certificate.read_bytes()
        )
        async with grpc.aio.secure_channel(f"localhost:{secured.service.server.tcp_port}", credentials) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
            if code is None:
                assert (await check).status == health_pb2.HealthCheckResponse.SERVING
            else:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await check
                assert caught.value.code() is code


async def test_renewed_certificates_are_served_without_a_restart_and_broken_ones_are_not(secured: Secured) -> None:
    before = secured.server_tls.certificate.read_bytes()
    renewed = secured.authority.issue("renewed", alternative_names=["renewed.example.net"])
    mine = replace(secured.authority.issue("root"), server_name="renewed.example.net")
    async with secured.service.tls_client(mine) as client:
        with pytest.raises(UnavailableError):
            await client.status()
    secured.server_tls.key.write_bytes(renewed.key.read_bytes())
    secured.server_tls.certificate.write_bytes(renewed.certificate.read_bytes())
    async with secured.service.tls_client(mine) as client:
        assert (await client.status()).version
    secured.server_tls.certificate.write_bytes(before)  # does not go with the key
    async with secured.service.tls_client(mine) as client:
        assert (await client.status()).version


async def test_a_daemon_far_away_is_reached(secured: Secured) -> None:
    """Over a link on which a message takes longer than the client waits before it tries to connect again."""
    port = secured.service.server.tcp_port

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(65536):
                await asyncio.sleep(0.15)
                writer.write(piece)
        writer.close()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))

    link = await asyncio.start_server(accepted, "127.0.0.1", 0)
    async with (
        link,
        Client.connect(f"localhost:{link.sockets[0].getsockname()[1]}", tls=secured.authority.issue("root")) as client,
    ):
        assert (await client.status()).version


@pytest.mark.parametrize("broken", ["tls_certificate", "tls_key", "tls_client_ca"])
async def test_tls_files_that_cannot_be_used_are_refused_by_name(tmp_path: Path, broken: str) -> None:
    authority = Authority(tmp_path / "tls")
    server = authority.issue("server", alternative_names=["localhost"])
    files = {"tls_certificate": server.certificate, "tls_key": server.key, "tls_client_ca": authority.file}
    (tmp_path / "broken.pem").write_text("not PEM")
    with pytest.raises(InputError, match=broken):
        async with serving(tmp_path, tcp_address="127.0.0.1:0", **{**files, broken: tmp_path / "broken.pem"}):
            pass
    assert not (tmp_path / "fabricd.sock").exists()


async def test_a_port_in_use_is_refused_by_name(secured: Secured, tmp_path: Path) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    with pytest.raises(InputError, match=r"northbound\.tcp_address"):
        async with serving(folder, tcp_address=f"127.0.0.1:{secured.service.server.tcp_port}", insecure=True):
            pass


async def test_insecure_by_name_serves_everyone_as_admin_and_marks_the_author(tmp_path: Path) -> None:
    async with serving(tmp_path, tcp_address="127.0.0.1:0", insecure=True) as service:
        async with service.tls_client(None, insecure=True, author="bob") as client:
            await client.submit([interfaces("leaf1")])
            assert (await client.revisions())[0].author == "bob (claimed)"
        with pytest.raises(InputError, match="needs TLS"):
            service.tls_client(None)
