"""Cables that are plugged in otherwise than the fabric says are found, each once and with both ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd.intent.fabric.cabling import Verdict, compare_cabling
from fabricd.intent.fabric.values import Link, Port
from fabricd.model.operational import InterfaceState, LldpNeighbor, Operational

NOW = datetime(2026, 11, 1, tzinfo=UTC)
Pair = tuple[Port, Port]


def links(count: int, spines: int = 2) -> list[Link]:
    """Cable n goes from a spine to a leaf, ports counted up on each."""
    used: dict[str, int] = {}

    def port(device: str) -> Port:
        used[device] = used.get(device, 0) + 1
        return Port(device, f"Ethernet{used[device]}")

    return [Link(port(f"spine{n % spines + 1}"), port(f"leaf{n // spines + 1}")) for n in range(count)]


def seen(cables: Iterable[Pair], devices: Iterable[str] = ()) -> dict[str, Operational | None]:
    """What every device says when these cables are plugged in."""
    pairs = tuple(cables)
    found: dict[str, Operational | None] = {}
    for name in {*devices, *(port.device for pair in pairs for port in pair)}:
        mine = [(here, there) for a, b in pairs for here, there in ((a, b), (b, a)) if here.device == name]
        found[name] = Operational(
            name,
            NOW,
            tuple(InterfaceState(here.name, "UP", "UP") for here, _ in mine),
            tuple(LldpNeighbor(here.name, f"{there.device}.example", "", there.name) for here, there in mine),
            lldp=True,
            system_name=f"{name}.example",
        )
    return found


def told(wanted: Sequence[Link], sights: dict[str, Operational | None]) -> dict[str, Verdict]:
    cables = compare_cabling([("dc1", link) for link in wanted], sights)
    assert len({cable.name for cable in cables}) == len(cables), "a cable is told twice"
    return {cable.name: cable.verdict for cable in cables}


@given(st.data())
def test_permuted_cables_are_always_found_with_both_ends_and_nothing_else(data: st.DataObject) -> None:
    wanted = links(data.draw(st.integers(1, 12)))
    far = data.draw(st.permutations([link.b for link in wanted]))
    plugged = [(link.a, b) for link, b in zip(wanted, far, strict=True)]
    at = dict(plugged) | {b: a for a, b in plugged}
    cables = compare_cabling([("dc1", link) for link in wanted], seen(plugged))
    assert len(cables) == len(wanted)
    by_name = {cable.name: cable for cable in cables}
    for link in wanted:
        cable = by_name[link.name]
        assert (cable.verdict is Verdict.WRONG) == (at[link.a] != link.b)
        assert (cable.a.found, cable.b.found) == (str(at[link.a]), str(at[link.b]))
        others = {other.name for other in wanted if other != link and {at[link.a], at[link.b]} & {other.a, other.b}}
        assert set(cable.swapped_with) == others


@pytest.mark.parametrize("known_by", ["system-name", "chassis-id"])
def test_a_neighbour_is_known_whatever_the_case_of_its_name(known_by: str) -> None:
    """Vendors write MAC addresses each in their own case, and so do people host names."""
    (link,) = wanted = links(1)

    def sight(here: Port, there: Port) -> Operational:
        named = known_by == "system-name"
        neighbor = LldpNeighbor(
            here.name, there.device.upper() if named else "", "" if named else f"{there.device}:AB", there.name
        )
        chassis = "" if named else f"{here.device}:ab"
        return Operational(
            here.device, NOW, (), (neighbor,), lldp=True, system_name=here.device if named else "", chassis_id=chassis
        )

    sights: dict[str, Operational | None] = {
        link.a.device: sight(link.a, link.b),
        link.b.device: sight(link.b, link.a),
    }
    assert set(told(wanted, sights).values()) == {Verdict.OK}


@given(st.data())
def test_one_blind_end_hides_no_wrong_cable(data: st.DataObject) -> None:
    wanted = links(data.draw(st.integers(2, 8)), spines=1)
    far = data.draw(st.permutations([link.b for link in wanted]))
    plugged = [(link.a, b) for link, b in zip(wanted, far, strict=True)]
    sights = seen(plugged)
    blind = data.draw(st.sets(st.sampled_from(sorted(name for name in sights if name != "spine1"))))
    sights |= dict.fromkeys(blind)
    at = dict(plugged)
    for cable in compare_cabling([("dc1", link) for link in wanted], sights):
        link = next(one for one in wanted if one.name == cable.name)
        assert (cable.verdict is Verdict.OK) == (at[link.a] == link.b)
        assert cable.b.found, "the other end is known from whoever sees it"


def test_two_swapped_cables_name_each_other() -> None:
    one, two = links(2, spines=1)
    cables = compare_cabling([("dc1", one), ("dc1", two)], seen([(one.a, two.b), (two.a, one.b)]))
    assert [(cable.verdict, cable.swapped_with) for cable in cables] == [
        (Verdict.WRONG, (two.name,)), (Verdict.WRONG, (one.name,))
    ]  # fmt: skip


def test_a_cable_that_nobody_hears_is_missing_and_one_that_nobody_could_hear_is_unknown() -> None:
    (link,) = links(1)
    devices = (link.a.device, link.b.device)
    silent = seen([], devices)
    assert told([link], silent) == {link.name: Verdict.MISSING}
    assert told([link], dict.fromkeys(devices)) == {link.name: Verdict.UNKNOWN}
    off = {name: replace(sight, lldp=False) for name, sight in silent.items() if sight}
    (cable,) = compare_cabling([("dc1", link)], off)
    assert (cable.verdict, cable.a.note) == (Verdict.UNKNOWN, "LLDP is off")


@pytest.mark.parametrize(
    ("state", "note"),
    [
        (InterfaceState("Ethernet1", "DOWN", "DOWN"), "the interface is switched off"),
        (InterfaceState("Ethernet1", "UP", "DOWN"), "the interface is down"),
        (InterfaceState("Ethernet1", "UP", "UP"), "no neighbour is heard"),
    ],
)
def test_a_missing_cable_says_why(state: InterfaceState, note: str) -> None:
    (link,) = links(1)
    sights = {
        name: replace(sight, interfaces=(state,))
        for name, sight in seen([], (link.a.device, link.b.device)).items()
        if sight
    }
    (cable,) = compare_cabling([("dc1", link)], sights)
    assert (cable.verdict, cable.a.note, cable.b.note) == (Verdict.MISSING, note, note)


def test_a_link_that_is_shut_down_is_not_missed() -> None:
    link = replace(links(1)[0], shutdown=True)
    assert told([link], seen([], (link.a.device, link.b.device))) == {link.name: Verdict.OK}


def test_a_cable_that_stands_in_no_fabric_is_told_once_and_hosts_are_not() -> None:
    (link,) = links(1)
    more = (Port("leaf1", "Ethernet40"), Port("spine1", "Ethernet41"))
    sights = seen([(link.a, link.b), more])
    leaf = sights["leaf1"]
    assert leaf is not None
    host = LldpNeighbor("Ethernet10", "web1", "", "eth0")
    sights["leaf1"] = replace(leaf, neighbors=(*leaf.neighbors, host))
    assert told([link], sights) == {
        "leaf1:Ethernet40 - spine1:Ethernet41": Verdict.UNEXPECTED, link.name: Verdict.OK
    }  # fmt: skip


def test_a_stranger_at_the_end_of_a_link_is_named() -> None:
    (link,) = links(1)
    sights = seen([], (link.a.device, link.b.device))
    spine = sights["spine1"]
    assert spine is not None
    sights["spine1"] = replace(spine, neighbors=(LldpNeighbor("Ethernet1", "printer", "", "lan0"),))
    (cable,) = compare_cabling([("dc1", link)], sights)
    assert (cable.verdict, cable.a.found) == (Verdict.WRONG, "printer:lan0")


def test_ports_are_known_by_description_and_devices_by_chassis_where_names_say_nothing() -> None:
    (link,) = links(1)
    sights = seen([(link.a, link.b)])
    spine, leaf = sights["spine1"], sights["leaf1"]
    assert spine is not None
    assert leaf is not None
    by_mac = LldpNeighbor("Ethernet1", "", "00:11:22:33:44:55", "00:11:22:33:44:56", "Ethernet1")
    sights = {
        "spine1": replace(spine, neighbors=(by_mac,)),
        "leaf1": replace(leaf, system_name="switch", chassis_id="00:11:22:33:44:55", neighbors=()),
    }
    assert told([link], sights) == {link.name: Verdict.OK}


def test_two_devices_with_one_host_name_are_not_taken_for_each_other() -> None:
    (link,) = links(1)
    sights = seen([(link.a, link.b)], ["leaf2"])
    other = sights["leaf2"]
    assert other is not None
    sights["leaf2"] = replace(other, system_name="leaf1.example")
    assert told([link], sights) == {link.name: Verdict.OK}
