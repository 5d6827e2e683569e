"""Objects that exist for a probe only: names that nothing on the device has, and what is written about them.

Used by experiments. Pure; must not know protocols. Addresses are those for documentation (RFC 5737, RFC 3849).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fabricd.model.path import Path, Segment
from fabricd.southbound.probe.schema_work import Document

INTERFACES = "openconfig-interfaces:interfaces"
INSTANCES = "openconfig-network-instance:network-instances"
ACL = "openconfig-acl:acl"
LLDP = "openconfig-lldp:lldp"
SYSTEM = "openconfig-system:system"
INTERFACE_LIST = (INTERFACES, "interface")
INSTANCE_LIST = (INSTANCES, "network-instance")
LAG_TYPE = "lag-type"

_LOOPBACK, _AGGREGATE = "iana-if-type:softwareLoopback", "iana-if-type:ieee8023adLag"
_IPV4, _IPV6 = "openconfig-if-ip:ipv4", "openconfig-if-ip:ipv6"
_NUMBERED = re.compile(r"(.*?)(\d+)$")
_LOOPBACKS = 12
_TIME_SERVER = "192.0.2.123"
_FIRST = 1001  # numbers that few people use, and that every kind of switch bears
SECRET = "fabricd-probe-0A1b"  # noqa: S105 - it protects nothing and is never in force for longer than a probe


@dataclass(frozen=True, slots=True)
class Scratch:
    """Names of scratch objects. `plain` is in no network instance, `before` gets its address before it comes into
    `instance` and `after` afterwards. `marks` are loopbacks of which each is written once, so that it tells that what
    was written with it is to be seen; all others may be seen late, from what was tried before."""

    plain: str
    before: str
    after: str
    aggregate: str
    instance: str
    marks: tuple[str, ...] = ()
    bridge: str = ""
    acl: str = ""

    @property
    def interfaces(self) -> tuple[str, ...]:
        return (self.plain, self.before, self.after, *self.marks, self.aggregate)


def chosen(config: Mapping[str, Any], *, interface: str = "", instance: str = "") -> Scratch:
    """Names that are on the device nowhere, like those that it has. `interface` and `instance` are taken as they are
    where they are given."""
    taken = set(_texts(config))
    loopbacks = [interface or _free(_prefix(config, _LOOPBACK, "Loopback"), taken)]
    while len(loopbacks) < _LOOPBACKS:
        loopbacks.append(_free(_split(loopbacks[0])[0], {*taken, *loopbacks}))
    plain, before, after, *marks = loopbacks
    return Scratch(
        plain=plain,
        before=before,
        after=after,
        marks=tuple(marks),
        aggregate=_free(_prefix(config, _AGGREGATE, "PortChannel"), taken),
        instance=instance or _unlike("fabricd-probe", taken),
        bridge=_unlike("fabricd-probe-l2", taken),
        acl=_unlike("fabricd-probe-acl", taken),
    )


def _prefix(config: Mapping[str, Any], kind: str, usual: str) -> str:
    for entry in entries(config, INTERFACES, "interface"):
        if entry.get("config", {}).get("type") == kind:
            return _split(str(entry["name"]))[0]
    return usual


def _split(name: str) -> tuple[str, str]:
    found = _NUMBERED.match(name)
    return (found[1], found[2]) if found else (name, "")


def _free(prefix: str, taken: Iterable[str]) -> str:
    number = _FIRST
    while f"{prefix}{number}" in taken:
        number += 1
    return f"{prefix}{number}"


def _unlike(name: str, taken: Iterable[str]) -> str:
    while name in taken:
        name += "-"
    return name


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    else:
        yield str(value)


def entries(config: Mapping[str, Any], *steps: str) -> list[dict[str, Any]]:
    """The entries of a list in a document, none where it is not there."""
    held: Any = config
    for step in steps:
        held = held.get(step, {}) if isinstance(held, Mapping) else {}
    return [one for one in held if isinstance(one, dict)] if isinstance(held, list) else []


def names(config: Mapping[str, Any], top: str, name: str) -> frozenset[str]:
    """The names of the entries of a list at the top."""
    return frozenset(str(one.get("name", "")) for one in entries(config, top, name))


def held(config: Mapping[str, Any], *steps: str) -> Mapping[str, Any]:
    """A container in a document, empty where it is not there."""
    found: Any = config
    for step in steps:
        found = found.get(step, {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


def interface(name: str) -> Path:
    """The entry of an interface."""
    return Path((Segment("interfaces", "openconfig-interfaces"), Segment("interface", keys=(("name", name),))))


def membership(port: str) -> Path:
    """The leaf that has a port in an aggregate."""
    steps = Path.parse("/openconfig-if-ethernet:ethernet/config/openconfig-if-aggregate:aggregate-id").segments
    return Path((*interface(port).segments, *steps))


def member_of(instance: str, name: str) -> Path:
    """An interface in a network instance, by its id there."""
    instances = Segment("network-instances", "openconfig-network-instance")
    entry = Segment("network-instance", keys=(("name", instance),))
    return Path((instances, entry, Segment("interfaces"), Segment("interface", keys=(("id", name),))))


def paths_of(documents: Iterable[Document]) -> tuple[Path, ...]:
    """What has to be deleted to undo these documents: the entries that they make, and single leaves elsewhere."""
    found: list[Path] = []
    for document in documents:
        for *steps, name in _LISTS:
            for entry in entries(document, *steps, name):
                keys = tuple((key, str(entry[key])) for key in _KEYS[name])
                found.append(Path((*Path.parse("/" + "/".join(steps)).segments, Segment(name, keys=keys))))
        leaves = (leaf for leaf in _LEAVES if leaf[-1] in held(document, *leaf[:-1]))
        found += [Path.parse("/" + "/".join(leaf)) for leaf in leaves]
    return tuple(dict.fromkeys(found))


def entry_of(path: Path) -> Path:
    """The innermost list entry that a path leads through."""
    depth = max(at for at, segment in enumerate(path.segments, 1) if segment.keys)
    return Path(path.segments[:depth])


_LISTS = (
    (INSTANCES, "network-instance"), (LLDP, "interfaces", "interface"), (ACL, "acl-sets", "acl-set"),
    (SYSTEM, "ntp", "servers", "server"), (INTERFACES, "interface"),
)  # fmt: skip
_KEYS = {"network-instance": ("name",), "interface": ("name",), "acl-set": ("name", "type"), "server": ("address",)}
_LEAVES = (
    (LLDP, "config", "enabled"), (SYSTEM, "config", "motd-banner"), (SYSTEM, "ntp", "config", "enabled"),
)  # fmt: skip


def loopback(name: str, *, address: str = "", subinterface: bool = True, **config: Any) -> Document:
    """A loopback interface with subinterface 0, and an address where one is given."""
    entry: dict[str, Any] = {"name": name, "config": {"name": name, "type": _LOOPBACK, **config}}
    if subinterface:
        entry["subinterfaces"] = {"subinterface": [_subinterface(address)]}
    return {INTERFACES: {"interface": [entry]}}


def _subinterface(address: str) -> dict[str, Any]:
    found: dict[str, Any] = {"index": 0, "config": {"index": 0}}
    if address:
        found[_IPV4] = _addresses(address, 32)
    return found


def _addresses(ip: str, length: int) -> dict[str, Any]:
    return {"addresses": {"address": [{"ip": ip, "config": {"ip": ip, "prefix-length": length}}]}}


def with_ipv6(document: Document, address: str) -> Document:
    """The same with an IPv6 address on each subinterface."""
    for entry in document[INTERFACES]["interface"]:
        for one in entry["subinterfaces"]["subinterface"]:
            one[_IPV6] = _addresses(address, 128)
    return document


def member(port: str, kind: str, aggregate: str) -> Document:
    """A port as member of an aggregate. `kind` is its type."""
    joined = {"config": {"openconfig-if-aggregate:aggregate-id": aggregate}}
    entry = {"name": port, "config": {"name": port, "type": kind}, "openconfig-if-ethernet:ethernet": joined}
    return {INTERFACES: {"interface": [entry]}}


def aggregate(name: str) -> Document:
    """An aggregate without members."""
    entry = {
        "name": name,
        "config": {"name": name, "type": _AGGREGATE},
        "openconfig-if-aggregate:aggregation": {"config": {LAG_TYPE: "LACP"}},
    }
    return {INTERFACES: {"interface": [entry]}}


def bridge(name: str) -> Document:
    """A layer-2 instance with a bridging table of which little is said."""
    return instance(name, "L2VSI", fdb={"config": {"mac-learning": True}})


def instance(name: str, kind: str = "L3VRF", **content: Any) -> Document:
    """A network instance."""
    entry = {
        "name": name,
        "config": {"name": name, "type": f"openconfig-network-instance-types:{kind}"},
        **content,
    }
    return {INSTANCES: {"network-instance": [entry]}}


def members(*interfaces: str, dotted: bool) -> dict[str, Any]:
    """Subinterfaces 0 of these as members of an instance."""
    return {
        "interface": [
            {"id": name, "config": {"id": name, "interface": interface, "subinterface": 0}}
            for interface in interfaces
            for name in ([f"{interface}.0"] if dotted else [f"fabricd-{interface}"])
        ]
    }


def static_protocol(name: str) -> dict[str, Any]:
    """The protocol STATIC by a name, with a route to nowhere."""
    prefix = "198.51.100.0/24"
    hop = {
        "index": "drop",
        "config": {"index": "drop", "next-hop": "openconfig-local-routing:DROP"},
    }
    return {
        **_protocol("STATIC", name),
        "static-routes": {
            "static": [{"prefix": prefix, "config": {"prefix": prefix}, "next-hops": {"next-hop": [hop]}}]
        },
    }


def bgp() -> dict[str, Any]:
    """The protocol BGP with a group, a neighbour and a range of neighbours, none of which can be reached."""
    group, peer, dynamic = "fabricd-probe", "192.0.2.254", "203.0.113.0/24"
    return {
        **_protocol("BGP", "BGP"),
        "bgp": {
            "global": {
                "config": {"as": 64512, "router-id": "192.0.2.1"},
                "dynamic-neighbor-prefixes": {
                    "dynamic-neighbor-prefix": [{"prefix": dynamic, "config": {"prefix": dynamic, "peer-group": group}}]
                },
            },
            "peer-groups": {
                "peer-group": [
                    {"peer-group-name": group, "config": {"peer-group-name": group, "auth-password": SECRET}}
                ]
            },
            "neighbors": {
                "neighbor": [
                    {
                        "neighbor-address": peer,
                        "config": {"neighbor-address": peer, "peer-as": 64513, "auth-password": SECRET},
                    }
                ]
            },
        },
    }


def _protocol(identifier: str, name: str) -> dict[str, Any]:
    kind = f"openconfig-policy-types:{identifier}"
    return {"identifier": kind, "name": name, "config": {"identifier": kind, "name": name}}


def acl(name: str) -> Document:
    """An ACL with one entry that is bound to nothing."""
    entry = {
        "sequence-id": 10,
        "config": {"sequence-id": 10, "description": "fabricd probe"},
        "actions": {"config": {"forwarding-action": "openconfig-acl:ACCEPT"}},
    }
    kind = "openconfig-acl:ACL_IPV4"
    one = {
        "name": name,
        "type": kind,
        "config": {"name": name, "type": kind},
        "acl-entries": {"acl-entry": [entry]},
    }
    return {ACL: {"acl-sets": {"acl-set": [one]}}}


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that a device has a switch for. `path` is the switch, `switch` has it on; `dependent` is an entry that
    is in force only when it is on, `entries` the list of such. `on`: so it is where nobody says anything."""

    what: str
    path: Path
    switch: Document
    dependent: Document
    entries: Path
    on: bool

    def is_unused(self, config: Mapping[str, Any]) -> bool:
        """Whether nobody configured the switch, nor, of a feature that is off, anything that it would put in force."""
        first, *above, leaf = (f"{one.module}:{one.name}" if one.module else one.name for one in self.path.segments)
        container = held(config, first, *above)
        return leaf not in container and (self.on or not held(config, first, *above[:-1]))


def features(interface: str) -> tuple[Feature, ...]:
    """LLDP on a loopback, where nobody listens, and a time server at an address that nobody has."""
    entry = {"name": interface, "config": {"name": interface, "enabled": False}}
    server = {"address": _TIME_SERVER, "config": {"address": _TIME_SERVER}}
    return (
        Feature(
            "LLDP on an interface",
            Path.parse(f"/{LLDP}/config/enabled"),
            {LLDP: {"config": {"enabled": True}}},
            {LLDP: {"interfaces": {"interface": [entry]}}},
            Path.parse(f"/{LLDP}/interfaces/interface"),
            on=True,
        ),
        Feature(
            "a time server",
            Path.parse(f"/{SYSTEM}/ntp/config/enabled"),
            {SYSTEM: {"ntp": {"config": {"enabled": True}}}},
            {SYSTEM: {"ntp": {"servers": {"server": [server]}}}},
            Path.parse(f"/{SYSTEM}/ntp/servers/server"),
            on=False,
        ),
    )


def banner() -> Document:
    """What people see who log in, which people set at command lines."""
    return {SYSTEM: {"config": {"motd-banner": "fabricd is trying this switch out."}}}
