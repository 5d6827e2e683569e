"""Switches that quote what they were sent, and what they were logged in to with: nobody is told, wherever he looks."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import stat
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
import zstandard
from installation import Installation, document, installed

from fabricd.errors import FabricdError
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.simulator import Fault, Kind, Rpc

# Both hold what is looked for, and what JSON, XML and programs spell in their own ways.
LOGIN = "login-HUNTER1&<go>"
FIRST, SECOND = 'routing-"HUNTER2"\\&<up>', "routing-'HUNTER3'"
TELLTALE = "HUNTER"
SWITCHES = ("leaf1", "leaf3")  # gNMI, NETCONF
PEER = (
    "/openconfig-network-instance:network-instances/network-instance[name='default']"
    "/protocols/protocol[identifier='openconfig-policy-types:BGP'][name='bgp']"
    "/bgp/neighbors/neighbor[neighbor-address='192.0.2.1']"
)
WORDS = "invalid password '{password}' or in {request}"


def peering(password: str) -> pb.Document:
    """A BGP neighbour with this password, on both switches."""
    protocol = {"identifier": "openconfig-policy-types:BGP", "name": "bgp"}
    peer = {"neighbor-address": "192.0.2.1", "peer-as": 65002, "auth-password": password}
    bgp = {
        "global": {"config": {"as": 65001}},
        "neighbors": {"neighbor": [{"neighbor-address": "192.0.2.1", "config": peer}]},
    }
    kind = "openconfig-network-instance-types:DEFAULT_INSTANCE"
    instance = {
        "name": "default",
        "config": {"name": "default", "type": kind},
        "protocols": {"protocol": [{**protocol, "config": protocol, "bgp": bgp}]},
    }
    config = {"openconfig-network-instance:network-instances": {"network-instance": [instance]}}
    body = {"kind": "config", "name": "peering", "devices": list(SWITCHES), "config": config}
    return document("peering.json", orjson.dumps(body).decode())


async def told(installation: Installation, call: Sequence[object]) -> str:
    """What a caller gets to see: the answer, or the error with its details."""
    method, *arguments = call
    try:
        return str(await getattr(installation.client, str(method))(*arguments))
    except FabricdError as error:
        return f"{error!r} {error.message} {error.path} {error.device}"


async def everything(installation: Installation) -> dict[str, str]:
    """All that the daemon tells anybody, but for the documents that were submitted: by where it is told."""
    calls = {
        "plan": ("plan", SWITCHES),
        "status": ("status",),
        "diff": ("diff",),
        "intents": ("revision",),
        "operational": ("operational", SWITCHES),
        "applied": ("applied", SWITCHES),
        "cabling": ("cabling",),
        **{f"desired of {name}": ("desired", name) for name in SWITCHES},
        **{f"explain {name}": ("explain", name, f"{PEER}/config/auth-password") for name in SWITCHES},
        **{f"explain all of {name}": ("explain", name, PEER) for name in SWITCHES},
    }
    found = {where: await told(installation, call) for where, call in calls.items()}
    records = [record async for record in installation.client.watch(follow=False)]
    found["journal"] = "\n".join(map(str, records))
    found["log"] = installation.log
    address = re.findall(r"metrics on (http://\S+?/metrics)", installation.log)[-1]
    with await asyncio.to_thread(urllib.request.urlopen, address) as answer:
        found["metrics"] = answer.read().decode()
    rows = sqlite3.connect(f"file:{installation.folder / 'state' / 'fabricd.sqlite'}?mode=ro", uri=True)
    try:
        bodies = rows.execute("SELECT body FROM journal UNION ALL SELECT body FROM statuses").fetchall()
    finally:
        rows.close()
    found["stored"] = "\n".join(zstandard.ZstdDecompressor().decompress(body).decode() for (body,) in bodies)
    return found


def assert_kept(found: dict[str, str]) -> None:
    for where, text in found.items():
        at = text.find(TELLTALE)
        assert at < 0, f"{where}: ...{text[max(0, at - 200) : at + 50]}..."


@pytest.mark.parametrize("after", [False, True], ids=["refused", "carried out and refused"])
async def test_what_a_switch_quotes_is_told_nowhere(tmp_path: Path, after: bool) -> None:
    async with installed(tmp_path, password=LOGIN) as installation:
        installation.configure(sweep_interval=3600, confirm_within=0)
        await installation.start()
        await installation.client.submit([peering(FIRST)])
        switches = {name: installation.simulation.switches[name] for name in SWITCHES}

        async def has(password: str) -> bool:
            status = await installation.client.status(SWITCHES)
            there = [switch.value(f"{PEER}/config/auth-password") == password for switch in switches.values()]
            return all(device.in_sync for device in status.devices) and all(there)

        await installation.until(lambda: has(FIRST))
        times = 1 if after else 2
        # From here on they quote: what they are written (with what they had), what is read, and the login.
        for switch in switches.values():
            switch.faults.add(Fault(rpc=Rpc.SET, kind=Kind.REFUSE, message=WORDS, times=times, after=after))
        await installation.client.submit([peering(SECOND)], comment="another one")

        async def quoted() -> bool:
            return all(switch.faults.counts.get((Rpc.SET, Kind.REFUSE)) == times for switch in switches.values())

        await installation.until(quoted)
        assert_kept(await everything(installation))
        await installation.until(lambda: has(SECOND))
        for switch in switches.values():
            for rpc in (Rpc.GET, Rpc.SUBSCRIBE):
                switch.faults.add(Fault(rpc=rpc, kind=Kind.REFUSE, message=f"{WORDS}, not {FIRST}", times=1000))
        warned = f"weak: '{LOGIN}' and '{SECOND}'"
        switches["leaf3"].faults.add(Fault(rpc=Rpc.GET, kind=Kind.WARNS, message=warned, times=1000))
        await installation.client.reconcile(SWITCHES)

        async def unread() -> bool:
            status = await installation.client.status(SWITCHES)
            return all(device.outcome == "failed" and "(secret)" in device.error_message for device in status.devices)

        await installation.until(unread)
        found = await everything(installation)
        assert_kept(found)
        for where in ("plan", "status", "journal", "log", "stored", "intents", "desired of leaf1", "explain leaf3"):
            assert "(secret)" in found[where], where
        assert FIRST not in (switch.value(f"{PEER}/config/auth-password") for switch in switches.values())


async def test_nobody_else_can_read_what_it_writes_whatever_it_was_started_with(tmp_path: Path) -> None:
    async with installed(tmp_path, password=LOGIN) as installation:
        state = installation.folder / "state"
        before = os.umask(0)
        try:
            await installation.start()
            await installation.client.submit([peering(FIRST)])
            await installation.kill()
            for file in state.iterdir():
                file.chmod(0o666)
            await installation.start()
        finally:
            os.umask(before)
        assert installation.process is not None
        status = Path(f"/proc/{installation.process.pid}/status").read_text()
        assert re.search(r"^Umask:\s+0077$", status, re.MULTILINE)
        module = "module private { namespace 'urn:private'; prefix p; leaf x { type string; } }"
        told = installation.client.install_models("private", [("private.yang", module.encode())], modules=["private"])
        assert [one.HasField("installed") async for one in told][-1]
        written = [file for file in (*state.rglob("*"), installation.folder / "fabricd.sock.lock") if file.exists()]
        assert {file.name for file in written} >= {"fabricd.sqlite", "fabricd.sqlite-wal", "private.yang"}
        assert {stat.S_IMODE(file.stat().st_mode) & 0o077 for file in written} == {0}
        assert stat.S_IMODE((installation.folder / "fabricd.sock").stat().st_mode) == 0o660


async def test_a_daemon_that_was_started_anew_knows_them_too(tmp_path: Path) -> None:
    async with installed(tmp_path, password=LOGIN) as installation:
        installation.configure(sweep_interval=3600, confirm_within=0)
        await installation.start()
        await installation.client.submit([peering(FIRST)])

        async def in_sync() -> bool:
            return all(device.in_sync for device in (await installation.client.status(SWITCHES)).devices)

        await installation.until(in_sync)
        assert await installation.stop() == 0
        for name in SWITCHES:
            faults = installation.simulation.switches[name].faults
            for rpc in (Rpc.HELLO, Rpc.GET):
                words = f"'{LOGIN}' for {FIRST}"
                faults.add(Fault(rpc=rpc, kind=Kind.REFUSE, message=words, times=3))
        await installation.start()

        async def struck() -> bool:
            return all(installation.simulation.switches[name].faults.struck >= 4 for name in SWITCHES)

        await installation.until(struck)
        await installation.until(in_sync)
        assert_kept(await everything(installation))


ENDING = """
import sys
from fabricd.cli.fabricd import main
from fabricd.daemon import Daemon
from fabricd.errors import StoreError

async def serve(self, signals):
    self._secrets.learn("leaf1", ["hunter2-and-more"])
    raise {error}("what said hunter2-and-more")

Daemon.serve = serve
main(["serve", "--config", sys.argv[1]])
"""


@pytest.mark.parametrize("error", ["ValueError", "StoreError"])
async def test_an_error_that_ends_the_daemon_tells_no_secret(tmp_path: Path, error: str) -> None:
    async with installed(tmp_path) as installation:
        program, config = ENDING.format(error=error), installation.folder / "fabricd.toml"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, config, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 1
        assert "what said (secret)" in output.decode()
        assert "hunter2" not in output.decode()
