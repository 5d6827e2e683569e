"""What a gNMI request carries as extensions: the Commit of a Set, the Depth of a Get or Subscribe.

Called by the gNMI server of a switch (gNMI specification section 2.7). Reads them; carries out depth, not commits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc

from fabricd.gnmi_extensions.gnmi_extensions_pb2 import Commit, Extension
from fabricd.schema.outline import Node
from fabricd.simulator.gnmi.paths import GnmiError
from fabricd.simulator.gnmi.values import read
from fabricd.simulator.tree import LEAVES, Object
from fabricd.simulator.values import Json


@dataclass(frozen=True, slots=True)
class Extensions:
    """`depth` 0: no limit. `unknown`: there is one that means something, and this server does not know what."""

    commit: Commit | None = None
    depth: int = 0
    unknown: bool = False


def read_extensions(message: Any) -> Extensions:
    """Those of a request in pygnmi's generated classes, which keep what they do not know.

    Raises GnmiError INVALID_ARGUMENT when the same extension comes twice or cannot be read.
    """
    if not message.extension:
        return Extensions()
    commits: list[Commit] = []
    depths: list[int] = []
    unknown = False
    for one in message.extension:
        match one.WhichOneof("ext"):
            case "registered_ext" | "master_arbitration":
                continue  # whoever does not know them passes over them
            case "history":
                unknown = True
            case _:
                young = read(Extension, one.SerializeToString())
                match young.WhichOneof("ext"):
                    case "commit":
                        commits.append(young.commit)
                    case "depth":
                        depths.append(int(young.depth.level))
                    case _:
                        unknown = True
    if len(commits) > 1 or len(depths) > 1:
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "the same extension is given twice")
    return Extensions(next(iter(commits), None), next(iter(depths), 0), unknown)


def read_depth(message: Any) -> int:
    """The depth of a Get or Subscribe, 0 for no limit. Raises GnmiError, also for a Commit, which is for a Set, and for
    what is not known."""
    found = read_extensions(message)
    if found.unknown:
        raise GnmiError(grpc.StatusCode.UNIMPLEMENTED, "there is an extension that is not known here")
    if found.commit is not None:
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "the Commit extension is for a Set")
    return found.depth


def shallow(node: Node, value: Json, depth: int) -> Json:
    """A copy of a node's value down to `depth` levels below it, of which the last shows leaves and leaf-lists only
    (gNMI depth extension section 3). 0: the value itself. A list is the same level as its entries."""
    if depth == 0 or node.kind in LEAVES:
        return value
    if isinstance(value, list):
        return [shallow(node, entry, depth) for entry in value]
    assert isinstance(value, dict)
    found: Object = {}
    for member, below in value.items():
        child = node.child(member)
        assert child is not None
        if child.kind in LEAVES:
            found[member] = below
        elif depth > 1 and (kept := shallow(child, below, depth - 1)):
            found[member] = kept
    return found
