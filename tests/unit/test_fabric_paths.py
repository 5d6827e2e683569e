"""Ways of paths over the cabling: which one is taken, and what is said when there is none."""

from __future__ import annotations

import random
from dataclasses import replace

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from path_fabrics import cord, fabric_of, leaf_spine

from fabricd.errors import InputError, Problem
from fabricd.intent.fabric.paths import ComputedPath, compute_paths
from fabricd.intent.fabric.resolved import ResolvedFabric
from fabricd.intent.fabric.topology import cable
from fabricd.intent.fabric.values import Link, Path, Port

TWO_PODS = [
    *(cord(f"leaf{leaf}:Ethernet{spine}", f"spine{spine}:Ethernet{leaf}") for leaf in (1, 2) for spine in (1, 2)),
    *(cord(f"leaf{leaf}:Ethernet{spine}", f"spine{spine}:Ethernet{leaf}") for leaf in (3, 4) for spine in (3, 4)),
    *(
        cord(f"spine{spine}:Ethernet{10 + top}", f"super{top}:Ethernet{spine}")
        for spine in (1, 2, 3, 4)
        for top in (1, 2)
    ),
]


def path(name: str = "p", source: str = "leaf1", destination: str = "leaf4", **more: object) -> Path:
    return Path(name, "web", source, destination, **more)  # type: ignore[arg-type]


def ways(fabric: ResolvedFabric) -> dict[str, str]:
    return {one.path.name: " ".join(one.devices) for one in compute_paths(fabric)}


def problems(fabric: ResolvedFabric) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        compute_paths(fabric)
    return list(caught.value.problems)


def only_problem(links: list[Link], *paths: Path) -> tuple[str, str]:
    """Leaf and message of the one problem."""
    (problem,) = problems(fabric_of(links, *paths))
    return problem.path.partition("]")[2].strip("/"), problem.message


def test_fewest_hops_first_by_name() -> None:
    assert ways(fabric_of(leaf_spine(), path())) == {"p": "leaf1 spine1 leaf4"}


def test_a_step_has_ports_and_next_hops() -> None:
    (found,) = compute_paths(fabric_of(leaf_spine(), path(via=("spine2",))))
    first, second = found.steps
    # Links count leaf by leaf: leaf1-spine2 is the second, leaf4-spine2 the eighth.
    assert (str(first.port), str(first.peer), first.peer_ipv4) == ("leaf1:Ethernet2", "spine2:Ethernet1", "10.0.0.5")
    assert (str(second.port), str(second.peer), second.peer_ipv4) == (
        "spine2:Ethernet4",
        "leaf4:Ethernet2",
        "10.0.0.16",
    )


def test_spine10_comes_after_spine2() -> None:
    links = [cord(f"leaf{leaf}:Ethernet{s}", f"spine{s}:Ethernet{leaf}") for leaf in (1, 4) for s in (10, 2)]
    assert ways(fabric_of(links, path())) == {"p": "leaf1 spine2 leaf4"}


def test_explicit_hops_may_be_longer_than_the_shortest() -> None:
    hops = ("leaf1", "spine2", "leaf3", "spine1", "leaf4")
    assert ways(fabric_of(leaf_spine(), path(hops=hops))) == {"p": " ".join(hops)}


def test_via_in_the_order_given() -> None:
    found = ways(fabric_of(leaf_spine(), path(via=("leaf3", "spine1")), path("q", via=("spine1", "leaf3"))))
    assert found == {"p": "leaf1 spine2 leaf3 spine1 leaf4", "q": "leaf1 spine1 leaf3 spine2 leaf4"}


