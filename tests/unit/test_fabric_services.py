"""Networks, VRFs and gateways: the numbers that leaves have to agree on, and what each kind of overlay can carry."""

from __future__ import annotations

from dataclasses import replace

import pytest
from overlay_fabrics import DB, LONELY, RED, WEB, at, compiled, rendered, resolved, texts, validated

from fabricd.errors import InputError
from fabricd.intent.fabric.checks import check
from fabricd.intent.fabric.overlay import overlay
from fabricd.intent.fabric.services import gateway_devices, refusals, services
from fabricd.intent.fabric.values import Overlay, OverlayType, Vrf
from fabricd.schema import Schema

INSTANCE = "network-instances/network-instance"
VNIS = (
    f"{INSTANCE}[default]/connection-points/connection-point[vxlan]/endpoints/endpoint[vtep]/vxlan/local-endpoint-vnis"
)


@pytest.mark.parametrize("kind", list(OverlayType))
@pytest.mark.parametrize("name", ["spine1", "leaf1", "leaf3", "border1"])
def test_services_validate(either_schema: Schema, kind: OverlayType, name: str) -> None:
    places = {"leaf1": (WEB,), "leaf3": (DB, LONELY)} if kind is OverlayType.NONE else None
    validated(either_schema, resolved(places=places, overlay=Overlay(kind)), name, overlay, services)


def test_a_network_is_a_mac_vrf_with_its_vlan_vni_route_distinguisher_and_target() -> None:
    tree = compiled(resolved(), "leaf2", services)
    network = at(tree, f"{INSTANCE}[network-web]")
    assert network["config"]["type"] == "openconfig-network-instance-types:L2VSI"
    assert set(network["vlans"]["vlan"]) == {(10,)}
    evpn = at(network, "evpn/evpn-instances/evpn-instance[10010]")
    assert evpn["config"]["route-distinguisher"] == "10.255.0.12:10010"
    assert evpn["config"]["service-type"] == "openconfig-evpn-types:VLAN_BASED"
    assert evpn["import-export-policy"]["config"] == {
        "import-route-target": ["65000:10010"],
        "export-route-target": ["65000:10010"],
    }
    assert evpn["vxlan"]["config"] == {
        "vni": 10010,
        "overlay-endpoint-network-instance": "default",
        "overlay-endpoint": "vtep",
        "host-reachability-bgp": True,
    }


def test_the_route_distinguisher_has_the_low_sixteen_bits_of_the_vni_and_the_target_all() -> None:
    # 70030 - 65536 = 4494
    evpn = at(
        compiled(resolved(), "leaf3", services), f"{INSTANCE}[network-lonely]/evpn/evpn-instances/evpn-instance[70030]"
    )
    assert evpn["config"]["route-distinguisher"] == "10.255.0.13:4494"
    assert evpn["import-export-policy"]["config"]["export-route-target"] == ["65000:70030"]


def test_the_administrator_of_route_targets_can_be_chosen() -> None:
    fabric = resolved(overlay=Overlay(OverlayType.EVPN_VXLAN, route_target_asn=64999))
    evpn = at(compiled(fabric, "leaf2", services), f"{INSTANCE}[network-web]/evpn/evpn-instances/evpn-instance[10010]")
    assert evpn["import-export-policy"]["config"]["import-route-target"] == ["64999:10010"]


def test_the_tunnel_endpoint_knows_the_vnis_of_its_leaf_only() -> None:
    fabric = resolved()
    assert {
        key[0]: entry["config"]
        for key, entry in at(compiled(fabric, "leaf1", services), VNIS)["local-endpoint-vni"].items()
    } == {
        10010: {"vni": 10010, "vni-type": "L2", "bridge-domain": 10},
        10020: {"vni": 10020, "vni-type": "L2", "bridge-domain": 20},
        50001: {"vni": 50001, "vni-type": "L3", "l3-vrf-name": "red"},
    }
    assert set(at(compiled(fabric, "border1", services), VNIS)["local-endpoint-vni"]) == {(50001,)}


def test_leaves_of_a_network_agree_on_targets_and_differ_in_distinguishers() -> None:
    fabric = resolved()
    evpn = f"{INSTANCE}[network-web]/evpn/evpn-instances/evpn-instance[10010]"
    one, other = (at(compiled(fabric, name, services), evpn) for name in ("leaf1", "leaf2"))
    assert one["import-export-policy"] == other["import-export-policy"]
    assert one["vxlan"] == other["vxlan"]
    assert one["config"]["route-distinguisher"] == "10.255.0.11:10010"
    assert other["config"]["route-distinguisher"] == "10.255.0.12:10010"


