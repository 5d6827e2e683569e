"""Checks that see the whole fabric: every refusal names both things that do not go together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fabric_builder import (
    EVPN,
    VLAN,
    fabric,
    leaf_spine,
    link,
    ordered,
    peered,
    port,
    two_pods,
    with_servers,
)

from fabricd.errors import InputError, Problem
from fabricd.intent.fabric.checks import check
from fabricd.intent.fabric.resolve import resolve
from fabricd.intent.fabric.resolved import Allocations
from fabricd.intent.fabric.values import (
    Addressing,
    AsnScheme,
    Attachment,
    Defaults,
    Device,
    ExternalPeer,
    Fabric,
    Lag,
    Network,
    Overlay,
    OverlayType,
    Role,
    Underlay,
    Vrf,
)


def problems_of(one: Fabric) -> list[Problem]:
    try:
        check(resolve(ordered(one), Allocations()))
    except InputError as error:
        return list(error.problems)
    return []


def plus(one: Fabric, **more: Any) -> Fabric:
    return replace(one, **{name: (*getattr(one, name), *entries) for name, entries in more.items()})


def evpn(**more: Any) -> Fabric:
    return plus(leaf_spine(2, 4, borders=1, overlay=EVPN, vrfs=(Vrf("blue"), Vrf("red"))), **more)


def server(name: str, *ports: str, **said: Any) -> Attachment:
    return Attachment(name, tuple(map(port, ports)), **said)


def peer(name: str, at: str, address: str, other: str, **said: Any) -> ExternalPeer:
    return ExternalPeer(name, port(at), said.pop("vrf", "red"), address, other, 64999, **said)


def network(name: str, vlan: int, *gateways: str, **said: Any) -> Network:
    return Network(name, vlan, gateways=gateways, **said)


SOUND: dict[str, Callable[[], Fabric]] = {
    "routed": leaf_spine,
    "evpn": lambda: peered(with_servers(evpn())),
    "two pods": lambda: with_servers(two_pods(overlay=EVPN)),
    "vlans": lambda: with_servers(leaf_spine(overlay=VLAN), vrfs=0),
    "one switch": lambda: fabric(devices=[Device("leaf1", Role.LEAF)]),
    "peers on one port by vlan and by address": lambda: evpn(
        peers=(
            peer("a", "border1:Ethernet9", "192.0.2.1/30", "192.0.2.2", vlan=5),
            peer("b", "border1:Ethernet9", "192.0.2.5/30", "192.0.2.6", vlan=6),
            peer("c", "border1:Ethernet9", "2001:db8:9::1/64", "2001:db8:9::2", vlan=6),
        )
    ),
    "one subnet in two vrfs": lambda: evpn(
        networks=(network("a", 5, "10.0.0.1/24", vrf="red"), network("b", 6, "10.0.0.1/24", vrf="blue"))
    ),
    "known ports": lambda: leaf_spine(1, 2, defaults=Defaults(platform_ports=("Ethernet1", "Ethernet2"))),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_fabric_passes(name: str) -> None:
    assert problems_of(SOUND[name]()) == []


UNSOUND: dict[str, tuple[Callable[[], Fabric], tuple[str, ...]]] = {
    "a port with two cables": (
        lambda: plus(leaf_spine(2, 2), links=(link("spine1:Ethernet1", "leaf2:Ethernet9"),)),
        ("port spine1:Ethernet1", "link spine1:Ethernet1 - leaf1:Ethernet1", "link spine1:Ethernet1 - leaf2:Ethernet9"),
    ),
    "a server in a fabric port": (
        lambda: evpn(attachments=(server("web", "leaf1:Ethernet1"),)),
        ("port leaf1:Ethernet1", "link spine1:Ethernet1 - leaf1:Ethernet1", "attachment web"),
    ),
    "two servers in one port": (
        lambda: evpn(attachments=(server("web", "leaf1:Ethernet9"), server("db", "leaf1:Ethernet9"))),
        ("port leaf1:Ethernet9 is used by attachment db and by attachment web",),
    ),
    "a peer where a server is": (
        lambda: evpn(
            attachments=(server("web", "border1:Ethernet9"),),
            peers=(peer("wan", "border1:Ethernet9", "192.0.2.1/30", "192.0.2.2"),),
        ),
        ("port border1:Ethernet9 is used by attachment web and by peer wan",),
    ),
    "a port that the switch has not": (
        lambda: leaf_spine(1, 3, defaults=Defaults(platform_ports=("Ethernet1", "Ethernet2"))),
        ("spine1 has no port Ethernet3, which link spine1:Ethernet3 - leaf3:Ethernet1 uses",),
    ),
    "a cable from a switch to itself": (
        lambda: plus(leaf_spine(1, 1), links=(link("leaf1:Ethernet8", "leaf1:Ethernet9"),)),
        ("link leaf1:Ethernet8 - leaf1:Ethernet9 begins and ends on leaf1",),
    ),
    "a super-spine cabled to a leaf": (
        lambda: plus(two_pods(), links=(link("super1:Ethernet30", "leaf-a1:Ethernet30"),)),
        ("super-spine super1 can only be linked to spines, and leaf-a1 is a leaf",),
    ),
    "a leaf cabled to another pod's spine": (
        lambda: plus(two_pods(), links=(link("spine-b1:Ethernet30", "leaf-a1:Ethernet30"),)),
        ("spine-b1 is in pod b and leaf-a1 in pod a",),
    ),
    "two spines cabled together": (
        lambda: plus(leaf_spine(2, 2), links=(link("spine1:Ethernet30", "spine2:Ethernet30"),)),
        ("spine1 and spine2 both are spines",),
    ),
    "leaves that share an asn cabled together": (
        lambda: plus(
            leaf_spine(1, 2, underlay=Underlay(asn_scheme=AsnScheme.PER_RACK)),
            links=(link("leaf1:Ethernet30", "leaf2:Ethernet30"),),
        ),
        ("leaf1 and leaf2 both are AS 4200000001, and links are eBGP",),
    ),
    "an island": (
        lambda: plus(leaf_spine(2, 2), devices=(Device("leaf8", Role.LEAF), Device("leaf9", Role.LEAF))),
        ("leaf8 is cut off from leaf1, leaf2, spine1, spine2", "leaf9 is cut off from leaf1"),
    ),
    "an island because a link is shut down": (
        lambda: replace(
            leaf_spine(1, 2), links=tuple(replace(one, shutdown="leaf2" in one.name) for one in leaf_spine(1, 2).links)
        ),
        ("leaf2 is cut off from leaf1, spine1",),
    ),
    "a server on a spine": (
        lambda: evpn(attachments=(server("web", "spine1:Ethernet40"),)),
        ("attachment web is on spine1, which is a spine",),
    ),
    "a network on a spine": (
        lambda: evpn(networks=(Network("a", 5, devices=("spine1",)),)),
        ("network a is to be on spine1, which is a spine",),
    ),
    "a peer on a leaf": (
        lambda: evpn(peers=(peer("wan", "leaf1:Ethernet9", "192.0.2.1/30", "192.0.2.2"),)),
        ("peer wan is on leaf1, which is a leaf: only border leaves have peers",),
    ),
    "one vlan for two networks": (
        lambda: evpn(networks=(Network("a", 5), Network("b", 5))),
        ("networks a and b both have VLAN 5",),
    ),
    "a gateway without its subnet": (
        lambda: evpn(networks=(network("a", 5, "10.0.0.1", vrf="red"),)),
        ("gateway 10.0.0.1 of network a has no prefix length",),
    ),
    "a gateway that is the subnet's own address": (
        lambda: evpn(networks=(network("a", 5, "10.0.0.0/24", vrf="red"),)),
        ("gateway 10.0.0.0/24 of network a is the address of the subnet itself",),
    ),
    "a gateway that is the broadcast address": (
        lambda: evpn(networks=(network("a", 5, "10.0.0.255/24", vrf="red"),)),
        ("is the broadcast address of its subnet",),
    ),
    "overlapping subnets in a vrf": (
        lambda: evpn(
            networks=(
                network("a", 5, "10.0.0.1/16", vrf="red"),
                network("b", 6, "10.0.1.1/24", vrf="red"),
                network("c", 7, "10.0.200.1/24", vrf="red"),
            )
        ),
        (
            "10.0.1.0/24 of network b overlaps 10.0.0.0/16 of network a in VRF red",
            "10.0.200.0/24 of network c overlaps 10.0.0.0/16 of network a in VRF red",
        ),
    ),
    "a peer inside a network's subnet": (
        lambda: evpn(
            networks=(network("a", 5, "192.0.2.1/24", vrf="red"),),
            peers=(peer("wan", "border1:Ethernet9", "192.0.2.5/30", "192.0.2.6"),),
        ),
        ("192.0.2.4/30 of peers on border1:Ethernet9 overlaps 192.0.2.0/24 of network a in VRF red",),
    ),
    "a network among the loopbacks": (
        lambda: plus(leaf_spine(), networks=(network("a", 5, "10.255.9.1/24", devices=("leaf1",)),)),
        ("10.255.9.0/24 of network a overlaps 10.255.0.0/16 of pool loopback-ipv4 in the underlay",),
    ),
    "a peer that is not on its link": (
        lambda: evpn(peers=(peer("wan", "border1:Ethernet9", "192.0.2.1/30", "192.0.2.9"),)),
        ("peer wan: 192.0.2.9 is not the other side of 192.0.2.1/30",),
    ),
    "vnis that make one route distinguisher": (
        lambda: evpn(
            networks=(Network("a", 5, vni=100, devices=("leaf1",)), Network("b", 6, vni=65636, devices=("leaf1",)))
        ),
        ("network a and network b would have one route distinguisher", ":100"),
    ),
    "two ports without a lag": (
        lambda: evpn(attachments=(server("web", "leaf1:Ethernet8", "leaf1:Ethernet9"),)),
        ("attachment web is on leaf1:Ethernet8 and leaf1:Ethernet9 and needs a LAG",),
    ),
    "two switches without evpn": (
        lambda: plus(leaf_spine(), attachments=(server("web", "leaf1:Ethernet9", "leaf2:Ethernet9", lag=Lag.LACP),)),
        ("attachment web is on leaf1 and leaf2: without an EVPN overlay",),
    ),
    "an esi on one switch": (
        lambda: evpn(attachments=(server("web", "leaf1:Ethernet9", esi="00" * 9 + "07"),)),
        ("attachment web has an ESI but is on leaf1:Ethernet9 only",),
    ),
    "a port twice in an attachment": (
        lambda: evpn(attachments=(server("web", "leaf1:Ethernet9", "leaf1:Ethernet9", lag=Lag.LACP),)),
        ("attachment web has a port twice",),
    ),
    "servers that send more than a link carries": (
        lambda: replace(
            evpn(attachments=(server("web", "leaf1:Ethernet9", mtu=9000),)), defaults=Defaults(fabric_mtu=9040)
        ),
        ("attachment web has MTU 9000 and 50 bytes of VXLAN, link", "only 9040"),
    ),
    "tunnels over an ipv6 underlay": (
        lambda: replace(evpn(), underlay=Underlay(Addressing.IPV6)),
        ("tunnel endpoints have IPv4 addresses",),
    ),
    "a leaf as route server": (
        lambda: replace(evpn(), overlay=Overlay(OverlayType.EVPN_VXLAN, ("leaf1",))),
        ("route server leaf1 is a leaf",),
    ),
    "a network on two leaves of a routed fabric": (
        lambda: plus(leaf_spine(), networks=(network("a", 5, "10.0.0.1/24", devices=("leaf1", "leaf2")),)),
        ("network a is on leaf1 and leaf2",),
    ),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_an_unsound_fabric_is_refused_naming_both_sides(name: str) -> None:
    make, parts = UNSOUND[name]
    found = problems_of(make())
    told = "\n".join(problem.message for problem in found)
    assert found
    for part in parts:
        assert part in told
    assert all(problem.path.startswith("/fabricd-fabric:fabric/") for problem in found)


def test_a_cable_written_twice_is_refused() -> None:
    one = leaf_spine(1, 1)
    turned = tuple(link(str(cable.b), str(cable.a)) for cable in one.links)
    (problem, *_) = problems_of(plus(one, links=turned))
    both = "link leaf1:Ethernet1 - spine1:Ethernet1 and by link spine1:Ethernet1 - leaf1:Ethernet1"
    assert problem.message == f"port spine1:Ethernet1 is used by {both}"


def test_all_problems_are_told_at_once() -> None:
    one = evpn(
        networks=(Network("a", 5), Network("b", 5)),
        attachments=(server("web", "spine1:Ethernet1"), server("db", "leaf1:Ethernet8", "leaf1:Ethernet9")),
    )
    assert len(problems_of(one)) == 4
