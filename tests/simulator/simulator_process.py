"""A simulation of one switch in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import grpc
from raw_gnmi import Client, update, values

HOSTNAME = "/system/config/hostname"
SIMULATION = """
[simulation]
state_directory = "state"
password = "env:SIMULATED_PASSWORD"

[[switch]]
name = "only"
ports = ["Ethernet1"]
"""


async def command(folder: Path) -> asyncio.subprocess.Process:
    (folder / "simulation.toml").write_text(SIMULATION)
    (folder / "state" / "ports.json").unlink(missing_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio, logging, pathlib, sys\n"
        "from fabricd.simulator import run_simulation\n"
        "logging.basicConfig(level='INFO')\n"
        "asyncio.run(run_simulation(pathlib.Path(sys.argv[1])))",
        folder / "simulation.toml",
        env={**os.environ, "SIMULATED_PASSWORD": "from-the-environment"},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while b"simulation ready" not in (line := await process.stderr.readline()):
            assert line, "ended before it was ready"
    return process


def where(folder: Path) -> dict[str, Any]:
    """What the file that tells where everything is says of the switch, with the authority's file as `ca`."""
    directory = json.loads((folder / "state" / "ports.json").read_text())
    return {**directory["switches"]["only"], "ca": directory["ca"]}


async def set_hostname(folder: Path, name: str) -> str | None:
    """Set the host name of the switch another process runs (unless empty); returns the one it has."""
    only = where(folder)
    credentials = grpc.ssl_channel_credentials(Path(only["ca"]).read_bytes())
    async with grpc.aio.secure_channel(f"{only['address']}:{only['gnmi_port']}", credentials) as channel:
        client = Client(channel, (("username", "fabricd"), ("password", "from-the-environment")))
        if name:
            await client.set(update=[update(HOSTNAME, name)])
        return str(values(await client.get(HOSTNAME))[0])
