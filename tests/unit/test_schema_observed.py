"""State as devices send it: typed whatever its spelling, held against what is desired, never believed beyond reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_interpreters import bare
from schema_trees import documents

from fabricd.errors import DeviceProtocolError
from fabricd.model.device import Alias, Likeness
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.intent import Scope
from fabricd.model.operational import BgpSession, InterfaceState, LldpNeighbor
from fabricd.model.path import ROOT, Path
from fabricd.schema import ModelSet, Schema
from fabricd.schema.applied import in_force, mirrors
from fabricd.schema.observed import read_observed
from fabricd.schema.operational import operational
from fabricd.schema.takeable import broken_rules, leaves, refused

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SCOPE = Scope(())
relaxed = settings(max_examples=30)
NETCONF = '<data xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">%s</data>'


@pytest.fixture(scope="module")
def schema() -> Iterator[Schema]:
    with Schema(ModelSet.managed()) as managed:
        yield managed


def fetched(value: Any, path: str = "/", encoding: Encoding = Encoding.JSON_IETF) -> Fetched:
    data = (
        value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else json.dumps(value).encode()
    )
    return Fetched(encoding, (Part(Path.parse(path), data),), "", len(data))


def mirrored(value: Any) -> Any:
    """Every `config` with a `state` beside it that says the same, as a device shows it that does all it is told."""
    if isinstance(value, list):
        return [mirrored(one) for one in value]
    if not isinstance(value, dict):
        return value
    out = {name: mirrored(held) for name, held in value.items()}
    for name, held in value.items():
        module, _, plain = name.rpartition(":")
        if plain == "config" and isinstance(held, dict):
            out[f"{module}:state" if module else "state"] = held
    return out


@relaxed
@given(document=documents)
def test_what_a_device_mirrors_is_in_force_by_either_spelling(schema: Schema, document: dict[str, Any]) -> None:
    desired = schema.read(json.dumps(document).encode())
    shown = mirrored(json.loads(desired))
    for spelling in (shown, bare(shown)):
        found = in_force(schema, desired, [fetched(spelling)], SCOPE)
        assert (found.not_in_force, found.untold) == ((), ())


@relaxed
@given(document=documents)
def test_a_tree_can_be_taken_by_the_models_it_was_written_in(schema: Schema, document: dict[str, Any]) -> None:
    desired = schema.read(json.dumps(document).encode())
    told = leaves(schema, desired)
    assert refused(schema, told) == ()
    assert len({leaf.path for leaf in told}) == len(told)


@relaxed
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["openconfig-interfaces:interfaces", "interface", "state", "name", "mtu", "config", "x"]),
        inner, max_size=4,
    ),
    max_leaves=12,
))  # fmt: skip
def test_any_json_is_read_or_refused(schema: Schema, value: Any) -> None:
    with suppress(DeviceProtocolError):
        operational("leaf1", NOW, read_observed(schema, [fetched(json.dumps(value))]))


@pytest.mark.parametrize("data", [b"{", b"\xff", b'{"a": NaN}'])
def test_what_is_no_json_is_told(schema: Schema, data: bytes) -> None:
    with pytest.raises(DeviceProtocolError, match="not JSON"):
        read_observed(schema, [fetched(data, "/openconfig-lldp:lldp")])
    with pytest.raises(DeviceProtocolError, match="not XML"):
        read_observed(schema, [fetched(data, encoding=Encoding.XML)])


def test_state_is_read_from_pieces_and_unknown_nodes_are_skipped(schema: Schema) -> None:
    interface = "/openconfig-interfaces:interfaces/interface[name='Ethernet1']/state"
    neighbor = "/openconfig-lldp:lldp/interfaces/interface[name='Ethernet1']/neighbors/neighbor[id='7']/state"
    found = read_observed(
        schema,
        [
            fetched({"oper-status": "UP", "surprise": 1, "last-change": 1793491200000000000}, interface),
            fetched('"DOWN"', f"{interface}/admin-status"),
            fetched({"system-name": "spine1", "port-id": "Ethernet4"}, neighbor),
        ],
    )
    state = operational("leaf1", NOW, found)
    assert state.interfaces == (InterfaceState("Ethernet1", "DOWN", "UP", last_change=NOW),)
    assert state.neighbors == (LldpNeighbor("Ethernet1", "spine1", "", "Ethernet4"),)
    assert state.lldp is None


def test_xml_without_the_keys_of_entries_is_read_by_their_state(schema: Schema) -> None:
    xml = NETCONF % (
        '<network-instances xmlns="http://openconfig.net/yang/network-instance"><network-instance><name>default</name>'
        "<protocols><protocol><identifier>oc-pol-types:BGP</identifier><name>BGP</name><bgp><neighbors><neighbor><state>"
        "<neighbor-address>10.0.0.1</neighbor-address><session-state>ESTABLISHED</session-state><peer-as>65001</peer-as>"
        "</state></neighbor></neighbors></bgp></protocol></protocols></network-instance></network-instances>"
    )
    found = read_observed(schema, [fetched(xml, encoding=Encoding.XML)])
    assert operational("leaf1", NOW, found).sessions == (
        BgpSession("default", "BGP", "10.0.0.1", "ESTABLISHED", 65001),
    )


def port(**config: Any) -> dict[str, Any]:
    return {"name": "Ethernet1", "config": {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd", **config}}


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"name": "Ethernet1", "type": "ethernetCsmacd", "mtu": "9000"}, []),
        ({"name": "Ethernet1", "type": "ethernetCsmacd", "mtu": 1500}, [("mtu", "9000", "1500")]),
        ({"name": "Ethernet1", "type": "ethernetCsmacd"}, [("mtu", "9000", None)]),
        ({"name": "Ethernet1", "type": "other", "mtu": 9000}, [("type",
         '"iana-if-type:ethernetCsmacd"', '"iana-if-type:other"')]),
    ],
)  # fmt: skip
def test_each_leaf_is_held_against_the_state_beside_it(schema: Schema, state: Any, told: list[Any]) -> None:
    desired = schema.read(json.dumps({"openconfig-interfaces:interfaces": {"interface": [port(mtu=9000)]}}).encode())
    shown = fetched({"interface": [{"name": "Ethernet1", "state": state}]}, "/openconfig-interfaces:interfaces")
    found = in_force(schema, desired, [shown], SCOPE)
    assert [(one.path.name, one.configured, one.applied) for one in found.not_in_force] == told
    assert found.leaves == 3


def test_a_default_needs_no_state_and_an_entry_without_any_is_not_in_force(schema: Schema) -> None:
    two = [port(enabled=True), {"name": "Ethernet2", "config": {"name": "Ethernet2"}}]
    desired = schema.read(json.dumps({"openconfig-interfaces:interfaces": {"interface": two}}).encode())
    state = {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd"}
    shown = {"interface": [{"name": "Ethernet1", "state": state}]}
    found = in_force(schema, desired, [fetched(shown, "/openconfig-interfaces:interfaces")], SCOPE)
    assert [one.path.text.rpartition("interface[")[2] for one in found.not_in_force] == [
        "name='Ethernet2']/config/name"
    ]
    silent = in_force(schema, desired, [fetched({}, "/openconfig-interfaces:interfaces")], SCOPE)
    assert (silent.leaves, silent.not_in_force) == (0, ())
    assert [path.text for path in silent.untold] == ["/openconfig-interfaces:interfaces"]


def test_entries_are_known_by_the_devices_names_and_its_defaults_are_its_own(schema: Schema) -> None:
    top = "/openconfig-network-instance:network-instances"
    kind = "openconfig-network-instance-types:DEFAULT_INSTANCE"
    config = {"name": "default", "type": kind, "description": "ours"}
    desired = schema.read(json.dumps({top[1:]: {"network-instance": [{"name": "default", "config": config}]}}).encode())
    state = {"name": "DEFAULT", "type": kind}
    shown = fetched({"network-instance": [{"name": "DEFAULT", "state": state}]}, top)
    assert in_force(schema, desired, [shown], SCOPE).untold  # nobody of that name
    instance = Path.parse(f"{top}/network-instance")
    likeness = Likeness(
        aliases=(Alias(instance, "name", "default", "DEFAULT"),),
        defaults=((Path.parse(f"{top}/network-instance/config/description"), '"ours"'),),
    )
    found = in_force(schema, desired, [shown], SCOPE, likeness)
    assert (found.leaves, found.not_in_force) == (3, ())


def test_secrets_are_not_looked_at(schema: Schema) -> None:
    desired = schema.read(
        json.dumps({"openconfig-interfaces:interfaces": {"interface": [port(description="secret")]}}).encode()
    )
    description = Path.parse("/openconfig-interfaces:interfaces/interface/config/description")
    shown = fetched({"interface": [{"name": "Ethernet1", "state": {"name": "Ethernet1", "description": "$1$x"}}]},
                    "/openconfig-interfaces:interfaces")  # fmt: skip
    told = [one.path.name for one in in_force(schema, desired, [shown], SCOPE).not_in_force]
    assert "description" in told
    hidden = in_force(schema, desired, [shown], SCOPE, Likeness(secrets=(description,)))
    assert "description" not in [one.path.name for one in hidden.not_in_force]


def test_what_to_ask_for_instead_of_containers_is_each_leaf_once(schema: Schema) -> None:
    two = [port(mtu=9000), {"name": "Ethernet2", "config": {"name": "Ethernet2", "mtu": 1500}}]
    desired = schema.read(json.dumps({"openconfig-interfaces:interfaces": {"interface": two}}).encode())
    assert sorted(path.text for path in mirrors(schema, desired)) == [
        f"/openconfig-interfaces:interfaces/interface/state/{name}" for name in ("mtu", "name", "type")
    ]


def test_protected_leaves_are_left_out(schema: Schema) -> None:
    desired = schema.read(json.dumps({"openconfig-interfaces:interfaces": {"interface": [port(mtu=9000)]}}).encode())
    scope = Scope((), protected=(Path.parse("/openconfig-interfaces:interfaces/interface"),))
    assert in_force(schema, desired, [fetched({}, "/")], scope).leaves == 0


def test_rules_of_the_whole_are_told_when_each_leaf_is_fine(schema: Schema) -> None:
    entry = {"name": "Ethernet1"}  # its config is missing, which the key refers to
    config = json.dumps({"openconfig-interfaces:interfaces": {"interface": [entry]}}).encode()
    assert [one.reason for one in broken_rules(schema, config)] == ["rule"]
    assert ROOT not in [one.leaf.path for one in broken_rules(schema, config)]
