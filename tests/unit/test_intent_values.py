"""Documents as text: what is read, and where a mistake is said to be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd.errors import InputError, Problem
from fabricd.intent.values import MAX_DEPTH, load_json, load_yaml

SIMPLE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**32 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def refused(load: object, text: str) -> Problem:
    with pytest.raises(InputError) as caught:
        load(text, "file")  # type: ignore[operator]
    return caught.value.problems[0]


@given(SIMPLE)
def test_json_comes_back_as_it_was(value: object) -> None:
    assert load_json(json.dumps(value), "f").value == value


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), SIMPLE, min_size=1, max_size=4))
def test_json_read_as_yaml_is_the_same(value: object) -> None:
    text = json.dumps(value)
    if "\\ud" in text:  # YAML has no surrogate escapes
        return
    assert load_yaml(text, "f")[0].value == load_json(text, "f").value


def test_yaml_is_1_2() -> None:
    (loaded,) = load_yaml("a: on\nb: yes\nc: 010\nd: 0o10\ne: 2020-01-01\nf: 1_000\ng: 12:30:45\nh: true\n", "f")
    assert loaded.value == {
        "a": "on", "b": "yes", "c": 10, "d": 8, "e": "2020-01-01", "f": "1_000", "g": "12:30:45", "h": True,
    }  # fmt: skip


@pytest.mark.parametrize("load", [lambda text: load_json(text, "f").value, lambda text: load_yaml(text, "f")[0].value])
def test_numbers_that_rfc_7951_writes_as_strings_become_strings(load: object) -> None:
    text = '{"big": 18446744073709551615, "small": -5000000000, "decimal": 1.10, "uint32": 4294967295}'
    expected = {"big": "18446744073709551615", "small": "-5000000000", "decimal": "1.10", "uint32": 4294967295}
    assert load(text) == expected  # type: ignore[operator]


def test_a_stream_has_several_documents_and_empty_ones_do_not_count() -> None:
    assert [loaded.value for loaded in load_yaml("---\na: 1\n---\n---\nb: 2\n", "f")] == [{"a": 1}, {"b": 2}]


def test_a_key_that_occurs_twice_is_refused_with_its_place() -> None:
    problem = refused(load_yaml, "a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert (problem.line, problem.column) == (4, 3)
    assert "'b' occurs twice" in problem.message
    problem = refused(load_json, '{"x": [{"b": 1}, {"b": "b"}],\n "a": {"b": 1,\n  "b": 2}}')
    assert (problem.line, problem.column) == (3, 3)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1,\n b: ]: }", 2),
        ("a:\n\t- x", 2),
        ("a: *nowhere\n", 1),
        ("a: !!python/object:os.system x", 1),
        ("a: .nan", 1),
    ],
)
def test_bad_yaml_is_refused_with_its_line(text: str, line: int) -> None:
    assert refused(load_yaml, text).line == line


@pytest.mark.parametrize("text", ["{", '{"a": NaN}', '{"a":1}x', "", '{"a": 01}'])
def test_bad_json_is_refused(text: str) -> None:
    assert "not JSON" in refused(load_json, text).message


@pytest.mark.parametrize("load", [load_json, load_yaml])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 5, 20_000])
def test_deep_nesting_is_refused(load: object, depth: int) -> None:
    assert "nested deeper" in refused(load, "[" * depth + "]" * depth).message


def test_aliases_are_expanded_but_not_without_bound() -> None:
    assert load_yaml("a: &x [1]\nb: *x\n", "f")[0].value == {"a": [1], "b": [1]}
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 10):
        bomb += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    assert "aliases expand" in refused(load_yaml, bomb).message


def test_an_alias_to_itself_is_refused() -> None:
    assert refused(load_yaml, "a: &x [*x]\n").message
