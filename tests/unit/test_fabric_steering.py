"""What switches are told for paths: rules, where they are bound, and what is refused because no switch could do it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from path_fabrics import WEB, cord, fabric_of, leaf_spine

from fabricd.errors import InputError
from fabricd.intent.fabric.fragment import keyed, merged, rendered
from fabricd.intent.fabric.resolved import ResolvedDevice, ResolvedFabric
from fabricd.intent.fabric.steering import steer, steering
from fabricd.intent.fabric.values import (
    Addressing,
    ExternalPeer,
    Fallback,
    Network,
    OverlayType,
    Path,
    Port,
    StaticRoute,
    TrafficClass,
    Vrf,
)
from fabricd.schema import Schema

VXLAN = TrafficClass("vxlan", protocol="udp", destination_port="4789")
BEST = TrafficClass("best", dscp=46)


def path(name: str = "p", traffic_class: str = "web", **more: Any) -> Path:
    return Path(name, traffic_class, more.pop("source", "leaf1"), more.pop("destination", "leaf4"), **more)


def instance_of(fabric: ResolvedFabric, device: str) -> dict[str, Any]:
    tree = rendered(steering(fabric, fabric.devices[device]))
    (found,) = tree["openconfig-network-instance:network-instances"]["network-instance"]
    assert found["name"] == "default"
    return found  # type: ignore[no-any-return]


def rules_of(fabric: ResolvedFabric, device: str, policy: str) -> list[dict[str, Any]]:
    policies = instance_of(fabric, device)["policy-forwarding"]["policies"]["policy"]
    (found,) = (one for one in policies if one["policy-id"] == policy)
    return found["rules"]["rule"]  # type: ignore[no-any-return]


def actions_of(fabric: ResolvedFabric, device: str, policy: str) -> list[tuple[int, dict[str, Any]]]:
    return [(rule["sequence-id"], rule["action"]["config"]) for rule in rules_of(fabric, device, policy)]


def bound_at(fabric: ResolvedFabric, device: str) -> dict[str, str]:
    interfaces = instance_of(fabric, device)["policy-forwarding"]["interfaces"]["interface"]
    return {one["interface-id"]: one["config"]["apply-forwarding-policy"] for one in interfaces}


def only_problem(fabric: ResolvedFabric) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        steer(fabric)
    (problem,) = caught.value.problems
    return problem.path.partition("]")[2].strip("/"), problem.message


def tree_of(fabric: ResolvedFabric, device: ResolvedDevice) -> bytes:
    """The steering of a device and the interfaces that it refers to."""
    ports = [
        *((end.port.name, "iana-if-type:ethernetCsmacd", 0) for end in device.ends),
        *((f"Vlan{network.vlan}", "iana-if-type:l3ipvlan", None) for network in device.networks),
        *((peer.port.name, "iana-if-type:ethernetCsmacd", peer.vlan) for peer in fabric.fabric.peers
          if peer.port.device == device.name),
    ]  # fmt: skip
    entries = [
        {
            "name": name,
            "config": {"name": name, "type": kind},
            **({"subinterfaces": {"subinterface": [{"index": index, "config": {"index": index}}]}} if index is not None
               else {}),
        }
        for name, kind, index in ports
    ]  # fmt: skip
    interfaces = {"openconfig-interfaces:interfaces": {"interface": keyed("name", entries)}}
    return orjson.dumps(rendered(merged([interfaces, steering(fabric, device)])))


def validates(schema: Schema, fabric: ResolvedFabric) -> None:
    told = 0
    for device in fabric.devices.values():
        schema.validate(schema.read(tree_of(fabric, device)))
        told += bool(device.steered)
    assert told > 1


# A routed fabric


def test_a_fabric_without_paths_is_left_alone() -> None:
    fabric = fabric_of(leaf_spine())
    assert steer(fabric) is fabric
    assert all(steering(fabric, device) == {} for device in fabric.devices.values())


def test_the_source_sends_the_class_to_the_first_hop() -> None:
    fabric = steer(fabric_of(leaf_spine(), path(via=("spine2",))))
    (rule,) = rules_of(fabric, "leaf1", "paths-from-here")
    assert rule == {
        "sequence-id": 10,
        "config": {"sequence-id": 10, "address-family": "openconfig-types:IPV4"},
        "ipv4": {
            "config": {
                "source-address": "10.1.1.0/24",
                "destination-address": "10.1.4.0/24",
                "protocol": "openconfig-packet-match-types:IP_TCP",
            }
        },
        "transport": {"config": {"destination-port": 443}},
        # The second link, leaf1 to spine2, has 10.0.0.4 and 10.0.0.5.
        "action": {"config": {"next-hop": "10.0.0.5"}},
    }
    assert bound_at(fabric, "leaf1") == {"Vlan11": "paths-from-here"}


def test_a_transit_switch_is_told_at_the_port_where_the_path_comes_in() -> None:
    fabric = steer(fabric_of(leaf_spine(), path(via=("spine2",))))
    # spine2:Ethernet4 to leaf4 is the eighth link; spine2:Ethernet1 goes back to leaf1.
    assert actions_of(fabric, "spine2", "paths-from-Ethernet1")[0] == (10, {"next-hop": "10.0.0.16"})
    assert bound_at(fabric, "spine2") == {"Ethernet1.0": "paths-from-Ethernet1"}


def test_others_are_told_nothing() -> None:
    fabric = steer(fabric_of(leaf_spine(), path(via=("spine2",))))
    assert {name for name, device in fabric.devices.items() if steering(fabric, device)} == {"leaf1", "spine2"}
    before = fabric_of(leaf_spine())
    assert fabric.devices["leaf4"] == before.devices["leaf4"]


def test_a_spine_that_lost_its_only_link_sends_back_what_it_would_lose() -> None:
    fabric = steer(fabric_of(leaf_spine(), path(via=("spine2",))))
    # 10.0.0.4 is leaf1's end of the link by which the packets came.
    assert actions_of(fabric, "spine2", "paths-from-Ethernet1") == [
        (10, {"next-hop": "10.0.0.16"}),
        (20, {"next-hop": "10.0.0.4"}),
    ]


def test_a_spine_with_a_parallel_link_routes_instead() -> None:
    fabric = steer(fabric_of(leaf_spine(2, 4, parallel=2), path(via=("spine2",))))
    assert len(actions_of(fabric, "spine2", "paths-from-Ethernet1")) == 1


def test_dropping_is_said_behind_the_rule_on_every_hop() -> None:
    fabric = steer(fabric_of(leaf_spine(), path(fallback=Fallback.DROP)))
    assert actions_of(fabric, "leaf1", "paths-from-here")[1] == (20, {"discard": True})
    assert actions_of(fabric, "spine1", "paths-from-Ethernet1")[1] == (20, {"discard": True})


def test_paths_that_come_in_together_share_a_policy_in_order_of_names() -> None:
    dns = TrafficClass("dns", destination="10.1.3.0/24", protocol="udp", destination_port="53")
    fabric = steer(
        fabric_of(
            leaf_spine(),
            path("b", via=("spine2",)),
            path("a", "dns", destination="leaf3", via=("spine2",), fallback=Fallback.DROP),
            classes=(WEB, dns),
        )
    )
    assert actions_of(fabric, "leaf1", "paths-from-here") == [
        (10, {"next-hop": "10.0.0.5"}),
        (20, {"discard": True}),
        (30, {"next-hop": "10.0.0.5"}),
    ]


def test_a_class_without_destination_is_narrowed_to_what_is_behind_the_destination() -> None:
    fabric = steer(fabric_of(leaf_spine(), path("p", "best"), classes=(BEST,), addressing=Addressing.DUAL))
    first, second = rules_of(fabric, "leaf1", "paths-from-here")
    assert first["ipv4"]["config"] == {"destination-address": "10.1.4.0/24", "dscp": 46}
    assert first["action"]["config"] == {"next-hop": "10.0.0.3"}
    assert second["ipv6"]["config"] == {"destination-address": "2001:db8:1:4::/64", "dscp": 46}
    assert second["action"]["config"] == {"next-hop": "2001:db8::3"}


def test_icmp_is_of_one_family() -> None:
    ping = TrafficClass("ping", protocol="icmpv6")
    fabric = steer(fabric_of(leaf_spine(), path("p", "ping"), classes=(ping,), addressing=Addressing.DUAL))
    (rule,) = rules_of(fabric, "leaf1", "paths-from-here")
    assert rule["ipv6"]["config"] == {"destination-address": "2001:db8:1:4::/64", "protocol": 58}


def test_external_peers_are_entrances_too() -> None:
    peer = ExternalPeer("isp", Port("leaf1", "Ethernet9"), "", "192.0.2.1/30", "192.0.2.2", 64496, vlan=7)
    fabric = steer(fabric_of(leaf_spine(), path(), peers=(peer,)))
    assert bound_at(fabric, "leaf1") == {"Vlan11": "paths-from-here", "Ethernet9.7": "paths-from-here"}


# EVPN-VXLAN


def test_an_evpn_path_is_a_static_route_to_the_far_vtep_and_policies_on_the_way() -> None:
    fabric = steer(
        fabric_of(leaf_spine(), path("p", "vxlan", via=("spine2",)), classes=(VXLAN,), overlay=OverlayType.EVPN_VXLAN)
    )
    leaf = instance_of(fabric, "leaf1")
    (protocol,) = leaf["protocols"]["protocol"]
    assert (protocol["identifier"], protocol["name"]) == ("openconfig-policy-types:STATIC", "STATIC")
    (route,) = protocol["static-routes"]["static"]
    assert route["prefix"] == "10.254.0.4/32"
    assert [hop["config"] for hop in route["next-hops"]["next-hop"]] == [
        {"index": "1", "next-hop": "10.0.0.5", "metric": 1}
    ]
    # What spine2 sends back would follow the static route there again: it goes on by spine1, or not at all.
    assert bound_at(fabric, "leaf1") == {"Ethernet2.0": "paths-from-Ethernet2"}
    assert actions_of(fabric, "leaf1", "paths-from-Ethernet2") == [
        (10, {"next-hop": "10.0.0.3"}),
        (20, {"discard": True}),
    ]
    rule = rules_of(fabric, "spine2", "paths-from-Ethernet1")[0]
    assert rule["ipv4"]["config"] == {"source-address": "10.254.0.1/32", "destination-address": "10.254.0.4/32"}
    assert rule["action"]["config"] == {"next-hop": "10.0.0.16"}


def test_an_evpn_path_that_drops_has_a_dearer_next_hop_to_nowhere() -> None:
    one = path("p", "vxlan", fallback=Fallback.DROP)
    fabric = steer(fabric_of(leaf_spine(), one, classes=(VXLAN,), overlay=OverlayType.EVPN_VXLAN))
    (protocol,) = instance_of(fabric, "leaf1")["protocols"]["protocol"]
    hops = protocol["static-routes"]["static"][0]["next-hops"]["next-hop"]
    assert hops[1]["config"] == {"index": "2", "next-hop": "openconfig-local-routing:DROP", "metric": 2}


@pytest.mark.parametrize(
    ("packets", "inner"),
    [
        (TrafficClass("c", protocol="tcp", destination_port="443"), "protocol and destination-port"),
        (TrafficClass("c", source="10.1.1.0/24"), "source"),
        (TrafficClass("c", destination="10.254.0.4/32", dscp=46), "dscp"),
    ],
)
def test_classes_that_look_into_tunnels_are_refused(packets: TrafficClass, inner: str) -> None:
    fabric = fabric_of(leaf_spine(), path("p", "c"), classes=(packets,), overlay=OverlayType.EVPN_VXLAN)
    leaf, message = only_problem(fabric)
    assert leaf == "traffic-class"
    assert f"'c' cannot be told apart by its {inner} (" in message


def test_a_vrf_cannot_be_told_apart_on_the_way() -> None:
    one = path("p", "vxlan", vrf="red")
    fabric = fabric_of(leaf_spine(), one, classes=(VXLAN,), overlay=OverlayType.EVPN_VXLAN, vrfs=(Vrf("red"),))
    leaf, message = only_problem(fabric)
    assert leaf == "vrf"
    assert message.endswith("a path cannot be for VRF 'red' alone")


def test_a_spine_has_no_vtep() -> None:
    one = path("p", "vxlan", destination="spine2")
    fabric = fabric_of(leaf_spine(), one, classes=(VXLAN,), overlay=OverlayType.EVPN_VXLAN)
    assert only_problem(fabric)[1] == "spine2 has no VTEP: paths of an EVPN fabric lead from VTEP to VTEP"


def test_a_source_that_announces_static_routes_would_announce_the_paths_own() -> None:
    fabric = fabric_of(
        leaf_spine(),
        path("p", "vxlan"),
        classes=(VXLAN,),
        overlay=OverlayType.EVPN_VXLAN,
        static_routes=(StaticRoute("0.0.0.0/0", ("192.0.2.1",), devices=("leaf1",)),),
    )
    leaf, message = only_problem(fabric)
    assert leaf == "source"
    assert message.startswith("leaf1 announces static routes of the underlay (0.0.0.0/0)")


# What else is refused


def test_a_vlan_fabric_has_no_paths() -> None:
    assert only_problem(fabric_of(leaf_spine(), path(), overlay=OverlayType.VLAN))[1].startswith(
        "a VLAN fabric bridges"
    )


def test_without_an_overlay_there_is_no_path_in_a_vrf() -> None:
    assert only_problem(fabric_of(leaf_spine(), path(vrf="red")))[0] == "vrf"


def test_a_path_begins_where_packets_come_in() -> None:
    leaf, message = only_problem(fabric_of(leaf_spine(), path(source="spine1")))
    assert (leaf, message) == ("source", "spine1 has no gateway and no external peer by which packets could come in")


def test_a_destination_without_gateway_needs_a_class_that_says_where_to() -> None:
    fabric = fabric_of(leaf_spine(), path("p", "best", destination="spine2"), classes=(BEST,))
    leaf, message = only_problem(fabric)
    assert leaf == "traffic-class"
    assert message == "'best' has no destination, and spine2 has no gateway that would tell it"


def test_an_unknown_class_and_mixed_families() -> None:
    assert only_problem(fabric_of(leaf_spine(), path("p", "what")))[1] == "there is no traffic class 'what'"
    mixed = replace(WEB, destination="2001:db8::/32")
    assert "different address families" in only_problem(fabric_of(leaf_spine(), path(), classes=(mixed,)))[1]


def test_a_class_of_a_family_that_the_links_do_not_have() -> None:
    six = TrafficClass("web", destination="2001:db8::/32")
    message = "link leaf1:Ethernet1 - spine1:Ethernet1 has no IPv6 addresses"
    with pytest.raises(InputError) as caught:
        steer(fabric_of(leaf_spine(), path(), classes=(six,)))
    assert caught.value.problems[0].message == message


def test_two_paths_for_the_same_packets() -> None:
    leaf, message = only_problem(fabric_of(leaf_spine(), path("a"), path("b", via=("spine2",))))
    assert (leaf, message) == ("traffic-class", "moves the same packets as path 'a', which also begins at leaf1")


def test_problems_of_ways_and_of_classes_are_told_together() -> None:
    with pytest.raises(InputError) as caught:
        steer(fabric_of(leaf_spine(), path("a", source="nobody"), path("b", "what")))
    assert {problem.path for problem in caught.value.problems} == {
        "/fabricd-fabric:fabric/paths[name='a']/source",
        "/fabricd-fabric:fabric/paths[name='b']/traffic-class",
    }


# What is emitted is OpenConfig


def everything() -> Iterable[ResolvedFabric]:
    classes = (
        WEB,
        BEST,
        TrafficClass("range", destination="10.1.3.0/24", protocol="17", source_port="1000..2000"),
        TrafficClass("six", source="2001:db8:1:1::/64", destination="2001:db8:1:2::/64", protocol="icmpv6", dscp=0),
    )
    paths = (
        path("a"),
        path("b", "best", fallback=Fallback.DROP),
        path("c", "range", destination="leaf3", least="load"),
        path("d", "six", destination="leaf2", via=("spine2",)),
    )
    peer = ExternalPeer("isp", Port("leaf1", "Ethernet9"), "", "192.0.2.1/30", "192.0.2.2", 64496, vlan=7)
    yield fabric_of(leaf_spine(), *paths, classes=classes, addressing=Addressing.DUAL, peers=(peer,))
    evpn = (path("a", "vxlan"), path("b", "vxlan", destination="leaf3", fallback=Fallback.DROP))
    yield fabric_of(leaf_spine(), *evpn, classes=(VXLAN,), overlay=OverlayType.EVPN_VXLAN)


@pytest.mark.parametrize("fabric", list(everything()), ids=["routed", "evpn"])
def test_devices_can_be_told(either_schema: Schema, fabric: ResolvedFabric) -> None:
    validates(either_schema, steer(fabric))


def test_a_network_of_a_vrf_is_no_entrance_of_the_underlay() -> None:
    networks = (Network("red", 11, vrf="red", gateways=("10.1.1.1/24",), devices=("leaf1",)),)
    fabric = fabric_of([*leaf_spine(), cord("leaf1:e9", "spine1:e9")], path(), networks=networks, vrfs=(Vrf("red"),))
    assert only_problem(fabric)[0] == "source"
