"""The gNMI service of one simulated switch (gNMI specification 0.10): Capabilities, Get, Set, Subscribe over TLS.

Made by the switch. Requests and replies pass as bytes, so that a repeated Get is one look-up. Knows no NETCONF.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import grpc
import grpc.aio
from cryptography import x509
from google.protobuf.message import DecodeError
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.errors import FabricdError, InputError, Problem
from fabricd.renewed_certificates import server_credentials
from fabricd.simulator.config import SimulationConfig
from fabricd.simulator.confirmed import CommitError
from fabricd.simulator.datastore import LockedError
from fabricd.simulator.faults import DroppedError, Kind, RefusedError, Rpc
from fabricd.simulator.gnmi import commit as commits
from fabricd.simulator.gnmi.counters import LateCounters
from fabricd.simulator.gnmi.extension import read_extensions
from fabricd.simulator.gnmi.faults import Spoiler
from fabricd.simulator.gnmi.get import Reader
from fabricd.simulator.gnmi.paths import GnmiError, Paths
from fabricd.simulator.gnmi.relay import Link, Relay
from fabricd.simulator.gnmi.set import Writer, has_changes
from fabricd.simulator.gnmi.subscribe import Reply, Subscriber
from fabricd.simulator.gnmi.values import ENCODINGS, read
from fabricd.simulator.live import Live
from fabricd.simulator.trust import Identity

VERSION = "0.10.0"
MAX_STREAMS = 128
"""Subscribe calls at the same time."""
_MAX_DETAILS = 2_000  # they travel in a header, and a bad value of any size may be quoted in them

Context = grpc.aio.ServicerContext[bytes, bytes]


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
        self._shown = identity
        self._login = _Login(config.username, config.password, config.token)
        self._paths = Paths(live)
        self._counters = LateCounters(live)
        self._reader = Reader(live, self._paths, self._counters, config.max_message_bytes)
        self._writer = Writer(live, self._paths)
        self._spoiler = Spoiler(live)
        self._capabilities = _capabilities(live)
        self._client_ca: bytes | None = None
        self._server: grpc.aio.Server | None = None
        self._relay: Relay | None = None
        self._calls = 0
        self._streams = 0
        self._sets = 0

    @property
    def connections(self) -> int:
        """How many there are now."""
        return self._relay.connections if self._relay is not None else 0

    async def start(self, port: int) -> int:
        """Listen on `port` (0: any) and return it. Raises FabricdError when it is taken, InputError for a `client_ca`
        that cannot be read."""
        file = self._config.client_ca
        self._client_ca = await asyncio.to_thread(_read_authority, file) if file is not None else None
        server = grpc.aio.server(
            options=(
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", self._config.max_message_bytes),
                ("grpc.max_send_message_length", self._config.max_message_bytes),
            )
        )
        server.add_generic_rpc_handlers((self._handlers(),))
        self._shown = self._identity
        credentials = server_credentials(
            self._certificate(self._shown), self._renewed, require_client_authentication=self._client_ca is not None
        )
        relay = Relay(server.add_secure_port("127.0.0.1:0", credentials))
        await server.start()
        try:
            bound = await relay.start(self._config.host, port)
        except FabricdError as error:
            await server.stop(None)
            raise FabricdError(f"{self._live.name}: {error}") from error
        self._server, self._relay = server, relay
        return bound

    async def stop(self) -> None:
        """Cut every connection and stop listening."""
        relay, self._relay = self._relay, None
        if relay is not None:
            relay.stop()
        await self._spoiler.stop()
        server, self._server = self._server, None
        if server is not None:
            await server.stop(None)

    def present(self, identity: Identity) -> None:
        """Show another certificate from the next connection on."""
        self._identity = identity

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """gRPC asks at every handshake, on a thread of its own."""
        identity = self._identity
        if identity is self._shown:
            return None
        self._shown = identity
        return self._certificate(identity)

    def _certificate(self, identity: Identity) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration([(identity.key, identity.certificate)], self._client_ca)

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

    def _unary(self, answer: Callable[[bytes, Link], Awaitable[bytes]]) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def call(request: bytes, context: Context) -> bytes:
            link = await self._link(context)
            try:
                with self._counted():
                    self._authenticate(context)
                    self._check_size(request)
                    return self._check_size(await answer(request, link))
            except RefusedError as error:
                await _refuse(context, link, error.quoting(_text(request), self._config.password))
            except FabricdError as error:
                await _refuse(context, link, error)

        return call

    async def _link(self, context: Context) -> Link:
        """The connection of a call: its peer is the relay's end, `ipv4:127.0.0.1:PORT`."""
        port = int(context.peer().rpartition(":")[2])
        link = self._relay.link(port) if self._relay is not None else None
        if link is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "calls come through the port of the switch")
        return link

    @contextmanager
    def _counted(self) -> Iterator[None]:
        limit = self._live.quirks.calls
        if limit is not None and self._calls >= limit:
            self._live.meet("calls")
            raise GnmiError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"more than {limit} calls at the same time")
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    def _authenticate(self, context: Context) -> None:
        if not self._login.accepts(context.invocation_metadata()):
            raise GnmiError(grpc.StatusCode.UNAUTHENTICATED, "wrong user name, password or token")

    def _check_size(self, message: bytes) -> bytes:
        quirk = self._live.quirks.message_bytes
        limit = min(quirk or self._config.max_message_bytes, self._config.max_message_bytes)
        if len(message) > limit:
            if limit == quirk:
                self._live.meet("message_bytes")
            raise GnmiError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"a message of {len(message)} bytes, above {limit}")
        return message

    async def _struck(
        self, rpcs: tuple[Rpc, ...], link: Link, work: Callable[[], Awaitable[bytes]], wrong: Callable[[], bytes]
    ) -> bytes:
        """Carry out a request, with the faults that strike it before and after. `wrong` makes a well-formed answer to
        something else."""
        for rpc in rpcs:
            await self._live.faults.strike(rpc)
        answer = await work()
        for rpc in reversed(rpcs):
            answer = self._spoiler.spoil(await self._live.faults.strike(rpc, after=True), answer, wrong, link)
        return answer

    async def _answer_capabilities(self, request: bytes, link: Link) -> bytes:
        parsed = read(gnmi_pb2.CapabilityRequest, request)

        async def work() -> bytes:
            found = read_extensions(parsed)
            if found.commit is not None or found.depth:
                raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "Capabilities take neither Commit nor Depth")
            return self._capabilities

        wrong = gnmi_pb2.CapabilityResponse(gNMI_version=VERSION)
        return await self._struck((Rpc.HELLO,), link, work, wrong.SerializeToString)

    async def _get(self, request: bytes, link: Link) -> bytes:
        return await self._struck((Rpc.GET,), link, lambda: self._reader.get(request), self._empty_get)

    def _empty_get(self) -> bytes:
        empty = gnmi_pb2.GetResponse(notification=[gnmi_pb2.Notification(timestamp=self._live.clock())])
        return bytes(empty.SerializeToString())

    async def _set(self, request: bytes, link: Link) -> bytes:
        parsed = read(gnmi_pb2.SetRequest, request)
        found = read_extensions(parsed)
        if found.unknown or (found.commit is not None and not self._live.config.confirmed_commit):
            raise GnmiError(grpc.StatusCode.UNIMPLEMENTED, "this Set has an extension that is not known here")
        if found.depth:
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "the Depth extension is for a Get or Subscribe")
        commit = found.commit
        confirm = None
        if commit is not None:
            confirm = commits.confirm_of(commit, changes=has_changes(parsed))

        async def work() -> bytes:
            if commit is None or confirm is not None:
                return await self._writer.set(parsed, confirm)
            await commits.carry_out(self._live.datastore, commit)
            return self._writer.reply(parsed, ())

        wrong = gnmi_pb2.SetResponse(timestamp=self._live.clock()).SerializeToString
        rpc = commits.rpc_of(commit)
        answer = await self._struck((Rpc.SET, rpc) if rpc is Rpc.COMMIT else (rpc,), link, work, wrong)
        self._sets += 1
        every = self._live.quirks.unknown_after_set
        if every is not None and self._sets % every == 0:
            self._live.meet("unknown_after_set")
            raise GnmiError(grpc.StatusCode.UNKNOWN, "something went wrong")
        return answer

    async def _subscribe(self, requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        link = await self._link(context)
        try:
            with self._counted(), self._counted_stream():
                self._authenticate(context)
                await self._live.faults.strike(Rpc.SUBSCRIBE)
                subscriber = Subscriber(self._live, self._paths, self._counters)
                async with aclosing(subscriber.replies(aiter(requests))) as replies:
                    begun = False
                    async for reply in replies:
                        async for answer in self._streamed(reply, link, begun=begun):
                            yield self._check_size(answer)
                        begun = True
        except FabricdError as error:
            await _refuse(context, link, error)

    @contextmanager
    def _counted_stream(self) -> Iterator[None]:
        if self._streams >= MAX_STREAMS:
            raise GnmiError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"more than {MAX_STREAMS} subscriptions")
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    async def _streamed(self, reply: Reply, link: Link, *, begun: bool) -> AsyncIterator[bytes]:
        """An answer of a subscription, with the faults that strike its first one and its notifications."""
        faults = self._live.faults
        answer, times = reply.data, 1
        if not begun:
            answer = self._spoiler.spoil(await faults.strike(Rpc.SUBSCRIBE, after=True), answer, self._nothing, link)
        if reply.notifies:
            fault = await faults.strike(Rpc.NOTIFY)
            if fault is not None and fault.kind is Kind.FLOOD:
                times = fault.count
            answer = self._spoiler.spoil(await faults.strike(Rpc.NOTIFY, after=True), answer, self._nothing, link)
        for _ in range(times):
            yield answer

    def _nothing(self) -> bytes:
        told = gnmi_pb2.SubscribeResponse(update=gnmi_pb2.Notification(timestamp=self._live.clock()))
        return bytes(told.SerializeToString())


