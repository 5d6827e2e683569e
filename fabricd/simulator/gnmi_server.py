"""The gNMI service of one simulated switch (gNMI specification 0.8): Capabilities, Get, Set, Subscribe over TLS.

Made by the switch. Requests and replies pass as bytes, so that a repeated Get is one look-up. Knows no NETCONF.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf.unknown_fields import UnknownFieldSet
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.errors import FabricdError, InputError
from fabricd.simulator.config import SimulationConfig
from fabricd.simulator.datastore import LockedError
from fabricd.simulator.faults import DroppedError, RefusedError, Rpc
from fabricd.simulator.gnmi_get import Reader
from fabricd.simulator.gnmi_paths import GnmiError
from fabricd.simulator.gnmi_set import Writer
from fabricd.simulator.gnmi_subscribe import Subscriber
from fabricd.simulator.gnmi_values import ENCODINGS, read
from fabricd.simulator.live import Live
from fabricd.simulator.trust import Identity

VERSION = "0.8.0"
_MAX_DETAILS = 2_000  # they travel in a header, and a bad value of any size may be quoted in them


@dataclass(frozen=True, slots=True)
class _Login:
    username: str
    password: str
    token: str

    def accepts(self, metadata: Any) -> bool:
        """User name and password, or the bearer token, as gRPC metadata."""
        given = {key: value for key, value in metadata or () if isinstance(value, str)}
        if self.token and _equal(given.get("authorization", ""), f"Bearer {self.token}"):
            return True
        user, password = given.get("username", ""), given.get("password", "")
        return _equal(user, self.username) & _equal(password, self.password)


def _equal(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


class GnmiServer:
    """One listening port. `start` after `stop` listens on the same port again."""

    def __init__(self, live: Live, config: SimulationConfig, identity: Identity) -> None:
        self._live = live
        self._config = config
        self._identity = identity
        self._login = _Login(config.username, config.password, config.token)
        self._reader = Reader(live)
        self._writer = Writer(live)
        self._capabilities = _capabilities(live)
        self._server: grpc.aio.Server | None = None

    async def start(self, port: int) -> int:
        """Listen on `port` (0: any) and return it. Raises FabricdError when it is taken."""
        server = grpc.aio.server(
            options=(
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", self._config.max_message_bytes),
                ("grpc.max_send_message_length", self._config.max_message_bytes),
            )
        )
        server.add_generic_rpc_handlers((self._handlers(),))
        credentials = grpc.dynamic_ssl_server_credentials(self._certificate(), self._certificate)
        try:
            bound = server.add_secure_port(f"{self._config.host}:{port}", credentials)
        except RuntimeError as error:
            raise FabricdError(f"{self._live.name}: cannot listen on {self._config.host}:{port}: {error}") from error
        await server.start()
        self._server = server
        return bound

    async def stop(self) -> None:
        """Cut every connection and stop listening."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(None)

    def present(self, identity: Identity) -> None:
        """Show another certificate from the next connection on."""
        self._identity = identity

    def _certificate(self) -> grpc.ServerCertificateConfiguration:
        """gRPC asks at every handshake."""
        return grpc.ssl_server_certificate_configuration([(self._identity.key, self._identity.certificate)])

    def _handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            "gnmi.gNMI",
            {
                "Capabilities": grpc.unary_unary_rpc_method_handler(self._unary(self._answer_capabilities)),
                "Get": grpc.unary_unary_rpc_method_handler(self._unary(self._get)),
                "Set": grpc.unary_unary_rpc_method_handler(self._unary(self._set)),
                "Subscribe": grpc.stream_stream_rpc_method_handler(self._subscribe),
            },
        )

    def _unary(
        self, answer: Callable[[bytes], Awaitable[bytes]]
    ) -> Callable[[bytes, grpc.aio.ServicerContext[bytes, bytes]], Awaitable[bytes]]:
        async def call(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            await self._authenticate(context)
            try:
                return await answer(request)
            except FabricdError as error:
                await _refuse(context, error)

        return call

    async def _authenticate(self, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        if not self._login.accepts(context.invocation_metadata()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "wrong user name, password or token")

    async def _answer_capabilities(self, request: bytes) -> bytes:
        read(gnmi_pb2.CapabilityRequest, request)
        return self._capabilities

    async def _get(self, request: bytes) -> bytes:
        await self._live.faults.strike(Rpc.GET)
        return await self._reader.get(request)

    async def _set(self, request: bytes) -> bytes:
        parsed = read(gnmi_pb2.SetRequest, request)
        _check_understood(parsed)
        await self._live.faults.strike(Rpc.SET)
        reply = await self._writer.set(parsed)
        await self._live.faults.strike(Rpc.SET, after=True)
        return reply

    async def _subscribe(
        self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        await self._authenticate(context)
        subscriber = Subscriber(self._live)
        try:
            await self._live.faults.strike(Rpc.SUBSCRIBE)
            first = await anext(aiter(requests), None)
            if first is None:
                raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "no subscription was sent")
            async for reply in subscriber.replies(read(gnmi_pb2.SubscribeRequest, first)):
                yield reply
        except FabricdError as error:
            await _refuse(context, error)


def _check_understood(request: gnmi_pb2.SetRequest) -> None:
    """Fields of later versions (union_replace, the Commit extension) change what a Set means: never pass over them."""
    if len(UnknownFieldSet(request)) or any(extension.WhichOneof("ext") is None for extension in request.extension):
        raise GnmiError(grpc.StatusCode.UNIMPLEMENTED, f"gNMI {VERSION} is spoken; this Set needs a later one")


async def _refuse(context: grpc.aio.ServicerContext[bytes, bytes], error: FabricdError) -> NoReturn:
    match error:
        case GnmiError():
            status = error.status
        case LockedError():
            status = grpc.StatusCode.FAILED_PRECONDITION
        case InputError():
            # What is wrong with a single value was found before: this is the whole that does not hold together.
            status = grpc.StatusCode.ABORTED
        case RefusedError():
            status = grpc.StatusCode.ABORTED
        case DroppedError():
            status = grpc.StatusCode.UNAVAILABLE
        case _:
            status = grpc.StatusCode.INTERNAL
    await context.abort(status, str(error)[:_MAX_DETAILS])


def _capabilities(live: Live) -> bytes:
    models = [
        gnmi_pb2.ModelData(name=module.name, organization=module.organization, version=module.version)
        for module in live.outline.modules
        if module.implemented and module.file is not None
    ]
    reply = gnmi_pb2.CapabilityResponse(
        supported_models=models, supported_encodings=list(ENCODINGS), gNMI_version=VERSION
    )
    return bytes(reply.SerializeToString())
