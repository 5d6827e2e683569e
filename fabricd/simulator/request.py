"""A write as the list of its parts, for what the order of a request decides about (quirks 17 to 20).

Made by the gNMI server, whose Sets have parts, and by the NETCONF server, whose edits can fail in part; whatever else
edits is one part. Carries out nothing but its edits.
"""

from __future__ import annotations

from dataclasses import dataclass

from fabricd.simulator.engine import Edit
from fabricd.simulator.tree import Object, Place


@dataclass(frozen=True, slots=True)
class Part:
    """One operation. `replaced` is the place that a replace is about, None for other operations."""

    edit: Edit
    replaced: Place | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """An edit made of parts, carried out one after the other. Is an Edit itself. `one`: it counts as one operation all
    the same, in whatever order its parts stand."""

    parts: tuple[Part, ...]
    one: bool = False

    def __call__(self, tree: Object) -> None:
        for part in self.parts:
            part.edit(tree)


def parts_of(edit: Edit) -> tuple[Part, ...]:
    """The operations of any edit."""
    return edit.parts if isinstance(edit, Request) and not edit.one else (Part(edit),)
