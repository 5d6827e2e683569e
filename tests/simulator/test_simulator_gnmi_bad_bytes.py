"""Requests that are almost right: a simulated switch refuses them with a reason, and goes on."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

import grpc
import grpc.aio
import pytest
from gnmi_documents import ETHERNET1, HOSTNAME, interface
from pygnmi.spec.v080 import gnmi_pb2
from raw_gnmi import LOGIN, SECONDS, commit, extension, path, subscription, update

from fabricd.gnmi_extensions.gnmi_extensions_pb2 import CommitConfirm, CommitRequest, Depth, SetRequest
from fabricd.simulator import Simulation, Switch

CASES = 60
REASONS = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}

GETS = [
    gnmi_pb2.GetRequest(
        prefix=gnmi_pb2.Path(target="left", origin="openconfig", elem=path("/interfaces").elem),
        path=[path("/interface[name=Ethernet1]/config"), path("/*/state"), path("/.../mtu")],
        encoding=encoding,
        type=gnmi_pb2.GetRequest.STATE,
        use_models=[gnmi_pb2.ModelData(name="openconfig-interfaces")],
        extension=[extension(depth=Depth(level=3))],
    )
    for encoding in (gnmi_pb2.JSON_IETF, gnmi_pb2.PROTO)
]
SETS = [
    gnmi_pb2.SetRequest(
        prefix=gnmi_pb2.Path(target="left"),
        delete=[path("/lldp"), path("/interfaces/interface[name=*]/config/mtu")],
        replace=[update(ETHERNET1, interface(mtu=9000))],
        update=[
            update(HOSTNAME, None, string_val="x"),
            update(f"{ETHERNET1}/config/mtu", None, uint_val=1500),
            update(f"{ETHERNET1}/config", None, json_val=json.dumps({"mtu": "9000"}).encode()),
            update(f"{ETHERNET1}/config/mtu", None, decimal_val=gnmi_pb2.Decimal64(digits=90, precision=1)),
        ],
    ),
    gnmi_pb2.SetRequest(update=[update(HOSTNAME, "x")], extension=commit("id", commit=CommitRequest())),
    gnmi_pb2.SetRequest(extension=commit("id", confirm=CommitConfirm())),
    gnmi_pb2.SetRequest.FromString(
        SetRequest(union_replace=[update("/system", {"config": {"hostname": "u"}}).SerializeToString()])
        .SerializeToString()
    ),
]  # fmt: skip
SUBSCRIPTIONS = [
    subscription("ONCE", ETHERNET1, "/system", kind="TARGET_DEFINED", extension=[extension(depth=Depth(level=2))]),
    subscription("POLL", HOSTNAME, each={"sample_interval": 10**9, "heartbeat_interval": 10**9}),
]


def spoiled(random: Random, message: bytes) -> bytes:
    """A message with some octets changed, cut out or doubled."""
    octets = bytearray(message)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(octets) + 1)
        match random.randrange(4):
            case 0:
                octets[at : at + 1] = random.randbytes(1)
            case 1:
                del octets[at : at + random.randint(1, 8)]
            case 2:
                octets[at:at] = octets[at : at + random.randint(1, 16)]
            case _:
                del octets[at:]
    return bytes(octets)


async def status(call: Any) -> grpc.StatusCode:
    found = await call.code()
    assert isinstance(found, grpc.StatusCode)
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_comes_is_answered_with_a_reason(simulation: Simulation, left: Switch, seed: int) -> None:
    random = Random(seed)
    credentials = grpc.ssl_channel_credentials(simulation.ca_file.read_bytes())
    async with grpc.aio.secure_channel(f"{left.host}:{left.gnmi_port}", credentials) as channel:
        get, set_ = channel.unary_unary("/gnmi.gNMI/Get"), channel.unary_unary("/gnmi.gNMI/Set")
        capabilities = channel.unary_unary("/gnmi.gNMI/Capabilities")
        subscribe = channel.stream_stream("/gnmi.gNMI/Subscribe")
        for _ in range(CASES):
            request = spoiled(random, random.choice(GETS).SerializeToString())
            assert await status(get(request, metadata=LOGIN, timeout=SECONDS)) in REASONS, request.hex()
            request = spoiled(random, random.choice(SETS).SerializeToString())
            assert await status(set_(request, metadata=LOGIN, timeout=SECONDS)) in REASONS, request.hex()
            request = spoiled(random, random.choice(SUBSCRIPTIONS).SerializeToString())
            call = subscribe(metadata=LOGIN, timeout=SECONDS)
            await call.write(request)
            reply = await asyncio.wait_for(first_reply(call), SECONDS)
            assert reply is not None or await status(call) in REASONS, request.hex()
            call.cancel()
            request = spoiled(random, random.choice(GETS).SerializeToString())
            assert await status(capabilities(request, metadata=LOGIN, timeout=SECONDS)) in REASONS, request.hex()
    json.loads(left.running)


async def first_reply(call: Any) -> bytes | None:
    """None when the call ends instead."""
    try:
        reply = await call.read()
    except grpc.aio.AioRpcError:
        return None
    return None if reply is grpc.aio.EOF else bytes(reply)
