"""The EVPN overlay: who peers with whom, in which autonomous systems, and from where leaves tunnel."""

from __future__ import annotations

from dataclasses import replace

import pytest
from overlay_fabrics import ASNS, at, compiled, rendered, resolved, validated, without_loopback_ipv4

from fabricd.intent.fabric.overlay import overlay
from fabricd.intent.fabric.values import Overlay, OverlayType
from fabricd.schema import Schema

BGP = "network-instances/network-instance[default]/protocols/protocol[BGP,BGP]/bgp"
VTEP = "network-instances/network-instance[default]/connection-points/connection-point[vxlan]/endpoints/endpoint[vtep]"


@pytest.mark.parametrize("name", ["spine1", "leaf1", "border1"])
def test_overlay_validates(either_schema: Schema, name: str) -> None:
    validated(either_schema, resolved(), name, overlay)


def test_a_leaf_peers_with_the_loopbacks_of_all_route_servers() -> None:
    neighbours = at(compiled(resolved(), "leaf1", overlay), f"{BGP}/neighbors/neighbor")
    assert {key[0]: entry["config"]["peer-as"] for key, entry in neighbours.items()} == {
        "10.255.0.1": 65100,
        "10.255.0.2": 65100,
    }
    assert neighbours[("10.255.0.2",)]["config"]["description"] == "spine2"


def test_a_route_server_peers_with_the_loopbacks_of_all_leaves_and_border_leaves() -> None:
    neighbours = at(compiled(resolved(), "spine2", overlay), f"{BGP}/neighbors/neighbor")
    assert {key[0]: entry["config"]["peer-as"] for key, entry in neighbours.items()} == {
        "10.255.0.11": 65001,
        "10.255.0.12": 65002,
        "10.255.0.13": 65003,
        "10.255.0.14": 65004,
    }


def test_a_spine_that_is_no_route_server_has_no_overlay() -> None:
    fabric = replace(resolved(), route_servers=("spine1",))
    assert rendered(compiled(fabric, "spine2", overlay)) == {}
    assert set(at(compiled(fabric, "leaf1", overlay), f"{BGP}/neighbors/neighbor")) == {("10.255.0.1",)}


def test_a_leaf_that_serves_routes_has_one_session_with_each_leaf_and_server() -> None:
    fabric = replace(resolved(), route_servers=("border1", "spine1"))
    assert set(at(compiled(fabric, "border1", overlay), f"{BGP}/neighbors/neighbor")) == {
        ("10.255.0.1",),
        ("10.255.0.11",),
        ("10.255.0.12",),
        ("10.255.0.13",),
    }


def test_every_session_stands_at_both_ends() -> None:
    fabric = resolved()
    ends = set()
    for name, device in fabric.devices.items():
        for (peer,) in at(compiled(fabric, name, overlay), f"{BGP}/neighbors/neighbor"):
            ends.add((device.loopback_ipv4, peer))
    assert len(ends) == 2 * 2 * 4
    assert {(peer, own) for own, peer in ends} == ends


def test_sessions_are_evpn_over_several_hops_with_route_targets_and_no_policy() -> None:
    tree = compiled(resolved(), "leaf1", overlay)
    group = at(tree, f"{BGP}/peer-groups/peer-group[overlay]")
    assert group["config"]["send-community-type"] == ["STANDARD", "EXTENDED"]
    assert group["transport"]["config"]["local-address"] == "10.255.0.11"
    assert group["ebgp-multihop"]["config"]["enabled"] is True
    family = at(group, "afi-safis/afi-safi[L2VPN_EVPN]")
    assert family["config"]["enabled"] is True
    # The models reject what no policy accepts.
    assert family["apply-policy"]["config"] == {
        "default-import-policy": "ACCEPT_ROUTE",
        "default-export-policy": "ACCEPT_ROUTE",
    }
    assert at(tree, f"{BGP}/global/afi-safis/afi-safi[L2VPN_EVPN]/config/enabled") is True
    for neighbour in at(tree, f"{BGP}/neighbors/neighbor").values():
        assert neighbour["config"]["peer-group"] == "overlay"


def test_with_ipv6_loopbacks_only_the_sessions_are_ipv6(either_schema: Schema) -> None:
    fabric = without_loopback_ipv4(resolved())
    assert set(at(compiled(fabric, "leaf1", overlay), f"{BGP}/neighbors/neighbor")) == {
        ("2001:db8:ff::1",),
        ("2001:db8:ff::2",),
    }
    validated(either_schema, fabric, "leaf1", overlay)


def test_leaves_tunnel_from_their_vtep_loopback_and_spines_not_at_all() -> None:
    fabric = resolved()
    assert at(compiled(fabric, "leaf2", overlay), f"{VTEP}/vxlan/config") == {
        "enabled": True,
        "source-interface": "Loopback1",
    }
    assert at(compiled(fabric, "spine1", overlay), VTEP) is None


def test_without_addresses_of_their_own_tunnels_end_on_the_first_loopback() -> None:
    fabric = resolved()
    leaf = replace(fabric.devices["leaf2"], vtep_ipv4="10.255.0.12")
    fabric = replace(fabric, devices={**fabric.devices, "leaf2": leaf})
    assert at(compiled(fabric, "leaf2", overlay), f"{VTEP}/vxlan/config/source-interface") == "Loopback0"


def test_leaves_of_one_autonomous_system_hear_each_other_through_the_servers(either_schema: Schema) -> None:
    fabric = resolved(asns={**ASNS, "leaf2": 65001})
    rack = {name: replace(fabric.devices[name], shares_asn=True) for name in ("leaf1", "leaf2")}
    fabric = replace(fabric, devices={**fabric.devices, **rack})
    options = f"{BGP}/peer-groups/peer-group[overlay]/as-path-options/config"
    assert at(compiled(fabric, "leaf1", overlay), options) == {"allow-own-as": 1}
    assert at(compiled(fabric, "leaf3", overlay), options) == {}
    assert at(compiled(fabric, "spine1", overlay), options) == {"disable-peer-as-filter": True}
    assert at(compiled(resolved(), "spine1", overlay), options) == {}
    validated(either_schema, fabric, "leaf1", overlay)
    validated(either_schema, fabric, "spine1", overlay)


@pytest.mark.parametrize("kind", [OverlayType.NONE, OverlayType.VLAN])
def test_other_fabrics_have_no_overlay_sessions(kind: OverlayType) -> None:
    fabric = resolved(overlay=Overlay(kind))
    assert all(compiled(fabric, name, overlay) == {} for name in fabric.devices)
