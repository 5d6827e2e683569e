"""Independent clients against simulated switches, over the wire: `make conformance`.

Starts a switch for each client, runs the client's script in a process of its own with its own interpreter, and prints a
table of checks and clients. Exits with 1 when a check failed. Arguments: the interpreter that has the clients.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fabricd.simulator import Simulation, SimulationConfig, SwitchConfig

HERE = Path(__file__).parent
SECONDS = 600  # for one client

CLIENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "NETCONF": {
        "ncclient default": ("netconf_ncclient.py", "default"),
        "ncclient junos": ("netconf_ncclient.py", "junos"),
        "ncclient iosxr": ("netconf_ncclient.py", "iosxr"),
        "scrapli-netconf": ("netconf_scrapli.py",),
        "netconf-client": ("netconf_netconf_client.py",),
    },
    "gNMI": {"pygnmi": ("gnmi_pygnmi.py",), "aiognmi": ("gnmi_aiognmi.py",)},
}

Result = dict[str, str]


async def ask(interpreter: str, simulation: Simulation, switch: str, script: tuple[str, ...]) -> list[Result]:
    """Run one client's checks against a switch of its own. A script that breaks off counts as one failed check."""
    at = simulation.switches[switch]
    # By address alone: not every client looks for the port.
    known_hosts = simulation.config.state_directory / f"known_hosts.{switch}"
    known_hosts.write_text(f"{at.host} {at.identity.host_key_public}\n")
    told = {
        "address": at.host,
        "gnmi_port": at.gnmi_port,
        "netconf_port": at.netconf_port,
        "username": "operator",
        "password": "secret",
        "ca": str(simulation.ca_file),
        "known_hosts": str(known_hosts),
        "host_key": at.identity.host_key_public.split()[1],
    }
    process = await asyncio.create_subprocess_exec(
        interpreter, str(HERE / script[0]), json.dumps(told), *script[1:],
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            output, complaints = await process.communicate()
    except TimeoutError:
        process.kill()
        output, complaints = await process.communicate()
    results: list[Result] = [json.loads(line) for line in output.splitlines() if line.startswith(b'{"check"')]
    if process.returncode:
        last = complaints.decode(errors="replace").strip().splitlines()[-1:]
        results.append({"check": "(the script)", "failed": last[0] if last else f"exit code {process.returncode}"})
    return results


def show(console: Console, protocol: str, found: dict[str, list[Result]]) -> int:
    """Print the table and what stands behind its cells. Returns how many checks failed."""
    table = Table(title=f"{protocol}: checks by client", title_justify="left")
    table.add_column("check", no_wrap=True)
    for client in found:
        table.add_column(client)
    by_client = {client: {one["check"]: one for one in results} for client, results in found.items()}
    checks = list(dict.fromkeys(check for results in by_client.values() for check in results))
    notes: list[str] = []
    failures = 0
    for check in checks:
        cells = []
        for client, results in by_client.items():
            one = results.get(check, {})
            if "failed" in one:
                failures += 1
                notes.append(f"FAILED  {client}, {check}: {one['failed']}")
                cells.append("[bold red]FAILED[/]")
            elif "limit" in one:
                notes.append(f"not tried  {client}, {check}: {one['limit']}")
                cells.append("[dim]-[/]")
            else:
                cells.append("[green]ok[/]" if "ok" in one else "")
        table.add_row(check, *cells)
    console.print(table)
    for note in notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)
    tried = sum("ok" in one or "failed" in one for results in found.values() for one in results)
    console.print(f"{protocol}: {tried - failures} passed, {failures} failed, {len(notes) - failures} not tried")
    return failures


async def main(interpreter: str) -> int:
    console = Console(width=None if sys.stdout.isatty() else 140)
    names = {client: f"switch{number}" for number, client in enumerate(c for p in CLIENTS.values() for c in p)}
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        config = SimulationConfig(
            state_directory=Path(folder) / "state",
            username="operator",
            password="secret",
            switches=tuple(SwitchConfig(name=name, ports=("Ethernet1", "Ethernet2")) for name in names.values()),
        )
        failures = 0
        async with Simulation(config) as simulation:
            for protocol, clients in CLIENTS.items():
                asked = [ask(interpreter, simulation, names[one], script) for one, script in clients.items()]
                found = dict(zip(clients, await asyncio.gather(*asked), strict=True))
                failures += show(console, protocol, found)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
