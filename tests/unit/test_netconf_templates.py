"""Operations of a profile: what is refused when it is read, and that nothing put in becomes markup."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fabricd.southbound.netconf.templates import fill, places, read_template

# What XML 1.0 can hold (production 2), without the characters that parsers normalise.
TEXT = st.text(
    st.characters(min_codepoint=0x20, exclude_categories=("Cs",), exclude_characters="\ufffe\uffff\x85\u2028")
).filter(lambda text: all(ord(character) & 0xFFFE != 0xFFFE for character in text))


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "not one XML element"),
        ("commit", "not one XML element"),
        ("<a>", "not one XML element"),
        ("<a/><b/>", "not one XML element"),
        ("<{id}/>", "not one XML element"),
        ("<a>{name}</a>", "{name} is not known"),
        ("<a b='{}'/>", "{} is not known"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type"),
    ],
)
def test_a_template_that_is_none_is_refused(text: str, mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake.replace("{", r"\{").replace("}", r"\}")):
        read_template(text)


def test_places_are_those_in_texts_and_attributes() -> None:
    assert places("<a b='{id}'><c/>{seconds}<!-- {else} --></a>") == {"id", "seconds"}
    assert places("<a><b/></a>") == frozenset()


@given(TEXT, st.integers(1, 10**9))
def test_whatever_is_put_in_stays_text(commit: str, seconds: int) -> None:
    root = fill("<a b='{id}'>{seconds}<c/>-{id}-</a>", commit=commit, seconds=seconds)
    read = etree.fromstring(etree.tostring(root))
    assert read.text == str(seconds)
    assert [child.tag for child in read] == ["c"]
    assert read[0].tail == f"-{commit}-"
    assert read.get("b") == commit
