"""Interfaces, LLDP neighbours and BGP sessions out of an observed OpenConfig document.

Called by reconcile/observations in schema workers. Pure; must not know how the document was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from fabricd.model.operational import BgpSession, InterfaceState, LldpNeighbor, Operational

_INTERFACES = "openconfig-interfaces:interfaces"
_LLDP = "openconfig-lldp:lldp"
_INSTANCES = "openconfig-network-instance:network-instances"


def operational(device: str, read: datetime, document: Mapping[str, Any], unread: tuple[str, ...] = ()) -> Operational:
    """What `document` (read_observed's) says; what it leaves out stays at its "not told"."""
    lldp = _at(document, _LLDP)
    state = _at(lldp, "state")
    return Operational(
        device=device,
        read=read,
        interfaces=tuple(_interfaces(document)),
        neighbors=tuple(_neighbors(lldp)),
        sessions=tuple(_sessions(document)),
        lldp=_flag(state, "enabled"),
        system_name=_text(state, "system-name"),
        chassis_id=_text(state, "chassis-id"),
        silent=frozenset(
            str(entry["name"])
            for entry in _entries(lldp, "interfaces", "interface")
            if _flag(_at(entry, "state"), "enabled") is False
        ),
        unread=unread,
    )


def _interfaces(document: Mapping[str, Any]) -> Iterator[InterfaceState]:
    for entry in _entries(document, _INTERFACES, "interface"):
        state = _at(entry, "state")
        if state:
            yield InterfaceState(
                name=str(entry["name"]),
                admin_status=_text(state, "admin-status"),
                oper_status=_text(state, "oper-status"),
                enabled=_flag(state, "enabled"),
                description=_text(state, "description"),
                mtu=_number(state, "mtu"),
                last_change=_time(state, "last-change"),
            )


def _neighbors(lldp: Mapping[str, Any]) -> Iterator[LldpNeighbor]:
    for entry in _entries(lldp, "interfaces", "interface"):
        for neighbor in _entries(entry, "neighbors", "neighbor"):
            state = _at(neighbor, "state")
            yield LldpNeighbor(
                interface=str(entry["name"]),
                system_name=_text(state, "system-name"),
                chassis_id=_text(state, "chassis-id"),
                port_id=_text(state, "port-id"),
                port_description=_text(state, "port-description"),
            )


def _sessions(document: Mapping[str, Any]) -> Iterator[BgpSession]:
    for instance in _entries(document, _INSTANCES, "network-instance"):
        for protocol in _entries(instance, "protocols", "protocol"):
            for neighbor in _entries(protocol, "bgp", "neighbors", "neighbor"):
                state = _at(neighbor, "state")
                yield BgpSession(
                    network_instance=str(instance["name"]),
                    protocol=str(protocol["name"]),
                    neighbor=str(neighbor["neighbor-address"]),
                    state=_text(state, "session-state"),
                    peer_as=_number(state, "peer-as"),
                    enabled=_flag(state, "enabled"),
                    last_established=_time(state, "last-established"),
                )


def _at(value: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        value = value.get(name, {})
    return value


def _entries(value: Mapping[str, Any], *names: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = _at(value, *names[:-1]).get(names[-1], [])
    return found


def _text(state: Mapping[str, Any], name: str) -> str:
    return str(state.get(name, ""))


def _number(state: Mapping[str, Any], name: str) -> int:
    return int(state.get(name, 0))


def _flag(state: Mapping[str, Any], name: str) -> bool | None:
    found = state.get(name)
    return None if found is None else bool(found)


def _time(state: Mapping[str, Any], name: str) -> datetime | None:
    """timeticks64 is nanoseconds since 1970, as a string (RFC 7951); 0 and what no calendar has are no time."""
    nanoseconds = int(state.get(name, 0))
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC) if nanoseconds else None
    except (OverflowError, ValueError, OSError):
        return None
