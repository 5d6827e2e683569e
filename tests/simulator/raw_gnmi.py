"""A bare gNMI client for tests: generated stubs on grpc.aio, nothing in between."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from pygnmi.spec.v080 import gnmi_pb2, gnmi_pb2_grpc

from fabricd.model.path import Path
from fabricd.simulator import Simulation, Switch

LOGIN = (("username", "operator"), ("password", "secret"))
SECONDS = 20.0


def path(text: str, **fields: str) -> gnmi_pb2.Path:
    """A gNMI path from its text form; names stay as they are written."""
    segments = Path.parse(text).segments
    elements = [
        gnmi_pb2.PathElem(
            name=f"{segment.module}:{segment.name}" if segment.module else segment.name, key=dict(segment.keys)
        )
        for segment in segments
    ]
    return gnmi_pb2.Path(elem=elements, **fields)


def update(text: str, value: Any, **kind: Any) -> gnmi_pb2.Update:
    """An Update with JSON_IETF, or with the typed value given by keyword (`uint_val=9000`)."""
    typed = gnmi_pb2.TypedValue(**kind) if kind else gnmi_pb2.TypedValue(json_ietf_val=json.dumps(value).encode())
    return gnmi_pb2.Update(path=path(text), val=typed)


def values(reply: gnmi_pb2.GetResponse) -> list[Any]:
    """The decoded values of every update, in order."""
    return [json.loads(one.val.json_ietf_val or one.val.json_val) for each in reply.notification for one in each.update]


class Client:
    """One channel to one switch."""

    def __init__(self, channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...] = LOGIN) -> None:
        self.stub = gnmi_pb2_grpc.gNMIStub(channel)
        self.metadata = metadata

    async def capabilities(self) -> gnmi_pb2.CapabilityResponse:
        return await self.stub.Capabilities(
            gnmi_pb2.CapabilityRequest(), metadata=self.metadata, timeout=SECONDS, wait_for_ready=True
        )

    async def get(self, *paths: str, kind: str = "ALL", encoding: str = "JSON_IETF", **fields: Any) -> Any:
        request = gnmi_pb2.GetRequest(
            path=[path(text) for text in paths],
            type=gnmi_pb2.GetRequest.DataType.Value(kind),
            encoding=gnmi_pb2.Encoding.Value(encoding),
            **fields,
        )
        return await self.stub.Get(request, metadata=self.metadata, timeout=SECONDS, wait_for_ready=True)

    async def set(self, **fields: Any) -> Any:
        request = gnmi_pb2.SetRequest(**fields)
        return await self.stub.Set(request, metadata=self.metadata, timeout=SECONDS, wait_for_ready=True)

    def subscribe(self, mode: str, *paths: str, kind: str = "ON_CHANGE", **fields: Any) -> Any:
        subscriptions = [
            gnmi_pb2.Subscription(path=path(text), mode=gnmi_pb2.SubscriptionMode.Value(kind)) for text in paths
        ]
        request = gnmi_pb2.SubscribeRequest(
            subscribe=gnmi_pb2.SubscriptionList(
                mode=gnmi_pb2.SubscriptionList.Mode.Value(mode),
                subscription=subscriptions,
                encoding=gnmi_pb2.JSON_IETF,
                **fields,
            )
        )
        return self.stub.Subscribe(_once(request), metadata=self.metadata, timeout=SECONDS)


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    """The status a call ends with; fails the test when it succeeds."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    raise AssertionError(f"was not refused: {answer}")


@asynccontextmanager
async def connected(simulation: Simulation, switch: Switch) -> AsyncIterator[Client]:
    """A client that trusts the simulation's authority and has the operator's login."""
    credentials = grpc.ssl_channel_credentials(simulation.ca_file.read_bytes())
    options = (("grpc.max_receive_message_length", 64 << 20),)
    address = f"{switch.host}:{switch.gnmi_port}"
    async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
        yield Client(channel)


async def _once(request: gnmi_pb2.SubscribeRequest) -> AsyncIterator[gnmi_pb2.SubscribeRequest]:
    yield request