def test_arp_and_neighbour_suppression_follow_the_overlay() -> None:
    on = at(compiled(resolved(), "leaf1", services), f"{INSTANCE}[network-web]/fdb")
    assert on["arp-proxy"]["config"] == {"arp-suppression": True}
    assert on["nd-proxy"]["config"] == {"nd-suppression": True}
    quiet = Overlay(OverlayType.EVPN_VXLAN, arp_suppression=False)
    off = at(compiled(resolved(overlay=quiet), "leaf1", services), f"{INSTANCE}[network-web]/fdb")
    assert "arp-proxy" not in off
    assert "nd-proxy" not in off


def test_a_vrf_routes_by_its_own_vni_and_advertises_what_is_connected() -> None:
    tree = compiled(resolved(), "leaf3", services)
    red = at(tree, f"{INSTANCE}[red]")
    assert red["config"] == {
        "name": "red",
        "type": "openconfig-network-instance-types:L3VRF",
        "router-id": "10.255.0.13",
        "route-distinguisher": "10.255.0.13:50001",
    }
    evpn = at(red, "evpn/evpn-instances/evpn-instance[50001]")
    assert evpn["config"]["route-distinguisher"] == "10.255.0.13:50001"
    assert evpn["vxlan"]["config"]["vni"] == 50001
    targets = {"import-route-target": ["65000:50001"], "export-route-target": ["65000:50001"]}
    assert evpn["import-export-policy"]["config"] == targets
    assert at(red, "inter-instance-policies/import-export-policy/config") == targets
    assert at(red, "protocols/protocol[BGP,BGP]/bgp/global/config") == {"as": 65003, "router-id": "10.255.0.13"}
    for family in ("IPV4", "IPV6"):
        connection = at(red, f"table-connections/table-connection[DIRECTLY_CONNECTED,BGP,{family}]/config")
        assert connection["default-import-policy"] == "ACCEPT_ROUTE"


def test_given_route_targets_replace_the_derived_one_each_for_itself() -> None:
    fabric = resolved(
        vrfs=(replace(RED, import_targets=("65000:1", "65000:2")),),
        vrf_places={"leaf1": (replace(RED, import_targets=("65000:1", "65000:2")),)},
    )
    targets = at(compiled(fabric, "leaf1", services), f"{INSTANCE}[red]/inter-instance-policies/import-export-policy")
    assert targets["config"] == {
        "import-route-target": ["65000:1", "65000:2"],
        "export-route-target": ["65000:50001"],
    }


def test_a_gateway_has_the_same_addresses_and_mac_on_every_leaf() -> None:
    fabric = resolved()
    for name in ("leaf1", "leaf2"):
        tree = compiled(fabric, name, services)
        interface = at(tree, "interfaces/interface[Vlan10]")
        assert interface["config"]["type"] == "iana-if-type:l3ipvlan"
        routed = at(interface, "routed-vlan")
        assert routed["config"] == {"vlan": 10}
        assert at(routed, "ipv4/addresses/address[10.1.10.1]/config") == {"ip": "10.1.10.1", "prefix-length": 24}
        assert at(routed, "ipv6/addresses/address[2001:db8:10::1]/config/prefix-length") == 64
        assert at(tree, f"{INSTANCE}[network-web]/fdb/config/anycast-gateway-mac") == "02:00:00:00:00:01"
        anycast = at(tree, f"{INSTANCE}[network-web]/interfaces/interface[Vlan10]/config/irb-anycast-gateway")
        assert anycast == "DISTRIBUTED_SYMETRIC"
        assert at(tree, f"{INSTANCE}[red]/interfaces/interface[Vlan10]/config") == {
            "id": "Vlan10",
            "interface": "Vlan10",
        }


def test_a_second_ipv4_gateway_is_a_secondary_address(either_schema: Schema) -> None:
    web = replace(WEB, gateways=("10.1.10.1/24", "10.1.11.1/24"), mtu=1500, description="front ends")
    fabric = resolved(networks=(web,), places={"leaf1": (web,)})
    interface = at(compiled(fabric, "leaf1", services), "interfaces/interface[Vlan10]")
    assert interface["config"]["mtu"] == 1500
    assert interface["config"]["description"] == "front ends"
    found = at(interface, "routed-vlan/ipv4/addresses/address")
    assert "type" not in found[("10.1.10.1",)]["config"]
    assert found[("10.1.11.1",)]["config"]["type"] == "SECONDARY"
    validated(either_schema, fabric, "leaf1", services, overlay)


def test_a_network_without_gateway_has_no_interface_and_no_anycast_mac() -> None:
    tree = compiled(resolved(), "leaf3", services)
    assert at(tree, "interfaces/interface[Vlan20]/config/mtu") == 9000  # that of attachments
    assert at(tree, "interfaces/interface[Vlan30]") is None
    assert at(tree, f"{INSTANCE}[network-lonely]/fdb/config") == {"mac-learning": True}
    assert at(tree, f"{INSTANCE}[network-lonely]/interfaces") is None


