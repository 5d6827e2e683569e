"""gNMI Get on one simulated switch (gNMI specification section 3.3).

Called by the gNMI server with the request's bytes. Replies that cannot change within a version are kept as bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import grpc
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.schema.outline import Node, Outline
from fabricd.simulator.engine import parse
from fabricd.simulator.gnmi.counters import LateCounters, missing
from fabricd.simulator.gnmi.extension import read_depth, shallow
from fabricd.simulator.gnmi.paths import GnmiError, Paths, has_wildcard, text
from fabricd.simulator.gnmi.values import LEAF_BY_LEAF, check_encoding, read, typed
from fabricd.simulator.live import Live
from fabricd.simulator.replies import Replies
from fabricd.simulator.tree import Object, Place, keep, leaves, select
from fabricd.simulator.values import Json

MAX_PATHS = 1024
"""In one Get."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A checked GetRequest. `models` is empty for all of them, `depth` 0 for all levels."""

    request: gnmi_pb2.GetRequest
    depth: int
    models: frozenset[str]

    @property
    def paths(self) -> list[gnmi_pb2.Path]:
        return list(self.request.path) or [gnmi_pb2.Path()]

    @property
    def asks_for_config(self) -> bool:
        return bool(self.request.type == gnmi_pb2.GetRequest.CONFIG)


class Reader:
    """Answers Gets. Holds the replies to the last few CONFIG requests of the running version."""

    def __init__(self, live: Live, paths: Paths, counters: LateCounters, max_bytes: int) -> None:
        """`max_bytes`: an answer is given up when it becomes larger."""
        self._live = live
        self._paths = paths
        self._counters = counters
        self._max_bytes = max_bytes
        self._replies: Replies[bytes, bytes] = Replies()

    async def get(self, request: bytes) -> bytes:
        """A serialised GetResponse. Raises GnmiError: NOT_FOUND when the models or the data lack a path,
        UNIMPLEMENTED for encodings that are not spoken, RESOURCE_EXHAUSTED for what is too much, INVALID_ARGUMENT for
        what makes no sense."""
        running = await self._live.shown()
        if (kept := self._replies.find(running.number, request)) is not None:
            return kept
        question = self._question(read(gnmi_pb2.GetRequest, request))
        if question.asks_for_config:
            reply = await self._live.engine.run(lambda: self._answer(question, parse(running.config), running.time))
            self._replies.keep(running.number, request, len(request), reply)
            return reply
        tree, now = await self._live.tree(), self._live.clock()
        self._counters.age(tree, now)
        return await self._live.engine.run(lambda: self._answer(question, tree, now))

    def _question(self, request: gnmi_pb2.GetRequest) -> _Question:
        check_encoding(request.encoding)
        if request.type not in gnmi_pb2.GetRequest.DataType.values():
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, f"there is no type {request.type} of a Get")
        if len(request.path) > MAX_PATHS:
            raise GnmiError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"more than {MAX_PATHS} paths in one Get")
        self._paths.check(request, request.path)
        question = _Question(request, read_depth(request), chosen_models(self._live.outline, request.use_models))
        at_root = any(not (request.prefix.elem or path.elem) for path in question.paths)
        if at_root and self._live.quirks.no_root_get:
            self._live.meet("no_root_get")
            raise GnmiError(grpc.StatusCode.UNIMPLEMENTED, "the root cannot be read as a whole", "/")
        return question

    def _answer(self, question: _Question, tree: Object, time: int) -> bytes:
        root = self._live.outline.root
        if question.request.type == gnmi_pb2.GetRequest.STATE:
            tree = keep(tree, root, lambda node: not node.config)
        elif question.request.type == gnmi_pb2.GetRequest.OPERATIONAL:
            tree = keep(tree, root, _operational)
        if question.models:
            tree = keep(tree, root, lambda node: node.module in question.models)
        reply = gnmi_pb2.GetResponse()
        room = self._max_bytes
        for path in question.paths:
            notification = reply.notification.add(timestamp=time)
            if question.request.HasField("prefix"):
                notification.prefix.CopyFrom(question.request.prefix)
            for update in self._updates(question, path, tree):
                notification.update.append(update)
                if (room := room - update.ByteSize()) < 0:
                    raise GnmiError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"more than {self._max_bytes} bytes to tell")
        return bytes(reply.SerializeToString())

    def _updates(self, question: _Question, path: gnmi_pb2.Path, tree: Object) -> Iterator[gnmi_pb2.Update]:
        """What there is at one path. Raises GnmiError NOT_FOUND for nothing, unless the path may match any number of
        nodes: by a wildcard, or by keys that are left out (gNMI path conventions)."""
        prefix, encoding = question.request.prefix, question.request.encoding
        asked: Sequence[gnmi_pb2.PathElem] = [*prefix.elem, *path.elem]
        named = not has_wildcard(prefix, path)
        exact = named
        loose = is_loose(self._live, encoding)
        empty = True
        for place in self._paths.bind(prefix, path):
            exact = exact and all(step.complete for step in place.steps)
            for found, value in select(tree, place.steps):
                if not question.asks_for_config and (gap := missing(self._live, found, value)):
                    raise GnmiError(grpc.StatusCode.NOT_FOUND, "there is no data", gap)
                for where, held in self._values(found, value, encoding, question.depth):
                    empty = False
                    shown = self._paths.unbind(where, asked if named else (), len(prefix.elem))
                    shown.origin = path.origin
                    node = where.node or self._live.outline.root
                    yield gnmi_pb2.Update(path=shown, val=typed(node, held, encoding, loose=loose))
        if empty and exact:
            raise GnmiError(grpc.StatusCode.NOT_FOUND, "there is no data", text(asked))

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
