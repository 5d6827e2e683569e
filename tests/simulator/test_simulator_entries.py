"""Entries that are remembered from one write to the next are those that are there."""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from fabricd.schema import ModelSet
from fabricd.schema.outline import Node, Outline, outline_of
from fabricd.simulator.entries import Entries, key_of
from fabricd.simulator.values import Json

NAMES = st.sampled_from([f"Ethernet{number}" for number in range(4)])


@cache
def outline() -> Outline:
    return outline_of(ModelSet.managed())


def node(*names: str) -> Node:
    found = outline().root
    for name in names:
        below = found.child(name)
        assert below is not None
        found = below
    return found


@given(st.lists(st.tuples(st.sampled_from(["grow", "insert", "take out", "find", "move"]), NAMES)))
def test_what_is_found_is_what_a_look_at_every_entry_finds(steps: list[tuple[str, str]]) -> None:
    interface, entries, values = node("interfaces", "interface"), Entries(), list[Json]()
    for step, name in steps:
        there = next((one for one in values if isinstance(one, dict) and one["name"] == name), None)
        assert entries.find(values, (name,), interface) is there
        if step == "grow" and there is None:
            values.append({"name": name})
        elif step == "insert" and there is None:
            entries.add(values, (name,), {"name": name}, interface)
            values.reverse()
        elif step == "take out" and there is not None:
            entries.take_out(values, (name,), interface)
            assert there not in values
        elif step == "move":
            values.reverse()


def test_an_identity_is_a_key_with_and_without_its_module() -> None:
    protocol = node("network-instances", "network-instance", "protocols", "protocol")
    entry: Json = {"identifier": "openconfig-policy-types:STATIC", "name": "static"}
    assert key_of(entry, protocol) == key_of({"identifier": "STATIC", "name": "static"}, protocol)
    assert Entries().find([entry], ("STATIC", "static"), protocol) is entry
