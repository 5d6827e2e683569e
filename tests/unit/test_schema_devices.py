"""What devices send is read with patience, and never believed beyond reason."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_interpreters import bare
from schema_trees import documents, leaf_switch, texts

from fabricd.errors import DeviceProtocolError, InputError
from fabricd.model.fetched import Encoding, Part
from fabricd.model.intent import Scope
from fabricd.model.path import ROOT, Path
from fabricd.schema import Comparison, Format, Schema

relaxed = settings(max_examples=40)
NETCONF = b'<data xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">%s</data>'


def read_json(schema: Schema, *parts: tuple[str, Any]) -> tuple[Any, tuple[str, ...]]:
    given = [Part(Path.parse(path), json.dumps(value).encode()) for path, value in parts]
    found = schema.read_device(given, Encoding.JSON_IETF)
    return json.loads(found.config), found.skipped


@relaxed
@given(document=documents)
def test_a_tree_is_the_same_whole_in_pieces_bare_or_as_xml(either_schema: Schema, document: dict[str, Any]) -> None:
    schema = either_schema
    wanted = schema.read(json.dumps(document).encode())
    plain = json.loads(wanted)
    pieces = [Part(Path.parse(f"/{name}"), json.dumps(value).encode()) for name, value in plain.items()]
    for name, value in plain.items():
        # and once more every list entry of the first level on its own: parts may overlap
        pieces += [
            Part(Path.parse(f"/{name}/{member}"), json.dumps(held).encode())
            for member, held in value.items()
            if isinstance(held, dict)
        ]
    spellings = [
        ([Part(ROOT, wanted)], Encoding.JSON_IETF),
        (pieces, Encoding.JSON_IETF),
        ([Part(ROOT, json.dumps(bare(plain)).encode())], Encoding.JSON_IETF),
        ([Part(ROOT, json.dumps(_misquoted(plain)).encode())], Encoding.JSON_IETF),
        ([Part(ROOT, NETCONF % schema.to_xml(wanted))], Encoding.XML),
    ]
    for parts, encoding in spellings:
        found = schema.read_device(parts, encoding)
        assert found.skipped == ()
        assert schema.canonical(found.config) == wanted


def _misquoted(value: Any) -> Any:
    """Numbers as strings, identities without the module's name."""
    if isinstance(value, dict):
        return {name: _misquoted(held) for name, held in value.items()}
    if isinstance(value, list):
        return [_misquoted(held) for held in value]
    if isinstance(value, str) and value.startswith("openconfig-policy-types:"):
        return value.replace("openconfig-policy-types", "oc-pol-types")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def test_unknown_nodes_and_values_are_listed_and_state_is_dropped(either_schema: Schema) -> None:
    entry = {
        "name": "Ethernet1",
        "config": {"name": "Ethernet1", "mtu": 70000, "enabled": "perhaps", "vendor:speed": 1, "description": "x"},
        "state": {"mtu": 9000, "nonsense": 1},
        "extra": {"deep": [1, 2]},
    }
    value = {"interface": [entry, {"config": {}}, 7]}
    found, skipped = read_json(either_schema, ("/interfaces", value), ("/vendor-native:x", {}))
    assert found == {
        "openconfig-interfaces:interfaces": {
            "interface": [{"name": "Ethernet1", "config": {"name": "Ethernet1", "description": "x"}}]
        }
    }
    place = "/openconfig-interfaces:interfaces/interface"
    assert set(skipped) == {
        f"{place}[name='Ethernet1']/config/mtu",
        f"{place}[name='Ethernet1']/config/enabled",
        f"{place}[name='Ethernet1']/config/vendor:speed",
        f"{place}[name='Ethernet1']/extra",
        place,
        "/vendor-native:x",
    }


def test_the_same_in_xml(either_schema: Schema) -> None:
    data = NETCONF % (
        b'<interfaces xmlns="http://openconfig.net/yang/interfaces" xmlns:t="urn:x"><interface><name>Ethernet1</name>'
        b"<config><name>Ethernet1</name><mtu> 9000 </mtu><enabled>perhaps</enabled><t:speed>1</t:speed></config>"
        b"<state><mtu>1</mtu></state></interface></interfaces><native xmlns='urn:vendor'><a/></native>"
    )
    found = either_schema.read_device([Part(ROOT, data)], Encoding.XML)
    config = json.loads(found.config)["openconfig-interfaces:interfaces"]["interface"][0]["config"]
    assert config == {"name": "Ethernet1", "mtu": 9000}
    place = "/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config"
    assert set(found.skipped) == {f"{place}/enabled", f"{place}/urn:x:speed", "/urn:vendor:native"}


