"""Random configurations of a leaf switch, for property tests of fabricd.schema.

Small pools of names and values, so that two of them overlap. They are valid as whole trees.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

NAMES = ["Ethernet1", "Ethernet2", "Ethernet10", "Loopback0", "it's", 'say "hi"', "a]b/c", "<&>é"]
TEXTS = st.sampled_from(["", "uplink", "to spine1 & spine2", "<b>", 'it\'s "quoted"', "ünïcode ☃", "a\\b\nc"])
MTUS = st.sampled_from([1500, 9000, 9214])
ADDRESSES = ["192.0.2.1", "192.0.2.2", "198.51.100.7", "2001:db8::1", "2001:db8::2"]
DOMAINS = ["a.example", "b.example", "c.example", "d.example", "e.example"]


def _optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _entries(key: str, values: list[Any], rest: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[Any]]:
    """List entries whose key is repeated in their config container."""

    def build(pairs: list[tuple[Any, dict[str, Any]]]) -> list[Any]:
        return [{key: value, **body, "config": {key: value, **body.pop("config", {})}} for value, body in pairs]

    return st.lists(st.tuples(st.sampled_from(values), rest), unique_by=lambda pair: pair[0], max_size=4).map(build)


def _wrapped(name: str, held: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return held.map(lambda value: {name: value})


_IPV4 = _wrapped(
    "addresses",
    _wrapped(
        "address",
        _entries("ip", ADDRESSES[:3], st.fixed_dictionaries({"config": _optional(**{"prefix-length": st.just(31)})})),
    ),
)
_SUBINTERFACES = _wrapped(
    "subinterface",
    _entries(
        "index",
        [0, 1, 10],
        _optional(
            **{
                "config": _optional(enabled=st.booleans(), description=TEXTS),
                "openconfig-if-ip:ipv4": _IPV4,
                "openconfig-if-ip:ipv6": _wrapped("config", _optional(enabled=st.booleans())),
            }
        ),
    ),
)
_ACCESS = _optional(**{"interface-mode": st.just("ACCESS"), "access-vlan": st.sampled_from([10, 20])})
_MEMBERS = st.fixed_dictionaries(
    {"interface-mode": st.just("TRUNK")},
    optional={
        "native-vlan": st.sampled_from([1, 10]),
        "trunk-vlans": st.lists(st.sampled_from([10, 20, 30, "100..110"]), unique=True),
    },
)
_TRUNK = _wrapped(
    "openconfig-vlan:switched-vlan", _wrapped("config", st.one_of(_MEMBERS, _ACCESS.filter(lambda one: len(one) != 1)))
)
_INTERFACES = _wrapped(
    "interface",
    _entries(
        "name",
        NAMES,
        st.fixed_dictionaries(
            {
                "config": st.fixed_dictionaries(
                    {"type": st.sampled_from(["iana-if-type:ethernetCsmacd", "iana-if-type:ieee8023adLag"])},
                    optional={"description": TEXTS, "mtu": MTUS, "enabled": st.booleans()},
                )
            },
            optional={"subinterfaces": _SUBINTERFACES, "openconfig-if-ethernet:ethernet": _TRUNK},
        ),
    ),
)
_NEIGHBORS = _entries(
    "neighbor-address",
    ADDRESSES,
    st.fixed_dictionaries(
        {"config": _optional(**{"peer-as": st.sampled_from([65001, 4200000000]), "enabled": st.booleans()})}
    ),
)
_GROUPS = _entries(
    "peer-group-name",
    ["spines", "it's"],
    st.fixed_dictionaries({"config": _optional(**{"peer-as": st.just(65000), "local-as": st.just(65001)})}),
)


def _protocols(bgp: dict[str, Any], routes: list[Any]) -> dict[str, Any]:
    def protocol(kind: str, rest: dict[str, Any]) -> dict[str, Any]:
        named = {"identifier": f"openconfig-policy-types:{kind}", "name": kind}
        return {**named, "config": dict(named), **rest}

    found = [protocol("BGP", {"bgp": bgp})] if bgp else []
    found += [protocol("STATIC", {"static-routes": {"static": routes}})] if routes else []
    return {"protocol": found}


_BGP = st.fixed_dictionaries(
    {"global": st.just({"config": {"as": 65001}})},
    optional={"neighbors": _wrapped("neighbor", _NEIGHBORS), "peer-groups": _wrapped("peer-group", _GROUPS)},
)
_ROUTES = _entries(
    "prefix", ["203.0.113.0/24", "2001:db8:1::/48"], _optional(config=_optional(**{"set-tag": st.just(7)}))
)
_STATUS = st.sampled_from(["ACTIVE", "SUSPENDED"])
_VLANS = _entries(
    "vlan-id",
    [10, 20, 30],
    st.fixed_dictionaries(
        {"config": _optional(name=TEXTS.filter(bool), status=st.sampled_from(["ACTIVE", "SUSPENDED"]))}
    ),
)
_INSTANCES = _wrapped(
    "network-instance",
    _entries(
        "name",
        ["default", "blue"],
        st.fixed_dictionaries(
            {"config": st.just({"type": "openconfig-network-instance-types:DEFAULT_INSTANCE"})},
            optional={
                "protocols": st.builds(_protocols, st.one_of(st.just({}), _BGP), _ROUTES),
                "vlans": _wrapped("vlan", _VLANS),
            },
        ),
    ),
)
_SYSTEM = _optional(
    config=_optional(hostname=st.sampled_from(["leaf1", "leaf2"])),
    dns=_optional(
        config=_wrapped("search", st.lists(st.sampled_from(DOMAINS), unique=True)),
        servers=_wrapped(
            "server",
            _entries(
                "address", ADDRESSES, st.fixed_dictionaries({"config": _optional(port=st.sampled_from([53, 5353]))})
            ),
        ),
    ),
    ntp=_optional(
        config=_optional(enabled=st.booleans()),
        servers=_wrapped(
            "server",
            _entries("address", ADDRESSES, st.fixed_dictionaries({"config": _optional(iburst=st.booleans())})),
        ),
    ),
)

documents: st.SearchStrategy[dict[str, Any]] = _optional(
    **{
        "openconfig-interfaces:interfaces": _INTERFACES,
        "openconfig-network-instance:network-instances": _INSTANCES,
        "openconfig-system:system": _SYSTEM,
    }
)
"""Whole configurations as plain RFC 7951 values."""

texts: st.SearchStrategy[bytes] = documents.map(lambda document: json.dumps(document).encode())
"""The same as JSON."""


def leaf_switch(ports: int, mtu: int = 9000) -> dict[str, Any]:
    """A leaf switch with that many routed ports, a BGP neighbour on each: about 510 bytes of JSON a port."""
    interfaces = [
        {
            "name": f"Ethernet{port}",
            "config": {
                "name": f"Ethernet{port}",
                "description": f"link to spine {port}",
                "mtu": mtu,
                "type": "iana-if-type:ethernetCsmacd",
                "enabled": True,
            },
            "subinterfaces": {
                "subinterface": [
                    {
                        "index": 0,
                        "config": {"index": 0},
                        "openconfig-if-ip:ipv4": {"addresses": {"address": [_address(port)]}},
                    }
                ]
            },
        }
        for port in range(ports)
    ]
    neighbors = [
        {
            "neighbor-address": f"10.{port >> 8}.{port & 255}.0",
            "config": {"neighbor-address": f"10.{port >> 8}.{port & 255}.0", "peer-as": 65000 + port},
        }
        for port in range(ports)
    ]
    named = {"identifier": "openconfig-policy-types:BGP", "name": "BGP"}
    bgp = {"global": {"config": {"as": 65001}}, "neighbors": {"neighbor": neighbors}}
    return {
        "openconfig-interfaces:interfaces": {"interface": interfaces},
        "openconfig-network-instance:network-instances": {
            "network-instance": [
                {
                    "name": "default",
                    "config": {"name": "default", "type": "openconfig-network-instance-types:DEFAULT_INSTANCE"},
                    "protocols": {"protocol": [{**named, "config": dict(named), "bgp": bgp}]},
                }
            ]
        },
        "openconfig-system:system": {
            "config": {"hostname": "leaf1"},
            "dns": {"config": {"search": ["a.example", "b.example"]}},
        },
    }


def _address(port: int) -> dict[str, Any]:
    address = f"10.{port >> 8}.{port & 255}.1"
    return {"ip": address, "config": {"ip": address, "prefix-length": 31}}
