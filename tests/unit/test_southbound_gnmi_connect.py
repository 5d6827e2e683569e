"""How the gNMI adapter connects, whom it trusts, and what it is notified of, against a scripted gRPC server."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path as FilePath
from typing import Any

import grpc
import pytest
from certificate_authority import Authority
from gnmi_scripts import SYSTEM, refusing, stall
from patience import IN_TIME
from pygnmi.spec.v080 import gnmi_pb2, gnmi_pb2_grpc
from southbound_servers import (
    GnmiServer,
    gnmi_device,
    gnmi_server,
    profile,
    secret,
)

from fabricd.errors import DeviceRefusedError, DeviceTimeoutError, DeviceTrustError, DeviceUnreachableError
from fabricd.model.device import Login, SecretReference, Trust
from fabricd.southbound import gnmi

# --- trust


async def test_password_and_token_go_out_as_metadata(tmp_path: FilePath) -> None:
    server = GnmiServer()
    async with gnmi_server(server):
        reference = secret(tmp_path, "s3cret")
        await (await gnmi.connect(gnmi_device(server, login=Login("admin", reference)))).close()
        await (await gnmi.connect(gnmi_device(server, login=Login(token=reference)))).close()
    assert server.metadata[0]["username"], server.metadata[0]["password"] == ("admin", "s3cret")
    assert server.metadata[1]["authorization"] == "Bearer s3cret"


async def test_wrong_credentials() -> None:
    server = GnmiServer()
    server.capabilities = refusing(grpc.StatusCode.UNAUTHENTICATED)
    async with gnmi_server(server):
        with pytest.raises(DeviceTrustError):
            await gnmi.connect(gnmi_device(server))


async def test_a_missing_secret_is_a_matter_of_trust() -> None:
    server = GnmiServer()
    async with gnmi_server(server):
        login = Login("admin", SecretReference("env", "FABRICD_TEST_NOT_SET"))
        with pytest.raises(DeviceTrustError):
            await gnmi.connect(gnmi_device(server, login=login))


async def test_tls_with_the_right_ca(tmp_path: FilePath) -> None:
    authority = Authority.make(tmp_path)
    server = GnmiServer()
    async with gnmi_server(server, authority.server_credentials()):
        await (await gnmi.connect(gnmi_device(server, trust=Trust(ca=authority.ca)))).close()


async def test_wrong_ca(tmp_path: FilePath) -> None:
    authority, other = Authority.make(tmp_path / "one"), Authority.make(tmp_path / "two", "other")
    server = GnmiServer()
    async with gnmi_server(server, authority.server_credentials()):
        async with asyncio.timeout(IN_TIME):
            with pytest.raises(DeviceTrustError) as caught:
                await gnmi.connect(gnmi_device(server, trust=Trust(ca=other.ca)))
        assert "certificate" in caught.value.message


async def test_the_name_in_the_certificate_counts_and_can_be_overridden(tmp_path: FilePath) -> None:
    authority = Authority.make(tmp_path)
    server = GnmiServer()
    async with gnmi_server(server, authority.server_credentials(host="leaf1.example")):
        with pytest.raises(DeviceTrustError):
            await gnmi.connect(gnmi_device(server, trust=Trust(ca=authority.ca)))
        with pytest.raises(DeviceTrustError):
            await gnmi.connect(gnmi_device(server, trust=Trust(ca=authority.ca, server_name="leaf2.example")))
        trust = Trust(ca=authority.ca, server_name="leaf1.example")
        await (await gnmi.connect(gnmi_device(server, trust=trust))).close()


async def test_mutual_tls(tmp_path: FilePath) -> None:
    authority, other = Authority.make(tmp_path / "one"), Authority.make(tmp_path / "two", "other")
    certificate, key = authority.sign("fabricd")
    wrong, wrong_key = other.sign("stranger")
    server = GnmiServer()
    async with gnmi_server(server, authority.server_credentials(clients=True)):
        trust = Trust(ca=authority.ca, certificate=str(certificate), key=str(key))
        await (await gnmi.connect(gnmi_device(server, trust=trust))).close()
        for trust in (
            Trust(ca=authority.ca),
            Trust(ca=authority.ca, certificate=str(wrong), key=str(wrong_key)),
            Trust(ca=authority.ca, certificate=str(certificate), key=str(wrong_key)),
        ):
            with pytest.raises(DeviceTrustError):
                await gnmi.connect(gnmi_device(server, trust=trust))


async def test_plain_text_has_to_be_asked_for_and_ca_has_to_be_one(tmp_path: FilePath) -> None:
    rubbish = tmp_path / "ca.pem"
    rubbish.write_text("-----BEGIN CERTIFICATE-----\nrubbish\n")
    (tmp_path / "empty.pem").write_text("")
    server = GnmiServer()
    async with gnmi_server(server):
        for trust in (
            Trust(),
            Trust(ca=str(tmp_path / "absent.pem")),
            Trust(ca=str(tmp_path / "empty.pem")),
            Trust(ca=str(rubbish)),
            Trust(ca=Authority.make(tmp_path / "one").ca),  # the server speaks plain text
        ):
            with pytest.raises(DeviceTrustError):
                await gnmi.connect(gnmi_device(server, trust=trust))


async def test_a_refused_connection_is_unreachable(tmp_path: FilePath) -> None:
    authority = Authority.make(tmp_path)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        server = GnmiServer()
        server.port = closed.getsockname()[1]
        for trust in (Trust(insecure=True), Trust(ca=authority.ca)):
            async with asyncio.timeout(IN_TIME):
                with pytest.raises(DeviceUnreachableError):
                    await gnmi.connect(gnmi_device(server, trust=trust))


@pytest.mark.parametrize("secure", [True, False])
async def test_a_device_that_says_nothing_is_unreachable_in_time(secure: bool, tmp_path: FilePath) -> None:
    trust = Trust(ca=Authority.make(tmp_path).ca) if secure else Trust(insecure=True)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        server = GnmiServer()
        server.port = silent.getsockname()[1]
        async with asyncio.timeout(IN_TIME):
            with pytest.raises(DeviceUnreachableError):
                await gnmi.connect(gnmi_device(server, trust=trust, profile=profile(connect=0.5)))


async def test_a_server_that_stalls_in_capabilities_is_unreachable_in_time() -> None:
    server = GnmiServer()
    server.capabilities = stall
    async with gnmi_server(server):
        with pytest.raises(DeviceUnreachableError):
            await gnmi.connect(gnmi_device(server, profile=profile(connect=0.5)))


async def test_capabilities() -> None:
    server = GnmiServer()
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        found = await target.capabilities()
        assert found.models == (("openconfig-system", "1.0.0"),)
        assert found.features == ("gNMI:0.8.0", "encoding:JSON", "encoding:JSON_IETF")
        await target.close()


# --- notifications


async def test_changes_begin_with_sync_and_name_paths_of_updates_and_deletes() -> None:
    async def subscribe(requests: Any, _: Any) -> Any:
        request = await anext(aiter(requests))
        server.gets.append(request)
        yield gnmi_pb2.SubscribeResponse(update=gnmi_pb2.Notification(timestamp=1))
        yield gnmi_pb2.SubscribeResponse(sync_response=True)
        notification = gnmi_pb2.Notification(
            timestamp=1_700_000_000_000_000_000, prefix=gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name="system")])
        )
        notification.update.add(path=gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name="config")]))
        notification.delete.add(elem=[gnmi_pb2.PathElem(name="dns")])
        yield gnmi_pb2.SubscribeResponse(update=notification)

    server = GnmiServer()
    server.subscribe = subscribe
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        changes = target.changes((SYSTEM,))
        assert (await anext(changes)).paths == ()
        second = await anext(changes)
        assert [path.text for path in second.paths] == [
            "/openconfig-system:system/config",
            "/openconfig-system:system/dns",
        ]
        assert second.time.timestamp() == 1_700_000_000
        with pytest.raises(DeviceUnreachableError):
            await anext(changes)
        await target.close()
    subscription = server.gets[0].subscribe
    assert subscription.mode == gnmi_pb2.SubscriptionList.STREAM
    assert [one.mode for one in subscription.subscription] == [gnmi_pb2.ON_CHANGE]


async def test_a_device_that_cannot_notify_says_so() -> None:
    async def subscribe(_: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no")
        yield

    server = GnmiServer()
    server.subscribe = subscribe
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        with pytest.raises(DeviceRefusedError) as caught:
            await anext(target.changes((SYSTEM,)))
        assert caught.value.tag == "UNIMPLEMENTED"
        await target.close()


async def test_a_device_that_refuses_before_it_is_asked_is_understood() -> None:
    """A refusal that comes while the request is written: gRPC makes an internal error of its own of that."""

    class Refusing(gnmi_pb2_grpc.gNMIServicer):  # type: ignore[misc]
        """Without a Subscribe of its own, so that it is refused whatever is asked."""

        def Capabilities(self, request: Any, context: Any) -> Any:  # noqa: N802
            return gnmi_pb2.CapabilityResponse(supported_encodings=[gnmi_pb2.JSON_IETF], gNMI_version="0.8.0")

    async def busy() -> None:
        # With the loop held up again and again some refusals arrive just before the write, others just after it.
        for turn in itertools.count():
            time.sleep(0.0005 * (turn % 10))
            await asyncio.sleep(0)

    told: list[str] = []
    server = GnmiServer()
    running = grpc.server(ThreadPoolExecutor(2))
    gnmi_pb2_grpc.add_gNMIServicer_to_server(Refusing(), running)
    server.port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    target = await gnmi.connect(gnmi_device(server))
    holding_up = asyncio.create_task(busy())
    try:
        for _ in range(100):
            with pytest.raises(DeviceRefusedError) as caught:
                await anext(target.changes((SYSTEM,)))
            told.append(caught.value.tag)
    finally:
        holding_up.cancel()
        await target.close()
        running.stop(None)
    assert told == ["UNIMPLEMENTED"] * 100


async def test_a_subscription_that_never_stands_is_given_up_in_time() -> None:
    async def subscribe(requests: Any, _: Any) -> Any:
        async for _request in requests:
            yield gnmi_pb2.SubscribeResponse(update=gnmi_pb2.Notification(timestamp=1))

    server = GnmiServer()
    server.subscribe = subscribe
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server, profile=profile(read=0.3)))
        with pytest.raises(DeviceTimeoutError):
            await anext(target.changes((SYSTEM,)))
        await target.close()


async def test_a_subscription_ends_with_the_connection_or_when_it_is_closed() -> None:
    ended = asyncio.Event()

    async def subscribe(_: Any, __: Any) -> Any:
        yield gnmi_pb2.SubscribeResponse(sync_response=True)
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    server = GnmiServer()
    server.subscribe = subscribe
    async with gnmi_server(server):
        target = await gnmi.connect(gnmi_device(server))
        async with aclosing(target.changes((SYSTEM,))) as changes:
            await anext(changes)
        await asyncio.wait_for(ended.wait(), IN_TIME)
        changes = target.changes((SYSTEM,))
        await anext(changes)
        assert server.running is not None
        await server.running.stop(None)
        with pytest.raises(DeviceTimeoutError):
            await anext(changes)
        await target.close()
