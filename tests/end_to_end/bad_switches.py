"""What stands between the daemon and a good switch, and makes it a bad one: a gateway for TCP, and fronts that speak
gNMI and NETCONF and pass on, twist or swallow what goes through them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncssh
import grpc
import grpc.aio
from lxml import etree
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.simulator import Simulation, Switch
from fabricd.simulator.netconf.framing import Framer, framed
from fabricd.simulator.ports import Ports

_PIECE = 1 << 16


class Gateway:
    """The TCP port at which the inventory has a switch. Whoever listens at `upstream` is behind it."""

    def __init__(self, upstream: int) -> None:
        self._home = self.upstream = upstream
        self._ports = Ports("127.0.0.1")  # while it does not listen, nobody else is to
        self.port = self._ports.keep()
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._budget: int | None = None
        self._cuts = False
        self._silent = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._deaf: list[socket.socket] = []

    async def open(self) -> None:
        """Listen, always on the same port, and pass everything on."""
        self._budget, self._cuts, self._silent, self.upstream = None, False, False, self._home
        self._flowing.set()
        for one in self._deaf:
            one.close()
        self._deaf.clear()
        if self._server is None:
            self._server = await asyncio.start_server(self._link, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Stop listening: connections are refused, those there are were cut."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await self.cut()

    async def end(self) -> None:
        """Closed for good."""
        await self.close()
        for one in self._deaf:
            one.close()
        self._ports.close()

    async def cut(self) -> None:
        """Cut every connection."""
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    async def black_hole(self) -> None:
        """Nobody answers: the queue of this listener is full, so the first packet of a connection is dropped."""
        await self.close()
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        deaf.bind(("127.0.0.1", self.port))
        deaf.listen(0)
        self._deaf.append(deaf)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(("127.0.0.1", self.port))
            self._deaf.append(filler)

    async def silence(self) -> None:
        """Connections are taken and never answered."""
        self._silent = True
        await self.cut()

    def stall_after(self, budget: int) -> None:
        """Each connection carries so many bytes more to the daemon, then nothing until `open`."""
        self._budget, self._cuts = budget, False
        self._flowing.clear()

    def cut_after(self, budget: int) -> None:
        """Each connection carries so many bytes more to the daemon, then it is cut."""
        self._budget, self._cuts = budget, True
        self._flowing.clear()

    async def divert(self, upstream: int) -> None:
        """From now on somebody else is behind it."""
        self.upstream = upstream
        await self.cut()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            if self._silent:
                await asyncio.Event().wait()
            answers, far = await asyncio.open_connection("127.0.0.1", self.upstream)
            up = asyncio.ensure_future(_pump(reader, far))
            down = asyncio.ensure_future(self._carry(answers, writer))
            try:
                await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in (up, down):
                    one.cancel()
                await asyncio.gather(up, down, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._links.discard(task)
            writer.transport.abort()
            if far is not None:
                far.transport.abort()

    async def _carry(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried = 0
        while data := await answers.read(_PIECE):
            if self._flowing.is_set():
                carried = 0
            else:
                budget = self._budget or 0
                now, later = data[: max(0, budget - carried)], data[max(0, budget - carried) :]
                carried += len(now)
                writer.write(now)
                await writer.drain()
                if not later:
                    continue
                if self._cuts:
                    return
                await self._flowing.wait()
                data = later
            writer.write(data)
            await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PIECE):
        writer.write(data)
        await writer.drain()


@dataclass
class Manners:
    """How a front behaves. `twist` rewrites the answer to each read: a GetResponse, or an <rpc-reply>, in bytes.
    `swallowed` counts down the writes that are acknowledged and forgotten."""

    twist: Callable[[bytes], bytes] = bytes
    swallow: int = 0
    swallowed: int = 0
    twisted: int = 0

    def read(self, answer: bytes) -> bytes:
        self.twisted += 1
        return self.twist(answer)

    def swallows(self) -> bool:
        if self.swallow <= self.swallowed:
            return False
        self.swallowed += 1
        return True


def _changes(request: bytes) -> bool:
    """Whether a SetRequest is about anything, not a question about extensions."""
    parsed = gnmi_pb2.SetRequest.FromString(request)
    return bool(parsed.delete or parsed.replace or parsed.update)


@contextlib.asynccontextmanager
async def gnmi_front(
    simulation: Simulation, switch: Switch, manners: Manners, certificate: tuple[bytes, bytes] | None = None
) -> AsyncIterator[int]:
    """The port of a gNMI server before a switch. `certificate` is (key, certificate), by default the switch's own."""
    trust = grpc.ssl_channel_credentials(simulation.ca_file.read_bytes())
    options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    channel = grpc.aio.secure_channel(f"127.0.0.1:{switch.gnmi_port}", trust, options=options)

    def unary(name: str) -> Callable[[bytes, Any], Awaitable[bytes]]:
        async def call(request: bytes, context: Any) -> bytes:
            if name == "Set" and _changes(request) and manners.swallows():
                return b""
            try:
                answer: bytes = await channel.unary_unary(f"/gnmi.gNMI/{name}")(request, metadata=_login(context))
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "")
            return manners.read(answer) if name == "Get" else answer

        return call

    async def subscribe(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for answer in channel.stream_stream("/gnmi.gNMI/Subscribe")(requests, metadata=_login(context)):
            yield answer

    server = grpc.aio.server(options=options)
    handlers: dict[str, Any] = {
        name: grpc.unary_unary_rpc_method_handler(unary(name)) for name in ("Capabilities", "Get", "Set")
    }
    handlers["Subscribe"] = grpc.stream_stream_rpc_method_handler(subscribe)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("gnmi.gNMI", handlers),))
    identity = certificate or (switch.identity.key, switch.identity.certificate)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([identity]))
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)
        await channel.close()


