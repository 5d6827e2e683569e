"""The experiment that takes the picture, and what is concluded from it.

Run over either protocol by run.py, which says how the device's own notifications are watched meanwhile.
"""

from __future__ import annotations

from typing import Any

from fabricd.model.operational import NotInForce
from fabricd.southbound.probe import judgement
from fabricd.southbound.probe.bench import Bench, Experiment, Needs
from fabricd.southbound.probe.picture import STATE, Watching, shown, taken
from fabricd.southbound.probe.plan import Plan, planned

_TEXT_LEAF = "description"
QUIRKS = (1, 2, 4, 7, 9, 10, 15, 17, 18, 19, 23, 24, 26, 27, 28, 29, 30, 37)


def picture_experiment(watching: Watching, more: tuple[int, ...] = ()) -> Experiment[Any]:
    """`more` are the quirks that the watching finds."""

    async def run(bench: Bench[Any]) -> None:
        plan = await planned(bench)
        _tell_refused(bench, plan)
        picture = await taken(bench, plan, watching)
        await judgement.judge_time(bench, picture)
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


async def _without_switch(bench: Bench[Any], plan: Plan) -> tuple[NotInForce, ...]:
    attempt = plan.without_switch(bench.names.before)
    written = await bench.work.read(Plan(attempt.documents).whole())
    async with shown(bench, attempt, bench.names.marks[1]):
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
        bench.open_question("picture", f"{what} could not be looked at: refused, {tag}", ())