def test_a_leg_gives_way_to_the_next_one() -> None:
    # To `middle` the way by `narrow` is the shortest, but only `narrow` leads on from there.
    links = [
        cord("start:e1", "narrow:e1"),
        cord("narrow:e2", "middle:e1"),
        cord("start:e2", "long:e1"),
        cord("long:e2", "longer:e1"),
        cord("longer:e2", "middle:e2"),
        cord("narrow:e3", "end:e1"),
    ]
    found = ways(fabric_of(links, path(source="start", destination="end", via=("middle",))))
    assert found == {"p": "start long longer middle narrow end"}


def test_avoided_devices_and_links() -> None:
    found = ways(fabric_of(leaf_spine(), path(avoid=("spine1",)), path("q", avoid=("spine1:Ethernet4",))))
    assert found == {"p": "leaf1 spine2 leaf4", "q": "leaf1 spine2 leaf4"}


def test_disjoint_shares_no_link_and_takes_the_parallel_one_where_it_must() -> None:
    fabric = fabric_of(leaf_spine(1, 4, parallel=2), path(), path("q", disjoint_from="p"))
    first, second = compute_paths(fabric)
    assert first.devices == second.devices
    assert not first.cables & second.cables


def test_disjoint_is_computed_after_the_other_whatever_the_names() -> None:
    fabric = fabric_of(leaf_spine(), path("a", disjoint_from="z"), path("z", via=("spine1",)))
    assert ways(fabric) == {"a": "leaf1 spine2 leaf4", "z": "leaf1 spine1 leaf4"}


def test_least_load_spreads_paths_over_spines_and_parallel_links() -> None:
    fabric = fabric_of(leaf_spine(2, 4, parallel=2), *(path(f"p{n}", least="load") for n in range(1, 5)))
    found = compute_paths(fabric)
    assert sorted(" ".join(one.devices) for one in found) == ["leaf1 spine1 leaf4"] * 2 + ["leaf1 spine2 leaf4"] * 2
    assert len({step.port for one in found for step in one.steps}) == 8


def test_load_counts_one_direction_only() -> None:
    back = path("a", source="leaf4", destination="leaf1", via=("spine1",))
    assert ways(fabric_of(leaf_spine(), back, path("b", least="load")))["b"] == "leaf1 spine1 leaf4"


def test_links_that_are_shut_down_are_not_used() -> None:
    links = [replace(link, shutdown=link.b == Port("spine1", "Ethernet1")) for link in leaf_spine()]
    assert ways(fabric_of(links, path())) == {"p": "leaf1 spine2 leaf4"}


def test_over_two_tiers() -> None:
    fabric = fabric_of(TWO_PODS, path(), path("q", disjoint_from="p"))
    assert ways(fabric) == {"p": "leaf1 spine1 super1 spine3 leaf4", "q": "leaf1 spine2 super1 spine4 leaf4"}


# What cannot be, and what is said


def test_hops_without_a_cable() -> None:
    leaf, message = only_problem(leaf_spine(), path(hops=("leaf1", "leaf2", "spine2", "leaf4")))
    assert (leaf, message) == ("hops", "leaf1 has no link to leaf2")


def test_hops_over_a_link_that_is_shut_down() -> None:
    links = [replace(link, shutdown=link.b == Port("spine1", "Ethernet1")) for link in leaf_spine()]
    leaf, message = only_problem(links, path(hops=("leaf1", "spine1", "leaf4")))
    assert leaf == "hops"
    assert message == "leaf1 has no link to spine1 that is not shut down (leaf1:Ethernet1 - spine1:Ethernet1)"


def test_hops_over_the_only_links_of_the_path_to_be_disjoint_from() -> None:
    found = problems(fabric_of(leaf_spine(), path(), path("q", hops=("leaf1", "spine1", "leaf4"), disjoint_from="p")))
    assert [problem.message for problem in found] == [
        "leaf1 has no link to spine1 but link leaf1:Ethernet1 - spine1:Ethernet1 of path 'p'",
        "spine1 has no link to leaf4 but link spine1:Ethernet4 - leaf4:Ethernet1 of path 'p'",
    ]


