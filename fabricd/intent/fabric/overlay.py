"""The EVPN overlay: BGP sessions between loopbacks of tunnel endpoints and route servers, and the tunnel endpoint.

Called by compile.py. Knows nothing of the networks inside the overlay (services.py) and of how loopbacks are reached.

Sessions are eBGP over several hops; every VTEP has one with every route server. OpenConfig 5.9.0 has no leaf that makes
a route server keep the next hop of what it passes on, nor one to keep routes whose targets it does not import: for the
EVPN address family over eBGP that is left to what the switch does by itself, or to a config intent.
"""

from __future__ import annotations

from typing import Any

from fabricd.intent.fabric.fragment import keyed, merged
from fabricd.intent.fabric.instances import ACCEPT_ALL, EVPN, afi_safi, inside, protocol
from fabricd.intent.fabric.resolved import (
    LOOPBACK,
    UNDERLAY_INSTANCE,
    VTEP_LOOPBACK,
    ResolvedDevice,
    ResolvedFabric,
)
from fabricd.intent.fabric.values import OverlayType

PEER_GROUP = "overlay"
CONNECTION_POINT, ENDPOINT = "vxlan", "vtep"
# From a leaf to a super-spine when the nearest links are down: spine, another leaf, another spine.
HOPS = 5


def overlay(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    """EVPN sessions of a leaf or route server and the VTEP of a leaf; nothing without an EVPN-VXLAN overlay."""
    if fabric.fabric.overlay.type is not OverlayType.EVPN_VXLAN:
        return {}
    found = []
    if device.device.role.is_leaf:
        # A leaf without a pool of its own for VTEPs tunnels from the loopback it has.
        source = LOOPBACK if device.vtep_ipv4 == device.loopback_ipv4 else VTEP_LOOPBACK
        content = {"vxlan": {"config": {"enabled": True, "source-interface": source}}}
        found.append(inside(UNDERLAY_INSTANCE, tunnel_endpoint(content)))
    if peers := overlay_peers(fabric, device):
        found.append(inside(UNDERLAY_INSTANCE, _sessions(fabric, device, peers)))
    return merged(found, device.name)


def tunnel_endpoint(content: dict[str, Any]) -> dict[str, Any]:
    """Content of the underlay's instance: the VTEP, with `content`. Services add the table of its VNIs."""
    endpoint = {
        "endpoint-id": ENDPOINT,
        "config": {"endpoint-id": ENDPOINT, "type": "openconfig-network-instance-types:LOCAL"},
        **content,
    }
    point = {
        "connection-point-id": CONNECTION_POINT,
        "config": {"connection-point-id": CONNECTION_POINT},
        "endpoints": {"endpoint": keyed("endpoint-id", [endpoint])},
    }
    return {"connection-points": {"connection-point": keyed("connection-point-id", [point])}}


def overlay_peers(fabric: ResolvedFabric, device: ResolvedDevice) -> tuple[ResolvedDevice, ...]:
    """Whom a device has EVPN sessions with: a leaf with all route servers, a route server with all leaves."""
    servers = fabric.route_servers
    return tuple(
        other
        for other in (fabric.devices.values() if device.name in servers else map(fabric.devices.__getitem__, servers))
        if other.name != device.name
        and (
            (other.name in servers and device.device.role.is_leaf)
            or (other.device.role.is_leaf and device.name in servers)
        )
    )


def _sessions(fabric: ResolvedFabric, device: ResolvedDevice, peers: tuple[ResolvedDevice, ...]) -> dict[str, Any]:
    group: dict[str, Any] = {
        "peer-group-name": PEER_GROUP,
        "config": {
            "peer-group-name": PEER_GROUP,
            "description": "EVPN between loopbacks",
            # Route targets are extended communities.
            "send-community-type": ["STANDARD", "EXTENDED"],
        },
        "transport": {"config": {"local-address": _address(device)}},
        "ebgp-multihop": {"config": {"enabled": True, "multihop-ttl": HOPS}},
        "as-path-options": {"config": _shared_systems(fabric, device, peers)},
        # Which routes are imported is decided by route targets, not by policies.
        "afi-safis": {
            "afi-safi": keyed("afi-safi-name", [{**afi_safi(EVPN), "apply-policy": {"config": dict(ACCEPT_ALL)}}])
        },
    }
    neighbours = [
        {
            "neighbor-address": _address(peer),
            "config": {
                "neighbor-address": _address(peer),
                "peer-group": PEER_GROUP,
                "peer-as": peer.asn,
                "description": peer.name,
                "enabled": True,
            },
        }
        for peer in peers
    ]
    process = {
        "global": {"afi-safis": {"afi-safi": keyed("afi-safi-name", [afi_safi(EVPN)])}},
        "peer-groups": {"peer-group": keyed("peer-group-name", [group])},
        "neighbors": {"neighbor": keyed("neighbor-address", neighbours)},
    }
    return protocol("BGP", {"bgp": process})


def _shared_systems(
    fabric: ResolvedFabric, device: ResolvedDevice, peers: tuple[ResolvedDevice, ...]
) -> dict[str, Any]:
    """Leaves that share an autonomous system hear each other's routes through a route server, where their own number
    is in the path: the leaf has to accept it once, and the server has to send it all the same."""
    found: dict[str, Any] = {"allow-own-as": 1} if device.shares_asn else {}
    if device.name in fabric.route_servers and any(peer.shares_asn for peer in peers):
        found["disable-peer-as-filter"] = True
    return found


def _address(device: ResolvedDevice) -> str:
    return device.loopback_ipv4 or device.loopback_ipv6
