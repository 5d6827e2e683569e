"""Edits cut so that a device takes them: nothing gets lost, nothing changes its meaning."""

from __future__ import annotations

import pytest
from lxml import etree

from fabricd.southbound.netconf.edits import config_elements

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
YANG = "urn:ietf:params:xml:ns:yang:1"


def container(name: str, size: int) -> str:
    """With an identity, and a position, whose prefixes only values use."""
    return (
        f'<{name} xmlns="urn:{name}"><kind xmlns:k="urn:{name}" nc:operation="merge">k:IT</kind>'
        f'<entry xmlns:k="urn:{name}" nc:operation="merge" yang:insert="after" yang:key="[k:name=\'x\']">'
        f"<name>y</name>{'t' * size}</entry></{name}>"
    )


def config(*sizes: int) -> bytes:
    inside = "".join(container(f"c{at}", size) for at, size in enumerate(sizes))
    return f'<nc:config xmlns:nc="{NC}" xmlns:yang="{YANG}">{inside}</nc:config>'.encode()


def canonical(elements: list[etree._Element]) -> list[bytes]:
    """The containers, as they stand in documents of their own."""
    found = [child for element in elements for child in element]
    return [etree.tostring(etree.fromstring(etree.tostring(child)), method="c14n2") for child in found]


def test_what_fits_stays_as_it_was() -> None:
    text = config(10, 10)
    (whole,) = config_elements(text, len(text))
    assert etree.tostring(whole) == text


@pytest.mark.parametrize(
    ("sizes", "parts"), [((900, 900, 10, 10), 2), ((10, 10, 10, 900), 1), ((2100, 10), 2), ((10, 5000, 10), 3)]
)
def test_containers_are_grouped_in_their_order(sizes: tuple[int, ...], parts: int) -> None:
    text = config(*sizes)
    cut = config_elements(text, 2400)
    assert len(cut) == parts
    assert canonical(cut) == canonical([etree.fromstring(text)])
    assert all(element.tag == f"{{{NC}}}config" for element in cut)
    for element in cut:
        assert len(etree.tostring(element)) <= 2400 or len(element) == 1
        for kind in element.iterfind("*/{*}kind"):
            assert kind.nsmap["k"] == kind.nsmap[None]


@pytest.mark.parametrize("text", [b"<config>", b"<other/>", b""])
def test_what_is_no_edit_is_a_mistake_in_the_program(text: bytes) -> None:
    with pytest.raises(ValueError, match="the edit is"):
        config_elements(text, 100)
