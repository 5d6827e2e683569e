"""Fabric ports, loopbacks, the routed underlay and system services: facts of the trees, written down by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from fabric_builder import EVPN, VLAN, leaf_spine, two_pods, with_servers

from fabricd.intent.fabric.compile import compile_fabric
from fabricd.intent.fabric.values import (
    Addressing,
    AsnScheme,
    Bfd,
    Device,
    Fabric,
    Network,
    Role,
    System,
    Underlay,
)


def tree(one: Fabric, device: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(compile_fabric(one).trees[device])
    return found


def by(entries: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    return {entry[key]: entry for entry in entries}


def interfaces(one: Fabric, device: str) -> dict[str, dict[str, Any]]:
    return by(tree(one, device)["openconfig-interfaces:interfaces"]["interface"], "name")


def instance(one: Fabric, device: str) -> dict[str, Any]:
    found = by(tree(one, device)["openconfig-network-instance:network-instances"]["network-instance"], "name")
    return found["default"]


def bgp(one: Fabric, device: str) -> dict[str, Any]:
    protocols = by(instance(one, device)["protocols"]["protocol"], "identifier")
    found: dict[str, Any] = protocols["openconfig-policy-types:BGP"]["bgp"]
    return found


def groups(one: Fabric, device: str) -> dict[str, dict[str, Any]]:
    return by(bgp(one, device)["peer-groups"]["peer-group"], "peer-group-name")


def neighbours(one: Fabric, device: str) -> dict[str, tuple[str, int, str]]:
    return {
        entry["neighbor-address"]: tuple(entry["config"][leaf] for leaf in ("peer-group", "peer-as", "description"))
        for entry in bgp(one, device)["neighbors"]["neighbor"]
    }


def address(entry: dict[str, Any], version: int = 4) -> list[tuple[str, int]]:
    unit = entry["subinterfaces"]["subinterface"][0]
    found = unit[f"openconfig-if-ip:ipv{version}"]["addresses"]["address"]
    return [(one["ip"], one["config"]["prefix-length"]) for one in found]


def test_a_fabric_port_says_where_it_leads() -> None:
    one = leaf_spine(2, 2)
    first, *rest = one.links
    found = interfaces(replace(one, links=(replace(first, speed="SPEED_100GB"), *rest)), "leaf1")
    assert found["Ethernet1"]["config"] == {
        "name": "Ethernet1",
        "type": "iana-if-type:ethernetCsmacd",
        "description": "to spine1 Ethernet1",
        "enabled": True,
        "mtu": 9214,
    }
    assert found["Ethernet1"]["openconfig-if-ethernet:ethernet"]["config"] == {
        "port-speed": "openconfig-if-ethernet:SPEED_100GB"
    }
    assert address(found["Ethernet1"]) == [("10.128.0.1", 31)]
    assert address(found["Ethernet2"]) == [("10.128.0.5", 31)]


def test_a_link_that_is_shut_down_is_so_on_both_ends() -> None:
    one = leaf_spine(2, 2)
    first, *rest = one.links
    shut = replace(one, links=(replace(first, shutdown=True, description="faulty"), *rest))
    for device in ("leaf1", "spine1"):
        config = interfaces(shut, device)["Ethernet1"]["config"]
        assert (config["enabled"], config["description"]) == (False, "faulty")


def test_loopbacks_are_host_addresses_and_only_leaves_have_the_second() -> None:
    one = leaf_spine(1, 1, overlay=EVPN)
    leaf, spine = interfaces(one, "leaf1"), interfaces(one, "spine1")
    assert address(leaf["Loopback0"]) == [("10.255.0.1", 32)]
    assert address(leaf["Loopback1"]) == [("10.253.0.1", 32)]
    assert address(spine["Loopback0"]) == [("10.255.0.2", 32)]
    assert "Loopback1" not in spine


def test_lldp_runs_on_fabric_ports() -> None:
    found = tree(leaf_spine(2, 1), "leaf1")["openconfig-lldp:lldp"]
    assert found["config"] == {"enabled": True}
    assert [one["config"] for one in found["interfaces"]["interface"]] == [
        {"name": "Ethernet1", "enabled": True},
        {"name": "Ethernet2", "enabled": True},
    ]


def test_a_leaf_peers_with_each_spine_on_its_link() -> None:
    one = leaf_spine(2, 2)
    assert neighbours(one, "leaf2") == {
        "10.128.0.2": ("spines", 4200000000, "spine1 Ethernet2"),
        "10.128.0.6": ("spines", 4200000000, "spine2 Ethernet2"),
    }
    assert bgp(one, "leaf2")["global"]["config"] == {"as": 4200000002, "router-id": "10.255.0.2"}
    assert instance(one, "leaf2")["config"]["router-id"] == "10.255.0.2"


def test_peers_are_grouped_by_their_role() -> None:
    one = two_pods()
    assert list(groups(one, "spine-a1")) == ["border-leaves", "leaves", "super-spines"]
    assert list(groups(one, "super1")) == ["spines"]
    assert list(groups(one, "leaf-b2")) == ["spines"]


def test_what_rfc_8212_would_reject_is_accepted_on_purpose() -> None:
    (group,) = groups(leaf_spine(), "leaf1").values()
    assert group["apply-policy"]["config"] == {
        "default-import-policy": "ACCEPT_ROUTE",
        "default-export-policy": "ACCEPT_ROUTE",
    }


def test_timers_and_multipath_are_as_said() -> None:
    one = leaf_spine(underlay=Underlay(maximum_paths=8, hold_time=30, keepalive=10))
    (group,) = groups(one, "leaf1").values()
    assert group["timers"]["config"] == {"hold-time": 30, "keepalive-interval": 10}
    (family,) = bgp(one, "leaf1")["global"]["afi-safis"]["afi-safi"]
    assert family["afi-safi-name"] == "openconfig-bgp-types:IPV4_UNICAST"
    assert family["use-multiple-paths"] == {
        "config": {"enabled": True},
        "ebgp": {"config": {"allow-multiple-as": True, "maximum-paths": 8}},
    }


def test_dual_stack_has_a_session_a_group_and_a_table_for_each_family() -> None:
    one = leaf_spine(1, 1, underlay=Underlay(Addressing.DUAL))
    assert neighbours(one, "leaf1") == {
        "10.128.0.0": ("spines", 4200000000, "spine1 Ethernet1"),
        "2001:db8:fe::": ("spines-ipv6", 4200000000, "spine1 Ethernet1"),
    }
    families = {
        name: [family["afi-safi-name"].partition(":")[2] for family in group["afi-safis"]["afi-safi"]]
        for name, group in groups(one, "leaf1").items()
    }
    assert families == {"spines": ["IPV4_UNICAST"], "spines-ipv6": ["IPV6_UNICAST"]}
    assert address(interfaces(one, "leaf1")["Ethernet1"], 6) == [("2001:db8:fe::1", 127)]
    assert address(interfaces(one, "leaf1")["Loopback0"], 6) == [("2001:db8:ff::1", 128)]
    assert len(instance(one, "leaf1")["table-connections"]["table-connection"]) == 2


def test_an_ipv6_fabric_has_no_ipv4_but_its_router_ids() -> None:
    one = leaf_spine(1, 1, underlay=Underlay(Addressing.IPV6))
    assert list(neighbours(one, "leaf1")) == ["2001:db8:fe::"]
    assert bgp(one, "leaf1")["global"]["config"]["router-id"] == "10.255.0.1"
    assert b"if-ip:ipv4" not in compile_fabric(one).trees["leaf1"]
    assert b"IPV4" not in compile_fabric(one).trees["leaf1"]


def announced(one: Fabric, device: str) -> dict[str, list[str]]:
    sets = tree(one, device)["openconfig-routing-policy:routing-policy"]["defined-sets"]["prefix-sets"]["prefix-set"]
    return {entry["name"]: [prefix["ip-prefix"] for prefix in entry["prefixes"]["prefix"]] for entry in sets}


def test_loopbacks_and_nothing_else_are_announced() -> None:
    one = leaf_spine(1, 1, overlay=EVPN)
    assert announced(one, "leaf1") == {"fabric-underlay-ipv4": ["10.253.0.1/32", "10.255.0.1/32"]}
    assert announced(one, "spine1") == {"fabric-underlay-ipv4": ["10.255.0.2/32"]}
    (connection,) = instance(one, "leaf1")["table-connections"]["table-connection"]
    assert connection["config"] == {
        "src-protocol": "openconfig-policy-types:DIRECTLY_CONNECTED",
        "dst-protocol": "openconfig-policy-types:BGP",
        "address-family": "openconfig-types:IPV4",
        "import-policy": ["fabric-underlay-ipv4"],
        "default-import-policy": "REJECT_ROUTE",
    }


def test_a_routed_fabric_announces_the_networks_of_its_leaves() -> None:
    one = leaf_spine(1, 2, underlay=Underlay(Addressing.DUAL))
    net = Network("web", 10, gateways=("10.1.0.1/24", "2001:db8:1::1/64"), devices=("leaf2",))
    assert announced(replace(one, networks=(net,)), "leaf2") == {
        "fabric-underlay-ipv4": ["10.1.0.0/24", "10.255.0.2/32"],
        "fabric-underlay-ipv6": ["2001:db8:1::/64", "2001:db8:ff::2/128"],
    }
    assert announced(replace(one, networks=(net,)), "leaf1")["fabric-underlay-ipv4"] == ["10.255.0.1/32"]


def test_the_own_asn_is_accepted_only_where_leaves_share_it() -> None:
    def options(scheme: AsnScheme, device: str, group: str) -> dict[str, Any]:
        found = groups(two_pods(underlay=Underlay(asn_scheme=scheme)), device)[group]
        options: dict[str, Any] = found.get("as-path-options", {})
        return options.get("config", {})

    assert options(AsnScheme.PER_POD, "leaf-a1", "spines") == {"allow-own-as": 1}
    assert options(AsnScheme.PER_POD, "spine-a1", "leaves") == {"disable-peer-as-filter": True}
    assert options(AsnScheme.PER_POD, "spine-a1", "super-spines") == {}
    assert options(AsnScheme.PER_RACK, "leaf-a1", "spines") == {"allow-own-as": 1}
    assert options(AsnScheme.PER_RACK, "border-a1", "spines") == {}
    assert options(AsnScheme.PER_LEAF, "leaf-a1", "spines") == {}


def test_bfd_is_in_microseconds_on_sessions_and_ports() -> None:
    one = leaf_spine(1, 1, underlay=Underlay(bfd=Bfd(True, interval=250, multiplier=4)))
    said = {
        "enabled": True,
        "desired-minimum-tx-interval": 250_000,
        "required-minimum-receive": 250_000,
        "detection-multiplier": 4,
    }
    (group,) = groups(one, "leaf1").values()
    assert group["enable-bfd"]["config"] == said
    (port,) = tree(one, "leaf1")["openconfig-bfd:bfd"]["interfaces"]["interface"]
    assert port["config"] == {"id": "Ethernet1", **said}
    assert port["interface-ref"]["config"] == {"interface": "Ethernet1", "subinterface": 0}


def test_without_bfd_there_is_none() -> None:
    assert "openconfig-bfd:bfd" not in tree(leaf_spine(1, 1), "leaf1")


def test_in_a_vlan_fabric_links_are_trunks_of_what_both_ends_have() -> None:
    one = leaf_spine(1, 2, overlay=VLAN)
    one = replace(one, networks=(Network("a", 10, devices=("leaf1",)), Network("b", 20, devices=("leaf2",))))
    trunk = interfaces(one, "spine1")["Ethernet1"]["openconfig-if-ethernet:ethernet"]["openconfig-vlan:switched-vlan"]
    assert trunk["config"] == {"interface-mode": "TRUNK", "trunk-vlans": [10]}
    assert list(interfaces(one, "leaf1")) == ["Ethernet1"]
    assert "protocols" not in instance(one, "leaf1")
    assert tree(one, "leaf1")["openconfig-spanning-tree:stp"]["global"]["config"] == {
        "enabled-protocol": ["openconfig-spanning-tree-types:RSTP"]
    }


def test_a_border_leaf_peers_like_a_leaf() -> None:
    one = with_servers(leaf_spine(1, 1, borders=1, overlay=EVPN))
    assert neighbours(one, "border1")["10.128.0.2"] == ("spines", 4200000000, "spine1 Ethernet2")


def test_every_switch_has_the_fabrics_services_and_its_own_name() -> None:
    said = System("example.net", ("192.0.2.53",), ("192.0.2.123",), ("192.0.2.14",), "Hands off.", "Europe/Berlin")
    found = tree(leaf_spine(1, 1, system=said), "leaf1")["openconfig-system:system"]
    assert found["config"] == {"hostname": "leaf1", "domain-name": "example.net", "login-banner": "Hands off."}
    assert found["clock"]["config"] == {"timezone-name": "Europe/Berlin"}
    assert found["dns"]["config"] == {"search": ["example.net"]}
    assert [one["address"] for one in found["dns"]["servers"]["server"]] == ["192.0.2.53"]
    assert found["ntp"]["config"] == {"enabled": True}
    assert [one["config"] for one in found["ntp"]["servers"]["server"]] == [{"address": "192.0.2.123"}]
    (syslog,) = found["logging"]["remote-servers"]["remote-server"]
    assert syslog["config"] == {"host": "192.0.2.14", "remote-port": 514}
    assert syslog["selectors"]["selector"][0]["config"] == {
        "facility": "openconfig-system-logging:ALL",
        "severity": "INFORMATIONAL",
    }


def test_a_lone_switch_has_no_neighbours() -> None:
    found = bgp(replace(leaf_spine(0, 0), devices=(Device("leaf1", Role.LEAF),)), "leaf1")
    assert "neighbors" not in found
    assert "peer-groups" not in found