def test_parts_at_entries_and_leaves_make_one_tree(either_schema: Schema) -> None:
    entry = "/interfaces/interface[name=Ethernet1]"
    found, skipped = read_json(
        either_schema,
        (entry, {"config": {"name": "Ethernet1"}}),
        (f"{entry}/config/mtu", 9000),
        (f"{entry}/config/description", "up"),
        (f"{entry}/state/mtu", 1),
        ("/network-instances/network-instance[name=default]/protocols/protocol[identifier=BGP][name=BGP]/config", {}),
        ("/system/dns/config/search", ["a.x", "b.x"]),
    )
    assert skipped == ()
    assert found["openconfig-interfaces:interfaces"]["interface"] == [
        {"name": "Ethernet1", "config": {"name": "Ethernet1", "mtu": 9000, "description": "up"}}
    ]
    assert found["openconfig-system:system"]["dns"]["config"]["search"] == ["a.x", "b.x"]
    instance = found["openconfig-network-instance:network-instances"]["network-instance"][0]
    assert instance["protocols"]["protocol"][0]["identifier"] == "openconfig-policy-types:BGP"


def test_values_that_are_tagged_as_defaults_are_read_as_values(either_schema: Schema) -> None:
    """RFC 6243 section 6 in XML, RFC 7952 in JSON: a switch that reports all tells which ones nobody set."""
    tagged = {"name": "E1", "enabled": True, "@enabled": {"ietf-netconf-with-defaults:default": True}}
    document = {"openconfig-interfaces:interfaces": {"interface": [{"name": "E1", "config": tagged}]}}
    data = NETCONF % (
        b'<interfaces xmlns="http://openconfig.net/yang/interfaces"><interface><name>E1</name><config><name>E1</name>'
        b'<enabled xmlns:wd="urn:ietf:params:xml:ns:netconf:default:1.0" wd:default="true">true</enabled>'
        b"</config></interface></interfaces>"
    )
    for part, encoding in ((json.dumps(document).encode(), Encoding.JSON_IETF), (data, Encoding.XML)):
        found = either_schema.read_device([Part(ROOT, part)], encoding)
        assert found.skipped == ()
        assert json.loads(found.config)["openconfig-interfaces:interfaces"]["interface"] == [
            {"name": "E1", "config": {"name": "E1", "enabled": True}}
        ]


@pytest.mark.parametrize("data", [b"", b"  ", b"null", b"{}"])
def test_nothing_is_an_empty_tree(either_schema: Schema, data: bytes) -> None:
    assert either_schema.read_device([Part(Path.parse("/interfaces"), data)], Encoding.JSON_IETF).config == b"{}"
    assert either_schema.read_device([], Encoding.XML).config == b"{}"
    assert either_schema.read_device([Part(ROOT, NETCONF % b"")], Encoding.XML).config == b"{}"
    assert either_schema.read_device([Part(ROOT, b"<data/>")], Encoding.XML).config == b"{}"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"{", Encoding.JSON_IETF),
        (b"[]", Encoding.JSON_IETF),
        (b'"text"', Encoding.JSON_IETF),
        (b'{"a":' * 5000, Encoding.JSON_IETF),
        (b'{"a":\xff}', Encoding.JSON_IETF),
        (b"\0\0\0", Encoding.JSON_IETF),
        (b"<data>", Encoding.XML),
        (b"<a>" * 50000, Encoding.XML),
        (b"no xml", Encoding.XML),
        (b"<data>\xff</data>", Encoding.XML),
    ],
)
def test_garbage_is_a_protocol_error(either_schema: Schema, data: bytes, encoding: Encoding) -> None:
    with pytest.raises(DeviceProtocolError):
        either_schema.read_device([Part(ROOT, data)], encoding)


@relaxed
@given(data=st.data(), text=texts)
def test_mangled_answers_never_do_worse_than_an_error(either_schema: Schema, data: st.DataObject, text: bytes) -> None:
    schema = either_schema
    config = schema.read(text)
    xml = data.draw(st.booleans())
    good = NETCONF % schema.to_xml(config) if xml else config
    at = data.draw(st.integers(0, len(good)))
    upto = data.draw(st.integers(at, min(len(good), at + 20)))
    mangled = good[:at] + data.draw(st.binary(max_size=8)) + good[upto:]
    try:
        found = schema.read_device([Part(ROOT, mangled)], Encoding.XML if xml else Encoding.JSON_IETF)
    except DeviceProtocolError:
        pass
    else:
        assert schema.diff(found.config, found.config) == ()
    with suppress(InputError):
        schema.read(mangled, Format.XML if xml else Format.JSON)


