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

_LOOPBACK, _AGGREGATE = "iana-if-type:softwareLoopback", "iana-if-type:ieee8023adLag"
_IPV4, _IPV6 = "openconfig-if-ip:ipv4", "openconfig-if-ip:ipv6"
_NUMBERED = re.compile(r"(.*?)(\d+)$")
_LOOPBACKS = 8
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


def held(config: Mapping[str, Any], *steps: str) -> Mapping[str, Any]:
    """A container in a document, empty where it is not there."""
    found: Any = config
    for step in steps:
        found = found.get(step, {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


def interface(name: str) -> Path:
    """The entry of an interface."""
    return Path((Segment("interfaces", "openconfig-interfaces"), Segment("interface", keys=(("name", name),))))


def paths_of(documents: Iterable[Document]) -> tuple[Path, ...]:
    """What has to be deleted to undo these documents: the entries that they make, and single leaves elsewhere."""
    found: list[Path] = []
    for document in documents:
        for top, *steps in _LISTS:
            for entry in entries(document, top, *steps):
                keys = tuple((key, str(entry[key])) for key in _KEYS[steps[-1]])
                path = Path.parse("/" + "/".join((top, *steps)))
                found.append(Path((*path.segments[:-1], Segment(steps[-1], keys=keys))))
        leaves = ((top, leaf) for top, leaf in _LEAVES if leaf in held(document, top, "config"))
        found += [Path.parse(f"/{top}/config/{leaf}") for top, leaf in leaves]
    return tuple(dict.fromkeys(found))


def entry_of(path: Path) -> Path:
    """The innermost list entry that a path leads through."""
    depth = max(at for at, segment in enumerate(path.segments, 1) if segment.keys)
    return Path(path.segments[:depth])


_LISTS = (
    (INSTANCES, "network-instance"), (LLDP, "interfaces", "interface"), (ACL, "acl-sets", "acl-set"),
    (INTERFACES, "interface"),
)  # fmt: skip
_KEYS = {"network-instance": ("name",), "interface": ("name",), "acl-set": ("name", "type")}
_LEAVES = ((LLDP, "enabled"), (SYSTEM, "motd-banner"))


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


def aggregate(name: str) -> Document:
    """An aggregate without members."""
    entry = {
        "name": name,
        "config": {"name": name, "type": _AGGREGATE},
        "openconfig-if-aggregate:aggregation": {"config": {"lag-type": "LACP"}},
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


def lldp(interface: str, *, enabled: bool) -> Document:
    """LLDP on a loopback, where nobody listens; `enabled` says that LLDP itself is to be on."""
    entry = {"name": interface, "config": {"name": interface, "enabled": False}}
    found: dict[str, Any] = {"interfaces": {"interface": [entry]}}
    if enabled:
        found["config"] = {"enabled": True}
    return {LLDP: found}


def banner() -> Document:
    """What people see who log in, which people set at command lines."""
    return {SYSTEM: {"config": {"motd-banner": "fabricd is trying this switch out."}}}
