"""Where packets travel: branches of equal cost, paths before routes, and what a dead link does to both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from path_fabrics import WEB, cord, fabric_of, leaf_spine

from fabricd.errors import InputError, NotFoundError
from fabricd.intent.fabric.resolved import ResolvedFabric
from fabricd.intent.fabric.steering import steer
from fabricd.intent.fabric.topology import Topology
from fabricd.intent.fabric.trace import Decision, Packet, Trace, dead, example, goals, matches, trace
from fabricd.intent.fabric.values import Fallback, Network, OverlayType, Path, StaticRoute, TrafficClass

HTTPS = Packet(protocol="tcp", destination_port=443)
TWO_PODS = [
    *(cord(f"leaf{leaf}:Ethernet{spine}", f"spine{spine}:Ethernet{leaf}") for leaf in (1, 2) for spine in (1, 2)),
    *(cord(f"leaf{leaf}:Ethernet{spine}", f"spine{spine}:Ethernet{leaf}") for leaf in (3, 4) for spine in (3, 4)),
    # Planes: odd spines to super1, even ones to super2.
    *(cord(f"spine{s}:Ethernet11", f"super{2 - s % 2}:Ethernet{s}") for s in (1, 2, 3, 4)),
]
PODS = {"spine1": 65001, "spine2": 65001, "spine3": 65002, "spine4": 65002}


def path(**more: Any) -> Path:
    return Path(more.pop("name", "p"), more.pop("traffic_class", "web"), more.pop("source", "leaf1"), "leaf4", **more)


def traced(fabric: ResolvedFabric, packet: Packet = HTTPS, *down: str, source: str = "leaf1") -> Trace:
    return trace(fabric, source, "leaf4", packet, down=dead(Topology(fabric), down))


def ways(found: Trace) -> list[str]:
    return [" ".join(way) for way in found.hop.ways()]


def outcomes(found: Trace) -> set[str]:
    return {one.value for one in found.hop.outcomes()}


def test_every_branch_of_equal_cost() -> None:
    found = traced(fabric_of(leaf_spine(3)))
    assert ways(found) == ["leaf1 spine1 leaf4", "leaf1 spine2 leaf4", "leaf1 spine3 leaf4"]
    assert (found.hop.decision, outcomes(found)) == (Decision.ROUTED, {"delivered"})


def test_parallel_links_are_branches_of_their_own() -> None:
    found = traced(fabric_of(leaf_spine(1, 4, parallel=2)))
    assert [str(end.port) for end, _ in found.hop.branches] == ["leaf1:Ethernet1", "leaf1:Ethernet2"]
    assert len(ways(found)) == 4


def test_over_planes_of_super_spines() -> None:
    assert ways(traced(fabric_of(TWO_PODS, asns=PODS))) == [
        "leaf1 spine1 super1 spine3 leaf4",
        "leaf1 spine2 super2 spine4 leaf4",
    ]


def test_steered_packets_take_the_path_and_others_do_not() -> None:
    fabric = steer(fabric_of(leaf_spine(), path(via=("spine2",))))
    assert ways(traced(fabric)) == ["leaf1 spine2 leaf4"]
    assert (traced(fabric).hop.decision, traced(fabric).hop.path) == (Decision.STEERED, "p")
    assert len(ways(traced(fabric, Packet(protocol="tcp", destination_port=80)))) == 2
    assert len(ways(traced(fabric, Packet(source="10.1.2.9", protocol="tcp", destination_port=443)))) == 2
    assert len(ways(traced(fabric, source="leaf2"))) == 2


def test_missing_addresses_are_those_of_servers_at_both_ends() -> None:
    found = traced(fabric_of(leaf_spine()))
    assert (found.packet.source, found.packet.destination) == ("10.1.1.2", "10.1.4.2")


def test_made_up_servers_of_a_stretched_network_are_two() -> None:
    stretched = (Network("net", 11, gateways=("10.1.1.1/24",), devices=("leaf1", "leaf4")),)
    found = traced(fabric_of(leaf_spine(), networks=stretched, overlay=OverlayType.EVPN_VXLAN))
    assert (found.packet.source, found.packet.destination) == ("10.1.1.2", "10.1.1.3")


def test_a_long_path_through_other_leaves_arrives() -> None:
    hops = ("leaf1", "spine2", "leaf3", "spine1", "leaf4")
    fabric = steer(fabric_of(leaf_spine(), path(hops=hops)))
    assert ways(traced(fabric)) == [" ".join(hops)]


# Dead links


def test_routes_leave_a_dead_link_out() -> None:
    assert ways(traced(fabric_of(leaf_spine()), HTTPS, "spine1:Ethernet4")) == ["leaf1 spine2 leaf4"]


def test_a_path_whose_first_link_is_dead_is_routed() -> None:
    fabric = steer(fabric_of(leaf_spine(3), path(via=("spine2",))))
    found = traced(fabric, HTTPS, "leaf1:Ethernet2")
    assert ways(found) == ["leaf1 spine1 leaf4", "leaf1 spine3 leaf4"]
    assert found.hop.decision is Decision.ROUTED


def test_a_path_whose_last_link_is_dead_comes_back_and_is_routed() -> None:
    fabric = steer(fabric_of(leaf_spine(), path(via=("spine2",))))
    found = traced(fabric, HTTPS, "spine2:Ethernet4")
    assert ways(found) == ["leaf1 spine2 leaf1 spine1 leaf4"]
    (_, spine), = found.hop.branches  # fmt: skip
    assert (spine.decision, spine.path) == (Decision.RETURNED, "p")
    assert outcomes(found) == {"delivered"}


def test_a_parallel_link_takes_over_where_there_is_one() -> None:
    fabric = steer(fabric_of(leaf_spine(2, 4, parallel=2), path(via=("spine2",))))
    # spine2:Ethernet4 and spine2:Ethernet8 both lead to leaf4.
    (_, spine), = traced(fabric, HTTPS, "spine2:Ethernet4").hop.branches  # fmt: skip
    assert (spine.decision, [str(end.port) for end, _ in spine.branches]) == (Decision.ROUTED, ["spine2:Ethernet8"])


@settings(max_examples=60)
@given(st.data())
def test_packets_never_turn_in_circles(data: st.DataObject) -> None:
    links = data.draw(st.sampled_from([leaf_spine(2), leaf_spine(3, 4, parallel=2), TWO_PODS]))
    overlay = data.draw(st.sampled_from([OverlayType.NONE, OverlayType.EVPN_VXLAN]))
    vxlan = TrafficClass("web", protocol="udp", destination_port="4789")
    via = data.draw(st.lists(st.sampled_from(["leaf2", "leaf3", "spine1", "spine2"]), max_size=2, unique=True))
    back = Path("q", "back", "leaf4", "leaf1", least="load")
    classes = (
        (WEB, TrafficClass("back", protocol="tcp"))
        if overlay is OverlayType.NONE
        else (vxlan, replace(vxlan, name="back"))
    )
    try:
        fabric = steer(
            fabric_of(
                links,
                path(via=tuple(via)),
                back,
                classes=classes,
                overlay=overlay,
                asns=PODS if links is TWO_PODS else {},
            )
        )
    except InputError:
        return  # no such way
    down = data.draw(st.lists(st.sampled_from([str(link.a) for link in links]), max_size=4))
    for source, destination in (("leaf1", "leaf4"), ("leaf4", "leaf1"), ("leaf2", "leaf4")):
        found = trace(fabric, source, destination, HTTPS, down=dead(Topology(fabric), down))
        assert Decision.LOOP not in found.hop.outcomes()


@pytest.mark.parametrize("link", ["leaf1:Ethernet2", "spine2:Ethernet4"])
def test_a_path_that_is_to_drop_drops_at_the_dead_link(link: str) -> None:
    fabric = steer(fabric_of(leaf_spine(), path(via=("spine2",), fallback=Fallback.DROP)))
    assert outcomes(traced(fabric, HTTPS, link)) == {"dropped"}


def test_a_leaf_that_is_cut_off_is_not_reached_and_nothing_turns_in_circles() -> None:
    fabric = steer(fabric_of(leaf_spine(), path(via=("spine2",))))
    found = traced(fabric, HTTPS, "leaf4:Ethernet1", "leaf4:Ethernet2")
    assert outcomes(found) == {"no route"}
    assert ways(found) == ["leaf1 spine2 leaf1"]


def test_no_dead_link_of_a_two_tier_fabric_loses_a_path() -> None:
    links = leaf_spine(3)
    fabric = steer(fabric_of(links, path(via=("spine2",))))
    for link in links:
        assert outcomes(traced(fabric, HTTPS, str(link.a))) == {"delivered"}


# EVPN-VXLAN


def test_tunnels_are_steered_as_a_whole() -> None:
    vxlan = TrafficClass("vxlan", protocol="udp", destination_port="4789")
    one = path(traffic_class="vxlan", via=("spine2",))
    fabric = steer(fabric_of(leaf_spine(), one, classes=(vxlan,), overlay=OverlayType.EVPN_VXLAN))
    found = traced(fabric)
    assert ways(found) == ["leaf1 spine2 leaf4"]
    assert (found.outer.source, found.outer.destination) == ("10.254.0.1", "10.254.0.4")
    assert found.packet.destination == "10.1.4.2"
    # A packet to the leaf's own loopback is in no tunnel.
    assert len(ways(traced(fabric, Packet(destination="10.255.3.4")))) == 2


def test_a_tunnel_that_comes_back_is_not_sent_there_again_by_the_static_route() -> None:
    vxlan = TrafficClass("vxlan", protocol="udp", destination_port="4789")
    one = path(traffic_class="vxlan", via=("spine2",))
    fabric = steer(fabric_of(leaf_spine(3), one, classes=(vxlan,), overlay=OverlayType.EVPN_VXLAN))
    assert ways(traced(fabric, HTTPS, "spine2:Ethernet4")) == ["leaf1 spine2 leaf1 spine1 leaf4"]
    assert ways(traced(fabric, HTTPS, "leaf1:Ethernet2")) == ["leaf1 spine1 leaf4", "leaf1 spine3 leaf4"]
    # Two links down, one of them on the way round: lost, but not in circles.
    assert outcomes(traced(fabric, HTTPS, "spine2:Ethernet4", "leaf1:Ethernet1")) == {"dropped"}
    alone = steer(
        fabric_of(leaf_spine(1), path(traffic_class="vxlan"), classes=(vxlan,), overlay=OverlayType.EVPN_VXLAN)
    )
    assert outcomes(traced(alone, HTTPS, "spine1:Ethernet4")) == {"no route"}


# Refusals and small parts


def test_what_cannot_be_told() -> None:
    with pytest.raises(InputError, match="spanning tree"):
        traced(fabric_of(leaf_spine(), overlay=OverlayType.VLAN))
    with pytest.raises(NotFoundError, match="leaf9"):
        traced(fabric_of(leaf_spine()), source="leaf9")
    with pytest.raises(NotFoundError, match="no link at leaf1:Ethernet99"):
        traced(fabric_of(leaf_spine()), HTTPS, "leaf1:Ethernet99")


def test_an_example_of_a_class_is_of_the_class() -> None:
    for packets in (
        WEB,
        TrafficClass("r", source="2001:db8::/64", source_port="1000..2000", protocol="17"),
        TrafficClass("h", destination="10.0.0.1/32", dscp=46),
    ):
        assert matches(packets, example(packets))
    assert not matches(WEB, Packet())


def test_where_a_destination_may_be() -> None:
    default = StaticRoute("0.0.0.0/0", ("192.0.2.1",), devices=("leaf2",))
    fabric = fabric_of(leaf_spine(), static_routes=(default,))
    assert goals(fabric, Packet(destination="10.1.3.77")) == ("leaf3",)
    assert goals(fabric, Packet(destination="10.255.3.2")) == ("leaf2",)
    assert goals(fabric, Packet(destination="8.8.8.8")) == ("leaf2",)
    assert goals(fabric, Packet(destination="2001:db8::1")) == ()
