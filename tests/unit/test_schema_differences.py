"""Differences lead from one tree to the other, by every road: apply, gNMI and NETCONF."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from schema_interpreters import run_gnmi, run_netconf
from schema_trees import texts

from fabricd.errors import InputError
from fabricd.model.device import WriteTraits
from fabricd.model.edit import Dialect, Edit, EditConfig, GnmiSet, Operation
from fabricd.model.fetched import Encoding, Part
from fabricd.model.path import ROOT, Path
from fabricd.schema import Defaults, Format, Schema, Tree

relaxed = settings(max_examples=40)


def trimmed(schema: Schema, config: bytes) -> bytes:
    """The same for trees that mean the same: canonical, without values that are defaults (as libyang sees them)."""
    with Tree.parse(schema, config) as tree:
        return schema.canonical(tree.print(defaults=Defaults.TRIM))


def in_order(schema: Schema, config: bytes) -> list[Any]:
    """The parts whose order is the user's."""
    system = json.loads(config).get("openconfig-system:system", {}).get("dns", {})
    servers = [entry["address"] for entry in system.get("servers", {}).get("server", [])]
    return [system.get("config", {}).get("search", []), servers]


@relaxed
@given(old=texts, new=texts)
def test_applying_the_difference_gives_the_other_tree(either_schema: Schema, old: bytes, new: bytes) -> None:
    schema = either_schema
    before, wanted = schema.read(old), schema.read(new)
    after = schema.apply(schema.diff(before, wanted), before)
    assert trimmed(schema, after) == trimmed(schema, wanted)
    assert in_order(schema, after) == in_order(schema, wanted)
    assert schema.diff(after, wanted) == ()


@relaxed
@given(text=texts)
def test_a_tree_does_not_differ_from_itself_however_it_is_written(either_schema: Schema, text: bytes) -> None:
    schema = either_schema
    config = schema.read(text)
    assert schema.diff(config, config) == ()
    assert schema.canonical(config) == config
    assert schema.read(schema.to_xml(config), Format.XML) == config if config != b"{}" else schema.to_xml(config) == b""
    with Tree.parse(schema, config) as tree:
        trim, full = tree.print(defaults=Defaults.TRIM), tree.print(defaults=Defaults.REPORT_ALL)
    assert schema.diff(trim, config) == schema.diff(config, trim) == ()
    assert schema.diff(full, config) == schema.diff(config, full) == ()
    schema.validate(config)


@relaxed
@given(old=texts, new=texts)
@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("shape", ["leaves", "subtrees", "root"])
def test_a_gnmi_set_brings_a_device_to_the_other_tree(
    either_schema: Schema, old: bytes, new: bytes, shape: Literal["leaves", "subtrees", "root"], replace: bool
) -> None:
    schema = either_schema
    before, wanted = schema.read(old), schema.read(new)
    write = WriteTraits(shape, replace=replace)
    request = schema.render(schema.diff(before, wanted), wanted, Dialect.GNMI, write=write)
    assert isinstance(request, GnmiSet)
    replaced, updated = [path for path, _ in request.replaces], [path for path, _ in request.updates]
    if shape == "leaves":
        assert not any(top.covers(path) for top in replaced for path in updated)
    else:
        assert len(set(updated)) == len(updated)
        assert all(len(path) == (0 if shape == "root" else 1) for path in updated)
    assert replace or not replaced
    after = schema.read_device([Part(ROOT, run_gnmi(before, request))], Encoding.JSON_IETF)
    assert after.skipped == ()
    assert trimmed(schema, after.config) == trimmed(schema, wanted)
    assert in_order(schema, after.config) == in_order(schema, wanted)


@relaxed
@given(old=texts, new=texts)
def test_an_edit_config_brings_a_device_to_the_other_tree(either_schema: Schema, old: bytes, new: bytes) -> None:
    schema = either_schema
    before, wanted = schema.read(old), schema.read(new)
    edits = schema.diff(before, wanted)
    request = schema.render(edits, wanted, Dialect.NETCONF)
    assert isinstance(request, EditConfig)
    once = run_netconf(schema.to_xml(before), request)
    for after in (once, run_netconf(once, request)):  # sent twice it does no harm
        config = schema.read(after, Format.XML) if after else b"{}"
        assert trimmed(schema, config) == trimmed(schema, wanted)
        assert in_order(schema, config) == in_order(schema, wanted)


def _interface(**config: Any) -> bytes:
    entry = {"name": "Ethernet1", "config": {"name": "Ethernet1", **config}}
    return json.dumps({"openconfig-interfaces:interfaces": {"interface": [entry]}}).encode()


ENABLED = Path.parse("/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config/enabled")


