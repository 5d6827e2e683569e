"""The experiment that takes the picture, and what is concluded from it.

Run over either protocol by run.py, which says how the device's own notifications are watched meanwhile.
"""

from __future__ import annotations

import math
from typing import Any

from fabricd.model.operational import NotInForce
from fabricd.model.probe import Certainty
from fabricd.southbound.probe import judgement
from fabricd.southbound.probe.bench import Bench, Experiment, Needs
from fabricd.southbound.probe.ground import Attempt
from fabricd.southbound.probe.picture import STATE, Watching, shown, taken
from fabricd.southbound.probe.plan import Plan, planned

_TEXT_LEAF = "description"
_SLOW = 0.4  # seconds; what takes longer to show is told
_MARGIN = 3.0  # a device under load takes longer than one that is probed
QUIRKS = (1, 2, 4, 7, 9, 10, 15, 17, 18, 19, 24, 26, 27, 28, 29, 30, 37)


def picture_experiment(watching: Watching, more: tuple[int, ...] = ()) -> Experiment[Any]:
    """`more` are the quirks that the watching finds."""

    async def run(bench: Bench[Any]) -> None:
        plan = await planned(bench)
        _tell_refused(bench, plan)
        picture = await taken(bench, plan, watching)
        judgement.judge_order(bench, picture)
        await judgement.judge_missing(bench, picture)
        await judgement.judge_added(bench, picture)
        judgement.judge_changed(bench, picture)
        judgement.judge_deleted(bench, plan, picture)
        absent = judgement.judge_force(bench, plan, picture)
        if absent:
            judgement.judge_absent(bench, plan, absent, await _without_switch(bench, plan))
        if not plan.toggled:
            bench.open_question("feature-first", "LLDP is configured already, or not taken at all", (19,))
        if not (plan.deletes or plan.kept):
            bench.open_question(
                "keeps-ports", "no interface is there that is configured, down and used by nothing", (15, 26)
            )

    return Experiment("picture", "looking at what becomes of scratch objects", (*QUIRKS, *more), Needs.FORCE, run)


async def _settle(bench: Bench[Any]) -> None:
    """How long a change takes to show: one loopback."""
    async with shown(bench, Attempt(), bench.mark()) as seconds:
        pass
    if seconds < _SLOW:
        return
    bench.ground.settle = seconds * 1.5 + _SLOW
    bench.learn_traits("write", settle=float(math.ceil(seconds * _MARGIN)))
    bench.found(
        "settle",
        f"What is accepted shows after {seconds:.1f} s.",
        f"accepted, and to be read {seconds:.1f} s later",
        quirks=(23,),
        keys=("write.settle",),
        certainty=Certainty.LIKELY,
    )


SETTLE: Experiment[Any] = Experiment("settle", "waiting for a change to show", (23,), Needs.FORCE, _settle)


async def _without_switch(bench: Bench[Any], plan: Plan) -> tuple[NotInForce, ...]:
    attempt = plan.without_switch(bench.names.before)
    written = await bench.work.read(Plan(attempt.documents).whole())
    async with shown(bench, attempt, bench.mark()):
        found = await bench.work.in_force(written, await bench.ground.state(STATE))
    return found.not_in_force


def _tell_refused(bench: Bench[Any], plan: Plan) -> None:
    texts = tuple(path for path in plan.refused if path.name == _TEXT_LEAF)
    others = tuple(path for path in plan.refused if path.name != _TEXT_LEAF)
    for key, paths, what in (
        ("omitted", texts, "Descriptions are refused; fabricd leaves them out."),
        ("unsupported", others, "Leaves are refused; an intent that wants another value than the default is, too."),
    ):
        if paths:
            bench.learn_traits("likeness", **{key: paths})
            bench.found(
                "unsupported-leaves",
                what,
                *(f"{path}: {plan.refused[path]}" for path in paths),
                quirks=(4, 30),
                keys=(f"likeness.{key}",),
            )
    for what, tag in plan.lacking.items():
        bench.open_question("picture", f"{what} could not be looked at: {tag}", ())
