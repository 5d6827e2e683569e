"""What a `when` of the models no longer allows: it goes by itself when its condition does (RFC 7950 section 8.2).

Called by the engine with a configuration that does not validate. Pure.
"""

from __future__ import annotations

from fabricd.errors import InputError, Problem
from fabricd.model.path import Path
from fabricd.schema.outline import Outline
from fabricd.simulator.tree import Object, Place, Step, select


def outlived(outline: Outline, error: InputError, tree: Object, running: Object) -> list[Place]:
    """The places of a tree that it does not validate for, and that are as they are in what runs: nobody has written
    them, so that it is their condition that went. What somebody writes without its condition is a mistake."""
    found = []
    for problem in error.problems:
        place = _conditional(outline, problem)
        held = list(select(running, place.steps)) if place is not None else []
        if place is not None and held and held == list(select(tree, place.steps)):
            found.append(place)
    return found


def _conditional(outline: Outline, problem: Problem) -> Place | None:
    """Where a problem is, if that has a condition and no other rule is what is broken."""
    if problem.rule or not problem.path:
        return None
    node, steps = outline.root, []
    for segment in Path.parse(problem.path).segments:
        child = node.child(f"{segment.module}:{segment.name}" if segment.module else segment.name)
        if child is None:
            return None
        node = child
        steps.append(Step(node, segment.keys))
    return Place(tuple(steps)) if node.conditional else None
