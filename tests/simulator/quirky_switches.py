"""A switch with quirks that is spoken to by both protocols, and what tests put on it.

For test_quirks_over_the_wire.py and test_quirks_in_force.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import raw_netconf
from lxml import etree
from netconf_documents import RUNNING
from raw_gnmi import Client, connected, values

from fabricd.simulator import Simulation, SimulationConfig, Switch, SwitchConfig

Configure = Callable[..., SimulationConfig]
PORT = "/interfaces/interface[name=Ethernet1]"
LAG = "/interfaces/interface[name=PortChannel1]"
NI = "/network-instances/network-instance"
BASE = {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd"}
SECOND = {"name": "Ethernet2", "config": {"name": "Ethernet2", "type": "iana-if-type:ethernetCsmacd"}}
KEYS = "<name>Ethernet1</name>"
TYPE = '<type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type>'


class Both:
    """One switch with quirks, spoken to by either protocol."""

    def __init__(self, switch: Switch, gnmi: Client, netconf: raw_netconf.Client) -> None:
        self.switch, self.gnmi, self.netconf = switch, gnmi, netconf

    async def config(self) -> dict[str, Any]:
        """The configuration by gNMI; what NETCONF shows has to be the same."""
        [found] = values(await self.gnmi.get("/", kind="CONFIG"))
        text = etree.tostring(await self.netconf.ask(RUNNING)).decode()
        for leaf in leaves_of(found):
            assert f">{leaf}<" in text, (leaf, text)
        return dict(found)

    async def state(self, path: str) -> Any:
        """What is in force there."""
        [found] = values(await self.gnmi.get(path, kind="STATE"))
        return found


def leaves_of(found: Any) -> list[str]:
    """The values that are written alike in XML."""
    if isinstance(found, dict):
        return [leaf for value in found.values() for leaf in leaves_of(value)]
    if isinstance(found, list):
        return [leaf for value in found for leaf in leaves_of(value)]
    text = str(found).lower() if isinstance(found, bool) else str(found)
    return [text.rpartition(":")[2]] if ":" not in text else []


@asynccontextmanager
async def both_to(configure: Configure, **quirks: Any) -> AsyncIterator[Both]:
    """The switch `left` with these quirks, cabled to one without."""
    left = SwitchConfig(name="left", ports=("Ethernet1", "Ethernet2"), quirks=quirks)
    right = SwitchConfig(name="right", ports=("Ethernet1", "Ethernet2"))
    async with Simulation(configure(switches=(left, right))) as simulation:
        switch = simulation.switches["left"]
        async with (
            connected(simulation, switch) as gnmi,
            raw_netconf.session(simulation, switch) as netconf,
        ):
            yield Both(switch, gnmi, netconf)


def port(found: dict[str, Any], name: str = "Ethernet1") -> dict[str, Any]:
    entries = found["openconfig-interfaces:interfaces"]["interface"]
    return dict(next(one for one in entries if one["name"] == name))


ADDRESS = {
    "subinterface": [
        {
            "index": 0,
            "config": {"index": 0},
            "openconfig-if-ip:ipv4": {
                "addresses": {"address": [{"ip": "10.0.0.1", "config": {"ip": "10.0.0.1", "prefix-length": 31}}]}
            },
        }
    ]
}
RED = {
    "name": "red",
    "config": {"name": "red", "type": "L3VRF"},
    "interfaces": {
        "interface": [{"id": "e", "config": {"id": "e", "interface": "Ethernet1", "subinterface": 0}}],
    },
}
