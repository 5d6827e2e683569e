"""A choice has one case: whoever creates a node of one deletes those of the others (RFC 7950 section 7.9).

Called by the engine with what an edit began with and what it made of that. Pure.
"""

from __future__ import annotations

from fabricd.schema.outline import Node
from fabricd.simulator.differences import differences, listed
from fabricd.simulator.tree import LEAVES, Object, entry_key


def leave_one(before: Object, after: Object, node: Node) -> None:
    """Take out of `after`, the data of `node`, what stands in other cases than the one that was written. Where several
    were, all of it stays: validation refuses it."""
    _choose(before, after, node)
    for member, value in after.items():
        child = node.child(member)
        assert child is not None
        old = before.get(member)
        if child.kind in LEAVES or value == old:
            continue
        if isinstance(value, dict):
            leave_one(old if isinstance(old, dict) else {}, value, child)
        else:
            held = {entry_key(entry, child): entry for entry in listed(old)}
            for entry in listed(value):
                leave_one(held.get(entry_key(entry, child), {}), entry, child)


def _choose(before: Object, after: Object, node: Node) -> None:
    standing: dict[str, dict[str, list[str]]] = {}
    for member in after:
        child = node.child(member)
        assert child is not None
        for choice, case in child.cases:
            standing.setdefault(choice, {}).setdefault(case, []).append(member)
    for cases in standing.values():
        written = [case for case, members in cases.items() if any(_adds(before, after, one, node) for one in members)]
        if len(written) == 1:
            for member in (member for case, members in cases.items() if case not in written for member in members):
                after.pop(member, None)  # the choice around this one may have taken it


def _adds(before: Object, after: Object, member: str, node: Node) -> bool:
    """Whether anything below this member is there that was not, or was otherwise."""
    old = {member: before[member]} if member in before else {}
    new = {member: after[member]} if member in after else {}
    return any(one.after is not None for one in differences(old, new, node))
