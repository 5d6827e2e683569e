"""One NETCONF session over SSH: requests out, replies and notifications in; no thread, no polling.

Used by the adapter. Must not know what the messages say beyond their envelope.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from contextlib import suppress

import asyncssh

from fabricd.errors import (
    DeviceError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DeviceTooLargeError,
    DeviceUnreachableError,
)
from fabricd.model.device import Device
from fabricd.southbound.limits import must_fit
from fabricd.southbound.netconf import operations, reply
from fabricd.southbound.netconf.framing import Framer, FramingError, TooLongError, framed
from fabricd.southbound.netconf.ssh import device_error, dial
from fabricd.southbound.secrets import credentials

_LOG = logging.getLogger(__name__)

_BASE_11 = "urn:ietf:params:netconf:base:1.1"

# The outermost element, found without parsing what may be megabytes behind it.
_ENVELOPE = re.compile(
    rb"\s*(?:<\?xml[^>]*\?>)?(?:\s|<!--.*?-->)*<(?:[\w.-]+:)?([\w.-]+)((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>", re.DOTALL
)
_MESSAGE_ID = re.compile(rb"\smessage-id\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_ENVELOPE_LIMIT = 1 << 16

# Banners and errors that come before the hello, or in one message with it. Nobody has more to say than this.
_HELLO = re.compile(rb"<((?:[\w.-]+:)?hello)[\s>]")
_BEFORE_HELLO = 8
_QUOTED = 1 << 10

# Replies to requests that were given up cannot come, since giving up ends the session; some devices answer twice. So
# many in a row, though, are no mistake.
_STRAY_REPLIES = 64


class _NotSentError(BrokenPipeError):
    """The channel was gone before the first byte of a message."""


class Wire(asyncssh.SSHClientSession[bytes]):
    """The SSH channel: frames what comes, and holds senders back while the peer does not read."""

    def __init__(self, limit: int, received: Callable[[bytes], None], lost: Callable[[Exception | None], None]) -> None:
        self.framer = Framer(received, limit)
        self._lost = lost
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._started = False
        self._writable = asyncio.Event()
        self._sending = asyncio.Lock()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan
        self._writable.set()

    def session_started(self) -> None:
        self._started = True

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if datatype is not None:
            return  # stderr
        try:
            self.framer.feed(data)
        except FramingError as error:
            self._lost(error)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def eof_received(self) -> bool:
        return False  # a peer that says no more ends the session

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        if self._started:  # else it is a subsystem that the device does not have, and perhaps it has another
            self._lost(exc)

    async def send(self, pieces: Iterable[bytes]) -> None:
        """Write one message, waiting while the peer's window is full. Raises BrokenPipeError when the channel is
        gone: `_NotSentError` before the first byte. Cancelling it in the middle leaves the stream unusable."""
        async with self._sending:
            gone: type[BrokenPipeError] = _NotSentError
            for piece in pieces:
                await self._writable.wait()
                if self._channel is None or self._channel.is_closing():
                    raise gone
                self._channel.write(piece)
                gone = BrokenPipeError


class NetconfSession:
    """A session after the exchange of hellos. Owns its SSH connection.

    Any failure but an answered one (time-out, cancellation, framing, loss) ends it, and its locks with it.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._handler = operations.handler(device.profile.netconf.handler)
        self._wire = Wire(device.profile.max_message_bytes, self._received, self._lost)
        self._connection: asyncssh.SSHClientConnection | None = None
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._first: asyncio.Future[bytes] | None = asyncio.get_running_loop().create_future()
        self._failure: DeviceError | None = None
        self._said: list[str] = []  # before the hello
        self._strays = 0
        self._asked = 0  # bytes of the last request
        self.hello: operations.Hello
        self.on_notification: Callable[[bytes], None] = _ignore
        self.on_end: Callable[[], None] = _nothing

    @classmethod
    async def open(cls, device: Device) -> NetconfSession:
        """Connect, log in and exchange hellos within Profile.timeouts.connect.

        Raises DeviceUnreachableError, DeviceTrustError or DeviceProtocolError; nothing stays open then.
        """
        timeout = device.profile.timeouts.connect
        session = cls(device)
        try:
            async with asyncio.timeout(timeout):
                await session._connect()
        except TimeoutError as error:
            session.abort()
            if session._said:
                raise DeviceProtocolError(
                    f"no NETCONF hello within {timeout:g} s, but {session._said[0]}", device=device.name
                ) from error
            raise DeviceUnreachableError(f"no NETCONF session within {timeout:g} s", device=device.name) from error
        except BaseException:
            session.abort()
            raise
        return session

    @property
    def closed(self) -> bool:
        return self._failure is not None

    @property
    def said(self) -> tuple[str, ...]:
        """What came before the hello, in words and cut short."""
        return tuple(self._said)

    async def call(
        self, operation: operations.Operation, what: str, timeout: float, /, *arguments: object, **options: object
    ) -> bytes:
        """Send the request that ncclient's `operation` writes, and return the reply in its own bytes.

        Raises DeviceUnreachableError (nothing was sent), DeviceTimeoutError (effect unknown), DeviceTooLargeError (the
        request, or the answer, which ends the session) or DeviceProtocolError.
        """
        self._must_be_open()
        message_id, text = operations.request(operation, self.hello, self._handler, *arguments, **options)
        self._asked = len(text)
        must_fit(self._device, what, self._asked, tag="too-big")
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = reply
        try:
            async with asyncio.timeout(timeout):
                await self._wire.send(framed(text, chunked=self._wire.framer.chunked))
                return await reply
        except TimeoutError as error:
            # At the far end the request goes on: the session cannot be used for anything else.
            failure = DeviceTimeoutError(f"no answer to {what} within {timeout:g} s", device=self._device.name)
            self.abort()
            raise failure from error
        except _NotSentError as error:
            self.abort()
            raise DeviceUnreachableError("the device closed the session", device=self._device.name) from error
        except OSError as error:
            self.abort()
            raise DeviceTimeoutError(f"the connection broke during {what}", device=self._device.name) from error
        except _LostError as error:
            if isinstance(self._failure, DeviceProtocolError):
                raise DeviceProtocolError(self._failure.message, device=self._device.name) from error
            if isinstance(self._failure, DeviceTooLargeError):
                raise self._too_large(self._failure.message) from error
            raise DeviceTimeoutError(f"the connection broke during {what}", device=self._device.name) from error
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            del self._waiting[message_id]
            if reply.done() and not reply.cancelled():
                reply.exception()  # seen, also when sending failed first

    def repaired(self, message: bytes) -> bytes | None:
        """A message that is not well-formed, mended as the device's handler does it; None when it does not."""
        return operations.repaired(self._handler, message)

    async def close(self, timeout: float = 2.0) -> None:
        """close-session (RFC 6241 section 7.8), then the connection, each within `timeout` seconds. Never raises."""
        if not self.closed:
            try:
                await self.call(operations.CloseSession, "close-session", timeout)
            except DeviceError as error:
                _LOG.debug("%s: close-session: %s", self._device.name, error)
        self._end(DeviceUnreachableError("the session is closed", device=self._device.name))
        connection = self._connection
        if connection is None:
            return
        connection.close()
        try:
            async with asyncio.timeout(timeout):
                await connection.wait_closed()
        except (TimeoutError, OSError, asyncssh.Error):
            connection.abort()

    def abort(self) -> None:
        """Cut the connection now."""
        self._end(DeviceUnreachableError("the session is closed", device=self._device.name))
        if self._connection is not None:
            self._connection.abort()

    async def _connect(self) -> None:
        device = self._device
        self._connection = await dial(device, await credentials(device))
        first = self._first
        assert first is not None
        try:
            await self._open_subsystem(self._connection)
            hello = operations.write_hello(self._handler)
            with suppress(_NotSentError):  # what it said before it closed is still on its way
                await self._wire.send(framed(hello, chunked=False))
            await first
        except _LostError as error:
            if isinstance(self._failure, DeviceProtocolError | DeviceTooLargeError):
                raise self._failure from error
            said = f"; it said {self._said[-1]}" if self._said else ""
            raise DeviceUnreachableError(
                f"the device closed the session before its hello{said}", device=device.name
            ) from error
        except (asyncssh.Error, OSError) as error:
            raise device_error(error, device) from error

    async def _open_subsystem(self, connection: asyncssh.SSHClientConnection) -> None:
        """The first of the handler's subsystems that the device has."""
        *others, last = self._handler.get_ssh_subsystem_names()
        for name in others:
            try:
                await connection.create_session(lambda: self._wire, subsystem=name, encoding=None)
            except asyncssh.ChannelOpenError as error:
                _LOG.debug("%s: subsystem %s: %s", self._device.name, name, error.reason)
            else:
                return
        await connection.create_session(lambda: self._wire, subsystem=last, encoding=None)

    def _must_be_open(self) -> None:
        if self._failure is not None:
            raise DeviceUnreachableError(self._failure.message, device=self._device.name) from self._failure

    def _received(self, message: bytes) -> None:
        """Called by the framer, between two bytes of input: never waits, never raises."""
        if self._failure is not None:
            return
        if self._first is not None:
            self._greeted(message)
            return
        envelope = _ENVELOPE.match(message, 0, _ENVELOPE_LIMIT)
        if envelope is None and (mended := self.repaired(message)) is not None:
            message = mended
            envelope = _ENVELOPE.match(message, 0, _ENVELOPE_LIMIT)
        name = envelope[1] if envelope is not None else b""
        if name == b"rpc-reply" and envelope is not None:
            self._deliver(_MESSAGE_ID.search(envelope[2]), message)
        elif name == b"notification":
            self.on_notification(message)
        else:
            self._fail(DeviceProtocolError("a message that is no reply and no notification", device=self._device.name))

    def _greeted(self, message: bytes) -> None:
        """Take the hello, also from the midst of other words; skip what comes before it."""
        found = _hello_in(message)
        if not found:
            self._skip(message)
            return
        try:
            self.hello = operations.read_hello(found)
        except ValueError as error:
            self._fail(DeviceProtocolError(f"no NETCONF hello: {error}", device=self._device.name))
            return
        first, self._first = self._first, None
        # Both have to offer base:1.1 (RFC 6242 section 4.1), and some handlers do not.
        self._wire.framer.chunked = self.hello.has(_BASE_11) and _BASE_11 in operations.offered(self._handler)
        if first is not None and not first.done():
            first.set_result(message)

    def _skip(self, message: bytes) -> None:
        text = " ".join(re.sub(rb"<[^>]*>", b" ", message[:_QUOTED]).decode("utf-8", "replace").split())[:200]
        self._said.append(repr(text or "nothing in words"))
        _LOG.info("%s: before its hello the device said %s", self._device.name, self._said[-1])
        if len(self._said) > _BEFORE_HELLO:
            self._fail(DeviceProtocolError(f"no NETCONF hello, but {self._said[0]}", device=self._device.name))

    def _deliver(self, message_id: re.Match[bytes] | None, message: bytes) -> None:
        if message_id is None:
            self._fail(self._unread(message))
            return
        waiting = self._waiting.get((message_id[1] or message_id[2] or b"").decode("utf-8", "replace"))
        if waiting is None or waiting.done():
            self._strays += 1
            _LOG.warning("%s: a reply that nobody waits for was dropped", self._device.name)
            if self._strays > _STRAY_REPLIES:
                self._fail(DeviceProtocolError("replies without end that nobody asked for", device=self._device.name))
        else:
            self._strays = 0
            waiting.set_result(message)

    def _unread(self, message: bytes) -> DeviceError:
        """The server could not read our request (RFC 6241 section 4.2): whose reply it is cannot be told."""
        said = ""
        try:
            if len(message) < reply.LARGE:
                reply.check(message, self._device, "a request", self.repaired)
        except DeviceTooLargeError as error:
            return self._too_large(f"{error.message}; the request had {self._asked} bytes")
        except DeviceRefusedError as error:
            said = f": {error.message}"
        except DeviceError as error:
            _LOG.debug("%s: %s", self._device.name, error)
        return DeviceProtocolError(f"a reply without a message-id{said}", device=self._device.name)

    def _lost(self, error: Exception | None) -> None:
        if isinstance(error, TooLongError):
            self._fail(self._too_large(str(error)))
        elif isinstance(error, FramingError):
            self._fail(DeviceProtocolError(str(error), device=self._device.name))
        else:
            self._fail(DeviceUnreachableError("the device closed the session", device=self._device.name))

    def _too_large(self, message: str) -> DeviceTooLargeError:
        """Final: the same answer will not be shorter."""
        return DeviceTooLargeError(message, device=self._device.name, tag="too-big", transient=False)

    def _fail(self, failure: DeviceError) -> None:
        self._end(failure)
        if self._connection is not None:
            self._connection.abort()

    def _end(self, failure: DeviceError) -> None:
        """Wake everybody who waits; only the first failure counts."""
        if self._failure is not None:
            return
        self._failure = failure
        for waiting in (*self._waiting.values(), *((self._first,) if self._first is not None else ())):
            if not waiting.done():
                waiting.set_exception(_LostError())
                waiting.exception()  # not everybody is still there to look
        self.on_end()


def _hello_in(message: bytes) -> bytes:
    """The hello without what stands around it; nothing where there is none. Takes no longer for hostile messages."""
    start = _HELLO.search(message)
    if start is None:
        return b""
    end = message.rfind(b"</" + start[1], start.end())
    after = message.find(b">", end)
    return message[start.start() : after + 1] if 0 <= end < after else b""


class _LostError(Exception):
    """The session ended under a request; `_failure` says why."""


def _ignore(_: bytes) -> None:
    """Notifications that nobody asked for."""


def _nothing() -> None:
    """Nobody waits for the end."""
