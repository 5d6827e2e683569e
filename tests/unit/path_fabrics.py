"""Small resolved fabrics for the tests of paths, steering, trace and drawing, with addresses that can be read off.

Used by those tests. Builds values only, so that they do not depend on pools.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fabricd.intent.fabric.resolved import Allocations, LinkEnd, ResolvedDevice, ResolvedFabric, ResolvedLink
from fabricd.intent.fabric.values import (
    Addressing,
    Attachment,
    Device,
    Fabric,
    Link,
    Network,
    Overlay,
    OverlayType,
    Path,
    Port,
    Role,
    TrafficClass,
    Underlay,
)

WEB = TrafficClass("web", source="10.1.1.0/24", destination="10.1.4.0/24", protocol="tcp", destination_port="443")
ROLES = {"super": Role.SUPER_SPINE, "spine": Role.SPINE, "border": Role.BORDER_LEAF, "leaf": Role.LEAF}


def leaf_spine(spines: int = 2, leaves: int = 4, *, parallel: int = 1) -> list[Link]:
    """leafN:EthernetS... to spineS:EthernetN...; with parallel links the ports go on counting."""
    return [
        cord(f"leaf{leaf}:Ethernet{spine + extra * spines}", f"spine{spine}:Ethernet{leaf + extra * leaves}")
        for leaf in range(1, leaves + 1)
        for spine in range(1, spines + 1)
        for extra in range(parallel)
    ]


def cord(a: str, b: str, **more: Any) -> Link:
    return Link(Port(*a.split(":")), Port(*b.split(":")), **more)


def fabric_of(
    links: Iterable[Link],
    *paths: Path,
    classes: Iterable[TrafficClass] = (WEB,),
    overlay: OverlayType = OverlayType.NONE,
    asns: Mapping[str, int] | None = None,
    **more: Any,
) -> ResolvedFabric:
    """Link number n (from 1, in the order given) has 10.0.0.2n and 2n+1. leafN has asn 65100+N, the network 10.1.N.0/24
    (VLAN 10+N, Vlan1N) with one server at Ethernet50, the loopback 10.255.0.N and the VTEP 10.254.0.N. Spines share
    65001, super-spines 65000."""
    links = tuple(links)
    addressing = more.pop("addressing", Addressing.IPV4)
    resolved = [_link(number, link, addressing) for number, link in enumerate(links, 1)]
    names = sorted({port.device for link in links for port in (link.a, link.b)} | set(more.pop("alone", ())))
    devices = tuple(Device(name, _role(name)) for name in names)
    leaves = [device.name for device in devices if device.role.is_leaf]
    networks = tuple(
        Network(f"net{_number(name)}", 10 + _number(name), gateways=_gateways(name, addressing), devices=(name,))
        for name in leaves
    )
    attachments = tuple(
        Attachment(f"server{_number(name)}", (Port(name, "Ethernet50"),), network=f"net{_number(name)}")
        for name in leaves
    )
    fabric = Fabric(
        "paper",
        underlay=Underlay(addressing=addressing),
        overlay=Overlay(overlay),
        devices=devices,
        links=links,
        networks=more.pop("networks", networks),
        attachments=more.pop("attachments", attachments),
        traffic_classes=tuple(classes),
        paths=tuple(sorted(paths, key=lambda path: path.name)),
    )
    fabric = replace(fabric, **more)
    return ResolvedFabric(
        fabric=fabric,
        devices={device.name: _device(device, fabric, resolved, asns or {}) for device in devices},
        links=tuple(resolved),
        vnis={network.name: 10_000 + network.vlan for network in fabric.networks},
        l3_vnis={vrf.name: 50_000 + number for number, vrf in enumerate(fabric.vrfs, 1)},
        segments={},
        route_servers=(),
        allocations=Allocations(),
    )


def _link(number: int, link: Link, addressing: Addressing) -> ResolvedLink:
    low, high = f"10.0.0.{2 * number}", f"10.0.0.{2 * number + 1}"
    low6, high6 = f"2001:db8::{2 * number:x}", f"2001:db8::{2 * number + 1:x}"
    if not addressing.has_ipv4:
        low = high = ""
    if not addressing.has_ipv6:
        low6 = high6 = ""
    a = LinkEnd(link.a, link.b, low, high, low6, high6)
    b = LinkEnd(link.b, link.a, high, low, high6, low6)
    return ResolvedLink(link, a, b, link.mtu or 9214)


def _device(device: Device, fabric: Fabric, links: list[ResolvedLink], asns: Mapping[str, int]) -> ResolvedDevice:
    name, number = device.name, _number(device.name)
    ends = tuple(end for link in links for end in (link.a, link.b) if end.port.device == name)
    return ResolvedDevice(
        device=device,
        asn=asns.get(name) or {Role.SPINE: 65001, Role.SUPER_SPINE: 65000}.get(device.role, 65100 + number),
        router_id=f"10.255.{list(ROLES.values()).index(device.role)}.{number}",
        loopback_ipv4=f"10.255.{list(ROLES.values()).index(device.role)}.{number}",
        loopback_ipv6="",
        vtep_ipv4=f"10.254.0.{number}" if device.role.is_leaf and fabric.overlay.type is OverlayType.EVPN_VXLAN else "",
        profile="openconfig",
        ends=ends,
        networks=tuple(network for network in fabric.networks if name in network.devices),
        vrfs=fabric.vrfs if device.role.is_leaf else (),
        attachments=tuple(one for one in fabric.attachments if any(port.device == name for port in one.ports)),
    )


def _gateways(name: str, addressing: Addressing) -> tuple[str, ...]:
    number = _number(name)
    found = [f"10.1.{number}.1/24"] if addressing.has_ipv4 else []
    return (*found, f"2001:db8:1:{number}::1/64") if addressing.has_ipv6 else tuple(found)


def _role(name: str) -> Role:
    return next((role for start, role in ROLES.items() if name.startswith(start)), Role.LEAF)


def _number(name: str) -> int:
    return int("".join(filter(str.isdigit, name)) or 0)