def test_a_leaf_that_goes_back_to_its_default_is_deleted(either_schema: Schema) -> None:
    (edit,) = either_schema.diff(_interface(enabled=False), _interface())
    assert edit == Edit(Operation.DELETE, ENABLED, old="false")
    assert either_schema.gnmi_set([edit], _interface()).deletes == (ENABLED,)
    assert b'<enabled nc:operation="remove"/>' in either_schema.edit_config([edit]).config


@pytest.mark.parametrize(("old", "new"), [({}, {"enabled": True}), ({"enabled": True}, {})])
def test_an_explicit_default_is_no_difference(either_schema: Schema, old: Any, new: Any) -> None:
    assert either_schema.diff(_interface(**old), _interface(**new)) == ()


def test_a_default_that_is_asked_for_is_written_where_the_device_differs(either_schema: Schema) -> None:
    (edit,) = either_schema.diff(_interface(enabled=False), _interface(enabled=True))
    assert edit == Edit(Operation.REPLACE, ENABLED, old="false", new="true")


def test_containers_that_hold_only_defaults_come_and_go_without_a_word(either_schema: Schema) -> None:
    hollow = json.dumps({"openconfig-lldp:lldp": {"config": {"enabled": True}}}).encode()
    assert either_schema.diff(hollow, b"{}") == either_schema.diff(b"{}", hollow) == ()


def test_a_new_entry_is_one_edit_with_all_it_holds(either_schema: Schema) -> None:
    (edit,) = either_schema.diff(b'{"openconfig-lldp:lldp":{}}', _interface(mtu=9000))
    assert edit.operation is Operation.CREATE
    assert edit.path.text == "/openconfig-interfaces:interfaces"
    (edit,) = either_schema.diff(_interface(), json.dumps(_two()).encode())
    assert edit.path.text == "/openconfig-interfaces:interfaces/interface[name='Ethernet2']"
    assert json.loads(edit.new or "") == {
        "openconfig-interfaces:name": "Ethernet2",
        "openconfig-interfaces:config": {"name": "Ethernet2", "mtu": 1500},
    }
    request = either_schema.gnmi_set([edit], json.dumps(_two()).encode())
    assert request == GnmiSet(updates=((edit.path, (edit.new or "").encode()),))


def test_changes_that_belong_together_come_in_one_update(either_schema: Schema) -> None:
    """A LAG and its member: some devices drop the one without the other."""
    old = {"interface": [{"name": name, "config": {"name": name}} for name in ("Ethernet1", "Port-Channel1")]}
    new = json.loads(json.dumps(old))
    new["interface"][0]["openconfig-if-ethernet:ethernet"] = {
        "config": {"openconfig-if-aggregate:aggregate-id": "Port-Channel1"}
    }
    new["interface"][1]["openconfig-if-aggregate:aggregation"] = {"config": {"lag-type": "LACP"}}
    name = "openconfig-interfaces:interfaces"
    before, wanted = (either_schema.read(json.dumps({name: one}).encode()) for one in (old, new))
    edits = either_schema.diff(before, wanted)
    assert len(edits) == 2
    ((path, value),) = either_schema.gnmi_set(edits, wanted, WriteTraits("subtrees")).updates
    assert path == Path.parse(f"/{name}")
    for entry in new["interface"]:
        del entry["config"]
    assert json.loads(value) == {"openconfig-interfaces:interface": new["interface"]}
    ((path, value),) = either_schema.gnmi_set(edits, wanted, WriteTraits("root")).updates
    assert (path, json.loads(value)) == (ROOT, {name: new})


def _two() -> dict[str, Any]:
    document = json.loads(_interface())
    document["openconfig-interfaces:interfaces"]["interface"].append(
        {"name": "Ethernet2", "config": {"name": "Ethernet2", "mtu": 1500}}
    )
    return document


def test_entries_are_moved_as_little_as_possible(either_schema: Schema) -> None:
    def search(*names: str) -> bytes:
        return json.dumps({"openconfig-system:system": {"dns": {"config": {"search": names}}}}).encode()

    edits = either_schema.diff(search("a.x", "b.x", "c.x", "d.x"), search("d.x", "a.x", "b.x", "c.x"))
    assert [(edit.operation, edit.path.segments[-1].value, edit.after) for edit in edits] == [
        (Operation.MOVE, "d.x", "")
    ]
    edits = either_schema.diff(search("a.x", "b.x"), search("b.x", "n.x"))
    assert [(edit.operation, edit.path.segments[-1].value, edit.after) for edit in edits] == [
        (Operation.DELETE, "a.x", None),
        (Operation.CREATE, "n.x", "b.x"),
    ]


def test_an_edit_the_models_do_not_have_is_refused(either_schema: Schema) -> None:
    with pytest.raises(InputError, match="no such node"):
        either_schema.apply([Edit(Operation.DELETE, Path.parse("/interfaces/nonsense"))], b"{}")
    with pytest.raises(InputError):
        either_schema.apply([Edit(Operation.CREATE, Path.parse("/interfaces/interface"), new="{}")], b"{}")
