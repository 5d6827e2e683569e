"""NETCONF over SSH for one simulated switch (RFC 6242): listening, login, sessions, hello, framing, replies.

Made by the switch. What an operation does is in netconf_operations; this file moves its messages. Knows no gNMI.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

import asyncssh
from lxml import etree

from fabricd.errors import FabricdError, InputError
from fabricd.simulator.config import SimulationConfig
from fabricd.simulator.faults import DroppedError
from fabricd.simulator.live import Live
from fabricd.simulator.netconf_errors import BASE, RpcError, errors_of, written
from fabricd.simulator.netconf_framing import Framer, FramingError, framed
from fabricd.simulator.netconf_monitoring import BASE_1_1, capabilities, hello
from fabricd.simulator.netconf_operations import Operations, ValidationError
from fabricd.simulator.trust import Identity

log = logging.getLogger(__name__)

_BASE_1_0 = "urn:ietf:params:netconf:base:1.0"
_QUEUED = 32
_HELLO_SECONDS = 30.0


class NetconfServer:
    """One listening port and its sessions. `start` after `stop` listens on the same port again."""

    def __init__(self, live: Live, config: SimulationConfig, identity: Identity) -> None:
        self.live = live
        self.config = config
        self.capabilities = capabilities(live.outline)
        self.operations = Operations(live, self, self.capabilities)
        self.sessions: dict[int, NetconfSession] = {}
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.authorized = [asyncssh.import_public_key(line) for line in config.authorized_keys]
        self._host_key = asyncssh.import_private_key(identity.host_key)
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._last_session = 0

    async def start(self, port: int) -> int:
        """Listen on `port` (0: any) and return it. Raises FabricdError when it is taken."""
        try:
            self._acceptor = await asyncssh.listen(
                self.config.host,
                port,
                server_factory=lambda: _Login(self),
                server_host_keys=[self._host_key],
                encoding=None,
                allow_pty=False,
                agent_forwarding=False,
                compression_algs=None,
                gss_host=None,
                login_timeout=30,
            )
        except OSError as error:
            raise FabricdError(f"{self.live.name}: cannot listen on {self.config.host}:{port}: {error}") from error
        return self._acceptor.get_port()

    def present(self, identity: Identity) -> None:
        """Show another host key from the next connection on."""
        self._host_key = asyncssh.import_private_key(identity.host_key)
        if self._acceptor is not None:
            self._acceptor.update(server_host_keys=[self._host_key])

    async def stop(self) -> None:
        """Cut every session and stop listening."""
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is None:
            return
        acceptor.close()
        for session in list(self.sessions.values()):
            session.cut()
        for connection in list(self.connections):
            connection.abort()
        await acceptor.wait_closed()

    def new_session_id(self) -> int:
        self._last_session += 1
        return self._last_session

    def kill(self, session: int) -> bool:
        """Cut a session; False when there is none of that id."""
        found = self.sessions.get(session)
        if found is None:
            return False
        found.cut()
        return True

    def ids(self) -> list[int]:
        """Ids of all open sessions."""
        return list(self.sessions)


class _Login(asyncssh.SSHServer):
    def __init__(self, server: NetconfServer) -> None:
        self._server = server
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._server.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        config = self._server.config
        return hmac.compare_digest(username.encode(), config.username.encode()) & hmac.compare_digest(
            password.encode(), config.password.encode()
        )

    def public_key_auth_supported(self) -> bool:
        return bool(self._server.authorized)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._server.config.username and key in self._server.authorized

    def session_requested(self) -> NetconfSession | bool:
        if len(self._server.sessions) >= self._server.config.max_sessions:
            return False
        return NetconfSession(self._server)


class NetconfSession(asyncssh.SSHServerSession[bytes]):
    """One session: messages are carried out one after the other, in the order they came."""

    def __init__(self, server: NetconfServer) -> None:
        self.id = server.new_session_id()
        self._server = server
        self._framer = Framer(server.config.max_message_bytes)
        self._messages: asyncio.Queue[bytes | FramingError] = asyncio.Queue()
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._task: asyncio.Task[None] | None = None
        self._greeted = False
        self._ending = False
        self._paused = False
        self._writable = asyncio.Event()
        self._writable.set()

    # asyncssh calls these

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan
        self._server.sessions[self.id] = self

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "netconf"

    def session_started(self) -> None:
        self._write(hello(self._server.capabilities, self.id))
        self._task = asyncio.get_running_loop().create_task(self._work())

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        try:
            for message in self._framer.feed(data):
                if not self._greeted:
                    self._hello(message)
                else:
                    self._messages.put_nowait(message)
        except FramingError as error:
            self._messages.put_nowait(error)
        if self._messages.qsize() > _QUEUED and self._channel is not None and not self._paused:
            self._paused = True
            self._channel.pause_reading()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.sessions.pop(self.id, None)
        self._server.live.datastore.release(self.id)
        if self._task is not None:
            self._task.cancel()

    # the switch calls these

    def end(self) -> None:
        """Close after the reply to the current operation."""
        self._ending = True

    def cut(self) -> None:
        """Close at once; locks are released before this returns."""
        self._server.sessions.pop(self.id, None)
        self._server.live.datastore.release(self.id)
        if self._task is not None:
            self._task.cancel()
        if self._channel is not None:
            self._channel.get_connection().abort()

    def _hello(self, message: bytes) -> None:
        """The client's hello decides the framing (RFC 6242 section 4.1). Raises FramingError for anything else."""
        try:
            root = _parse(message)
        except _MalformedError as error:
            raise FramingError("the first message is not a hello") from error
        uris = {(one.text or "").strip() for one in root.iter(f"{{{BASE}}}capability")}
        if root.tag != f"{{{BASE}}}hello" or root.find(f"{{{BASE}}}session-id") is not None:
            raise FramingError("the first message is not a client's hello")
        if not uris & {_BASE_1_0, BASE_1_1}:
            raise FramingError("no version of NETCONF in common")
        self._framer.chunked = BASE_1_1 in uris
        self._greeted = True

    async def _work(self) -> None:
        try:
            while not self._ending:
                if self._greeted:
                    message = await self._messages.get()
                else:
                    message = await asyncio.wait_for(self._messages.get(), _HELLO_SECONDS)
                if self._paused and self._messages.qsize() <= _QUEUED // 2 and self._channel is not None:
                    self._paused = False
                    self._channel.resume_reading()
                await self._handle(message)
                await self._writable.wait()
        except (DroppedError, TimeoutError):
            self.cut()
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("%s: NETCONF session %d failed", self._server.live.name, self.id)
            self.cut()
        else:
            if self._channel is not None:
                self._channel.exit(0)

    async def _handle(self, message: bytes | FramingError) -> None:
        if isinstance(message, FramingError):
            if self._greeted:
                tag = "too-big" if message.too_big else "malformed-message"
                self._reply({}, {}, self._errors([RpcError(tag, message.message, kind="rpc")]))
            self._ending = True
            return
        try:
            rpc = _parse(message)
        except _MalformedError as error:
            if self._framer.chunked:
                self._reply({}, {}, self._errors([RpcError("malformed-message", str(error), kind="rpc")]))
            else:
                self._ending = True  # base:1.0 has no malformed-message (RFC 6241 appendix A)
            return
        attributes = {str(name): str(value) for name, value in rpc.attrib.items()}
        self._reply(attributes, rpc.nsmap, await self._answer(rpc))

    async def _answer(self, rpc: etree._Element) -> str:
        try:
            if rpc.tag != f"{{{BASE}}}rpc":
                raise RpcError("unknown-element", "an rpc belongs here", kind="rpc",
                               info={"bad-element": etree.QName(rpc).localname})  # fmt: skip
            if "message-id" not in rpc.attrib:
                raise RpcError("missing-attribute", "message-id is missing", kind="rpc",
                               info={"bad-attribute": "message-id", "bad-element": "rpc"})  # fmt: skip
            return await self._server.operations.answer(self, rpc)
        except DroppedError:
            raise
        except FabricdError as error:
            whole = isinstance(error, ValidationError)
            if not isinstance(error, InputError | RpcError):
                log.debug("%s: session %d: %s", self._server.live.name, self.id, error)
            return self._errors(list(errors_of(error, whole=whole)))

    def _errors(self, errors: list[RpcError]) -> str:
        return "".join(written(error, self._server.live.outline.namespaces) for error in errors)

    def _reply(self, attributes: Mapping[str, str], nsmap: Mapping[str | None, str], content: str) -> None:
        """Every attribute of the <rpc> is returned (RFC 6241 section 4.2)."""
        known = {namespace: prefix for prefix, namespace in nsmap.items() if prefix}
        text = []
        for name, value in attributes.items():
            space, _, local = name[1:].partition("}") if name.startswith("{") else ("", "", name)
            if space:
                prefix = known.get(space, "x")
                text.append(f" xmlns:{prefix}={quoteattr(space)} {prefix}:{local}={quoteattr(value)}")
            else:
                text.append(f" {local}={quoteattr(value)}")
        self._write(f'<rpc-reply xmlns="{BASE}"{"".join(text)}>{content}</rpc-reply>'.encode())

    def _write(self, message: bytes) -> None:
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write(framed(message, chunked=self._framer.chunked))


class _MalformedError(FabricdError):
    """Not well-formed, or with a document type: entities have no place in NETCONF (RFC 6241 section 3)."""


def _parse(message: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True)
    try:
        root = etree.fromstring(message.lstrip(), parser)  # some clients begin with an empty line
    except etree.XMLSyntaxError as error:
        raise _MalformedError(str(error)) from error
    if b"<!DOCTYPE" in message:
        raise _MalformedError("a document type is not allowed")
    return root
