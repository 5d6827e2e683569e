"""How much traffic each kind of edit disturbs: a table of path patterns, and the walk that reads it.

Called by plan/planner for every edit. Pure; the table is data and knows OpenConfig's names but no schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from fabricd.model.edit import Edit, Operation
from fabricd.model.plan import Disruption

_SEVERITY = {kind: rank for rank, kind in enumerate(Disruption)}

HITLESS, RESET, BOUNCE, UNKNOWN = (
    Disruption.HITLESS,
    Disruption.SESSION_RESET,
    Disruption.LINK_BOUNCE,
    Disruption.UNKNOWN,
)
_ANY = frozenset(Operation)
_CREATE = frozenset({Operation.CREATE})
_DELETE = frozenset({Operation.DELETE})


@dataclass(frozen=True, slots=True)
class Rule:
    """`pattern` is names joined by '/', where '*' stands for one name, '**' for any number, and 'a|b' for either."""

    pattern: str
    disruption: Disruption
    operations: frozenset[Operation] = _ANY


_BGP = "network-instances/network-instance/protocols/protocol/bgp"
_PEER = f"{_BGP}/peer-groups|neighbors/peer-group|neighbor"
_INSTANCE = "network-instances/network-instance"
_INTERFACE = "interfaces/interface"
_UNIT = f"{_INTERFACE}/**/subinterfaces|routed-vlan"

# The first rule that matches decides. What no rule matches is looked into; a leaf that none matches is unknown.
RULES: tuple[Rule, ...] = (
    # Things that only people or collectors read.
    Rule("**/config/description", HITLESS),
    Rule("lldp/**", HITLESS),
    Rule("system/ntp|logging|dns|clock/**", HITLESS),
    Rule("system/config/hostname|domain-name|login-banner|motd-banner", HITLESS),
    # Ports and their units.
    Rule(_INTERFACE, BOUNCE, _DELETE),
    Rule(f"{_INTERFACE}/name", HITLESS),
    Rule(f"{_INTERFACE}/config/name", HITLESS),
    Rule(f"{_INTERFACE}/config/enabled|mtu|type|loopback-mode|tpid", BOUNCE),
    Rule(f"{_INTERFACE}/hold-time/**", HITLESS),
    Rule(f"{_INTERFACE}/ethernet|aggregation/**", BOUNCE),
    Rule(f"{_UNIT}/subinterface", BOUNCE, _DELETE),
    Rule(f"{_UNIT}/subinterface/index", HITLESS),
    Rule(f"{_UNIT}/subinterface/config/index|name", HITLESS),
    Rule(f"{_UNIT}/subinterface/config/enabled", BOUNCE),
    Rule(f"{_UNIT}/subinterface/vlan/**", BOUNCE),
    Rule(f"{_UNIT}/config/vlan", BOUNCE),
    Rule(f"{_UNIT}/**/ipv4|ipv6/addresses/address", HITLESS, _CREATE),
    Rule(f"{_UNIT}/**/ipv4|ipv6/addresses/**", RESET),
    Rule(f"{_UNIT}/**/ipv4|ipv6/config/**", RESET),
    Rule(f"{_UNIT}/**/ipv4|ipv6/neighbors|router-advertisement/**", HITLESS),
    # BGP. Something new disturbs nobody; a changed session attribute resets that session.
    Rule(f"{_BGP}/global/config/as|router-id", RESET),
    Rule(f"{_BGP}/global/confederation|graceful-restart/**", RESET),
    Rule(f"{_BGP}/global/afi-safis/afi-safi", HITLESS, _CREATE),
    Rule(f"{_BGP}/global/afi-safis/afi-safi/use-multiple-paths|route-selection-options/**", HITLESS),
    Rule(f"{_BGP}/global/afi-safis/**", RESET),
    Rule(f"{_BGP}/global/**", HITLESS),
    Rule(_PEER, HITLESS, _CREATE),
    Rule(_PEER, RESET, _DELETE),
    Rule(f"{_PEER}/apply-policy|logging-options|as-path-options|use-multiple-paths/**", HITLESS),
    Rule(f"{_PEER}/config/send-community|send-community-type|route-flap-damping", HITLESS),
    Rule(f"{_PEER}/**", RESET),
    # Network instances.
    Rule(_INSTANCE, HITLESS, _CREATE),
    Rule(_INSTANCE, BOUNCE, _DELETE),
    Rule(f"{_INSTANCE}/config/enabled", BOUNCE),
    Rule(f"{_INSTANCE}/config/**", RESET),
    Rule(f"{_INSTANCE}/interfaces/**", BOUNCE),
    Rule(f"{_INSTANCE}/vlans/vlan", HITLESS, _CREATE),
    Rule(f"{_INSTANCE}/vlans/vlan", BOUNCE, _DELETE),
    Rule(f"{_INSTANCE}/vlans/vlan/config/name", HITLESS),
    Rule(f"{_INSTANCE}/vlans/**", BOUNCE),
    Rule(f"{_INSTANCE}/protocols/protocol", HITLESS, _CREATE),
    Rule(f"{_INSTANCE}/protocols/protocol", RESET, _DELETE),
    Rule(f"{_INSTANCE}/protocols/protocol/identifier|name", HITLESS),
    Rule(f"{_INSTANCE}/protocols/protocol/config/identifier|name", HITLESS),
    Rule(f"{_INSTANCE}/protocols/protocol/config/**", RESET),
    Rule(f"{_INSTANCE}/protocols/protocol/static-routes/static", HITLESS, _CREATE),
    Rule(f"{_INSTANCE}/protocols/protocol/static-routes/**", RESET),
    Rule(f"{_INSTANCE}/table-connections/**", RESET),
)


def classify(edit: Edit) -> Disruption:
    """How much traffic `edit` disturbs. For a whole subtree: the worst of what is inside it."""
    text = edit.old if edit.operation is Operation.DELETE else edit.new
    return _of(edit.path.names, edit.operation, orjson.loads(text) if text else None)


def worst(kinds: Iterable[Disruption]) -> Disruption:
    """The most disturbing of `kinds`; HITLESS if there are none."""
    return max(kinds, key=_SEVERITY.__getitem__, default=Disruption.HITLESS)


def _of(names: tuple[str, ...], operation: Operation, value: Any) -> Disruption:
    found = _rule("".join(f"/{name}" for name in names), operation)
    if found is not None:
        return found
    match value:
        case dict() if value:
            return worst(_of((*names, key.rpartition(":")[2]), operation, inner) for key, inner in value.items())
        case list() if any(isinstance(entry, dict) for entry in value):
            return worst(_of(names, operation, entry) for entry in value)
        case _:
            return Disruption.UNKNOWN


@lru_cache(maxsize=4096)
def _rule(names: str, operation: Operation) -> Disruption | None:
    for rule, expression in _COMPILED:
        if operation in rule.operations and expression.fullmatch(names):
            return rule.disruption
    return None


def expression_of(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern as described at Rule, to be matched against names each after a '/'."""
    text = ""
    for step in pattern.split("/"):
        if step == "**":
            text += "(?:/[^/]+)*"
        elif step == "*":
            text += "/[^/]+"
        else:
            text += f"/(?:{'|'.join(map(re.escape, step.split('|')))})"
    return re.compile(text)


_COMPILED = tuple((rule, expression_of(rule.pattern)) for rule in RULES)