def _login(context: Any) -> list[tuple[str, str]]:
    return [(key, value) for key, value in context.invocation_metadata() if key in ("username", "password")]


@contextlib.asynccontextmanager
async def netconf_front(
    simulation: Simulation, switch: Switch, manners: Manners, host_key: asyncssh.SSHKey | None = None
) -> AsyncIterator[int]:
    """The port of a NETCONF server before a switch. `host_key` is by default the switch's own."""

    async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
        with contextlib.suppress(asyncssh.Error, OSError, asyncio.IncompleteReadError):
            async with asyncssh.connect(
                "127.0.0.1",
                switch.netconf_port,
                username="fabricd",
                password="secret",
                known_hosts=str(simulation.known_hosts_file),
                config=None,
            ) as connection:
                far = await connection.create_process(subsystem="netconf", encoding=None)
                relay = _Relay(process, far, manners)
                ways = [asyncio.ensure_future(relay.up()), asyncio.ensure_future(relay.down())]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)
        process.channel.get_connection().abort()

    listener = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=_Login,
        server_host_keys=[host_key or asyncssh.import_private_key(switch.identity.host_key)],
        process_factory=serve,
        encoding=None,
    )
    try:
        yield listener.get_port()
    finally:
        listener.close()
        await listener.wait_closed()


class _Login(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("fabricd", "secret")


@dataclass
class _Relay:
    """One NETCONF session through the front. Both ends speak base:1.1."""

    near: Any
    far: Any
    manners: Manners
    operations: dict[str, str] = field(default_factory=dict)

    async def up(self) -> None:
        async for message, is_hello in _messages(self.near.stdin):
            if not is_hello:
                rpc = etree.fromstring(message)
                operation = etree.QName(rpc[0]).localname
                self.operations[rpc.get("message-id", "")] = operation
                if operation == "edit-config" and self.manners.swallows():
                    reply = etree.Element(rpc.tag.replace("rpc", "rpc-reply"), nsmap=rpc.nsmap, attrib=dict(rpc.attrib))
                    etree.SubElement(reply, rpc.tag[: rpc.tag.index("}") + 1] + "ok")
                    await self._write(self.near, etree.tostring(reply), chunked=True)
                    continue
            await self._write(self.far, message, chunked=not is_hello, stream="stdin")

    async def down(self) -> None:
        async for message, is_hello in _messages(self.far.stdout):
            if not is_hello:
                operation = self.operations.get(etree.fromstring(message).get("message-id", ""))
                message = self.manners.read(message) if operation == "get-config" else message
            await self._write(self.near, message, chunked=not is_hello)

    async def _write(self, end: Any, message: bytes, *, chunked: bool, stream: str = "stdout") -> None:
        writer = getattr(end, stream)
        data = framed(message, chunked=chunked)
        for at in range(0, len(data), 1 << 20):
            writer.write(data[at : at + (1 << 20)])
            await writer.drain()


async def _messages(reader: Any) -> AsyncIterator[tuple[bytes, bool]]:
    """Whole messages, the first of which is the hello."""
    framer, is_hello = Framer(1 << 28), True
    while data := await reader.read(_PIECE):
        for message in framer.feed(data):
            yield message, is_hello
            framer.chunked, is_hello = True, False
