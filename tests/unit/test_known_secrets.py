"""Texts without the secrets that the process knows: which are found, and which texts stay as they are."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd.errors import InputError, Problem
from fabricd.model.secret import HIDDEN
from fabricd.reconcile.known_secrets import KnownSecrets


def knowing(*values: str) -> KnownSecrets:
    known = KnownSecrets()
    known.learn("leaf1", values)
    return known


@pytest.mark.parametrize(
    ("secret", "said", "told"),
    [
        ("hunter2", "invalid password 'hunter2' at /a/b", "invalid password '(secret)' at /a/b"),
        ("hunter2", "hunter2hunter2", "(secret)(secret)"),
        ("hunter2", "auth=xhunter2y", "auth=x(secret)y"),
        ('pa"s\\s', r'bad value {"auth-password":"pa\"s\\s"}', 'bad value {"auth-password":"(secret)"}'),
        (
            'pa"s',
            r'json_ietf_val: "{\"auth-password\":\"pa\\\"s\"}"',
            r'json_ietf_val: "{\"auth-password\":\"(secret)\"}"',
        ),
        ("a<b&c", "<auth-password>a&lt;b&amp;c</auth-password>", "<auth-password>(secret)</auth-password>"),
        ("pässwörd", r"bad value 'p\u00e4ssw\u00f6rd'", "bad value '(secret)'"),
        ("two  words", "the device said two words", "the device said (secret)"),
        ("sl/ash", "GET /?password=sl%2Fash", "GET /?password=(secret)"),
        ("secret", "invalid '(secret)'", "invalid '(secret)'"),
        ("secret", "secrets", "(secret)s"),
        ("abc", "abc is no good: 'abc', abcd, Babc", "(secret) is no good: '(secret)', abcd, Babc"),
        ("a", "a bad 'a' at /a[b='a']", "a bad '(secret)' at /a[b='(secret)']"),
        ("xy", "<key>xy</key>, xyz xy", "<key>(secret)</key>, xyz xy"),
        ("hunter2-and-more", "it broke off: hunter2-an", "it broke off: (secret)"),
        ("hunter2-and-more", "it broke off: hun", "it broke off: hun"),
        ("hunter2-and-more", "hunter2-an, it said", "hunter2-an, it said"),
        ("", "nothing to hide", "nothing to hide"),
    ],
)
def test_a_secret_is_taken_out_however_it_is_spelled(secret: str, said: str, told: str) -> None:
    known = knowing(secret)
    assert known.conceal(said) == told
    assert known.conceal(told) == told


def test_the_longest_secret_goes_first() -> None:
    assert knowing("hunter", "hunter2-and-more").conceal("hunter2-and-more, hunter2") == "(secret), (secret)2"


def test_what_was_replaced_stays_known_until_its_successor_is_replaced_too() -> None:
    known = KnownSecrets()
    known.learn("leaf1", ["first-one"])
    known.learn("leaf2", ["third-one", "first-one!"])
    known.learn("leaf1", ["second-one"])
    known.learn("leaf1", ["second-one"])
    assert known.conceal("first-one second-one") == "(secret) (secret)"
    known.learn("leaf1", ["third-one"])
    assert known.conceal("first-one second-one third-one") == "first-one (secret) (secret)"
    known.learn("leaf2", [])
    known.learn("leaf2", ["other"])
    assert known.conceal("third-one") == "(secret)"  # leaf1 has it still


def test_a_long_text_is_cut_and_never_inside_a_secret() -> None:
    known = knowing("hunter2" * 100)
    for before in (16_000, 16_383, 16_384, 20_000):
        told = known.conceal("x" * before + "hunter2" * 100 + "y" * 100_000)
        assert "hunter2" not in told
        assert len(told) < 17_000
        assert told.endswith(" more characters)")
    assert KnownSecrets().conceal("x" * 16_384) == "x" * 16_384


def test_an_error_is_told_without_them() -> None:
    error = InputError("no 'hunter2'", [Problem("bad hunter2", path="/key[name='hunter2']", line=7)])
    error.reword(knowing("hunter2").conceal)
    assert "hunter2" not in f"{error} {error.message} {error.args} {error.path} {error.problems}"
    assert error.problems == (Problem("bad (secret)", path="/key[name='(secret)']", line=7),)


# What is an escape itself is spelled by each program in its own way; the examples above have some.
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\\%&", exclude_categories=("Z", "C")), min_size=4)
SPELLINGS: list[Callable[[str], str]] = [
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: repr(text)[1:-1],
    lambda text: repr(text.encode())[2:-1],
    html.escape,
]


@given(SECRETS, st.lists(st.sampled_from(SPELLINGS), max_size=3), st.text(max_size=20), st.text(max_size=20))
def test_a_secret_is_found_in_any_text_and_whatever_it_is_spelled_with(
    secret: str, spellings: list[Callable[[str], str]], before: str, after: str
) -> None:
    said = reduce(lambda text, spell: spell(text), spellings, secret)
    known = knowing(secret)
    told = known.conceal(f"{before}<{said}>{after}")
    assert f"<{HIDDEN}>" in re.sub(r"\\+", "", told)  # the first escape may stay behind
    assert known.conceal(told) == told
