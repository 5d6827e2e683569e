"""From drafts to one tree a device: strict reading, merging by priority, what is owned, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from fabricd.errors import InputError, Problem
from fabricd.intent import (
    Document,
    Draft,
    compile_device,
    current_scope,
    parse_documents,
    read_draft,
    touched_devices,
    unknown_devices,
)
from fabricd.model.device import Device, Profile, Protocol
from fabricd.model.intent import ConfigIntent, Desired
from fabricd.model.path import Path
from fabricd.schema import ModelSet, Schema

INTERFACES = Path.parse("/openconfig-interfaces:interfaces")
LLDP = Path.parse("/openconfig-lldp:lldp")
MANAGEMENT = Path.parse("/openconfig-interfaces:interfaces/interface[name='Management0']")


@pytest.fixture(scope="module", params=["managed", "release"])
def schema(request: pytest.FixtureRequest) -> Iterator[Schema]:
    if request.param == "managed":
        models = ModelSet.managed()
    else:
        models = ModelSet.from_directory("release", request.getfixturevalue("openconfig_release"))
    with Schema(models) as opened:
        yield opened


def draft(text: str) -> Draft:
    return parse_documents([Document("file.yaml", text.encode())], max_bytes=1 << 20)[0]


def port(name: str, **config: Any) -> dict[str, Any]:
    entry = {"name": name, "config": {"name": name, "type": "iana-if-type:ethernetCsmacd", **config}}
    return {"openconfig-interfaces:interfaces": {"interface": [entry]}}


def intent(schema: Schema, name: str, config: dict[str, Any], **more: Any) -> ConfigIntent:
    more.setdefault("devices", ("leaf1",))
    return read_draft(schema, Draft(name=name, config=orjson.dumps(config), **more))


def device(**profile: Any) -> Device:
    return Device("leaf1", "192.0.2.1", 9339, Protocol.GNMI, Profile("test", **profile))


def compiled(schema: Schema, *intents: ConfigIntent, **profile: Any) -> Desired:
    return compile_device(schema, device(**profile), intents, 3)


def problems(schema: Schema, *intents: ConfigIntent, **profile: Any) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        compiled(schema, *intents, **profile)
    return caught.value.problems


HEAD = "kind: config\nname: base\ndevices: [leaf1]\nconfig:\n"


def test_a_wrong_leaf_is_told_with_path_line_and_intent(schema: Schema) -> None:
    text = (
        HEAD
        + "  openconfig-interfaces:interfaces:\n    interface:\n      - name: E1\n        config: {name: E1, mtuu: 1}\n"
    )
    with pytest.raises(InputError) as caught:
        read_draft(schema, draft(text))
    (problem, *_) = caught.value.problems
    assert (problem.intent, problem.line) == ("file.yaml: base", 8)
    assert problem.path.startswith("/openconfig-interfaces:interfaces/interface[name='E1']/config")


@pytest.mark.parametrize("value", ["on", "yes", "'true'", "1", "[true]", "", "{}"])
def test_only_true_and_false_are_booleans(schema: Schema, value: str) -> None:
    with pytest.raises(InputError) as caught:
        read_draft(schema, draft(f"{HEAD}  openconfig-lldp:lldp:\n    config:\n      enabled: {value}\n"))
    assert any("enabled" in problem.path and problem.line == 7 for problem in caught.value.problems)


@pytest.mark.parametrize("value", ["30", "'30'", "0x1e"])
def test_a_64_bit_number_may_be_written_as_a_number(schema: Schema, value: str) -> None:
    read = read_draft(schema, draft(f"{HEAD}  openconfig-lldp:lldp:\n    config:\n      hello-timer: {value}\n"))
    assert orjson.loads(read.config)["openconfig-lldp:lldp"]["config"]["hello-timer"] == "30"


@pytest.mark.parametrize("value", ["7", "1.5"])
def test_a_number_is_no_string_and_no_other_number(schema: Schema, value: str) -> None:
    entry = f"{{name: E1, config: {{name: E1, mtu: '{value}'}}}}"
    text = f"{HEAD}  openconfig-interfaces:interfaces:\n    interface: [{entry}]\n"
    with pytest.raises(InputError):
        read_draft(schema, draft(text))


def test_bare_top_level_names_are_taken(schema: Schema) -> None:
    assert b"openconfig-lldp:lldp" in read_draft(schema, draft(f"{HEAD}  lldp: {{config: {{enabled: true}}}}\n")).config


def test_replace_claims_what_it_names_or_every_container(schema: Schema) -> None:
    config = {**port("E1"), "openconfig-lldp:lldp": {"config": {"enabled": True}}}
    assert intent(schema, "a", config, replace=True).replace == (INTERFACES, LLDP)
    assert intent(schema, "a", config).replace == ()
    assert intent(schema, "a", config, replace=(Path.parse("/lldp"),)).replace == (LLDP,)
    with pytest.raises(InputError, match="no node"):
        intent(schema, "a", config, replace=(Path.parse("/nothing"),))


def test_higher_priority_wins_and_a_tie_is_refused_naming_both(schema: Schema) -> None:
    low, high = (
        intent(schema, "low", port("E1", mtu=1500, description="x")),
        intent(schema, "high", port("E1", mtu=9000), priority=200),
    )
    merged = orjson.loads(compiled(schema, low, high).config)
    found = merged["openconfig-interfaces:interfaces"]["interface"][0]["config"]
    assert (found["mtu"], found["description"]) == (9000, "x")
    (problem, *_) = problems(schema, low, replace(high, priority=100))
    assert "mtu" in problem.path
    assert problem.device == "leaf1"
    assert "low" in str(problem)
    assert "high" in str(problem)


def test_an_intent_may_refer_to_what_another_creates(schema: Schema) -> None:
    member = {"id": "E1", "config": {"id": "E1", "interface": "E1"}}
    kind = {"name": "default", "type": "openconfig-network-instance-types:DEFAULT_INSTANCE"}
    instance = {"name": "default", "config": kind, "interfaces": {"interface": [member]}}
    user = intent(schema, "user", {"openconfig-network-instance:network-instances": {"network-instance": [instance]}})
    assert compiled(schema, user, intent(schema, "base", port("E1"))).config
    found = problems(schema, user)
    assert all(problem.device == "leaf1" for problem in found)
    assert any("network-instance" in problem.path for problem in found)


def test_the_scope_is_what_profile_and_intents_claim(schema: Schema) -> None:
    claimed = intent(schema, "a", port("E1"), replace=True)
    bare = Path.parse("/lldp")
    desired = compiled(schema, claimed, authoritative=(bare,), protected=(MANAGEMENT,))
    assert desired.scope.roots == (INTERFACES, LLDP)
    assert desired.scope.subtrees == (INTERFACES, LLDP)
    assert desired.scope.protected == (MANAGEMENT,)
    assert (desired.device, desired.revision) == ("leaf1", 3)


def test_the_digest_covers_configuration_and_scope_and_nothing_else(schema: Schema) -> None:
    plain = compiled(schema, intent(schema, "a", port("E1")))
    assert compiled(schema, intent(schema, "b", port("E1"), owner="x")).digest == plain.digest
    assert compiled(schema, intent(schema, "a", port("E1"), replace=True)).digest != plain.digest
    assert compiled(schema, intent(schema, "a", port("E2"))).digest != plain.digest
    assert compile_device(schema, device(), [intent(schema, "a", port("E1"))], 9).digest == plain.digest


def test_what_is_protected_is_refused_naming_the_intent(schema: Schema) -> None:
    fine, bad = intent(schema, "fine", port("E1")), intent(schema, "bad", port("Management0"))
    (problem,) = problems(schema, fine, bad, protected=(MANAGEMENT,))
    assert (problem.intent, problem.device) == ("bad", "leaf1")
    assert problem.path.startswith(MANAGEMENT.text)
    greedy = intent(schema, "greedy", port("E1"), replace=(MANAGEMENT,))
    assert problems(schema, greedy, protected=(MANAGEMENT,))[0].intent == "greedy"
    # To own what surrounds it is fine: nothing below the protected path is ever deleted.
    assert compiled(schema, intent(schema, "all", port("E1"), replace=True), protected=(MANAGEMENT,))


def test_what_a_profile_protects_later_counts_at_once(schema: Schema) -> None:
    desired = compiled(schema, intent(schema, "a", port("E1")))
    now = current_scope(desired, Profile("test", protected=(MANAGEMENT,)))
    assert now.protected == (MANAGEMENT,)
    assert (now.roots, now.subtrees) == (desired.scope.roots, desired.scope.subtrees)


def test_only_devices_of_changed_intents_are_touched(schema: Schema) -> None:
    one, two = intent(schema, "one", {}, devices=("a", "b")), intent(schema, "two", {}, devices=("b", "c"))
    moved = replace(one, devices=("b", "d"))
    layers = {"one": dict.fromkeys(one.devices, one), "two": dict.fromkeys(two.devices, two)}
    after = {"one": dict.fromkeys(moved.devices, moved)}
    assert touched_devices({"one": layers["one"]}, after) == ("a", "b", "d")
    assert touched_devices(layers, layers) == ()
    assert touched_devices({}, {"two": layers["two"]}) == ("b", "c")


def test_unknown_devices_are_all_named() -> None:
    text = "kind: config\nname: {}\ndevices: [{}]\nconfig: {{}}\n"
    drafts = [draft(text.format("a", "leaf1, leaf7")), draft(text.format("b", "leaf8"))]
    found = unknown_devices(drafts, {"leaf1"}.__contains__)
    assert [("leaf7" in one.message, "leaf8" in one.message) for one in found] == [(True, False), (False, True)]
