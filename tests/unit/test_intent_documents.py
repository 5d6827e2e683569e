"""Config intents as users write them: the envelope, and where its mistakes are."""

from __future__ import annotations

import json

import pytest

from fabricd.errors import InputError, Problem
from fabricd.intent import Document, DocumentFormat, Draft, parse_documents
from fabricd.intent.documents import YAML_MAX_BYTES
from fabricd.model.path import Path

LIMIT = 1 << 20

GOOD = """
kind: config
name: leaf1-base
owner: netops
priority: 200
devices: [leaf1, leaf2]
replace: [/openconfig-lldp:lldp]
config:
  openconfig-interfaces:interfaces:
    interface:
      - name: Ethernet1
        config:
          name: Ethernet1
          mtu: 9000
"""


def parse(*texts: str, form: DocumentFormat | None = None, limit: int = LIMIT) -> tuple[Draft, ...]:
    documents = [Document(f"file{index}", text.encode(), form) for index, text in enumerate(texts)]
    return parse_documents(documents, max_bytes=limit)


def problems_of(*texts: str, form: DocumentFormat | None = None, limit: int = LIMIT) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        parse(*texts, form=form, limit=limit)
    return caught.value.problems


def test_a_document_becomes_a_draft() -> None:
    (draft,) = parse(GOOD)
    assert (draft.name, draft.owner, draft.priority, draft.devices) == ("leaf1-base", "netops", 200, ("leaf1", "leaf2"))
    assert draft.replace == (Path.parse("/openconfig-lldp:lldp"),)
    assert json.loads(draft.config)["openconfig-interfaces:interfaces"]["interface"][0]["config"]["mtu"] == 9000


def test_json_and_yaml_say_the_same() -> None:
    value = {"kind": "config", "name": "a", "devices": ["d"], "replace": True, "config": {"x": {"y": [1, "z"]}}}
    (from_json,) = parse(json.dumps(value))
    (from_yaml,) = parse(json.dumps(value), form=DocumentFormat.YAML)
    assert (from_json.config, from_json.replace) == (from_yaml.config, True)


def test_a_stream_and_a_list_hold_several_documents() -> None:
    one = "kind: config\nname: {}\ndevices: [d]\nconfig: {{}}\n"
    assert [draft.name for draft in parse("---\n".join(map(one.format, "abc")))] == ["a", "b", "c"]
    many = [{"kind": "config", "name": name, "devices": ["d"], "config": {}} for name in "ab"]
    assert [draft.name for draft in parse(json.dumps(many), form=DocumentFormat.JSON)] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "path", "line"),
    [
        (("priority: 200", "priority: high"), "priority", 5),
        (("priority: 200", "priority: -1"), "priority", 5),
        (("owner: netops", "ownr: netops"), "ownr", 4),
        (("kind: config", "kind: fabrics"), "kind", 2),
        (("devices: [leaf1, leaf2]", "devices: []"), "devices", 6),
        (("devices: [leaf1, leaf2]", "devices: [leaf1, 7]"), "devices.1", 6),
        (("devices: [leaf1, leaf2]", "devices: [leaf1, leaf1]"), "devices", 6),
        (("name: leaf1-base", "name: 'a b'"), "name", 3),
        (("replace: [/openconfig-lldp:lldp]", "replace: [openconfig-lldp]"), "replace", 7),
    ],
)
def test_a_wrong_envelope_is_refused_with_key_and_line(change: tuple[str, str], path: str, line: int) -> None:
    found = problems_of(GOOD.replace(*change))
    assert (path, line) in {(problem.path, problem.line) for problem in found}
    assert all(problem.intent.startswith("file0") for problem in found)


@pytest.mark.parametrize("text", ["just words", "[1, 2]", "- a\n- b\n", "42"])
def test_what_is_no_document_is_refused(text: str) -> None:
    assert problems_of(text)


def test_an_empty_document_is_refused() -> None:
    assert "empty" in problems_of("# nothing\n")[0].message


def test_all_wrong_documents_are_named_at_once() -> None:
    found = problems_of(GOOD.replace("priority: 200", "priority: x"), GOOD.replace("devices: [leaf1, leaf2]\n", ""))
    assert {problem.intent.split(":")[0] for problem in found} == {"file0", "file1"}


def test_a_name_used_twice_is_refused() -> None:
    (problem,) = problems_of(GOOD, GOOD)
    assert problem.intent == "file1: leaf1-base"
    assert "file0" in problem.message


def test_too_large_is_refused_before_anything_is_parsed() -> None:
    (problem,) = problems_of(GOOD, "{" * 2000, limit=1000)
    assert "2000 bytes" in problem.message
    assert "document_max_bytes" in problem.message


def test_much_yaml_is_refused_and_as_much_json_is_not() -> None:
    padding = " " * YAML_MAX_BYTES
    (problem,) = problems_of(GOOD + "#" + padding, limit=1 << 30)
    assert "write it as JSON" in problem.message
    value = {"kind": "config", "name": "a", "devices": ["d"], "config": {}}
    assert parse(json.dumps(value) + padding, limit=1 << 30)


def test_what_is_not_utf_8_is_refused() -> None:
    with pytest.raises(InputError, match="not UTF-8"):
        parse_documents([Document("f", b"kind: \xff")], max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config/mtu", 14),
        ("/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config/missing", 12),
        ("/openconfig-interfaces:interfaces/interface[name='other']", 10),
        ("/openconfig-lldp:lldp", 8),
        ("not a path", 0),
    ],
)
def test_a_data_path_is_found_in_the_source(path: str, line: int) -> None:
    (draft,) = parse(GOOD)
    located = draft.located(Problem("wrong", path=path))
    assert (located.line, located.intent) == (line, "file0: leaf1-base")
    assert draft.sets(path) is (line in (8, 14) and "lldp" not in path)
