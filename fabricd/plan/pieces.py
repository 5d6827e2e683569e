"""Which part of a plan goes out next, where a kind of device wants some edits in a transaction of their own.

Called by plan/planner. Pure; must not know protocols.
"""

from __future__ import annotations

from collections.abc import Sequence

from fabricd.model.edit import Edit, Operation
from fabricd.model.path import Path


def first_piece(edits: Sequence[Edit], before: Sequence[Path]) -> tuple[Edit, ...]:
    """The edits at or below the first of `before` that has any, in their order; all edits when none has.

    Deletions stay with the rest: what something depends on must not go before it does.
    """
    for path in before:
        found = tuple(edit for edit in edits if edit.operation is not Operation.DELETE and path.covers(edit.path))
        if found:
            return found
    return tuple(edits)
