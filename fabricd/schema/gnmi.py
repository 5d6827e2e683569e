"""Edits in the words of gNMI: deletes, replaces and updates of one SetRequest.

Called by Schema.gnmi_set. Pure; must not know messages or stubs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fabricd.model.device import WriteTraits
from fabricd.model.edit import Edit, GnmiSet, Operation
from fabricd.model.path import ROOT, Path, Segment
from fabricd.schema.context import Context
from fabricd.schema.locate import resolve
from fabricd.schema.nodes import Kind
from fabricd.schema.tree import Tree


def gnmi_set(edits: Iterable[Edit], after: Tree, write: WriteTraits, entire: Tree) -> GnmiSet:
    """The request that carries out `edits`, cut as `write` says; `after` is the tree as it shall be afterwards,
    `entire` the same with what is never written unless it would go otherwise.

    gNMI (section 3.4) applies deletes, then replaces, then updates, and knows neither positions nor single values of a
    leaf-list: a change in a leaf-list replaces it whole, an entry put somewhere in a user-ordered list replaces the
    container around the list, both with what `entire` has there. Nothing else is then said below such a path.

    The order of `edits` is kept among the deletes, among the replaces and among the updates, not across them: a replace
    that should follow an update comes before it all the same. Updates that are put together (WriteTraits.shape) stand
    where the first of them would.
    """
    deletes: list[Path] = []
    writes: dict[Path, bytes | None] = {}  # None: whole, with what `entire` has there
    for edit in edits:
        whole = rewritten(after.context, edit)
        if whole is not None:
            writes[whole] = None
        elif edit.operation is Operation.DELETE:
            deletes.append(edit.path)
        elif edit.new is not None:
            writes[edit.path] = edit.new.encode()
    wholes = [path for path, value in writes.items() if value is None]
    tops = {path for path in wholes if not any(other != path and other.covers(path) for other in wholes)}
    deletes = [path for path in deletes if not _below(path, tops)]
    replaces: list[tuple[Path, bytes]] = []
    updates: list[tuple[Path, bytes]] = []
    for path, value in writes.items():
        if path not in tops:
            if value is not None and not _below(path, tops):
                updates.append((path, value))
            continue
        found = entire.value(path)
        if found is None or not write.replace:
            deletes.append(path)
        if found is not None:
            (replaces if write.replace else updates).append((path, found))
    return GnmiSet(tuple(deletes), tuple(replaces), _shaped(updates, after, write, entire, tops))


def rewritten(context: Context, edit: Edit) -> Path | None:
    """The path that has to be replaced as a whole for this edit, if it is so."""
    node = resolve(context, edit.path)[-1]
    if node.kind is Kind.LEAF_LIST:
        last = edit.path.segments[-1]
        return edit.path.parent.child(Segment(last.name, last.module))
    return edit.path.parent if edit.after is not None else None


def _below(path: Path, tops: Iterable[Path]) -> bool:
    return any(top.covers(path) for top in tops)


def _shaped(
    updates: list[tuple[Path, bytes]], after: Tree, write: WriteTraits, entire: Tree, wholes: Collection[Path]
) -> tuple[tuple[Path, bytes], ...]:
    """Updates put together as the device wants them: what stands at their paths afterwards, and nothing besides."""
    if write.shape == "leaves" or not updates:
        return tuple(updates)
    groups: dict[Path, list[Path]] = {}
    for path, _ in updates:
        groups.setdefault(Path(path.segments[:1]) if write.shape == "subtrees" else ROOT, []).append(path)
    shaped: list[tuple[Path, bytes]] = []
    for top, paths in groups.items():
        with (
            after.select([path for path in paths if path not in wholes]) as part,
            entire.select([path for path in paths if path in wholes]) as whole,
        ):
            part.merge(whole)
            value = part.value(top)
        if value is not None:
            shaped.append((top, value))
    return tuple(shaped)
