"""The compiler as a whole: valid trees, the same ones whatever the way there, and only what changed done again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import orjson
import pytest
from fabric_builder import EVPN, VLAN, dual_stack, leaf_spine, ordered, peered, two_pods, with_servers, without
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricd.errors import InputError
from fabricd.intent.fabric.compile import CONCERNS, CompiledFabric, compile_fabric
from fabricd.intent.fabric.fragment import merged
from fabricd.intent.fabric.values import (
    Acl,
    AclEntry,
    AsnScheme,
    Bfd,
    Fabric,
    Link,
    Network,
    Path,
    Policy,
    PrefixSet,
    Role,
    Statement,
    StaticRoute,
    System,
    TrafficClass,
    Underlay,
)
from fabricd.model.intent import Scope
from fabricd.model.path import Path as DataPath
from fabricd.schema import Schema

SYSTEM = System(
    "example.net", ("192.0.2.53",), ("192.0.2.123",), ("192.0.2.14",), "Authorised use only.", "Europe/Berlin"
)


def rich() -> Fabric:
    """A bit of everything that an EVPN fabric can have."""
    one = peered(with_servers(leaf_spine(2, 4, borders=1, overlay=EVPN, system=SYSTEM)))
    first = one.attachments[0].name
    return ordered(
        replace(
            one,
            acls=(Acl("guard", (AclEntry(10, False, protocol="tcp", destination_port="23"), AclEntry(20, True))),),
            prefix_sets=(PrefixSet("ours", (("10.0.0.0/8", "8..32"),)),),
            policies=(Policy("out", (Statement("ours", True, prefix_set="ours", set_med=10),)),),
            peers=tuple(replace(peer, export_policy="out") for peer in one.peers),
            static_routes=(StaticRoute("10.99.0.0/16", ("192.0.2.2",), vrf="red"),),
            attachments=tuple(replace(a, acl_in="guard") if a.name == first else a for a in one.attachments),
        )
    )


def steered() -> Fabric:
    one = with_servers(leaf_spine(3, 3), networks=3, vrfs=0, servers=0)
    nets = tuple(replace(net, devices=(f"leaf{n}",)) for n, net in enumerate(one.networks, 1))
    return ordered(
        replace(
            one,
            networks=nets,
            traffic_classes=(TrafficClass("backup", destination="10.0.3.0/24", protocol="tcp"),),
            paths=(Path("backup", "backup", "leaf1", "leaf3", via=("spine2",)),),
        )
    )


CASES: dict[str, Callable[[], Fabric]] = {
    "routed": leaf_spine,
    "routed with networks and a path": steered,
    "evpn": rich,
    "evpn dual stack with bfd, a rack shares an asn": lambda: dual_stack(
        with_servers(leaf_spine(overlay=EVPN)), bfd=Bfd(True), asn_scheme=AsnScheme.PER_RACK
    ),
    "three stages, a pod shares an asn": lambda: with_servers(
        two_pods(overlay=EVPN, underlay=Underlay(asn_scheme=AsnScheme.PER_POD))
    ),
    "vlans": lambda: with_servers(leaf_spine(borders=1, overlay=VLAN), vrfs=0),
}


@pytest.mark.parametrize("case", CASES)
def test_every_tree_is_valid_for_our_models_and_the_official_release(either_schema: Schema, case: str) -> None:
    for device, tree in compile_fabric(CASES[case]()).trees.items():
        either_schema.validate(either_schema.read(tree, source=device), device=device)


def shuffled(one: Fabric, random: Random) -> Fabric:
    fields = ("pools", "devices", "links", "vrfs", "networks", "attachments", "peers", "static_routes", "paths")
    mixed = {name: random.sample(getattr(one, name), len(getattr(one, name))) for name in fields}
    return ordered(replace(one, **{name: tuple(value) for name, value in mixed.items()}))


@pytest.mark.parametrize("case", CASES)
def test_the_order_of_input_does_not_matter(case: str) -> None:
    one = CASES[case]()
    first = compile_fabric(one)
    assert first.trees == compile_fabric(shuffled(one, Random(7))).trees
    assert list(first.trees) == list(compile_fabric(one).trees)


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


# What belongs to the fabric


def claims_cover(compiled: CompiledFabric, device: str, path: str) -> bool:
    return any(DataPath.parse(one).covers(DataPath.parse(path)) for one in compiled.claims[device])


def test_what_the_fabric_no_longer_wants_stays_claimed_so_that_it_is_deleted(either_schema: Schema) -> None:
    one = with_servers(leaf_spine(2, 2, overlay=EVPN, system=SYSTEM), servers=1)
    first = compile_fabric(one)
    fewer = replace(_drop_network_named(one, "net1"), system=System())
    second = compile_fabric(fewer, first.resolved.allocations, known=first)
    scope = Scope(roots=(), subtrees=tuple(map(DataPath.parse, second.claims["leaf1"])))
    old, new = (either_schema.read(tree) for tree in (first.trees["leaf1"], second.trees["leaf1"]))
    edits = either_schema.compare(new, old, scope).edits
    assert either_schema.apply(edits, old) == either_schema.canonical(new)


def test_what_the_fabric_does_not_know_is_not_claimed() -> None:
    compiled = compile_fabric(rich())
    for path in (
        "/openconfig-interfaces:interfaces/interface[name='Management0']",
        "/openconfig-network-instance:network-instances/network-instance[name='MGMT']",
        "/openconfig-acl:acl/acl-sets/acl-set[name='control-plane'][type='openconfig-acl:ACL_IPV4']",
        "/openconfig-system:system/aaa",
    ):
        assert not claims_cover(compiled, "leaf1", path)


def test_a_stranger_inside_what_the_fabric_configures_is_claimed() -> None:
    compiled = compile_fabric(rich())
    bgp = "protocols/protocol[identifier='openconfig-policy-types:BGP'][name='BGP']/bgp"
    for path in (
        f"/openconfig-network-instance:network-instances/network-instance[name='default']/{bgp}/neighbors/neighbor"
        "[neighbor-address='10.6.6.6']",
        "/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config/loopback-mode",
        "/openconfig-lldp:lldp/interfaces/interface[name='Ethernet9']",
    ):
        assert claims_cover(compiled, "leaf1", path)


def test_no_two_concerns_claim_a_leaf_with_different_values() -> None:
    compiled = compile_fabric(rich())
    for name, device in compiled.resolved.devices.items():
        merged((concern(compiled.resolved, device) for concern in CONCERNS), name)
        assert orjson.loads(compiled.trees[name])["openconfig-system:system"]["config"]["hostname"] == name


def test_a_refused_fabric_tells_every_problem() -> None:
    one = leaf_spine(2, 2)
    twice = replace(one, links=(*one.links, Link(one.links[0].a, one.links[1].b)))
    with pytest.raises(InputError) as refused:
        compile_fabric(ordered(twice))
    assert len(refused.value.problems) >= 2


def _drop_network_named(one: Fabric, gone: str) -> Fabric:
    return replace(
        one,
        networks=tuple(entry for entry in one.networks if entry.name != gone),
        attachments=tuple(entry for entry in one.attachments if entry.network != gone and gone not in entry.tagged),
    )
