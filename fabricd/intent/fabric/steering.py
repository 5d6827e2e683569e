"""Paths as forwarding policies: which packets a device sends to which next hop, whatever its routes say.

`steer` is called once a fabric by compile.py, `steering` for every device. Pure; docs/paths.md tells users about it.

- No overlay: a policy on every hop, bound where the class comes in: at the source on its gateways and external ports,
  on transit devices on the one fabric port that the path enters by.
- EVPN-VXLAN: switches on the way see only the VTEPs. Such a path moves everything from one VTEP to the other: a static
  route to the far VTEP at the source, whose own packets no ingress policy sees, and policies on transit devices.
- VLAN: refused, nothing on the way looks at addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from fabricd.errors import InputError, Problem
from fabricd.intent.fabric.fragment import Entries, keyed
from fabricd.intent.fabric.instances import inside, protocol
from fabricd.intent.fabric.paths import ComputedPath, compute_paths, place_of
from fabricd.intent.fabric.resolved import UNDERLAY_INSTANCE, LinkEnd, ResolvedDevice, ResolvedFabric, Steered
from fabricd.intent.fabric.routes import Routes
from fabricd.intent.fabric.services import gateway_interface
from fabricd.intent.fabric.topology import Topology, cable
from fabricd.intent.fabric.values import Fallback, OverlayType, Path, Role, TrafficClass

VXLAN_PORT = 4789
"""RFC 7348 section 5."""
AT_SOURCE = "paths-from-here"
"""The policy on the interfaces where packets enter the fabric; those on fabric ports are called after the port."""
_RULE_GAP = 10
_PROTOCOLS = {
    "tcp": "openconfig-packet-match-types:IP_TCP",
    "udp": "openconfig-packet-match-types:IP_UDP",
    "icmp": "openconfig-packet-match-types:IP_ICMP",
    "icmpv6": 58,
}


def steer(fabric: ResolvedFabric) -> ResolvedFabric:
    """The same fabric, every device knowing its part in every path. Raises InputError with all Problems."""
    if not fabric.fabric.paths:
        return fabric
    topology = Topology(fabric)
    refused = tuple(_refused(fabric, fabric.fabric.paths))
    try:
        computed = compute_paths(fabric, topology)
    except InputError as error:
        raise InputError.of((*error.problems, *refused)) from error
    if refused:
        raise InputError.of(refused)
    parts: dict[str, list[Steered]] = {}
    for one in computed:
        for device, part in _parts(fabric, topology, one):
            parts.setdefault(device, []).append(part)
    problems = [problem for one in computed for problem in _unreachable(one, parts)]
    problems += _twice(computed, parts)
    if problems:
        raise InputError.of(problems)
    devices = {
        name: replace(device, steered=tuple(parts[name])) if name in parts else device
        for name, device in fabric.devices.items()
    }
    return replace(fabric, devices=devices)


def steering(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    """Policies, where they are bound, and static routes to VTEPs."""
    if not device.steered:
        return {}
    content: dict[str, Any] = {}
    by_ingress: dict[str, list[Steered]] = {}
    for part in device.steered:
        by_ingress.setdefault(part.ingress, []).append(part)
    if _is_tunnelled(fabric) and (begun := by_ingress.pop("", [])):
        content |= protocol("STATIC", {"static-routes": {"static": keyed("prefix", map(_static_route, begun))}})
    if by_ingress:
        policies = [_policy(ingress, parts) for ingress, parts in by_ingress.items()]
        interfaces = [one for ingress in by_ingress for one in _bound(fabric, device, ingress)]
        content["policy-forwarding"] = {
            "policies": {"policy": keyed("policy-id", policies)},
            "interfaces": {"interface": keyed("interface-id", interfaces)},
        }
    return inside(UNDERLAY_INSTANCE, content)


def family(packets: TrafficClass) -> int:
    """4 or 6 by its addresses, 0 when it has none."""
    text = packets.source or packets.destination
    return ip_network(text, strict=False).version if text else 0


# What cannot be steered


def _refused(fabric: ResolvedFabric, paths: Iterable[Path]) -> Iterator[Problem]:
    classes = {one.name: one for one in fabric.fabric.traffic_classes}
    for path in paths:
        if path.traffic_class not in classes:
            message = f"there is no traffic class {path.traffic_class!r}"
            yield Problem(message, path=place_of(path.name, "traffic-class"))
        elif {path.source, path.destination} <= set(fabric.devices):  # others are refused by paths.py
            leaf, message = _refusal(fabric, path, classes[path.traffic_class])
            if message:
                yield Problem(message, path=place_of(path.name, leaf))


def _refusal(fabric: ResolvedFabric, path: Path, packets: TrafficClass) -> tuple[str, str]:
    """The leaf that is wrong, and why; empty texts for nothing."""
    if len({ip_network(text, strict=False).version for text in (packets.source, packets.destination) if text}) > 1:
        return "traffic-class", f"{packets.name!r} has source and destination of different address families"
    match fabric.fabric.overlay.type:
        case OverlayType.VLAN:
            return "", "a VLAN fabric bridges: no switch on the way looks at addresses, so that no path can be laid"
        case OverlayType.EVPN_VXLAN:
            return _tunnel_refusal(fabric, path, packets)
    if path.vrf:
        return "vrf", f"without an overlay VRF {path.vrf!r} ends at its leaf, and no path through the fabric is in it"
    source = fabric.devices[path.source]
    if not list(_entrances(fabric, source)):
        return "source", f"{path.source} has no gateway and no external peer by which packets could come in"
    if not packets.destination and not _prefixes(fabric, path.destination, family(packets)):
        return "traffic-class", (
            f"{packets.name!r} has no destination, and {path.destination} has no gateway that would tell it"
        )
    return "", ""


def _tunnel_refusal(fabric: ResolvedFabric, path: Path, packets: TrafficClass) -> tuple[str, str]:
    source, destination = fabric.devices[path.source], fabric.devices[path.destination]
    for leaf, device in (("source", source), ("destination", destination)):
        if not device.vtep_ipv4:
            return leaf, f"{device.name} has no VTEP: paths of an EVPN fabric lead from VTEP to VTEP"
    inner = [
        name
        for name, seen in (
            ("source", not packets.source or _has(packets.source, source.vtep_ipv4)),
            ("destination", not packets.destination or _has(packets.destination, destination.vtep_ipv4)),
            ("protocol", packets.protocol in ("", "udp", "17")),
            ("source-port", not packets.source_port),
            ("destination-port", packets.destination_port in ("", str(VXLAN_PORT))),
            ("dscp", packets.dscp < 0),
        )
        if not seen
    ]
    why = "a path of an EVPN fabric moves everything from one VTEP to the other"
    if path.vrf:
        return "vrf", f"{why}: a path cannot be for VRF {path.vrf!r} alone"
    if inner:
        return "traffic-class", (
            f"{why}: {packets.name!r} cannot be told apart by its {' and '.join(inner)} "
            f"(a class of protocol udp, destination-port {VXLAN_PORT} stands for everything)"
        )
    routes = [one for one in fabric.fabric.static_routes if not one.vrf]
    for route in routes:
        borders = not route.devices and source.device.role is Role.BORDER_LEAF
        if borders or path.source in route.devices:
            return "source", (
                f"{path.source} announces static routes of the underlay ({route.prefix}), and would announce the "
                "path's own as well: packets of other devices would come here"
            )
    return "", ""


def _unreachable(one: ComputedPath, parts: dict[str, list[Steered]]) -> Iterator[Problem]:
    """Links of the path that have no address of the class's family."""
    for step in one.steps:
        for part in parts[step.port.device]:
            for packets in part.matches if part.path == one.path.name else ():
                if not _next_hop(part.end, family(packets)):
                    message = f"link {step.port} - {step.peer} has no IPv{family(packets)} addresses"
                    yield Problem(message, path=place_of(one.path.name, "traffic-class"))


