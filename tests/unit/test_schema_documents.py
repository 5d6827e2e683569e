"""Documents that people hand in: read strictly, every problem with its place."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_trees import documents, leaf_switch

from fabricd.errors import InputError
from fabricd.model.path import Path
from fabricd.schema import Format, Kind, ModelSet, Schema, digest

relaxed = settings(max_examples=40)
ETHERNET1 = "/openconfig-interfaces:interfaces/interface[name='Ethernet1']"


def interface(config: dict[str, Any], **more: Any) -> dict[str, Any]:
    entry = {"name": "Ethernet1", "config": {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd", **config}}
    return {"openconfig-interfaces:interfaces": {"interface": [{**entry, **more}]}}


def refused(schema: Schema, data: bytes | dict[str, Any], form: Format = Format.JSON) -> InputError:
    with pytest.raises(InputError) as caught:
        schema.read(data if isinstance(data, bytes) else json.dumps(data).encode(), form, source="base")
    assert all(problem.intent == "base" for problem in caught.value.problems)
    return caught.value


@relaxed
@given(document=documents, seed=st.randoms())
def test_the_same_configuration_has_one_canonical_form(
    either_schema: Schema, document: dict[str, Any], seed: random.Random
) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            names = list(value)
            seed.shuffle(names)
            return {name: shuffled(value[name]) for name in names}
        if isinstance(value, list) and value and isinstance(value[0], dict) and "address" not in value[0]:
            return [shuffled(entry) for entry in seed.sample(value, len(value))]
        return value

    one = either_schema.read(json.dumps(document).encode())
    other = either_schema.read(json.dumps(shuffled(document), indent=1).encode())
    assert (one, digest(one)) == (other, digest(other))


def test_every_problem_is_told_with_its_place(either_schema: Schema) -> None:
    text = json.dumps(interface({"mtu": "9000", "speed": 1, "enabled": "yes"}, state={"mtu": 1}), indent=1).encode()
    problems = {problem.path: problem.line for problem in refused(either_schema, text).problems}
    assert set(problems) == {
        f"{ETHERNET1}/config/mtu",
        f"{ETHERNET1}/config/speed",
        f"{ETHERNET1}/config/enabled",
        f"{ETHERNET1}/state",
    }
    assert problems[f"{ETHERNET1}/config/mtu"] == text[: text.index(b'"mtu"')].count(b"\n") + 1


def test_problems_in_xml_have_path_and_line(either_schema: Schema) -> None:
    xml = either_schema.to_xml(json.dumps(interface({"mtu": 9000})).encode()).replace(b"<mtu>9000", b"\n\n<mtu>x")
    (problem,) = refused(either_schema, xml, Format.XML).problems
    assert (problem.path, problem.line) == (f"{ETHERNET1}/config/mtu", 3)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"[]", "must be an object"),
        (b"7", "must be an object"),
        (b'{"a": 1', "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": "\xff"}', "not JSON"),
        (b'{"a": "\0"}', "NUL"),
        (b'{"a":' * 100_000, "not JSON"),
        (b'{"no-such": {}}', "no such node"),
        (b'{"no-such-module:x": {}}', "no-such-module"),
        (b'{"openconfig-interfaces:interfaces": []}', "interfaces"),
        (b'{"openconfig-interfaces:interfaces": {"interface": [{}]}}', "key"),
        (b'{"interfaces": {}, "openconfig-interfaces:interfaces": {}}', "twice"),
        (b'{"interfaces": {"interface": [{"name": "a\\u0000b"}]}}', ""),
    ],
)
def test_what_is_no_configuration_is_refused(either_schema: Schema, data: bytes, said: str) -> None:
    assert said in str(refused(either_schema, data))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<a>", "not XML"),
        (b"text", ""),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        (b"<a>" * 3000 + b"</a>" * 3000, "not XML"),
        (b'<a xmlns="urn:none"/>', ""),
        (b"\xff\xfe<", "not XML"),
    ],
)
def test_what_is_no_configuration_in_xml_is_refused(either_schema: Schema, data: bytes, said: str) -> None:
    assert said in str(refused(either_schema, data, Format.XML))


def test_syntax_errors_have_line_and_column(either_schema: Schema) -> None:
    (problem,) = refused(either_schema, b'{\n "a": tru\n}').problems
    assert (problem.line, problem.column > 0) == (2, True)


def test_what_is_given_twice_is_refused(either_schema: Schema) -> None:
    entry = b'{"name":"Ethernet1","config":{"name":"Ethernet1","mtu":1,"mtu":2}}'
    data = b'{"openconfig-interfaces:interfaces":{"interface":[%s,%s]}}' % (entry, b'{"name":"Ethernet1"}')
    paths = {problem.path for problem in refused(either_schema, data).problems}
    assert paths == {ETHERNET1, f"{ETHERNET1}/config/mtu"}


def test_a_document_beyond_the_limit_is_refused_unread(either_schema: Schema) -> None:
    assert "more than" in str(refused(either_schema, b" " * (64 << 20)))
    with pytest.raises(InputError, match="more than the 10"):
        either_schema.read(b'{"interfaces":{}}', limit=10)


def test_bare_top_level_names_are_understood(either_schema: Schema) -> None:
    document = interface({"mtu": 9000})
    bare = {"interfaces": document["openconfig-interfaces:interfaces"]}
    assert either_schema.read(json.dumps(bare).encode()) == either_schema.read(json.dumps(document).encode())


def test_natural_order_of_entries(either_schema: Schema) -> None:
    document = leaf_switch(12)
    entries = document["openconfig-interfaces:interfaces"]["interface"]
    entries.reverse()
    read = json.loads(either_schema.read(json.dumps(document).encode()))
    names = [entry["name"] for entry in read["openconfig-interfaces:interfaces"]["interface"]]
    assert names == [f"Ethernet{port}" for port in range(12)]


# Whole-tree validation


def test_validation_tells_everything_at_once(either_schema: Schema) -> None:
    named = {"identifier": "openconfig-policy-types:BGP", "name": "BGP"}
    neighbors = [
        {"neighbor-address": f"10.0.0.{at}", "config": {"neighbor-address": f"10.0.0.{at}", "peer-group": "none"}}
        for at in range(3)
    ]
    bgp = {"global": {"config": {"as": 65001}}, "neighbors": {"neighbor": neighbors}}
    instance = {
        "name": "default",
        "config": {"name": "default"},
        "protocols": {"protocol": [{**named, "config": dict(named), "bgp": bgp}]},
    }
    document = interface({})
    document["openconfig-interfaces:interfaces"]["interface"] += [
        {"name": "Ethernet2", "config": {"name": "other", "type": "iana-if-type:ethernetCsmacd"}},
        {"name": "Ethernet3", "config": {"name": "Ethernet3"}},
    ]
    document["openconfig-network-instance:network-instances"] = {"network-instance": [instance]}
    with pytest.raises(InputError) as caught:
        either_schema.validate(either_schema.read(json.dumps(document).encode()), device="leaf1")
    place = "/openconfig-network-instance:network-instances/network-instance[name='default']"
    protocol = f"{place}/protocols/protocol[identifier='openconfig-policy-types:BGP'][name='BGP']"
    assert {problem.path for problem in caught.value.problems} == {
        *(f"{protocol}/bgp/neighbors/neighbor[neighbor-address='10.0.0.{at}']/config/peer-group" for at in range(3)),
        f"{place}/config/type",
        "/openconfig-interfaces:interfaces/interface[name='Ethernet2']/name",
        "/openconfig-interfaces:interfaces/interface[name='Ethernet3']/config/type",
    }
    assert {problem.device for problem in caught.value.problems} == {"leaf1"}


def test_validation_stops_at_fifty_problems(either_schema: Schema) -> None:
    entries = [{"name": f"e{at}", "config": {"name": "x"}} for at in range(200)]
    config = json.dumps({"openconfig-interfaces:interfaces": {"interface": entries}}).encode()
    with pytest.raises(InputError) as caught:
        either_schema.validate(config)
    assert len(caught.value.problems) == 50


def test_the_deviation_for_policies_mends_only_what_is_broken(model_set: ModelSet, either_schema: Schema) -> None:
    if "openconfig-bgp-policy" not in model_set.modules:
        assert either_schema.node(Path.parse("/openconfig-routing-policy:routing-policy")) is None
        return

    def policy(actions: dict[str, Any]) -> bytes:
        statement = {"name": "10", "config": {"name": "10"}, "actions": actions}
        definition = {"name": "p", "config": {"name": "p"}, "statements": {"statement": [statement]}}
        tree = {"policy-definitions": {"policy-definition": [definition]}}
        return json.dumps({"openconfig-routing-policy:routing-policy": tree}).encode()

    def med(**config: Any) -> dict[str, Any]:
        return {"openconfig-bgp-policy:bgp-actions": {"config": config}}

    either_schema.validate(policy({"config": {"policy-result": "ACCEPT_ROUTE"}}))
    either_schema.validate(policy(med(**{"set-med": 10, "set-med-action": "ADD"})))
    either_schema.validate(policy(med(**{"set-med": "IGP", "set-med-action": "SET"})))
    for wrong in (med(**{"set-med": 10}), med(**{"set-med": "IGP", "set-med-action": "ADD"})):
        with pytest.raises(InputError, match="set-med"):
            either_schema.validate(policy(wrong))


# Merging


def test_the_highest_priority_wins_leaf_by_leaf(either_schema: Schema) -> None:
    def layer(**config: Any) -> bytes:
        return json.dumps(interface(config)).encode()

    layers = [
        ("base", 100, layer(mtu=9000, description="base")),
        ("host", 200, layer(mtu=1500)),
        ("also", 100, layer(mtu=9000)),
    ]
    merged = json.loads(either_schema.merge(layers))
    config = merged["openconfig-interfaces:interfaces"]["interface"][0]["config"]
    assert (config["mtu"], config["description"]) == (1500, "base")
    assert either_schema.merge(layers[::-1]) == either_schema.merge(layers)
    assert either_schema.merge([]) == b"{}"


def test_equal_priorities_must_agree_even_where_they_are_overridden(either_schema: Schema) -> None:
    layers = [
        (name, priority, json.dumps(interface({"mtu": mtu})).encode())
        for name, priority, mtu in [("a", 100, 1500), ("b", 100, 9000), ("top", 200, 9214)]
    ]
    with pytest.raises(InputError) as caught:
        either_schema.merge(layers)
    (problem,) = caught.value.problems
    assert problem.path == f"{ETHERNET1}/config/mtu"
    assert "a" in problem.message
    assert "b" in problem.message


def test_leaf_lists_are_united_or_overridden_and_entries_follow_priority(either_schema: Schema) -> None:
    def layer(search: list[str], servers: list[str]) -> bytes:
        entries = [{"address": one, "config": {"address": one}} for one in servers]
        dns = {"config": {"search": search}, "servers": {"server": entries}}
        return json.dumps({"openconfig-system:system": {"dns": dns}}).encode()

    merged = json.loads(
        either_schema.merge(
            [
                ("low", 10, layer(["low.x"], ["192.0.2.9", "192.0.2.2"])),
                ("b", 100, layer(["b.x", "a.x"], ["192.0.2.3"])),
                ("a", 100, layer(["a.x"], ["192.0.2.2", "192.0.2.1"])),
            ]
        )
    )["openconfig-system:system"]["dns"]
    assert merged["config"]["search"] == ["a.x", "b.x"]
    addresses = [entry["address"] for entry in merged["servers"]["server"]]
    assert addresses == ["192.0.2.2", "192.0.2.1", "192.0.2.3", "192.0.2.9"]


# Models


def test_what_the_models_say_of_a_node(either_schema: Schema) -> None:
    node = either_schema.node(Path.parse("/interfaces/interface/config/enabled"))
    assert node is not None
    assert (node.kind, node.config, node.default, node.module) == (Kind.LEAF, True, "true", "openconfig-interfaces")
    node = either_schema.node(Path.parse("/network-instances/network-instance/protocols/protocol"))
    assert node is not None
    assert (node.kind, node.keys) == (Kind.LIST, ("identifier", "name"))
    node = either_schema.node(Path.parse("/system/dns/config/search"))
    assert node is not None
    assert (node.kind, node.user_ordered) == (Kind.LEAF_LIST, True)
    node = either_schema.node(Path.parse("/interfaces/interface/state"))
    assert node is not None
    assert not node.config
    assert either_schema.node(Path.parse("/interfaces/nonsense")) is None


def test_a_model_set_that_does_not_load_says_why(tmp_path: Any) -> None:
    with pytest.raises(InputError, match="no YANG modules"):
        ModelSet.from_directory("empty", tmp_path)
    (tmp_path / "broken.yang").write_text("module broken { namespace urn:b; prefix b; import missing { prefix m; } }")
    with pytest.raises(InputError, match="no module other"):
        ModelSet.from_directory("broken", tmp_path, ("other",))
    with pytest.raises(InputError, match="broken does not load"):
        Schema(ModelSet.from_directory("broken", tmp_path, ("broken",)))
