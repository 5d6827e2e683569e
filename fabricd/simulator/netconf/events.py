"""The notifications of a NETCONF server as XML (RFC 6470): what changed and by whom, sessions, confirmed commits.

Called by the notifications of a switch, in a worker where it takes long. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from xml.sax.saxutils import escape, quoteattr

from fabricd.schema.outline import Node, Outline
from fabricd.simulator.datastore import Changed, Confirmed, Step
from fabricd.simulator.differences import Difference, differences
from fabricd.simulator.engine import parse
from fabricd.simulator.netconf.offer import EVENTS
from fabricd.simulator.tree import Object, Place
from fabricd.simulator.tree import Step as TreeStep

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
    found = islice(differences(before, after, outline.root), _MOST_EDITS + 1)
    edits = [(one.place, _word(one)) for one in found]
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


def _word(one: Difference) -> str:
    return "create" if one.before is None else "delete" if one.after is None else "replace"


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
