"""What quirks do to a reading, and to what is in force, on trees alone: what may be missing, what may be added."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quirk_trees import INSTANCES, INTERFACES, PASSWORD, TYPES, flat, outline, trees

from fabricd.errors import InputError
from fabricd.simulator import Quirks
from fabricd.simulator.kinds import kind_called, kind_names
from fabricd.simulator.quirks.appearance import Appearance
from fabricd.simulator.quirks.in_force import Force

FEW = settings(max_examples=15)
MTU = "/interfaces/interface/config/mtu"
ENABLED = "/interfaces/interface/config/enabled"
KINDS = [Quirks.model_validate(kind_called(name).quirks) for name in kind_names()]
# These add and hide what each other adds and hides.
READS = [
    Quirks(omits_defaults=True),
    Quirks(off_by_default=(ENABLED,)),
    Quirks(rewrites_secrets={PASSWORD: "same"}),
    Quirks(rewrites_secrets={PASSWORD: "anew"}),
    Quirks(own_defaults={MTU: 9100}),
    Quirks(phantom_interfaces=("Ethernet500", "Ethernet501")),
    Quirks(acl_priority=True),
    Quirks(shuffles_lists=True),
    *KINDS,
]
salts = st.integers(1, 1 << 32)


def shown(quirks: Quirks, tree: Any, salt: int = 1) -> tuple[Any, set[str]]:
    appearance, found = Appearance(outline(), quirks), copy.deepcopy(tree)
    met = appearance.present(found, salt) | appearance.omit(found)
    return found, met | appearance.disorder(found, salt)


@FEW
@given(trees())
def test_without_quirks_everything_is_shown_as_it_is(tree: Any) -> None:
    assert not Appearance(outline(), Quirks())
    assert not Force(outline(), Quirks())
    assert shown(Quirks(), tree) == (tree, set())


@pytest.mark.parametrize("quirks", READS, ids=range(len(READS)))
@FEW
@given(tree=trees(), salt=salts)
def test_nothing_is_lost_that_should_not_be(quirks: Quirks, tree: Any, salt: int) -> None:
    found, met = shown(quirks, tree, salt)
    had, has = flat(tree), flat(found)
    missing = {path: value for path, value in had.items() if path not in has}
    if quirks.omits_defaults:
        assert all(value in (True, "NONE", 0) for value in missing.values())
    else:
        assert not missing
    changed = {path for path in had.keys() & has.keys() if had[path] != has[path]}
    assert changed == {path for path in had if quirks.rewrites_secrets and path.endswith("/auth-password")}
    assert bool(met) == (found != tree)


@pytest.mark.parametrize("quirks", READS, ids=range(len(READS)))
@FEW
@given(tree=trees(), salt=salts)
def test_the_same_salt_shows_the_same(quirks: Quirks, tree: Any, salt: int) -> None:
    assert shown(quirks, tree, salt) == shown(quirks, tree, salt)
    if Appearance(outline(), quirks).steady:
        assert shown(quirks, tree, salt) == shown(quirks, tree, salt + 1)


@FEW
@given(trees(), salts)
def test_the_order_of_lists_is_all_that_is_shuffled(tree: Any, salt: int) -> None:
    found, _ = shown(Quirks(shuffles_lists=True), tree, salt)
    assert flat(found) == flat(tree)


def test_entries_that_the_user_orders_stay_in_order() -> None:
    statements = [{"name": str(number), "config": {"name": str(number)}} for number in range(20)]
    policy = {"name": "p", "config": {"name": "p"}, "statements": {"statement": statements}}
    policies = [{"name": str(number), "config": {"name": str(number)}} for number in range(20)]
    tree = {
        "openconfig-routing-policy:routing-policy": {"policy-definitions": {"policy-definition": [policy, *policies]}}
    }
    found, met = shown(Quirks(shuffles_lists=True), tree)
    held = found["openconfig-routing-policy:routing-policy"]["policy-definitions"]["policy-definition"]
    assert met == {"shuffles_lists"}
    assert [one["name"] for one in held] != ["p", *(one["name"] for one in policies)]
    assert next(one for one in held if one["name"] == "p")["statements"]["statement"] == statements


@FEW
@given(trees(), salts)
def test_secrets_never_show_what_was_written(tree: Any, salt: int) -> None:
    same, anew = (Quirks(rewrites_secrets={PASSWORD: how}) for how in ("same", "anew"))
    assert "geheim" not in str(shown(same, tree, salt)[0])
    assert "geheim" not in str(shown(anew, tree, salt)[0])
    assert shown(same, tree, salt)[0] == shown(same, tree, salt + 1)[0]
    if "geheim" in str(tree):
        assert shown(anew, tree, salt)[0] != shown(anew, tree, salt + 1)[0]


@FEW
@given(trees())
def test_a_leaf_with_a_default_of_the_switchs_own_is_always_shown(tree: Any) -> None:
    found, _ = shown(Quirks(omits_defaults=True, off_by_default=(ENABLED,)), tree)
    for interface in tree.get(INTERFACES, {}).get("interface", []):
        seen = next(one for one in found[INTERFACES]["interface"] if one["name"] == interface["name"])
        # Hidden, it would be taken for what the models say; what was written is shown as it is.
        assert seen["config"]["enabled"] is interface["config"].get("enabled", False)


def test_phantoms_and_hidden_entries_are_there_without_being_configured() -> None:
    acl = {"name": "a", "type": "openconfig-acl:ACL_IPV4"}
    tree = {"openconfig-acl:acl": {"acl-sets": {"acl-set": [{**acl, "config": acl}]}}}
    found, met = shown(Quirks(phantom_interfaces=("x",), acl_priority=True), tree)
    assert met == {"phantom_interfaces", "acl_priority"}
    [entry] = found["openconfig-acl:acl"]["acl-sets"]["acl-set"][0]["acl-entries"]["acl-entry"]
    assert (entry["sequence-id"], entry["actions"]["config"]["forwarding-action"]) == (65535, "openconfig-acl:DROP")
    assert [one["name"] for one in found[INTERFACES]["interface"]] == ["x"]


# In force


def in_force(quirks: Quirks, tree: Any) -> tuple[Any, set[str]]:
    found = copy.deepcopy(tree)
    return found, Force(outline(), quirks).reduce(found, frozenset())


@FEW
@given(trees())
def test_the_command_line_wins(tree: Any) -> None:
    found, met = in_force(Quirks(cli_values={MTU: 1400}), tree)
    mtus = [value for path, value in flat(found).items() if path.endswith("/config/mtu")]
    assert mtus == [1400] * len(tree.get(INTERFACES, {}).get("interface", []))
    assert met == ({"cli_values"} if mtus else set())


@FEW
@given(trees())
def test_what_is_never_programmed_is_not_in_force(tree: Any) -> None:
    found, met = in_force(Quirks(never_programs=("/interfaces/interface/subinterfaces",)), tree)
    lost = flat(tree).keys() - flat(found).keys()
    assert lost == {path for path in flat(tree) if "/subinterfaces/" in path}
    assert met == ({"never_programs"} if lost else set())


@FEW
@given(trees())
def test_addresses_outside_every_instance_are_not_in_force(tree: Any) -> None:
    found, met = in_force(Quirks(explicit_membership=True), tree)
    members = {
        (one["config"]["interface"], one["config"]["subinterface"])
        for instance in tree.get(INSTANCES, {}).get("network-instance", [])
        for one in instance.get("interfaces", {}).get("interface", [])
    }
    for interface in found.get(INTERFACES, {}).get("interface", []):
        for sub in interface.get("subinterfaces", {}).get("subinterface", []):
            assert ("openconfig-if-ip:ipv4" in sub) is ((interface["name"], sub["index"]) in members)
    assert met == ({"explicit_membership"} if found != tree else set())


LLDP = "openconfig-lldp:lldp"
FEATURE = Quirks(feature_first={"/lldp/config/enabled": "/lldp/interfaces"})


def lldp(enabled: bool | None, *ports: str) -> dict[str, Any]:
    held: dict[str, Any] = {"config": {} if enabled is None else {"enabled": enabled}}
    if ports:
        held["interfaces"] = {"interface": [{"name": port, "config": {"name": port}} for port in ports]}
    return {LLDP: held}


def test_what_comes_with_its_feature_sleeps_until_it_is_written_again() -> None:
    force = Force(outline(), FEATURE)
    asleep = force.dormant({}, lldp(True, "Ethernet1"), frozenset())
    assert [str(place) for place in asleep] == [f"/{LLDP}/interfaces"]
    tree = lldp(True, "Ethernet1")
    assert force.reduce(tree, asleep) == {"feature_first"}
    assert "interfaces" not in tree[LLDP]
    other = {**lldp(True, "Ethernet1"), "openconfig-system:system": {"config": {"hostname": "a"}}}
    assert force.dormant(lldp(True, "Ethernet1"), other, asleep) == asleep
    assert force.dormant(lldp(True, "Ethernet1"), lldp(True, "Ethernet2"), asleep) == frozenset()
    assert force.dormant(lldp(True, "Ethernet1"), lldp(True), asleep) == frozenset()


def test_a_feature_that_is_there_first_puts_nothing_to_sleep() -> None:
    assert Force(outline(), FEATURE).dormant(lldp(True), lldp(True, "Ethernet1"), frozenset()) == frozenset()


@FEW
@given(trees(), trees())
def test_nothing_sleeps_that_is_not_there(before: Any, after: Any) -> None:
    quirks = Quirks(feature_first={"/system/config/hostname": "/interfaces"})
    asleep = Force(outline(), quirks).dormant(before, after, frozenset())
    assert {str(place) for place in asleep} <= {f"/{INTERFACES}"}
    assert not asleep or INTERFACES in after


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(off_by_default=("/nothing",)),
        Quirks(rewrites_secrets={"/interfaces": "same"}),
        Quirks(own_defaults={"": 1}),
    ],
)
def test_a_path_that_the_models_lack_is_told(quirks: Quirks) -> None:
    with pytest.raises(InputError):
        Appearance(outline(), quirks)


def test_types_are_named_as_the_models_do() -> None:
    quirks = Quirks(own_defaults={"/network-instances/network-instance/config/type": "L3VRF"})
    found, _ = shown(quirks, {INSTANCES: {"network-instance": [{"name": "red"}]}})
    assert found[INSTANCES]["network-instance"][0]["config"]["type"] == f"{TYPES}:L3VRF"
