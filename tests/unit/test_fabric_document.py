"""Reading fabrics: notation and order do not matter, and whatever is refused is refused with its place."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricd.errors import InputError
from fabricd.intent.documents import Document, DocumentFormat, Draft, DraftKind, parse_documents
from fabricd.intent.fabric import notation
from fabricd.intent.fabric.document import read_draft_fabric, read_fabric
from fabricd.intent.fabric.values import Fabric, Port, Role
from fabricd.intent.values import load_yaml
from fabricd.model.path import Path as DataPath
from fabricd.schema import ModelSet, Schema
from fabricd.schema.outline import Node, NodeKind

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "config" / "examples").glob("*/fabric.yaml"))
CONTENTS = [load_yaml(path.read_text(), path.parent.name)[0].value["fabric"] for path in EXAMPLES]


@pytest.fixture(scope="module")
def schema() -> Iterator[Schema]:
    with Schema(ModelSet.fabric()) as schema:
        yield schema


def draft_of(content: object, form: DocumentFormat = DocumentFormat.YAML, **envelope: object) -> Draft:
    """JSON is YAML as well, and read as such has lines."""
    text = json.dumps({"kind": "fabric", "name": "dc", **envelope, "fabric": content}, indent=1)
    document = Document("dc.yaml", text.encode(), form)
    return parse_documents([document], max_bytes=1 << 20, kinds=tuple(DraftKind))[0]


def rewritten(node: Node, value: Any, chance: random.Random) -> Any:
    """The same content in other order and notation."""
    if node.kind is NodeKind.LEAF_LIST and isinstance(value, list):
        if not node.user_ordered:
            value = chance.sample(value, len(value))
        return value[0] if len(value) == 1 and chance.random() < 0.5 else value
    if node.kind is NodeKind.LIST:
        return _rewritten_list(node, value, chance)
    if not isinstance(value, Mapping):
        return value
    members = [(name, rewritten(node.by_name[name], inner, chance)) for name, inner in value.items()]
    return dict(chance.sample(members, len(members)))


def _rewritten_list(node: Node, value: list[dict[str, Any]], chance: random.Random) -> Any:
    entries = [_rewritten_entry(node, entry, chance) for entry in value]
    if node.user_ordered:
        return entries
    entries = chance.sample(entries, len(entries))
    if chance.random() < 0.5:
        return entries
    found: dict[str, Any] = {}
    for entry in entries:
        keys = [str(entry[name]) for name in node.keys]
        rest = {name: inner for name, inner in entry.items() if name not in node.keys or chance.random() < 0.2}
        found[(" - " if node.name == "links" else " ").join(keys)] = rest or chance.choice([None, {}])
    return found


def _rewritten_entry(node: Node, entry: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    members = [(name, rewritten(node.by_name[name], inner, chance)) for name, inner in entry.items()]
    return dict(chance.sample(members, len(members)))


@pytest.mark.parametrize("content", CONTENTS, ids=[path.parent.name for path in EXAMPLES])
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_order_and_notation_do_not_matter(schema: Schema, content: dict[str, Any], seed: int) -> None:
    fabric, canonical = read_fabric(schema, content, name="dc")
    plain = json.loads(canonical)[notation.TOP]
    again = rewritten(notation.model(), plain, random.Random(seed))
    assert read_fabric(schema, again, name="dc") == (fabric, canonical)


@pytest.mark.parametrize("content", CONTENTS, ids=[path.parent.name for path in EXAMPLES])
def test_canonical_bytes_read_as_themselves(schema: Schema, content: dict[str, Any]) -> None:
    fabric, canonical = read_fabric(schema, content, name="dc")
    assert read_fabric(schema, canonical, name="dc") == (fabric, canonical)
    assert schema.canonical(canonical) == canonical


# JSON writes other characters as pairs of surrogates, which YAML has not.
TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=6)
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | TEXT
    | st.sampled_from(["*", "spine1", "leaf1:Ethernet1", "10.0.0.0/8", "a - b", "::/0", "..", ":", "/", "[", "'\""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield place
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*place, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*place, index))


def replaced(value: Any, place: tuple[str | int, ...], by: Any, key: str | None) -> Any:
    if not place:
        return by
    if isinstance(value, dict):
        head = str(place[0])
        if len(place) == 1 and key is not None:  # the key itself, not the value
            return {key if name == head else name: inner for name, inner in value.items()}
        return {name: replaced(inner, place[1:], by, key) if name == head else inner for name, inner in value.items()}
    return [replaced(inner, place[1:], by, key) if index == place[0] else inner for index, inner in enumerate(value)]


@settings(max_examples=150)
@given(data=st.data())
def test_rubbish_anywhere_is_refused_with_its_place_or_read(schema: Schema, data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(CONTENTS))
    place = data.draw(st.sampled_from(list(places(content))[1:]))
    key = data.draw(st.none() | TEXT | st.sampled_from(["name", "a", "vlan", "spine1", "a:1 - b:1"]))
    spoiled = replaced(content, place, data.draw(JUNK), key)
    draft = draft_of(spoiled, data.draw(st.sampled_from(DocumentFormat)))
    try:
        fabric, canonical = read_draft_fabric(schema, draft)
    except InputError as error:
        for problem in error.problems:
            assert problem.path.startswith("/fabricd-fabric:fabric"), problem
            assert problem.intent == "dc.yaml: dc"
            assert bool(problem.line) == bool(draft.places), problem
            assert problem.message
    else:
        assert read_fabric(schema, canonical, name="dc") == (fabric, canonical)


@settings(max_examples=100)
@given(content=st.dictionaries(st.sampled_from([child.name for child in notation.model().children]) | TEXT, JUNK))
def test_rubbish_alone_is_refused_or_read(schema: Schema, content: dict[str, Any]) -> None:
    try:
        read_fabric(schema, content, name="dc", source="here")
    except InputError as error:
        found = {(bool(problem.path), problem.intent) for problem in error.problems}
    else:
        found = {(True, "here")}
    assert found == {(True, "here")}


def test_every_value_of_an_example_is_found_where_it_stands() -> None:
    """The line of a data path, whatever notation it is in: each leaf of a canonical tree leads to its own key."""
    content = CONTENTS[0]
    draft = draft_of(content)
    spots = [
        ("devices[name='leaf1']/vtep-ipv4", '"vtep-ipv4": "10.255.1.11"'),
        ("links[a='spine1:Ethernet2'][b='leaf2:Ethernet1']", '"spine1:Ethernet2 - leaf2:Ethernet1": null'),
        ("attachments[name='db1']/ports[.='leaf2:Ethernet12']", '"leaf2:Ethernet12"'),
        ("acls[name='web-in']/entries[sequence='20']/permit", '"permit": false'),
        ("static-routes[prefix='203.0.113.0/24'][vrf='blue']/next-hops", '"next-hops"'),
        ("policies[name='to-office']/statements[name='ours']/prepend", '"prepend": 2'),
        ("prefix-sets[name='red-subnets']/prefixes[prefix='10.10.0.0/16'][mask-range='16..24']", '"10.10.0.0/16 16'),
        ("pools[name='loopbacks']/prefixes[.='10.255.0.0/24']", '"10.255.0.0/24"'),
    ]  # fmt: skip
    text = json.dumps({"kind": "fabric", "name": "dc", "fabric": content}, indent=1).splitlines()
    for path, there in spots:
        full = f"/fabricd-fabric:fabric/{path}"
        assert draft.sets(full), path
        line, _ = draft._place(full)
        assert there in text[line - 1], (path, text[line - 1])
    assert not draft.sets("/fabricd-fabric:fabric/devices[name='leaf1']/asn")
    assert not draft.sets("/fabricd-fabric:fabric/devices[name='leaf7']")
    assert notation.locate(content, DataPath.parse("/devices[name='leaf1']/name").segments)[1]


def test_entries_may_be_written_as_the_text_of_their_keys(schema: Schema) -> None:
    devices = {"s": {"role": "spine"}, "l": {"role": "leaf"}}
    fabric, _ = read_fabric(schema, {"devices": devices, "links": ["s:1 - l:1", "s:2 l:2"]}, name="dc")
    assert [(link.a, link.b) for link in fabric.links] == [
        (Port("s", "1"), Port("l", "1")),
        (Port("s", "2"), Port("l", "2")),
    ]


def test_addresses_are_the_same_however_they_are_spelled(schema: Schema) -> None:
    def read(address: str) -> tuple[Fabric, bytes]:
        return read_fabric(schema, {"networks": {"n": {"vlan": 1, "gateways": [address]}}}, name="dc")

    assert read("2001:DB8:0:0::0001/64") == read("2001:db8::1/64")
    assert read("2001:db8::1/64")[0].networks[0].gateways == ("2001:db8::1/64",)


def test_lists_are_sorted_as_people_count(schema: Schema) -> None:
    devices = {f"leaf{number}": {"role": "leaf"} for number in (10, 2, 1)}
    fabric, _ = read_fabric(schema, {"devices": devices}, name="dc")
    assert [device.name for device in fabric.devices] == ["leaf1", "leaf2", "leaf10"]
    assert fabric.devices[0].role is Role.LEAF


def test_order_that_has_a_meaning_is_kept(schema: Schema) -> None:
    content = {
        "system": {"dns": ["192.0.2.9", "192.0.2.1"]},
        "policies": {"p": {"statements": [{"name": "z", "accept": False}, {"name": "a", "accept": True}]}},
        "pools": {"x": {"purpose": "asn", "ranges": ["65100..65199", 65001]}},
    }
    fabric, _ = read_fabric(schema, content, name="dc")
    assert fabric.system.dns == ("192.0.2.9", "192.0.2.1")
    assert [statement.name for statement in fabric.policies[0].statements] == ["z", "a"]
    assert fabric.pools[0].ranges == ((65100, 65199), (65001, 65001))


def test_an_entry_that_contradicts_its_key_is_refused(schema: Schema) -> None:
    with pytest.raises(InputError) as caught:
        read_fabric(schema, {"devices": {"leaf1": {"name": "leaf2", "role": "leaf"}}}, name="dc")
    assert caught.value.path == "/fabricd-fabric:fabric/devices[name='leaf1']"
    assert "says name 'leaf2', but stands under 'leaf1'" in caught.value.message


def test_a_key_that_is_there_twice_in_two_spellings_is_refused(schema: Schema) -> None:
    routes = {"2001:db8::/32": {"next-hops": ["::1"]}, "2001:DB8::/32": {"next-hops": ["::2"]}}
    with pytest.raises(InputError) as caught:
        read_fabric(schema, {"static-routes": routes}, name="dc")
    assert "static-routes[prefix='2001:db8::/32'][vrf='default']" in caught.value.path


def test_fabrics_are_refused_where_only_configuration_is_taken() -> None:
    document = Document("dc.yaml", b"name: dc\nkind: fabric\nfabric: {}\n")
    with pytest.raises(InputError) as caught:
        parse_documents([document], max_bytes=1 << 20)
    assert str(caught.value.problems[0]) == "dc.yaml: dc: kind: line 2, column 1: only config intents are taken here"


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("kind: fabric\nname: dc\nfabric: {}\ndevices: [leaf1]\n", "devices", 4),
        ("kind: fabric\nname: dc\nfabric: []\n", "fabric", 3),
        ("kind: fabric\nname: dc\n", "fabric", 1),
        ("kind: fabric\nname: d c\nfabric: {}\n", "name", 2),
        ("kind: fabric\nname: dc\nfabric: {}\npriority: high\n", "priority", 4),
    ],
)
def test_a_wrong_envelope_of_a_fabric_is_refused_with_key_and_line(text: str, key: str, line: int) -> None:
    with pytest.raises(InputError) as caught:
        parse_documents([Document("dc.yaml", text.encode())], max_bytes=1 << 20, kinds=tuple(DraftKind))
    assert (key, line) in {(problem.path, problem.line) for problem in caught.value.problems}


def test_the_envelope_of_a_fabric_is_kept() -> None:
    draft = draft_of({}, owner="netops", priority=200)
    assert (draft.kind, draft.name, draft.owner, draft.priority, draft.devices) == (
        DraftKind.FABRIC, "dc", "netops", 200, (),
    )  # fmt: skip
