"""Paths as NETCONF writes them: subtree filters out, instance-identifiers of notifications in.

Called by the adapter. Knows namespaces only by the mappings it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lxml import etree

from fabricd.errors import InputError
from fabricd.model.path import Path, Segment

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"


def _unprefixed(namespace: str) -> Any:
    """The map that makes lxml write `xmlns=`; its stubs do not know that a prefix may be None."""
    return {None: namespace}


def subtree_filter(paths: Sequence[Path], namespaces: Mapping[str, str]) -> etree._Element | None:
    """A <filter> that selects everything at and below `paths` (RFC 6241 section 6): keys are content matches.

    None when a module's namespace is not known: a filter without it would mean something else on every device.
    """
    root = etree.Element(f"{{{BASE}}}filter", {"type": "subtree"}, nsmap=_unprefixed(BASE))
    for path in paths:
        parent, namespace = root, ""
        for segment in path.segments:
            namespace = namespaces.get(segment.module, "") if segment.module else namespace
            if not namespace:
                return None
            parent = etree.SubElement(parent, f"{{{namespace}}}{segment.name}", nsmap=_unprefixed(namespace))
            parent.text = segment.value
            for name, value in segment.keys:
                etree.SubElement(parent, f"{{{namespace}}}{name}").text = value
    return root


def read_instance(text: str, prefixes: Mapping[str | None, str], modules: Mapping[str, str]) -> Path | None:
    """An instance-identifier in XML, whose prefixes are those in scope (RFC 7950 section 9.13.2).

    `modules` maps namespaces to modules; a namespace that it does not hold leaves the node's module open. None when
    the text is no path.
    """
    try:
        read = Path.parse(text.strip())
    except InputError:
        return None
    segments: list[Segment] = []
    current = ""
    for segment in read.segments:
        module = modules.get(prefixes.get(segment.module or None, ""), "")
        segments.append(Segment(segment.name, module if module != current else "", segment.keys, segment.value))
        current = module or current
    return Path(tuple(segments))
