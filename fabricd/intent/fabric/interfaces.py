"""Fabric ports and loopbacks of a switch, and LLDP on the ports.

A concern of compile.py: pure, from the resolved fabric and one of its devices to a fragment.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fabricd.intent.fabric.fragment import Entries, keyed
from fabricd.intent.fabric.owners import is_routed
from fabricd.intent.fabric.resolved import LOOPBACK, VTEP_LOOPBACK, LinkEnd, ResolvedDevice, ResolvedFabric


def interfaces(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    """In a routed fabric each link end has its addresses; in a VLAN fabric it is a trunk of what both ends have."""
    routed = is_routed(fabric.fabric)
    entries = []
    for end in device.ends:
        entry = _fabric_port(end)
        if routed:
            entry["subinterfaces"] = _addressed(_addresses(end.ipv4, 31), _addresses(end.ipv6, 127))
        else:
            entry.setdefault("openconfig-if-ethernet:ethernet", {}).update(_trunk(fabric, device, end))
        entries.append(entry)
    if routed:
        entries += _loopbacks(device)
    return {
        "openconfig-interfaces:interfaces": {"interface": keyed("name", entries)},
        "openconfig-lldp:lldp": {
            "config": {"enabled": True},
            "interfaces": {
                "interface": keyed(
                    "name",
                    (
                        {"name": end.port.name, "config": {"name": end.port.name, "enabled": True}}
                        for end in device.ends
                    ),
                )
            },
        },
    }


def _fabric_port(end: LinkEnd) -> dict[str, Any]:
    name = end.port.name
    entry: dict[str, Any] = {
        "name": name,
        "config": {
            "name": name,
            "type": "iana-if-type:ethernetCsmacd",
            "description": end.description or f"to {end.peer.device} {end.peer.name}",
            "enabled": not end.shutdown,
            "mtu": end.mtu,
        },
    }
    if end.speed:
        speed = {"port-speed": f"openconfig-if-ethernet:{end.speed.rpartition(':')[2]}"}
        entry["openconfig-if-ethernet:ethernet"] = {"config": speed}
    return entry


def _trunk(fabric: ResolvedFabric, device: ResolvedDevice, end: LinkEnd) -> dict[str, Any]:
    peer = fabric.devices[end.peer.device]
    vlans = {one.vlan for one in device.networks} & {one.vlan for one in peer.networks}
    return {
        "openconfig-vlan:switched-vlan": {
            "config": {"interface-mode": "TRUNK", "trunk-vlans": sorted(vlans)},
        }
    }


def _loopbacks(device: ResolvedDevice) -> Iterable[dict[str, Any]]:
    yield _loopback(LOOPBACK, "router id and loopback", device.loopback_ipv4, device.loopback_ipv6)
    if device.vtep_ipv4 and device.vtep_ipv4 != device.loopback_ipv4:
        yield _loopback(VTEP_LOOPBACK, "tunnel endpoint", device.vtep_ipv4, "")


def _loopback(name: str, description: str, ipv4: str, ipv6: str) -> dict[str, Any]:
    return {
        "name": name,
        "config": {
            "name": name,
            "type": "iana-if-type:softwareLoopback",
            "description": description,
            "enabled": True,
        },
        "subinterfaces": _addressed(_addresses(ipv4, 32), _addresses(ipv6, 128)),
    }


def _addressed(ipv4: dict[str, Any], ipv6: dict[str, Any]) -> dict[str, Any]:
    unit: dict[str, Any] = {"index": 0, "config": {"index": 0, "enabled": True}}
    if ipv4:
        unit["openconfig-if-ip:ipv4"] = ipv4
    if ipv6:
        unit["openconfig-if-ip:ipv6"] = ipv6
    return {"subinterface": Entries({(0,): unit})}


def _addresses(address: str, length: int) -> dict[str, Any]:
    if not address:
        return {}
    entry = {"ip": address, "config": {"ip": address, "prefix-length": length}}
    return {"addresses": {"address": Entries({(address,): entry})}}
