"""Problems put in their place: which submitted document, file and line is to blame for what is wrong.

Used by reconcile/submission. Pure; must not know the store or how trees are compiled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from fabricd.errors import InputError, Problem
from fabricd.intent import Draft
from fabricd.intent.documents import DraftKind
from fabricd.intent.fabric.places import place

_T = TypeVar("_T")


async def all_or_problems(jobs: Iterable[Awaitable[_T]]) -> list[_T]:
    """All results. Raises one InputError with the problems of all jobs, or the first other error."""
    found = await asyncio.gather(*jobs, return_exceptions=True)
    problems: list[Problem] = []
    results: list[_T] = []
    for one in found:
        if isinstance(one, InputError):
            problems += one.problems
        elif isinstance(one, BaseException):
            raise one
        else:
            results.append(one)
    if problems:
        raise InputError.of(problems)
    return results


def attributed(problem: Problem, drafts: Sequence[Draft]) -> Problem:
    """A problem of a merged tree, put down to the submitted intent that it names, or to the one that says something at
    its path."""
    if problem.intent and not problem.line:
        return next((_placed(draft, problem) for draft in drafts if draft.name == problem.intent), problem)
    if problem.intent or not problem.path:
        return problem
    guilty = [draft for draft in drafts if problem.device in draft.devices and draft.sets(problem.path)]
    return guilty[0].located(problem) if len(guilty) == 1 else problem


def _placed(draft: Draft, problem: Problem) -> Problem:
    """With the line of its path; of a fabric, where it names the device."""
    if draft.kind is not DraftKind.FABRIC:
        return draft.located(problem)
    found = draft.located(replace(problem, path=place("devices", name=problem.device)))
    return replace(found, path=problem.path)


def located(problem: Problem, drafts: Sequence[Draft]) -> Problem:
    """A problem of a fabric as a whole, with the file and line of its place."""
    return next((draft.located(problem) for draft in drafts if draft.name == problem.intent), problem)
