"""Configurations to try quirks on: any that a strategy makes, and how they are looked at.

For test_quirks_*.py. The trees fit the models' names and shapes; whether they validate is for others.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from fabricd.schema.models import ModelSet
from fabricd.schema.outline import Outline, outline_of
from fabricd.simulator.tree import leaves

PORTS = ("Ethernet1", "Ethernet2")
NAMES = (*PORTS, "PortChannel1", "Loopback0", "Ethernet500")
INTERFACES = "openconfig-interfaces:interfaces"
INSTANCES = "openconfig-network-instance:network-instances"
TYPES = "openconfig-network-instance-types"
PASSWORD = "/network-instances/network-instance/protocols/protocol/bgp/neighbors/neighbor/config/auth-password"


@cache
def outline() -> Outline:
    return outline_of(ModelSet.managed())


def flat(tree: Any) -> dict[str, Any]:
    """Every leaf by its place; the order of entries does not count."""
    return {str(place): value for place, value in leaves(tree, outline().root, ())}


def _some(values: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


def _addresses(family: str) -> st.SearchStrategy[dict[str, Any]]:
    ips = st.lists(st.sampled_from(["10.0.0.1", "10.0.0.3", "10.0.0.5"]), unique=True, min_size=1, max_size=2)
    return ips.map(
        lambda found: {
            family: {"addresses": {"address": [{"ip": ip, "config": {"ip": ip, "prefix-length": 31}} for ip in found]}}
        }
    )


@st.composite
def interfaces(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4)):
        config = draw(
            _some(
                {
                    "enabled": st.booleans(),
                    "mtu": st.sampled_from([1500, 9100, 9214]),
                    "description": st.sampled_from(["up", "down"]),
                    "loopback-mode": st.just("NONE"),
                }
            )
        )
        one: dict[str, Any] = {"name": name, "config": {"name": name, "type": "iana-if-type:ethernetCsmacd", **config}}
        indexes = draw(st.lists(st.sampled_from([0, 100]), unique=True, max_size=2))
        if indexes:
            below = [
                {"index": index, "config": {"index": index}, **draw(_addresses("openconfig-if-ip:ipv4"))}
                for index in indexes
            ]
            one["subinterfaces"] = {"subinterface": below}
        if name == "PortChannel1" and draw(st.booleans()):
            one["openconfig-if-aggregate:aggregation"] = {
                "config": {"lag-type": draw(st.sampled_from(["LACP", "STATIC"]))}
            }
        if name in PORTS and draw(st.booleans()):
            one["openconfig-if-ethernet:ethernet"] = {
                "config": {"openconfig-if-aggregate:aggregate-id": "PortChannel1"}
            }
        found.append(one)
    return found


@st.composite
def instances(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for name in draw(st.lists(st.sampled_from(["default", "red", "blue"]), unique=True, max_size=3)):
        kind = "DEFAULT_INSTANCE" if name == "default" else "L3VRF"
        one: dict[str, Any] = {"name": name, "config": {"name": name, "type": f"{TYPES}:{kind}"}}
        members = draw(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([0, 100])), unique=True, max_size=2))
        if members:
            one["interfaces"] = {
                "interface": [
                    {
                        "id": f"{port}.{index}",
                        "config": {"id": f"{port}.{index}", "interface": port, "subinterface": index},
                    }
                    for port, index in members
                ]
            }
        if draw(st.booleans()):
            bgp = {
                "neighbor-address": "10.0.0.1",
                "config": {"neighbor-address": "10.0.0.1", "auth-password": "geheim"},
            }
            one["protocols"] = {
                "protocol": [
                    {
                        "identifier": "openconfig-policy-types:BGP",
                        "name": "BGP",
                        "config": {"identifier": "openconfig-policy-types:BGP", "name": "BGP"},
                        "bgp": {"neighbors": {"neighbor": [bgp]}},
                    }
                ]
            }
        found.append(one)
    return found


@st.composite
def acls(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for name in draw(st.lists(st.sampled_from(["in", "out"]), unique=True, max_size=2)):
        numbers = draw(st.lists(st.sampled_from([10, 20, 30]), unique=True, max_size=3))
        held = [
            {"sequence-id": number, "config": {"sequence-id": number, **draw(_some({"description": st.just("why")}))}}
            for number in numbers
        ]
        kind = "openconfig-acl:ACL_IPV4"
        one: dict[str, Any] = {"name": name, "type": kind, "config": {"name": name, "type": kind}}
        if held:
            one["acl-entries"] = {"acl-entry": held}
        found.append(one)
    return found


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """A configuration with interfaces, network instances, ACLs, LLDP and a host name, or without."""
    tree: dict[str, Any] = {}
    if held := draw(interfaces()):
        tree[INTERFACES] = {"interface": held}
    if held := draw(instances()):
        tree[INSTANCES] = {"network-instance": held}
    if held := draw(acls()):
        tree["openconfig-acl:acl"] = {"acl-sets": {"acl-set": held}}
    if draw(st.booleans()):
        tree["openconfig-lldp:lldp"] = {"config": {"enabled": draw(st.booleans())}}
    if draw(st.booleans()):
        tree["openconfig-system:system"] = {"config": {"hostname": draw(st.sampled_from(["a", "b"]))}}
    return tree
