"""What the neighbours of a switch can see of its configuration: host name, ports, addresses, LLDP, BGP.

Called by the state model of this switch and of those cabled to it. Pure: reads a parsed configuration, knows no schema.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from fabricd.simulator.tree import Object
from fabricd.simulator.values import Json

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@dataclass(frozen=True, slots=True)
class PortFacts:
    """One interface. `addresses` are those of its subinterfaces that are enabled."""

    enabled: bool = True
    lldp: bool = True
    description: str = ""
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class BgpNeighbor:
    """One neighbour: its network instance and protocol name, its address, both AS numbers (0: not configured)."""

    instance: str
    protocol: str
    address: str
    local_as: int
    peer_as: int
    enabled: bool


@dataclass(frozen=True, slots=True)
class SwitchFacts:
    name: str
    hostname: str
    lldp: bool = True
    ports: dict[str, PortFacts] = field(default_factory=dict)
    neighbors: tuple[BgpNeighbor, ...] = ()

    def port(self, name: str) -> PortFacts:
        """A port without configuration is up and speaks LLDP: these are the defaults."""
        return self.ports.get(name, PortFacts())


def facts_of(name: str, config: Object) -> SwitchFacts:
    """Read the facts off a configuration (RFC 7951 member names)."""
    lldp = below(config, "openconfig-lldp:lldp")
    silent = {
        str(entry.get("name"))
        for entry in entries(lldp, "interfaces", "interface")
        if below(entry, "config").get("enabled", True) is False
    }
    interfaces = entries(config, "openconfig-interfaces:interfaces", "interface")
    ports = {str(entry.get("name")): _port(entry, silent) for entry in interfaces}
    for missing in silent - ports.keys():
        ports[missing] = PortFacts(lldp=False)
    return SwitchFacts(
        name=name,
        hostname=str(below(config, "openconfig-system:system", "config").get("hostname", name)),
        lldp=below(lldp, "config").get("enabled", True) is not False,
        ports=ports,
        neighbors=tuple(_neighbors(config)),
    )


def _port(entry: Object, silent: set[str]) -> PortFacts:
    config = below(entry, "config")
    addresses: list[Address] = []
    for subinterface in entries(entry, "subinterfaces", "subinterface"):
        if below(subinterface, "config").get("enabled", True) is False:
            continue
        for family in ("openconfig-if-ip:ipv4", "openconfig-if-ip:ipv6"):
            for address in entries(subinterface, family, "addresses", "address"):
                text = below(address, "config")
                if "ip" in text and "prefix-length" in text:
                    with suppress(ValueError):  # an address the models allow and Python does not is nobody's neighbour
                        addresses.append(ipaddress.ip_interface(f"{text['ip']}/{text['prefix-length']}"))
    return PortFacts(
        enabled=config.get("enabled", True) is not False,
        lldp=str(entry.get("name")) not in silent,
        description=str(config.get("description", "")),
        addresses=tuple(addresses),
    )


def _neighbors(config: Object) -> Iterator[BgpNeighbor]:
    for instance in entries(config, "openconfig-network-instance:network-instances", "network-instance"):
        for protocol in entries(instance, "protocols", "protocol"):
            bgp = below(protocol, "bgp")
            own_as = number(below(bgp, "global", "config").get("as"))
            groups = {
                str(group.get("peer-group-name")): below(group, "config")
                for group in entries(bgp, "peer-groups", "peer-group")
            }
            for neighbor in entries(bgp, "neighbors", "neighbor"):
                own = below(neighbor, "config")
                group = groups.get(str(own.get("peer-group")), {})
                yield BgpNeighbor(
                    instance=str(instance.get("name")),
                    protocol=str(protocol.get("name")),
                    address=str(neighbor.get("neighbor-address")),
                    local_as=number(own.get("local-as", group.get("local-as"))) or own_as,
                    peer_as=number(own.get("peer-as", group.get("peer-as"))),
                    enabled=own.get("enabled", True) is not False,
                )


def below(data: Object, *members: str) -> Object:
    """The object down these members, empty when there is none."""
    for member in members:
        value = data.get(member)
        if not isinstance(value, dict):
            return {}
        data = value
    return data


def entries(data: Object, *members: str) -> list[Object]:
    """The entries of the list down these members."""
    value = below(data, *members[:-1]).get(members[-1])
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def number(value: Json) -> int:
    """0 for what is no number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
