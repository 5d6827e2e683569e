"""What subscribers are told: whoever applies it to what they knew has what is there now."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd.schema.models import ModelSet
from fabricd.schema.outline import Outline, outline_of
from fabricd.simulator.gnmi_extension import shallow
from fabricd.simulator.gnmi_leaves import Changes, Leaves, collect, difference
from fabricd.simulator.tree import Object, Place, Step

NAMES = st.sampled_from(["a", "b", "c"])
CONFIG = st.fixed_dictionaries({}, optional={"mtu": st.sampled_from([1500, 9000]), "description": NAMES})


def interfaces(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {"interface": [{"name": name, **({"config": config} if config else {})} for name, config in found.items()]}


def policies(names: list[str]) -> dict[str, Any]:
    statements = [{"name": name, "config": {"name": name}} for name in names]
    below = {"statements": {"statement": statements}} if statements else {}
    return {"policy-definitions": {"policy-definition": [{"name": "p", "config": {"name": "p"}, **below}]}}


TREES = st.builds(
    lambda found, names: {
        **({"openconfig-interfaces:interfaces": interfaces(found)} if found else {}),
        **({"openconfig-routing-policy:routing-policy": policies(names)} if names is not None else {}),
    },
    st.dictionaries(NAMES, CONFIG, max_size=3),
    st.none() | st.lists(NAMES, unique=True),
)


@pytest.fixture(scope="module")
def outline() -> Outline:
    return outline_of(ModelSet.managed())


def leaves(outline: Outline, tree: Object, top: Place = Place()) -> Leaves:  # noqa: B008 - a value
    return collect(outline.root, tree, [top], 0, lambda node: True)


def applied(known: Leaves, changes: Changes) -> list[tuple[str, Any]]:
    """What a client holds that does as section 3.5.2.3 says, in order below containers that are told as a whole."""
    gone = tuple(f"{place}/" for place in changes.deletes)
    held = {text: leaf.value for text, leaf in known.items() if not f"{text}/".startswith(gone)} if gone else {
        text: leaf.value for text, leaf in known.items()
    }  # fmt: skip
    for container, _ in changes.wholes:
        held = {text: value for text, value in held.items() if not text.startswith(f"{container}/")}
    for leaf in (*changes.updates, *(leaf for _, found in changes.wholes for leaf in found)):
        held[str(leaf.place)] = leaf.value
    ordered = [(text, value) for text, value in held.items() if "/statement[" in text]
    return sorted((text, value) for text, value in held.items() if "/statement[" not in text) + ordered


@given(TREES, TREES)
def test_the_difference_makes_the_new_of_the_old(outline: Outline, old: Object, new: Object) -> None:
    known, now = leaves(outline, old), leaves(outline, new)
    changes = difference(known, now)
    assert applied(known, changes) == applied(now, Changes())
    assert not difference(now, leaves(outline, new))


@given(TREES, TREES)
def test_no_delete_is_below_another_and_none_of_what_is_left(outline: Outline, old: Object, new: Object) -> None:
    now = leaves(outline, new)
    deletes = [f"{place}/" for place in difference(leaves(outline, old), now).deletes]
    for one in deletes:
        assert not any(other != one and one.startswith(other) for other in deletes)
        assert not any(f"{text}/".startswith(one) for text in now)


@given(TREES, TREES)
def test_nothing_is_told_above_the_subscribed_path(outline: Outline, old: Object, new: Object) -> None:
    node = outline.root.child("interfaces")
    assert node is not None
    top = Place((Step(node),))
    changes = difference(leaves(outline, old, top), leaves(outline, new, top))
    assert all(len(place.steps) >= 1 and place.steps[0].node is node for place in changes.deletes)


@given(TREES, st.integers(1, 6))
def test_depth_leaves_no_leaf_deeper_and_loses_none_above(outline: Outline, tree: Object, depth: int) -> None:
    limited = leaves(outline, shallow(outline.root, tree, depth))  # type: ignore[arg-type]
    whole = leaves(outline, tree)
    assert set(limited) == {text for text, leaf in whole.items() if len(leaf.place.steps) <= depth}