def test_every_way_crosses_what_is_avoided() -> None:
    message = only_problem(leaf_spine(), path(avoid=("spine2", "leaf3", "spine1")))
    assert message == ("avoid", "every way from leaf1 to leaf4 crosses avoided spine1 or avoided spine2")


def test_every_way_crosses_an_avoided_link() -> None:
    message = only_problem(leaf_spine(1), path(avoid=("leaf4:Ethernet1",)))
    assert message == ("avoid", "every way from leaf1 to leaf4 crosses avoided link leaf4:Ethernet1 - spine1:Ethernet4")


def test_nothing_is_left_for_a_disjoint_path() -> None:
    leaf, message = only_problem(leaf_spine(1), path(), path("q", disjoint_from="p"))
    assert leaf == "disjoint-from"
    assert message.startswith("every way from leaf1 to leaf4 crosses link ")
    assert message.endswith(" of path 'p'")


def test_an_island_and_a_shutdown_link_in_between() -> None:
    lone = [*leaf_spine(1, 2), cord("leaf4:Ethernet1", "spine9:Ethernet1")]
    assert only_problem(lone, path()) == ("", "no cable leads from leaf1 to leaf4")
    shut = [*leaf_spine(1, 2), cord("leaf4:Ethernet1", "spine1:Ethernet9", shutdown=True)]
    message = "every way from leaf1 to leaf4 crosses a link that is shut down (spine1:Ethernet9 - leaf4:Ethernet1)"
    assert only_problem(shut, path()) == ("", message)


def test_via_that_would_have_to_be_passed_twice() -> None:
    links = [*leaf_spine(1, 4), cord("tail:e1", "leaf2:Ethernet9")]
    message = "no cable leads from leaf1 to tail to leaf4 without passing a device twice"
    assert only_problem(links, path(via=("tail",))) == ("via", message)


@pytest.mark.parametrize(
    ("wrong", "leaf", "message"),
    [
        ({"source": "leaf9"}, "source", "there is no device 'leaf9'"),
        ({"destination": "leaf1"}, "destination", "is leaf1, where the path begins"),
        ({"via": ("spine9",)}, "via", "there is no device 'spine9'"),
        ({"via": ("spine1", "leaf2", "spine1")}, "via", "spine1 is named 2 times"),
        ({"via": ("leaf4",)}, "via", "leaf4 is an end of the path"),
        ({"via": ("spine1",), "avoid": ("spine1",)}, "avoid", "spine1 is to be avoided and part of the path at once"),
        ({"avoid": ("leaf1:Ethernet9",)}, "avoid", "there is no link at leaf1:Ethernet9"),
        ({"avoid": ("spine9",)}, "avoid", "there is no device 'spine9'"),
        ({"hops": ("leaf2", "spine1", "leaf4")}, "hops", "begin at leaf2, not at the source leaf1"),
        ({"hops": ("leaf1", "spine1")}, "hops", "end at spine1, not at the destination leaf4"),
        ({"disjoint_from": "nobody"}, "disjoint-from", "there is no path 'nobody'"),
        ({"disjoint_from": "p"}, "disjoint-from", "p are to be disjoint from each other in a circle; say it on one side"
         " only"),
    ],
)  # fmt: skip
def test_what_is_refused(wrong: dict[str, object], leaf: str, message: str) -> None:
    assert only_problem(leaf_spine(), path(**wrong)) == (leaf, message)  # type: ignore[arg-type]


def test_a_circle_of_disjoint_paths_is_told_once() -> None:
    circle = [path("a", disjoint_from="b"), path("b", disjoint_from="a"), path("c", disjoint_from="a")]
    leaf, message = only_problem(leaf_spine(), *circle)
    assert leaf == "disjoint-from"
    assert message.startswith("a, b are to be disjoint")


