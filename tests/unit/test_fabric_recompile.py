"""Only what changed is compiled again, and it comes out as if all of it had been."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest
from fabric_builder import EVPN, leaf_spine, ordered, with_servers, without
from fabric_cases import CASES, rich
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricd.errors import InputError
from fabricd.intent.fabric.compile import CompiledFabric, compile_fabric
from fabricd.intent.fabric.values import AclEntry, Fabric, Network, Role, Statement


def same(one: CompiledFabric, other: CompiledFabric) -> None:
    assert one.trees == other.trees
    assert one.claims == other.claims
    assert one.resolved == other.resolved


# Adding and removing


def _drop(name: str) -> Callable[[Fabric, Random], Fabric]:
    def edit(one: Fabric, random: Random) -> Fabric:
        entries = getattr(one, name)
        if not entries:
            return one
        gone = random.choice(entries)
        return replace(one, **{name: tuple(entry for entry in entries if entry is not gone)})

    return edit


def _drop_device(one: Fabric, random: Random) -> Fabric:
    return without(one, random.choice([device.name for device in one.devices]))


def _drop_network(one: Fabric, random: Random) -> Fabric:
    if not one.networks:
        return one
    gone = random.choice(one.networks).name
    return replace(
        one,
        networks=tuple(entry for entry in one.networks if entry.name != gone),
        attachments=tuple(
            replace(
                entry,
                network="" if entry.network == gone else entry.network,
                tagged=tuple(name for name in entry.tagged if name != gone),
            )
            for entry in one.attachments
        ),
    )


def _change(section: str, **said: Any) -> Callable[[Fabric, Random], Fabric]:
    """Other values for some fields of one entry, told apart by numbers."""

    def edit(one: Fabric, random: Random) -> Fabric:
        entries = getattr(one, section)
        if not entries:
            return one
        chosen = random.choice(entries)
        values = {name: value(random) if callable(value) else value for name, value in said.items()}
        changed = replace(chosen, **values)
        return ordered(replace(one, **{section: tuple(changed if entry is chosen else entry for entry in entries)}))

    return edit


def _number(low: int, high: int) -> Callable[[Random], int]:
    return lambda random: random.randint(low, high)


def _text(random: Random) -> str:
    return f"text {random.randint(1, 99)}"


def _network_here(one: Fabric, random: Random) -> Fabric:
    leaves = [device.name for device in one.devices if device.role.is_leaf]
    vlan = random.randint(2000, 3000)
    if not leaves or any(network.vlan == vlan for network in one.networks):
        return one
    new = Network(f"extra{vlan}", vlan, devices=tuple(random.sample(leaves, min(2, len(leaves)))))
    return ordered(replace(one, networks=(*one.networks, new)))


def _defaults(one: Fabric, random: Random) -> Fabric:
    return replace(one, defaults=replace(one.defaults, attachment_mtu=random.choice((1500, 9000))))


def _targets(one: Fabric, random: Random) -> Fabric:
    return replace(one, overlay=replace(one.overlay, route_target_asn=random.randint(64512, 65000)))


def _servers(one: Fabric, random: Random) -> Fabric:
    spines = tuple(device.name for device in one.devices if "spine" in device.name)
    return replace(one, overlay=replace(one.overlay, route_servers=tuple(random.sample(spines, min(1, len(spines))))))


def _pool_of_asns(one: Fabric, random: Random) -> Fabric:
    return replace(
        one,
        devices=tuple(
            replace(device, asn=4210000000 + random.randint(1, 9)) if device.name == "leaf2" else device
            for device in one.devices
        ),
    )


def _segment(one: Fabric, random: Random) -> Fabric:
    esi = f"00{random.randint(10**6, 10**7):018x}"
    first = next((entry.name for entry in one.attachments if len(entry.ports) > 1), "")
    return replace(one, attachments=tuple(replace(e, esi=esi) if e.name == first else e for e in one.attachments))


def _moved_route_server(one: Fabric, random: Random) -> Fabric:
    """Of the three stages it is a super-spine, which no leaf is cabled to."""
    first = max(one.devices, key=lambda device: (device.role is Role.SUPER_SPINE, device.role is Role.SPINE)).name
    address = f"10.79.0.{random.randint(1, 250)}"
    return replace(one, devices=tuple(replace(d, loopback_ipv4=address) if d.name == first else d for d in one.devices))


EDITS: tuple[Callable[[Fabric, Random], Fabric], ...] = (
    _drop("links"),
    _drop("attachments"),
    _drop("peers"),
    _drop("static_routes"),
    _drop("paths"),
    _drop_device,
    _drop_network,
    _network_here,
    _defaults,
    _targets,
    _servers,
    _pool_of_asns,
    _change("links", mtu=_number(9100, 9300), description=_text),
    _change("links", shutdown=True),
    _change("networks", vlan=_number(100, 400), description=_text),
    _change("networks", gateways=()),
    _change("networks", vni=_number(20001, 29999)),
    _change("vrfs", vni=_number(60001, 69999), description=_text),
    _change("attachments", description=_text, mtu=_number(1500, 9000), shutdown=True),
    _segment,
    _moved_route_server,
    _change("devices", vtep_ipv4=lambda random: f"10.77.0.{random.randint(1, 250)}"),
    _change("devices", loopback_ipv4=lambda random: f"10.78.0.{random.randint(1, 250)}"),
    _change("peers", peer_asn=_number(100, 999), description=_text),
    _change("acls", entries=(AclEntry(5, True),)),
    _change("policies", statements=(Statement("all", True),)),
    _change("prefix_sets", prefixes=(("10.0.0.0/9", "exact"),)),
    _change("static_routes", metric=_number(1, 9)),
    _change("traffic_classes", dscp=_number(1, 60)),
    _change("paths", via=("spine1",)),
)


@cache
def compiled_case(case: str) -> CompiledFabric:
    return compile_fabric(CASES[case]())


@pytest.mark.parametrize("edit", EDITS)
def test_after_one_edit_compiling_only_what_changed_is_the_same_as_compiling_anew(
    edit: Callable[[Fabric, Random], Fabric],
) -> None:
    done = 0
    for case in CASES:
        known = compiled_case(case)
        for seed in range(2):
            changed = edit(CASES[case](), Random(seed))
            try:
                anew = compile_fabric(changed, known.resolved.allocations)
            except InputError:
                continue
            same(anew, compile_fabric(changed, known.resolved.allocations, known=known))
            done += changed != CASES[case]()
    assert done, "this edit changes no case that stays valid"


@settings(max_examples=25)
@given(
    st.sampled_from(sorted(CASES)),
    st.lists(st.integers(0, len(EDITS) - 1), min_size=1, max_size=5),
    st.integers(0, 999),
)
def test_compiling_only_what_changed_is_the_same_as_compiling_anew(case: str, edits: list[int], seed: int) -> None:
    random = Random(seed)
    one, known = CASES[case](), compiled_case(case)
    for edit in edits:
        changed = EDITS[edit](one, random)
        try:
            anew = compile_fabric(changed, known.resolved.allocations)
        except InputError:
            with pytest.raises(InputError):
                compile_fabric(changed, known.resolved.allocations, known=known)
            continue
        again = compile_fabric(changed, known.resolved.allocations, known=known)
        same(anew, again)
        one, known = changed, again


@settings(max_examples=25)
@given(st.sampled_from(sorted(CASES)), st.integers(0, 7), st.integers(0, 999))
def test_removing_anything_and_adding_it_again_leads_back_to_the_same_trees(case: str, edit: int, seed: int) -> None:
    one = CASES[case]()
    first = compile_fabric(one)
    changed = EDITS[edit](one, Random(seed))
    try:
        second = compile_fabric(changed, first.resolved.allocations, known=first)
    except InputError:
        return  # what is left does not hold together (a switch is cut off), and nothing has changed
    third = compile_fabric(one, second.resolved.allocations, known=second)
    assert third.trees == first.trees


@settings(max_examples=25)
@given(st.sampled_from(sorted(CASES)), st.integers(0, 7), st.integers(0, 999))
def test_adding_anything_and_removing_it_again_leads_back_to_the_same_trees(case: str, edit: int, seed: int) -> None:
    whole = CASES[case]()
    one = EDITS[edit](whole, Random(seed))
    try:
        first = compile_fabric(one)
    except InputError:
        return
    second = compile_fabric(whole, first.resolved.allocations, known=first)
    third = compile_fabric(one, second.resolved.allocations, known=second)
    assert third.trees == first.trees


# Only what changed


def test_an_unchanged_fabric_is_not_compiled_again() -> None:
    one = rich()
    known = compile_fabric(one)
    again = compile_fabric(rich(), known.resolved.allocations, known=known)
    assert again.recompiled == ()
    assert all(again.trees[name] is tree for name, tree in known.trees.items())


def test_a_network_on_one_leaf_recompiles_that_leaf() -> None:
    one = with_servers(leaf_spine(2, 4, overlay=EVPN))
    one = replace(one, attachments=tuple(entry for entry in one.attachments if not entry.tagged))
    known = compile_fabric(one)
    more = ordered(replace(one, networks=(*one.networks, Network("new", 500, devices=("leaf3",)))))
    assert compile_fabric(more, known.resolved.allocations, known=known).recompiled == ("leaf3",)


def test_a_new_leaf_recompiles_itself_and_the_spines() -> None:
    known = compile_fabric(leaf_spine(2, 4))
    again = compile_fabric(leaf_spine(2, 5), known.resolved.allocations, known=known)
    assert again.recompiled == ("leaf5", "spine1", "spine2")


def test_a_description_of_a_link_recompiles_both_ends() -> None:
    one = leaf_spine(2, 2)
    known = compile_fabric(one)
    first, *rest = one.links
    changed = replace(one, links=(replace(first, description="new cable"), *rest))
    assert set(compile_fabric(changed, known.resolved.allocations, known=known).recompiled) == {"leaf1", "spine1"}
