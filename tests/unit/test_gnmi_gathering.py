"""What comes leaf by leaf is the same tree as what comes whole, however it is cut."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from gnmi_scripts import leaves, path_of, update_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pygnmi.spec.v080 import gnmi_pb2
from schema_interpreters import bare
from schema_trees import documents, leaf_switch

from fabricd.model.fetched import Encoding
from fabricd.model.path import Path
from fabricd.schema import Schema
from fabricd.southbound.gnmi.gathering import Gathering

ROOTS = tuple(
    Path.parse(f"/openconfig-{path}")
    for path in ("interfaces:interfaces", "network-instance:network-instances", "system:system")
)


def notifications(document: dict[str, Any], cuts: list[int], whole: int) -> list[Any]:
    """`document` as notifications: with so many steps in each prefix, in turn; with leaves as scalars where that is
    possible; every `whole`-th update being the container that the leaf is in."""
    found = []
    for number, (steps, value) in enumerate(leaves(document)):
        if whole and number % whole == 0 and not steps[-2][1]:
            steps, value = steps[:-1], {steps[-1][0]: value}
        cut = min(cuts[number % len(cuts)], len(steps) - 1)
        update = update_of(steps[cut:], value)
        if isinstance(value, str) and number % 2:
            update.val.CopyFrom(gnmi_pb2.TypedValue(string_val=value))
        found.append(gnmi_pb2.Notification(prefix=path_of(steps[:cut]), update=[update]))
    return found


def gathered(messages: list[Any], *, config: bool = True) -> Any:
    gathering = Gathering("leaf1", config=config)
    for message in messages:
        gathering.add(message)
    return list(gathering.parts(ROOTS))


@settings(max_examples=60)
@given(
    document=documents,
    cuts=st.lists(st.integers(0, 9), min_size=1, max_size=3),
    whole=st.sampled_from([0, 1, 3]),
    qualified=st.booleans(),
    data=st.data(),
)
def test_leaves_are_the_tree_they_came_from(
    either_schema: Schema, document: dict[str, Any], cuts: list[int], whole: int, qualified: bool, data: st.DataObject
) -> None:
    schema = either_schema
    wanted = schema.read(json.dumps(document).encode())
    plain = json.loads(wanted)
    messages = notifications(plain if qualified else bare(plain), cuts, whole)
    parts = gathered(messages)
    assert len(parts) <= len(ROOTS)
    found = schema.read_device(parts, Encoding.JSON_IETF)
    assert found.skipped == ()
    assert schema.canonical(found.config) == schema.canonical(wanted)
    # In another order, some of it twice: the same, but for entries whose order nobody can know then.
    again = gathered([*data.draw(st.permutations(messages)), *messages])
    other = schema.read_device(again, Encoding.JSON_IETF)
    assert schema.diff(other.config, wanted) == () or b'"server"' in wanted


def test_equal_leaves_are_equal_bytes_in_whatever_order_a_container_tells_them() -> None:
    messages = notifications(bare(leaf_switch(3)), [0], 0)
    turned: list[Any] = []
    for _, group in groupby(messages, key=lambda one: str(one.update[0].path.elem[:-1])):
        turned += reversed(list(group))
    assert turned != messages
    assert gathered(turned) == gathered(messages)


def test_an_entry_with_nothing_but_state_is_not_configured() -> None:
    steps = [("interfaces", {}), ("interface", {"name": "Ethernet9"})]
    messages = [
        gnmi_pb2.Notification(update=[update_of([*steps, ("name", {})], "Ethernet9")]),
        gnmi_pb2.Notification(update=[update_of([*steps, ("state", {}), ("name", {})], "Ethernet9")]),
    ]
    assert gathered(messages) == []
    (part,) = gathered(messages, config=False)
    assert json.loads(part.data) == {"interface": [{"name": "Ethernet9", "state": {"name": "Ethernet9"}}]}


def test_what_is_outside_of_the_roots_is_kept() -> None:
    (part,) = gathered([gnmi_pb2.Notification(update=[update_of([("lldp", {}), ("x", {})], 1)])])
    assert (part.path, json.loads(part.data)) == (Path(), {"lldp": {"x": 1}})
