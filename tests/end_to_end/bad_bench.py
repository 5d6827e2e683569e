"""The demo's fabric with two switches that can be made bad, and what has to be so while and after one of them is."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bad_switches import Gateway, Manners, gnmi_front, netconf_front
from installation import DEVICES, Installation, descriptions, installed

from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.simulator import Switch

VICTIMS = {"gnmi": "leaf1", "netconf": "leaf3"}
BOTH = pytest.mark.parametrize("protocol", list(VICTIMS))
PATH = "/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config/description"
SECONDS = 3  # that a victim is given for anything
LARGEST = 1 << 20  # bytes of a message from a victim; making and carrying one that is too large is to take no time


@dataclass
class Bench:
    """The demo's fabric with a gateway before two of its switches, whose login and trust are in files of their own."""

    installation: Installation
    gateways: dict[str, Gateway]
    folder: Path
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def switch(self, name: str) -> Switch:
        return self.installation.simulation.switches[name]

    async def records(self, after: int, device: str = "") -> list[pb.JournalRecord]:
        devices = [device] if device else []
        return [record async for record in self.installation.client.watch(after=after, devices=devices)]

    async def record(self, after: int, device: str, *, code: str) -> pb.JournalRecord:
        """Wait until a reconcile of the device is told to have ended with this error."""
        found: list[pb.JournalRecord] = []

        async def told() -> bool:
            found[:] = [
                record
                for record in await self.records(after, device)
                if record.event == "reconcile" and record.error_code == code
            ]
            return bool(found)

        await self.installation.until(told)
        return found[0]

    async def done(self, after: int, device: str, revision: int) -> pb.JournalRecord:
        """Wait until a reconcile of the device is told to have ended well, with this revision in force."""
        found: list[pb.JournalRecord] = []

        async def told() -> bool:
            found[:] = [
                record
                for record in await self.records(after, device)
                if record.event == "reconcile"
                and record.outcome in ("applied", "in-sync")
                and record.revision == revision
            ]
            return bool(found)

        await self.installation.until(told)
        return found[0]

    async def well(self) -> None:
        """No fault is left, and everything is in sync."""
        (self.folder / "password").write_text("secret")
        (self.folder / "ca.pem").write_bytes(self.installation.simulation.ca_file.read_bytes())
        self.know_hosts({name: self.switch(name).identity.host_key_public for name in VICTIMS.values()})
        for name, gateway in self.gateways.items():
            self.switch(name).faults.release()
            await self.switch(name).start()
            await gateway.open()
        # Whom only a person can mend is asked again in minutes, unless a person says so.
        await self.installation.client.reconcile(list(self.gateways), approve=True)
        await self.installation.converge()

    @contextlib.asynccontextmanager
    async def logged_out(self, victim: str) -> AsyncIterator[None]:
        """The daemon has no session there when this begins, and can have one again when it ends: login and trust are
        read for every new session, and a gRPC channel reconnects with those it began with."""
        (last,) = [record async for record in self.installation.client.watch(last=1)]
        await self.gateways[victim].close()
        await self.installation.client.reconcile([victim])
        await self.record(last.sequence, victim, code="DEVICE_UNREACHABLE")
        yield
        await self.gateways[victim].open()

    def know_hosts(self, keys: dict[str, str]) -> None:
        lines = [f"[127.0.0.1]:{self.gateways[name].port} {key}\n" for name, key in keys.items()]
        (self.folder / "known_hosts").write_text("".join(lines))