async def _refuse(context: Context, link: Link, error: FabricdError) -> NoReturn:
    match error:
        case GnmiError():
            status = error.status
        case CommitError():
            status = commits.STATUS[error.fault]
        case LockedError():
            status = grpc.StatusCode.FAILED_PRECONDITION
        case InputError():
            # What is wrong with a single value was found before: this is the whole that does not hold together.
            status = grpc.StatusCode.ABORTED
        case RefusedError():
            status = grpc.StatusCode.ABORTED
        case DroppedError():
            link.cut()
            status = grpc.StatusCode.UNAVAILABLE  # nobody is left to read it
        case _:
            status = grpc.StatusCode.INTERNAL
    await context.abort(status, str(error)[:_MAX_DETAILS])


def _text(request: bytes) -> str:
    """A request for people, what of it is a Set spelled out."""
    message = gnmi_pb2.SetRequest()
    try:
        message.ParseFromString(request)
    except DecodeError:
        return repr(request)
    return str(message)


def _read_authority(file: Path) -> bytes:
    try:
        content = file.read_bytes()
        x509.load_pem_x509_certificates(content)
    except (OSError, ValueError) as error:
        # gRPC itself would take anything, and then no client.
        raise InputError.of([Problem(f"not a PEM file of certificates: {error}", path=str(file))]) from error
    return content


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
