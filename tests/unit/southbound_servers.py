"""Small real servers with scripted answers: SSH with a netconf subsystem, and gRPC with the gNMI service.

Used by the tests of the adapters for what a well-behaved switch never does. They know no schema.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import grpc
import grpc.aio
from lxml import etree
from pygnmi.spec.v080 import gnmi_pb2, gnmi_pb2_grpc

from fabricd.model.device import Device, Login, Profile, Protocol, SecretReference, Timeouts, Trust

BASE = "urn:ietf:params:netconf:base:1."
CAPABILITY = "urn:ietf:params:netconf:capability:"
CANDIDATE = (
    f"{BASE}0",
    f"{BASE}1",
    f"{CAPABILITY}candidate:1.0",
    f"{CAPABILITY}validate:1.1",
    f"{CAPABILITY}rollback-on-error:1.0",
    f"{CAPABILITY}notification:1.0",
    "http://openconfig.net/yang/system?module=openconfig-system&revision=2025-01-01",
)
WRITABLE = (f"{BASE}0", f"{BASE}1", f"{CAPABILITY}writable-running:1.0", f"{CAPABILITY}rollback-on-error:1.0")
OK = b"<ok/>"
NOTHING = b"<data/>"
SOMETHING = b'<data><system xmlns="http://openconfig.net/yang/system"/></data>'


def rpc_error(tag: str, severity: str = "error", message: str = "no", path: str = "") -> bytes:
    where = f"<error-path>{path}</error-path>" if path else ""
    return (
        f"<rpc-error><error-type>application</error-type><error-tag>{tag}</error-tag>"
        f"<error-severity>{severity}</error-severity>{where}<error-message>{message}</error-message></rpc-error>"
    ).encode()


def localname(element: etree._Element) -> str:
    return etree.QName(element).localname


@dataclass
class NetconfSessionSide:
    """The server's end of one session, as a script sees it."""

    process: asyncssh.SSHServerProcess[bytes]
    chunked: bool = False
    chunk: int = 1 << 16

    def frame(self, message: bytes) -> bytes:
        if not self.chunked:
            return message + b"]]>]]>"
        pieces = [message[at : at + self.chunk] for at in range(0, len(message), self.chunk)]
        return b"".join(b"\n#%d\n%b" % (len(piece), piece) for piece in pieces) + b"\n##\n"

    async def write(self, data: bytes) -> None:
        self.process.stdout.write(data)
        await self.process.stdout.drain()

    async def reply(self, rpc: etree._Element, body: bytes) -> None:
        head = b'<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="%b">'
        await self.write(self.frame(head % rpc.get("message-id", "").encode() + body + b"</rpc-reply>"))

    def hang_up(self) -> None:
        self.process.channel.get_connection().abort()


Script = Callable[[NetconfSessionSide, etree._Element], Awaitable[None]]


@dataclass
class NetconfServer:
    """Answers each <rpc> as `script` says, by default with <ok/> or SOMETHING. `log` holds operations in order."""

    script: Script | None = None
    capabilities: tuple[str, ...] = CANDIDATE
    chunk: int = 1 << 16
    hello: Callable[[NetconfSessionSide], Awaitable[None]] | None = None
    read_pause: float = 0.0
    log: list[str] = field(default_factory=list)
    received: list[etree._Element] = field(default_factory=list)
    hellos: list[bytes] = field(default_factory=list)
    ended: int = 0
    sessions: int = 0
    key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    client_key: asyncssh.SSHKey | None = None
    subsystem: str = "netconf"
    port: int = 0

    async def serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self.sessions += 1
        side = NetconfSessionSide(process, chunk=self.chunk)
        try:
            await self._session(side)
        except (asyncssh.Error, BrokenPipeError, asyncio.IncompleteReadError):
            pass
        finally:
            self.ended += 1
            process.exit(0)

    async def _session(self, side: NetconfSessionSide) -> None:
        if self.hello is not None:
            await self.hello(side)
        else:
            uris = "".join(f"<capability>{uri.replace('&', '&amp;')}</capability>" for uri in self.capabilities)
            text = (
                f'<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities>{uris}</capabilities>'
                f"<session-id>{self.sessions}</session-id></hello>"
            )
            await side.write(side.frame(text.encode()))
        theirs = await side.process.stdin.readuntil(b"]]>]]>")
        self.hellos.append(theirs)
        side.chunked = f"{BASE}1" in self.capabilities and f"{BASE}1<".encode() in theirs
        while True:
            await asyncio.sleep(self.read_pause)
            rpc = etree.fromstring(await self._message(side), etree.XMLParser(huge_tree=True))
            operation = next(rpc.iterchildren(tag=etree.Element))
            self.log.append(" ".join([localname(operation), *_datastores(operation)]))
            self.received.append(operation)
            if self.script is not None:
                await self.script(side, rpc)
            else:
                await answer(side, rpc)
            if localname(operation) == "close-session":
                return

    async def _message(self, side: NetconfSessionSide) -> bytes:
        stdin = side.process.stdin
        if not side.chunked:
            return (await stdin.readuntil(b"]]>]]>")).removesuffix(b"]]>]]>")
        message = b""
        while True:
            assert await stdin.readexactly(2) == b"\n#"
            size = await stdin.readuntil(b"\n")
            if size == b"#\n":
                return message
            message += await stdin.readexactly(int(size))


