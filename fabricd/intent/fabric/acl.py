"""Packet filters: the ACL sets that the attachments of a device use.

Called by compile.py. Knows nothing of where they are bound (attachments.py). That packets which no entry matches are
dropped is what switches do by themselves: OpenConfig has no leaf for it.
"""

from __future__ import annotations

from typing import Any

from fabricd.intent.fabric.fragment import keyed
from fabricd.intent.fabric.resolved import ResolvedDevice, ResolvedFabric
from fabricd.intent.fabric.values import Acl, AclEntry, Fabric

PROTOCOLS: dict[str, str | int] = {
    "tcp": "openconfig-packet-match-types:IP_TCP",
    "udp": "openconfig-packet-match-types:IP_UDP",
    "icmp": "openconfig-packet-match-types:IP_ICMP",
    "icmpv6": 58,  # there is no identity for it
}


def acl(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    """The ACLs that a device uses, and no others."""
    used = {name for one in device.attachments for name in (one.acl_in, one.acl_out) if name}
    if not used:
        return {}
    sets = [_set(one) for one in fabric.fabric.acls if one.name in used]
    return {"openconfig-acl:acl": {"acl-sets": {"acl-set": keyed(("name", "type"), sets)}}}


def acl_type(one: Acl) -> str:
    return "openconfig-acl:ACL_IPV6" if one.ipv6 else "openconfig-acl:ACL_IPV4"


def acl_types(fabric: Fabric) -> dict[str, str]:
    """The type of each ACL by its name: an ACL is known by both."""
    return {one.name: acl_type(one) for one in fabric.acls}


def protocol_number(text: str) -> str | int:
    """A protocol's name or number as oc-pkt-match-types:ip-protocol-type has it."""
    return PROTOCOLS[text] if text in PROTOCOLS else int(text)


def port_range(text: str) -> str | int:
    """A port or range of ports as oc-pkt-match-types:port-num-range has it."""
    return int(text) if text.isdecimal() else text


def _set(one: Acl) -> dict[str, Any]:
    key = {"name": one.name, "type": acl_type(one)}
    entries = [_entry(entry, "ipv6" if one.ipv6 else "ipv4") for entry in one.entries]
    return {**key, "config": dict(key), "acl-entries": {"acl-entry": keyed("sequence-id", entries)}}


def _entry(entry: AclEntry, family: str) -> dict[str, Any]:
    packet: dict[str, Any] = {}
    if entry.source:
        packet["source-address"] = _prefix(entry.source)
    if entry.destination:
        packet["destination-address"] = _prefix(entry.destination)
    if entry.protocol:
        packet["protocol"] = protocol_number(entry.protocol)
    if entry.dscp >= 0:
        packet["dscp"] = entry.dscp
    ports = {"source-port": entry.source_port, "destination-port": entry.destination_port}
    action = "openconfig-acl:ACCEPT" if entry.permit else "openconfig-acl:DROP"
    log = {"log-action": "openconfig-acl:LOG_SYSLOG"} if entry.log else {}
    return {
        "sequence-id": entry.sequence,
        "config": {"sequence-id": entry.sequence},
        family: {"config": packet},
        "transport": {"config": {name: port_range(text) for name, text in ports.items() if text}},
        "actions": {"config": {"forwarding-action": action, **log}},
    }


def _prefix(text: str) -> str:
    """A single address is the longest prefix."""
    return text if "/" in text else f"{text}/{128 if ':' in text else 32}"
