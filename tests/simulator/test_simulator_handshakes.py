"""Certificates that change while many connect: to the simulated switches, and to any gRPC server of ours."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import grpc.aio
from simulator_process import command, set_hostname, where

from fabricd.renewed_certificates import server_credentials
from fabricd.simulator import Simulation, Switch

DEADLINE = 120.0


@contextmanager
def storm(port: int, *, threads: int = 8) -> Iterator[Callable[[], int]]:
    """Connect, shake hands and hang up on `threads` threads; the value tells how many handshakes were done so far."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    over = threading.Event()
    done = [0] * threads

    def connect(index: int) -> None:
        while not over.is_set():
            try:
                with context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10.0)):
                    done[index] += 1
            except OSError:  # a server that has no room, or has died
                over.wait(0.001)

    workers = [threading.Thread(target=connect, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield lambda: sum(done)
    finally:
        over.set()
        for worker in workers:
            worker.join()


async def test_a_switch_survives_many_who_connect_at_the_same_time(tmp_path: Path) -> None:
    process = await command(tmp_path)
    with storm(where(tmp_path)["gnmi_port"]) as handshakes:
        async with asyncio.timeout(DEADLINE):
            while handshakes() < 4_000 and process.returncode is None:
                await asyncio.sleep(0.05)
    assert process.returncode is None
    assert await set_hostname(tmp_path, "alive") == "alive"
    process.terminate()
    async with asyncio.timeout(DEADLINE):
        await process.communicate()


async def test_nobody_shakes_hands_while_a_certificate_is_replaced(simulation: Simulation, left: Switch) -> None:
    """What keeps gRPC from crashing rests on its asking one at a time; a version that does not must fail here."""
    pair = (left.identity.key, left.identity.certificate)
    authorities = simulation.ca_file.read_bytes()
    gaps: list[float] = []
    given = 0.0
    asked = 0

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal given, asked
        now, asked = time.monotonic(), asked + 1
        if given:
            gaps.append(now - given)
        given = 0.0
        if asked % 10:
            return None
        given = now
        return grpc.ssl_server_certificate_configuration([pair], authorities)

    server = grpc.aio.server()
    first = grpc.ssl_server_certificate_configuration([pair], authorities)
    credentials = server_credentials(first, renewed, require_client_authentication=False)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    with storm(port):
        async with asyncio.timeout(DEADLINE):
            while len(gaps) < 20:
                await asyncio.sleep(0.05)
    await server.stop(None)
    assert min(gaps) >= 0.1