def _datastores(operation: etree._Element) -> list[str]:
    return [
        localname(store)
        for where in operation.iterchildren(tag=etree.Element)
        if localname(where) in ("target", "source")
        for store in where.iterchildren(tag=etree.Element)
    ]


async def answer(side: NetconfSessionSide, rpc: etree._Element, data: bytes = SOMETHING) -> None:
    """What a switch without trouble would say."""
    operation = localname(next(rpc.iterchildren(tag=etree.Element)))
    await side.reply(rpc, data if operation in ("get", "get-config") else OK)


class _Process(asyncssh.SSHServerProcess[bytes]):
    """Serves one subsystem and refuses all others."""

    def __init__(self, server: NetconfServer) -> None:
        super().__init__(server.serve, None, 3, False)
        self._only = server.subsystem

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == self._only and super().subsystem_requested(subsystem)


class _Login(asyncssh.SSHServer):
    def __init__(self, server: NetconfServer) -> None:
        self._server = server
        self._client_key = server.client_key

    def session_requested(self) -> asyncssh.SSHServerProcess[bytes]:
        return _Process(self._server)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("admin", "secret")

    def public_key_auth_supported(self) -> bool:
        return self._client_key is not None

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._client_key is not None and key == self._client_key.convert_to_public()


@asynccontextmanager
async def netconf_server(server: NetconfServer) -> AsyncIterator[NetconfServer]:
    listener = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=lambda: _Login(server),
        server_host_keys=[server.key],
        encoding=None,
    )
    server.port = listener.get_port()
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()


def profile(**timeouts: float) -> Profile:
    """A minute for everything, which no machine is too busy for; less where a test waits for the end of it."""
    return Profile(name="test", timeouts=Timeouts(**{"connect": 60.0, "read": 60.0, "write": 60.0, **timeouts}))


def secret(tmp_path: Path, text: str) -> SecretReference:
    path = tmp_path / f"secret-{abs(hash(text))}"
    path.write_text(text + "\n")
    path.chmod(0o600)
    return SecretReference("file", str(path))


def netconf_device(server: NetconfServer, tmp_path: Path, **changes: Any) -> Device:
    values: dict[str, Any] = {
        "name": "leaf3",
        "address": "127.0.0.1",
        "port": server.port,
        "protocol": Protocol.NETCONF,
        "profile": profile(),
        "login": Login("admin", secret(tmp_path, "secret")),
        "trust": Trust(host_key=server.key.export_public_key().decode()),
    }
    return Device(**{**values, **changes})


# --- gNMI


class GnmiServer(gnmi_pb2_grpc.gNMIServicer):  # type: ignore[misc]
    """Answers with what its attributes hold; each may be replaced by a coroutine function(request, context)."""

    def __init__(self) -> None:
        self.get: Any = None
        self.set: Any = None
        self.subscribe: Any = None
        self.capabilities: Any = None
        self.values: dict[str, bytes] = {}
        self.state: dict[str, bytes] = {"system": b'{"state":{"hostname":"leaf1"}}'}
        self.gets: list[Any] = []
        self.sets: list[Any] = []
        self.metadata: list[dict[str, str]] = []
        self.port = 0
        self.running: grpc.aio.Server | None = None

    async def Capabilities(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.metadata.append(dict(context.invocation_metadata()))
        if self.capabilities is not None:
            return await self.capabilities(request, context)
        return gnmi_pb2.CapabilityResponse(
            supported_models=[gnmi_pb2.ModelData(name="openconfig-system", version="1.0.0")],
            supported_encodings=[gnmi_pb2.JSON, gnmi_pb2.JSON_IETF],
            gNMI_version="0.8.0",
        )

    async def Get(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.gets.append(request)
        if self.get is not None:
            return await self.get(request, context)
        reply = gnmi_pb2.GetResponse()
        values = self.values if request.type == gnmi_pb2.GetRequest.CONFIG else self.values | self.state
        for path in request.path:
            name = path.elem[0].name
            if name not in values:
                await context.abort(grpc.StatusCode.NOT_FOUND, name)
            value = gnmi_pb2.TypedValue(json_ietf_val=values[name])
            reply.notification.add().update.add(path=path, val=value)
        return reply

    async def Set(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.sets.append(request)
        return await self.set(request, context) if self.set is not None else gnmi_pb2.SetResponse()

    async def Subscribe(self, requests: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        # A device answers a request that it has. Without it a call may be over before the client has written.
        first = await anext(requests)
        async for response in self.subscribe(_all(first, requests), context):
            yield response


async def _all(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:
    yield first
    async for one in rest:
        yield one


@asynccontextmanager
async def gnmi_server(
    server: GnmiServer, credentials: grpc.ServerCredentials | None = None, *, port: int = 0
) -> AsyncIterator[GnmiServer]:
    running = grpc.aio.server(options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)])
    gnmi_pb2_grpc.add_gNMIServicer_to_server(server, running)
    if credentials is None:
        server.port = running.add_insecure_port(f"127.0.0.1:{port}")
    else:
        server.port = running.add_secure_port(f"127.0.0.1:{port}", credentials)
    server.running = running
    await running.start()
    try:
        yield server
    finally:
        await running.stop(None)


def gnmi_device(server: GnmiServer, **changes: Any) -> Device:
    values: dict[str, Any] = {
        "name": "leaf1",
        "address": "127.0.0.1",
        "port": server.port,
        "protocol": Protocol.GNMI,
        "profile": profile(),
        "trust": Trust(insecure=True),
    }
    return Device(**{**values, **changes})
