"""The gNMI adapter: one device over one gRPC channel, every RPC with a deadline of its own.

Implements Target; made by `connect`, used by reconcile through Sessions. Must not know schemas or revisions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from pygnmi.spec.v080 import gnmi_pb2, gnmi_pb2_grpc

from fabricd.errors import (
    DeviceError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DeviceUnreachableError,
)
from fabricd.model.device import Device
from fabricd.model.edit import Dialect, GnmiSet, Payload
from fabricd.model.fetched import Capabilities, Change, Fetched, Part
from fabricd.model.path import Path
from fabricd.southbound.gnmi import messages
from fabricd.southbound.gnmi.channel import Metadata, metadata, open_channel, wait_ready
from fabricd.southbound.gnmi.status import device_error
from fabricd.southbound.secrets import credentials

_LOG = logging.getLogger(__name__)

# The same roots are fetched over and over; their requests are built once.
_KEPT_REQUESTS = 16

# How devices say that one of several paths is not there, which then hides the others.
_ONE_IS_ABSENT = frozenset({"NOT_FOUND", "INVALID_ARGUMENT"})


Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def connect(device: Device, *, clock: Clock = _utc_now) -> GnmiTarget:
    """A session that has proved itself by answering Capabilities, within Profile.timeouts.connect.

    Raises DeviceUnreachableError, DeviceTrustError (certificate or credentials), DeviceRefusedError or
    DeviceProtocolError; nothing stays open then.
    """
    timeout = device.profile.timeouts.connect
    login = await credentials(device)
    channel = await open_channel(device)
    try:
        target = GnmiTarget(device, channel, metadata(device, login), clock)
        async with asyncio.timeout(timeout):
            await wait_ready(channel, device, timeout)
            await target.capabilities()
    except (TimeoutError, DeviceTimeoutError) as error:
        # Nothing was asked that could change the device, so its effect is known: none.
        await channel.close(None)
        raise DeviceUnreachableError(f"no gNMI session within {timeout:g} s", device=device.name) from error
    except BaseException:
        await channel.close(None)
        raise
    return target


class GnmiTarget:
    """Target over gNMI. Owns its channel. `stage` only keeps the payload: plain gNMI has nothing to hand it to."""

    def __init__(self, device: Device, channel: grpc.aio.Channel, login: Metadata, clock: Clock) -> None:
        self._device = device
        self._channel = channel
        self._stub = gnmi_pb2_grpc.gNMIStub(channel)
        self._login = login
        self._clock = clock
        self._requests: dict[tuple[str, tuple[Path, ...]], Any] = {}
        self._staged: GnmiSet | None = None
        self._capabilities: Capabilities | None = None
        self._closed = False

    @property
    def name(self) -> str:
        return self._device.name

    @property
    def dialect(self) -> Dialect:
        return Dialect.GNMI

    @property
    def closed(self) -> bool:
        return self._closed or self._channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN

    async def capabilities(self) -> Capabilities:
        """gNMI section 3.2. Asked once a session."""
        if self._capabilities is None:
            reply = await self._call(
                self._stub.Capabilities,
                gnmi_pb2.CapabilityRequest(),
                "Capabilities",
                self._device.profile.timeouts.read,
            )
            encodings = [f"encoding:{_encoding(number)}" for number in reply.supported_encodings]
            self._capabilities = Capabilities(
                models=tuple((model.name, model.version) for model in reply.supported_models),
                features=(f"gNMI:{reply.gNMI_version}", *encodings),
                notifies=True,  # Subscribe is not optional in gNMI
            )
        return self._capabilities

    async def fetch(self, roots: Sequence[Path]) -> Fetched:
        """Get of type CONFIG; see Target.fetch."""
        return await self._get(roots, "CONFIG")

    async def state(self, paths: Sequence[Path]) -> Fetched:
        """Get of type ALL; see Target.state."""
        return await self._get(paths, "ALL")

    async def _get(self, paths: Sequence[Path], kind: str) -> Fetched:
        if not paths:
            return messages.fetched(())
        try:
            parts = await self._get_once(paths, kind)
        except DeviceRefusedError as error:
            if error.tag == "NOT_FOUND" and len(paths) == 1:
                parts = []
            elif error.tag in _ONE_IS_ABSENT and len(paths) > 1:
                parts = await self._get_one_by_one(paths, kind)
            else:
                raise
        return messages.fetched(parts)

    async def _get_one_by_one(self, paths: Sequence[Path], kind: str) -> list[Part]:
        """Some devices answer NOT_FOUND for all when one path is absent, some refuse several paths in one Get."""
        parts: list[Part] = []
        for path in paths:
            try:
                parts += await self._get_once((path,), kind)
            except DeviceRefusedError as error:
                if error.tag != "NOT_FOUND":
                    raise
        return parts

    async def _get_once(self, paths: Sequence[Path], kind: str) -> list[Part]:
        timeout = self._device.profile.timeouts.read
        key = (kind, tuple(paths))
        request = self._requests.get(key)
        if request is None:
            if len(self._requests) >= _KEPT_REQUESTS:
                self._requests.clear()
            request = self._requests[key] = messages.get_request(paths, kind)
        reply = await self._call(self._stub.Get, request, "Get", timeout)
        return list(messages.read_parts(reply, paths, self.name))

    @property
    def reverts(self) -> bool:
        """See Target.reverts."""
        return False

    async def prepare(self) -> None:
        """See Target.prepare."""

    async def resolve(self, commit: str) -> bool:
        """See Target.resolve."""
        return False

    async def stage(self, payload: Payload, commit: str = "") -> None:
        """Keep the Set until `confirm`: without the Commit extension nothing sent could be taken back."""
        if not isinstance(payload, GnmiSet):
            raise TypeError(f"a gNMI target takes a GnmiSet, not {type(payload).__name__}")
        if self._staged is not None:
            raise RuntimeError(f"{self.name}: a change is already staged")
        self._staged = payload

    async def confirm(self) -> None:
        """One Set with all of it (gNMI section 3.4: deletes, replaces, updates, all or nothing)."""
        payload, self._staged = self._staged, None
        if payload is None:
            raise RuntimeError(f"{self.name}: nothing is staged")
        if payload.deletes or payload.replaces or payload.updates:
            timeout = self._device.profile.timeouts.write
            await self._call(self._stub.Set, messages.set_request(payload), "Set", timeout)

    async def cancel(self) -> None:
        """Forget what is staged; the device has not heard of it."""
        self._staged = None

    async def changes(self, roots: Sequence[Path]) -> AsyncGenerator[Change, None]:
        """Subscribe STREAM ON_CHANGE (gNMI section 3.5.1.5.2); see Target.changes."""
        timeouts = self._device.profile.timeouts
        await self._ready()
        call = self._stub.Subscribe(metadata=self._login)
        try:
            with self._translated("Subscribe", timeouts.read):
                # The request side stays open: some servers end the stream when the client has said its last.
                async with asyncio.timeout(timeouts.read):
                    await call.write(messages.subscribe_request(roots))
                    while not (await self._next(call)).sync_response:
                        pass  # what is there already is read by fetch
            yield Change(self.name, self._clock())
            while True:
                with self._translated("Subscribe", timeouts.read):
                    response = await self._next(call)
                if response.HasField("update"):
                    notification = response.update
                    paths = messages.changed_paths(notification, roots)
                    yield Change(self.name, self._time(notification.timestamp), paths)
        finally:
            call.cancel()

    def _time(self, nanoseconds: int) -> datetime:
        """The device's own time; a device that sends none gets ours."""
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC) if nanoseconds > 0 else self._clock()

    async def _next(self, call: Any) -> Any:
        response = await call.read()
        if response is grpc.aio.EOF:
            if await call.code() is grpc.StatusCode.OK:
                raise DeviceUnreachableError("the device ended the subscription", device=self.name)
            # read() hides the status of a stream that broke; asking for the next message raises it.
            raise grpc.aio.AioRpcError(
                await call.code(), await call.initial_metadata(), await call.trailing_metadata(), await call.details()
            )
        return _decoded(response)

    async def close(self) -> None:
        """See Target.close."""
        self._closed = True
        self._staged = None
        try:
            await self._channel.close(None)
        except Exception as error:  # noqa: BLE001 - closing is for good, whatever the library thinks of it
            _LOG.debug("%s: closing the channel: %r", self.name, error)

    async def _ready(self) -> None:
        """Connected, or DeviceUnreachableError before anything is sent: what fails later was under way."""
        if self._closed:
            raise DeviceUnreachableError("the session is closed", device=self.name)
        if self._channel.get_state() is not grpc.ChannelConnectivity.READY:
            await wait_ready(self._channel, self._device, self._device.profile.timeouts.connect)

    async def _call(self, method: Callable[..., Awaitable[Any]], request: Any, what: str, timeout: float) -> Any:
        await self._ready()
        with self._translated(what, timeout):
            return _decoded(await method(request, timeout=timeout, metadata=self._login))

    @contextmanager
    def _translated(self, what: str, timeout: float) -> Iterator[None]:
        """Library exceptions into DeviceError; whatever is not a refusal ends the session."""
        try:
            yield
        except grpc.aio.AioRpcError as error:
            found = device_error(error, self.name, what, timeout)
            self._closed |= not isinstance(found, DeviceRefusedError)
            raise found from error
        except TimeoutError as error:
            self._closed = True
            raise DeviceTimeoutError(f"no answer to {what} within {timeout:g} s", device=self.name) from error
        except DecodeError as error:
            self._closed = True
            raise DeviceProtocolError(f"the answer to {what} is not gNMI", device=self.name) from error
        except (grpc.aio.UsageError, asyncio.InvalidStateError) as error:
            self._closed = True
            raise DeviceUnreachableError("the session is closed", device=self.name) from error
        except (DeviceError, asyncio.CancelledError):
            self._closed = True  # a request under way: its session is not used again
            raise


def _decoded(message: Any) -> Any:
    """gRPC logs bytes that are no message and goes on with None. Raises DecodeError instead."""
    if message is None:
        raise DecodeError("no message")
    return message


def _encoding(number: int) -> str:
    known = gnmi_pb2.Encoding.DESCRIPTOR.values_by_number
    return str(known[number].name) if number in known else str(number)
