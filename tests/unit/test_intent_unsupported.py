"""What a kind of device cannot take is refused when it matters, left out when it is the default; and what it needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from fabricd.errors import InputError
from fabricd.intent import compile_device, read_draft
from fabricd.intent.documents import Draft
from fabricd.model.device import Device, Likeness, Profile, Protocol
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.intent import ConfigIntent, Desired
from fabricd.model.path import ROOT, Path
from fabricd.plan import make_plan
from fabricd.schema import ModelSet, Schema

DEVIATIONS = """module test-deviations {
  namespace "urn:test-deviations";
  prefix td;
  import openconfig-interfaces { prefix oc-if; }
  deviation "/oc-if:interfaces/oc-if:interface/oc-if:config/oc-if:mtu" { deviate not-supported; }
  deviation "/oc-if:interfaces/oc-if:interface/oc-if:config/oc-if:enabled" { deviate not-supported; }
  deviation "/oc-if:interfaces/oc-if:interface/oc-if:config/oc-if:type" { deviate not-supported; }
  deviation "/oc-if:interfaces/oc-if:interface/oc-if:hold-time" { deviate not-supported; }
  deviation "/oc-if:interfaces/oc-if:interface/oc-if:config/oc-if:description" {
    deviate replace { type string { length "0..8"; } }
  }
}
"""
INTERFACES = "openconfig-interfaces:interfaces"
INSTANCES = "openconfig-network-instance:network-instances"
TYPE = Path.parse("/interfaces/interface/config/type")
PORT = f"/{INTERFACES}/interface[name='Ethernet1']"


@pytest.fixture(scope="module")
def plain() -> Iterator[Schema]:
    with Schema(ModelSet.managed()) as opened:
        yield opened


@pytest.fixture(scope="module")
def deviating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Schema]:
    file = tmp_path_factory.mktemp("yang") / "test-deviations.yang"
    file.write_text(DEVIATIONS)
    with Schema(ModelSet.managed().deviating([str(file)])) as opened:
        yield opened


def port(**config: Any) -> dict[str, Any]:
    entry = {"name": "Ethernet1", "config": {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd", **config}}
    return {INTERFACES: {"interface": [entry]}}


def intent(schema: Schema, name: str, config: dict[str, Any], priority: int = 100) -> ConfigIntent:
    return read_draft(schema, Draft(name, ("leaf1",), orjson.dumps(config), priority=priority))


def compiled(schema: Schema, *intents: ConfigIntent, **likeness: Any) -> Desired:
    device = Device("leaf1", "192.0.2.1", 9339, Protocol.GNMI, Profile("odd", likeness=Likeness(**likeness)))
    return compile_device(schema, device, intents, 3)


def refused(schema: Schema, *intents: ConfigIntent, **likeness: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(InputError) as caught:
        compiled(schema, *intents, **likeness)
    return [(one.device, one.intent, one.path) for one in caught.value.problems]


def test_an_unsupported_leaf_is_refused_with_device_intent_and_path(plain: Schema) -> None:
    paths = (Path.parse("/interfaces/interface/config/mtu"), Path.parse("/interfaces/interface/config/enabled"))
    base, more = intent(plain, "base", port(mtu=9000)), intent(plain, "more", port(enabled=False), 200)
    assert refused(plain, base, more, unsupported=paths) == [
        ("leaf1", "base", f"{PORT}/config/mtu"),
        ("leaf1", "more", f"{PORT}/config/enabled"),
    ]
    assert compiled(plain, base, unsupported=(Path.parse("/interfaces/interface[name='Other*']"),)).config


def test_only_the_value_that_wins_counts(plain: Schema) -> None:
    path = (Path.parse("/interfaces/interface/config/enabled"),)
    base, over = intent(plain, "base", port(enabled=False)), intent(plain, "over", port(enabled=True), 200)
    assert compiled(plain, base, over, unsupported=path).config == plain.canonical(orjson.dumps(port(enabled=True)))


def test_deviations_refuse_what_they_take_away_unless_it_is_the_default(deviating: Schema) -> None:
    held = port(mtu=9000, enabled=True)
    held[INTERFACES]["interface"][0]["hold-time"] = {"config": {"up": 0, "down": 5}}
    base = intent(deviating, "base", held)
    matters = [("leaf1", "base", f"{PORT}/config/mtu"), ("leaf1", "base", f"{PORT}/hold-time/config/down")]
    assert refused(deviating, base, omitted=(TYPE,)) == matters
    # A type has no default: leaving it out has to be allowed.
    assert sorted(refused(deviating, base)) == sorted([("leaf1", "base", f"{PORT}/config/type"), *matters])


def test_deviations_that_narrow_a_type_are_enforced(deviating: Schema) -> None:
    config = port(enabled=True, description="short")
    target = compiled(deviating, intent(deviating, "base", config), omitted=(TYPE,))
    assert target.config == deviating.plain.canonical(orjson.dumps(config))
    long = intent(deviating, "base", port(description="too long for it"))
    assert refused(deviating, long, omitted=(TYPE,)) == [("leaf1", "", f"{PORT}/config/description")]


def fetched(config: dict[str, Any]) -> Fetched:
    return Fetched(Encoding.JSON_IETF, (Part(ROOT, orjson.dumps(config)),), "", 0)


def test_a_stored_tree_is_planned_by_the_deviations_as_they_are_now(plain: Schema, deviating: Schema) -> None:
    target = compiled(plain, intent(plain, "base", port(mtu=9000, description="short")))
    shown = {INTERFACES: {"interface": [{"name": "Ethernet1", "config": {"name": "Ethernet1"}}]}}
    found = make_plan(deviating, target, fetched(shown), dialect=None, likeness=Likeness(omitted=(TYPE,))).plan
    assert [edit.edit.path.name for edit in found.edits] == ["description"]
    assert found.omitted == (f"{PORT}/config/type", f"{PORT}/config/mtu")


def address(ip: str) -> dict[str, Any]:
    return {
        "openconfig-if-ip:ipv4": {"addresses": {"address": [{"ip": ip, "config": {"ip": ip, "prefix-length": 31}}]}}
    }


def test_interfaces_in_no_instance_become_members_of_the_default_one(plain: Schema) -> None:
    config = port()
    config[INTERFACES]["interface"][0]["subinterfaces"] = {
        "subinterface": [
            {"index": index, "config": {"index": index}} | (address(f"192.0.2.{index}") if index < 3 else {})
            for index in (0, 1, 2, 3)
        ]
    }
    member = {"id": "any", "config": {"id": "any", "interface": "Ethernet1", "subinterface": 2}}
    red = {
        "name": "red",
        "config": {"name": "red", "type": "openconfig-network-instance-types:L3VRF"},
        "interfaces": {"interface": [member]},
    }
    base = intent(plain, "base", config | {INSTANCES: {"network-instance": [red]}})
    instances = orjson.loads(compiled(plain, base, attach_default=True).config)[INSTANCES]["network-instance"]
    assert [one["name"] for one in instances] == ["default", "red"]
    assert [one["config"] for one in instances[0]["interfaces"]["interface"]] == [
        {"id": f"Ethernet1.{index}", "interface": "Ethernet1", "subinterface": index} for index in (0, 1)
    ]
    assert INSTANCES in orjson.loads(compiled(plain, base).config)
    assert "Ethernet1.0" not in compiled(plain, base).config.decode()


def test_members_are_added_to_the_default_instance_that_is_there_and_only_once(plain: Schema) -> None:
    config = port()
    config[INTERFACES]["interface"][0]["config"]["type"] = "iana-if-type:l3ipvlan"
    config[INTERFACES]["interface"][0]["openconfig-vlan:routed-vlan"] = address("192.0.2.1")
    default = {"name": "main", "config": {"name": "main", "type": "openconfig-network-instance-types:DEFAULT_INSTANCE"}}
    base = intent(plain, "base", config | {INSTANCES: {"network-instance": [default]}})
    once = compiled(plain, base, attach_default=True)
    (held,) = orjson.loads(once.config)[INSTANCES]["network-instance"]
    assert held["name"] == "main"
    assert held["interfaces"]["interface"] == [
        {"id": "Ethernet1", "config": {"id": "Ethernet1", "interface": "Ethernet1"}}
    ]
    again = compiled(plain, intent(plain, "again", orjson.loads(once.config)), attach_default=True)
    assert again.config == once.config


def test_a_refusal_does_not_quote_a_secret(plain: Schema) -> None:
    path = Path.parse("/interfaces/interface/config/description")
    two = intent(plain, "one", port(description="hidden-1")), intent(plain, "two", port(description="hidden-2"))
    with pytest.raises(InputError) as caught:
        compiled(plain, *two, secrets=(path,))
    assert [one.path for one in caught.value.problems] == [f"{PORT}/config/description"]
    assert "hidden" not in str(caught.value)


def test_a_refusal_does_not_quote_what_the_models_call_secret(plain: Schema) -> None:
    def with_key(value: str) -> dict[str, Any]:
        key = {"key-id": 1, "config": {"key-id": 1, "key-value": value}}
        return {"openconfig-system:system": {"ntp": {"ntp-keys": {"ntp-key": [key]}}}}

    with pytest.raises(InputError) as caught:
        compiled(plain, intent(plain, "one", with_key("hidden-1")), intent(plain, "two", with_key("hidden-2")))
    (problem,) = caught.value.problems
    assert problem.path.endswith("/config/key-value")
    assert "hidden" not in str(caught.value)
