"""State follows configuration: worked out from values alone, no switch running."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fabricd.schema.models import ModelSet
from fabricd.schema.outline import Outline, outline_of
from fabricd.simulator.facts import entries, facts_of
from fabricd.simulator.state import View, full_tree

NI = "openconfig-network-instance:network-instances"
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def outline() -> Outline:
    return outline_of(ModelSet.managed())


def switch(name: str, address: str, neighbor: str, own_as: int, peer_as: int, **changes: Any) -> dict[str, Any]:
    """A switch with one addressed port and one BGP neighbour."""
    bgp = {
        "global": {"config": {"as": own_as}},
        "neighbors": {
            "neighbor": [
                {
                    "neighbor-address": neighbor,
                    "config": {"neighbor-address": neighbor, "peer-as": peer_as, **changes.get("bgp", {})},
                }
            ]
        },
    }
    ip = {"ip": address, "prefix-length": changes.get("length", 31)}
    port: dict[str, Any] = {
        "name": "Ethernet1",
        "config": {"name": "Ethernet1", "enabled": changes.get("enabled", True)},
        "subinterfaces": {
            "subinterface": [
                {
                    "index": 0,
                    "config": {"index": 0},
                    "openconfig-if-ip:ipv4": {"addresses": {"address": [{"ip": address, "config": ip}]}},
                }
            ]
        },
    }
    return {
        "openconfig-system:system": {"config": {"hostname": f"{name}.example"}},
        "openconfig-lldp:lldp": {"config": {"enabled": changes.get("lldp", True)}},
        "openconfig-interfaces:interfaces": {"interface": [port]},
        NI: {
            "network-instance": [
                {
                    "name": "default",
                    "config": {"name": "default"},
                    "protocols": {
                        "protocol": [{"identifier": "openconfig-policy-types:BGP", "name": "bgp", "bgp": bgp}]
                    },
                }
            ]
        },
    }


def view(own: dict[str, Any], peer: dict[str, Any] | None, **changes: Any) -> View:
    made = View(
        facts=facts_of("a", own),
        ports=("Ethernet1", "Ethernet2"),
        cables={"Ethernet1": ("b", "Ethernet1")},
        peers={"b": facts_of("b", peer)} if peer is not None else {},
        booted=1_000 * SECOND,
    )
    return replace(made, **changes)


def port(tree: dict[str, Any], name: str) -> dict[str, Any]:
    found = [one for one in entries(tree, "openconfig-interfaces:interfaces", "interface") if one["name"] == name]
    return found[0]["state"]  # type: ignore[return-value]


def session(outline: Outline, own: dict[str, Any], peer: dict[str, Any] | None) -> str:
    tree: Any = full_tree(outline, own, view(own, peer))
    protocol = tree[NI]["network-instance"][0]["protocols"]["protocol"]
    [neighbor] = protocol[0]["bgp"]["neighbors"]["neighbor"]
    return str(neighbor["state"]["session-state"])


A = switch("a", "10.0.0.0", "10.0.0.1", 65001, 65002)
B = switch("b", "10.0.0.1", "10.0.0.0", 65002, 65001)


def test_state_mirrors_configuration_with_defaults(outline: Outline) -> None:
    tree = full_tree(outline, A, view(A, B))
    assert port(tree, "Ethernet1")["enabled"] is True
    assert port(tree, "Ethernet1")["loopback-mode"] == "NONE"
    assert tree["openconfig-system:system"]["state"]["hostname"] == "a.example"


def test_configuration_is_left_as_it_was(outline: Outline) -> None:
    before = repr(A)
    full_tree(outline, A, view(A, B, now=2_000 * SECOND, uptime=1_000 * SECOND))
    assert repr(A) == before


def test_same_view_same_tree(outline: Outline) -> None:
    assert full_tree(outline, A, view(A, B)) == full_tree(outline, A, view(A, B))


@pytest.mark.parametrize(
    ("own", "peer", "status"),
    [
        (A, B, ("UP", "UP")),
        (A, {}, ("UP", "UP")),
        (A, None, ("UP", "DOWN")),
        (A, switch("b", "10.0.0.1", "10.0.0.0", 1, 2, enabled=False), ("UP", "DOWN")),
        (switch("a", "10.0.0.0", "10.0.0.1", 1, 2, enabled=False), B, ("DOWN", "DOWN")),
        ({}, B, ("UP", "UP")),
    ],
    ids=["both enabled", "peer not configured", "peer off", "peer's port disabled", "own port disabled", "bare"],
)
def test_a_link_is_up_when_both_ends_are(
    outline: Outline, own: dict[str, Any], peer: dict[str, Any] | None, status: tuple[str, str]
) -> None:
    state = port(full_tree(outline, own, view(own, peer)), "Ethernet1")
    assert (state["admin-status"], state["oper-status"]) == status


def test_a_port_without_cable_is_down_and_a_loopback_is_up(outline: Outline) -> None:
    own = {"openconfig-interfaces:interfaces": {"interface": [{"name": "lo0", "config": {"name": "lo0"}}]}}
    tree = full_tree(outline, own, view(own, {}))
    assert port(tree, "Ethernet2")["oper-status"] == "DOWN"
    assert port(tree, "lo0")["oper-status"] == "UP"


def test_lldp_sees_the_other_end_of_a_cable(outline: Outline) -> None:
    [interface] = entries(full_tree(outline, {}, view({}, B)), "openconfig-lldp:lldp", "interfaces", "interface")
    state: Any = entries(interface, "neighbors", "neighbor")[0]["state"]
    assert interface["name"] == "Ethernet1"
    assert (state["system-name"], state["port-id"]) == ("b.example", "Ethernet1")


@pytest.mark.parametrize(
    "silent", [{"config": {"enabled": False}}, {"interfaces": {"interface": [
        {"name": "Ethernet1", "config": {"name": "Ethernet1", "enabled": False}}]}}],
)  # fmt: skip
def test_lldp_needs_both_ends(outline: Outline, silent: dict[str, Any]) -> None:
    quiet = {"openconfig-lldp:lldp": silent}
    for own, peer in (({}, quiet), (quiet, {})):
        tree = full_tree(outline, own, view(own, peer))
        found = entries(tree, "openconfig-lldp:lldp", "interfaces", "interface")
        assert not any(entries(one, "neighbors", "neighbor") for one in found)


@pytest.mark.parametrize(
    ("own", "peer", "state"),
    [
        (A, B, "ESTABLISHED"),
        (A, None, "ACTIVE"),
        (A, {}, "ACTIVE"),
        (A, switch("b", "10.0.0.1", "10.0.0.0", 65003, 65001), "ACTIVE"),
        (A, switch("b", "10.0.0.1", "10.0.0.0", 65002, 65009), "ACTIVE"),
        (A, switch("b", "10.0.0.1", "10.0.0.4", 65002, 65001), "ACTIVE"),
        (A, switch("b", "10.0.0.3", "10.0.0.0", 65002, 65001), "ACTIVE"),
        (A, switch("b", "10.0.0.1", "10.0.0.0", 65002, 65001, length=30), "ACTIVE"),
        (A, switch("b", "10.0.0.1", "10.0.0.0", 65002, 65001, enabled=False), "ACTIVE"),
        (A, switch("b", "10.0.0.1", "10.0.0.0", 65002, 65001, bgp={"enabled": False}), "ACTIVE"),
        (switch("a", "10.0.0.0", "10.0.0.1", 65001, 65002, bgp={"enabled": False}), B, "IDLE"),
        (
            switch("a", "10.0.0.0", "10.0.0.1", 1, 65002, bgp={"local-as": 65001}),
            B,
            "ESTABLISHED",
        ),
    ],
    ids=["match", "peer off", "peer bare", "peer's AS", "own AS", "other neighbour", "other address", "other length",
         "link down", "shut there", "shut here", "local-as"],
)  # fmt: skip
def test_a_bgp_session_stands_when_both_sides_are_configured_for_each_other(
    outline: Outline, own: dict[str, Any], peer: dict[str, Any] | None, state: str
) -> None:
    assert session(outline, own, peer) == state


def test_peer_groups_lend_their_as(outline: Outline) -> None:
    own = switch("a", "10.0.0.0", "10.0.0.1", 65001, 65002, bgp={"peer-group": "spines"})
    protocol = own[NI]["network-instance"][0]["protocols"]["protocol"][0]
    del protocol["bgp"]["neighbors"]["neighbor"][0]["config"]["peer-as"]
    group = {"peer-group-name": "spines", "config": {"peer-group-name": "spines", "peer-as": 65002}}
    protocol["bgp"]["peer-groups"] = {"peer-group": [group]}
    assert session(outline, own, B) == "ESTABLISHED"


def test_counters_and_clocks_move_only_with_time(outline: Outline) -> None:
    still = full_tree(outline, A, view(A, B))
    assert "counters" not in port(still, "Ethernet1")
    early, late = (full_tree(outline, A, view(A, B, now=(1_000 + up) * SECOND, uptime=up * SECOND)) for up in (1, 10))
    assert int(port(early, "Ethernet1")["counters"]["in-pkts"]) < int(port(late, "Ethernet1")["counters"]["in-pkts"])
    assert port(late, "Ethernet2")["counters"]["in-pkts"] == "0"
    clock: Any = late["openconfig-system:system"]["state"]
    assert clock["current-datetime"] == "1970-01-01T00:16:50Z"