@pytest.mark.parametrize(
    "text",
    [
        '{"interfaces":{"interface":[{"name":"e","config":{"name":"e","mtu":1,"mtu":2}}]}}',
        '{"interfaces":{"interface":[{"name":"e","config":{"name":"e","mtu":1}},{"name":"e"}]}}',
        '{"system":{"dns":{"config":{"search":["a.x","b.x","a.x"]}}}}',
    ],
)
def test_a_device_that_contradicts_itself_is_not_repaired(either_schema: Schema, text: str) -> None:
    for name in ("interfaces", "system"):
        text = text.replace(f'"{name}"', f'"openconfig-{name}:{name}"')
    found = either_schema.read_device([Part(ROOT, text.encode())], Encoding.JSON_IETF)
    wanted = b'{"openconfig-system:system":{"config":{"hostname":"x"}}}'
    with pytest.raises(DeviceProtocolError, match="twice"):
        either_schema.compare(wanted, found.config, Scope(roots=()))


PORTS = "openconfig-interfaces:interfaces"
MTU = f"/{PORTS}/interface[name='e']/config/mtu"


def _port(mtu: int, *, module: str = "") -> dict[str, Any]:
    return {f"{module}interface": [{"name": "e", "config": {"name": "e", "mtu": mtu}}]}


_TEXT = json.dumps({PORTS: _port(9000)})
_BARE = json.dumps({"interfaces": _port(9000)})
_XML = (
    '<interfaces xmlns="http://openconfig.net/yang/interfaces"><interface><name>e</name>'
    "<config><name>e</name><mtu>{}</mtu></config></interface></interfaces>"
)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("encoding", "texts"),
    [
        # in one object, spelled by RFC 7951 or not
        (Encoding.JSON_IETF, [_TEXT.replace('"mtu": 9000', '"mtu": {}, "mtu": {}')]),
        (Encoding.JSON_IETF, [_BARE.replace('"mtu": 9000', '"mtu": "{}", "mtu": {}')]),
        (Encoding.JSON_IETF, [_TEXT.replace('"mtu": 9000', '"openconfig-interfaces:mtu": {}, "mtu": {}')]),
        (Encoding.JSON_IETF, [_BARE.replace('"mtu": 9000', '"openconfig-interfaces:mtu": {}, "mtu": {}')]),
        # in two entries of the same key, two containers of one name, two parts
        (Encoding.JSON_IETF, [_TEXT.replace("[", "[" + _TEXT.partition("[")[2][:-3] + ",").replace("9000", "{}")]),
        (Encoding.JSON_IETF, [_TEXT.replace("9000", "{}"), _TEXT.replace("9000", "{}")]),
        (Encoding.JSON_IETF, [_TEXT.replace("9000", "{}"), _BARE.replace("9000", "{}")]),
        (Encoding.XML, [f"<data>{_XML}{_XML}</data>"]),
        (Encoding.XML, [f"<data>{_XML}{_XML}<other xmlns='urn:x'/></data>"]),
        (Encoding.XML, [f"<data>{_XML}</data>".replace("<mtu>{}</mtu>", "<mtu>{}</mtu><mtu>{}</mtu>")]),
        (Encoding.XML, [f"<data>{_XML}</data>".replace("<mtu>{}</mtu>", "<mtu> {}</mtu><mtu> {}</mtu><x/>")]),
        (Encoding.XML, [f"<data>{_XML}</data>", f"<data>{_XML}</data>"]),
    ],
)
def test_a_device_that_says_two_things_of_a_leaf_is_never_in_sync(
    either_schema: Schema, encoding: Encoding, texts: list[str], swapped: bool
) -> None:
    """Whichever of the two is the desired one: nobody knows which the device runs."""

    def parts(*mtus: int) -> list[Part]:
        left = iter(mtus)
        filled = [re.sub(r"\{\}", lambda _: str(next(left)), text) for text in texts]
        return [Part(ROOT, text.encode()) for text in filled]

    wanted = either_schema.read(_TEXT.encode())

    def compared(*mtus: int) -> Comparison:
        found = either_schema.read_device(parts(*mtus), encoding)
        return either_schema.compare(wanted, found.config, Scope(roots=(), subtrees=(ROOT,)))

    with pytest.raises(DeviceProtocolError, match="twice"):
        compared(*((1500, 9000) if swapped else (9000, 1500)))
    assert compared(9000, 9000).edits == ()  # the same twice is no contradiction


