"""The cabling that a fabric says against the cabling that its devices see of each other by LLDP.

Called by reconcile/observations. Pure; must not know how devices are read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from fabricd.intent.fabric.values import Link, Port, natural
from fabricd.model.operational import LldpNeighbor, Operational


class Verdict(StrEnum):
    """What is known of a cable. Ordered from the worst."""

    WRONG = "wrong"  # an end is plugged in somewhere else
    MISSING = "missing"  # an end that listens hears nobody
    UNEXPECTED = "unexpected"  # a cable between devices of the fabrics that stands in none
    UNKNOWN = "unknown"  # no end could be asked, or LLDP is off
    OK = "ok"


@dataclass(frozen=True, slots=True)
class CableEnd:
    """`found` is the far end that is seen from here, DEVICE:PORT, or what a stranger calls itself; empty: nothing is
    seen, for the reason in `note`."""

    port: Port
    found: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cable:
    """One cable, told once. `swapped_with` names the links whose places its ends are plugged into."""

    verdict: Verdict
    a: CableEnd
    b: CableEnd
    fabric: str = ""
    swapped_with: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.a.port} - {self.b.port}"


Sights = Mapping[str, Operational | None]
"""What each device sees, None where it could not be asked."""


def compare_cabling(links: Iterable[tuple[str, Link]], sights: Sights) -> tuple[Cable, ...]:
    """Every link of (fabric, link) and every other cable between the devices of `sights`, the worst first.

    A neighbour is known by the device's name, or by the system name or chassis id that it tells of itself; its port by
    port id or, where that is no interface of it, by port description (IEEE 802.1AB leaves both to the vendor). One end
    that sees what it should is enough, unless the other contradicts.
    """
    wanted = tuple(links)
    eyes = _Eyes(sights, {port for _, link in wanted for port in (link.a, link.b)})
    owners = {port: link.name for _, link in wanted for port in (link.a, link.b)}
    found = [_judged(fabric, link, eyes, owners) for fabric, link in wanted]
    found += _unexpected(eyes, owners)
    order = list(Verdict)
    return tuple(sorted(found, key=lambda cable: (order.index(cable.verdict), natural(cable.name))))


class _Eyes:
    """Who sees whom, names resolved. Made for one comparison."""

    def __init__(self, sights: Sights, ports: Collection[Port]) -> None:
        self._sights = sights
        self._interfaces = {
            Port(name, one.name): one for name, sight in sights.items() if sight for one in sight.interfaces
        }
        self._ports = {*ports, *self._interfaces}
        self._devices = self._names()
        self.seen: dict[Port, tuple[Port | str, ...]] = {}
        for device, sight in sights.items():
            for neighbor in sight.neighbors if sight else ():
                here = Port(device, neighbor.interface)
                self.seen[here] = (*self.seen.get(here, ()), self._resolved(neighbor))
        self._seen_from: dict[Port, Port] = {
            there: here for here, those in self.seen.items() for there in those if isinstance(there, Port)
        }

    def from_port(self, port: Port, expected: Port) -> Port | str | None:
        """What is at the other end, by what this port sees, or else by who sees this port."""
        seen = self.seen.get(port, ())
        if expected in seen:
            return expected
        known = [one for one in seen if isinstance(one, Port)]
        if known:
            return known[0]
        return seen[0] if seen else self._seen_from.get(port)

    def blindness(self, port: Port) -> tuple[str, bool]:
        """Why nothing is seen at a port, and whether that means that nothing is there."""
        sight = self._sights.get(port.device)
        if sight is None:
            return "the device could not be asked", False
        if sight.lldp is False or port.name in sight.silent:
            return "LLDP is off", False
        state = self._interfaces.get(port)
        if state is not None and state.admin_status not in ("", "UP"):
            return "the interface is switched off", True
        if state is not None and state.oper_status not in ("", "UP"):
            return "the interface is down", True
        return "no neighbour is heard", True

    def _names(self) -> dict[str, str]:
        """Devices by every name that only one of them goes by."""
        claims: dict[str, set[str]] = {}
        for device, sight in self._sights.items():
            if sight is not None:
                for name in _called(sight.system_name, sight.chassis_id):
                    claims.setdefault(name, set()).add(device)
        unique = {name: next(iter(devices)) for name, devices in claims.items() if len(devices) == 1}
        return {device.casefold(): device for device in self._sights} | unique

    def _resolved(self, neighbor: LldpNeighbor) -> Port | str:
        names = _called(neighbor.system_name, neighbor.chassis_id)
        device = next((self._devices[name] for name in names if name in self._devices), None)
        if device is None:
            return f"{neighbor.system_name or neighbor.chassis_id or 'unknown'}:{neighbor.port_id}"
        for name in (neighbor.port_id, neighbor.port_description):
            if Port(device, name) in self._ports:
                return Port(device, name)
        return Port(device, neighbor.port_id)


def _called(system_name: str, chassis_id: str) -> tuple[str, ...]:
    """Names to know a device by. Host names (RFC 4343) and MAC addresses are the same in either case, and two vendors
    write the same chassis id each in its own."""
    names = (system_name, system_name.partition(".")[0], chassis_id)
    return tuple(dict.fromkeys(name.casefold() for name in names if name))


def _judged(fabric: str, link: Link, eyes: _Eyes, owners: Mapping[Port, str]) -> Cable:
    ends, verdicts = [], set()
    others: list[str] = []
    for port, far in ((link.a, link.b), (link.b, link.a)):
        there = eyes.from_port(port, far)
        if there is None:
            note, listens = eyes.blindness(port)
            ends.append(CableEnd(port, note=note))
            verdicts.add(Verdict.MISSING if listens else Verdict.UNKNOWN)
            continue
        ends.append(CableEnd(port, str(there)))
        verdicts.add(Verdict.OK if there == far else Verdict.WRONG)
        if isinstance(there, Port) and there != far and owners.get(there, link.name) != link.name:
            others.append(owners[there])
    order = (Verdict.WRONG, Verdict.OK, Verdict.MISSING, Verdict.UNKNOWN)
    verdict = next(one for one in order if one in verdicts)
    if link.shutdown and verdict in (Verdict.MISSING, Verdict.UNKNOWN):
        verdict = Verdict.OK
        ends = [replace(end, note="shut down, as the fabric says") for end in ends]
    return Cable(verdict, ends[0], ends[1], fabric, tuple(sorted(set(others), key=natural)))


def _unexpected(eyes: _Eyes, owners: Mapping[Port, str]) -> Iterator[Cable]:
    told: set[frozenset[Port]] = set()
    for here, those in eyes.seen.items():
        for there in those:
            if not isinstance(there, Port) or here in owners or there in owners or frozenset((here, there)) in told:
                continue
            told.add(frozenset((here, there)))
            a, b = sorted((here, there), key=lambda port: natural(str(port)))
            yield Cable(Verdict.UNEXPECTED, CableEnd(a, str(b)), CableEnd(b, str(a)))
