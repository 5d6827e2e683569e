"""Operations that a kind of device has of its own, as XML texts of its profile with places to fill in.

Checked when profiles are read, filled in by commit.py. Must not know what any of them does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

PLACES = ("id", "seconds")

_PLACE = re.compile(r"\{([^{}]*)\}")


def read_template(text: str) -> etree._Element:
    """One XML element, in whose text and attribute values `{id}` and `{seconds}` may stand.

    Raises ValueError saying what is wrong: not well-formed, more than one element, a document type, another place.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(text.strip().encode(), parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"not one XML element: {error.msg}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise ValueError("a document type has no place in an operation")
    for found in _texts(root):
        for name in _PLACE.findall(found):
            if name not in PLACES:
                raise ValueError(f"{{{name}}} is not known here, only {{id}} and {{seconds}} are filled in")
    return root


def places(text: str) -> frozenset[str]:
    """Which places a template has."""
    return frozenset(name for found in _texts(read_template(text)) for name in _PLACE.findall(found))


def fill(text: str, *, commit: str, seconds: int) -> etree._Element:
    """The operation, with `commit` for `{id}`. What is put in cannot become markup: it goes into the parsed element.

    Raises ValueError as `read_template`, and for values that XML cannot hold.
    """
    values = {"id": commit, "seconds": str(seconds)}

    def put(found: str | None) -> str | None:
        return _PLACE.sub(lambda place: values[place[1]], found) if found else found

    root = read_template(text)
    for element in root.iter(tag=etree.Element):
        element.text = put(element.text)
        element.tail = put(element.tail)
        for name, value in element.attrib.items():
            element.set(name, put(str(value)) or "")
    return root


def _texts(root: etree._Element) -> Iterator[str]:
    for element in root.iter(tag=etree.Element):
        yield from map(str, filter(None, (element.text, element.tail, *element.attrib.values())))
