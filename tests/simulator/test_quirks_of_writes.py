"""What quirks make of a write, on trees alone: refused with a path, dropped, added; and nothing when there is none."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from quirk_trees import INSTANCES, INTERFACES, PORTS, TYPES, flat, outline, trees

from fabricd.errors import InputError
from fabricd.simulator import Quirks
from fabricd.simulator.kinds import kind_called, kind_names
from fabricd.simulator.quirks.intake import Intake

FEW = settings(max_examples=15)
MTU = "/interfaces/interface/config/mtu"
INTERFACE = f"/{INTERFACES}/interface[name='{{}}']"
QUIRKS = [
    Quirks(wants_config_keys=True),
    Quirks(unsupported=(MTU,)),
    Quirks(adds_values={MTU: 1500}),
    Quirks(default_instance="DEFAULT"),
    Quirks(static_protocol="STATIC"),
    Quirks(dotted_interface_refs=True),
    Quirks(lag_with_members=True),
    Quirks(instance_before_address=True),
    Quirks(keeps_ports=True),
    Quirks(acl_priority=True),
    *(Quirks.model_validate(kind_called(name).quirks) for name in kind_names()),
]


def taken(quirks: Quirks, before: Any, after: Any) -> tuple[Any, set[str]]:
    """What runs afterwards, and the quirks that were met; raises InputError for what is refused."""
    intake, tree, met = Intake(outline(), quirks, PORTS), copy.deepcopy(after), set[str]()
    met |= intake.part(intake.noted(before), tree)
    intake.whole(before, tree, met.add)
    return tree, met


@FEW
@given(trees(), trees())
def test_without_quirks_a_write_is_taken_as_it_is(before: Any, after: Any) -> None:
    assert not Intake(outline(), Quirks(), PORTS)
    assert taken(Quirks(), before, after) == (after, set())


@pytest.mark.parametrize("quirks", QUIRKS, ids=range(len(QUIRKS)))
@FEW
@given(before=trees(), after=trees())
def test_what_was_taken_is_taken_again_as_it_is(quirks: Quirks, before: Any, after: Any) -> None:
    original = copy.deepcopy(before)
    try:
        once, _ = taken(quirks, before, after)
    except InputError as error:
        told = error.path
    else:
        told = "/"
        assert taken(quirks, before, once)[0] == once
        assert taken(quirks, once, once)[0] == once
    assert told.startswith("/")
    assert before == original


def refusal(quirks: Quirks, before: Any, after: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        taken(quirks, before, after)
    return caught.value


@FEW
@given(trees(), trees())
def test_an_unsupported_leaf_is_refused_where_it_is_new(before: Any, after: Any) -> None:
    had, has = ({p: v for p, v in flat(tree).items() if p.endswith("/mtu")} for tree in (before, after))
    new = {path for path, value in has.items() if had.get(path) != value}
    if new:
        assert refusal(Quirks(unsupported=(MTU,)), before, after).path in new
    else:
        assert taken(Quirks(unsupported=(MTU,)), before, after) == (after, set())


@FEW
@given(trees())
def test_every_new_entry_needs_its_config_keys(after: Any) -> None:
    quirks = Quirks(wants_config_keys=True)
    assert taken(quirks, {}, after)[0] == after
    assume(after.get(INTERFACES))
    bare = copy.deepcopy(after)
    entry = bare[INTERFACES]["interface"][-1]
    del entry["config"]["name"]
    assert refusal(quirks, {}, bare).path == INTERFACE.format(entry["name"])
    assert taken(quirks, bare, bare)[0] == bare  # what is there already is not asked for again


def instance(name: str, kind: str = "L3VRF", **more: Any) -> dict[str, Any]:
    return {"name": name, "config": {"name": name, "type": f"{TYPES}:{kind}"}, **more}


def with_instances(*found: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {INSTANCES: {"network-instance": list(found)}, **more}


@pytest.mark.parametrize(
    ("name", "kind", "taken_as"),
    [("DEFAULT", "DEFAULT_INSTANCE", True), ("default", "DEFAULT_INSTANCE", False), ("main", "DEFAULT_INSTANCE", False),
     ("Default", "L3VRF", False), ("red", "L3VRF", True)],
)  # fmt: skip
def test_the_default_instance_has_one_name(name: str, kind: str, taken_as: bool) -> None:
    quirks, after = Quirks(default_instance="DEFAULT"), with_instances(instance(name, kind))
    if taken_as:
        assert taken(quirks, {}, after) == (after, set())
    else:
        assert refusal(quirks, {}, after).path == f"/{INSTANCES}/network-instance[name='{name}']"


def test_the_static_protocol_has_one_name() -> None:
    def protocol(name: str) -> dict[str, Any]:
        static = {"identifier": "openconfig-policy-types:STATIC", "name": name}
        return with_instances(instance("red", protocols={"protocol": [{**static, "config": static}]}))

    quirks = Quirks(static_protocol="STATIC")
    assert taken(quirks, {}, protocol("STATIC"))[1] == set()
    assert "[name='static']" in refusal(quirks, {}, protocol("static")).path


def test_the_id_of_a_member_is_name_and_index() -> None:
    def member(own: str, **config: Any) -> dict[str, Any]:
        entry = {"id": own, "config": {"id": own, "interface": "Ethernet1", **config}}
        return with_instances(instance("red", interfaces={"interface": [entry]}))

    quirks = Quirks(dotted_interface_refs=True)
    assert taken(quirks, {}, member("Ethernet1.0", subinterface=0))[1] == set()
    assert taken(quirks, {}, member("anything"))[1] == set()
    assert refusal(quirks, {}, member("Ethernet1", subinterface=0)).path.endswith("interface[id='Ethernet1']")


@FEW
@given(trees(), trees())
def test_ports_cannot_be_deleted(before: Any, after: Any) -> None:
    names = [{one["name"] for one in tree.get(INTERFACES, {}).get("interface", [])} for tree in (before, after)]
    gone = (names[0] - names[1]) & set(PORTS)
    if gone:
        assert refusal(Quirks(keeps_ports=True), before, after).path in {INTERFACE.format(name) for name in gone}
    else:
        assert taken(Quirks(keeps_ports=True), before, after) == (after, set())


@FEW
@given(trees(), trees())
def test_a_lag_type_stays_when_members_are_there(before: Any, after: Any) -> None:
    found, met = taken(Quirks(lag_with_members=True), before, after)
    joined = any(path.endswith("/openconfig-if-aggregate:aggregate-id") for path in flat(after))
    lost = flat(after).keys() - flat(found).keys()
    assert met == ({"lag_with_members"} if lost else set())
    assert all(path.endswith("/lag-type") and flat(before).get(path) != flat(after)[path] for path in lost)
    assert not (lost and joined)


def addressed(*ips: str) -> dict[str, Any]:
    addresses = {"address": [{"ip": ip, "config": {"ip": ip, "prefix-length": 31}} for ip in ips]}
    sub = {"index": 0, "config": {"index": 0}, "openconfig-if-ip:ipv4": {"addresses": addresses}}
    entry = {"name": "Ethernet1", "config": {"name": "Ethernet1"}, "subinterfaces": {"subinterface": [sub]}}
    return {INTERFACES: {"interface": [entry]}}


MEMBER = {"id": "e", "config": {"id": "e", "interface": "Ethernet1", "subinterface": 0}}


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        (addressed("10.0.0.1"), addressed("10.0.0.1"), []),
        (addressed("10.0.0.1"), addressed("10.0.0.1", "10.0.0.3"), ["10.0.0.3"]),
        ({}, addressed("10.0.0.1"), ["10.0.0.1"]),
    ],
    ids=["moved", "moved with a new one", "all new"],
)
def test_an_interface_that_moves_into_a_vrf_loses_the_addresses_it_had(
    before: Any, after: Any, left: list[str]
) -> None:
    red = with_instances(instance("red", interfaces={"interface": [MEMBER]}))
    found, met = taken(Quirks(instance_before_address=True), before, {**after, **red})
    addresses = found[INTERFACES]["interface"][0]["subinterfaces"]["subinterface"][0]["openconfig-if-ip:ipv4"]
    assert [one["ip"] for one in addresses["addresses"].get("address", [])] == left
    assert met == ({"instance_before_address"} if len(left) < len(flat_ips(after)) else set())
    default = with_instances(instance("default", "DEFAULT_INSTANCE", interfaces={"interface": [MEMBER]}))
    assert taken(Quirks(instance_before_address=True), before, {**after, **default}) == ({**after, **default}, set())


def flat_ips(tree: Any) -> list[str]:
    return [path for path in flat(tree) if path.endswith("/config/ip")]


@FEW
@given(trees())
def test_acl_entries_lose_their_description_and_nothing_else(after: Any) -> None:
    found, met = taken(Quirks(acl_priority=True), {}, after)
    lost = {path for path in flat(after) if "acl-entry" in path and path.endswith("/description")}
    assert flat(after).keys() - flat(found).keys() == lost
    assert met == ({"acl_priority"} if lost else set())


@FEW
@given(trees(), st.sampled_from([1500, 4000]))
def test_a_value_is_added_where_there_is_none(after: Any, mtu: int) -> None:
    found, met = taken(Quirks(adds_values={MTU: mtu}), {}, after)
    had = flat(after)
    assert {path: value for path, value in flat(found).items() if path in had} == had
    added = {path: value for path, value in flat(found).items() if path not in had}
    assert all(path.endswith("/config/mtu") and value == mtu for path, value in added.items())
    assert sum(path.endswith("/config/mtu") for path in flat(found)) == len(
        after.get(INTERFACES, {}).get("interface", [])
    )
    assert met == ({"adds_values"} if added else set())


@pytest.mark.parametrize(
    "quirks",
    [{"unsupported": ("/interfaces/colour",)}, {"adds_values": {"/interfaces": 1}}, {"unsupported": ("no path",)},
     {"adds_values": {"/interfaces/interface/state/mtu": 1}}],
)  # fmt: skip
def test_a_path_that_the_models_lack_is_told(quirks: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Intake(outline(), Quirks(**quirks), PORTS)
