"""A Fabric with its numbers handed out and its cross-references followed: what each device has and who it is cabled to.

Called by compile.py and by the offline commands. Pure; must not know OpenConfig.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from fabricd.errors import InputError, Problem
from fabricd.intent.fabric.attachments import aggregate_numbers
from fabricd.intent.fabric.numbering import parse_ipv4, parse_ipv6, show_ipv4, show_ipv6
from fabricd.intent.fabric.owners import asn_owner, has_evpn, is_routed, link_owner
from fabricd.intent.fabric.places import place
from fabricd.intent.fabric.pools import allocate
from fabricd.intent.fabric.resolved import Allocations, LinkEnd, ResolvedDevice, ResolvedFabric, ResolvedLink
from fabricd.intent.fabric.values import (
    AsnScheme,
    Attachment,
    Device,
    Fabric,
    Network,
    PoolPurpose,
    Role,
    StaticRoute,
    Vrf,
    natural,
)

ALL_NETWORKS = ("*",)
AGGREGATES = "aggregate"  # the purpose under which numbers of LAGs are remembered
_by_port_name = lru_cache(maxsize=4096)(natural)  # few names, on very many link ends


def resolve(fabric: Fabric, previous: Allocations) -> ResolvedFabric:
    """The fabric with everything filled in. Raises InputError for what the pools cannot give, and for references to
    devices, networks and VRFs that do not exist."""
    _refuse_unknown(fabric)
    allocations = allocate(fabric, previous)
    aggregates = aggregate_numbers(fabric, previous.held.get(AGGREGATES, {}))
    if aggregates:
        numbers = {name: str(number) for name, number in sorted(aggregates.items())}
        allocations = replace(allocations, held={**allocations.held, AGGREGATES: numbers})
    links = _links(fabric, allocations)
    found = has_evpn(fabric)
    return ResolvedFabric(
        fabric=fabric,
        devices=_devices(fabric, allocations, links),
        links=links,
        vnis=_numbers(allocations, PoolPurpose.L2_VNI) if found else {},
        l3_vnis=_numbers(allocations, PoolPurpose.L3_VNI) if found else {},
        segments=dict(_held(allocations, PoolPurpose.SEGMENT)) if found else {},
        route_servers=_route_servers(fabric),
        allocations=allocations,
        aggregates=aggregates,
    )


def networks_of(attachment: Attachment, networks: Mapping[str, Network]) -> tuple[str, ...]:
    """Names of the networks that an attachment carries, untagged one first."""
    tagged = tuple(networks) if attachment.tagged == ALL_NETWORKS else attachment.tagged
    untagged = (attachment.network,) if attachment.network else ()
    return (*untagged, *(name for name in tagged if name != attachment.network))


def devices_of(route: StaticRoute, fabric: Fabric) -> tuple[str, ...]:
    """Where a static route stands: on the devices it names, else on all border leaves."""
    return route.devices or tuple(one.name for one in fabric.devices if one.role is Role.BORDER_LEAF)


def _held(allocations: Allocations, purpose: PoolPurpose) -> Mapping[str, str]:
    return allocations.held.get(purpose.value, {})


def _numbers(allocations: Allocations, purpose: PoolPurpose) -> dict[str, int]:
    return {owner: int(number) for owner, number in _held(allocations, purpose).items()}


def _route_servers(fabric: Fabric) -> tuple[str, ...]:
    if fabric.overlay.route_servers:
        return tuple(sorted(set(fabric.overlay.route_servers), key=natural))
    for role in (Role.SUPER_SPINE, Role.SPINE):
        found = tuple(sorted((one.name for one in fabric.devices if one.role is role), key=natural))
        if found:
            return found
    return ()


def _links(fabric: Fabric, allocations: Allocations) -> tuple[ResolvedLink, ...]:
    ipv4, ipv6 = _held(allocations, PoolPurpose.LINK_IPV4), _held(allocations, PoolPurpose.LINK_IPV6)
    found = []
    for link in fabric.links:
        owner = link_owner(link)
        a4, b4 = _two(ipv4[owner]) if ipv4 else ("", "")
        a6, b6 = _two(ipv6[owner]) if ipv6 else ("", "")
        mtu = link.mtu or fabric.defaults.fabric_mtu
        rest = (mtu, link.speed, link.shutdown, link.description)
        a, b = LinkEnd(link.a, link.b, a4, b4, a6, b6, *rest), LinkEnd(link.b, link.a, b4, a4, b6, a6, *rest)
        found.append(ResolvedLink(link, a, b, mtu))
    return tuple(found)


def _two(prefix: str) -> tuple[str, str]:
    """Both addresses of a prefix of two."""
    first = prefix[: prefix.index("/")]
    if ":" in first:
        return first, show_ipv6(parse_ipv6(first) + 1)
    return first, show_ipv4(parse_ipv4(first) + 1)


def _devices(fabric: Fabric, allocations: Allocations, links: Iterable[ResolvedLink]) -> dict[str, ResolvedDevice]:
    ends: dict[str, list[LinkEnd]] = {}
    for link in links:
        ends.setdefault(link.a.port.device, []).append(link.a)
        ends.setdefault(link.b.port.device, []).append(link.b)
    services = _Services(fabric)
    asns = {device.name: _asn(fabric, device, allocations) for device in fabric.devices}
    shared = Counter(asns[device.name] for device in fabric.devices if device.role.is_leaf)
    ipv4, ipv6 = _held(allocations, PoolPurpose.LOOPBACK_IPV4), _held(allocations, PoolPurpose.LOOPBACK_IPV6)
    vteps = _held(allocations, PoolPurpose.VTEP_IPV4)
    addressing, ordered = fabric.underlay.addressing, {}
    for device in sorted(fabric.devices, key=lambda device: natural(device.name)):
        name = device.name
        router_id = ipv4.get(name, "")
        tunnels = has_evpn(fabric) and device.role.is_leaf
        ordered[name] = ResolvedDevice(
            device=device,
            asn=asns[name],
            router_id=router_id,
            loopback_ipv4=router_id if addressing.has_ipv4 else "",
            loopback_ipv6=ipv6.get(name, ""),
            vtep_ipv4=(vteps.get(name) or router_id) if tunnels else "",
            profile=device.profile or fabric.defaults.profile,
            ends=tuple(sorted(ends.get(name, ()), key=lambda end: _by_port_name(end.port.name))),
            networks=services.networks(device),
            vrfs=services.vrfs(device),
            attachments=services.attachments(device),
            shares_asn=is_routed(fabric) and device.role.is_leaf and shared[asns[name]] > 1,
        )
    return ordered


def _asn(fabric: Fabric, device: Device, allocations: Allocations) -> int:
    if not is_routed(fabric):
        return 0
    if fabric.underlay.asn_scheme is AsnScheme.EXPLICIT:
        return device.asn
    return int(_held(allocations, PoolPurpose.ASN)[asn_owner(fabric, device)])


class _Services:
    """Which networks, VRFs and attachments there are on each device."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.by_name = {network.name: network for network in fabric.networks}
        self.vrf_by_name = {vrf.name: vrf for vrf in fabric.vrfs}
        self.attached: dict[str, list[Attachment]] = {}
        names: dict[str, set[str]] = {}
        vrfs: dict[str, set[str]] = {}
        for attachment in fabric.attachments:
            carried = networks_of(attachment, self.by_name)
            for device in {port.device for port in attachment.ports}:
                self.attached.setdefault(device, []).append(attachment)
                names.setdefault(device, set()).update(carried)
        for network in fabric.networks:
            for device in network.devices:
                names.setdefault(device, set()).add(network.name)
        if not is_routed(fabric):
            # Every spine may have to forward every VLAN, and every network is routed by the border leaves.
            for one in fabric.devices:
                if one.role is not Role.LEAF:
                    names.setdefault(one.name, set()).update(self.by_name)
        for peer in fabric.peers:
            vrfs.setdefault(peer.port.device, set()).add(peer.vrf)
        for route in fabric.static_routes:
            for device in devices_of(route, fabric):
                vrfs.setdefault(device, set()).add(route.vrf)
        self.names, self.extra_vrfs = names, vrfs
        self._found: dict[frozenset[str], tuple[Network, ...]] = {}

    def networks(self, device: Device) -> tuple[Network, ...]:
        names = frozenset(self.names.get(device.name, ()))
        # Leaves of a rack often have the same ones; one tuple for all of them is also quicker to compare.
        if names not in self._found:
            self._found[names] = tuple(self.by_name[name] for name in sorted(names, key=natural))
        return self._found[names]

    def vrfs(self, device: Device) -> tuple[Vrf, ...]:
        names = set(self.extra_vrfs.get(device.name, ()))
        if device.role.is_leaf:
            names |= {network.vrf for network in self.networks(device)}
        return tuple(self.vrf_by_name[name] for name in sorted(names - {""}, key=natural))

    def attachments(self, device: Device) -> tuple[Attachment, ...]:
        return tuple(sorted(self.attached.get(device.name, ()), key=lambda one: natural(one.name)))


