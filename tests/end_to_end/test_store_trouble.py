"""A disk that is full, a database that is locked or damaged: the daemon says so, and goes on as soon as it can."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from installation import DEADLINE, Installation, descriptions, installed

from fabricd.errors import FabricdError, StoreError

PAGE = 4096


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as one:
        await one.start()
        await one.submit_fabric()
        await one.converge()
        yield one


def files(installation: Installation) -> list[Path]:
    return sorted((installation.folder / "state").glob("fabricd.sqlite*"))


def pid(installation: Installation) -> int:
    assert installation.process is not None
    assert installation.process.returncode is None
    return installation.process.pid


async def said(installation: Installation, text: str) -> None:
    async def happened() -> bool:
        pid(installation)
        return text in installation.log

    await installation.until(happened)


async def test_a_full_disk_ends_neither_a_reload_nor_the_daemon(installation: Installation) -> None:
    """RLIMIT_FSIZE lets no file of the daemon grow any more."""
    unlimited = resource.prlimit(pid(installation), resource.RLIMIT_FSIZE)
    full = max(file.stat().st_size for file in files(installation))
    resource.prlimit(pid(installation), resource.RLIMIT_FSIZE, (full, unlimited[1]))
    settings = installation.folder / "fabricd.toml"
    right = settings.read_text()
    os.kill(pid(installation), signal.SIGHUP)
    await said(installation, "not in the journal: reloaded, 6 devices")
    settings.write_text(right + "\nno_such_setting = 1\n")
    os.kill(pid(installation), signal.SIGHUP)
    await said(installation, "not in the journal: not reloaded")
    settings.write_text(right)
    with pytest.raises(StoreError):
        await installation.client.submit([descriptions("more", "on a full disk")])
    await installation.simulation.switches["leaf1"].change({"/interfaces/interface[name='Ethernet1']/config/mtu": 1500})
    await said(installation, "the outcome of leaf1 could not be recorded")
    resource.prlimit(pid(installation), resource.RLIMIT_FSIZE, unlimited)
    await installation.client.submit([descriptions("more", "there is room again")])
    await installation.client.reconcile(["leaf1"])
    await installation.converge()
    assert await installation.stop() == 0


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where the daemon of the test gives signs of life to."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as server:
        server.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield server


async def heard(systemd: socket.socket, text: str) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(DEADLINE):
        while text not in (await loop.sock_recv(systemd, 65536)).decode():
            pass


async def test_a_damaged_store_is_told_and_signs_of_life_go_on(
    systemd: socket.socket, installation: Installation
) -> None:
    """A restart, which is what the watchdog does, would not mend it; and nobody would have been told."""
    await heard(systemd, "STATUS=revision 1: 6/6 devices in sync")
    for file in files(installation):
        if file.suffix == ".sqlite" or file.name.endswith("-wal"):
            with file.open("r+b") as opened:
                size = file.stat().st_size
                opened.seek(PAGE if file.suffix == ".sqlite" else 0)
                opened.write(bytes(size - opened.tell()))
    # Connections read again what was changed since they last looked.
    with contextlib.suppress(FabricdError):
        await installation.client.set_mode(["leaf1"], "observe")
    with pytest.raises(StoreError, match="cannot read the store"):
        await installation.client.status()
    for _ in range(3):
        await heard(systemd, "STATUS=cannot read the store")
    pid(installation)
    os.kill(pid(installation), signal.SIGHUP)
    for _ in range(3):
        await heard(systemd, "STATUS=cannot read the store")
    assert await installation.stop() == 0
