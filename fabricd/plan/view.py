"""How one device is looked at: its names, what it assumes, what it cannot do, taken out of the comparison.

Called by plan/planner. Pure; a device of which its profile says nothing is compared as it is, at no cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fabricd.model.device import Likeness
from fabricd.model.edit import Edit
from fabricd.model.intent import Desired
from fabricd.model.path import Path, covered
from fabricd.plan.secrets import Judge
from fabricd.schema import Comparison, Names, Schema

USUAL = Likeness()


@dataclass(frozen=True, slots=True)
class View:
    """Both sides of a comparison, in canonical names.

    `actual` is what the device runs, `held` the same with secrets in the clear, `running` without what does not count,
    `compared` as it is compared. `omitted` are desired nodes that this kind of device is not given.
    """

    desired: bytes
    actual: bytes
    held: bytes
    running: bytes
    compared: bytes
    spoken: tuple[Path, ...] = ()
    omitted: tuple[Path, ...] = ()
    names: Names | None = None

    def compare(self, schema: Schema, desired: Desired) -> Comparison:
        """Raises DeviceProtocolError, see Schema.compare."""
        return schema.compare(self.desired, self.compared, desired.scope, spoken=self.spoken)

    def outward(self, config: bytes) -> bytes:
        """A configuration in the device's names."""
        return config if self.names is None else self.names.outward(config)

    def outward_edits(self, edits: Sequence[Edit]) -> tuple[Edit, ...]:
        return tuple(edits) if self.names is None else tuple(map(self.names.outward_edit, edits))


def view(schema: Schema, desired: Desired, actual: bytes, likeness: Likeness, judge: Judge) -> View:
    """`actual` is what the device sent. Stored trees may hold what its models no longer have, or what its profile has
    come to call unsupported: that is left out, and told unless it is the default. Old ones may spell addresses
    otherwise."""
    wanted, lost = (desired.config, ()) if schema.models.plain is None else schema.fitting(desired.config)
    wanted = schema.respelled(wanted)
    missing = [one for one in lost if not covered(likeness.omitted, one[0])]
    if likeness.unsupported:
        missing += schema.plain.leaves(wanted, likeness.unsupported)
    untaken = schema.plain.but_defaults(missing)
    if likeness == USUAL:
        return View(wanted, actual, actual, actual, actual, omitted=untaken)
    names = schema.names(likeness, wanted) if likeness.aliases or likeness.interface_refs else None
    if names is not None:
        actual = names.inward(actual)
    if not _changes_values(likeness):
        return View(wanted, actual, actual, actual, actual, omitted=untaken, names=names)
    found = schema.liken(wanted, actual, desired.scope, likeness, judge.same)
    omitted = (*found.omitted, *(path for path, _ in lost if covered(likeness.omitted, path)), *untaken)
    return View(found.desired, actual, found.held, found.running, found.compared, found.spoken, omitted, names)


def _changes_values(likeness: Likeness) -> bool:
    return bool(
        likeness.defaults
        or likeness.explicit
        or likeness.unsupported
        or likeness.omitted
        or likeness.secrets
        or likeness.secrets_anew
    )
