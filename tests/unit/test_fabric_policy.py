"""Routing policies and the sets they look at, on the devices that use them."""

from __future__ import annotations

from overlay_fabrics import at, compiled, rendered, resolved, validated

from fabricd.intent.fabric.policy import policy
from fabricd.intent.fabric.resolved import ResolvedFabric
from fabricd.intent.fabric.values import ExternalPeer, Policy, Port, PrefixSet, Statement
from fabricd.schema import Schema

PEER = ExternalPeer(
    "isp", Port("border1", "Ethernet48"), "red", "203.0.113.1/31", "203.0.113.0", 64500, export_policy="to-isp"
)
TO_ISP = Policy(
    "to-isp",
    (
        Statement("ours", True, prefix_set="ours", set_med=50, set_community=("65000:1", "65000:2"), prepend=3),
        Statement("blackholed", False, community="65000:666"),
        Statement("customers", True, prefix_set="customers", community="65000:100", set_local_preference=150),
    ),
)
OTHER = Policy("other", (Statement("all", True, prefix_set="unused"),))
SETS = (
    PrefixSet("customers", (("2001:db8::/32", "48..64"),)),
    PrefixSet("ours", (("10.1.0.0/16", "24..32"), ("10.1.0.0/16", "exact"))),
    PrefixSet("unused", (("10.9.0.0/16", "exact"),)),
)
POLICY = "routing-policy/policy-definitions/policy-definition[to-isp]/statements/statement"


def fabric_with_policy() -> ResolvedFabric:
    return resolved(peers=(PEER,), policies=(OTHER, TO_ISP), prefix_sets=SETS)


def test_policies_validate(either_schema: Schema) -> None:
    validated(either_schema, fabric_with_policy(), "border1", policy)


def test_only_the_policies_of_a_device_s_peers_and_their_sets_are_there() -> None:
    fabric = fabric_with_policy()
    tree = compiled(fabric, "border1", policy)
    assert set(at(tree, "routing-policy/policy-definitions/policy-definition")) == {("to-isp",)}
    assert set(at(tree, "routing-policy/defined-sets/prefix-sets/prefix-set")) == {("customers",), ("ours",)}
    assert all(compiled(fabric, name, policy) == {} for name in fabric.devices if name != "border1")


def test_statements_keep_the_order_in_which_they_decide() -> None:
    statements = at(compiled(fabric_with_policy(), "border1", policy), POLICY)
    assert list(statements) == [("ours",), ("blackholed",), ("customers",)]


def test_a_statement_says_its_conditions_and_what_it_does() -> None:
    statements = at(compiled(fabric_with_policy(), "border1", policy), POLICY)
    assert rendered(statements[("ours",)]) == {
        "name": "ours",
        "config": {"name": "ours"},
        "conditions": {"match-prefix-set": {"config": {"prefix-set": "ours", "match-set-options": "ANY"}}},
        "actions": {
            "config": {"policy-result": "ACCEPT_ROUTE"},
            "openconfig-bgp-policy:bgp-actions": {
                "config": {"set-med": 50, "set-med-action": "SET"},
                "set-community": {
                    "config": {"method": "INLINE", "options": "ADD"},
                    "inline": {"config": {"communities": ["65000:1", "65000:2"]}},
                },
                "set-as-path-prepend": {"config": {"repeat-n": 3}},
            },
        },
    }
    assert rendered(statements[("blackholed",)]["actions"]) == {"config": {"policy-result": "REJECT_ROUTE"}}
    customers = statements[("customers",)]
    assert at(customers, "conditions/bgp-conditions/match-community-set/config/community-set") == "65000:100"
    assert at(customers, "actions/bgp-actions/config") == {"set-local-pref": 150}


def test_sets_have_their_members_and_address_family() -> None:
    tree = compiled(fabric_with_policy(), "border1", policy)
    ours = at(tree, "routing-policy/defined-sets/prefix-sets/prefix-set[ours]")
    assert ours["config"]["mode"] == "IPV4"
    assert set(ours["prefixes"]["prefix"]) == {("10.1.0.0/16", "24..32"), ("10.1.0.0/16", "exact")}
    assert at(tree, "routing-policy/defined-sets/prefix-sets/prefix-set[customers]/config/mode") == "IPV6"
    communities = at(tree, "routing-policy/defined-sets/bgp-defined-sets/community-sets/community-set")
    assert {key[0]: one["config"]["community-member"] for key, one in communities.items()} == {
        "65000:100": ["65000:100"],
        "65000:666": ["65000:666"],
    }