def test_every_wrong_path_is_told_and_those_behind_it_are_not() -> None:
    found = problems(
        fabric_of(leaf_spine(), path("a", source="x"), path("b", disjoint_from="a"), path("c", source="y"))
    )
    assert [problem.path for problem in found] == [
        "/fabricd-fabric:fabric/paths[name='a']/source",
        "/fabricd-fabric:fabric/paths[name='c']/source",
    ]


# Properties

NODES = [f"n{number}" for number in range(7)]


@st.composite
def cablings(draw: st.DrawFn) -> list[Link]:
    pairs = draw(st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), min_size=1, max_size=18))
    return [
        cord(f"{a}:p{number}", f"{b}:p{number}", shutdown=draw(st.integers(0, 9)) == 0)
        for number, (a, b) in enumerate(pairs)
        if a != b
    ]


@st.composite
def wanted(draw: st.DrawFn, name: str, other: str = "") -> Path:
    source, destination, *more = draw(st.permutations(NODES))
    return Path(
        name,
        "web",
        source,
        destination,
        via=tuple(more[: draw(st.integers(0, 2))]),
        avoid=tuple(more[2 : 2 + draw(st.integers(0, 2))]),
        disjoint_from=draw(st.sampled_from(["", other])),
        least=draw(st.sampled_from(["hops", "load"])),
    )


@settings(max_examples=150)
@given(cablings(), wanted("a"), wanted("b", "a"), wanted("c", "b"), st.randoms(use_true_random=False))
def test_what_is_found_keeps_every_promise_and_no_order_matters(
    links: list[Link], a: Path, b: Path, c: Path, chance: random.Random
) -> None:
    fabric = fabric_of(links, a, b, c, alone=NODES)
    shuffled = [*links]
    chance.shuffle(shuffled)
    other = fabric_of(shuffled, c, a, b, alone=NODES)
    outcome = outcome_of(fabric)
    assert [*map(told, outcome_of(other))] == [*map(told, outcome)]
    found = {one.path.name: one for one in outcome if isinstance(one, ComputedPath)}
    usable = {cable(link.a) for link in fabric.links if not link.link.shutdown}
    for one in found.values():
        _keeps_its_promises(one, usable, found)


def outcome_of(fabric: ResolvedFabric) -> tuple[ComputedPath, ...] | tuple[Problem, ...]:
    try:
        return compute_paths(fabric)
    except InputError as error:
        return error.problems


def told(outcome: ComputedPath | Problem) -> list[str]:
    # Without addresses, which these fabrics number in the order of links.
    return [str(step.port) for step in outcome.steps] if isinstance(outcome, ComputedPath) else [str(outcome)]


@settings(max_examples=150)
@given(cablings(), wanted("a"))
def test_a_path_is_refused_only_where_there_is_none(links: list[Link], one: Path) -> None:
    one = replace(one, via=(), disjoint_from="")
    graph = networkx.Graph((link.a.device, link.b.device) for link in links if not link.shutdown)
    graph.add_nodes_from(NODES)
    graph.remove_nodes_from(one.avoid)
    found = outcome_of(fabric_of(links, one, alone=NODES))
    assert isinstance(found[0], ComputedPath) == networkx.has_path(graph, one.source, one.destination)
    if isinstance(found[0], ComputedPath) and one.least == "hops":
        assert len(found[0].steps) == networkx.shortest_path_length(graph, one.source, one.destination)


def _keeps_its_promises(one: ComputedPath, usable: set[frozenset[Port]], found: dict[str, ComputedPath]) -> None:
    asked, devices = one.path, one.devices
    assert (devices[0], devices[-1]) == (asked.source, asked.destination)
    assert len(set(devices)) == len(devices)
    assert all(step.port.device == here for step, here in zip(one.steps, devices, strict=False))
    assert one.cables <= usable
    assert not set(asked.avoid) & set(devices)
    assert [device for device in devices if device in asked.via] == list(asked.via)
    if asked.disjoint_from:
        assert not one.cables & found[asked.disjoint_from].cables
