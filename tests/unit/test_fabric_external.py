"""Peers outside the fabric and static routes: where they stand, what they exchange, what becomes known of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from overlay_fabrics import RED, at, compiled, resolved, validated

from fabricd.errors import InputError
from fabricd.intent.fabric.external import external
from fabricd.intent.fabric.overlay import overlay
from fabricd.intent.fabric.policy import policy
from fabricd.intent.fabric.resolved import ResolvedFabric
from fabricd.intent.fabric.services import services
from fabricd.intent.fabric.values import (
    Bfd,
    ExternalPeer,
    Overlay,
    OverlayType,
    Policy,
    Port,
    Statement,
    StaticRoute,
    Underlay,
)
from fabricd.schema import Schema

WAN = Port("border1", "Ethernet48")
ISP = ExternalPeer(
    "isp",
    WAN,
    "red",
    "203.0.113.1/31",
    "203.0.113.0",
    64500,
    vlan=100,
    import_policy="from-isp",
    export_policy="to-isp",
    bfd=True,
)
ISP6 = ExternalPeer("isp6", WAN, "red", "2001:db8:f::1/127", "2001:db8:f::", 64500, vlan=100)
CORE = ExternalPeer("core", Port("border1", "Ethernet47"), "", "192.0.2.1/30", "192.0.2.2", 64501)
POLICIES = (
    Policy("from-isp", (Statement("10", accept=True, set_local_preference=200),)),
    Policy("to-isp", (Statement("10", accept=True, set_community=("65000:1",)),)),
)
DEFAULT = StaticRoute("0.0.0.0/0", ("10.1.20.254", "10.1.20.253"), vrf="red", metric=5)
UNDERLAY_ROUTE = StaticRoute("192.0.2.128/25", ("192.0.2.2",), devices=("leaf1",))

INSTANCE = "network-instances/network-instance"
BGP = "protocols/protocol[BGP,BGP]/bgp"


def fabric_with(*peers: ExternalPeer, routes: tuple[StaticRoute, ...] = ()) -> ResolvedFabric:
    return resolved(
        peers=peers,
        static_routes=routes,
        policies=POLICIES,
        underlay=Underlay(bfd=Bfd(interval=250, multiplier=4)),
    )


def test_external_connections_validate(either_schema: Schema) -> None:
    fabric = fabric_with(ISP, ISP6, CORE, routes=(DEFAULT, UNDERLAY_ROUTE))
    validated(either_schema, fabric, "border1", overlay, services, external, policy)
    validated(either_schema, fabric, "leaf1", overlay, services, external, policy)


@pytest.mark.parametrize("kind", list(OverlayType))
def test_external_connections_validate_on_every_kind_of_fabric(either_schema: Schema, kind: OverlayType) -> None:
    fabric = replace(fabric_with(ISP, CORE, routes=(DEFAULT,)))
    fabric = replace(fabric, fabric=replace(fabric.fabric, overlay=Overlay(kind)))
    validated(either_schema, fabric, "border1", overlay, services, external, policy)


def test_a_tagged_peer_stands_on_a_subinterface_in_its_vrf() -> None:
    tree = compiled(fabric_with(ISP), "border1", external)
    port = at(tree, "interfaces/interface[Ethernet48]")
    assert port["config"] == {
        "name": "Ethernet48",
        "type": "iana-if-type:ethernetCsmacd",
        "enabled": True,
        "mtu": 9000,
        "description": "isp",
    }
    tagged = at(port, "subinterfaces/subinterface[100]")
    assert at(tagged, "vlan/match/single-tagged/config/vlan-id") == 100
    assert at(tagged, "ipv4/addresses/address[203.0.113.1]/config") == {"ip": "203.0.113.1", "prefix-length": 31}
    assert at(tree, f"{INSTANCE}[red]/interfaces/interface[Ethernet48.100]/config") == {
        "id": "Ethernet48.100",
        "interface": "Ethernet48",
        "subinterface": 100,
    }


def test_an_untagged_peer_without_vrf_is_in_the_underlay() -> None:
    tree = compiled(fabric_with(CORE), "border1", external)
    assert set(at(tree, INSTANCE)) == {("default",)}
    assert at(tree, f"{INSTANCE}[default]/interfaces/interface[Ethernet47.0]/config/subinterface") == 0
    assert "openconfig-vlan:vlan" not in at(tree, "interfaces/interface[Ethernet47]/subinterfaces/subinterface[0]")
    neighbour = at(tree, f"{INSTANCE}[default]/{BGP}/neighbors/neighbor[192.0.2.2]")
    assert neighbour["config"]["peer-as"] == 64501
    # What the underlay redistributes is its own matter.
    assert at(tree, f"{INSTANCE}[default]/table-connections") is None


def test_a_peer_exchanges_what_its_policies_accept_and_without_policies_everything() -> None:
    tree = compiled(fabric_with(ISP, ISP6), "border1", external)
    neighbours = at(tree, f"{INSTANCE}[red]/{BGP}/neighbors/neighbor")
    isp, isp6 = neighbours[("203.0.113.0",)], neighbours[("2001:db8:f::",)]
    assert isp["config"] == {
        "neighbor-address": "203.0.113.0",
        "peer-as": 64500,
        "enabled": True,
        "description": "isp",
        "send-community-type": ["STANDARD"],
    }
    assert isp["apply-policy"]["config"] == {
        "import-policy": ["from-isp"],
        "default-import-policy": "REJECT_ROUTE",
        "export-policy": ["to-isp"],
        "default-export-policy": "REJECT_ROUTE",
    }
    assert isp6["apply-policy"]["config"] == {
        "default-import-policy": "ACCEPT_ROUTE",
        "default-export-policy": "ACCEPT_ROUTE",
    }
    assert "send-community-type" not in isp6["config"]
    assert set(at(isp, "afi-safis/afi-safi")) == {("openconfig-bgp-types:IPV4_UNICAST",)}
    assert set(at(isp6, "afi-safis/afi-safi")) == {("openconfig-bgp-types:IPV6_UNICAST",)}


def test_bfd_has_the_intervals_of_the_fabric_in_microseconds() -> None:
    neighbours = at(compiled(fabric_with(ISP, ISP6), "border1", external), f"{INSTANCE}[red]/{BGP}/neighbors/neighbor")
    assert at(neighbours[("203.0.113.0",)], "enable-bfd/config") == {
        "enabled": True,
        "desired-minimum-tx-interval": 250_000,
        "required-minimum-receive": 250_000,
        "detection-multiplier": 4,
    }
    assert "enable-bfd" not in neighbours[("2001:db8:f::",)]


def test_both_address_families_share_a_subinterface() -> None:
    tree = compiled(fabric_with(ISP, ISP6), "border1", external)
    tagged = at(tree, "interfaces/interface[Ethernet48]/subinterfaces/subinterface")
    assert set(tagged) == {(100,)}
    assert at(tagged[(100,)], "ipv4/addresses/address[203.0.113.1]") is not None
    assert at(tagged[(100,)], "ipv6/addresses/address[2001:db8:f::1]/config/prefix-length") == 127


def test_peers_are_on_the_device_of_their_port_only() -> None:
    fabric = fabric_with(ISP, CORE)
    assert all(compiled(fabric, name, external) == {} for name in fabric.devices if name != "border1")


def test_static_routes_without_devices_stand_on_border_leaves_and_go_into_bgp() -> None:
    fabric = fabric_with(routes=(DEFAULT, UNDERLAY_ROUTE))
    tree = compiled(fabric, "border1", external)
    assert set(at(tree, INSTANCE)) == {("red",)}
    static = at(tree, f"{INSTANCE}[red]/protocols/protocol[STATIC,STATIC]/static-routes/static")[("0.0.0.0/0",)]
    assert {key[0]: hop["config"] for key, hop in at(static, "next-hops/next-hop").items()} == {
        "10.1.20.254": {"index": "10.1.20.254", "next-hop": "10.1.20.254", "metric": 5},
        "10.1.20.253": {"index": "10.1.20.253", "next-hop": "10.1.20.253", "metric": 5},
    }
    connections = at(tree, f"{INSTANCE}[red]/table-connections/table-connection")
    assert {key[0].rpartition(":")[2] for key in connections} == {"STATIC"}
    (connection,) = connections.values()
    assert connection["config"]["default-import-policy"] == "ACCEPT_ROUTE"
    assert connection["config"]["address-family"] == "openconfig-types:IPV4"


def test_static_routes_stand_on_the_devices_they_name() -> None:
    fabric = fabric_with(routes=(DEFAULT, UNDERLAY_ROUTE))
    tree = compiled(fabric, "leaf1", external)
    assert set(at(tree, f"{INSTANCE}[default]/protocols/protocol[STATIC,STATIC]/static-routes/static")) == {
        ("192.0.2.128/25",)
    }
    assert compiled(fabric, "leaf2", external) == {}


def test_in_a_vlan_fabric_a_peer_needs_an_asn_that_the_document_gives() -> None:
    fabric = resolved(peers=(ISP,), policies=POLICIES, overlay=Overlay(OverlayType.VLAN), vrfs=(RED,))
    bare = replace(fabric.devices["border1"], asn=0, router_id="")
    fabric = replace(fabric, devices={**fabric.devices, "border1": bare})
    with pytest.raises(InputError, match="peer isp needs an ASN on border1") as caught:
        compiled(fabric, "border1", external)
    assert caught.value.problems[0].path == "/fabricd-fabric:fabric/peers[name='isp']"
    told = replace(bare, device=replace(bare.device, asn=64999))
    fabric = replace(fabric, devices={**fabric.devices, "border1": told})
    assert at(compiled(fabric, "border1", external), f"{INSTANCE}[red]/{BGP}/global/config") == {"as": 64999}


def test_a_vlan_fabric_tells_its_peers_of_its_own_networks() -> None:
    fabric = resolved(peers=(CORE,), overlay=Overlay(OverlayType.VLAN))
    connections = at(compiled(fabric, "border1", external), f"{INSTANCE}[default]/table-connections/table-connection")
    assert {key[0].rpartition(":")[2] for key in connections} == {"DIRECTLY_CONNECTED"}
