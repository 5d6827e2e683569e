"""The notifications of a NETCONF server as XML (RFC 6470): what changed and by whom, sessions, confirmed commits.

Called by the notifications of a switch, in a worker where it takes long. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from xml.sax.saxutils import escape, quoteattr

from fabricd.schema.outline import Node, NodeKind, Outline
from fabricd.simulator.datastore import Changed, Confirmed, Step
from fabricd.simulator.engine import parse
from fabricd.simulator.netconf.offer import EVENTS
from fabricd.simulator.tree import LEAVES, Object, Place, concrete, entry_key
from fabricd.simulator.tree import Step as TreeStep
from fabricd.simulator.values import Json

_MOST_EDITS = 500


@dataclass(frozen=True, slots=True)
class Person:
    """Who did something. `session` is 0 when it was not over NETCONF, `source` "" when nobody knows."""

    username: str
    session: int
    source: str = ""

    def written(self) -> str:
        """The elements of common-session-parms."""
        source = f"<source-host>{escape(self.source)}</source-host>" if self.source else ""
        return f"<username>{escape(self.username)}</username><session-id>{self.session}</session-id>{source}"


def config_change(outline: Outline, event: Changed, by: Person | None) -> str:
    """<netconf-config-change>; `by` None: the server itself. With more than _MOST_EDITS edits it names the top-level
    nodes that differ."""
    before, after = parse(event.before), parse(event.after)
    edits = list(islice(differences(before, after, outline.root), _MOST_EDITS + 1))
    if len(edits) > _MOST_EDITS:
        edits = list(_tops(before, after, outline.root))
    told = "".join(f"<edit>{_target(outline, place)}<operation>{word}</operation></edit>" for place, word in edits)
    author = "<server/>" if by is None else by.written()
    body = f"<changed-by>{author}</changed-by><datastore>{event.store}</datastore>{told}"
    return f'<netconf-config-change xmlns="{EVENTS}">{body}</netconf-config-change>'


def confirmed_commit(event: Confirmed, by: Person) -> str:
    """<netconf-confirmed-commit>."""
    author = "" if event.step is Step.TIMEOUT else by.written()
    timeout = f"<timeout>{round(event.seconds)}</timeout>" if event.step in (Step.START, Step.EXTEND) else ""
    body = f"{author}<confirm-event>{event.step}</confirm-event>{timeout}"
    return f'<netconf-confirmed-commit xmlns="{EVENTS}">{body}</netconf-confirmed-commit>'


def session_start(who: Person) -> str:
    """<netconf-session-start>."""
    return f'<netconf-session-start xmlns="{EVENTS}">{who.written()}</netconf-session-start>'


def session_end(who: Person, reason: str, killer: int = 0) -> str:
    """<netconf-session-end>. `reason` is closed, killed, dropped, timeout, bad-hello or other; `killer` is the session
    that killed it."""
    killed = f"<killed-by>{killer}</killed-by>" if killer else ""
    body = f"{who.written()}{killed}<termination-reason>{reason}</termination-reason>"
    return f'<netconf-session-end xmlns="{EVENTS}">{body}</netconf-session-end>'


def differences(
    before: Object, after: Object, node: Node, above: tuple[TreeStep, ...] = ()
) -> Iterator[tuple[Place, str]]:
    """Where two trees differ, each place with the operation that leads from one to the other."""
    for member in dict.fromkeys((*after, *before)):
        child = node.child(member)
        assert child is not None
        old, new = before.get(member), after.get(member)
        if old == new:
            continue
        if child.kind is NodeKind.LIST and child.keys:
            yield from _entries(old, new, child, above)
        elif old is None or new is None:
            yield Place((*above, TreeStep(child))), "create" if old is None else "delete"
        elif child.kind in LEAVES or child.kind is NodeKind.LIST:
            yield Place((*above, TreeStep(child))), "replace"
        else:
            assert isinstance(old, dict)
            assert isinstance(new, dict)
            yield from differences(old, new, child, (*above, TreeStep(child)))


def _entries(old: Json, new: Json, node: Node, above: tuple[TreeStep, ...]) -> Iterator[tuple[Place, str]]:
    held = {entry_key(entry, node): entry for entry in _listed(old)}
    wanted = {entry_key(entry, node): entry for entry in _listed(new)}
    for key, entry in held.items():
        if key not in wanted:
            yield Place((*above, concrete(entry, node))), "delete"
    stayed = [key for key in held if key in wanted]
    moved = node.user_ordered and stayed != [key for key in wanted if key in held]
    for key, entry in wanted.items():
        place = (*above, concrete(entry, node))
        if key not in held:
            yield Place(place), "create"
        elif moved:
            yield Place(place), "replace"
        elif held[key] != entry:
            yield from differences(held[key], entry, node, place)


def _listed(value: Json) -> list[Object]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _tops(before: Object, after: Object, node: Node) -> Iterator[tuple[Place, str]]:
    for member in dict.fromkeys((*after, *before)):
        child = node.child(member)
        if child is not None and before.get(member) != after.get(member):
            word = "create" if member not in before else "delete" if member not in after else "merge"
            yield Place((TreeStep(child),)), word


def _target(outline: Outline, place: Place) -> str:
    """The instance-identifier, every name with its module's name as prefix."""
    text, modules = [], {}
    for step in place.steps:
        module = step.node.module
        modules[module] = outline.namespaces[module]
        keys = "".join(f"[{module}:{name}={_literal(value)}]" for name, value in step.keys)
        text.append(f"/{module}:{step.node.name}{keys}")
    declared = "".join(f" xmlns:{name}={quoteattr(namespace)}" for name, namespace in modules.items())
    return f"<target{declared}>{escape(''.join(text))}</target>"


def _literal(value: str) -> str:
    return f'"{value}"' if "'" in value else f"'{value}'"
