"""Ports where servers are plugged in: VLANs, LAGs, ethernet segments, and the ACLs bound there.

Called by compile.py; resolve.py asks it for the numbers of LAGs. Knows no VNIs and no contents of ACLs.

A LAG is called PortChannelN, by the same N on every leaf of its attachment. An ethernet segment is all-active; its
leaves show the server one LACP system, which follows from the ESI. The native VLAN of a trunk is one of its allowed
VLANs as well: switches drop untagged frames otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fabricd.intent.fabric.acl import acl_types
from fabricd.intent.fabric.fragment import Entries, keyed
from fabricd.intent.fabric.resolved import ResolvedDevice, ResolvedFabric
from fabricd.intent.fabric.values import Attachment, Fabric, Lag, Port, natural

ETHERNET = "iana-if-type:ethernetCsmacd"
_EDGE = "openconfig-spanning-tree-types:EDGE_ENABLE"


def attachments(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    """Everything on a device that has to do with what is plugged into it."""
    interfaces, lacp, segments, edges, bindings = Entries(), Entries(), Entries(), Entries(), Entries()
    types = acl_types(fabric.fabric) if device.attachments else {}
    vlans = {network.name: network.vlan for network in device.networks}
    for attachment in device.attachments:
        ports = [port for port in attachment.ports if port.device == device.name]
        lag = f"PortChannel{fabric.aggregates[attachment.name]}" if attachment.lag is not Lag.NONE else ""
        port = lag or ports[0].name
        switched = switched_vlan(attachment, vlans)
        esi = fabric.segments.get(attachment.name, "")
        interfaces.update(_ports(fabric, attachment, ports, lag, switched))
        if attachment.lag is Lag.LACP:
            lacp[(lag,)] = _lacp(attachment, lag, esi)
        if esi:
            segments[(attachment.name,)] = _segment(attachment.name, esi, port)
        if switched:
            # What plugs into a server's port needs no spanning tree; a switch behind a trunk is still let in.
            guard = {"bpdu-guard": True} if not attachment.tagged else {}
            edges[(port,)] = {"name": port, "config": {"name": port, "edge-port": _EDGE, **guard}}
        if attachment.acl_in or attachment.acl_out:
            bindings[(port,)] = _binding(attachment, port, types)
    found: dict[str, Any] = {
        "openconfig-interfaces:interfaces": {"interface": interfaces},
        "openconfig-lacp:lacp": {"interfaces": {"interface": lacp}},
        "openconfig-ethernet-segments:ethernet-segments": {"ethernet-segment": segments},
        "openconfig-spanning-tree:stp": {"interfaces": {"interface": edges}},
        "openconfig-acl:acl": {"interfaces": {"interface": bindings}},
    }
    return found if device.attachments else {}


def aggregate_numbers(fabric: Fabric, held: Mapping[str, str]) -> dict[str, int]:
    """A number for each attachment with a LAG, by its name: the lowest one that is free on all its devices. Numbers
    that were `held` before stay, as long as no two of them meet on a device.
    """
    used: dict[str, set[int]] = {}
    found: dict[str, int] = {}
    bundled = sorted((one for one in fabric.attachments if one.lag is not Lag.NONE), key=lambda one: natural(one.name))
    for attachment in sorted(bundled, key=lambda one: one.name not in held):
        devices = {port.device for port in attachment.ports}
        taken = set().union(*(used.setdefault(device, set()) for device in devices))
        number = int(held.get(attachment.name, "0"))
        if number < 1 or number in taken:
            number = next(number for number in range(1, len(taken) + 2) if number not in taken)
        found[attachment.name] = number
        for device in devices:
            used[device].add(number)
    return found


def lacp_system(esi: str) -> str:
    """The MAC address that all leaves of a segment show in LACP, and that names the segment in BGP (ES-Import)."""
    return ":".join(("02", "00", "00", esi[14:16], esi[16:18], esi[18:20]))


def switched_vlan(attachment: Attachment, vlans: Mapping[str, int]) -> dict[str, Any]:
    """Content of a port or LAG: access to one VLAN, or a trunk; empty when the attachment has no network. `vlans` are
    those of its device, by network."""
    native = vlans[attachment.network] if attachment.network else 0
    if not attachment.tagged:
        leaves: dict[str, Any] = {"interface-mode": "ACCESS", "access-vlan": native}
        return {"openconfig-vlan:switched-vlan": {"config": leaves}} if native else {}
    tagged = vlans if attachment.tagged == ("*",) else attachment.tagged
    allowed = {vlans[name] for name in tagged} | ({native} if native else set())
    leaves = {"interface-mode": "TRUNK", "trunk-vlans": sorted(allowed)}
    if native:
        leaves["native-vlan"] = native
    return {"openconfig-vlan:switched-vlan": {"config": leaves}}


def _ports(
    fabric: ResolvedFabric, attachment: Attachment, ports: list[Port], lag: str, switched: dict[str, Any]
) -> Entries:
    found = []
    common = {
        "enabled": not attachment.shutdown,
        "description": attachment.description or attachment.name,
        "mtu": attachment.mtu or fabric.fabric.defaults.attachment_mtu,
    }
    for port in ports:
        ethernet: dict[str, Any] = {"config": _speed(attachment.speed)}
        if lag:
            ethernet["config"]["openconfig-if-aggregate:aggregate-id"] = lag
        else:
            ethernet |= switched
        leaves = {"name": port.name, "type": ETHERNET, **common}
        found.append({"name": port.name, "config": leaves, "openconfig-if-ethernet:ethernet": ethernet})
    if lag:
        aggregation = {"config": {"lag-type": attachment.lag.name}, **switched}
        leaves = {"name": lag, "type": "iana-if-type:ieee8023adLag", **common}
        found.append({"name": lag, "config": leaves, "openconfig-if-aggregate:aggregation": aggregation})
    return keyed("name", found)


def _speed(speed: str) -> dict[str, Any]:
    return (
        {"auto-negotiate": False, "port-speed": f"openconfig-if-ethernet:{speed.rpartition(':')[2]}"} if speed else {}
    )


def _lacp(attachment: Attachment, lag: str, esi: str) -> dict[str, Any]:
    leaves: dict[str, Any] = {
        "name": lag,
        "interval": "FAST" if attachment.lacp_fast else "SLOW",
        "lacp-mode": "ACTIVE",
    }
    if esi:
        # Both are a part of what the server sees as one system.
        leaves |= {"system-id-mac": lacp_system(esi), "system-priority": 32768}
    return {"name": lag, "config": leaves}


def _segment(name: str, esi: str, port: str) -> dict[str, Any]:
    leaves = {
        "name": name,
        "esi-type": "TYPE_0_OPERATOR_CONFIGURED",
        "esi": esi,
        "redundancy-mode": "openconfig-evpn-types:ALL_ACTIVE",
        # Derived by RFC 7432 section 7.6 it would be the first octets of the ESI, which allocated ones have in common.
        "es-import-route-target": lacp_system(esi),
        "interface": port,
    }
    return {"name": name, "config": leaves}


def _binding(attachment: Attachment, port: str, types: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": port,
        "config": {"id": port},
        "interface-ref": {"config": {"interface": port}},
    }
    for way, name in (("ingress", attachment.acl_in), ("egress", attachment.acl_out)):
        if name:
            key = {"set-name": name, "type": types[name]}
            entry = {**key, "config": dict(key)}
            found[f"{way}-acl-sets"] = {f"{way}-acl-set": keyed(("set-name", "type"), [entry])}
    return found