def _refuse_unknown(fabric: Fabric) -> None:
    """One Problem for each name that stands for nothing, or for two things."""
    problems: list[Problem] = []
    devices, networks = {one.name for one in fabric.devices}, {one.name for one in fabric.networks}
    vrfs = {one.name for one in fabric.vrfs} | {""}
    policies, acls = {one.name for one in fabric.policies}, {one.name for one in fabric.acls}
    prefix_sets = {one.name for one in fabric.prefix_sets}

    def refer(name: str, known: set[str], what: str, by: str, path: str) -> None:
        if name not in known:
            problems.append(Problem(f"{by} names {what} {name!r}, which does not exist", path=path))

    for link in fabric.links:
        # There are many: texts are made only for those that are wrong.
        if link.a.device not in devices or link.b.device not in devices:
            for end in (link.a, link.b):
                refer(end.device, devices, "device", f"link {link.name}", place("links", a=link.a, b=link.b))
    for network in fabric.networks:
        path = place("networks", name=network.name)
        refer(network.vrf, vrfs, "VRF", f"network {network.name}", path)
        for name in network.devices:
            refer(name, devices, "device", f"network {network.name}", path)
    for attachment in fabric.attachments:
        path, by = place("attachments", name=attachment.name), f"attachment {attachment.name}"
        for port in attachment.ports:
            refer(port.device, devices, "device", by, path)
        for name in filter(None, (attachment.acl_in, attachment.acl_out)):
            refer(name, acls, "ACL", by, path)
        tagged = () if attachment.tagged == ALL_NETWORKS else attachment.tagged
        for name in (*((attachment.network,) if attachment.network else ()), *tagged):
            refer(name, networks, "network", by, path)
    for peer in fabric.peers:
        path = place("peers", name=peer.name)
        refer(peer.port.device, devices, "device", f"peer {peer.name}", path)
        refer(peer.vrf, vrfs, "VRF", f"peer {peer.name}", path)
        for name in filter(None, (peer.import_policy, peer.export_policy)):
            refer(name, policies, "policy", f"peer {peer.name}", path)
    for policy in fabric.policies:
        for statement in policy.statements:
            if statement.prefix_set:
                by, path = f"policy {policy.name}", place("policies", name=policy.name)
                refer(statement.prefix_set, prefix_sets, "prefix set", by, path)
    for route in fabric.static_routes:
        path = place("static-routes", prefix=route.prefix, vrf=route.vrf or "default")
        refer(route.vrf, vrfs, "VRF", f"static route {route.prefix}", path)
        for name in route.devices:
            refer(name, devices, "device", f"static route {route.prefix}", path)
    for name in fabric.overlay.route_servers:
        refer(name, devices, "device", "the overlay's route-servers", place("overlay", "route-servers"))
    for kind, names in (
        ("devices", [one.name for one in fabric.devices]),
        ("networks", [one.name for one in fabric.networks]),
        ("vrfs", [one.name for one in fabric.vrfs]),
        ("attachments", [one.name for one in fabric.attachments]),
        ("pools", [one.name for one in fabric.pools]),
    ):
        problems.extend(
            Problem(f"is there {count} times", path=place(kind, name=name))
            for name, count in Counter(names).items()
            if count > 1
        )
    if problems:
        raise InputError.of(problems)
