"""Where a given packet would travel: every branch from one device to another, paths first, then routes.

Called by `fabricctl path show` and tests. Pure; knows what switches were told only by Steered, and BGP by routes.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import ip_address, ip_interface, ip_network

from fabricd.errors import InputError, NotFoundError, Problem
from fabricd.intent.fabric.resolved import LinkEnd, ResolvedDevice, ResolvedFabric, Steered
from fabricd.intent.fabric.routes import Routes
from fabricd.intent.fabric.steering import VXLAN_PORT
from fabricd.intent.fabric.topology import Cable, Steps, Topology, cable
from fabricd.intent.fabric.values import OverlayType, TrafficClass


@dataclass(frozen=True, slots=True)
class Packet:
    """What matters of a packet. Addresses as text; empty ones are made up from the networks at both ends. `protocol`
    as in traffic classes; ports 0: none."""

    source: str = ""
    destination: str = ""
    protocol: str = ""
    source_port: int = 0
    destination_port: int = 0
    dscp: int = 0
    vrf: str = ""


class Decision(StrEnum):
    """What a device does with a packet, and by what right."""

    STEERED = "steered"  # a path says so
    RETURNED = "returned"  # the path's link is down here, and no route is left: back to where it came from
    ROUTED = "routed"
    DELIVERED = "delivered"
    DROPPED = "dropped"  # the path's link is down, and its fall-back is to drop
    NO_ROUTE = "no route"
    LOOP = "loop"


@dataclass(frozen=True, slots=True)
class Hop:
    """What happens at one device. `path` is the path that decides; `branches` are equally likely: the link end where
    the packet leaves, and what happens next."""

    device: str
    decision: Decision
    path: str = ""
    branches: tuple[tuple[LinkEnd, Hop], ...] = ()

    def outcomes(self) -> frozenset[Decision]:
        """How it can end."""
        if not self.branches:
            return frozenset((self.decision,))
        return frozenset(one for _, hop in self.branches for one in hop.outcomes())

    def ways(self) -> Iterator[tuple[str, ...]]:
        """Every way as the names of its devices."""
        for _, hop in self.branches:
            yield from ((self.device, *rest) for rest in hop.ways())
        if not self.branches:
            yield (self.device,)


@dataclass(frozen=True, slots=True)
class Trace:
    """`packet` as it was sent, `outer` as switches on the way see it (the same where nothing is encapsulated)."""

    packet: Packet
    outer: Packet
    hop: Hop


def trace(
    fabric: ResolvedFabric, source: str, destination: str, packet: Packet, *, down: Collection[Cable] = ()
) -> Trace:
    """The packet's ways from a device to a device, with the links in `down` dead and the policies as they are.

    `fabric` went through steering.steer. Raises NotFoundError for unknown devices, InputError where routing does not
    decide (VLAN fabrics).
    """
    for name in (source, destination):
        if name not in fabric.devices:
            raise NotFoundError(f"there is no device {name!r}", device=name)
    if fabric.fabric.overlay.type is OverlayType.VLAN:
        raise InputError.of([Problem("a VLAN fabric bridges: its spanning tree decides, and fabricd does not know it")])
    packet = completed(fabric, source, destination, packet)
    outer = _outer(fabric, source, destination, packet)
    walk = _Walk(fabric, Topology(fabric, without=down), destination, outer)
    return Trace(packet, outer, walk.at(source, "", ()))


def goals(fabric: ResolvedFabric, packet: Packet) -> tuple[str, ...]:
    """Devices behind which the packet's destination may be: those with the longest matching prefix in its VRF."""
    if not packet.destination:
        return ()
    wanted = ip_address(packet.destination)
    found: dict[int, list[str]] = {}
    for name, device in fabric.devices.items():
        for prefix in _prefixes(fabric, device, packet.vrf):
            network = ip_network(prefix, strict=False)
            if network.version == wanted.version and wanted in network:
                found.setdefault(network.prefixlen, []).append(name)
    return tuple(dict.fromkeys(found[max(found)])) if found else ()


