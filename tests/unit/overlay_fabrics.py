"""Small fabrics with every number written down by hand, for the concerns of the overlay, services and their edges.

Two spines (AS 65100, loopbacks 10.255.0.1 and .2), leaf1 to leaf3 and border1 (AS 65001 to 65004, loopbacks
10.255.0.11 to .14, tunnel endpoints 10.255.1.11 to .14). Networks web (VLAN 10, VNI 10010), db (20, 10020) and lonely
(30, 70030, without gateway); VRF red (VNI 50001).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from fabricd.intent.fabric.fragment import Entries, keyed, merged, rendered
from fabricd.intent.fabric.resolved import Allocations, ResolvedDevice, ResolvedFabric
from fabricd.intent.fabric.values import (
    Acl,
    Attachment,
    Device,
    ExternalPeer,
    Fabric,
    Network,
    Overlay,
    OverlayType,
    Policy,
    PrefixSet,
    Role,
    StaticRoute,
    Underlay,
    Vrf,
)
from fabricd.schema import Schema

Concern = Callable[[ResolvedFabric, ResolvedDevice], dict[str, Any]]

RED = Vrf("red")
WEB = Network("web", 10, vrf="red", gateways=("10.1.10.1/24", "2001:db8:10::1/64"))
DB = Network("db", 20, vrf="red", gateways=("10.1.20.1/24",))
LONELY = Network("lonely", 30)
VNIS = {"web": 10010, "db": 10020, "lonely": 70030}
ROLES = {
    "spine1": Role.SPINE,
    "spine2": Role.SPINE,
    "leaf1": Role.LEAF,
    "leaf2": Role.LEAF,
    "leaf3": Role.LEAF,
    "border1": Role.BORDER_LEAF,
}
ASNS = {"spine1": 65100, "spine2": 65100, "leaf1": 65001, "leaf2": 65002, "leaf3": 65003, "border1": 65004}
HOSTS = {"spine1": 1, "spine2": 2, "leaf1": 11, "leaf2": 12, "leaf3": 13, "border1": 14}


def resolved(
    *,
    places: Mapping[str, tuple[Network, ...]] | None = None,
    vrf_places: Mapping[str, tuple[Vrf, ...]] | None = None,
    overlay: Overlay | None = None,
    underlay: Underlay | None = None,
    networks: tuple[Network, ...] = (DB, LONELY, WEB),
    vrfs: tuple[Vrf, ...] = (RED,),
    attachments: tuple[Attachment, ...] = (),
    peers: tuple[ExternalPeer, ...] = (),
    static_routes: tuple[StaticRoute, ...] = (),
    prefix_sets: tuple[PrefixSet, ...] = (),
    policies: tuple[Policy, ...] = (),
    acls: tuple[Acl, ...] = (),
    segments: Mapping[str, str] | None = None,
    aggregates: Mapping[str, int] | None = None,
    asns: Mapping[str, int] | None = None,
) -> ResolvedFabric:
    """The fabric of this module with these services. Left out, `places` are the leaves where networks exist: web on
    leaf1 and leaf2, db on leaf1 and leaf3, lonely on leaf3; VRFs are where their networks are, and on border1."""
    chosen = places if places is not None else {"leaf1": (DB, WEB), "leaf2": (WEB,), "leaf3": (DB, LONELY)}
    where = vrf_places if vrf_places is not None else dict.fromkeys(("leaf1", "leaf2", "leaf3", "border1"), (RED,))
    fabric = Fabric(
        "dc1",
        overlay=overlay or Overlay(OverlayType.EVPN_VXLAN),
        underlay=underlay or Underlay(),
        devices=tuple(Device(name, role) for name, role in ROLES.items()),
        networks=networks,
        vrfs=vrfs,
        attachments=attachments,
        peers=peers,
        static_routes=static_routes,
        prefix_sets=prefix_sets,
        policies=policies,
        acls=acls,
    )
    devices = {
        name: ResolvedDevice(
            Device(name, role),
            asn=(asns or ASNS)[name],
            router_id=f"10.255.0.{HOSTS[name]}",
            loopback_ipv4=f"10.255.0.{HOSTS[name]}",
            loopback_ipv6="",
            vtep_ipv4=f"10.255.1.{HOSTS[name]}" if role.is_leaf else "",
            profile="openconfig",
            networks=chosen.get(name, ()),
            vrfs=where.get(name, ()),
            attachments=tuple(one for one in attachments if any(port.device == name for port in one.ports)),
        )
        for name, role in ROLES.items()
    }
    return ResolvedFabric(
        fabric,
        devices,
        links=(),
        vnis={network.name: VNIS[network.name] for network in networks},
        l3_vnis={vrf.name: 50001 + number for number, vrf in enumerate(vrfs)},
        segments=segments or {},
        route_servers=("spine1", "spine2"),
        allocations=Allocations(),
        aggregates=aggregates or {},
    )


def without_loopback_ipv4(fabric: ResolvedFabric) -> ResolvedFabric:
    """The same fabric with IPv6 loopbacks 2001:db8:ff::N only."""
    devices = {
        name: replace(device, loopback_ipv4="", loopback_ipv6=f"2001:db8:ff::{HOSTS[name]:x}")
        for name, device in fabric.devices.items()
    }
    return replace(fabric, devices=devices)


def underneath(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    """What the underlay gives these concerns to stand on: the BGP process of the default instance."""
    process = {
        "identifier": "openconfig-policy-types:BGP",
        "name": "BGP",
        "config": {"identifier": "openconfig-policy-types:BGP", "name": "BGP"},
        "bgp": {"global": {"config": {"as": device.asn, "router-id": device.router_id}}},
    }
    entry = {
        "name": "default",
        "config": {"name": "default", "type": "openconfig-network-instance-types:DEFAULT_INSTANCE"},
        "protocols": {"protocol": keyed(("identifier", "name"), [process])},
    }
    return {"openconfig-network-instance:network-instances": {"network-instance": keyed("name", [entry])}}


def compiled(fabric: ResolvedFabric, name: str, *concerns: Concern) -> dict[str, Any]:
    """A device's tree of these concerns, lists still by key."""
    device = fabric.devices[name]
    return merged([concern(fabric, device) for concern in concerns], name)


def validated(schema: Schema, fabric: ResolvedFabric, name: str, *concerns: Concern) -> None:
    """Reads and validates the device's tree, as the compiler's result would be; InputError says what is wrong."""
    tree = rendered(compiled(fabric, name, underneath, *concerns))
    schema.validate(schema.read(orjson.dumps(tree)), device=name)


def at(tree: Any, path: str) -> Any:
    """What is at a path of plain names and of keys in brackets: a/b[key]/c. None where there is nothing."""
    for step in path.split("/"):
        name, _, key = step.partition("[")
        tree = _member(tree, name)
        if key and isinstance(tree, Entries):
            wanted = tuple(key.removesuffix("]").split(","))
            tree = next((entry for found, entry in tree.items() if tuple(map(_bare, found)) == wanted), None)
        if tree is None:
            return None
    return tree


def texts(tree: Any) -> Iterator[str]:
    """Every leaf value in a tree, as text."""
    if isinstance(tree, dict):
        for value in tree.values():
            yield from texts(value)
    elif isinstance(tree, list):
        yield from map(str, tree)
    else:
        yield str(tree)


def _member(tree: Any, name: str) -> Any:
    if not isinstance(tree, dict):
        return None
    return next((value for key, value in tree.items() if isinstance(key, str) and _bare(key) == name), None)


def _bare(value: object) -> str:
    return str(value).rpartition(":")[2] if "openconfig" in str(value) else str(value)
