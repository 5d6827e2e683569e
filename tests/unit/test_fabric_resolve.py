"""What a fabric leaves open and how it is filled in: numbers, cabling, and what there is on each device."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fabric_builder import EVPN, VLAN, fabric, leaf_spine, link, peered, pools, port, two_pods, with_servers

from fabricd.errors import InputError
from fabricd.intent.fabric.resolve import resolve
from fabricd.intent.fabric.resolved import Allocations
from fabricd.intent.fabric.values import (
    Addressing,
    AsnScheme,
    Attachment,
    Defaults,
    Device,
    Fabric,
    Lag,
    Network,
    Overlay,
    OverlayType,
    PoolPurpose,
    Role,
    StaticRoute,
    Underlay,
    Vrf,
)


def asns(scheme: AsnScheme) -> dict[str, int]:
    found = resolve(two_pods(underlay=Underlay(asn_scheme=scheme)), Allocations())
    return {name: device.asn - 4200000000 for name, device in found.devices.items()}


def test_spines_of_a_pod_and_super_spines_share_an_asn_and_leaves_have_their_own() -> None:
    assert asns(AsnScheme.PER_LEAF) == {
        **dict.fromkeys(("super1", "super2"), 0),
        **dict.fromkeys(("spine-a1", "spine-a2"), 1),
        **dict.fromkeys(("spine-b1", "spine-b2"), 2),
        "border-a1": 3,
        "leaf-a1": 4,
        "leaf-a2": 5,
        "leaf-b1": 6,
        "leaf-b2": 7,
    }


def test_leaves_of_a_rack_share_an_asn_and_racks_of_two_pods_are_two() -> None:
    found = asns(AsnScheme.PER_RACK)
    assert [found[name] for name in ("border-a1", "leaf-a1", "leaf-a2", "leaf-b1", "leaf-b2")] == [3, 4, 4, 5, 5]


def test_all_leaves_of_a_pod_share_an_asn() -> None:
    found = asns(AsnScheme.PER_POD)
    assert [found[name] for name in ("border-a1", "leaf-a1", "leaf-a2", "leaf-b1", "leaf-b2")] == [3, 3, 3, 4, 4]


@pytest.mark.parametrize(
    ("scheme", "sharing"),
    [
        (AsnScheme.PER_LEAF, set()),
        (AsnScheme.PER_RACK, {"leaf-a1", "leaf-a2", "leaf-b1", "leaf-b2"}),
        (AsnScheme.PER_POD, {"border-a1", "leaf-a1", "leaf-a2", "leaf-b1", "leaf-b2"}),
    ],
)
def test_leaves_know_whether_another_has_their_asn(scheme: AsnScheme, sharing: set[str]) -> None:
    found = resolve(two_pods(underlay=Underlay(asn_scheme=scheme)), Allocations())
    assert {name for name, device in found.devices.items() if device.shares_asn} == sharing


def test_both_ends_of_a_link_know_each_other_and_a_has_the_lower_address() -> None:
    found = resolve(leaf_spine(1, 2, underlay=Underlay(Addressing.DUAL)), Allocations())
    (up,) = found.devices["leaf2"].ends
    down = found.devices["spine1"].ends[1]
    assert (str(up.port), str(up.peer)) == ("leaf2:Ethernet1", "spine1:Ethernet2")
    assert (down.ipv4, down.peer_ipv4) == ("10.128.0.2", "10.128.0.3") == (up.peer_ipv4, up.ipv4)
    assert (down.ipv6, down.peer_ipv6) == ("2001:db8:fe::2", "2001:db8:fe::3") == (up.peer_ipv6, up.ipv6)


def test_ends_stand_in_order_of_their_ports() -> None:
    names = [end.port.name for end in resolve(leaf_spine(1, 11), Allocations()).devices["spine1"].ends]
    assert names == [f"Ethernet{n}" for n in range(1, 12)]


def test_an_explicit_link_prefix_in_another_spelling_is_made_canonical() -> None:
    one = leaf_spine(1, 1, underlay=Underlay(Addressing.IPV6))
    said = replace(one, links=(replace(one.links[0], ipv6="2001:DB8:0:0:0:0:0:a0/127"),))
    (end,) = resolve(said, Allocations()).devices["spine1"].ends
    assert (end.ipv6, end.peer_ipv6) == ("2001:db8::a0", "2001:db8::a1")


def test_an_ipv6_fabric_has_router_ids_but_no_ipv4_loopbacks() -> None:
    found = resolve(leaf_spine(1, 1, underlay=Underlay(Addressing.IPV6)), Allocations()).devices["leaf1"]
    assert (found.router_id, found.loopback_ipv4, found.loopback_ipv6) == ("10.255.0.1", "", "2001:db8:ff::1")
    assert found.ends[0].ipv4 == ""


def test_only_leaves_have_vteps_and_only_with_evpn() -> None:
    found = resolve(leaf_spine(1, 1, borders=1, overlay=EVPN), Allocations()).devices
    assert {name: device.vtep_ipv4 for name, device in found.items()} == {
        "border1": "10.253.0.1",
        "leaf1": "10.253.0.2",
        "spine1": "",
    }
    assert resolve(leaf_spine(1, 1), Allocations()).devices["leaf1"].vtep_ipv4 == ""


def test_without_a_vtep_pool_the_loopback_is_the_vtep() -> None:
    none = tuple(pool for pool in pools() if pool.purpose is not PoolPurpose.VTEP_IPV4)
    found = resolve(leaf_spine(1, 1, overlay=EVPN, pools=none), Allocations()).devices["leaf1"]
    assert found.vtep_ipv4 == found.loopback_ipv4 == "10.255.0.1"


def test_route_servers_are_super_spines_else_spines_unless_said() -> None:
    assert resolve(two_pods(overlay=EVPN), Allocations()).route_servers == ("super1", "super2")
    assert resolve(leaf_spine(2, 1, overlay=EVPN), Allocations()).route_servers == ("spine1", "spine2")
    said = Overlay(OverlayType.EVPN_VXLAN, ("spine2",))
    assert resolve(leaf_spine(2, 1, overlay=said), Allocations()).route_servers == ("spine2",)


def services_fabric() -> Fabric:
    return fabric(
        devices=[Device(f"leaf{n}", Role.LEAF) for n in (1, 2, 3)] + [Device("border1", Role.BORDER_LEAF)],
        overlay=EVPN,
        vrfs=[Vrf("red"), Vrf("blue"), Vrf("lost")],
        networks=[
            Network("net1", 11, "red", gateways=("10.0.1.1/24",)),
            Network("net2", 12, "blue"),
            Network("net3", 13, devices=("leaf3",)),
            Network("net10", 20),
        ],
        attachments=[
            Attachment("web", (port("leaf1:Ethernet7"),), network="net1", tagged=("net1", "net2")),
            Attachment("all", (port("leaf2:Ethernet7"),), tagged=("*",)),
            Attachment("pair", (port("leaf1:Ethernet8"), port("leaf2:Ethernet8")), network="net1", lag=Lag.LACP),
        ],
        static_routes=[StaticRoute("10.9.0.0/16", ("192.0.2.1",), vrf="blue")],
    )


def test_networks_are_where_they_are_attached_or_said_to_be() -> None:
    found = resolve(services_fabric(), Allocations()).devices
    assert {name: [one.name for one in device.networks] for name, device in found.items()} == {
        "border1": [],
        "leaf1": ["net1", "net2"],
        "leaf2": ["net1", "net2", "net3", "net10"],
        "leaf3": ["net3"],
    }


def test_vrfs_are_where_their_networks_static_routes_and_peers_are() -> None:
    found = resolve(services_fabric(), Allocations()).devices
    assert {name: [one.name for one in device.vrfs] for name, device in found.items()} == {
        "border1": ["blue"],
        "leaf1": ["blue", "red"],
        "leaf2": ["blue", "red"],
        "leaf3": [],
    }
    with_peer = resolve(peered(services_fabric(), vrf="lost"), Allocations()).devices["border1"]
    assert [one.name for one in with_peer.vrfs] == ["blue", "lost"]


def test_attachments_on_two_devices_are_known_on_both_and_make_a_segment() -> None:
    found = resolve(services_fabric(), Allocations())
    assert [one.name for one in found.devices["leaf2"].attachments] == ["all", "pair"]
    assert found.segments == {"pair": "00000000000000000001"}
    assert found.aggregates == {"pair": 1}


def test_vnis_are_by_name_and_only_with_evpn() -> None:
    found = resolve(services_fabric(), Allocations())
    assert found.vnis == {"net1": 10000, "net2": 10001, "net3": 10002, "net10": 10003}
    assert found.l3_vnis == {"blue": 50000, "lost": 50001, "red": 50002}
    assert resolve(with_servers(leaf_spine(1, 1)), Allocations()).vnis == {}


def test_numbers_of_lags_do_not_move() -> None:
    one = with_servers(leaf_spine(2, 4, overlay=EVPN))
    first = resolve(one, Allocations())
    fewer = replace(one, attachments=tuple(entry for entry in one.attachments if entry.name != "pair-leaf1-leaf2"))
    second = resolve(fewer, first.allocations)
    assert second.aggregates == {"pair-leaf3-leaf4": first.aggregates["pair-leaf3-leaf4"]}


def test_a_vlan_fabric_needs_no_pools_and_has_every_network_on_spines_and_border_leaves() -> None:
    one = with_servers(leaf_spine(1, 2, borders=1, overlay=VLAN, pools=()), networks=3, vrfs=0, servers=1)
    found = resolve(one, Allocations()).devices
    assert {name: len(device.networks) for name, device in found.items()} == {
        "border1": 3,
        "leaf1": 1,
        "leaf2": 1,
        "spine1": 3,
    }
    assert found["spine1"].asn == 0


def test_defaults_are_used_where_nothing_is_said() -> None:
    one = leaf_spine(1, 2, defaults=Defaults(profile="arista", fabric_mtu=9100))
    first, second = one.links
    found = resolve(replace(one, links=(replace(first, mtu=9216), second)), Allocations())
    assert [link.mtu for link in found.links] == [9216, 9100]
    assert found.devices["leaf1"].profile == "arista"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"links": (link("spine1:Ethernet1", "leaf9:Ethernet1"),)},
            "link spine1:Ethernet1 - leaf9:Ethernet1 names device 'leaf9', which does not exist",
        ),
        ({"networks": (Network("n", 5, vrf="red"),)}, "network n names VRF 'red', which does not exist"),
        ({"networks": (Network("n", 5, devices=("x",)),)}, "network n names device 'x', which does not exist"),
        (
            {"attachments": (Attachment("web", (port("leaf1:Ethernet9"),), network="n"),)},
            "attachment web names network 'n', which does not exist",
        ),
        (
            {"attachments": (Attachment("web", (port("leaf1:Ethernet9"),), acl_in="a"),)},
            "attachment web names ACL 'a', which does not exist",
        ),
        ({"static_routes": (StaticRoute("0.0.0.0/0", ("192.0.2.1",), vrf="red"),)}, "names VRF 'red'"),
        (
            {"overlay": Overlay(OverlayType.EVPN_VXLAN, ("rr",))},
            "the overlay's route-servers names device 'rr', which does not exist",
        ),
        ({"vrfs": (Vrf("red"), Vrf("red"))}, "is there 2 times"),
    ],
)
def test_what_names_nothing_or_two_things_is_refused(said: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as refused:
        resolve(replace(leaf_spine(1, 1), **said), Allocations())
    assert any(message in problem.message for problem in refused.value.problems)
