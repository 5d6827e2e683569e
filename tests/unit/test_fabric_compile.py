"""The compiler as a whole: valid trees, the same ones whatever the order, and what in them belongs to the fabric."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import orjson
import pytest
from fabric_builder import EVPN, leaf_spine, ordered, with_servers
from fabric_cases import CASES, SYSTEM, rich

from fabricd.errors import InputError
from fabricd.intent.fabric.compile import CONCERNS, CompiledFabric, compile_fabric
from fabricd.intent.fabric.fragment import merged
from fabricd.intent.fabric.values import Fabric, Link, System
from fabricd.model.intent import Scope
from fabricd.model.path import Path as DataPath
from fabricd.schema import Schema


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
