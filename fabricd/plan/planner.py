"""What it takes to bring one device to its desired tree: compare, leave out what is unstable, order, class, render.

Called in a schema worker by reconcile, dry runs and the Plan call. Pure; must not know policies or sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from fabricd.model.device import Likeness, WriteTraits
from fabricd.model.edit import Dialect, Edit, Operation, Payload
from fabricd.model.fetched import Fetched
from fabricd.model.intent import Desired
from fabricd.model.path import Path, covered
from fabricd.model.plan import Plan, PlannedEdit
from fabricd.model.secret import WrittenSecrets
from fabricd.plan.disruption import classify, worst
from fabricd.plan.order import ordered
from fabricd.plan.pieces import first_piece
from fabricd.plan.secrets import NOTHING, Judge, Memory, hidden, secrets_in
from fabricd.plan.view import USUAL, view
from fabricd.schema import Schema

_USUAL_WRITES = WriteTraits()


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and what is needed to carry it out.

    `payload` is None when there is nothing to send, or no dialect was asked for; `preimage`, what the device runs as
    canonical JSON, is empty then. `avoided` are the differing paths that were left out because they are unstable.
    `leaves` counts the leaves that the device has in scope. `piece` are the edits in the payload: all of the plan, or
    those for `first`, a path that the device wants in a transaction of its own before the rest. `lost` are paths that
    no edit is about and that go all the same: the models do not know them, and a list around them is rewritten.
    `secrets` is what is known of the device's secrets now, `secrets_after` what has to be remembered once the payload
    is carried out. `quotable` are the secrets in the edits, old and new, in the clear: the device may quote them.
    """

    plan: Plan
    payload: Payload | None = None
    preimage: bytes = field(default=b"", repr=False)
    avoided: tuple[Path, ...] = ()
    leaves: int = 0
    piece: tuple[PlannedEdit, ...] = ()
    first: Path | None = None
    lost: tuple[str, ...] = ()
    secrets: WrittenSecrets = field(default_factory=dict)
    secrets_after: WrittenSecrets = field(default_factory=dict)
    quotable: frozenset[str] = field(default=frozenset(), repr=False)


def make_plan(
    schema: Schema,
    desired: Desired,
    fetched: Fetched,
    *,
    dialect: Dialect | None,
    avoid: Sequence[Path] = (),
    write: WriteTraits = _USUAL_WRITES,
    likeness: Likeness = USUAL,
    memory: Memory = NOTHING,
) -> Planned:
    """Compare what `fetched` holds with `desired` inside its scope.

    `avoid` are paths to leave alone; `write` says how the device takes changes: edits at or below one of its `before`
    make a payload of their own. `likeness` says when it counts as equal and what it calls things, `memory` which
    secrets it has. All paths are canonical, those in the payload the device's. Raises DeviceProtocolError when the
    fetched bytes cannot be read at all.
    """
    tree = schema.read_device(fetched.parts, fetched.encoding)
    judge = Judge(memory, likeness)
    seen = view(schema, desired, tree.config, likeness, judge)
    comparison = seen.compare(schema, desired)
    edits = ordered((edit for edit in comparison.edits if not covered(avoid, edit.path)), write.first)
    avoided = tuple(edit.path for edit in comparison.edits if covered(avoid, edit.path))
    secrets = schema.secret_leaves(likeness)
    planned = plan_edits(edits, secrets)
    plan = Plan(
        device=desired.device,
        revision=desired.revision,
        edits=planned,
        disruption=worst(edit.disruption for edit in planned),
        unmanaged=comparison.unmanaged,
        skipped=tree.skipped,
        omitted=tuple(path.text for path in seen.omitted),
        deleted_share=deleted_share(edits, comparison.leaves),
    )
    if not edits or dialect is None:
        return Planned(plan, avoided=avoided, leaves=comparison.leaves, secrets=judge.written(()))
    # From what the device runs, because what is avoided or unmanaged there has to stay as it is.
    piece, first = first_piece(edits, write.before, lambda path: node.default if (node := schema.node(path)) else None)
    outward = seen.outward_edits(piece)
    payload = schema.render(
        outward,
        seen.outward(seen.desired),
        dialect,
        actual=seen.outward(seen.running),
        held=seen.outward(seen.held),
        write=write,
    )
    return Planned(
        plan,
        payload,
        schema.canonical(seen.actual),
        avoided,
        comparison.leaves,
        plan_edits(piece, secrets),
        first,
        _lost(schema, tree.skipped, outward) if dialect is Dialect.GNMI else (),
        secrets=judge.written(()),
        secrets_after=judge.written(edit.path for edit in piece),
        quotable=frozenset(
            one for edit in edits for text in (edit.old, edit.new) for one in secrets_in(edit.path, text, secrets)
        ),
    )


def _lost(schema: Schema, skipped: Sequence[str], edits: Sequence[Edit]) -> tuple[str, ...]:
    """What was skipped below a path that is rewritten, unless it goes with what is deleted there. As text: devices give
    nodes names that are none."""
    if not skipped:
        return ()
    rewritten = tuple(f"{path.text}/" for path in schema.rewritten(edits))
    deleted = tuple(f"{edit.path.text}/" for edit in edits if edit.operation is Operation.DELETE)
    return tuple(path for path in skipped if path.startswith(rewritten) and not path.startswith(deleted))


def plan_edits(edits: Sequence[Edit], secrets: Sequence[Path]) -> tuple[PlannedEdit, ...]:
    """Every edit with its disruption, as people may see it; `secrets` are the paths of secret leaves."""
    return tuple(PlannedEdit(hidden(edit, secrets), classify(edit)) for edit in edits)


def deleted_share(edits: Sequence[Edit], leaves: int) -> float:
    """The share (0..1) of `leaves` that `edits` delete."""
    deleted = sum(_leaves(orjson.loads(edit.old)) for edit in edits if edit.operation is Operation.DELETE and edit.old)
    return min(1.0, deleted / leaves) if leaves else 0.0


def _leaves(value: Any) -> int:
    match value:
        case dict():
            return sum(map(_leaves, value.values()))
        case list() if any(isinstance(entry, dict) for entry in value):
            return sum(map(_leaves, value))
        case _:
            return 1  # a leaf, or a leaf-list, which counts as one
