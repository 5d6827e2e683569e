"""gNMI calls on one channel: deadlines, login, and library exceptions turned into the project's errors.

Used by the rest of the gNMI adapter. Must not know what is asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from pygnmi.spec.v080 import gnmi_pb2_grpc

from fabricd.errors import (
    DeviceError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DeviceUnreachableError,
)
from fabricd.model.device import Device
from fabricd.southbound.gnmi.channel import Metadata, wait_ready
from fabricd.southbound.gnmi.status import device_error
from fabricd.southbound.limits import must_fit

_LOG = logging.getLogger(__name__)


class Calls:
    """Owns the channel. Every method raises DeviceError; whatever is not a refusal ends the session."""

    def __init__(self, device: Device, channel: grpc.aio.Channel, login: Metadata) -> None:
        self.device = device
        self._channel = channel
        self._stub = gnmi_pb2_grpc.gNMIStub(channel)
        self._login = login
        self._closed = False
        self.connections = 1
        """How often the channel was connected: a switch that restarts comes back under the same channel."""

    @property
    def closed(self) -> bool:
        return self._closed or self._channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN

    async def ask(self, method: str, request: Any, *, changes: bool = False) -> Any:
        """The answer to one call (`Capabilities`, `Get`, `Set`) within the profile's time to read, for Set to write.

        `changes`: the request may change the device, which decides what some failures mean (see device_error).
        """
        timeouts = self.device.profile.timeouts
        timeout = timeouts.write if method == "Set" else timeouts.read
        await self.ready()
        size = request.ByteSize() if method == "Set" else 0
        must_fit(self.device, method, size, tag="RESOURCE_EXHAUSTED")
        with self.translated(method, timeout, changes=changes, size=size):
            return _decoded(await getattr(self._stub, method)(request, timeout=timeout, metadata=self._login))

    @asynccontextmanager
    async def subscription(self, request: Any) -> AsyncIterator[Subscription]:
        """A Subscribe that has been sent `request`; it ends on the device when the block does."""
        timeout = self.device.profile.timeouts.read
        await self.ready()
        call = self._stub.Subscribe(metadata=self._login)
        ending = _Ending(call)
        try:
            stream = Subscription(self, call, timeout)
            with self.translated("Subscribe", timeout):
                # The request side stays open: some servers end the stream when the client has said its last.
                async with asyncio.timeout_at(stream.deadline):
                    try:
                        await call.write(request)
                    except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
                        raise self._unheard(error, ending.status) from error
            yield stream
        finally:
            call.cancel()

    async def close(self) -> None:
        """Close the channel. Never raises."""
        self._closed = True
        try:
            await self._channel.close(None)
        except Exception as error:  # noqa: BLE001 - closing is for good, whatever the library thinks of it
            _LOG.debug("%s: closing the channel: %r", self.device.name, error)

    async def ready(self) -> None:
        """Connected, or DeviceUnreachableError before anything is sent: what fails later was under way."""
        if self._closed:
            raise DeviceUnreachableError("the session is closed", device=self.device.name)
        if self._channel.get_state() is not grpc.ChannelConnectivity.READY:
            await wait_ready(self._channel, self.device, self.device.profile.timeouts.connect)
            self.connections += 1

    @contextmanager
    def translated(self, what: str, timeout: float, *, changes: bool = False, size: int = 0) -> Iterator[None]:
        """Exceptions of the library, in a request that is under way, as DeviceError. `size`: its bytes, where they may
        be the reason."""
        name = self.device.name
        try:
            yield
        except grpc.aio.AioRpcError as error:
            raise self._judged(device_error(error, name, what, timeout, changes=changes, size=size)) from error
        except TimeoutError as error:
            self._closed = True
            raise DeviceTimeoutError(f"no answer to {what} within {timeout:g} s", device=name) from error
        except DecodeError as error:
            self._closed = True
            raise DeviceProtocolError(f"the answer to {what} is not gNMI", device=name) from error
        except (grpc.aio.UsageError, asyncio.InvalidStateError) as error:
            self._closed = True
            raise DeviceUnreachableError("the session is closed", device=name) from error
        except (DeviceError, asyncio.CancelledError):
            self._closed = True  # a request under way: its session is not used again
            raise

    def _unheard(self, error: Exception, status: grpc.aio.AioRpcError | None) -> Exception:
        """Why a call was over before its request was sent. `status` is how the device ended it, if it did."""
        if status is None or status.code() is not grpc.StatusCode.OK:
            return status or error
        return DeviceProtocolError("the device ended Subscribe before it was asked anything", device=self.device.name)

    def _judged(self, error: DeviceError) -> DeviceError:
        """After anything but a refusal the session is not used again. An error must not be a local name where it is
        raised: it would hold itself, and with it the call and the connection, until the garbage collector comes by."""
        self._closed |= not isinstance(error, DeviceRefusedError)
        return error


class Subscription:
    """One Subscribe stream, read message by message. `deadline` (loop time) is for all up to the sync_response."""

    def __init__(self, calls: Calls, call: Any, timeout: float) -> None:
        self._calls = calls
        self._call = call
        self._timeout = timeout
        self.deadline = asyncio.get_running_loop().time() + timeout

    async def next(self, *, by: float | None) -> Any:
        """The next SubscribeResponse, None at a regular end. `by`: loop time when waiting ends, None for never."""
        with self._calls.translated("Subscribe", self._timeout):
            async with asyncio.timeout_at(by):
                response = await self._call.read()
                if response is not grpc.aio.EOF:
                    return _decoded(response)
                if await self._call.code() is grpc.StatusCode.OK:
                    return None
                raise await _status(self._call)  # read() hides it


class _Ending:
    """How the device ends a call. `status` is None before; what the library makes of a write that fails just then, and
    puts in its place, does not count (grpc/grpc issue 36066)."""

    def __init__(self, call: Any) -> None:
        self.status: grpc.aio.AioRpcError | None = None
        call.add_done_callback(self._ended)

    def _ended(self, call: Any) -> None:
        asking = _status(call)
        try:
            asking.send(None)
        except StopIteration as answer:
            self.status = answer.value
        else:
            asking.close()  # at the end of a call there is nothing to wait for; without an answer the error has to do


async def _status(call: Any) -> grpc.aio.AioRpcError:
    """How a call ended, as the exception that the library has for it."""
    return grpc.aio.AioRpcError(
        await call.code(), await call.initial_metadata(), await call.trailing_metadata(), await call.details()
    )


def _decoded(message: Any) -> Any:
    """gRPC logs bytes that are no message and goes on with None. Raises DecodeError instead."""
    if message is None:
        raise DecodeError("no message")
    return message