@contextlib.asynccontextmanager
async def benched(tmp_path: Path) -> AsyncIterator[Bench]:
    """A running daemon, everything in sync."""
    async with installed(tmp_path) as installation:
        switches, folder = installation.simulation.switches, installation.folder
        gateways = {"leaf1": Gateway(switches["leaf1"].gnmi_port), "leaf3": Gateway(switches["leaf3"].netconf_port)}
        for gateway in gateways.values():
            await gateway.open()
        bench = Bench(installation, gateways, folder)
        (folder / "profiles").mkdir()
        (folder / "profiles" / "victim.toml").write_text(
            f'name = "victim"\nmodels = "managed"\nmax_message_bytes = {LARGEST}\n'
            "confirm_within = 0\n"  # a write is one Set or commit, so that a fault of the next one hits it
            f"[timeouts]\nconnect = {SECONDS}\nread = {SECONDS}\nwrite = {SECONDS}\n"
        )
        settings = folder / "fabricd.toml"
        settings.write_text(settings.read_text().replace("[reconcile]", 'profiles = "profiles"\n[reconcile]', 1))
        inventory = folder / "inventory.toml"
        text = inventory.read_text()
        for name, port in (("leaf1", switches["leaf1"].gnmi_port), ("leaf3", switches["leaf3"].netconf_port)):
            text = text.replace(
                f"port = {port}\n",
                f'port = {gateways[name].port}\nprofile = "victim"\n[device.login]\npassword = "file:password"\n'
                '[device.trust]\nca = "ca.pem"\nknown_hosts = "known_hosts"\n',
            )
        inventory.write_text(text)
        for file in ("password", "ca.pem", "known_hosts"):
            (folder / file).write_text("?")
            (folder / file).chmod(0o600)
        (folder / "password").write_text("secret")
        (folder / "ca.pem").write_bytes(installation.simulation.ca_file.read_bytes())
        bench.know_hosts({name: switches[name].identity.host_key_public for name in gateways})
        await installation.start()
        await installation.submit_fabric()
        await installation.converge()
        try:
            yield bench
        finally:
            for gateway in gateways.values():
                await gateway.end()


@contextlib.asynccontextmanager
async def around(shared: Bench) -> AsyncIterator[Bench]:
    """All is well before, and again after, whatever a test does."""
    await shared.well()
    # A live session, so that a fault hits the next request and not a handshake.
    await shared.installation.client.plan(list(VICTIMS.values()))
    pid = shared.installation.process and shared.installation.process.pid
    yield shared
    await shared.well()
    assert shared.installation.process is not None
    assert (shared.installation.process.pid, shared.installation.process.returncode) == (pid, None)


async def suffers(
    bench: Bench,
    victim: str,
    code: str,
    says: str,
    *,
    outcome: str = "unreachable",
    path: str = "",
    mend: Callable[[], Any] = lambda: None,
    by_itself: bool = True,
    reached: bool = False,
) -> int:
    """With a fault in force: submit to all, see the others done and the victim told, mend it, see it done after them.

    `by_itself`: it recovers without anybody asking. `reached`: the write may have been done in spite of the fault.
    Returns the journal's sequence before.
    """
    installation = bench.installation
    (last,) = [record async for record in installation.client.watch(last=1)]
    text = f"work {next(bench.numbers)}"
    revision = (await installation.client.submit([descriptions("work", text)])).revision

    others = {name: await bench.done(last.sequence, name, revision) for name in DEVICES if name != victim}

    told = await bench.record(last.sequence, victim, code=code)
    assert (told.device, told.outcome, told.error_path) == (victim, outcome, path)
    assert says in told.message, told.message
    (status,) = (await installation.client.status([victim])).devices
    assert (status.device, status.in_sync, status.outcome in ("unreachable", "failed")) == (victim, False, True)
    assert status.failures >= 1
    assert status.error_code.startswith("DEVICE_") or status.error_code == code
    assert status.error_message
    assert reached or bench.switch(victim).value(PATH) != text

    result = mend()
    if result is not None:
        await result
    if not by_itself:
        await installation.client.reconcile([victim])
    await installation.converge()
    done = await bench.done(last.sequence, victim, revision)
    # The fault was in force until the others were done: what the journal says last is the victim.
    assert done.sequence > max(record.sequence for record in (told, *others.values()))
    assert {name: bench.switch(name).value(PATH) for name in DEVICES} == dict.fromkeys(DEVICES, text)
    return int(last.sequence)


@contextlib.asynccontextmanager
async def front(bench: Bench, victim: str, manners: Manners) -> AsyncIterator[Callable[[], Any]]:
    """Put a front before the victim; what is yielded takes it away again."""
    made = gnmi_front if victim == VICTIMS["gnmi"] else netconf_front
    gateway = bench.gateways[victim]
    async with made(bench.installation.simulation, bench.switch(victim), manners) as port:
        await gateway.divert(port)
        await bench.installation.client.plan([victim])

        async def away() -> None:
            await gateway.open()
            await gateway.cut()

        yield away