def example(packets: TrafficClass, *, vrf: str = "") -> Packet:
    """A packet of a class: the first of its addresses and ports."""
    return Packet(
        source=_first_address(packets.source),
        destination=_first_address(packets.destination),
        protocol=packets.protocol,
        source_port=_first_port(packets.source_port),
        destination_port=_first_port(packets.destination_port),
        dscp=max(packets.dscp, 0),
        vrf=vrf,
    )


def completed(fabric: ResolvedFabric, source: str, destination: str, packet: Packet) -> Packet:
    """Missing addresses filled in: of the networks of the two devices in that VRF, of one family, the first hosts."""
    given = packet.destination or packet.source
    version = ip_address(given).version if given else 0
    ends = []
    for name in (source, destination):
        prefixes = _gateways(fabric.devices[name], packet.vrf)
        ends.append([prefix for prefix in prefixes if version in (0, ip_network(prefix, strict=False).version)])
    families = [ip_network(prefix, strict=False).version for prefix in ends[1]]
    same = [one for one in ends[0] if not families or ip_network(one, strict=False).version == families[0]]
    sender = packet.source or (_first_address(same[0], beyond=same[0]) if same else "")
    receiver = packet.destination or (_first_address(ends[1][0], beyond=ends[1][0]) if ends[1] else "")
    if receiver == sender != "" and not packet.destination:
        receiver = str(ip_address(sender) + 1)  # both are in a network that is stretched
    return replace(packet, source=sender, destination=receiver)


def matches(packets: TrafficClass, packet: Packet) -> bool:
    """Whether a packet is of a class. What the packet does not say is of no class that asks for it."""
    return (
        _inside(packets.source, packet.source)
        and _inside(packets.destination, packet.destination)
        and (not packets.protocol or _number(packets.protocol) == _number(packet.protocol))
        and _in_range(packets.source_port, packet.source_port)
        and _in_range(packets.destination_port, packet.destination_port)
        and packets.dscp in (-1, packet.dscp)
    )


@dataclass(slots=True)
class _Walk:
    """Follows one packet. Owns the answers found so far."""

    fabric: ResolvedFabric
    topology: Topology
    goal: str
    packet: Packet
    found: dict[tuple[str, str], Hop] = field(default_factory=dict)
    routes: Routes = field(init=False)

    def __post_init__(self) -> None:
        self.routes = Routes(self.fabric, self.topology)

    def at(self, device: str, ingress: str, passed: tuple[tuple[str, str], ...]) -> Hop:
        here = (device, ingress)
        if here in passed:
            return Hop(device, Decision.LOOP)
        if here not in self.found:
            hop = self._decide(device, ingress, (*passed, here))
            if Decision.LOOP in hop.outcomes():
                return hop  # it depends on where the packet came from
            self.found[here] = hop
        return self.found[here]

    def _decide(self, device: str, ingress: str, passed: tuple[tuple[str, str], ...]) -> Hop:
        if device == self.goal:
            return Hop(device, Decision.DELIVERED)
        # Policies stand at a port and come before the routing table, where static routes are.
        for part in sorted(self.fabric.devices[device].steered, key=lambda part: not part.ingress):
            if self._concerns(part, ingress):
                decision, ends = self._steered(part)
                if decision is not Decision.ROUTED:
                    return Hop(device, decision, part.path, self._onwards(ends, passed))
        ends = self.routes.next_hops(device, self.goal)
        return Hop(device, Decision.ROUTED if ends else Decision.NO_ROUTE, "", self._onwards(ends, passed))

    def _concerns(self, part: Steered, ingress: str) -> bool:
        if not part.ingress and self.fabric.fabric.overlay.type is OverlayType.EVPN_VXLAN:
            # A static route looks at nothing but the destination.
            return any(_inside(one.destination, self.packet.destination) for one in part.matches)
        return part.ingress == ingress and any(matches(one, self.packet) for one in part.matches)

    def _steered(self, part: Steered) -> tuple[Decision, Steps]:
        """A rule whose next hop cannot be reached is passed over, see docs/paths.md."""
        if self._alive(part.end):
            return Decision.STEERED, (part.end,)
        if part.drop:
            return Decision.DROPPED, ()
        if part.back is not None and self._alive(part.back):
            return Decision.RETURNED, (part.back,)
        return Decision.ROUTED, ()

    def _alive(self, end: LinkEnd) -> bool:
        return self.topology.end(end.port) is not None

    def _onwards(self, ends: Iterable[LinkEnd], passed: tuple[tuple[str, str], ...]) -> tuple[tuple[LinkEnd, Hop], ...]:
        return tuple((end, self.at(end.peer.device, end.peer.name, passed)) for end in ends)


