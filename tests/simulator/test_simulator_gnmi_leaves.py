"""What subscribers are told: whoever applies it to what they knew has what is there now."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd.schema.models import ModelSet
from fabricd.schema.outline import Outline, outline_of
from fabricd.simulator.gnmi.leaves import Changes, Scope, beyond, difference
from fabricd.simulator.tree import Object, Place, Step, leaves

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


def tell(outline: Outline, old: Object, new: Object, top: Place = Place(), depth: int = 0) -> Changes:  # noqa: B008
    return difference(outline.root, Scope((top,), depth), old, new)


def held(outline: Outline, tree: Object) -> dict[str, Any]:
    """Every leaf of a tree by its path."""
    return {str(place): value for place, value in leaves(tree, outline.root, ())}


def applied(known: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """What a client holds that does as section 3.5.2.3 says."""
    gone = [f"{place}/" for place in (*changes.deletes, *(container for container, _ in changes.wholes))]
    now = {text: value for text, value in known.items() if not any(f"{text}/".startswith(one) for one in gone)}
    for leaf in (*changes.updates, *(leaf for _, found in changes.wholes for leaf in found)):
        now[str(leaf.place)] = leaf.value
    return now


def statements(known: dict[str, Any]) -> list[str]:
    """The leaves whose order counts."""
    return [text for text in known if "/statement[" in text]


@given(TREES, TREES)
def test_the_difference_makes_the_new_of_the_old(outline: Outline, old: Object, new: Object) -> None:
    wanted = held(outline, new)
    found = applied(held(outline, old), tell(outline, old, new))
    assert found == wanted
    assert statements(found) == statements(wanted)
    assert not tell(outline, new, copy.deepcopy(new))


@given(TREES)
def test_whoever_knows_nothing_is_told_everything_and_loses_it_again(outline: Outline, tree: Object) -> None:
    assert applied({}, tell(outline, {}, tree)) == held(outline, tree)
    assert applied(held(outline, tree), tell(outline, tree, {})) == {}


@given(TREES, TREES)
def test_no_delete_is_below_another_and_none_of_what_is_left(outline: Outline, old: Object, new: Object) -> None:
    deletes = [f"{place}/" for place in tell(outline, old, new).deletes]
    for one in deletes:
        assert not any(other != one and one.startswith(other) for other in deletes)
        assert not any(f"{text}/".startswith(one) for text in held(outline, new))


@given(TREES, TREES)
def test_no_more_is_told_than_differs(outline: Outline, old: Object, new: Object) -> None:
    known, wanted = held(outline, old), held(outline, new)
    told = {str(leaf.place) for leaf in tell(outline, old, new).updates}
    assert told <= {text for text, value in wanted.items() if known.get(text) != value}


@given(TREES, TREES)
def test_nothing_is_told_above_or_beside_the_subscribed_path(outline: Outline, old: Object, new: Object) -> None:
    node = outline.root.child("interfaces")
    assert node is not None
    changes = tell(outline, old, new, Place((Step(node),)))
    assert not changes.wholes
    assert all(place.steps[0].node is node for place in changes.deletes)
    assert all(leaf.place.steps[0].node is node for leaf in changes.updates)


@given(TREES, TREES, st.integers(1, 6))
def test_depth_leaves_no_leaf_deeper_and_loses_none_above(
    outline: Outline, old: Object, new: Object, depth: int
) -> None:
    def limited(tree: Object) -> dict[str, Any]:
        return {str(place): value for place, value in leaves(tree, outline.root, ()) if len(place.steps) <= depth}

    assert applied({}, tell(outline, {}, new, depth=depth)) == limited(new)
    assert applied(limited(old), tell(outline, old, new, depth=depth)) == limited(new)


@given(TREES, TREES)
def test_what_is_beyond_a_tree_is_not_in_it(outline: Outline, tree: Object, other: Object) -> None:
    found = held(outline, beyond(tree, other, outline.root))
    keys = {text for text in found if text.endswith("/name") and "/config/" not in text}
    assert set(found) - keys == set(held(outline, tree)) - set(held(outline, other)) - keys
    assert not beyond(tree, tree, outline.root)
