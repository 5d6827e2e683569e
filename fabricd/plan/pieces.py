"""Which part of a plan goes out next, where a kind of device wants some edits in a transaction of their own.

Called by plan/planner. Pure; must not know protocols.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from fabricd.model.edit import Edit, Operation
from fabricd.model.path import Path, Segment


def first_piece(edits: Sequence[Edit], before: Sequence[Path]) -> tuple[tuple[Edit, ...], Path | None]:
    """The edits at or below the first of `before` that has any, in their order, with that path; all edits and None when
    none has.

    From an edit that creates a container around such a path only that part is taken. An entry of a list is created
    whole. Deletions stay with the rest: what something depends on must not go before it does.
    """
    for path in before:
        found = tuple(part for edit in edits for part in _parts(edit, path))
        if found and found != tuple(edits):
            return found, path
    return tuple(edits), None


def _parts(edit: Edit, path: Path) -> Iterator[Edit]:
    if edit.operation is Operation.DELETE:
        return
    if path.covers(edit.path):
        yield edit
    elif edit.operation is Operation.CREATE and edit.new is not None and _may_hold(edit.path, path):
        yield from _inside(edit, path.segments[len(edit.path) :])


def _may_hold(outer: Path, path: Path) -> bool:
    """Whether `path` goes on from `outer`; its own list segments may leave the keys out."""
    return len(outer) < len(path) and Path(path.segments[: len(outer)]).covers(outer)


def _inside(edit: Edit, rest: Sequence[Segment]) -> Iterator[Edit]:
    """The part of a created container at `rest`; the whole edit when a list is in the way, nothing if it has none."""
    place, value = edit.path, orjson.loads(edit.new or "{}")
    module = next((segment.module for segment in reversed(place.segments) if segment.module), "")
    for wanted in rest:
        if not isinstance(value, dict):
            return
        member = next((name for name in value if _is_called(name, wanted)), None)
        if member is None:
            return
        value = value[member]
        if isinstance(value, list):
            yield edit
            return
        own = member.partition(":")[0] if ":" in member else module
        place = place.child(Segment(wanted.name, own if own != module else ""))
        module = own
    yield Edit(Operation.CREATE, place, new=orjson.dumps(_qualified(value, module)).decode())


def _is_called(member: str, segment: Segment) -> bool:
    module, _, name = member.rpartition(":")
    return name == segment.name and (not module or not segment.module or module == segment.module)


def _qualified(value: Any, module: str) -> Any:
    """The top names of an object with their module, as Edit has them."""
    if not isinstance(value, dict):
        return value
    return {name if ":" in name else f"{module}:{name}": one for name, one in value.items()}