def test_containers_that_stand_twice_in_xml_are_read_as_one(either_schema: Schema) -> None:
    two = _XML.format(9000) + _XML.format(1500).replace(">e<", ">f<")
    # what no model has keeps libyang from reading it by itself
    data = f"<data>{two}<other xmlns='urn:x'/></data>".encode()
    found = json.loads(either_schema.read_device([Part(ROOT, data)], Encoding.XML).config)
    assert [one["name"] for one in found[PORTS]["interface"]] == ["e", "f"]


def test_entries_whose_order_is_the_users_may_move_and_are_not_there_twice(either_schema: Schema) -> None:
    def servers(*addresses: str, port: int = 53) -> bytes:
        entries = [{"address": one, "config": {"address": one, "port": port}} for one in addresses]
        return json.dumps({"openconfig-system:system": {"dns": {"servers": {"server": entries}}}}).encode()

    scope = Scope(roots=(), subtrees=(ROOT,))
    one, two, three = "192.0.2.1", "192.0.2.2", "192.0.2.3"
    wanted = either_schema.read(servers(one, two, three, port=54))
    moved = either_schema.read_device([Part(ROOT, servers(three, one, two, port=54))], Encoding.JSON_IETF)
    assert [edit.operation.value for edit in either_schema.compare(wanted, moved.config, scope).edits] == ["move"]
    again = json.loads(servers(one, two, three, port=54))
    again["openconfig-system:system"]["dns"]["servers"]["server"] += json.loads(servers(two, port=55))[
        "openconfig-system:system"
    ]["dns"]["servers"]["server"]
    found = either_schema.read_device([Part(ROOT, json.dumps(again).encode())], Encoding.JSON_IETF)
    with pytest.raises(DeviceProtocolError, match="twice"):
        either_schema.compare(wanted, found.config, scope)


@pytest.mark.parametrize(
    ("encoding", "part"),
    [
        (Encoding.JSON_IETF, Part(Path.parse(f"/{PORTS}"), _TEXT.encode())),  # wrapped once more
        (Encoding.JSON_IETF, Part(Path.parse("/native:interfaces"), json.dumps(_port(9000)).encode())),
        (Encoding.JSON_IETF, Part(ROOT, json.dumps({"native:interfaces": _port(9000)}).encode())),
        (Encoding.XML, Part(ROOT, f"<data>{_XML.format(9000).replace('net/yang', 'org/yang')}</data>".encode())),
    ],
)
def test_a_device_that_is_not_understood_at_all_is_not_an_empty_one(
    either_schema: Schema, encoding: Encoding, part: Part
) -> None:
    with pytest.raises(DeviceProtocolError, match="nothing of what the device sent") as caught:
        either_schema.read_device([part], encoding)
    assert caught.value.path
    # Beside anything that is understood, be it state, it is left out and told.
    state = {"json_ietf": Part(Path.parse("/openconfig-system:system"), b'{"state":{"hostname":"x"}}')}
    xml = (
        b'<data><system xmlns="http://openconfig.net/yang/system"><state><hostname>x</hostname></state></system></data>'
    )
    known = Part(ROOT, xml) if encoding is Encoding.XML else state["json_ietf"]
    found = either_schema.read_device([part, known], encoding)
    assert (found.config.count(b"mtu"), len(found.skipped)) == (0, 1)


def test_what_a_whole_switch_sends_is_in_sync_with_itself(either_schema: Schema) -> None:
    schema = either_schema
    config = schema.read(json.dumps(leaf_switch(64)).encode())
    plain = json.loads(config)
    parts = [Part(Path.parse(f"/{name}"), json.dumps(value).encode()) for name, value in plain.items()]
    found = schema.read_device(parts, Encoding.JSON_IETF)
    comparison = schema.compare(config, found.config, Scope(roots=(), subtrees=(ROOT,)))
    assert (comparison.edits, comparison.unmanaged) == ((), 0)
    assert comparison.leaves == _leaves(plain)


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    if isinstance(value, list) and isinstance(value[0], dict):
        return sum(map(_leaves, value))
    return 1
