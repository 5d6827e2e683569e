"""The plain outline of the models says the same as libyang does, for every node; values survive the way to XML and
back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fabricd.schema.context import Context
from fabricd.schema.models import ModelSet
from fabricd.schema.nodes import SchemaNode
from fabricd.schema.outline import Node, Outline, Value, ValueKind, outline_of
from fabricd.simulator.values import from_text, lenient, plain, same, to_text


@pytest.fixture
def models(either_models: str) -> ModelSet:
    return ModelSet.managed() if either_models == "managed" else ModelSet.from_directory("release", Path(either_models))


def pairs(outline: Outline, context: Context) -> Iterator[tuple[Node, SchemaNode]]:
    waiting = [(outline.root, context.nodes.top)]
    while waiting:
        node, members = waiting.pop()
        kept = {name: one for name, one in members.items() if one.kind in ("container", "list", "leaf", "leaf-list")}
        assert [child.qualified for child in node.children] == list(kept), node.name
        for child in node.children:
            yield child, kept[child.qualified]
            waiting.append((child, kept[child.qualified].members))


def test_every_node_is_as_libyang_has_it(models: ModelSet) -> None:
    outline, context = outline_of(models), Context(models)
    count = 0
    try:
        for node, official in pairs(outline, context):
            info = official.info
            assert (node.name, node.module, node.namespace, node.kind) == (
                info.name, info.module, info.namespace, info.kind)  # fmt: skip
            assert (node.config, node.user_ordered, node.presence) == (info.config, info.user_ordered, info.presence)
            assert node.keys == info.keys
            assert node.defaults == official.defaults
            for name, module in list(node.value.identities.items() if node.value is not None else ())[:3]:
                assert official.check(f"{module}:{name}") is not None
            count += 1
    finally:
        context.close()
    assert count > 1_000


def test_every_default_is_written_as_json_that_libyang_takes(models: ModelSet) -> None:
    outline, context = outline_of(models), Context(models)
    try:
        for node, official in pairs(outline, context):
            for text in node.defaults:
                assert node.value is not None
                assert official.check(to_text(from_text(node.value, text))) is not None, (node.qualified, text)
    finally:
        context.close()


IDENTITY = Value(ValueKind.IDENTITY, identities={"BGP": "types"})
UNION = Value(
    ValueKind.STRING, (Value(ValueKind.NUMBER), IDENTITY, Value(ValueKind.STRING)), identities={"BGP": "types"}
)


@pytest.mark.parametrize(
    ("value", "text", "json"),
    [
        (Value(ValueKind.NUMBER), " 42 ", 42),
        (Value(ValueKind.NUMBER), "-1", -1),
        (Value(ValueKind.NUMBER), "010", "010"),  # not canonical: left for libyang to refuse
        (Value(ValueKind.LONG), "18446744073709551615", "18446744073709551615"),
        (Value(ValueKind.DECIMAL), "1.50", "1.50"),
        (Value(ValueKind.BOOLEAN), "true", True),
        (Value(ValueKind.BOOLEAN), "yes", "yes"),
        (Value(ValueKind.EMPTY), "", [None]),
        (Value(ValueKind.STRING), " a b ", " a b "),
        (IDENTITY, "t:BGP", "types:BGP"),
        (IDENTITY, "BGP", "types:BGP"),
        (IDENTITY, "x:OSPF", "x:OSPF"),
        (UNION, "7", 7),
        (UNION, "t:BGP", "types:BGP"),
        (UNION, "1..5", "1..5"),
        (UNION, "4294967296", "4294967296"),
    ],
)
def test_xml_text_becomes_json(value: Value, text: str, json: object) -> None:
    assert from_text(value, text, {"t": "types"}) == json


def test_keys_match_with_and_without_module() -> None:
    assert same(IDENTITY, "types:BGP", "BGP")
    assert same(IDENTITY, "types:BGP", "oc-types:BGP")
    assert not same(IDENTITY, "types:BGP", "OSPF")
    assert not same(Value(ValueKind.STRING), "2001:db8::1", "1")


def test_loose_json_is_made_strict_and_back() -> None:
    long = Value(ValueKind.LONG)
    assert (lenient(long, 5), plain(long, "5")) == ("5", 5)
    assert lenient(Value(ValueKind.NUMBER), "5") == 5
    assert (lenient(IDENTITY, "BGP"), plain(IDENTITY, "types:BGP")) == ("types:BGP", "BGP")
    assert lenient(Value(ValueKind.BOOLEAN), "true") is True
    assert plain(Value(ValueKind.STRING), "2001:db8::1") == "2001:db8::1"
