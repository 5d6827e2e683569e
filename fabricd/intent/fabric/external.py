"""The world outside: BGP peers on ports of border leaves, static routes, and how both become known in the fabric.

Called by compile.py. Knows names of policies, not their contents (policy.py), and no overlay.

A peer without an import or export policy exchanges every route, as the fabric model says; with one, what the policy
does not accept is rejected. Static routes are redistributed into the BGP of their instance.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

from fabricd.errors import InputError, Problem
from fabricd.intent.fabric.attachments import ETHERNET
from fabricd.intent.fabric.fragment import keyed, merged
from fabricd.intent.fabric.instances import (
    UNICAST,
    addresses,
    afi_safi,
    bgp_identity,
    inside,
    instance_of,
    member,
    members,
    protocol,
    redistributed,
    vrf_bgp,
    vrf_routing,
)
from fabricd.intent.fabric.owners import is_routed
from fabricd.intent.fabric.places import place
from fabricd.intent.fabric.resolve import devices_of
from fabricd.intent.fabric.resolved import ResolvedDevice, ResolvedFabric
from fabricd.intent.fabric.values import Bfd, ExternalPeer, StaticRoute


def external(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    """Peers and static routes of a device. Raises InputError for a peer on a device without an ASN."""
    found: list[dict[str, Any]] = []
    for peer in fabric.fabric.peers:
        if peer.port.device == device.name:
            found += _peer(fabric, device, peer)
    for route in fabric.fabric.static_routes:
        if device.name in devices_of(route, fabric.fabric):
            found += _static_route(fabric, device, route)
    return merged(found, device.name)


# Peers


def _peer(fabric: ResolvedFabric, device: ResolvedDevice, peer: ExternalPeer) -> list[dict[str, Any]]:
    if not bgp_identity(device)["as"]:
        message = f"peer {peer.name} needs an ASN on {device.name}, which has none: give the device its asn"
        raise InputError.of([Problem(message, path=place("peers", name=peer.name))])
    index = peer.vlan
    name = instance_of(peer.vrf)
    family = afi_safi(UNICAST[ip_address(peer.peer).version])
    process = {
        "global": {"config": bgp_identity(device), "afi-safis": {"afi-safi": keyed("afi-safi-name", [family])}},
        "neighbors": {"neighbor": keyed("neighbor-address", [_neighbour(fabric, peer, family)])},
    }
    found = [
        _interface(fabric, peer, index),
        inside(name, members([member(peer.port.name, index)])),
        inside(name, protocol("BGP", {"bgp": process})),
    ]
    if peer.vrf or not is_routed(fabric.fabric):
        # Where there is an underlay, it decides what of its own instance is announced.
        found.append(inside(name, vrf_routing(device, fabric.fabric.underlay.maximum_paths)))
    return found


def _interface(fabric: ResolvedFabric, peer: ExternalPeer, index: int) -> dict[str, Any]:
    description = peer.description or peer.name
    leaves: dict[str, Any] = {
        "name": peer.port.name,
        "type": ETHERNET,
        "enabled": True,
        "mtu": fabric.fabric.defaults.attachment_mtu,
    }
    subinterface: dict[str, Any] = {
        "index": index,
        # Several peers may share a port, and two address families a VLAN: only the neighbour is one peer's own.
        "config": {"index": index, "enabled": True},
        **addresses([peer.address]),
    }
    shared = [one for one in fabric.fabric.peers if one.port == peer.port]
    if all(one.vlan == peer.vlan for one in shared):
        leaves["description"] = ", ".join(sorted({one.description or one.name for one in shared}))
    if [one for one in shared if one.vlan == peer.vlan] == [peer]:
        subinterface["config"]["description"] = description
    if peer.vlan:
        tag = {"match": {"single-tagged": {"config": {"vlan-id": peer.vlan}}}}
        subinterface["openconfig-vlan:vlan"] = tag
    entry = {
        "name": peer.port.name,
        "config": leaves,
        "subinterfaces": {"subinterface": keyed("index", [subinterface])},
    }
    return {"openconfig-interfaces:interfaces": {"interface": keyed("name", [entry])}}


def _neighbour(fabric: ResolvedFabric, peer: ExternalPeer, family: dict[str, Any]) -> dict[str, Any]:
    address = str(ip_address(peer.peer))
    leaves: dict[str, Any] = {
        "neighbor-address": address,
        "peer-as": peer.peer_asn,
        "enabled": True,
        "description": peer.description or peer.name,
    }
    if _sends_communities(fabric, peer):
        leaves["send-community-type"] = ["STANDARD"]
    found: dict[str, Any] = {
        "neighbor-address": address,
        "config": leaves,
        "apply-policy": {
            "config": {**_applied("import", peer.import_policy), **_applied("export", peer.export_policy)}
        },
        "afi-safis": {"afi-safi": keyed("afi-safi-name", [family])},
    }
    if peer.bfd:
        found["enable-bfd"] = {"config": bfd_leaves(fabric.fabric.underlay.bfd)}
    return found


def bfd_leaves(bfd: Bfd) -> dict[str, Any]:
    """BFD for one session with the fabric's intervals, which OpenConfig has in microseconds."""
    return {
        "enabled": True,
        "desired-minimum-tx-interval": bfd.interval * 1000,
        "required-minimum-receive": bfd.interval * 1000,
        "detection-multiplier": bfd.multiplier,
    }


def _applied(way: str, policy: str) -> dict[str, Any]:
    if not policy:
        return {f"default-{way}-policy": "ACCEPT_ROUTE"}
    return {f"{way}-policy": [policy], f"default-{way}-policy": "REJECT_ROUTE"}


def _sends_communities(fabric: ResolvedFabric, peer: ExternalPeer) -> bool:
    return any(
        statement.set_community
        for one in fabric.fabric.policies
        if one.name == peer.export_policy
        for statement in one.statements
    )


# Static routes


def _static_route(fabric: ResolvedFabric, device: ResolvedDevice, route: StaticRoute) -> list[dict[str, Any]]:
    prefix = ip_network(route.prefix)
    name = instance_of(route.vrf)
    metric = {"metric": route.metric} if route.metric else {}
    # Called by their address: adding one next hop changes no other.
    hops = [
        {"index": address, "config": {"index": address, "next-hop": address, **metric}}
        for address in (str(ip_address(text)) for text in route.next_hops)
    ]
    static = {
        "prefix": str(prefix),
        "config": {"prefix": str(prefix)},
        "next-hops": {"next-hop": keyed("index", hops)},
    }
    routes = {"static-routes": {"static": keyed("prefix", [static])}}
    found = [inside(name, protocol("STATIC", routes))]
    if bgp_identity(device)["as"]:
        identity = {"bgp": {"global": {"config": bgp_identity(device)}}}
        found.append(inside(name, protocol("BGP", identity)))
        found.append(inside(name, redistributed("STATIC", [prefix.version])))
        if route.vrf:
            found.append(inside(name, vrf_bgp(device, fabric.fabric.underlay.maximum_paths)))
    return found
