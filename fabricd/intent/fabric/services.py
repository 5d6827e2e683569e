"""What a fabric offers: L2 networks, VRFs and the gateways between them.

Called by compile.py; checks.py asks it what cannot be (refusals). Knows nothing of ports (attachments.py, external.py).

- evpn-vxlan: every network is a MAC-VRF (L2VSI) with one VLAN and one L2 VNI on each leaf where it exists; VRFs have an
  L3 VNI (symmetric IRB); gateways are anycast: the same address and MAC on every leaf of the network. Connected
  subnets go into the VRF's BGP and from there to EVPN.
- vlan: networks are VLANs of the underlay's instance, on leaves where they are used and on everything between them.
  Their gateways stand on the border leaves (without any: on the top of the fabric), the same address and MAC on each.
- none: a network is a VLAN of one leaf with its gateway there. A network on several leaves is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from fabricd.errors import Problem
from fabricd.intent.fabric.fragment import keyed
from fabricd.intent.fabric.instances import (
    addresses,
    instance,
    instance_of,
    instances,
    member,
    members,
    part_of,
    vrf_routing,
)
from fabricd.intent.fabric.overlay import ENDPOINT, tunnel_endpoint
from fabricd.intent.fabric.places import place
from fabricd.intent.fabric.resolve import devices_of
from fabricd.intent.fabric.resolved import UNDERLAY_INSTANCE, ResolvedDevice, ResolvedFabric
from fabricd.intent.fabric.values import Network, OverlayType, Role, Vrf

_VXLAN = "openconfig-network-instance-types:VXLAN"


def services(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    """Networks, VRFs and gateways of a device, of a fabric of which there are no refusals."""
    kind = fabric.fabric.overlay.type
    if kind is OverlayType.EVPN_VXLAN:
        return _evpn(fabric, device) if device.device.role.is_leaf else {}
    if kind is OverlayType.VLAN:
        return _switched(fabric, device)
    return _local(fabric, device.networks, {vrf.name: _plain_vrf(device, vrf) for vrf in device.vrfs})


def refusals(fabric: ResolvedFabric) -> tuple[Problem, ...]:
    """Networks that the overlay of this fabric cannot carry, all of them."""
    if fabric.fabric.overlay.type is not OverlayType.NONE:
        return ()
    places: dict[str, list[str]] = {}
    for device in fabric.devices.values():
        for network in device.networks:
            places.setdefault(network.name, []).append(device.name)
    return tuple(_refusal(name, devices) for name, devices in places.items() if len(devices) > 1)


def instance_name(network: Network) -> str:
    """The name of a network's MAC-VRF. VRFs are called as their users call them, hence the prefix."""
    return f"network-{network.name}"


def gateway_interface(network: Network) -> str:
    return f"Vlan{network.vlan}"


def gateway_devices(fabric: ResolvedFabric) -> frozenset[str]:
    """Where a VLAN fabric has its gateways: on border leaves; without any on super-spines; else on spines."""
    by_role: dict[Role, list[str]] = {}
    for name, device in fabric.devices.items():
        by_role.setdefault(device.device.role, []).append(name)
    roles = (Role.BORDER_LEAF, Role.SUPER_SPINE, Role.SPINE)
    return frozenset(next((by_role[role] for role in roles if role in by_role), ()))


def route_distinguisher(device: ResolvedDevice, vni: int) -> str:
    """RFC 4364 type 1: the router id and 16 bits."""
    return f"{device.router_id}:{vni % 65536}"


def route_targets(fabric: ResolvedFabric, vni: int, given: tuple[str, ...] = ()) -> list[str]:
    """The same on every device, whatever its ASN: that of the overlay, and the VNI; or those given."""
    return list(given) or [f"{fabric.fabric.overlay.route_target_asn}:{vni}"]


# EVPN-VXLAN


