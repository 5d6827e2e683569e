"""What is fabricd's to mend on a device, and what it leaves alone."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from schema_interpreters import run_gnmi
from schema_trees import documents, texts

from fabricd.model.edit import Dialect, GnmiSet, Operation
from fabricd.model.fetched import Encoding, Part
from fabricd.model.intent import Scope
from fabricd.model.path import ROOT, Path, covered
from fabricd.schema import Comparison, Schema, Tree

relaxed = settings(max_examples=40)
PLACES = [
    Path.parse(text)
    for text in (
        "/interfaces",
        "/openconfig-interfaces:interfaces/interface[name='Ethernet1']",
        "/interfaces/interface/config/mtu",
        "/interfaces/interface[name=Ethernet2]/subinterfaces",
        "/interfaces/interface/config",
        "/network-instances/network-instance[name=default]",
        "/network-instances/network-instance/protocols/protocol[identifier=BGP][name=BGP]/bgp/neighbors",
        "/network-instances/network-instance/vlans/vlan[vlan-id=10]",
        "/system/dns",
        "/system/ntp/servers",
        "/no-such/place",
    )
]
scopes = st.builds(
    Scope,
    roots=st.just(()),
    subtrees=st.lists(st.sampled_from(PLACES), max_size=3).map(tuple),
    protected=st.lists(st.sampled_from(PLACES), max_size=2).map(tuple),
    system_entries=st.lists(
        st.sampled_from(
            [
                Path.parse("/network-instances/network-instance[name=default]"),
                Path.parse("/interfaces/interface[name='Loopback0']"),
            ]
        ),
        max_size=2,
    ).map(tuple),
)


@relaxed
@given(desired=texts, actual=texts, scope=scopes)
def test_mending_leaves_nothing_to_mend(either_schema: Schema, desired: bytes, actual: bytes, scope: Scope) -> None:
    schema = either_schema
    wanted, running = schema.read(desired), schema.read(actual)
    found = schema.compare(wanted, running, scope)
    after = schema.apply(found.edits, running)
    assert schema.compare(wanted, after, scope).edits == ()
    assert found.unmanaged >= 0
    assert found.leaves >= 0


@relaxed
@given(desired=texts, actual=texts, scope=scopes)
def test_protected_paths_stay_as_they_are(either_schema: Schema, desired: bytes, actual: bytes, scope: Scope) -> None:
    schema = either_schema
    wanted, running = schema.read(desired), schema.read(actual)
    edits = schema.compare(wanted, running, scope).edits
    assert not any(covered(scope.protected, edit.path) for edit in edits)
    kept = [path for path in scope.protected if schema.node(path)]
    after = schema.apply(edits, running)
    for path in kept:
        assert _values(schema, after, path) == _values(schema, running, path)


def _values(schema: Schema, config: bytes, path: Path) -> Any:
    """Everything at and below `path`."""
    with Tree.parse(schema, config) as tree, tree.select([path]) as part:
        found = part.print() if part.find(path) else b"{}"
    return json.loads(schema.canonical(found))


@relaxed
@given(document=documents, scope=scopes)
def test_without_a_desired_tree_only_what_is_owned_goes(
    either_schema: Schema, document: dict[str, Any], scope: Scope
) -> None:
    schema = either_schema
    running = schema.read(json.dumps(document).encode())
    found = schema.compare(b"{}", running, scope)
    assert all(edit.operation is Operation.DELETE for edit in found.edits)
    if not any(schema.node(path) for path in scope.subtrees):
        assert found.edits == ()
    for edit in found.edits:
        assert not any(edit.path == entry for entry in scope.system_entries)
    schema.validate(schema.apply(found.edits, running))


@relaxed
@given(desired=texts, actual=texts, scope=scopes)
def test_a_rendered_repair_keeps_what_is_not_owned(
    either_schema: Schema, desired: bytes, actual: bytes, scope: Scope
) -> None:
    schema = either_schema
    wanted, running = schema.read(desired), schema.read(actual)
    edits = schema.compare(wanted, running, scope).edits
    request = schema.render(edits, wanted, Dialect.GNMI, actual=running)
    assert isinstance(request, GnmiSet)
    device = schema.read_device([Part(ROOT, run_gnmi(running, request))], Encoding.JSON_IETF).config
    assert schema.diff(device, schema.apply(edits, running)) == ()


def _compare(schema: Schema, desired: Any, actual: Any, **scope: list[str]) -> Comparison:
    paths = {name: tuple(Path.parse(text) for text in texts) for name, texts in scope.items()}
    running = schema.read(json.dumps(actual).encode())
    return schema.compare(json.dumps(desired).encode(), running, Scope(roots=(), **paths))


def _interfaces(**mtu: int) -> dict[str, Any]:
    entries = [{"name": name, "config": {"name": name, "mtu": value}} for name, value in mtu.items()]
    return {"openconfig-interfaces:interfaces": {"interface": entries}}


def test_a_single_leaf_is_enforced_and_its_neighbours_are_left_alone(either_schema: Schema) -> None:
    actual = _interfaces(Ethernet1=1500, Ethernet2=1500)
    actual["openconfig-interfaces:interfaces"]["interface"][0]["config"]["description"] = "by hand"
    found = _compare(either_schema, _interfaces(Ethernet1=9000), actual)
    assert [(edit.path.name, edit.old, edit.new) for edit in found.edits] == [("mtu", "1500", "9000")]
    assert (found.unmanaged, found.leaves) == (4, 3)  # a description, and Ethernet2: key, name, mtu


def test_a_deletion_is_cut_down_to_what_is_owned(either_schema: Schema) -> None:
    found = _compare(either_schema, {}, _interfaces(Ethernet1=1500), subtrees=["/interfaces/interface/config/mtu"])
    (edit,) = found.edits
    assert edit.path.text.endswith("interface[name='Ethernet1']/config/mtu")
    assert (edit.operation, edit.old, found.unmanaged) == (Operation.DELETE, "1500", 2)


def test_an_entry_that_stays_keeps_the_leaf_its_key_refers_to(either_schema: Schema) -> None:
    found = _compare(either_schema, {}, _interfaces(Ethernet1=1500), subtrees=["/interfaces/interface/config"])
    assert [edit.path.name for edit in found.edits] == ["mtu"]


def test_a_system_entry_is_never_drift(either_schema: Schema) -> None:
    system = ["/interfaces/interface[name=Ethernet1]"]
    actual = _interfaces(Ethernet1=1500, Ethernet2=1500)
    found = _compare(either_schema, {}, actual, subtrees=["/interfaces"], system_entries=system)
    assert [str(edit.path.segments[-1]) for edit in found.edits] == ["interface[name='Ethernet2']"]
    wanted = {
        "openconfig-interfaces:interfaces": {"interface": [{"name": "Ethernet1", "config": {"name": "Ethernet1"}}]}
    }
    found = _compare(either_schema, wanted, actual, subtrees=["/interfaces"], system_entries=system)
    assert sorted(edit.path.name for edit in found.edits) == ["interface", "mtu"]


def test_a_desired_leaf_list_is_enforced_as_a_whole(either_schema: Schema) -> None:
    def search(*names: str) -> dict[str, Any]:
        return {"openconfig-system:system": {"dns": {"config": {"search": names}}}}

    found = _compare(either_schema, search("a.x"), search("a.x", "b.x"))
    assert [(edit.operation, edit.old) for edit in found.edits] == [(Operation.DELETE, '"b.x"')]
    assert _compare(either_schema, {}, search("a.x")).edits == ()


def test_what_an_intent_says_of_protected_places_is_named(either_schema: Schema) -> None:
    config = json.dumps(_interfaces(Ethernet1=1500, Management0=1500)).encode()
    protected = [Path.parse("/interfaces/interface[name=Management0]"), Path.parse("/system/aaa")]
    (path,) = either_schema.offending(config, protected)
    assert path.text == "/openconfig-interfaces:interfaces/interface[name='Management0']"
    (path,) = either_schema.outside(config, protected)
    assert path.text == "/openconfig-interfaces:interfaces/interface[name='Ethernet1']"
    assert [path.text for path in either_schema.roots(config)] == ["/openconfig-interfaces:interfaces"]
