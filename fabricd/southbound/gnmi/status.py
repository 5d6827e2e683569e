"""gRPC status codes into the project's errors.

Called by the gNMI adapter. Judges by code, never by the text of a message.
"""

from __future__ import annotations

import grpc
import grpc.aio

from fabricd.errors import DeviceError, DeviceRefusedError, DeviceTimeoutError, DeviceTooLargeError, DeviceTrustError
from fabricd.southbound.gnmi.messages import Message

_UNKNOWN_EFFECT = frozenset({grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE})
_TRUST = frozenset({grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED})
# What will be refused again however often it is sent.
_FINAL = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


def device_error(
    error: grpc.aio.AioRpcError, device: str, what: str, timeout: float, *, changes: bool = False, size: int = 0
) -> DeviceError:
    """The error for an RPC that was sent on a connected channel and failed.

    UNAVAILABLE then means that the connection broke with the request under way: whether the device acted on it is
    not known. Nor is it after UNKNOWN, which says nothing, when the request `changes` something: some devices answer
    so and have carried it out.
    """
    code = error.code()
    details = " ".join((error.details() or "").split())
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeviceTimeoutError(f"no answer to {what} within {timeout:g} s", device=device)
    if code in _UNKNOWN_EFFECT:
        return DeviceTimeoutError(f"the connection broke during {what}: {details or code.name}", device=device)
    if changes and code is grpc.StatusCode.UNKNOWN:
        return DeviceTimeoutError(f"the device does not know what became of {what}: {details}", device=device)
    if code in _TRUST:
        return DeviceTrustError(f"{what} was not allowed: {details or code.name}", device=device)
    kind = DeviceTooLargeError if code is grpc.StatusCode.RESOURCE_EXHAUSTED else DeviceRefusedError
    message = f"{what} was refused: {code.name}: {details}"
    if size and kind is DeviceTooLargeError:
        message += f"; the request had {size} bytes"
    return kind(message, device=device, tag=code.name, transient=code not in _FINAL)


def check_told(response: Message, device: str, what: str) -> None:
    """Raise the error that stands in an answer (field `error` of GetResponse and SubscribeResponse, deprecated since
    gNMI 0.4): what else is in such an answer is not all there is."""
    code = response.error.code if response.HasField("error") else 0
    if not code:
        return
    known = next((one for one in grpc.StatusCode if one.value[0] == code), grpc.StatusCode.UNKNOWN)
    details = " ".join(response.error.message.split())
    raise DeviceRefusedError(
        f"{what} was refused: {known.name}: {details}", device=device, tag=known.name, transient=known not in _FINAL
    )
