"""What the picture says of what is in force: leaves that are shown, and that the device does not go by.

Called by the experiment that takes the picture. Looks at what was seen, and has what would help tried.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fabricd.model.operational import NotInForce
from fabricd.model.path import Path
from fabricd.southbound.probe import remedies, scratch
from fabricd.southbound.probe.bench import Bench, generic
from fabricd.southbound.probe.picture import Picture
from fabricd.southbound.probe.plan import Plan
from fabricd.southbound.probe.verdicts import Verdict, interface_of, is_address

_MEMBERSHIP = Verdict(
    "explicit-membership", "An interface that is in no network instance is not in force.", (29,),
    "likeness.attach_default",
)  # fmt: skip
_OVERRIDDEN = Verdict(
    "overridden-values", "Values are accepted and shown, and others are in force, set where OpenConfig does not reach.",
    (24,),
)  # fmt: skip
_FEATURE = Verdict(
    "feature-first", "What depends on a feature is shown and not in force when both come in one change.", (19,),
    "write.before",
)  # fmt: skip
_NEVER = Verdict(
    "never-in-force", "Subtrees are accepted and shown, and never in force.", (28,), "likeness.unsupported"
)  # fmt: skip


async def judge(bench: Bench[Any], picture: Picture) -> tuple[NotInForce, ...]:
    """What is shown and not in force; returns what only another picture can explain (19 or 28)."""
    names = bench.names
    outside: list[NotInForce] = []
    overridden: list[NotInForce] = []
    absent: list[NotInForce] = []
    for one in picture.not_in_force:
        if picture.shown.get(one.path) != one.configured:
            continue  # it is not even shown as it was written, which is told elsewhere
        if interface_of(one.path) in names.interfaces and is_address(one.path):
            (outside if interface_of(one.path) == names.plain else absent).append(one)
        elif one.applied is not None and one.configured != json.dumps(scratch.SECRET):
            overridden.append(one)
        elif one.applied is None:
            absent.append(one)
    if outside and not any(is_address(one.path) for one in absent):
        await _tell_membership(bench, outside[0])
    _OVERRIDDEN.tell(
        bench, (f"{one.path}: written {one.configured}, in force {one.applied}" for one in overridden)
    )  # fmt: skip
    return tuple(one for one in absent if interface_of(one.path) != names.plain and not is_address(one.path))


async def judge_absent(
    bench: Bench[Any], plan: Plan, absent: Sequence[NotInForce], without: Sequence[NotInForce]
) -> None:
    """`without` is what is not in force although nothing was switched on in the same change."""
    still = {one.path for one in without}
    never: list[Path] = []
    late: list[Path] = []
    dependent: list[Path] = []
    for path in (one.path for one in absent):
        depends = plan.feature is not None and plan.feature.entries.covers(path)
        if path in still and not (depends and plan.feature is not None and not plan.feature.on):
            never.append(path)
        else:
            (dependent if depends else late).append(path)
    if dependent and plan.feature is not None:
        await _tell_feature(bench, plan.feature, dependent[0])
    elif late:
        bench.open_question("feature-first", f"came into force later for no reason that is known: {late[0]}", (19,))
    tops = tuple(dict.fromkeys(_surroundings(path) for path in never))
    _NEVER.tell(bench, (f"shown, not in force: {path}" for path in never), tops)


async def _tell_membership(bench: Bench[Any], one: NotInForce) -> None:
    remedy = await remedies.attached(bench)
    evidence = (
        f"in no instance, not in force: {one.path}",
        f"in an instance, in force: the addresses of {bench.names.after}",
        remedy.said,
    )
    _MEMBERSHIP.tell(bench, evidence, None if remedy.helps is False else True, certainty=remedy.certainty)


async def _tell_feature(bench: Bench[Any], feature: scratch.Feature, path: Path) -> None:
    remedy = await remedies.switched_on_before(bench, feature)
    together = f"with {feature.path} in the same change, not in force: {path}"
    # Of what is in force where nobody says anything, the other picture has shown that it can be.
    if remedy.helps or (remedy.helps is None and feature.on):
        alone = (f"without it, in force: {path}",) if feature.on else ()
        _FEATURE.tell(bench, (together, *alone, remedy.said), (feature.path,), certainty=remedy.certainty)
    else:
        bench.open_question("feature-first", f"{together}; {remedy.said}", (19,))


def _surroundings(path: Path) -> Path:
    """The container around the innermost list, which in OpenConfig holds nothing else; or else the leaf."""
    for depth in range(len(path), 1, -1):
        if path.segments[depth - 1].keys:
            return generic(Path(path.segments[: depth - 1]))
    return generic(path)
