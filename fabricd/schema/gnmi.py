"""Edits in the words of gNMI: deletes, replaces and updates of one SetRequest.

Called by Schema.gnmi_set. Pure; must not know messages or stubs.
"""

from __future__ import annotations

from collections.abc import Iterable

from fabricd.model.edit import Edit, GnmiSet, Operation
from fabricd.model.path import Path, Segment
from fabricd.schema.locate import resolve
from fabricd.schema.nodes import Kind
from fabricd.schema.tree import Tree


def gnmi_set(edits: Iterable[Edit], after: Tree) -> GnmiSet:
    """The request that carries out `edits`; `after` is the tree as it shall be afterwards.

    gNMI (section 3.4) applies deletes, then replaces, then updates, and knows neither positions nor single values of a
    leaf-list: a change in a leaf-list replaces it whole, an entry put somewhere in a user-ordered list replaces the
    container around the list, both with what `after` has there. Nothing else is then said below such a path.
    """
    deletes: list[Path] = []
    updates: list[tuple[Path, bytes]] = []
    whole: dict[Path, None] = {}
    for edit in edits:
        node = resolve(after.context, edit.path)[-1]
        if node.kind is Kind.LEAF_LIST:
            last = edit.path.segments[-1]
            whole[edit.path.parent.child(Segment(last.name, last.module))] = None
        elif edit.after is not None:
            whole[edit.path.parent] = None
        elif edit.operation is Operation.DELETE:
            deletes.append(edit.path)
        elif edit.new is not None:
            updates.append((edit.path, edit.new.encode()))
    replaces: list[tuple[Path, bytes]] = []
    tops = [path for path in whole if not any(other != path and other.covers(path) for other in whole)]
    for path in tops:
        value = after.value(path)
        if value is None:
            deletes.append(path)
        else:
            replaces.append((path, value))
    return GnmiSet(
        tuple(path for path in deletes if path in whole or not _below(path, tops)),
        tuple(replaces),
        tuple((path, value) for path, value in updates if not _below(path, tops)),
    )


def _below(path: Path, tops: list[Path]) -> bool:
    return any(top.covers(path) for top in tops)