def _evpn(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    # Built in one go instead of merged from many fragments: this is the largest part of a leaf's tree.
    if not device.networks and not device.vrfs:
        return {}
    found = [_mac_vrf(fabric, device, network) for network in device.networks]
    places = _places(device.networks, "")
    found += [_vrf(fabric, device, vrf) | members(places.get(vrf.name, ())) for vrf in device.vrfs]
    table = [
        {"vni": fabric.vnis[network.name], "vni-type": "L2", "bridge-domain": network.vlan}
        for network in device.networks
    ]
    table += [{"vni": fabric.l3_vnis[vrf.name], "vni-type": "L3", "l3-vrf-name": vrf.name} for vrf in device.vrfs]
    entries = keyed("vni", [{"vni": leaves["vni"], "config": leaves} for leaves in table])
    vnis = tunnel_endpoint({"vxlan": {"local-endpoint-vnis": {"local-endpoint-vni": entries}}})
    found.append(part_of(UNDERLAY_INSTANCE, vnis | members(places.get(UNDERLAY_INSTANCE, ()))))
    return instances(found) | _interfaces(fabric, device.networks)


def _mac_vrf(fabric: ResolvedFabric, device: ResolvedDevice, network: Network) -> dict[str, Any]:
    overlay, vni = fabric.fabric.overlay, fabric.vnis[network.name]
    targets = route_targets(fabric, vni)
    evpn = _evpn_instance(device, vni, targets, targets, **{"replication-mode": "BGP"})
    return _mac_vrf_alike(network, overlay.anycast_mac, overlay.arp_suppression) | {"evpn": evpn}


@lru_cache(maxsize=8192)
def _mac_vrf_alike(network: Network, anycast_mac: str, suppression: bool) -> dict[str, Any]:
    """What the MAC-VRF of a network is on every leaf. Nobody may change it."""
    forwarding: dict[str, Any] = {"config": {"mac-learning": True}}
    if network.gateways:
        forwarding["config"]["anycast-gateway-mac"] = anycast_mac
    if suppression:
        forwarding["arp-proxy"] = {"config": {"arp-suppression": True}}
        forwarding["nd-proxy"] = {"config": {"nd-suppression": True}}
    content = {
        "encapsulation": {"config": {"encapsulation-type": _VXLAN}},
        "vlans": _vlans([network]),
        "fdb": forwarding,
    }
    if network.gateways:
        # Symmetric where routes between leaves have a VNI of their own; the underlay's table has none.
        how = "DISTRIBUTED_SYMETRIC" if network.vrf else "DISTRIBUTED_ASYMETRIC"
        content |= members([member(gateway_interface(network), irb_anycast_gateway=how)])
    return instance(instance_name(network), "L2VSI", content, description=network.description or network.name)


def _evpn_instance(
    device: ResolvedDevice, vni: int, imported: list[str], exported: list[str], **config: str
) -> dict[str, Any]:
    entry = {
        "evi": str(vni),
        "config": {
            "evi": str(vni),
            "encapsulation-type": _VXLAN,
            # A VRF's too: the models have a VNI only for this type.
            "service-type": "openconfig-evpn-types:VLAN_BASED",
            "route-distinguisher": route_distinguisher(device, vni),
            **config,
        },
        "import-export-policy": {"config": {"import-route-target": imported, "export-route-target": exported}},
        "vxlan": {
            "config": {
                "vni": vni,
                "overlay-endpoint-network-instance": UNDERLAY_INSTANCE,
                "overlay-endpoint": ENDPOINT,
                "host-reachability-bgp": True,
            }
        },
    }
    return {"evpn-instances": {"evpn-instance": keyed("evi", [entry])}}


def _vrf(fabric: ResolvedFabric, device: ResolvedDevice, vrf: Vrf) -> dict[str, Any]:
    vni = fabric.l3_vnis[vrf.name]
    imported = route_targets(fabric, vni, vrf.import_targets)
    exported = route_targets(fabric, vni, vrf.export_targets)
    targets = {"import-route-target": imported, "export-route-target": exported}
    content = {
        "encapsulation": {"config": {"encapsulation-type": _VXLAN}},
        "inter-instance-policies": {"import-export-policy": {"config": targets}},
        "evpn": _evpn_instance(device, vni, imported, exported),
        **vrf_routing(device, fabric.fabric.underlay.maximum_paths),
    }
    return instance(
        vrf.name,
        "L3VRF",
        content,
        description=vrf.description,
        router_id=device.router_id,
        route_distinguisher=route_distinguisher(device, vni),
    )


# VLANs, and no overlay


def _switched(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    gateway = device.name in gateway_devices(fabric)
    # What stands between the leaves carries every VLAN; so do gateways, which every network is routed by.
    every = gateway or not device.device.role.is_leaf
    networks = fabric.fabric.networks if every else device.networks
    used = {network.vrf for network in networks if network.gateways} if gateway else set()
    used |= {peer.vrf for peer in fabric.fabric.peers if peer.port.device == device.name}
    used |= {route.vrf for route in fabric.fabric.static_routes if device.name in devices_of(route, fabric.fabric)}
    vrfs = {vrf.name: _plain_vrf(device, vrf) for vrf in fabric.fabric.vrfs if vrf.name in used}
    if gateway:
        return _local(fabric, networks, vrfs, "CENTRALIZED")
    found = [*vrfs.values(), *([part_of(UNDERLAY_INSTANCE, {"vlans": _vlans(networks)})] if networks else [])]
    return instances(found) if found else {}


def _local(
    fabric: ResolvedFabric, networks: tuple[Network, ...], vrfs: dict[str, dict[str, Any]], anycast: str = ""
) -> dict[str, Any]:
    """VLANs of the underlay's instance with their gateways, and VRFs that some of these are in."""
    places = _places(networks, anycast)
    content: dict[str, Any] = {"vlans": _vlans(networks)} | members(places.get(UNDERLAY_INSTANCE, ()))
    if anycast and places:
        content["fdb"] = {"config": {"anycast-gateway-mac": fabric.fabric.overlay.anycast_mac}}
    found = [vrf | members(places.get(name, ())) for name, vrf in vrfs.items()]
    if networks:
        found.append(part_of(UNDERLAY_INSTANCE, content))
    return instances(found) | _interfaces(fabric, networks) if found else {}


def _vlans(networks: Iterable[Network]) -> dict[str, Any]:
    leaves = ({"vlan-id": network.vlan, "name": network.name} for network in networks)
    return {"vlan": keyed("vlan-id", ({"vlan-id": one["vlan-id"], "config": one} for one in leaves))}


def _plain_vrf(device: ResolvedDevice, vrf: Vrf) -> dict[str, Any]:
    return instance(vrf.name, "L3VRF", {}, description=vrf.description, router_id=device.router_id)


def _refusal(network: str, devices: list[str]) -> Problem:
    return Problem(
        f"network {network} is on {' and '.join(sorted(devices))}, but the fabric has no overlay to carry it from one "
        "to the other: let it be on one leaf only, or choose overlay type vlan or evpn-vxlan",
        path=place("networks", name=network),
    )


# Gateways of every kind


def _places(networks: Iterable[Network], anycast: str) -> dict[str, list[dict[str, Any]]]:
    """Gateways as interfaces of network instances, by instance. `anycast` is their kind, where no MAC-VRF says it."""
    kind: dict[str, Any] = {"irb_anycast_gateway": anycast} if anycast else {}
    found: dict[str, list[dict[str, Any]]] = {}
    for network in networks:
        if network.gateways:
            found.setdefault(instance_of(network.vrf), []).append(member(gateway_interface(network), **kind))
    return found


def _interfaces(fabric: ResolvedFabric, networks: Iterable[Network]) -> dict[str, Any]:
    mtu = fabric.fabric.defaults.attachment_mtu
    entries = [_gateway(network, network.mtu or mtu) for network in networks if network.gateways]
    return {"openconfig-interfaces:interfaces": {"interface": keyed("name", entries)}} if entries else {}


@lru_cache(maxsize=8192)
def _gateway(network: Network, mtu: int) -> dict[str, Any]:
    """The routed VLAN interface, the same on every leaf. Nobody may change it."""
    name = gateway_interface(network)
    leaves = {
        "name": name,
        "type": "iana-if-type:l3ipvlan",
        "enabled": True,
        "description": network.description or network.name,
        "mtu": mtu,
    }
    routed = {"config": {"vlan": network.vlan}, **addresses(network.gateways)}
    return {"name": name, "config": leaves, "openconfig-vlan:routed-vlan": routed}
