"""Which leaves refer to which: the leafrefs of a schema, followed to their targets and turned around.

Used by names.py, made once for a context. Knows no data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fabricd.schema import raw, raw_schema
from fabricd.schema.nodes import Kind, SchemaNode, SchemaNodes

_PREDICATE = re.compile(r"\[[^\]]*\]")

Chain = tuple[SchemaNode, ...]
"""A schema node and all above it, from the top."""


@dataclass(slots=True)
class References:
    """`referrers` maps the address of a target's schema node to the configuration leaves that point at it."""

    referrers: dict[int, list[Chain]] = field(default_factory=dict)

    @classmethod
    def of(cls, nodes: SchemaNodes) -> References:
        """Walks the whole schema once; leafrefs inside unions count too."""
        found = cls()
        for chain in _leaves(nodes.top.values(), ()):
            for path in raw_schema.reference_paths(chain[-1].pointer):
                target = _target(nodes, chain, path)
                if target is not None:
                    found.referrers.setdefault(raw.address(target.pointer), []).append(chain)
        return found

    def group(self, *targets: Chain) -> list[Chain]:
        """These leaves, and all that point at one of them, directly or by way of others."""
        known: dict[int, Chain] = {}
        waiting = list(targets)
        while waiting:
            chain = waiting.pop()
            at = raw.address(chain[-1].pointer)
            if at not in known:
                known[at] = chain
                waiting += self.referrers.get(at, ())
        return list(known.values())


def _leaves(nodes: Iterable[SchemaNode], above: Chain) -> Iterator[Chain]:
    for node in nodes:
        if node.is_state:
            continue
        chain = (*above, node)
        if node.kind in (Kind.LEAF, Kind.LEAF_LIST):
            yield chain
        else:
            yield from _leaves(node.members.values(), chain)


def _target(nodes: SchemaNodes, leaf: Chain, path: str) -> SchemaNode | None:
    """The node that a leafref's path (RFC 7950 section 9.9.2) leads to from a leaf; None for one that cannot be read
    without its prefixes, because several modules have a node of that name there."""
    steps = [step.strip() for step in _PREDICATE.sub("", path).split("/")]
    chain: list[SchemaNode] = [] if not steps[0] else list(leaf)
    for step in steps if steps[0] else steps[1:]:
        name = step.rpartition(":")[2]
        if name == "..":
            if not chain:
                return None
            chain.pop()
            continue
        node = nodes.member(chain[-1] if chain else None, name)
        if node is None:
            return None
        chain.append(node)
    return chain[-1] if chain else None
