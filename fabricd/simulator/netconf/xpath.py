"""XPath filters (RFC 6241 section 8.9): expressions, what they may cost, and what they select of XML.

Called by the filters of reading operations and notifications. Pure. What an expression costs is judged by its text,
since the XPath library, once it has begun, cannot be stopped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from fabricd.simulator.netconf.errors import RpcError, missing

_LONGEST = 2_000
_MOST_WIDE = 8
_MOST_WIDE_IN_PREDICATES = 2
_LITERAL = re.compile(r"\"[^\"]*\"|'[^']*'")
# What leads from one node to any number of others, not all of them its children.
_WIDE = re.compile(
    r"//|\.\.|(?P<axis>ancestor|ancestor-or-self|parent|descendant|descendant-or-self|(?:following|preceding)(?:-sibling)?)"
    r"\s*::|(?:(?<![\w.)\]*/\s])|(?<=\s)|(?<=[\w.)\]*]\*))/(?!/)|\[|\]"
)


@dataclass(frozen=True, slots=True)
class XPath:
    """An expression with the namespaces in scope where it stood."""

    select: str
    namespaces: Mapping[str, str]


def xpath_of(select: str, element: etree._Element) -> XPath:
    """An expression that stood in or at an element. Raises RpcError when it is too costly to evaluate."""
    if not select.strip():
        raise missing("select")
    if len(select) > _LONGEST or _too_costly(select):
        raise RpcError("invalid-value", f"the expression {select[:60]!r} is too costly", kind="protocol")
    return XPath(select.strip(), {prefix: uri for prefix, uri in element.nsmap.items() if prefix})


def _too_costly(select: str) -> bool:
    """A step that leads far is taken from every node that the expression has come to: in a predicate once more for each
    node that is tested, in a predicate of a predicate once more for each of those. Sideways, the library compares
    everything found with everything else."""
    found = list(_wide(select))
    inside = [depth for depth, _ in found if depth]
    sideways = [axis for depth, axis in found if not depth and axis.startswith(("following", "preceding"))]
    return (
        len(found) > _MOST_WIDE
        or len(inside) > _MOST_WIDE_IN_PREDICATES
        or max(inside, default=0) > 1
        or len(sideways) > 1
        or any(not axis.endswith("-sibling") for axis in sideways)
    )


def _wide(select: str) -> Iterator[tuple[int, str]]:
    """Each such step: in how many predicates it stands, and its axis if it has one."""
    depth = 0
    for one in _WIDE.finditer(_LITERAL.sub("''", select)):
        match one[0]:
            case "[":
                depth += 1
            case "]":
                depth -= 1
            case "/" if not depth:
                continue  # the root, once
            case _:
                yield depth, one["axis"] or ""


def chosen(wanted: XPath, contexts: list[etree._ElementTree]) -> set[etree._Element]:
    """The elements that it selects. Raises RpcError when it makes no sense or selects anything else."""
    try:
        compiled = etree.XPath(wanted.select, namespaces=dict(wanted.namespaces), regexp=False, smart_strings=False)
        results = [compiled(context) for context in contexts]
    except etree.XPathError as error:
        raise _bad(wanted, str(error)) from error
    found: set[etree._Element] = set()
    for result in results:
        nodes = [one for one in result if isinstance(one, etree._Element)] if isinstance(result, list) else []
        if not isinstance(result, list) or len(nodes) != len(result):
            raise _bad(wanted, "it does not select elements")
        found.update(nodes)
    return found


def _bad(wanted: XPath, reason: str) -> RpcError:
    return RpcError("invalid-value", f"xpath {wanted.select[:200]!r}: {reason}", kind="protocol",
                    info={"bad-element": "filter"})  # fmt: skip
