"""Every way in which a whole tree breaks its models, each with its data path, not only the first.

Called by Schema.validate and Tree.validate. Must not know where the tree came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fabricd.errors import Problem
from fabricd.schema import raw, raw_schema
from fabricd.schema.context import Context

LIMIT = 50


@dataclass(slots=True)
class _Cuts:
    """What was taken out of the tree so far: later errors that it may have caused are not told."""

    places: set[int] = field(default_factory=set)  # ancestors of what was cut
    values: set[str] = field(default_factory=set)  # leafref targets that may be gone


def violations(context: Context, first: raw.DataNode, limit: int = LIMIT) -> tuple[Problem, ...]:
    """At most `limit` problems of the tree starting at `first` (NULL: the empty tree), which is not touched.

    libyang stops at the first error. So a copy is validated, the offending node cut out of it, and again. A later
    error that may follow from a cut (a node above it, a leafref to a value in it) is left out: it will show up once
    the first ones are mended, if it is real.
    """
    copy: raw.DataNode | None = raw.NULL
    if not raw.is_null(first):
        copy = raw.duplicate(first)
        if copy is None:
            raise context.fault("to copy a tree")
    cell = raw.new_cell(copy)
    found: list[Problem] = []
    seen: set[tuple[str, str]] = set()
    cuts = _Cuts()
    try:
        for _ in range(4 * limit):
            if len(found) >= limit or raw.validate(context.pointer, cell):
                break
            faults = context.faults()
            if not faults:
                raise context.fault("to validate a tree")
            if not _take(faults[-1], cell, found, seen, cuts):
                break
    finally:
        raw.free_all(cell[0])
        raw.forget_faults(context.pointer)
    return tuple(found[:limit])


def _take(fault: raw.Fault, cell: raw.Cell, found: list[Problem], seen: set[tuple[str, str]], cuts: _Cuts) -> bool:
    """Note the problem and cut its node. False when the search has to end here."""
    hits = _hits(fault, cell)
    if not hits:
        found.append(Problem(fault.message, path=fault.path, rule=fault.rule))
        return False
    for node in hits:
        path = raw.data_path(node)
        again = (fault.message, path) in seen
        if not again and not _follows(node, cuts):
            shown = f"{path}/{fault.path.rpartition('/')[2]}" if fault.of_schema else path
            found.append(Problem(fault.message, path=shown, rule=fault.rule))
        seen.add((fault.message, path))
        _cut(cell, node, cuts, climb=again)
        if again:
            break  # what was cut may hold the other hits
    return True


def _hits(fault: raw.Fault, cell: raw.Cell) -> list[raw.DataNode]:
    if raw.is_null(cell[0]) or not fault.path:
        return []
    if not fault.of_schema:
        return (raw.find(cell[0], fault.path) or [])[:1]
    # A missing node has no instance: libyang names its schema node, so every parent without it is meant.
    above, _, name = fault.path.rpartition("/")
    return (raw.find(cell[0], f"{above}[not({name})]") or []) if above else []


def _follows(node: raw.DataNode, cuts: _Cuts) -> bool:
    if raw.address(node) in cuts.places:
        return True
    if not node.schema.nodetype & raw.TERMINAL:
        return False
    return raw_schema.is_reference(node.schema) and raw.value(node) in cuts.values


def _cut(cell: raw.Cell, node: raw.DataNode, cuts: _Cuts, *, climb: bool) -> None:
    # A key cannot go without its entry; a container that fails again though empty goes with what holds it.
    while not raw.is_null(node.parent) and (
        node.schema.flags & raw.KEY or (climb and node.schema.nodetype != raw.LIST)
    ):
        node = raw.parent(node)
    _note(node, cuts)
    above = raw.parent(node)
    while not raw.is_null(above):
        cuts.places.add(raw.address(above))
        above = raw.parent(above)
    raw.free_subtree(cell, node)


def _note(node: raw.DataNode, cuts: _Cuts) -> None:
    # Keys are what most leafrefs point at, though they are leafrefs themselves (OpenConfig's to their config leaf).
    if node.schema.nodetype & raw.TERMINAL and (
        node.schema.flags & raw.KEY or not raw_schema.is_reference(node.schema)
    ):
        cuts.values.add(raw.value(node))
    for child in raw.children(node):
        _note(child, cuts)
