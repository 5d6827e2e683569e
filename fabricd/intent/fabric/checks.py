"""What can only be seen with the whole fabric in view: cabling, roles, islands, addresses, networks, segments.

Called by compile.py and by the offline commands, after resolve.py. Pure; must not know OpenConfig.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from fabricd.errors import InputError, Problem
from fabricd.intent.fabric import service_checks
from fabricd.intent.fabric.owners import has_evpn, is_routed
from fabricd.intent.fabric.places import place
from fabricd.intent.fabric.resolved import ResolvedFabric
from fabricd.intent.fabric.services import refusals
from fabricd.intent.fabric.values import Attachment, Device, ExternalPeer, Link, Port, Role, natural

_NAMED = 5


def check(resolved: ResolvedFabric) -> None:
    """Raises InputError with every problem of the fabric, each naming both things that do not go together."""
    problems = [
        *_ports_used_twice(resolved),
        *_ports_that_are_not_there(resolved),
        *_links(resolved),
        *_roles(resolved),
        *_islands(resolved),
        *_overlay(resolved),
        *service_checks.problems(resolved),
        *refusals(resolved),
    ]
    if problems:
        raise InputError.of(problems)


User = Link | Attachment | ExternalPeer


def _ports_used_twice(resolved: ResolvedFabric) -> Iterator[Problem]:
    users: dict[Port, User] = {}
    for port, user in _uses(resolved):
        other = users.setdefault(port, user)
        # Peers may be on one port, told apart by their VLANs and addresses.
        if other is not user and not (isinstance(other, ExternalPeer) and isinstance(user, ExternalPeer)):
            (name, _), (other_name, at) = _told(other), _told(user)
            yield Problem(f"port {port} is used by {name} and by {other_name}", device=port.device, path=at)


def _told(user: User) -> tuple[str, str]:
    """What it is called, and where it stands."""
    match user:
        case Link():
            return f"link {user.name}", _at(user.a, user.b)
        case Attachment():
            return f"attachment {user.name}", place("attachments", name=user.name)
        case _:
            return f"peer {user.name}", place("peers", name=user.name)


def _ports_that_are_not_there(resolved: ResolvedFabric) -> Iterator[Problem]:
    fabric = resolved.fabric
    known = {
        device.name: frozenset(device.ports or fabric.defaults.platform_ports)
        for device in fabric.devices
        if device.ports or fabric.defaults.platform_ports
    }
    if not known:
        return
    for port, user in _uses(resolved):
        ports = known.get(port.device)
        if ports is not None and port.name not in ports:
            name, at = _told(user)
            message = f"{port.device} has no port {port.name}, which {name} uses"
            yield Problem(message, device=port.device, path=at)


def _uses(resolved: ResolvedFabric) -> Iterator[tuple[Port, User]]:
    fabric = resolved.fabric
    return chain(
        ((port, link) for link in fabric.links for port in (link.a, link.b)),
        ((port, attachment) for attachment in fabric.attachments for port in attachment.ports),
        ((peer.port, peer) for peer in fabric.peers),
    )


def _links(resolved: ResolvedFabric) -> Iterator[Problem]:
    devices = {name: device.device for name, device in resolved.devices.items()}
    asns = {name: device.asn for name, device in resolved.devices.items()}
    routed = is_routed(resolved.fabric)
    for link in resolved.fabric.links:
        a, b = devices[link.a.device], devices[link.b.device]
        if a is b:
            yield Problem(f"link {link.name} begins and ends on {a.name}", device=a.name, path=_at(link.a, link.b))
            continue
        if message := _unfit(a, b):
            yield Problem(f"link {link.name}: {message}", path=_at(link.a, link.b))
        elif routed and asns[a.name] == asns[b.name]:
            message = f"{a.name} and {b.name} both are AS {asns[a.name]}, and links are eBGP"
            yield Problem(f"link {link.name}: {message}", path=_at(link.a, link.b))


def _unfit(a: Device, b: Device) -> str:
    for one, other in ((a, b), (b, a)):
        if one.role is Role.SUPER_SPINE and other.role is not Role.SPINE:
            return f"super-spine {one.name} can only be linked to spines, and {other.name} is a {other.role.value}"
    if Role.SUPER_SPINE not in (a.role, b.role) and a.pod and b.pod and a.pod != b.pod:
        return f"{a.name} is in pod {a.pod} and {b.name} in pod {b.pod}; pods meet at super-spines"
    if a.role is Role.SPINE and b.role is Role.SPINE:
        return f"{a.name} and {b.name} both are spines"
    return ""


def _at(a: Port, b: Port) -> str:
    return place("links", a=a, b=b)


def _roles(resolved: ResolvedFabric) -> Iterator[Problem]:
    roles = {device.name: device.role for device in resolved.fabric.devices}
    for attachment in resolved.fabric.attachments:
        for name in sorted({port.device for port in attachment.ports}, key=natural):
            if not roles[name].is_leaf:
                message = f"attachment {attachment.name} is on {name}, which is a {roles[name].value}: only leaves"
                yield Problem(
                    f"{message} and border leaves have attachments",
                    device=name,
                    path=place("attachments", name=attachment.name),
                )
    for network in resolved.fabric.networks:
        for name in network.devices:
            if not roles[name].is_leaf:
                message = f"network {network.name} is to be on {name}, which is a {roles[name].value}"
                yield Problem(message, device=name, path=place("networks", name=network.name))
    for peer in resolved.fabric.peers:
        name = peer.port.device
        if roles[name] is not Role.BORDER_LEAF:
            message = f"peer {peer.name} is on {name}, which is a {roles[name].value}: only border leaves have peers"
            yield Problem(message, device=name, path=place("peers", name=peer.name))


def _islands(resolved: ResolvedFabric) -> Iterator[Problem]:
    """Parts that no link (that is not shut down) connects to the largest one."""
    neighbours: dict[str, set[str]] = {name: set() for name in resolved.devices}
    for link in resolved.fabric.links:
        if not link.shutdown:
            neighbours[link.a.device].add(link.b.device)
            neighbours[link.b.device].add(link.a.device)
    parts: list[list[str]] = []
    seen: set[str] = set()
    for start in neighbours:
        if start in seen:
            continue
        seen.add(start)
        part, todo = [], [start]
        while todo:
            name = todo.pop()
            part.append(name)
            new = neighbours[name] - seen
            seen |= new
            todo.extend(new)
        parts.append(sorted(part, key=natural))
    parts.sort(key=lambda part: (-len(part), natural(part[0])))
    for part in parts[1:]:
        are = "is" if len(part) == 1 else "are"
        yield Problem(
            f"{_listed(part)} {are} cut off from {_listed(parts[0])}: no link leads there",
            device=part[0],
            path=place("devices", name=part[0]),
        )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _overlay(resolved: ResolvedFabric) -> Iterator[Problem]:
    if not has_evpn(resolved.fabric):
        return
    if not resolved.fabric.underlay.addressing.has_ipv4:
        message = "tunnel endpoints have IPv4 addresses, and an IPv6 underlay cannot reach them: choose addressing"
        yield Problem(f"{message} dual or ipv4", path=place("underlay", "addressing"))
    leaves = [name for name, device in resolved.devices.items() if device.device.role.is_leaf]
    if len(leaves) > 1 and not resolved.route_servers:
        message = f"{_listed(leaves)} have no route server to learn each other's networks from: there is no spine"
        yield Problem(message, path=place("overlay", "route-servers"))
    for name in resolved.fabric.overlay.route_servers:
        if resolved.devices[name].device.role.is_leaf:
            message = f"route server {name} is a {resolved.devices[name].device.role.value}: only spines can be"
            yield Problem(message, device=name, path=place("overlay", "route-servers"))
