"""Names of a device's own go in and come out unchanged, wherever they are referred to, and never meet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_trees import NAMES, documents

from fabricd.model.device import Alias, Likeness
from fabricd.model.edit import Edit, Operation
from fabricd.model.path import Path, key_matches
from fabricd.schema import ModelSet, Schema

INTERFACES = Path.parse("/interfaces/interface")
INSTANCES = Path.parse("/network-instances/network-instance")


@pytest.fixture(scope="module")
def schema() -> Iterator[Schema]:
    with Schema(ModelSet.managed()) as opened:
        yield opened


relaxed = settings(max_examples=100)
renamings = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([*NAMES, "other", "another"]), max_size=5)


def likeness(ports: dict[str, str]) -> Likeness:
    aliases = [Alias(INTERFACES, "name", name, device_name) for name, device_name in ports.items()]
    return Likeness(aliases=(*aliases, Alias(INSTANCES, "name", "default", "DEFAULT")), interface_refs=True)


@relaxed
@given(config=documents, ports=renamings)
def test_what_goes_out_comes_back_as_it_was(schema: Schema, config: dict[str, Any], ports: dict[str, str]) -> None:
    tree = schema.canonical(json.dumps(config).encode())
    names = schema.names(likeness(ports), tree)
    outside = names.outward(tree)
    assert schema.canonical(names.inward(outside)) == tree
    schema.canonical(outside)  # no two entries have become one


@relaxed
@given(old=documents, new=documents, ports=renamings)
def test_edits_say_the_same_under_other_names(
    schema: Schema, old: dict[str, Any], new: dict[str, Any], ports: dict[str, str]
) -> None:
    before, after = (schema.canonical(json.dumps(one).encode()) for one in (old, new))
    names = schema.names(likeness(ports), after)
    edits = [names.outward_edit(edit) for edit in schema.diff(before, after)]
    outside = schema.apply(edits, names.outward(before))
    assert schema.diff(outside, names.outward(after)) == ()


def test_a_position_behind_a_renamed_entry_is_renamed(schema: Schema) -> None:
    path = Path.parse("/routing-policy/policy-definitions/policy-definition[name='p']/statements/statement")
    alias = Alias(path, "name", "one", "ONE")
    names = schema.names(Likeness(aliases=(alias,)), b"{}")
    edit = Edit(Operation.MOVE, Path.parse(f"{path}[name='two']"), after="[name='one']")
    assert names.outward_edit(edit).after == "[name='ONE']"


def test_what_the_models_do_not_have_is_left_alone(schema: Schema) -> None:
    odd = Likeness(aliases=(Alias(Path.parse("/no/such"), "name", "a", "b"), Alias(INTERFACES, "nokey", "a", "b")))
    names = schema.names(odd, b"{}")
    tree = b'{"openconfig-interfaces:interfaces":{"interface":[{"name":"a"}]}}'
    assert names.outward(tree) == tree
    edit = Edit(Operation.DELETE, Path.parse("/no/such[name='a']"))
    assert names.outward_edit(edit) == edit


@pytest.mark.parametrize(
    ("pattern", "value", "same"),
    [
        ("Ethernet*", "Ethernet12", True),
        ("Ethernet*", "ethernet12", False),
        ("*/0", "1/0", True),
        ("*", "", True),
        ("E*1", "E1", True),
        ("E*1", "E\n1", True),
        ("E.1", "Ex1", False),
        ("[a]*", "a", False),
    ],
)
def test_a_star_in_a_key_stands_for_any_characters(pattern: str, value: str, same: bool) -> None:
    assert key_matches(pattern, value) is same
    path = Path.parse("/interfaces/interface/config")
    one, other = (Path.parse(f"/interfaces/interface[name='{text}']/config") for text in (pattern, value))
    assert one.covers(other) is same
    assert path.covers(one)
