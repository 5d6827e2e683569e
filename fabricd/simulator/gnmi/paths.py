"""gNMI paths bound to the models: names with or without module, wildcards, prefix and origin; and the way back.

Called by the gNMI server of a switch (gNMI specification sections 2.2.2 and 2.4). Knows no data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import grpc
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.errors import FabricdError
from fabricd.schema.outline import Node
from fabricd.simulator.live import Live
from fabricd.simulator.tree import Place, Step

_MAX_STEPS = 128
_MAX_MATCHES = 10_000
_MAX_DEEP = 2  # each further one multiplies the ways to match
_MOST_WILD = {"...": 16, "*": 1024}
"""Paths of one request that may have these names: with '...' one takes a tenth of a second."""
_COUNTERS = "counters"


class GnmiError(FabricdError):
    """An answer with a gRPC status code."""

    def __init__(self, status: grpc.StatusCode, message: str, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message, path=path)
        self.status = status


class Paths:
    """The paths of one switch, named as its quirks have it."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def bind(
        self,
        prefix: gnmi_pb2.Path,
        path: gnmi_pb2.Path,
        unknown: grpc.StatusCode = grpc.StatusCode.NOT_FOUND,
    ) -> tuple[Place, ...]:
        """Every schema place that prefix and path name: one, or several where a name is a wildcard.

        Raises GnmiError: `unknown` for a name the models lack, INVALID_ARGUMENT for foreign origins and wrong keys.
        """
        if prefix.element or path.element:
            # Passed over, it would turn any path into the root.
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "`element` went with gNMI 0.4, paths are made of `elem`")
        if prefix.origin and path.origin and prefix.origin != path.origin:
            # The same one in both places is a mistake that clients in the field make and switches let pass.
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "prefix and path have different origins")
        if (origin := prefix.origin or path.origin) not in self.origins:
            if origin in ("", "openconfig"):
                self._live.meet("origin" if self._live.quirks.origin else "module_names")
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, f"there is no origin {origin!r} here")
        if path.target:
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "target belongs in the prefix only")
        elements = [*prefix.elem, *path.elem]
        if len(elements) > _MAX_STEPS:
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, f"path has {len(elements)} elements")
        if sum(element.name == "..." for element in elements) > _MAX_DEEP:
            message = f"more than {_MAX_DEEP} '...' in one path"
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, message, text(elements))
        found: dict[str, Place] = {}
        for steps in self._walk(self._live.outline.root, elements, ()):
            place = Place(steps)
            found.setdefault(str(place), place)
            if len(found) > _MAX_MATCHES:
                raise GnmiError(grpc.StatusCode.RESOURCE_EXHAUSTED, "the wildcards match too much", text(elements))
        if not found:
            raise GnmiError(unknown, "there is no such node", text(elements))
        return tuple(found.values())

    def check(self, message: Any, paths: Sequence[gnmi_pb2.Path]) -> None:
        """The prefix of a request and all of its paths together, before they are bound one by one.

        Raises GnmiError: INVALID_ARGUMENT for a request without prefix where the switch wants one, RESOURCE_EXHAUSTED
        for more wildcards than can be looked up while others wait.
        """
        for name, most in _MOST_WILD.items():
            everywhere = any(element.name == name for element in message.prefix.elem)
            wild = sum(everywhere or any(element.name == name for element in path.elem) for path in paths)
            if wild > most:
                raise GnmiError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"more than {most} paths with {name!r}")
        if self._live.quirks.wants_prefix and not message.HasField("prefix"):
            self._live.meet("wants_prefix")
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "a request has to have a prefix")

    @property
    def origins(self) -> tuple[str, ...]:
        """Those that a path may have, "" for none."""
        quirks = self._live.quirks
        if quirks.origin:
            return (quirks.origin,)
        return ("",) if quirks.module_names else ("", "openconfig")

    def unbind(self, place: Place, asked: Sequence[gnmi_pb2.PathElem] = (), skip: int = 0) -> gnmi_pb2.Path:
        """The gNMI path of a place below a prefix of `skip` elements. Names are written as they were `asked` for."""
        elements = []
        for at, step in enumerate(place.steps):
            name = asked[at].name if at < len(asked) and asked[at].name.rpartition(":")[2] == step.node.name else ""
            own = step.node.member if self._live.quirks.module_names else step.node.name
            keys = {key: _key(step.node, key, value) for key, value in step.keys}
            elements.append(gnmi_pb2.PathElem(name=name or own, key=keys))
        return gnmi_pb2.Path(elem=elements[skip:])

    def _walk(
        self, node: Node, elements: Sequence[gnmi_pb2.PathElem], above: tuple[Step, ...]
    ) -> Iterator[tuple[Step, ...]]:
        if not elements:
            if self._live.quirks.late_counters and any(step.node.name == _COUNTERS for step in above[:-1]):
                self._live.meet("late_counters")
            else:
                yield above
            return
        first, rest = elements[0], elements[1:]
        if first.name == "...":
            yield from self._walk(node, rest, above)
            for child in node.children:
                yield from self._walk(child, elements, (*above, Step(child)))
        elif first.name == "*":
            for child in node.children:
                if all(name in child.keys for name in first.key):
                    yield from self._walk(child, rest, (*above, Step(child, tuple(first.key.items()))))
        elif (child := self._child(node, first.name)) is not None:  # type: ignore[assignment]
            keys = tuple((name.rpartition(":")[2], value) for name, value in first.key.items())
            if unknown := [name for name, _ in keys if name not in child.keys]:
                message = f"{child.name} has no key {unknown[0]!r}"
                raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, message, text(elements))
            yield from self._walk(child, rest, (*above, Step(child, keys)))

    def _child(self, node: Node, name: str) -> Node | None:
        child = node.child(name)
        if child is None or not self._live.quirks.module_names or name in (child.qualified, child.member):
            return child
        self._live.meet("module_names")
        return None


def has_wildcard(prefix: gnmi_pb2.Path, path: gnmi_pb2.Path) -> bool:
    """Whether it may match any number of nodes: a wildcard name or key."""
    return any(element.name in ("*", "...") or "*" in element.key.values() for element in (*prefix.elem, *path.elem))


def text(elements: Sequence[gnmi_pb2.PathElem]) -> str:
    """A path for people."""
    return "/" + "/".join(
        element.name + "".join(f"[{name}={element.key[name]}]" for name in sorted(element.key)) for element in elements
    )


def _key(node: Node, name: str, value: str) -> str:
    """Identities as keys are written bare, as the OpenConfig path conventions have it."""
    leaf = node.child(name)
    if leaf is not None and leaf.value is not None and leaf.value.identities:
        bare = value.rpartition(":")[2]
        return bare if bare in leaf.value.identities else value
    return value
