"""A fabricd installation for tests: simulated switches here, the daemon in a process of its own that can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

from fabricd.client import Client
from fabricd.errors import FabricdError
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.simulator import LinkConfig, Simulation, SimulationConfig, SwitchConfig

PROJECT = Path(__file__).resolve().parents[2]
FABRIC = PROJECT / "config" / "examples" / "openconfig"
GNMI = ("spine1", "spine2", "leaf1", "leaf2")
NETCONF = ("leaf3", "leaf4")
DEVICES = GNMI + NETCONF
DEADLINE = 120.0  # seconds for anything to happen at all; never what is waited for


PASSWORD = "secret"


def simulated(folder: Path, models: str = "managed", password: str = PASSWORD) -> SimulationConfig:
    """The demo's cabling, on free ports."""
    spines, leaves = DEVICES[:2], DEVICES[2:]
    switches = [SwitchConfig(name=name, ports=tuple(f"Ethernet{n}" for n in range(1, 12))) for name in DEVICES]
    links = [
        LinkConfig(a=f"{spine}:Ethernet{leaf[-1]}", b=f"{leaf}:Ethernet{spine[-1]}")
        for spine in spines
        for leaf in leaves
    ]
    return SimulationConfig(
        state_directory=folder / "switches",
        username="fabricd",
        password=password,
        models=models,
        switches=tuple(switches),
        links=tuple(links),
    )


class Installation:
    """The daemon's folder, its process and a client. Owned by one test."""

    def __init__(self, folder: Path, simulation: Simulation, password: str = PASSWORD) -> None:
        self.folder = folder
        self.password = password
        self.simulation = simulation
        self.process: asyncio.subprocess.Process | None = None
        self.client = Client.connect(f"unix:{folder / 'fabricd.sock'}")
        (folder / "state").mkdir(mode=0o700)

    @property
    def log(self) -> str:
        """What the daemon has said so far, in whole lines: one may be being written."""
        text = (self.folder / "daemon.log").read_text(errors="replace")
        return text[: text.rfind("\n") + 1]

    def configure(
        self,
        *,
        sweep_interval: float = 2.0,
        models: Path | None = None,
        confirm_within: float | None = None,
        more: str = "",
    ) -> None:
        """Write settings and inventory for the switches as they listen now. `models`: a release's folder.
        `confirm_within`: as profiles have it."""
        profile, sets, said = "openconfig", "", ""
        if models is not None:
            profile, sets, said = "release", f'\n[models.sets]\nrelease = "{models}"\n', 'models = "release"\n'
        if confirm_within is not None:
            profile, said = "hurried", f"{said}confirm_within = {confirm_within}\n"
        if said:
            profiles = self.folder / "profiles"
            profiles.mkdir(exist_ok=True)
            (profiles / f"{profile}.toml").write_text(f'name = "{profile}"\n{said}')
        (self.folder / "fabricd.toml").write_text(
            'state_directory = "state"\ninventory = "inventory.toml"\n'
            + ('profiles = "profiles"\n' if said else "")
            + f"[reconcile]\nsweep_interval = {sweep_interval}\nretry_first = 0.2\nretry_max = 2.0\n{more}\n"
            '[northbound]\nunix_socket = "fabricd.sock"\n'
            '[telemetry]\nlog_format = "json"\nmetrics_address = "127.0.0.1:0"\n' + sets
        )
        entries = [
            '[defaults]\naddress = "127.0.0.1"\n'
            f'profile = "{profile}"\n'
            '[defaults.login]\nusername = "fabricd"\npassword = "env:SWITCH_PASSWORD"\n'
            f'[defaults.trust]\nca = "{self.simulation.ca_file}"\n'
            f'known_hosts = "{self.simulation.known_hosts_file}"\n'
        ]
        for name, switch in self.simulation.switches.items():
            protocol = "gnmi" if name in GNMI else "netconf"
            port = switch.gnmi_port if name in GNMI else switch.netconf_port
            entries.append(f'[[device]]\nname = "{name}"\nprotocol = "{protocol}"\nport = {port}\n')
        (self.folder / "inventory.toml").write_text("\n".join(entries))

    async def start(self) -> None:
        """Start the daemon and wait until it serves."""
        with (self.folder / "daemon.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                Path(sys.executable).parent / "fabricd",
                "serve",
                "--config",
                self.folder / "fabricd.toml",
                stdout=log,
                stderr=log,
                env={**os.environ, "SWITCH_PASSWORD": self.password},
            )

        async def answers() -> bool:
            assert self.process is not None
            assert self.process.returncode is None, f"the daemon ended:\n{self.log[-3000:]}"
            with contextlib.suppress(FabricdError):
                await self.client.status(timeout=1.0)
                return True
            return False

        await self.until(answers)

    async def kill(self) -> None:
        """SIGKILL: nothing of it gets a chance to clean up."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), DEADLINE)

    async def until(self, happened: Callable[[], Awaitable[bool]]) -> None:
        """Ask until it is so; fails with the end of the log when it does not become so."""
        try:
            async with asyncio.timeout(DEADLINE):
                while not await happened():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"did not happen within {DEADLINE} s; the log ends:\n{self.log[-4000:]}") from None

    async def converge(self) -> None:
        """Wait until the daemon says that every device is in sync with the current revision."""

        async def all_in_sync() -> bool:
            status = await self.client.status()
            return all(device.in_sync for device in status.devices) and len(status.devices) == len(DEVICES)

        await self.until(all_in_sync)

    async def submit_fabric(self) -> int:
        """The demo's fabric; returns its revision."""
        documents = [document(file.name, file.read_text()) for file in sorted(FABRIC.glob("*.yaml"))]
        return (await self.client.submit(documents, comment="the fabric")).revision

    async def close(self) -> None:
        if self.process is not None and self.process.returncode is None:
            await self.kill()
        await self.client.close()


def document(source: str, text: str) -> pb.Document:
    return pb.Document(source=source, content=text.encode())


def descriptions(name: str, text: str, devices: Iterable[str] = DEVICES) -> pb.Document:
    """An intent that gives Ethernet1 of every device this description."""
    return document(
        f"{name}.yaml",
        f"kind: config\nname: {name}\npriority: 200\ndevices: [{', '.join(devices)}]\nconfig:\n"
        "  openconfig-interfaces:interfaces:\n    interface:\n      - name: Ethernet1\n"
        f"        config: {{name: Ethernet1, description: '{text}'}}\n",
    )


class Alarm:
    """How the switches wait for a confirmation: as long as a test likes. Nothing is over before it rings."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    async def sleep(self, _: float) -> None:
        await self._rung.wait()

    def ring(self) -> None:
        """The time of all that wait now is over."""
        self._rung.set()
        self._rung = asyncio.Event()


@contextlib.asynccontextmanager
async def installed(
    folder: Path,
    models: Path | None = None,
    password: str = PASSWORD,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[Installation]:
    """Running switches, which sleep so, and a configured daemon that is not started yet.

    The daemon's folder has a short name of its own: paths of unix sockets are limited to 107 bytes.
    """
    short = Path(tempfile.mkdtemp(prefix="fabricd-"))
    try:
        async with Simulation(simulated(folder, str(models or "managed"), password), sleep=sleep) as simulation:
            installation = Installation(short, simulation, password)
            installation.configure(models=models)
            try:
                yield installation
            finally:
                await installation.close()
    finally:
        shutil.rmtree(short, ignore_errors=True)