def _twice(computed: Iterable[ComputedPath], parts: dict[str, list[Steered]]) -> Iterator[Problem]:
    """Paths whose packets another one takes first. Classes that overlap in part are left to the order of names."""
    for one in computed:
        seen: dict[TrafficClass, str] = {}
        for part in parts[one.path.source]:
            if part.ingress:
                continue
            for packets in part.matches:
                first = seen.setdefault(replace(packets, name=""), part.path)
                if part.path == one.path.name and first != part.path:
                    message = f"moves the same packets as path {first!r}, which also begins at {one.path.source}"
                    yield Problem(message, path=place_of(one.path.name, "traffic-class"))


# What each device does


def _parts(fabric: ResolvedFabric, topology: Topology, one: ComputedPath) -> Iterator[tuple[str, Steered]]:
    path = one.path
    matches = _matches(fabric, path)
    drop = path.fallback is Fallback.DROP
    came: LinkEnd | None = None
    for step in one.steps:
        back = None
        if came is not None and not drop:
            others = Routes(fabric, topology, without=frozenset((cable(step),)))
            if not others.next_hops(step.port.device, path.destination):
                # However many other links fail, this device stays without a route: what it sends back is never
                # routed to it again.
                back = topology.end(came.peer)
            if back is not None and came.port.device == path.source and _is_tunnelled(fabric):
                # The source's static route would send it here for ever; what comes back has to be told otherwise.
                around = others.next_hops(path.source, path.destination)
                back = back if around else None
                if around:
                    yield path.source, Steered(path.name, matches, around[0], ingress=came.port.name, drop=True)
        yield step.port.device, Steered(path.name, matches, step, came.peer.name if came else "", drop, back)
        came = step


