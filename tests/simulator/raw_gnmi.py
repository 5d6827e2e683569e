"""A bare gNMI client for tests: generated stubs on grpc.aio, nothing in between."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from pygnmi.spec.v080 import gnmi_ext_pb2, gnmi_pb2, gnmi_pb2_grpc

from fabricd.gnmi_extensions.gnmi_extensions_pb2 import Commit, Extension
from fabricd.model.path import Path
from fabricd.simulator import Simulation, Switch

LOGIN = (("username", "operator"), ("password", "secret"))
SECONDS = 60.0


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

    async def get(self, *paths: str, kind: str | int = "ALL", encoding: str = "JSON_IETF", **fields: Any) -> Any:
        request = gnmi_pb2.GetRequest(
            path=[path(text) for text in paths],
            type=gnmi_pb2.GetRequest.DataType.Value(kind) if isinstance(kind, str) else kind,
            encoding=gnmi_pb2.Encoding.Value(encoding),
            **fields,
        )
        return await self.stub.Get(request, metadata=self.metadata, timeout=SECONDS, wait_for_ready=True)

    async def set(self, **fields: Any) -> Any:
        request = gnmi_pb2.SetRequest(**fields)
        return await self.stub.Set(request, metadata=self.metadata, timeout=SECONDS, wait_for_ready=True)

    def subscribe(
        self,
        mode: str,
        *paths: str,
        kind: str = "ON_CHANGE",
        encoding: str = "JSON_IETF",
        each: dict[str, Any] | None = None,
        extension: Iterable[Any] = (),
        **fields: Any,
    ) -> Any:
        """A Subscribe call whose request side ends after the subscription. `each` are fields of every Subscription,
        `fields` those of the SubscriptionList."""
        request = subscription(mode, *paths, kind=kind, encoding=encoding, each=each, extension=extension, **fields)
        return self.stub.Subscribe(_once(request), metadata=self.metadata, timeout=SECONDS)

    async def talk(self, first: gnmi_pb2.SubscribeRequest) -> Any:
        """A Subscribe call whose request side stays open."""
        call = self.stub.Subscribe(metadata=self.metadata, timeout=SECONDS)
        await call.write(first)
        return call


def subscription(
    mode: str,
    *paths: str,
    kind: str = "ON_CHANGE",
    encoding: str = "JSON_IETF",
    each: dict[str, Any] | None = None,
    extension: Iterable[Any] = (),
    **fields: Any,
) -> gnmi_pb2.SubscribeRequest:
    """A SubscribeRequest that begins a call; see Client.subscribe."""
    subscriptions = [
        gnmi_pb2.Subscription(path=path(text), mode=gnmi_pb2.SubscriptionMode.Value(kind), **(each or {}))
        for text in paths
    ]
    return gnmi_pb2.SubscribeRequest(
        subscribe=gnmi_pb2.SubscriptionList(
            mode=gnmi_pb2.SubscriptionList.Mode.Value(mode),
            subscription=subscriptions,
            encoding=gnmi_pb2.Encoding.Value(encoding),
            **fields,
        ),
        extension=list(extension),
    )


def extension(**kind: Any) -> gnmi_ext_pb2.Extension:
    """One of the younger extensions (`depth=Depth(...)`, `commit=Commit(...)`) for pygnmi's messages."""
    return gnmi_ext_pb2.Extension.FromString(Extension(**kind).SerializeToString())


def commit(identifier: str, **action: Any) -> list[gnmi_ext_pb2.Extension]:
    """The Commit extension for a Set: `commit("id", confirm=CommitConfirm())`."""
    return [extension(commit=Commit(id=identifier, **action))]


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    """The status a call ends with; fails the test when it succeeds."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    raise AssertionError(f"was not refused: {answer}")


async def first(stream: Any) -> Any:
    """The first message of a stream; raises what the call ends with."""
    return await anext(aiter(stream))


async def ended(stream: Any) -> grpc.StatusCode:
    """The status a stream ends with that was read from before; fails the test when it tells something first."""
    try:
        reply = await stream.read()
        assert reply is grpc.aio.EOF, reply
    except grpc.aio.AioRpcError:
        pass  # which of the two it is depends on what came first
    found = await stream.code()
    assert isinstance(found, grpc.StatusCode)
    return found


async def notifications(stream: Any) -> list[gnmi_pb2.Notification]:
    """What a stream tells up to the next sync_response."""
    found = []
    while True:
        reply = await stream.read()
        if reply.sync_response:
            return found
        found.append(reply.update)


def shown(notification: gnmi_pb2.Notification) -> dict[str, Any]:
    """The values of a notification in JSON_IETF, by the last two names of their paths."""
    return {
        "/".join(elem.name for elem in one.path.elem[-2:]): json.loads(one.val.json_ietf_val)
        for one in notification.update
    }


def as_text(each: gnmi_pb2.Path) -> str:
    """A path as people write it."""
    return "/" + "/".join(elem.name + "".join(f"[{k}={v}]" for k, v in sorted(elem.key.items())) for elem in each.elem)


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
