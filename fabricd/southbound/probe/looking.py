"""The experiment that takes the picture, and what is concluded from it.

Run over either protocol by run.py, which says how the device's own notifications are watched meanwhile.
"""

from __future__ import annotations

from typing import Any

from fabricd.model.operational import NotInForce
from fabricd.southbound.probe import in_force, judgement
from fabricd.southbound.probe.bench import Bench, Experiment, Needs
from fabricd.southbound.probe.ground import Attempt
from fabricd.southbound.probe.picture import Watching, shown, taken, unforced
from fabricd.southbound.probe.plan import Plan, planned
from fabricd.southbound.probe.support import merged

_TEXT_LEAF = "description"
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
        if absent := await in_force.judge(bench, picture):
            await in_force.judge_absent(bench, plan, absent, await _without_switch(bench, plan))
        if plan.feature is None:
            bench.open_question("feature-first", "LLDP and time are configured already, or not taken at all", (19,))
        if not (plan.deletes or plan.kept):
            bench.open_question(
                "keeps-ports", "no interface is there that is configured, down and used by nothing", (15, 26)
            )

    return Experiment("picture", "looking at what becomes of scratch objects", (*QUIRKS, *more), Needs.FORCE, run)


async def _settle(bench: Bench[Any]) -> None:
    """How long a change takes to show: one loopback. What is put in force later is measured, too."""
    async with shown(bench, Attempt()):
        pass


SETTLE: Experiment[Any] = Experiment("settle", "waiting for a change to show", (23,), Needs.FORCE, _settle)


def tell_of_settling(bench: Bench[Any]) -> None:
    """What all changes took."""
    if (finding := bench.settling.finding()) is not None:
        bench.learn("write.settle", bench.settling.bound)
        bench.findings.append(finding)


async def _without_switch(bench: Bench[Any], plan: Plan) -> tuple[NotInForce, ...]:
    written = await bench.work.read(merged(plan.documents))
    async with shown(bench, Attempt(plan.documents)):
        return await unforced(bench, written)


def _tell_refused(bench: Bench[Any], plan: Plan) -> None:
    texts = tuple(path for path in plan.refused if path.name == _TEXT_LEAF)
    others = tuple(path for path in plan.refused if path.name != _TEXT_LEAF)
    for key, paths, what in (
        ("omitted", texts, "Descriptions are refused; fabricd leaves them out."),
        ("unsupported", others, "Leaves are refused; an intent that wants another value than the default is, too."),
    ):
        if paths:
            bench.found(
                "unsupported-leaves",
                what,
                *(f"{path}: {plan.refused[path]}" for path in paths),
                quirks=(4, 30),
                learned={f"likeness.{key}": paths},
            )
    for what, tag in plan.lacking.items():
        bench.open_question("picture", f"{what} could not be looked at: {tag}", ())