def test_removing_a_network_leaves_no_trace_of_it() -> None:
    places = {"leaf1": (WEB,), "leaf2": (WEB,), "leaf3": (LONELY,)}
    without = resolved(networks=(LONELY, WEB), places=places)
    for name in without.devices:
        found = set(texts(compiled(without, name, services)))
        assert not found & {"db", "network-db", "10020", "20", "Vlan20", "10.1.20.1", "65000:10020"}
    # The check can fail: where the network is, all of these are.
    found = set(texts(compiled(resolved(), "leaf1", services)))
    assert {"db", "network-db", "10020", "20", "Vlan20", "10.1.20.1", "65000:10020"} <= found


def test_spines_of_an_overlay_know_no_network() -> None:
    assert compiled(resolved(), "spine1", services) == {}


def test_names_of_networks_and_vrfs_do_not_meet(either_schema: Schema) -> None:
    web = replace(WEB, vrf="web")
    fabric = resolved(
        networks=(web,), vrfs=(Vrf("web"),), places={"leaf1": (web,)}, vrf_places={"leaf1": (Vrf("web"),)}
    )
    instances = at(compiled(fabric, "leaf1", services), INSTANCE)
    assert set(instances) == {("network-web",), ("web",), ("default",)}
    validated(either_schema, fabric, "leaf1", overlay, services)


# VLAN fabrics


def test_a_vlan_fabric_has_vlans_where_they_are_used_and_between() -> None:
    fabric = resolved(overlay=Overlay(OverlayType.VLAN))
    vlans = f"{INSTANCE}[default]/vlans/vlan"
    assert {key[0] for key in at(compiled(fabric, "leaf2", services), vlans)} == {10}
    assert {key[0] for key in at(compiled(fabric, "spine1", services), vlans)} == {10, 20, 30}
    assert {key[0] for key in at(compiled(fabric, "border1", services), vlans)} == {10, 20, 30}


def test_a_vlan_fabric_has_its_gateways_on_border_leaves() -> None:
    fabric = resolved(overlay=Overlay(OverlayType.VLAN))
    for name in ("spine1", "leaf1", "leaf3"):
        assert at(compiled(fabric, name, services), "interfaces/interface") is None
    tree = compiled(fabric, "border1", services)
    assert set(at(tree, "interfaces/interface")) == {("Vlan10",), ("Vlan20",)}
    assert at(tree, f"{INSTANCE}[red]/interfaces/interface[Vlan10]/config/irb-anycast-gateway") == "CENTRALIZED"
    assert at(tree, f"{INSTANCE}[default]/fdb/config/anycast-gateway-mac") == "02:00:00:00:00:01"
    assert at(tree, f"{INSTANCE}[red]/evpn") is None


def test_a_vlan_fabric_without_border_leaves_has_its_gateways_on_the_spines() -> None:
    fabric = resolved(overlay=Overlay(OverlayType.VLAN))
    fabric = replace(fabric, devices={name: one for name, one in fabric.devices.items() if name != "border1"})
    assert gateway_devices(fabric) == {"spine1", "spine2"}
    assert at(compiled(fabric, "spine2", services), "interfaces/interface[Vlan20]") is not None


def test_leaves_of_a_vlan_fabric_have_no_vrf_that_nothing_there_is_in() -> None:
    fabric = resolved(overlay=Overlay(OverlayType.VLAN))
    assert at(compiled(fabric, "leaf1", services), f"{INSTANCE}[red]") is None
    assert at(compiled(fabric, "border1", services), f"{INSTANCE}[red]") is not None


# Fabrics without overlay


def test_without_overlay_a_network_is_a_vlan_with_gateway_on_its_leaf() -> None:
    web = replace(WEB, vrf="")
    fabric = resolved(
        networks=(web,), places={"leaf1": (web,)}, vrfs=(), vrf_places={}, overlay=Overlay(OverlayType.NONE)
    )
    tree = compiled(fabric, "leaf1", services)
    assert set(at(tree, f"{INSTANCE}[default]/vlans/vlan")) == {(10,)}
    assert at(tree, f"{INSTANCE}[default]/interfaces/interface[Vlan10]/config/interface") == "Vlan10"
    assert refusals(fabric) == ()
    assert compiled(fabric, "leaf2", services) == {}


def test_without_overlay_a_network_on_two_leaves_is_refused_naming_both() -> None:
    fabric = resolved(overlay=Overlay(OverlayType.NONE))
    db, web = refusals(fabric)
    assert db.path == "/fabricd-fabric:fabric/networks[name='db']"
    assert web.path == "/fabricd-fabric:fabric/networks[name='web']"
    assert web.message.startswith("network web is on leaf1 and leaf2, but the fabric has no overlay")
    with pytest.raises(InputError) as caught:
        check(fabric)
    assert {db, web} <= set(caught.value.problems)


def test_rendered_services_do_not_depend_on_who_was_compiled_before() -> None:
    fabric = resolved()
    first = rendered(compiled(fabric, "leaf1", overlay, services))
    for name in fabric.devices:
        compiled(fabric, name, overlay, services)
    assert rendered(compiled(fabric, "leaf1", overlay, services)) == first
