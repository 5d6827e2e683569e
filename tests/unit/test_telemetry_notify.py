"""What systemd hears, over a real datagram socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fabricd.telemetry import ServiceNotifier


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify") if request.param == "file" else "")
        server.settimeout(10)
        yield server


def environment(manager: socket.socket, **more: str) -> dict[str, str]:
    name = manager.getsockname()
    return {"NOTIFY_SOCKET": name if isinstance(name, str) else "@" + name[1:].decode(), **more}


def hear(manager: socket.socket) -> list[str]:
    return manager.recv(65536).decode().split("\n")


def test_each_state_is_one_datagram(manager: socket.socket) -> None:
    notifier = ServiceNotifier(environment(manager), monotonic_ns=lambda: 12_345_678)
    assert notifier.active
    notifier.ready("6/6 in sync")
    assert hear(manager) == ["READY=1", "STATUS=6/6 in sync"]
    notifier.status("5/6 in sync")
    assert hear(manager) == ["STATUS=5/6 in sync"]
    notifier.reloading()
    assert hear(manager) == ["RELOADING=1", "MONOTONIC_USEC=12345"]
    notifier.ready()
    assert hear(manager) == ["READY=1"]
    notifier.stopping()
    assert hear(manager) == ["STOPPING=1"]


def test_a_status_cannot_hold_a_second_field(manager: socket.socket) -> None:
    ServiceNotifier(environment(manager)).status("leaf1 said\nREADY=1")
    assert hear(manager) == ["STATUS=leaf1 said\\nREADY=1"]


async def test_signs_of_life_come_at_half_the_time_and_only_while_healthy(manager: socket.socket) -> None:
    notifier = ServiceNotifier(environment(manager, WATCHDOG_USEC="100000", WATCHDOG_PID=str(os.getpid())))
    assert notifier.watchdog_interval == 0.05
    healthy = True
    asked = asyncio.Event()

    def is_healthy() -> bool:
        asked.set()
        return healthy

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(notifier.watchdog(is_healthy))
    begun = loop.time()
    for _ in range(4):
        assert await asyncio.to_thread(hear, manager) == ["WATCHDOG=1"]
    assert loop.time() - begun >= 3 * 0.05 * 0.9
    healthy = False
    manager.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:  # those that came before they were heard
            manager.recv(100)
    for _ in range(3):
        asked.clear()
        await asyncio.wait_for(asked.wait(), 10)
    with pytest.raises(BlockingIOError):
        manager.recv(100)
    healthy = True
    manager.settimeout(10)
    assert await asyncio.to_thread(hear, manager) == ["WATCHDOG=1"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    "variables", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}]
)
async def test_no_sign_of_life_is_given_where_none_is_wanted(manager: socket.socket, variables: dict[str, str]) -> None:
    notifier = ServiceNotifier(environment(manager, **variables))
    await asyncio.wait_for(notifier.watchdog(lambda: True), 10)
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)


@pytest.mark.parametrize("name", ["", "vsock:2:1234", "relative"])
async def test_without_systemd_nothing_happens(name: str) -> None:
    notifier = ServiceNotifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000"})
    assert not notifier.active
    notifier.ready()
    notifier.status("x")
    await asyncio.wait_for(notifier.watchdog(lambda: True), 10)


def test_a_manager_that_is_gone_is_complained_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notifier = ServiceNotifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    for _ in range(3):
        notifier.status("x")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