def dead(topology: Topology, ports: Iterable[str]) -> frozenset[Cable]:
    """The links plugged in at those DEVICE:PORTs. Raises NotFoundError."""
    found = set()
    for text in ports:
        link = topology.link_named(text)
        if link is None:
            raise NotFoundError(f"there is no link at {text}")
        found.add(cable(link.a))
    return frozenset(found)


def _outer(fabric: ResolvedFabric, source: str, destination: str, packet: Packet) -> Packet:
    """In an EVPN fabric whatever comes from a server travels from VTEP to VTEP."""
    one, other = fabric.devices[source], fabric.devices[destination]
    loopbacks = (other.loopback_ipv4, other.loopback_ipv6, other.vtep_ipv4)
    plain = not packet.vrf and packet.destination and packet.destination in loopbacks
    if fabric.fabric.overlay.type is not OverlayType.EVPN_VXLAN or plain or not (one.vtep_ipv4 and other.vtep_ipv4):
        return packet
    return Packet(one.vtep_ipv4, other.vtep_ipv4, "udp", 0, VXLAN_PORT, packet.dscp)


def _prefixes(fabric: ResolvedFabric, device: ResolvedDevice, vrf: str) -> Iterator[str]:
    """What a device has or announces in a VRF."""
    yield from _gateways(device, vrf)
    if not vrf:
        yield from filter(None, (device.loopback_ipv4, device.loopback_ipv6, device.vtep_ipv4))
        for end in device.ends:
            yield from filter(None, (end.ipv4, end.ipv6))
    for peer in fabric.fabric.peers:
        if peer.port.device == device.name and peer.vrf == vrf:
            yield str(ip_interface(peer.address).network)
    for route in fabric.fabric.static_routes:
        border = not route.devices and device.device.role.value == "border-leaf"
        if route.vrf == vrf and (border or device.name in route.devices):
            yield route.prefix


def _gateways(device: ResolvedDevice, vrf: str) -> list[str]:
    return [gateway for network in device.networks if network.vrf == vrf for gateway in network.gateways]


def _first_address(prefix: str, *, beyond: str = "") -> str:
    """The first host of a prefix that is not the gateway `beyond` itself."""
    if not prefix:
        return ""
    network = ip_network(prefix, strict=False)
    if network.num_addresses <= 2:
        return str(network.network_address)
    taken = ip_interface(beyond).ip if beyond else None
    first = network.network_address + 1
    return str(first + 1 if first == taken else first)


def _first_port(text: str) -> int:
    return int(text.partition("..")[0] or 0)


def _inside(prefix: str, address: str) -> bool:
    if not prefix:
        return True
    if not address:
        return False
    network, one = ip_network(prefix, strict=False), ip_address(address)
    return network.version == one.version and one in network


def _in_range(ports: str, port: int) -> bool:
    if not ports:
        return True
    first, _, last = ports.partition("..")
    return int(first) <= port <= int(last or first)


def _number(protocol: str) -> str:
    return {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}.get(protocol, protocol)
