"""Routing policies with the prefix and community sets they look at, on the devices that use them.

Called by compile.py. Knows nothing of how a policy is applied (external.py).

The models reject a route that no statement decides about, as the fabric model promises. A community that a statement
looks for is a set of its own, called by the community.
"""

from __future__ import annotations

from typing import Any

from fabricd.intent.fabric.fragment import keyed
from fabricd.intent.fabric.resolved import ResolvedDevice, ResolvedFabric
from fabricd.intent.fabric.values import Policy, PrefixSet, Statement


def policy(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    """The policies that peers on a device import and export by, and no others."""
    used = {
        name
        for peer in fabric.fabric.peers
        if peer.port.device == device.name
        for name in (peer.import_policy, peer.export_policy)
    }
    policies = [one for one in fabric.fabric.policies if one.name in used]
    if not policies:
        return {}
    statements = [statement for one in policies for statement in one.statements]
    sets = {statement.prefix_set for statement in statements}
    communities = sorted({statement.community for statement in statements} - {""})
    content = {
        "defined-sets": {
            "prefix-sets": {
                "prefix-set": keyed("name", [_prefix_set(one) for one in fabric.fabric.prefix_sets if one.name in sets])
            },
            "openconfig-bgp-policy:bgp-defined-sets": {
                "community-sets": {
                    "community-set": keyed("community-set-name", [_community_set(one) for one in communities])
                }
            },
        },
        "policy-definitions": {"policy-definition": keyed("name", [_policy(one) for one in policies])},
    }
    return {"openconfig-routing-policy:routing-policy": content}


def _prefix_set(one: PrefixSet) -> dict[str, Any]:
    keys = [{"ip-prefix": prefix, "masklength-range": lengths} for prefix, lengths in one.prefixes]
    mode = "IPV6" if any(":" in prefix for prefix, _ in one.prefixes) else "IPV4"
    return {
        "name": one.name,
        "config": {"name": one.name, "mode": mode},
        "prefixes": {
            "prefix": keyed(("ip-prefix", "masklength-range"), [{**key, "config": dict(key)} for key in keys])
        },
    }


def _community_set(community: str) -> dict[str, Any]:
    leaves = {"community-set-name": community, "community-member": [community]}
    return {"community-set-name": community, "config": leaves}


def _policy(one: Policy) -> dict[str, Any]:
    statements = keyed("name", [_statement(statement) for statement in one.statements])
    return {"name": one.name, "config": {"name": one.name}, "statements": {"statement": statements}}


def _statement(one: Statement) -> dict[str, Any]:
    conditions: dict[str, Any] = {}
    if one.prefix_set:
        conditions["match-prefix-set"] = {"config": {"prefix-set": one.prefix_set, "match-set-options": "ANY"}}
    if one.community:
        match = {"config": {"community-set": one.community, "match-set-options": "ANY"}}
        conditions["openconfig-bgp-policy:bgp-conditions"] = {"match-community-set": match}
    actions: dict[str, Any] = {"config": {"policy-result": "ACCEPT_ROUTE" if one.accept else "REJECT_ROUTE"}}
    changes: dict[str, Any] = {"config": {}}
    if one.set_local_preference:
        changes["config"]["set-local-pref"] = one.set_local_preference
    if one.set_med:
        changes["config"] |= {"set-med": one.set_med, "set-med-action": "SET"}
    if one.set_community:
        changes["set-community"] = {
            "config": {"method": "INLINE", "options": "ADD"},
            "inline": {"config": {"communities": list(one.set_community)}},
        }
    if one.prepend:
        changes["set-as-path-prepend"] = {"config": {"repeat-n": one.prepend}}
    actions["openconfig-bgp-policy:bgp-actions"] = changes
    return {"name": one.name, "config": {"name": one.name}, "conditions": conditions, "actions": actions}
