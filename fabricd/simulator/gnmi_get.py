"""gNMI Get on one simulated switch (gNMI specification section 3.3).

Called by the gNMI server with the request's bytes. Replies that cannot change within a version are kept as bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import grpc
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.schema.outline import Node, Outline
from fabricd.simulator.engine import parse
from fabricd.simulator.gnmi_counters import LateCounters, missing
from fabricd.simulator.gnmi_extension import read_depth, shallow
from fabricd.simulator.gnmi_paths import GnmiError, Paths, has_wildcard, text
from fabricd.simulator.gnmi_values import LEAF_BY_LEAF, check_encoding, read, typed
from fabricd.simulator.live import Live
from fabricd.simulator.tree import Object, Place, keep, leaves, select
from fabricd.simulator.values import Json

_KEPT = 64


class Reader:
    """Answers Gets. Holds the replies to the last few CONFIG requests of the running version."""

    def __init__(self, live: Live, paths: Paths, counters: LateCounters) -> None:
        self._live = live
        self._paths = paths
        self._counters = counters
        self._version = -1
        self._replies: dict[bytes, bytes] = {}

    async def get(self, request: bytes) -> bytes:
        """A serialised GetResponse. Raises GnmiError: NOT_FOUND when the models or the data lack a path,
        UNIMPLEMENTED for encodings that are not spoken, INVALID_ARGUMENT for what makes no sense."""
        running = await self._live.shown()
        if self._version != running.number:
            self._version = running.number
            self._replies.clear()
        if (kept := self._replies.get(request)) is not None:
            return kept
        parsed = read(gnmi_pb2.GetRequest, request)
        check_encoding(parsed.encoding)
        self._paths.check_prefix(parsed)
        depth = read_depth(parsed)
        models = chosen_models(self._live.outline, parsed.use_models)
        if self._live.quirks.no_root_get and any(
            not (parsed.prefix.elem or path.elem) for path in (parsed.path or [gnmi_pb2.Path()])
        ):
            self._live.meet("no_root_get")
            raise GnmiError(grpc.StatusCode.UNIMPLEMENTED, "the root cannot be read as a whole", "/")
        if parsed.type == gnmi_pb2.GetRequest.CONFIG:
            reply = await self._live.engine.run(
                lambda: self._answer(parsed, parse(running.config), running.time, depth, models)
            )
            if running.number == self._version:
                if len(self._replies) >= _KEPT:
                    self._replies.pop(next(iter(self._replies)))
                self._replies[request] = reply
            return reply
        tree, now = await self._live.tree(), self._live.clock()
        self._counters.age(tree, now)
        return await self._live.engine.run(lambda: self._answer(parsed, tree, now, depth, models))

    def _answer(
        self, request: gnmi_pb2.GetRequest, tree: Object, time: int, depth: int, models: frozenset[str]
    ) -> bytes:
        root = self._live.outline.root
        if request.type == gnmi_pb2.GetRequest.STATE:
            tree = keep(tree, root, lambda node: not node.config)
        elif request.type == gnmi_pb2.GetRequest.OPERATIONAL:
            tree = keep(tree, root, _operational)
        if models:
            tree = keep(tree, root, lambda node: node.module in models)
        notifications = [
            self._notification(request, path, tree, time, depth) for path in (list(request.path) or [gnmi_pb2.Path()])
        ]
        return bytes(gnmi_pb2.GetResponse(notification=notifications).SerializeToString())

    def _notification(
        self, request: gnmi_pb2.GetRequest, path: gnmi_pb2.Path, tree: Object, time: int, depth: int
    ) -> gnmi_pb2.Notification:
        prefix = request.prefix
        asked: Sequence[gnmi_pb2.PathElem] = [*prefix.elem, *path.elem]
        exact = not has_wildcard(prefix, path)
        loose = is_loose(self._live, request.encoding)
        updates = []
        for place in self._paths.bind(prefix, path):
            for found, value in select(tree, place.steps):
                if request.type != gnmi_pb2.GetRequest.CONFIG and (gap := missing(self._live, found, value)):
                    raise GnmiError(grpc.StatusCode.NOT_FOUND, "there is no data", gap)
                for where, held in self._values(found, value, request.encoding, depth):
                    shown = self._paths.unbind(where, asked if exact else (), len(prefix.elem))
                    shown.origin = path.origin
                    node = where.node or self._live.outline.root
                    typed_value = typed(node, held, request.encoding, loose=loose)
                    updates.append(gnmi_pb2.Update(path=shown, val=typed_value))
        if not updates and exact:
            raise GnmiError(grpc.StatusCode.NOT_FOUND, "there is no data", text(asked))
        reply = gnmi_pb2.Notification(timestamp=time, update=updates)
        if request.HasField("prefix"):
            reply.prefix.CopyFrom(prefix)
        return reply

    def _values(self, place: Place, value: Json, encoding: int, depth: int) -> Iterator[tuple[Place, Json]]:
        node = place.node or self._live.outline.root
        value = shallow(node, value, depth)
        if encoding in LEAF_BY_LEAF:
            yield from leaves(value, node, place.steps)
        else:
            yield place, value


def is_loose(live: Live, encoding: int) -> bool:
    """Whether this switch writes its JSON_IETF like JSON."""
    loose = live.quirks.loose_json and encoding == gnmi_pb2.JSON_IETF
    if loose:
        live.meet("loose_json")
    return loose


def chosen_models(outline: Outline, asked: Sequence[gnmi_pb2.ModelData]) -> frozenset[str]:
    """The modules that use_models names, none for all (gNMI specification section 2.6). Raises GnmiError
    INVALID_ARGUMENT for one, or a version of one, that Capabilities do not name."""
    known = {module.name: module.version for module in outline.modules if module.implemented}
    for model in asked:
        if known.get(model.name) is None or model.version not in ("", known[model.name]):
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, f"model {model.name} {model.version} is not spoken here")
    return frozenset(model.name for model in asked)


def _operational(node: Node) -> bool:
    """State that mirrors no configuration (gNMI specification section 3.3.1)."""
    if node.config:
        return False
    above = node.parent
    config = above.parent.by_name.get("config") if above is not None and above.parent is not None else None
    return config is None or config.child(node.name) is None
