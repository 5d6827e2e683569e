"""Numbers out of pools: what is handed out, that it never moves, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fabric_builder import EVPN, fabric, leaf_spine, link, pools, two_pods, with_servers, without
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricd.errors import InputError
from fabricd.intent.fabric.pools import allocate, dump, load
from fabricd.intent.fabric.resolved import Allocations
from fabricd.intent.fabric.values import (
    Addressing,
    AsnScheme,
    Device,
    Fabric,
    Network,
    Pool,
    PoolPurpose,
    Role,
    Underlay,
)

NOTHING = Allocations()


def leaves(*names: str, **said: Any) -> Fabric:
    """Leaves without cabling, which pools do not ask for."""
    return fabric(devices=[Device(name, Role.LEAF) for name in names], **said)


def loopbacks(found: Allocations) -> dict[str, str]:
    return dict(found.held["loopback-ipv4"])


def problems_of(one: Fabric, previous: Allocations = NOTHING) -> list[str]:
    with pytest.raises(InputError) as refused:
        allocate(one, previous)
    return [problem.message for problem in refused.value.problems]


# Where numbers come from


def test_first_address_is_the_first_host_and_devices_are_served_as_people_count() -> None:
    found = allocate(leaves("leaf10", "leaf2", "leaf1"), NOTHING)
    assert loopbacks(found) == {"leaf1": "10.255.0.1", "leaf2": "10.255.0.2", "leaf10": "10.255.0.3"}


def test_network_and_broadcast_addresses_are_nobodys() -> None:
    small = leaves("leaf1", "leaf2", pools=pools(loopback_ipv4="192.0.2.0/30"))
    assert loopbacks(allocate(small, NOTHING)) == {"leaf1": "192.0.2.1", "leaf2": "192.0.2.2"}


def test_a_prefix_of_one_or_two_addresses_is_used_up() -> None:
    pair = leaves("leaf1", "leaf2", pools=pools(loopback_ipv4="192.0.2.0/31"))
    assert loopbacks(allocate(pair, NOTHING)) == {"leaf1": "192.0.2.0", "leaf2": "192.0.2.1"}


def test_ipv6_loopbacks_begin_after_the_subnet_router_anycast_address() -> None:
    found = allocate(leaves("leaf1", underlay=Underlay(Addressing.IPV6)), NOTHING)
    assert found.held["loopback-ipv6"] == {"leaf1": "2001:db8:ff::1"}
    assert loopbacks(found) == {"leaf1": "10.255.0.1"}, "router ids are IPv4 in an IPv6 fabric too"


def test_links_get_aligned_pairs_in_order_of_their_ends() -> None:
    found = allocate(leaf_spine(2, 2), NOTHING).held["link-ipv4"]
    assert found == {
        "leaf1:Ethernet1 - spine1:Ethernet1": "10.128.0.0/31",
        "leaf2:Ethernet1 - spine1:Ethernet2": "10.128.0.2/31",
        "leaf1:Ethernet2 - spine2:Ethernet1": "10.128.0.4/31",
        "leaf2:Ethernet2 - spine2:Ethernet2": "10.128.0.6/31",
    }


def test_a_link_keeps_its_prefix_when_its_ends_are_written_the_other_way_round() -> None:
    one = leaf_spine(1, 1)
    first = allocate(one, NOTHING)
    turned = replace(one, links=tuple(link(str(cable.b), str(cable.a)) for cable in one.links))
    assert allocate(turned, first) == first


def test_pools_of_one_purpose_are_used_in_order_of_name_and_prefixes_as_written() -> None:
    several = [pool for pool in pools() if pool.purpose is not PoolPurpose.LOOPBACK_IPV4]
    several.append(Pool("lo10", PoolPurpose.LOOPBACK_IPV4, ("10.3.0.1/32",)))
    several.append(Pool("lo2", PoolPurpose.LOOPBACK_IPV4, ("10.2.0.9/32", "10.1.0.1/32")))
    found = allocate(leaves("leaf1", "leaf2", "leaf3", pools=several), NOTHING)
    assert list(loopbacks(found).values()) == ["10.2.0.9", "10.1.0.1", "10.3.0.1"]


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (AsnScheme.PER_LEAF, ["border-a1", "leaf-a1", "leaf-a2", "leaf-b1", "leaf-b2"]),
        (AsnScheme.PER_RACK, ["border-a1", "rack a/r1", "rack b/r1"]),
        (AsnScheme.PER_POD, ["leaves a", "leaves b"]),
    ],
)
def test_super_spines_then_spines_of_each_pod_then_leaves_get_their_asns(
    scheme: AsnScheme, expected: list[str]
) -> None:
    found = allocate(two_pods(underlay=Underlay(asn_scheme=scheme)), NOTHING).held["asn"]
    assert sorted(found, key=lambda owner: int(found[owner])) == [
        "the super-spines",
        "spines a",
        "spines b",
        *expected,
    ]
    assert min(map(int, found.values())) == 4200000000


# That they do not move


def test_adding_devices_renumbers_nothing() -> None:
    first = allocate(leaf_spine(2, 4), NOTHING)
    second = allocate(leaf_spine(3, 6), first)
    for purpose, held in first.held.items():
        assert {owner: second.held[purpose][owner] for owner in held} == held


def test_a_number_is_released_and_its_owner_gets_it_back() -> None:
    both = leaves("leaf1", "leaf2")
    first = allocate(both, NOTHING)
    second = allocate(leaves("leaf2"), first)
    assert second.released["loopback-ipv4"] == {"10.255.0.1": "leaf1"}
    assert allocate(both, second).held == first.held


def test_a_released_number_goes_to_others_only_when_nothing_else_is_left() -> None:
    three = pools(loopback_ipv4="192.0.2.0/29")  # six addresses
    first = allocate(leaves("leaf1", "leaf2", pools=three), NOTHING)
    second = allocate(leaves("leaf2", "leaf3", pools=three), first)
    assert loopbacks(second) == {"leaf2": "192.0.2.2", "leaf3": "192.0.2.3"}
    third = allocate(leaves("leaf2", "leaf3", "leaf4", "leaf5", "leaf6", "leaf7", pools=three), second)
    assert loopbacks(third)["leaf7"] == "192.0.2.1"
    assert "loopback-ipv4" not in third.released


def test_an_explicit_number_stays_when_it_is_no_longer_said() -> None:
    said = fabric(devices=[Device("leaf1", Role.LEAF, loopback_ipv4="10.255.7.7")])
    assert loopbacks(allocate(leaves("leaf1"), allocate(said, NOTHING))) == {"leaf1": "10.255.7.7"}


def test_a_holder_keeps_its_number_when_its_pool_is_another() -> None:
    first = allocate(leaves("leaf1"), NOTHING)
    moved = leaves("leaf1", "leaf2", pools=pools(loopback_ipv4="192.0.2.0/24"))
    assert loopbacks(allocate(moved, first)) == {"leaf1": "10.255.0.1", "leaf2": "192.0.2.1"}


NAMES = st.sets(st.sampled_from([f"leaf{n}" for n in range(1, 13)]), min_size=1)


@settings(max_examples=80)
@given(st.lists(NAMES, min_size=2, max_size=8), st.randoms())
def test_whatever_comes_and_goes_those_who_stay_keep_their_numbers(edits: list[set[str]], random: Any) -> None:
    held = NOTHING
    for names in edits:
        mixed = list(names)
        random.shuffle(mixed)
        found = allocate(Fabric("dc1", pools=pools(), devices=tuple(Device(one, Role.LEAF) for one in mixed)), held)
        for purpose, before in held.held.items():
            staying = before.keys() & found.held[purpose].keys()
            assert {one: found.held[purpose][one] for one in staying} == {one: before[one] for one in staying}
        for numbers in found.held.values():
            assert len(set(numbers.values())) == len(numbers)
        assert found == allocate(leaves(*sorted(names)), held), "the order of input does not matter"
        held = found


@settings(max_examples=60)
@given(NAMES, st.sampled_from([f"new{n}" for n in range(4)]))
def test_adding_and_removing_leads_back_to_the_same_numbers(names: set[str], new: str) -> None:
    first = allocate(leaves(*names), NOTHING)
    assert allocate(leaves(*names), allocate(leaves(*names, new), first)).held == first.held


@settings(max_examples=40)
@given(st.integers(1, 6), st.integers(1, 6))
def test_removing_and_adding_a_switch_with_its_links_leads_back_too(spines: int, leaf_count: int) -> None:
    whole = leaf_spine(spines, leaf_count)
    first = allocate(whole, NOTHING)
    second = allocate(without(whole, "leaf1"), first)
    assert allocate(whole, second).held == first.held


# Explicit values


def test_an_explicit_number_is_handed_out_to_nobody_else() -> None:
    one = fabric(devices=[Device("leaf1", Role.LEAF), Device("leaf2", Role.LEAF, loopback_ipv4="10.255.0.1")])
    assert loopbacks(allocate(one, NOTHING)) == {"leaf1": "10.255.0.2", "leaf2": "10.255.0.1"}


def test_two_who_ask_for_one_address_are_both_named() -> None:
    said = [Device(name, Role.LEAF, loopback_ipv4="10.255.0.9") for name in ("leaf1", "leaf2")]
    (message,) = problems_of(fabric(devices=said))
    assert message == "10.255.0.9 is asked for by leaf2 (loopback-ipv4) and by leaf1 (loopback-ipv4)"


def test_a_loopback_within_an_explicit_link_prefix_is_refused() -> None:
    one = leaf_spine(1, 1)
    said = replace(
        one,
        links=tuple(replace(cable, ipv4="10.0.0.4/31") for cable in one.links),
        devices=tuple(replace(device, loopback_ipv4="10.0.0.5") for device in one.devices if device.role is Role.SPINE),
    )
    (message,) = problems_of(said)
    assert "spine1 (loopback-ipv4)" in message
    assert "leaf1:Ethernet1 - spine1:Ethernet1 (link-ipv4)" in message


def test_an_l2_vni_and_an_l3_vni_are_never_the_same() -> None:
    one = with_servers(leaf_spine(overlay=EVPN, pools=pools(l2_vni=(100, 199), l3_vni=(100, 199))))
    found = allocate(one, NOTHING)
    assert not set(found.held["l2-vni"].values()) & set(found.held["l3-vni"].values())


def test_an_explicit_number_does_not_push_a_holder_away() -> None:
    first = allocate(leaves("leaf1"), NOTHING)
    thief = fabric(devices=[Device("leaf1", Role.LEAF), Device("leaf2", Role.LEAF, loopback_ipv4="10.255.0.1")])
    (message,) = problems_of(thief, first)
    assert message.startswith("10.255.0.1 is asked for by leaf2 (loopback-ipv4) but held by leaf1 (loopback-ipv4)")
    swapped = fabric(
        devices=[
            Device("leaf1", Role.LEAF, loopback_ipv4="10.255.0.8"),
            Device("leaf2", Role.LEAF, loopback_ipv4="10.255.0.1"),
        ]
    )
    assert loopbacks(allocate(swapped, first)) == {"leaf1": "10.255.0.8", "leaf2": "10.255.0.1"}


def test_one_spine_that_says_its_asn_says_it_for_its_pod() -> None:
    one = leaf_spine(2, 1)
    said = replace(one, devices=tuple(replace(d, asn=65001) if d.name == "spine2" else d for d in one.devices))
    assert allocate(said, NOTHING).held["asn"]["spines "] == "65001"


def test_spines_of_a_pod_that_say_different_asns_are_both_named() -> None:
    one = leaf_spine(2, 1)
    said = replace(
        one, devices=tuple(replace(d, asn=65000 + int(d.name[-1])) if "spine" in d.name else d for d in one.devices)
    )
    (message,) = problems_of(said)
    assert "AS 65002 of spine2 and AS 65001 of spine1 are to be one" in message


def test_with_the_explicit_scheme_every_device_needs_an_asn() -> None:
    messages = problems_of(leaf_spine(1, 1, underlay=Underlay(asn_scheme=AsnScheme.EXPLICIT)))
    assert messages == ["needs an ASN: the scheme is explicit"] * 2


@pytest.mark.parametrize(
    ("device", "part"),
    [
        (Device("leaf1", Role.LEAF, loopback_ipv4="10.0.0"), "'10.0.0' is no IPv4 address"),
        (Device("leaf1", Role.LEAF, loopback_ipv4="2001:db8::1"), "'2001:db8::1' is no IPv4 address"),
        (Device("leaf1", Role.LEAF, asn=2**32), "'4294967296' is no ASN"),
    ],
)
def test_an_explicit_value_of_the_wrong_kind_is_refused(device: Device, part: str) -> None:
    assert part in problems_of(fabric(devices=[device]))[0]


@pytest.mark.parametrize("prefix", ["10.0.0.1/31", "10.0.0.0/30", "10.0.0.0", "2001:db8::/127"])
def test_an_explicit_link_prefix_that_is_not_one_of_two_addresses_is_refused(prefix: str) -> None:
    one = leaf_spine(1, 1)
    said = replace(one, links=tuple(replace(cable, ipv4=prefix) for cable in one.links))
    assert any(word in problems_of(said)[0] for word in ("no prefix of two addresses", "no IPv4 address"))


# Pools that cannot give


def test_exhaustion_names_the_pool_and_who_wanted_a_number() -> None:
    tiny = leaves(*(f"leaf{n}" for n in range(1, 8)), pools=pools(loopback_ipv4="192.0.2.0/30"))
    (message,) = problems_of(tiny)
    assert message == "pool loopback-ipv4 (loopback-ipv4) exhausted: leaf3, leaf4, leaf5 and 2 more want numbers"


def test_a_missing_pool_names_its_purpose_and_who_needs_it() -> None:
    no_asns = [pool for pool in pools() if pool.purpose is not PoolPurpose.ASN]
    assert problems_of(leaves("leaf1", pools=no_asns)) == ["there is no pool for asn, and leaf1 wants a number"]


def test_overlapping_pools_of_one_purpose_are_both_named() -> None:
    twice = (*pools(), Pool("more", PoolPurpose.LOOPBACK_IPV4, ("10.255.128.0/24",)))
    (message,) = problems_of(leaves("leaf1", pools=twice))
    assert message == (
        "10.255.128.0/24 of pool more overlaps 10.255.0.0/16 of pool loopback-ipv4; both are for loopback-ipv4"
    )


@pytest.mark.parametrize(
    "pool",
    [
        Pool("odd", PoolPurpose.ASN, ("10.0.0.0/8",)),
        Pool("odd", PoolPurpose.ASN, (), ((10, 5),)),
        Pool("odd", PoolPurpose.L2_VNI, (), ((1, 2**24),)),
        Pool("odd", PoolPurpose.LOOPBACK_IPV4, ("10.0.0.1/8",)),
        Pool("odd", PoolPurpose.LOOPBACK_IPV4, ("2001:db8::/64",)),
        Pool("odd", PoolPurpose.LINK_IPV4, ("10.0.0.0/32",)),
        Pool("odd", PoolPurpose.LINK_IPV4, (), ((1, 2),)),
        Pool("odd", PoolPurpose.ASN),
    ],
)
def test_a_pool_that_is_none_is_refused_by_name(pool: Pool) -> None:
    assert "pool odd" in problems_of(leaves("leaf1", pools=(*pools(), pool)))[0]


def test_all_problems_are_told_at_once() -> None:
    one = leaves("leaf1", "leaf2", pools=pools(loopback_ipv4="192.0.2.1/32", asn=(1, 1)))
    assert len(problems_of(one)) == 2


def test_without_a_vtep_pool_nobody_draws_a_vtep() -> None:
    none = [pool for pool in pools() if pool.purpose is not PoolPurpose.VTEP_IPV4]
    found = allocate(leaf_spine(overlay=EVPN, pools=tuple(none)), NOTHING)
    assert "vtep-ipv4" not in found.held


def test_only_what_the_overlay_needs_is_handed_out() -> None:
    one = leaves("leaf1", networks=(Network("net1", 10),))
    assert "l2-vni" not in allocate(one, NOTHING).held


def test_ten_thousand_owners_draw_from_a_huge_pool() -> None:
    """Of sixteen million addresses: whoever looks at all of them, or at all owners for each, is not done in time."""
    many = leaves(*(f"leaf{n}" for n in range(10_000)), pools=pools(loopback_ipv4="10.0.0.0/8", link_ipv4="11.0.0.0/8"))
    many = replace(many, underlay=Underlay(Addressing.DUAL))
    first = allocate(many, NOTHING)
    assert allocate(many, first) == first
    assert len(set(first.held["loopback-ipv6"].values())) == 10_000


def test_allocations_are_stored_and_read_again() -> None:
    first = allocate(leaf_spine(2, 2), NOTHING)
    second = replace(allocate(leaf_spine(2, 1), first), claimed={"leaf1": ("/a", "/b")})
    assert load(dump(second)) == second
    assert load(b"{}") == NOTHING


@pytest.mark.parametrize("data", [b"", b"[]", b'{"held": 7}', b'{"held": {"asn": 7}}', b'{"claimed": {"leaf1": 7}}'])
def test_what_are_no_allocations_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="no allocations"):
        load(data)
