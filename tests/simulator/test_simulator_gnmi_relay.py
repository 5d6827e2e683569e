"""The relay before a switch's gRPC server: octets pass in order, no faster than they are taken, or as few as asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from fabricd.errors import FabricdError
from fabricd.simulator.gnmi.relay import Link, Relay

HOST = "127.0.0.1"


class Upstream:
    """What stands where the gRPC server does: keeps what comes, sends what it is told to."""

    def __init__(self) -> None:
        self.came = bytearray()
        self.writer: asyncio.StreamWriter | None = None
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                self.came += data
        self.ended.set()
        writer.close()

    @property
    def port(self) -> int:
        """Where the relay comes from."""
        assert self.writer is not None
        port: int = self.writer.get_extra_info("peername")[1]
        return port

    async def send(self, data: bytes) -> None:
        assert self.writer is not None
        self.writer.write(data)
        await self.writer.drain()


@asynccontextmanager
async def relayed() -> AsyncIterator[tuple[Relay, Upstream, int]]:
    """A relay, what is behind it, and its port."""
    upstream = Upstream()
    async with await asyncio.start_server(upstream.serve, HOST, 0) as server:
        relay = Relay(server.sockets[0].getsockname()[1])
        port = await relay.start(HOST, 0)
        try:
            yield relay, upstream, port
        finally:
            relay.stop()


async def connect(
    relay: Relay, upstream: Upstream, port: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Link]:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"hello")
    await until(lambda: bytes(upstream.came) == b"hello")
    link = relay.link(upstream.port)
    assert link is not None
    return reader, writer, link


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.01)


async def test_octets_pass_in_order_both_ways() -> None:
    async with relayed() as (relay, upstream, port):
        reader, writer, _ = await connect(relay, upstream, port)
        sent = bytes(range(256)) * 40_000
        writer.write(sent)
        sending = asyncio.ensure_future(upstream.send(sent[::-1]))
        assert await reader.readexactly(len(sent)) == sent[::-1]
        await sending
        await until(lambda: len(upstream.came) == 5 + len(sent))
        assert upstream.came[5:] == sent
        writer.close()
        await asyncio.wait_for(upstream.ended.wait(), 20)
        await until(lambda: relay.connections == 0)


async def test_a_client_that_does_not_read_fills_no_memory() -> None:
    async with relayed() as (relay, upstream, port):
        reader, writer, _ = await connect(relay, upstream, port)
        sent = 0

        async def send() -> None:
            nonlocal sent
            for _ in range(96):
                await upstream.send(bytes(1 << 20))
                sent += 1 << 20

        sending = asyncio.ensure_future(send())
        seen = -1
        while sent > seen:  # until nothing more is taken
            seen = sent
            await asyncio.wait({sending}, timeout=0.3)
        assert sent < 48 << 20
        await reader.readexactly(96 << 20)
        await sending
        writer.close()


@pytest.mark.parametrize("octets", [1, 5, 1000, 300_000])
async def test_an_answer_is_cut_or_stalled_after_exactly_so_many_octets(octets: int) -> None:
    answer = bytes(range(256)) * 2000
    async with relayed() as (relay, upstream, port):
        reader, writer, link = await connect(relay, upstream, port)
        link.stall_after(octets)
        await upstream.send(answer)
        assert await reader.readexactly(octets) == answer[:octets]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        link.resume()
        assert await reader.readexactly(len(answer) - octets) == answer[octets:]
        link.cut_after(octets)
        await upstream.send(answer)
        assert await reader.read(-1) == answer[:octets]
        assert link.gone.is_set()
        writer.close()


async def test_a_cut_ends_both_sides_at_once() -> None:
    async with relayed() as (relay, upstream, port):
        reader, writer, link = await connect(relay, upstream, port)
        link.cut()
        with suppress(ConnectionError):
            assert await reader.read() == b""
        await asyncio.wait_for(upstream.ended.wait(), 20)
        assert relay.connections == 0
        link.cut()
        writer.close()


async def test_nobody_behind_it_and_a_taken_port() -> None:
    async with relayed() as (relay, _, port):
        other = Relay(1)
        with pytest.raises(FabricdError, match=str(port)):
            await other.start(HOST, port)
        lonely = await other.start(HOST, 0)
        reader, writer = await asyncio.open_connection(HOST, lonely)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        await until(lambda: other.connections == 0)
        writer.close()
        other.stop()
        assert relay.connections == 0
