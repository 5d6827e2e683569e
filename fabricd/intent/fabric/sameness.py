"""Which devices need not be compiled again: those of which nothing that any concern reads has changed.

Used by compile.py. Whatever a concern starts to read has to be compared here; a property test compares compiling anew
with compiling only what changed over random edits.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple

from fabricd.intent.fabric.owners import has_evpn, is_routed
from fabricd.intent.fabric.resolve import devices_of
from fabricd.intent.fabric.resolved import ResolvedDevice, ResolvedFabric
from fabricd.intent.fabric.values import ExternalPeer, Fabric, Role, StaticRoute


class Sameness:
    """Two states of one fabric, compared device by device."""

    def __init__(self, old: ResolvedFabric, new: ResolvedFabric) -> None:
        self.old, self.new = old, new
        self.shared = _shared(old) == _shared(new)
        before = {name: _identity(device) for name, device in old.devices.items()}
        now = {name: _identity(device) for name, device in new.devices.items()}
        self.moved = {name for name, _ in before.items() ^ now.items()}
        self.moved_leaves = any(
            name in state and state[name].role.is_leaf for name in self.moved for state in (before, now)
        )
        self.numbers = {
            name
            for kind, (one, other) in {
                "l2": (old.vnis, new.vnis),
                "l3": (old.l3_vnis, new.l3_vnis),
                "esi": (old.segments, new.segments),
                "lag": (old.aggregates, new.aggregates),
            }.items()
            for name in _differing(kind, one, other)
        }
        self.edges_before, self.edges_now = _edges(old.fabric), _edges(new.fabric)

    def holds(self, name: str) -> bool:
        """Whether the device's tree is what it was."""
        device = self.new.devices[name]
        if not self.shared or self.old.devices.get(name) != device:
            return False
        if self.edges_before.get(name) != self.edges_now.get(name):
            return False
        if self.moved and any(end.peer.device in self.moved for end in device.ends):
            return False
        if has_evpn(self.new.fabric) and self.moved:
            # Route servers have sessions with all leaves, leaves with all route servers.
            if name in self.new.route_servers and self.moved_leaves:
                return False
            if device.device.role.is_leaf and not self.moved.isdisjoint(self.new.route_servers):
                return False
        return not self.numbers or self.numbers.isdisjoint(_numbered(device))


def _shared(fabric: ResolvedFabric) -> tuple[object, ...]:
    """What any device may depend on."""
    said = fabric.fabric
    common = (said.name, said.defaults, said.underlay, said.overlay, said.system, fabric.route_servers)
    policies = (said.policies, said.prefix_sets, said.acls)
    # VLANs are trunked from device to device, and gateways stand apart from the leaves that use them.
    return (*common, *policies, () if is_routed(said) else (said.networks, said.vrfs, said.attachments))


class _Identity(NamedTuple):
    """What others see of a device."""

    role: Role
    asn: int
    shares_asn: bool
    addresses: tuple[str, ...]


def _identity(device: ResolvedDevice) -> _Identity:
    addresses = (device.router_id, device.loopback_ipv4, device.loopback_ipv6, device.vtep_ipv4)
    return _Identity(device.device.role, device.asn, device.shares_asn, addresses)


def _differing(kind: str, old: Mapping[str, Hashable], new: Mapping[str, Hashable]) -> set[tuple[str, str]]:
    return {(kind, name) for name, _ in old.items() ^ new.items()}


def _numbered(device: ResolvedDevice) -> set[tuple[str, str]]:
    found = {("l2", one.name) for one in device.networks} | {("l3", one.name) for one in device.vrfs}
    return found | {(kind, one.name) for one in device.attachments for kind in ("esi", "lag")}


def _edges(fabric: Fabric) -> dict[str, list[ExternalPeer | StaticRoute]]:
    """External peers and static routes by device."""
    found: dict[str, list[ExternalPeer | StaticRoute]] = {}
    for peer in fabric.peers:
        found.setdefault(peer.port.device, []).append(peer)
    for route in fabric.static_routes:
        for name in devices_of(route, fabric):
            found.setdefault(name, []).append(route)
    return found
