"""Whole fabrics of every sort, for tests of the compiler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fabric_builder import EVPN, VLAN, dual_stack, leaf_spine, ordered, peered, two_pods, with_servers

from fabricd.intent.fabric.values import (
    Acl,
    AclEntry,
    AsnScheme,
    Bfd,
    Fabric,
    Path,
    Policy,
    PrefixSet,
    Statement,
    StaticRoute,
    System,
    TrafficClass,
    Underlay,
)

SYSTEM = System(
    "example.net", ("192.0.2.53",), ("192.0.2.123",), ("192.0.2.14",), "Authorised use only.", "Europe/Berlin"
)


def rich() -> Fabric:
    """A bit of everything that an EVPN fabric can have."""
    one = peered(with_servers(leaf_spine(2, 4, borders=1, overlay=EVPN, system=SYSTEM)))
    first = one.attachments[0].name
    return ordered(
        replace(
            one,
            acls=(Acl("guard", (AclEntry(10, False, protocol="tcp", destination_port="23"), AclEntry(20, True))),),
            prefix_sets=(PrefixSet("ours", (("10.0.0.0/8", "8..32"),)),),
            policies=(Policy("out", (Statement("ours", True, prefix_set="ours", set_med=10),)),),
            peers=tuple(replace(peer, export_policy="out") for peer in one.peers),
            static_routes=(StaticRoute("10.99.0.0/16", ("192.0.2.2",), vrf="red"),),
            attachments=tuple(replace(a, acl_in="guard") if a.name == first else a for a in one.attachments),
        )
    )


def steered() -> Fabric:
    one = with_servers(leaf_spine(3, 3), networks=3, vrfs=0, servers=0)
    nets = tuple(replace(net, devices=(f"leaf{n}",)) for n, net in enumerate(one.networks, 1))
    return ordered(
        replace(
            one,
            networks=nets,
            traffic_classes=(TrafficClass("backup", destination="10.0.3.0/24", protocol="tcp"),),
            paths=(Path("backup", "backup", "leaf1", "leaf3", via=("spine2",)),),
        )
    )


CASES: dict[str, Callable[[], Fabric]] = {
    "routed": leaf_spine,
    "routed with networks and a path": steered,
    "evpn": rich,
    "evpn dual stack with bfd, a rack shares an asn": lambda: dual_stack(
        with_servers(leaf_spine(overlay=EVPN)), bfd=Bfd(True), asn_scheme=AsnScheme.PER_RACK
    ),
    "three stages, a pod shares an asn": lambda: with_servers(
        two_pods(overlay=EVPN, underlay=Underlay(asn_scheme=AsnScheme.PER_POD))
    ),
    "vlans": lambda: with_servers(leaf_spine(borders=1, overlay=VLAN), vrfs=0),
}
