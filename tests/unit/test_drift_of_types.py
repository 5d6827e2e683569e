"""Every type and kind of node that YANG has, OpenConfig's configuration or not: equal in all its spellings, and never
equal to something else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

import pytest

from fabricd.model.edit import Operation
from fabricd.model.fetched import Encoding, Part
from fabricd.model.intent import Scope
from fabricd.model.path import ROOT
from fabricd.schema import ModelSet, Schema

MODULE = """
module v { yang-version 1.1; namespace "urn:v"; prefix v;
  identity base;
  identity one { base base; }
  identity two { base base; }
  container c {
    leaf decimal { type decimal64 { fraction-digits 2; } }
    leaf bits { type bits { bit a; bit b; bit c; } }
    leaf empty { type empty; }
    leaf binary { type binary; }
    leaf union { type union { type uint8; type enumeration { enum on; enum off; } type string; } }
    leaf identity { type identityref { base base; } }
    leaf large { type int64; }
    leaf small { type uint8; }
    leaf flag { type boolean; }
    leaf text { type string; }
    container present { presence "says something"; leaf in { type string; } }
    container holder { leaf default { type uint8; default 3; } }
    choice either {
      case first { leaf first { type string; } leaf more { type string; } }
      case second { leaf second { type string; } }
    }
    leaf-list any-order { type string; }
    leaf-list own-order { type string; ordered-by user; }
    leaf-list defaults { type uint8; default 1; default 2; }
    anydata data;
    list entry {
      key "decimal union";
      leaf decimal { type decimal64 { fraction-digits 1; } }
      leaf union { type union { type uint8; type string; } }
      leaf text { type string; }
      container present { presence "says something"; }
    }
    list own { key k; ordered-by user; leaf k { type string; } leaf v { type uint8; } leaf w { type uint8; } }
  }
}
"""
SCOPE = Scope(roots=(), subtrees=(ROOT,))


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Schema]:
    folder: File = tmp_path_factory.mktemp("models")
    (folder / "v.yang").write_text(MODULE)
    with Schema(ModelSet.from_directory("v", folder, ("v",))) as opened:
        yield opened


def _document(content: dict[str, Any]) -> bytes:
    return json.dumps({"v:c": content}).encode()


def _part(content: dict[str, Any] | str) -> tuple[Part, Encoding]:
    if isinstance(content, str):
        return Part(ROOT, f'<data><c xmlns="urn:v">{content}</c></data>'.encode()), Encoding.XML
    return Part(ROOT, _document(content)), Encoding.JSON_IETF


def differences(schema: Schema, wanted: dict[str, Any], shown: dict[str, Any] | str) -> list[tuple[str, str]]:
    part, encoding = _part(shown)
    found = schema.read_device([part], encoding)
    compared = schema.compare(schema.read(_document(wanted)), found.config, SCOPE)
    return [(edit.operation.value, edit.path.text) for edit in compared.edits]


MORE_ENTRY = {"entry": [{"decimal": "1.0", "union": 5, "text": "x", "present": {}}]}
ONE_ENTRY = {"entry": [{"decimal": "1.0", "union": 5, "text": "x"}]}


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({"decimal": "1.50"}, {"decimal": "1.5"}),
        ({"decimal": "1.50"}, {"decimal": 1.5}),
        ({"decimal": "100.0"}, {"decimal": 100}),
        ({"bits": "a c"}, {"bits": "c a"}),
        ({"bits": "a c"}, "<bits>c  a</bits>"),
        ({"empty": [None]}, {"empty": None}),
        ({"empty": [None]}, "<empty/>"),
        ({"union": 5}, {"union": "5"}),
        ({"union": 5}, "<union> 5 </union>"),
        ({"identity": "v:one"}, {"identity": "one"}),
        ({"identity": "v:one"}, {"identity": "oc:one"}),
        ({"identity": "v:one"}, '<identity xmlns:q="urn:v">q:one</identity>'),
        ({"identity": "v:one"}, "<identity>one</identity>"),
        ({"large": "10"}, {"large": 10}),
        ({"small": 10}, {"small": "010"}),
        ({"small": 10}, "<small> 10 </small>"),
        ({"flag": True}, {"flag": "true"}),
        ({"text": "5"}, {"text": 5}),
        ({"text": "a&b"}, "<text>a&amp;<!-- no part of it --><![CDATA[b]]></text>"),
        ({"present": {}}, "<present/>"),
        ({"holder": {"default": 3}}, {}),
        ({}, {"holder": {"default": 3}}),
        ({"holder": {}}, {}),
        ({"any-order": ["a", "b"]}, {"any-order": ["b", "a"]}),
        ({"any-order": ["a"]}, {"any-order": "a"}),
        ({"defaults": [1, 2]}, {}),
        ({"defaults": [2, 1]}, {}),
        ({}, {"defaults": [2, 1]}),
        ({"data": {"x": 1, "y": {"z": "2"}}}, {"data": {"y": {"z": "2"}, "x": 1}}),
        ({"data": {"x": 1}}, "<data><x>1</x></data>"),
        (ONE_ENTRY, {"entry": [{"text": "x", "union": "5", "decimal": 1}]}),
        ({"own": [{"k": "a"}, {"k": "b"}]}, "<own><k>a</k></own><own><k>b</k></own>"),
    ],
)
def test_the_same_in_another_spelling_is_no_drift(
    schema: Schema, wanted: dict[str, Any], shown: dict[str, Any] | str
) -> None:
    assert differences(schema, wanted, shown) == []


@pytest.mark.parametrize(
    ("wanted", "shown", "seen"),
    [
        ({"decimal": "1.50"}, {"decimal": "1.51"}, [("replace", "decimal")]),
        ({"bits": "a c"}, {"bits": "a b c"}, [("replace", "bits")]),
        ({"bits": "a"}, {"bits": ""}, [("replace", "bits")]),
        ({"empty": [None]}, {}, [("create", "empty")]),
        ({}, {"empty": [None]}, [("delete", "empty")]),
        ({"binary": "AQID"}, {"binary": "AQIE"}, [("replace", "binary")]),
        ({"union": "on"}, {"union": "off"}, [("replace", "union")]),
        ({"identity": "v:one"}, {"identity": "two"}, [("replace", "identity")]),
        ({"text": " x "}, {"text": "x"}, [("replace", "text")]),
        ({"text": ""}, {}, [("create", "text")]),
        ({}, {"text": ""}, [("delete", "text")]),
        ({"present": {}}, {}, [("create", "present")]),
        ({}, {"present": {}}, [("delete", "present")]),
        ({"present": {}}, {"present": {"in": "x"}}, [("delete", "present/in")]),
        ({"holder": {"default": 4}}, {}, [("create", "holder")]),
        ({}, {"holder": {"default": 4}}, [("delete", "holder")]),
        ({"first": "x"}, {"second": "x"}, [("create", "first"), ("delete", "second")]),
        ({"first": "x", "more": "y"}, {"first": "x"}, [("create", "more")]),
        ({"any-order": ["a", "b"]}, {"any-order": ["b"]}, [("create", "any-order[.='a']")]),
        ({"own-order": ["a", "b"]}, {"own-order": ["b", "a"]}, [("move", "own-order[.='a']")]),
        ({"defaults": [1]}, {}, [("create", "defaults[.='1']")]),
        ({}, {"defaults": [1]}, [("delete", "defaults[.='1']")]),
        ({"data": {"x": 1}}, {"data": {"x": 2}}, [("replace", "data")]),
        ({"data": {"x": 1}}, "<data><x>1</x><y/></data>", [("replace", "data")]),
        ({}, {"data": {"x": 1}}, [("delete", "data")]),
        (ONE_ENTRY, {"entry": [{"decimal": "1.0", "union": 5, "text": "y"}]}, [("replace", "entry/text")]),
        (ONE_ENTRY, MORE_ENTRY, [("delete", "entry/present")]),
        (
            {"own": [{"k": "a", "v": 1}, {"k": "b"}]},
            {"own": [{"k": "b"}, {"k": "a", "v": 2, "w": 3}]},
            [("move", "own"), ("delete", "own/w"), ("replace", "own/v")],
        ),
    ],
)  # fmt: skip
def test_something_else_is_seen_once(
    schema: Schema, wanted: dict[str, Any], shown: dict[str, Any] | str, seen: list[tuple[str, str]]
) -> None:
    keys = ("[k='a']", "[decimal='1.0'][union='5']")
    found = differences(schema, wanted, shown)
    for key in keys:
        found = [(operation, path.replace(key, "")) for operation, path in found]
    assert sorted(found) == sorted((operation, f"/v:c/{path}") for operation, path in seen)


def test_anydata_is_written_as_it_is_wanted(schema: Schema) -> None:
    for held in ({}, {"data": {"x": 1}}):
        old, new = schema.read(_document(held)), schema.read(_document({"data": {"x": 2, "y": {"z": "<3>"}}}))
        edits = schema.diff(old, new)
        assert [edit.operation for edit in edits] == [Operation.REPLACE if held else Operation.CREATE]
        assert schema.apply(edits, old) == new
        ((path, value),) = schema.gnmi_set(edits, new).updates
        assert (path.name, json.loads(value)) == ("data", {"x": 2, "y": {"z": "<3>"}})
        assert b"<x>2</x><y><z>&lt;3&gt;</z></y></data>" in schema.edit_config(edits).config


def test_what_no_model_has_is_left_out_beside_a_container_whose_presence_counts(schema: Schema) -> None:
    for known in ({"present": {}}, {"data": {"x": 1}}):
        found = schema.read_device([Part(ROOT, _document({**known, "other": 1}))], Encoding.JSON_IETF)
        assert (json.loads(found.config)["v:c"], found.skipped) == (known, ("/v:c/other",))
