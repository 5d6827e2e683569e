"""Which leaves the models call secret: by their type, by a mark in their statement, or known by name.

Used by Schema, once for each context. Knows no data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fabricd.model.path import Path, Segment
from fabricd.schema import raw, raw_schema

# OpenConfig's types of passwords, and that of RFC 7317.
_TYPES = frozenset({"routing-password", "crypt-password-type", "crypt-hash"})
# OpenConfig: may be handed back hashed. RFC 8341 section 3.2.4: nobody may read it unless allowed by name.
_MARKS = frozenset({"openconfig-hashed-value", "default-deny-all"})
# OpenConfig release v5.9.0 has them as plain strings.
_PLAIN = frozenset({("openconfig-system", "key-value"), ("openconfig-keychain", "secret-key")})


def secret_leaves(context: Any) -> tuple[Path, ...]:
    """Every secret configuration leaf of a libyang context but keys of lists, as a path without keys and modules."""
    return tuple(_below(context, None, (), raw_schema.compiled_typedefs(context, _TYPES), marked=False))


def _below(
    context: Any,
    above: raw.SchemaPointer | None,
    segments: tuple[Segment, ...],
    types: frozenset[int],
    *,
    marked: bool,
) -> Iterator[Path]:
    for node in raw_schema.schema_children(above, context):
        if node.flags & (raw.STATE | raw.KEY):
            continue
        here = (*segments, Segment(raw.text(node.name)))
        secret = marked or not _MARKS.isdisjoint(raw_schema.marks(node))
        if not node.nodetype & raw.TERMINAL:
            yield from _below(context, node, here, types, marked=secret)
        elif secret or raw.address(raw_schema.type_of(node)) in types or _is_known(node):
            yield Path(here)


def _is_known(node: raw.SchemaPointer) -> bool:
    return (raw.text(node.module.name), raw.text(node.name)) in _PLAIN
