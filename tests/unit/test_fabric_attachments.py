"""Ports where servers are plugged in: VLANs, LAGs and their numbers, ethernet segments, ACL bindings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from overlay_fabrics import DB, LONELY, WEB, at, compiled, rendered, resolved, validated

from fabricd.intent.fabric.acl import acl
from fabricd.intent.fabric.attachments import aggregate_numbers, attachments, lacp_system
from fabricd.intent.fabric.overlay import overlay
from fabricd.intent.fabric.resolved import ResolvedFabric
from fabricd.intent.fabric.services import services
from fabricd.intent.fabric.values import Acl, AclEntry, Attachment, Fabric, Lag, Port
from fabricd.schema import Schema

ACCESS = Attachment("printer", (Port("leaf1", "Ethernet1"),), network="web")
TRUNK = Attachment("hypervisor", (Port("leaf1", "Ethernet2"),), tagged=("db", "web"), speed="SPEED_25GB", mtu=1500)
NATIVE = Attachment("wireless", (Port("leaf1", "Ethernet3"),), network="web", tagged=("db",))
DUAL = Attachment(
    "server-a",
    (Port("leaf1", "Ethernet10"), Port("leaf2", "Ethernet11")),
    network="web",
    lag=Lag.LACP,
    lacp_fast=True,
    acl_in="web-in",
    acl_out="web-out",
)
STATIC = Attachment(
    "storage", (Port("leaf1", "Ethernet20"), Port("leaf1", "Ethernet21")), network="db", lag=Lag.STATIC, shutdown=True
)
ACLS = (
    Acl("unused", (AclEntry(10, True),)),
    Acl("web-in", (AclEntry(10, True, destination="10.1.10.0/24", protocol="tcp", destination_port="443"),)),
    Acl(
        "web-out",
        (
            AclEntry(10, True, source="2001:db8::1", protocol="icmpv6"),
            AclEntry(20, False, protocol="udp", source_port="8000..8999", dscp=46, log=True),
        ),
        ipv6=True,
    ),
)
ESI = "00000000000000000abc"


def fabric_with(*chosen: Attachment) -> ResolvedFabric:
    return resolved(
        attachments=chosen or (ACCESS, TRUNK, NATIVE, DUAL, STATIC),
        acls=ACLS,
        segments={"server-a": ESI},
        aggregates={"server-a": 1, "storage": 2},
    )


@pytest.mark.parametrize("name", ["leaf1", "leaf2"])
def test_attachments_validate(either_schema: Schema, name: str) -> None:
    validated(either_schema, fabric_with(), name, overlay, services, attachments, acl)


def test_an_access_port_has_its_vlan_and_is_an_edge() -> None:
    tree = compiled(fabric_with(), "leaf1", attachments)
    port = at(tree, "interfaces/interface[Ethernet1]")
    assert port["config"] == {
        "name": "Ethernet1",
        "type": "iana-if-type:ethernetCsmacd",
        "enabled": True,
        "description": "printer",
        "mtu": 9000,
    }
    assert at(port, "ethernet/switched-vlan/config") == {"interface-mode": "ACCESS", "access-vlan": 10}
    assert at(tree, "stp/interfaces/interface[Ethernet1]/config") == {
        "name": "Ethernet1",
        "edge-port": "openconfig-spanning-tree-types:EDGE_ENABLE",
        "bpdu-guard": True,
    }


def test_a_trunk_has_its_vlans_in_order_and_the_speed_and_mtu_that_were_asked_for() -> None:
    tree = compiled(fabric_with(), "leaf1", attachments)
    port = at(tree, "interfaces/interface[Ethernet2]")
    assert at(port, "ethernet/switched-vlan/config") == {"interface-mode": "TRUNK", "trunk-vlans": [10, 20]}
    assert at(port, "ethernet/config") == {
        "auto-negotiate": False,
        "port-speed": "openconfig-if-ethernet:SPEED_25GB",
    }
    assert port["config"]["mtu"] == 1500
    assert "bpdu-guard" not in at(tree, "stp/interfaces/interface[Ethernet2]/config")


def test_the_native_vlan_of_a_trunk_is_allowed_on_it() -> None:
    tree = compiled(fabric_with(), "leaf1", attachments)
    assert at(tree, "interfaces/interface[Ethernet3]/ethernet/switched-vlan/config") == {
        "interface-mode": "TRUNK",
        "native-vlan": 10,
        "trunk-vlans": [10, 20],
    }


def test_a_trunk_of_everything_has_all_networks_of_the_leaf() -> None:
    everything = Attachment("firewall", (Port("leaf1", "Ethernet5"),), tagged=("*",))
    fabric = resolved(attachments=(everything,), places={"leaf1": (DB, LONELY, WEB)})
    config = at(compiled(fabric, "leaf1", attachments), "interfaces/interface[Ethernet5]/ethernet/switched-vlan/config")
    assert config == {"interface-mode": "TRUNK", "trunk-vlans": [10, 20, 30]}


def test_a_port_that_is_switched_off_needs_no_network(either_schema: Schema) -> None:
    fabric = resolved(attachments=(Attachment("spare", (Port("leaf1", "Ethernet9"),), shutdown=True),))
    tree = rendered(compiled(fabric, "leaf1", attachments))
    (port,) = tree["openconfig-interfaces:interfaces"]["interface"]
    assert port["config"]["enabled"] is False
    assert "openconfig-if-ethernet:ethernet" not in port
    assert "openconfig-spanning-tree:stp" not in tree
    validated(either_schema, fabric, "leaf1", attachments)


def test_ports_of_a_lag_name_it_and_leave_the_vlans_to_it() -> None:
    tree = compiled(fabric_with(), "leaf1", attachments)
    for name in ("Ethernet20", "Ethernet21"):
        assert at(tree, f"interfaces/interface[{name}]/ethernet") == {
            "config": {"openconfig-if-aggregate:aggregate-id": "PortChannel2"}
        }
        assert at(tree, f"interfaces/interface[{name}]/config/enabled") is False
    bundle = at(tree, "interfaces/interface[PortChannel2]")
    assert bundle["config"]["type"] == "iana-if-type:ieee8023adLag"
    assert at(bundle, "aggregation/config") == {"lag-type": "STATIC"}
    assert at(bundle, "aggregation/switched-vlan/config") == {"interface-mode": "ACCESS", "access-vlan": 20}
    assert at(tree, "lacp/interfaces/interface[PortChannel2]") is None


def test_both_leaves_of_a_segment_show_the_same_esi_lag_and_lacp_system() -> None:
    fabric = fabric_with()
    for name, member in (("leaf1", "Ethernet10"), ("leaf2", "Ethernet11")):
        tree = compiled(fabric, name, attachments)
        assert at(tree, f"interfaces/interface[{member}]/ethernet/config/aggregate-id") == "PortChannel1"
        assert at(tree, "ethernet-segments/ethernet-segment[server-a]/config") == {
            "name": "server-a",
            "esi-type": "TYPE_0_OPERATOR_CONFIGURED",
            "esi": "00000000000000000abc",
            "redundancy-mode": "openconfig-evpn-types:ALL_ACTIVE",
            "es-import-route-target": "02:00:00:00:0a:bc",
            "interface": "PortChannel1",
        }
        assert at(tree, "lacp/interfaces/interface[PortChannel1]/config") == {
            "name": "PortChannel1",
            "interval": "FAST",
            "lacp-mode": "ACTIVE",
            "system-id-mac": "02:00:00:00:0a:bc",
            "system-priority": 32768,
        }


def test_a_lag_on_one_leaf_keeps_the_switch_s_own_lacp_system() -> None:
    single = replace(DUAL, ports=(Port("leaf1", "Ethernet10"),), lacp_fast=False)
    fabric = replace(fabric_with(single), segments={})
    tree = compiled(fabric, "leaf1", attachments)
    assert at(tree, "lacp/interfaces/interface[PortChannel1]/config") == {
        "name": "PortChannel1",
        "interval": "SLOW",
        "lacp-mode": "ACTIVE",
    }
    assert not at(tree, "ethernet-segments/ethernet-segment")


def test_the_lacp_system_is_a_local_address_with_the_low_octets_of_the_esi() -> None:
    assert lacp_system("00112233445566778899") == "02:00:00:77:88:99"


# ACLs


def test_acls_are_bound_to_the_lag_of_their_attachment_with_their_type() -> None:
    tree = compiled(fabric_with(), "leaf2", attachments)
    bound = at(tree, "acl/interfaces/interface")
    assert set(bound) == {("PortChannel1",)}
    assert at(bound[("PortChannel1",)], "interface-ref/config/interface") == "PortChannel1"
    ingress = at(bound[("PortChannel1",)], "ingress-acl-sets/ingress-acl-set")
    egress = at(bound[("PortChannel1",)], "egress-acl-sets/egress-acl-set")
    assert set(ingress) == {("web-in", "openconfig-acl:ACL_IPV4")}
    assert set(egress) == {("web-out", "openconfig-acl:ACL_IPV6")}


def test_only_the_acls_that_are_bound_are_on_a_device() -> None:
    fabric = fabric_with()
    assert set(at(compiled(fabric, "leaf1", acl), "acl/acl-sets/acl-set")) == {
        ("web-in", "openconfig-acl:ACL_IPV4"),
        ("web-out", "openconfig-acl:ACL_IPV6"),
    }
    assert compiled(fabric, "leaf3", acl) == {}


def test_acl_entries_match_what_they_say_and_nothing_else() -> None:
    sets = at(compiled(fabric_with(), "leaf1", acl), "acl/acl-sets/acl-set")
    entry = at(sets[("web-in", "openconfig-acl:ACL_IPV4")], "acl-entries/acl-entry[10]")
    assert rendered(entry) == {
        "sequence-id": 10,
        "config": {"sequence-id": 10},
        "ipv4": {"config": {"destination-address": "10.1.10.0/24", "protocol": "openconfig-packet-match-types:IP_TCP"}},
        "transport": {"config": {"destination-port": 443}},
        "actions": {"config": {"forwarding-action": "openconfig-acl:ACCEPT"}},
    }
    entries = at(sets[("web-out", "openconfig-acl:ACL_IPV6")], "acl-entries/acl-entry")
    assert at(entries[(10,)], "ipv6/config") == {"source-address": "2001:db8::1/128", "protocol": 58}
    assert rendered(entries[(20,)]) == {
        "sequence-id": 20,
        "config": {"sequence-id": 20},
        "ipv6": {"config": {"protocol": "openconfig-packet-match-types:IP_UDP", "dscp": 46}},
        "transport": {"config": {"source-port": "8000..8999"}},
        "actions": {"config": {"forwarding-action": "openconfig-acl:DROP", "log-action": "openconfig-acl:LOG_SYSLOG"}},
    }


def test_nothing_is_said_of_a_device_without_attachments() -> None:
    assert compiled(fabric_with(), "leaf3", attachments) == {}


# Numbers of LAGs

LEAVES = ("leaf1", "leaf2", "leaf3")


@st.composite
def bundles(draw: st.DrawFn) -> tuple[Attachment, ...]:
    names = draw(st.lists(st.sampled_from([f"server{number}" for number in range(12)]), unique=True))
    places = st.lists(st.sampled_from(LEAVES), min_size=1, max_size=3, unique=True)
    return tuple(
        Attachment(name, tuple(Port(leaf, f"Ethernet{name}") for leaf in draw(places)), lag=Lag.LACP) for name in names
    )


def test_lags_get_the_lowest_number_that_is_free_on_all_their_leaves() -> None:
    one = Attachment("a1", (Port("leaf1", "e1"),), lag=Lag.LACP)
    two = Attachment("a2", (Port("leaf1", "e2"), Port("leaf2", "e2")), lag=Lag.STATIC)
    ten = Attachment("a10", (Port("leaf2", "e3"),), lag=Lag.LACP)
    none = Attachment("a0", (Port("leaf1", "e4"),))
    fabric = Fabric("dc1", attachments=(ten, none, two, one))
    assert aggregate_numbers(fabric, {}) == {"a1": 1, "a2": 2, "a10": 1}


@given(bundles(), bundles())
def test_no_two_lags_of_a_leaf_have_one_number_and_numbers_stay(
    first: tuple[Attachment, ...], second: tuple[Attachment, ...]
) -> None:
    numbers = aggregate_numbers(Fabric("dc1", attachments=first), {})
    _distinct(first, numbers)
    kept = {one.name for one in first}
    both = (*first, *(one for one in second if one.name not in kept))
    held = {name: str(number) for name, number in numbers.items()}
    after = aggregate_numbers(Fabric("dc1", attachments=both), held)
    _distinct(both, after)
    assert {name: after[name] for name in numbers} == numbers
    assert aggregate_numbers(Fabric("dc1", attachments=tuple(reversed(both))), held) == after


def _distinct(chosen: tuple[Attachment, ...], numbers: dict[str, int]) -> None:
    seen: list[Any] = [(port.device, numbers[one.name]) for one in chosen for port in one.ports]
    assert len(seen) == len(set(seen))
    assert set(numbers) == {one.name for one in chosen}
