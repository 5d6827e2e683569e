"""Whole-fabric checks of what the fabric offers: VLANs, gateways, subnets, RDs, attachments, MTUs, external peers.

Called by checks.py. Pure; must not know OpenConfig.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_address, ip_interface, ip_network

from fabricd.errors import Problem
from fabricd.intent.fabric.owners import has_evpn, is_multihomed
from fabricd.intent.fabric.places import place
from fabricd.intent.fabric.resolved import ResolvedFabric
from fabricd.intent.fabric.values import Attachment, Lag, Network

VXLAN_OVERHEAD = 50  # RFC 7348 section 5: outer Ethernet, IPv4, UDP and VXLAN headers
_RD_NUMBERS = 65536  # RFC 4364 section 4.2: type 1 has two octets for them

Subnet = tuple[IPv4Network | IPv6Network, str, str]  # with what it belongs to, and where that stands


def problems(resolved: ResolvedFabric) -> Iterator[Problem]:
    yield from _vlans(resolved)
    yield from _subnets(resolved)
    yield from _distinguishers(resolved)
    for attachment in resolved.fabric.attachments:
        yield from _attachment(resolved, attachment)
    yield from _mtus(resolved)


def _vlans(resolved: ResolvedFabric) -> Iterator[Problem]:
    seen: dict[int, Network] = {}
    for network in resolved.fabric.networks:
        first = seen.setdefault(network.vlan, network)
        if first is not network:
            message = f"networks {first.name} and {network.name} both have VLAN {network.vlan}"
            yield Problem(message, path=place("networks", "vlan", name=network.name))


def _subnets(resolved: ResolvedFabric) -> Iterator[Problem]:
    by_vrf: dict[str, list[Subnet]] = {}
    for network in resolved.fabric.networks:
        at = place("networks", "gateways", name=network.name)
        for text in network.gateways:
            gateway, message = _gateway(text)
            if gateway is None:
                yield Problem(f"gateway {text} of network {network.name} {message}", path=at)
            else:
                by_vrf.setdefault(network.vrf, []).append((gateway.network, f"network {network.name}", at))
    for peer in resolved.fabric.peers:
        at = place("peers", "address", name=peer.name)
        ours, message = _gateway(peer.address)
        if ours is None:
            yield Problem(f"address {peer.address} of peer {peer.name} {message}", path=at)
        elif ip_address(peer.peer) not in ours.network or ip_address(peer.peer) == ours.ip:
            message = f"peer {peer.name}: {peer.peer} is not the other side of {peer.address}"
            yield Problem(message, path=place("peers", "peer", name=peer.name))
        else:
            name = f"peers on {peer.port}" + (f" VLAN {peer.vlan}" if peer.vlan else "")
            by_vrf.setdefault(peer.vrf, []).append((ours.network, name, at))
    for pool in resolved.fabric.pools:
        # Loopbacks and links are in the underlay's table, where networks without a VRF are as well.
        if "" in by_vrf:
            by_vrf[""] += [(ip_network(text), f"pool {pool.name}", "") for text in pool.prefixes]
    for vrf, subnets in by_vrf.items():
        yield from _overlaps(vrf, subnets)


def _gateway(text: str) -> tuple[IPv4Interface | IPv6Interface | None, str]:
    """The address with its subnet, or None and what is wrong with it."""
    if "/" not in text:
        return None, "has no prefix length, so that its subnet is not known"
    try:
        found = ip_interface(text)
    except ValueError:
        return None, "is no address with prefix length"
    network = found.network
    if network.prefixlen < network.max_prefixlen - 1:
        if found.ip == network.network_address:
            return None, "is the address of the subnet itself, not of a host in it"
        if found.version == 4 and found.ip == network.broadcast_address:
            return None, "is the broadcast address of its subnet"
    return found, ""


def _overlaps(vrf: str, subnets: Iterable[Subnet]) -> Iterator[Problem]:
    where = f"in VRF {vrf}" if vrf else "in the underlay"
    for version in (4, 6):
        ordered = sorted(
            (one for one in subnets if one[0].version == version),
            key=lambda one: (int(one[0].network_address), one[0].prefixlen, one[1]),
        )
        widest: Subnet | None = None
        for one in ordered:
            net, name, at = one
            if widest is not None and int(net.network_address) <= int(widest[0].broadcast_address):
                if not _is_same_place(widest, one):
                    message = f"{net} of {name} overlaps {widest[0]} of {widest[1]} {where}"
                    yield Problem(message, path=at or widest[2])
                # Prefixes never overlap in part: the one before is the wider.
            else:
                widest = one


def _is_same_place(first: Subnet, second: Subnet) -> bool:
    """Peers on one port (and VLAN) share its subnet; so do pools, whose overlaps pools.py judges."""
    return (first[0] == second[0] and first[1] == second[1] and first[1].startswith("peers on")) or (
        first[1].startswith("pool ") and second[1].startswith("pool ")
    )


def _distinguishers(resolved: ResolvedFabric) -> Iterator[Problem]:
    """RDs are <router id>:<VNI modulo 65536>."""
    told: set[tuple[str, str]] = set()
    for device in resolved.devices.values():
        if not device.vtep_ipv4:
            continue
        owners: dict[int, str] = {}
        vnis = [(resolved.vnis[one.name], f"network {one.name}") for one in device.networks]
        vnis += [(resolved.l3_vnis[one.name], f"VRF {one.name}") for one in device.vrfs]
        for vni, owner in vnis:
            first = owners.setdefault(vni % _RD_NUMBERS, owner)
            if first != owner and (first, owner) not in told:
                told.add((first, owner))
                message = (
                    f"{first} and {owner} would have one route distinguisher, {device.router_id}:{vni % _RD_NUMBERS}: "
                    f"their VNIs must differ in the low 16 bits"
                )
                yield Problem(message, device=device.name, path=place("networks"))


def _attachment(resolved: ResolvedFabric, attachment: Attachment) -> Iterator[Problem]:
    at = place("attachments", name=attachment.name)
    devices = sorted({port.device for port in attachment.ports})
    on = " and ".join(str(port) for port in attachment.ports)
    if not attachment.ports:
        yield Problem(f"attachment {attachment.name} has no port", path=at)
    if len(set(attachment.ports)) < len(attachment.ports):
        yield Problem(f"attachment {attachment.name} has a port twice: {on}", path=at)
    if attachment.lag is Lag.NONE and len(attachment.ports) > 1:
        yield Problem(f"attachment {attachment.name} is on {on} and needs a LAG (lacp or static)", path=at)
    if is_multihomed(attachment) and not has_evpn(resolved.fabric):
        message = f"attachment {attachment.name} is on {' and '.join(devices)}: without an EVPN overlay"
        yield Problem(f"{message} nothing keeps its switches in step", path=at)
    if attachment.esi and not is_multihomed(attachment):
        message = f"attachment {attachment.name} has an ESI but is on {on} only; a segment is on two devices or more"
        yield Problem(message, path=place("attachments", "esi", name=attachment.name))


def _mtus(resolved: ResolvedFabric) -> Iterator[Problem]:
    """What servers may send must fit through every link, in a tunnel if there is one."""
    if not resolved.links:
        return
    overhead = VXLAN_OVERHEAD if has_evpn(resolved.fabric) else 0
    narrow = min(resolved.links, key=lambda link: link.mtu)
    for attachment in resolved.fabric.attachments:
        mtu = attachment.mtu or resolved.fabric.defaults.attachment_mtu
        if mtu + overhead > narrow.mtu:
            tunnelled = f" and {overhead} bytes of VXLAN" if overhead else ""
            message = (
                f"attachment {attachment.name} has MTU {mtu}{tunnelled}, link {narrow.link.name} only {narrow.mtu}"
            )
            yield Problem(message, path=place("attachments", "mtu", name=attachment.name))
