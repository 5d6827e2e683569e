"""Attributes that go with data: which leaves have their default value, where data comes from (RFC 6243, RFC 8342).

Used where data is written as XML. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from fabricd.schema.outline import Node, NodeKind
from fabricd.simulator.netconf.offer import ORIGIN
from fabricd.simulator.tree import Object, entry_key
from fabricd.simulator.values import Json, to_text

TAG = "urn:ietf:params:xml:ns:netconf:default:1.0"


@dataclass(frozen=True, slots=True)
class Marks:
    """The attributes that go with data. `held` is what is configured, entry by entry."""

    default: str
    """Of a leaf that has its default, nobody having configured it."""
    by_value: bool = False
    """Any leaf with the value of its default counts as one."""
    system: str = ""
    """Of a list entry that nobody configured."""
    top: str = ""
    """Of a top-level node."""

    def leaf(self, node: Node, value: Json, held: Object | None) -> str:
        """The attribute of a leaf, inside what is configured (None: nothing)."""
        if not node.config or node.kind is not NodeKind.LEAF or not node.defaults:
            return ""
        if node.parent is not None and node.name in node.parent.keys:
            return ""
        if self.by_value:
            return self.default if to_text(value) in node.defaults else ""
        return self.default if held is None or node.member not in held else ""


TAGGED = Marks(f' xmlns:wd="{TAG}" wd:default="true"')
TAGGED_BY_VALUE = Marks(TAGGED.default, by_value=True)
_ORIGIN = f' xmlns:or="{ORIGIN}" or:origin="or:'
ORIGINS = Marks(f'{_ORIGIN}default"', system=f'{_ORIGIN}system"', top=f'{_ORIGIN}intended"')


def held_below(held: Object | None, node: Node) -> dict[tuple[str, ...], Object]:
    """What is configured of a container (under the empty key) or of each entry of a list."""
    value = None if held is None else held.get(node.member)
    if node.kind is NodeKind.LIST and isinstance(value, list):
        return {entry_key(entry, node): entry for entry in value if isinstance(entry, dict)}
    return {(): value} if isinstance(value, dict) else {}
