"""Which part of a plan goes out next, where a kind of device wants some edits in a transaction of their own.

Called by plan/planner. Pure; must not know protocols.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from fabricd.model.edit import Edit, Operation
from fabricd.model.path import Path, Segment

DefaultOf = Callable[[Path], str | None]
"""The models' default of the leaf at a path; None where it has none, and for what is no leaf."""


def first_piece(
    edits: Sequence[Edit], before: Sequence[Path], default_of: DefaultOf
) -> tuple[tuple[Edit, ...], Path | None]:
    """The edits at or below the first of `before` that has any, in their order, with that path; all edits and None when
    none has.

    From an edit that creates or deletes a container around such a path only that part is taken. An entry of a list is
    created and deleted whole. Deletions stay with the rest, as what something depends on must not go before it does;
    but a leaf that goes back to its default, other than false, is set to that.
    """
    for path in before:
        found = tuple(part for edit in edits for part in _parts(edit, path, default_of))
        if found and found != tuple(edits):
            return found, path
    return tuple(edits), None


def _parts(edit: Edit, path: Path, default_of: DefaultOf) -> Iterator[Edit]:
    if path.covers(edit.path):
        found = iter((edit,))
    elif edit.operation in (Operation.CREATE, Operation.DELETE) and _may_hold(edit.path, path):
        found = _inside(edit, path.segments[len(edit.path) :])
    else:
        return
    for part in found:
        if part.operation is not Operation.DELETE or _sets(part, default_of(part.path)):
            yield part


def _sets(deletion: Edit, default: str | None) -> bool:
    """Whether a leaf has another value by being deleted, and one that may switch something on."""
    if default in (None, "false") or deletion.old is None:
        return False
    value = orjson.loads(deletion.old)
    return default != (str(value).lower() if isinstance(value, bool) else str(value))


def _may_hold(outer: Path, path: Path) -> bool:
    """Whether `path` goes on from `outer`; its own list segments may leave the keys out."""
    return len(outer) < len(path) and Path(path.segments[: len(outer)]).covers(outer)


def _inside(edit: Edit, rest: Sequence[Segment]) -> Iterator[Edit]:
    """The part of a created or deleted container at `rest`, nothing if it has none. When a list is in the way: the
    whole edit that creates, nothing of one that deletes."""
    deletes = edit.operation is Operation.DELETE
    if deletes and edit.path.segments[-1].keys:
        return
    place, value = edit.path, orjson.loads((edit.old if deletes else edit.new) or "{}")
    module = next((segment.module for segment in reversed(place.segments) if segment.module), "")
    for wanted in rest:
        if not isinstance(value, dict):
            return
        member = next((name for name in value if _is_called(name, wanted)), None)
        if member is None:
            return
        value = value[member]
        if isinstance(value, list):
            if not deletes:
                yield edit
            return
        own = member.partition(":")[0] if ":" in member else module
        place = place.child(Segment(wanted.name, own if own != module else ""))
        module = own
    text = orjson.dumps(_qualified(value, module)).decode()
    yield Edit(edit.operation, place, old=text) if deletes else Edit(edit.operation, place, new=text)


def _is_called(member: str, segment: Segment) -> bool:
    module, _, name = member.rpartition(":")
    return name == segment.name and (not module or not segment.module or module == segment.module)


def _qualified(value: Any, module: str) -> Any:
    """The top names of an object with their module, as Edit has them."""
    if not isinstance(value, dict):
        return value
    return {name if ":" in name else f"{module}:{name}": one for name, one in value.items()}
