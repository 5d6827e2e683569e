"""Switches that speak gNMI and NETCONF over the wire, with one validated datastore behind both.

Started by the fabricd simulate command and by tests. Knows nothing of the daemon.
"""

from fabricd.simulator.config import LinkConfig, SimulationConfig, SwitchConfig, load_simulation
from fabricd.simulator.faults import Fault, Faults, Kind, Rpc, random_faults
from fabricd.simulator.process import run_simulation
from fabricd.simulator.quirks import Quirks
from fabricd.simulator.simulation import Simulation
from fabricd.simulator.switch import Switch

__all__ = [
    "Fault",
    "Faults",
    "Kind",
    "LinkConfig",
    "Quirks",
    "Rpc",
    "Simulation",
    "SimulationConfig",
    "Switch",
    "SwitchConfig",
    "load_simulation",
    "random_faults",
    "run_simulation",
]
