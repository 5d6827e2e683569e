"""The TCP port of a simulated switch: passes octets on to its gRPC server and back, and can stop or cut in between.

Made by the gNMI server, since gRPC itself sends whole messages only. Knows nothing of what passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fabricd.errors import FabricdError

_INTERNAL = "127.0.0.1"


class Relay:
    """One listening port and its connections. `upstream` is the port on this machine that new connections lead to."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self._server: asyncio.Server | None = None
        self._links: set[Link] = set()

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._links)

    async def start(self, host: str, port: int) -> int:
        """Listen on `port` (0: any) and return it. Raises FabricdError when it is taken."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _End(self._accepted), host, port)
        except OSError as error:
            raise FabricdError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    def stop(self) -> None:
        """Cut every connection and stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for link in list(self._links):
            link.cut()

    def link(self, port: int) -> Link | None:
        """The connection that comes to the gRPC server from this port."""
        return next((link for link in self._links if link.port == port), None)

    def _accepted(self, near: _End) -> None:
        link = Link(near, self._links.discard)
        self._links.add(link)
        link.connect(self.upstream)


class Link:
    """One connection. Owns both of its ends."""

    def __init__(self, near: _End, forget: Callable[[Link], None]) -> None:
        self.port = 0
        """The port it comes from at the gRPC server; 0 until it is connected there."""
        self.gone = asyncio.Event()
        """Set when it has ended."""
        self._near = near
        self._far = _End(lambda _: None)
        self._forget = forget
        self._left: int | None = None  # octets that may still pass to the client; None: any number
        self._cuts = False
        self._held = bytearray()
        self._connecting: asyncio.Task[None] | None = None
        near.peer, near.lost = self._far, self.cut
        self._far.peer, self._far.lost, self._far.sent = near, self.cut, self._down

    def connect(self, upstream: int) -> None:
        """Reach the gRPC server; the client's octets wait until then."""
        self._near.pause()
        self._connecting = asyncio.get_running_loop().create_task(self._connect(upstream))

    def cut(self) -> None:
        """End it at once, what is under way is lost. Twice is as good as once."""
        self._forget(self)
        self.gone.set()
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()
        self._near.abort()
        self._far.abort()

    def cut_after(self, octets: int) -> None:
        """Let so many octets more pass to the client, then cut."""
        self._left, self._cuts = octets, True

    def stall_after(self, octets: int) -> None:
        """Let so many octets more pass to the client, then nothing until `resume`."""
        self._left, self._cuts = octets, False

    def resume(self) -> None:
        """Everything passes again, first what was held."""
        self._left = None
        held, self._held = bytes(self._held), bytearray()
        if held:
            self._near.write(held)
        self._far.resume()

    async def _connect(self, upstream: int) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self._far, _INTERNAL, upstream)
        except OSError:
            self.cut()
            return
        self.port = self._far.local_port
        self._near.resume()

    def _down(self, data: bytes) -> None:
        if self._left is None:
            self._near.write(data)
            return
        now, later = data[: self._left], data[self._left :]
        self._left -= len(now)
        if now:
            self._near.write(now)
        if self._cuts and self._left == 0:
            self._near.close()  # flushes what was to pass; losing this end then cuts the other
        elif later:
            self._held += later
            self._far.pause()


class _End(asyncio.Protocol):
    """One end of a connection: what arrives goes to its peer, no faster than the peer takes it."""

    def __init__(self, made: Callable[[_End], None]) -> None:
        self._made = made
        self._transport: asyncio.Transport | None = None
        self.peer: _End | None = None
        self.lost: Callable[[], None] = lambda: None
        self.sent: Callable[[bytes], None] = self._pass_on

    @property
    def local_port(self) -> int:
        assert self._transport is not None
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._made(self)

    def data_received(self, data: bytes) -> None:
        self.sent(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost()

    def pause_writing(self) -> None:
        if self.peer is not None:
            self.peer.pause()

    def resume_writing(self) -> None:
        if self.peer is not None:
            self.peer.resume()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def pause(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _pass_on(self, data: bytes) -> None:
        assert self.peer is not None
        self.peer.write(data)
