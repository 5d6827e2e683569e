"""The process of the simulate command: a simulation from its file and its control socket, until a signal ends it.

Called by the command, and by tests in a process of their own.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

from fabricd.simulator.config import load_simulation
from fabricd.simulator.control import Control
from fabricd.simulator.simulation import Simulation

log = logging.getLogger(__name__)


async def run_simulation(file: Path) -> None:
    """Run the switches of a simulation file until SIGTERM or SIGINT: the `fabricd simulate` command.

    Logs one line per switch, then one that says that all are ready. Raises InputError, FabricdError.
    """
    config = load_simulation(file)
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, ended.set)
    try:
        async with Simulation(config) as simulation, Control(simulation):
            for name, switch in simulation.switches.items():
                log.info(
                    "switch %s: gNMI %s:%d, NETCONF %s:%d, %s",
                    name, switch.host, switch.gnmi_port, switch.host, switch.netconf_port,
                    switch.identity.host_key_public,
                )  # fmt: skip
            log.info(
                "simulation ready: %d switches; certificates signed by %s, host keys in %s, ports in %s",
                len(simulation.switches), simulation.ca_file, simulation.known_hosts_file, simulation.ports_file,
            )  # fmt: skip
            await ended.wait()
    finally:
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(one)
