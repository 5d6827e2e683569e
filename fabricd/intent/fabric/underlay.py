"""The routed underlay of a switch: its default network instance with eBGP on every fabric link, and BFD.

A concern of compile.py: pure, from the resolved fabric and one of its devices to a fragment.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from fabricd.intent.fabric.fragment import Entries, keyed
from fabricd.intent.fabric.owners import is_routed
from fabricd.intent.fabric.resolved import (
    BGP_NAME,
    CONNECTED_NAME,
    UNDERLAY_INSTANCE,
    LinkEnd,
    ResolvedDevice,
    ResolvedFabric,
)
from fabricd.intent.fabric.values import Bfd, OverlayType, Role

BGP = "openconfig-policy-types:BGP"
CONNECTED = "openconfig-policy-types:DIRECTLY_CONNECTED"
GROUPS = {
    Role.SUPER_SPINE: "super-spines",
    Role.SPINE: "spines",
    Role.LEAF: "leaves",
    Role.BORDER_LEAF: "border-leaves",
}
IPV6_SUFFIX = "-ipv6"
ANNOUNCED = "fabric-underlay"
_AFIS = {4: "openconfig-bgp-types:IPV4_UNICAST", 6: "openconfig-bgp-types:IPV6_UNICAST"}
_FAMILIES = {4: "openconfig-types:IPV4", 6: "openconfig-types:IPV6"}
_MODES = {4: "IPV4", 6: "IPV6"}
_MICROSECONDS = 1000  # in a millisecond

# Without these a router keeps to RFC 8212 and takes and gives nothing on eBGP sessions.
_ACCEPT = {"config": {"default-import-policy": "ACCEPT_ROUTE", "default-export-policy": "ACCEPT_ROUTE"}}


def underlay(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    """Empty in a VLAN fabric, but for the instance itself and the spanning tree that keeps it free of loops."""
    instance: dict[str, Any] = {
        "name": UNDERLAY_INSTANCE,
        "config": {"name": UNDERLAY_INSTANCE, "type": "openconfig-network-instance-types:DEFAULT_INSTANCE"},
    }
    found: dict[str, Any] = {
        "openconfig-network-instance:network-instances": {"network-instance": keyed("name", [instance])}
    }
    if not is_routed(fabric.fabric):
        protocols = {"enabled-protocol": ["openconfig-spanning-tree-types:RSTP"]}
        found["openconfig-spanning-tree:stp"] = {"global": {"config": protocols}}
        return found
    instance["config"]["router-id"] = device.router_id
    announced = {version: sorted(prefixes) for version, prefixes in _announced(fabric, device).items() if prefixes}
    instance["tables"], instance["table-connections"] = _redistribution(announced)
    instance["protocols"] = {
        "protocol": keyed(
            ("identifier", "name"),
            [
                {"identifier": CONNECTED, "name": CONNECTED_NAME, "config": _protocol(CONNECTED, CONNECTED_NAME)},
                {
                    "identifier": BGP,
                    "name": BGP_NAME,
                    "config": _protocol(BGP, BGP_NAME),
                    "bgp": _bgp(fabric, device),
                },
            ],
        )
    }
    found["openconfig-routing-policy:routing-policy"] = _policy(announced)
    if fabric.fabric.underlay.bfd.enabled and device.ends:
        found["openconfig-bfd:bfd"] = _bfd_interfaces(device.ends, fabric.fabric.underlay.bfd)
    return found


def _protocol(identifier: str, name: str) -> dict[str, str]:
    return {"identifier": identifier, "name": name}


def _bgp(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    said = fabric.fabric.underlay
    versions = [4] * said.addressing.has_ipv4 + [6] * said.addressing.has_ipv6
    groups: dict[str, dict[str, Any]] = {}
    neighbors: Entries = Entries()
    for end in device.ends:
        peer = fabric.devices[end.peer.device]
        for version, address in ((4, end.peer_ipv4), (6, end.peer_ipv6)):
            if not address:
                continue
            group = GROUPS[peer.device.role] + (IPV6_SUFFIX if version == 6 else "")
            if group not in groups:
                groups[group] = _group(fabric, device, group, peer.device.role, version)
            if peer.shares_asn:
                # What is in between must not keep to itself what one of them says to another.
                options = groups[group].setdefault("as-path-options", {"config": {}})
                options["config"]["disable-peer-as-filter"] = True
            neighbors[(address,)] = {
                "neighbor-address": address,
                "config": {
                    "neighbor-address": address,
                    "peer-group": group,
                    "peer-as": peer.asn,
                    "description": f"{end.peer.device} {end.peer.name}",
                },
            }
    multipath = {
        "config": {"enabled": True},
        "ebgp": {"config": {"allow-multiple-as": True, "maximum-paths": said.maximum_paths}},
    }
    return {
        "global": {
            "config": {"as": device.asn, "router-id": device.router_id},
            "afi-safis": {
                "afi-safi": keyed(
                    "afi-safi-name", [{**_enabled_afi(_AFIS[one]), "use-multiple-paths": multipath} for one in versions]
                )
            },
        },
        "peer-groups": {"peer-group": keyed("peer-group-name", (groups[name] for name in sorted(groups)))},
        "neighbors": {"neighbor": neighbors},
    }


def _group(fabric: ResolvedFabric, device: ResolvedDevice, name: str, role: Role, version: int) -> dict[str, Any]:
    said = fabric.fabric.underlay
    config: dict[str, Any] = {
        "peer-group-name": name,
        "description": f"eBGP (IPv{version}) on the links to the {GROUPS[role]}",
    }
    if fabric.fabric.overlay.type is OverlayType.NONE:
        # External routes have only this BGP to travel in, with the communities that border policies gave them.
        config["send-community-type"] = ["STANDARD"]
    group = {
        "peer-group-name": name,
        "config": config,
        "timers": {"config": {"hold-time": said.hold_time, "keepalive-interval": said.keepalive}},
        "apply-policy": _ACCEPT,
        "afi-safis": {"afi-safi": keyed("afi-safi-name", [_enabled_afi(_AFIS[version])])},
    }
    if device.shares_asn:
        # Leaf, spine, leaf: the own ASN stands in the path once. Anywhere else that is a loop.
        group["as-path-options"] = {"config": {"allow-own-as": 1}}
    if said.bfd.enabled:
        group["enable-bfd"] = {"config": {"enabled": True, **_intervals(said.bfd)}}
    return group


def _enabled_afi(name: str) -> dict[str, Any]:
    return {"afi-safi-name": name, "config": {"afi-safi-name": name, "enabled": True}}


# What is announced: loopbacks, and the networks of a fabric without overlay. Link addresses stay local, as they would
# make up nearly all routes of a large fabric. OpenConfig has no network statement: connected routes are let into BGP
# by a policy.


def _announced(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[int, set[tuple[str, str]]]:
    found: dict[int, set[tuple[str, str]]] = {4: set(), 6: set()}
    for address in filter(None, (device.loopback_ipv4, device.vtep_ipv4)):
        found[4].add((f"{address}/32", "exact"))
    if device.loopback_ipv6:
        found[6].add((f"{device.loopback_ipv6}/128", "exact"))
    if fabric.fabric.overlay.type is OverlayType.NONE and device.device.role.is_leaf:
        for network in device.networks:
            for gateway in network.gateways if not network.vrf else ():
                subnet = ipaddress.ip_interface(gateway).network
                if subnet.version == 4 or fabric.fabric.underlay.addressing.has_ipv6:
                    found[subnet.version].add((str(subnet), "exact"))
    if not fabric.fabric.underlay.addressing.has_ipv4:
        found[4].clear()
    return found


def _policy(announced: dict[int, list[tuple[str, str]]]) -> dict[str, Any]:
    sets, policies = [], []
    for version, prefixes in announced.items():
        name = _policy_name(version)
        entries = (
            {"ip-prefix": prefix, "masklength-range": lengths, "config": _prefix(prefix, lengths)}
            for prefix, lengths in prefixes
        )
        sets.append(
            {
                "name": name,
                "config": {"name": name, "mode": _MODES[version]},
                "prefixes": {"prefix": keyed(("ip-prefix", "masklength-range"), entries)},
            }
        )
        statement = {
            "name": "announced",
            "config": {"name": "announced"},
            "conditions": {"match-prefix-set": {"config": {"prefix-set": name, "match-set-options": "ANY"}}},
            "actions": {"config": {"policy-result": "ACCEPT_ROUTE"}},
        }
        policies.append(
            {"name": name, "config": {"name": name}, "statements": {"statement": keyed("name", [statement])}}
        )
    return {
        "defined-sets": {"prefix-sets": {"prefix-set": keyed("name", sets)}},
        "policy-definitions": {"policy-definition": keyed("name", policies)},
    }


def _prefix(prefix: str, lengths: str) -> dict[str, str]:
    return {"ip-prefix": prefix, "masklength-range": lengths}


def _policy_name(version: int) -> str:
    return f"{ANNOUNCED}-ipv{version}"


def _redistribution(announced: dict[int, list[tuple[str, str]]]) -> tuple[dict[str, Any], dict[str, Any]]:
    tables, connections = [], []
    for version in announced:
        family = _FAMILIES[version]
        for protocol in (CONNECTED, BGP):
            keys = {"protocol": protocol, "address-family": family}
            tables.append({**keys, "config": keys})
        ends = {"src-protocol": CONNECTED, "dst-protocol": BGP, "address-family": family}
        policy = {"import-policy": [_policy_name(version)], "default-import-policy": "REJECT_ROUTE"}
        connections.append({**ends, "config": {**ends, **policy}})
    return (
        {"table": keyed(("protocol", "address-family"), tables)},
        {"table-connection": keyed(("src-protocol", "dst-protocol", "address-family"), connections)},
    )


def _bfd_interfaces(ends: Iterable[LinkEnd], said: Bfd) -> dict[str, Any]:
    entries = (
        {
            "id": end.port.name,
            "config": {"id": end.port.name, "enabled": True, **_intervals(said)},
            "interface-ref": {"config": {"interface": end.port.name, "subinterface": 0}},
        }
        for end in ends
    )
    return {"interfaces": {"interface": keyed("id", entries)}}


def _intervals(said: Bfd) -> dict[str, int]:
    return {
        "desired-minimum-tx-interval": said.interval * _MICROSECONDS,
        "required-minimum-receive": said.interval * _MICROSECONDS,
        "detection-multiplier": said.multiplier,
    }
