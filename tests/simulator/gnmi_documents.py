"""What the gNMI tests of the simulated switches write."""

from __future__ import annotations

from typing import Any

ETHERNET1 = "/interfaces/interface[name=Ethernet1]"
ETHERNET2 = "/interfaces/interface[name=Ethernet2]"
TYPE = "iana-if-type:ethernetCsmacd"
INSTANCE = {"name": "default", "type": "openconfig-network-instance-types:DEFAULT_INSTANCE"}
HOSTNAME = "/system/config/hostname"


def interface(name: str = "Ethernet1", **config: Any) -> dict[str, Any]:
    """An interface with its name, type and what is given."""
    return {"name": name, "config": {"name": name, "type": TYPE, **config}}
