"""What it takes to bring one device to its desired tree: compare, leave out what is unstable, order, class, render.

Called in a schema worker by reconcile, dry runs and the Plan call. Pure; must not know policies or sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from fabricd.model.device import WriteTraits
from fabricd.model.edit import Dialect, Edit, Operation, Payload
from fabricd.model.fetched import Fetched
from fabricd.model.intent import Desired
from fabricd.model.path import Path, covered
from fabricd.model.plan import Plan, PlannedEdit
from fabricd.plan.disruption import classify, worst
from fabricd.plan.order import ordered
from fabricd.plan.pieces import first_piece
from fabricd.schema import Schema

_USUAL_WRITES = WriteTraits()


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and what is needed to carry it out.

    `payload` is None when there is nothing to send, or no dialect was asked for; `preimage`, what the device runs as
    canonical JSON, is empty then. `avoided` are the differing paths that were left out because they are unstable.
    `leaves` counts the leaves that the device has in scope. `piece` are the edits in the payload: all
    of the plan, or those for `first`, a path that the device wants in a transaction of its own before the rest.
    """

    plan: Plan
    payload: Payload | None = None
    preimage: bytes = field(default=b"", repr=False)
    avoided: tuple[Path, ...] = ()
    leaves: int = 0
    piece: tuple[PlannedEdit, ...] = ()
    first: Path | None = None


def make_plan(
    schema: Schema,
    desired: Desired,
    fetched: Fetched,
    *,
    dialect: Dialect | None,
    avoid: Sequence[Path] = (),
    write: WriteTraits = _USUAL_WRITES,
) -> Planned:
    """Compare what `fetched` holds with `desired` inside its scope.

    `avoid` are paths to leave alone; `write` says how the device takes changes: edits at or below one of its `before`
    make a payload of their own. Raises DeviceProtocolError when the fetched bytes cannot be read at all.
    """
    tree = schema.read_device(fetched.parts, fetched.encoding)
    comparison = schema.compare(desired.config, tree.config, desired.scope)
    edits = ordered((edit for edit in comparison.edits if not covered(avoid, edit.path)), write.first)
    avoided = tuple(edit.path for edit in comparison.edits if covered(avoid, edit.path))
    planned = plan_edits(edits)
    plan = Plan(
        device=desired.device,
        revision=desired.revision,
        edits=planned,
        disruption=worst(edit.disruption for edit in planned),
        unmanaged=comparison.unmanaged,
        skipped=tree.skipped,
        deleted_share=deleted_share(edits, comparison.leaves),
    )
    if not edits or dialect is None:
        return Planned(plan, avoided=avoided, leaves=comparison.leaves)
    # From what the device runs, because what is avoided or unmanaged there has to stay as it is.
    piece, first = first_piece(edits, write.before)
    payload = schema.render(piece, desired.config, dialect, actual=tree.config, write=write)
    preimage = schema.canonical(tree.config)
    return Planned(plan, payload, preimage, avoided, comparison.leaves, plan_edits(piece), first)


def plan_edits(edits: Sequence[Edit]) -> tuple[PlannedEdit, ...]:
    """Every edit with its disruption."""
    return tuple(PlannedEdit(edit, classify(edit)) for edit in edits)


def deleted_share(edits: Sequence[Edit], leaves: int) -> float:
    """The share (0..1) of `leaves` that `edits` delete."""
    deleted = sum(_leaves(orjson.loads(edit.old)) for edit in edits if edit.operation is Operation.DELETE and edit.old)
    return min(1.0, deleted / leaves) if leaves else 0.0


def fingerprint(plan: Plan) -> tuple[str, ...]:
    """The paths that the plan repairs: what the flap breaker counts."""
    return tuple(planned.edit.path.text for planned in plan.edits)


def _leaves(value: Any) -> int:
    match value:
        case dict():
            return sum(map(_leaves, value.values()))
        case list() if any(isinstance(entry, dict) for entry in value):
            return sum(map(_leaves, value))
        case _:
            return 1  # a leaf, or a leaf-list, which counts as one