def _matches(fabric: ResolvedFabric, path: Path) -> tuple[TrafficClass, ...]:
    """The class, narrowed to what is at the destination when it does not say where its packets go."""
    (packets,) = (one for one in fabric.fabric.traffic_classes if one.name == path.traffic_class)
    if _is_tunnelled(fabric):
        source, destination = fabric.devices[path.source].vtep_ipv4, fabric.devices[path.destination].vtep_ipv4
        return (TrafficClass(packets.name, f"{source}/32", f"{destination}/32"),)
    if packets.destination:
        return (packets,)
    only = {"icmp": 4, "icmpv6": 6}.get(packets.protocol, family(packets))
    return tuple(replace(packets, destination=prefix) for prefix in _prefixes(fabric, path.destination, only))


def _is_tunnelled(fabric: ResolvedFabric) -> bool:
    return fabric.fabric.overlay.type is OverlayType.EVPN_VXLAN


def _prefixes(fabric: ResolvedFabric, device: str, version: int) -> list[str]:
    """Subnets behind a device's gateways in the underlay's table, in order of network names."""
    subnets = [
        ip_interface(gateway).network
        for network in fabric.devices[device].networks
        if not network.vrf
        for gateway in network.gateways
    ]
    return [str(subnet) for subnet in subnets if version in (0, subnet.version)]


def _has(prefix: str, address: str) -> bool:
    return ip_address(address) in ip_network(prefix, strict=False)


def _entrances(fabric: ResolvedFabric, device: ResolvedDevice) -> Iterator[tuple[str, int | None]]:
    """Interfaces (with subinterface) of the underlay's table where packets enter the fabric at this device."""
    for network in device.networks:
        if network.gateways and not network.vrf:
            yield gateway_interface(network), None
    seen = set()
    for peer in fabric.fabric.peers:
        if peer.port.device == device.name and not peer.vrf and (peer.port.name, peer.vlan) not in seen:
            seen.add((peer.port.name, peer.vlan))
            yield peer.port.name, peer.vlan


# What is written


def _policy(ingress: str, parts: Iterable[Steered]) -> dict[str, Any]:
    name = _policy_name(ingress)
    rules: list[dict[str, Any]] = []
    for part in parts:
        for packets in part.matches:
            number = _RULE_GAP * (len(rules) + 1)
            rules.append(_rule(number, packets, {"next-hop": _next_hop(part.end, family(packets))}))
        # What follows is looked at only when the next hop above cannot be reached.
        for packets in part.matches:
            number = _RULE_GAP * (len(rules) + 1)
            if part.drop:
                rules.append(_rule(number, packets, {"discard": True}))
            elif part.back:
                rules.append(_rule(number, packets, {"next-hop": _next_hop(part.back, family(packets))}))
    return {
        "policy-id": name,
        "config": {"policy-id": name, "type": "PBR_POLICY"},
        "rules": {"rule": keyed("sequence-id", rules)},
    }


def _policy_name(ingress: str) -> str:
    return f"paths-from-{ingress}" if ingress else AT_SOURCE


def _rule(number: int, packets: TrafficClass, action: dict[str, Any]) -> dict[str, Any]:
    version = family(packets)
    ip: dict[str, Any] = {"source-address": packets.source, "destination-address": packets.destination}
    if packets.protocol:
        ip["protocol"] = _PROTOCOLS.get(packets.protocol) or int(packets.protocol)
    if packets.dscp >= 0:
        ip["dscp"] = packets.dscp
    ports = {"source-port": _ports(packets.source_port), "destination-port": _ports(packets.destination_port)}
    return {
        "sequence-id": number,
        "config": {"sequence-id": number, "address-family": f"openconfig-types:IPV{version}"},
        f"ipv{version}": {"config": {name: value for name, value in ip.items() if value != ""}},
        "transport": {"config": {name: value for name, value in ports.items() if value is not None}},
        "action": {"config": action},
    }


def _ports(text: str) -> str | int | None:
    return int(text) if text.isdecimal() else text or None


def _next_hop(end: LinkEnd, version: int) -> str:
    return end.peer_ipv6 if version == 6 else end.peer_ipv4


def _bound(fabric: ResolvedFabric, device: ResolvedDevice, ingress: str) -> Iterator[dict[str, Any]]:
    for interface, subinterface in [(ingress, 0)] if ingress else _entrances(fabric, device):
        name = interface if subinterface is None else f"{interface}.{subinterface}"
        reference: dict[str, Any] = {"interface": interface}
        if subinterface is not None:
            reference["subinterface"] = subinterface
        yield {
            "interface-id": name,
            "config": {"interface-id": name, "apply-forwarding-policy": _policy_name(ingress)},
            "interface-ref": {"config": reference},
        }


def _static_route(part: Steered) -> dict[str, Any]:
    """Better than BGP's route while the link is up; gone with it unless the packets are to be dropped then."""
    prefix = part.matches[0].destination
    hops = [{"index": "1", "next-hop": part.end.peer_ipv4, "metric": 1}]
    if part.drop:
        hops.append({"index": "2", "next-hop": "openconfig-local-routing:DROP", "metric": 2})
    entries: Entries = keyed("index", [{"index": hop["index"], "config": hop} for hop in hops])
    return {"prefix": prefix, "config": {"prefix": prefix}, "next-hops": {"next-hop": entries}}
