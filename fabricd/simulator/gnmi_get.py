"""gNMI Get on one simulated switch (gNMI specification section 3.3).

Called by the gNMI server with the request's bytes. Replies that cannot change within a version are kept as bytes.
"""

from __future__ import annotations

import grpc
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.schema.outline import Node
from fabricd.simulator.engine import parse
from fabricd.simulator.gnmi_paths import GnmiError, bind, has_wildcard, text, unbind
from fabricd.simulator.gnmi_values import ENCODINGS, read, typed
from fabricd.simulator.live import Live
from fabricd.simulator.tree import Object, keep, select

_KEPT = 64


class Reader:
    """Answers Gets. Holds the replies to the last few CONFIG requests of the running version."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._version = -1
        self._replies: dict[bytes, bytes] = {}

    async def get(self, request: bytes) -> bytes:
        """A serialised GetResponse. Raises GnmiError: NOT_FOUND when the models or the data lack a path,
        UNIMPLEMENTED for encodings other than JSON and JSON_IETF, INVALID_ARGUMENT for paths that make no sense."""
        running = await self._live.shown()
        if self._version != running.number:
            self._version = running.number
            self._replies.clear()
        if (kept := self._replies.get(request)) is not None:
            return kept
        parsed = read(gnmi_pb2.GetRequest, request)
        if parsed.encoding not in ENCODINGS:
            name = gnmi_pb2.Encoding.Name(parsed.encoding) if parsed.encoding in gnmi_pb2.Encoding.values() else "?"
            raise GnmiError(grpc.StatusCode.UNIMPLEMENTED, f"encoding {name} is not spoken, JSON and JSON_IETF are")
        if parsed.type == gnmi_pb2.GetRequest.CONFIG:
            reply = await self._live.engine.run(lambda: self._answer(parsed, parse(running.config), running.time))
            if running.number == self._version:
                if len(self._replies) >= _KEPT:
                    self._replies.pop(next(iter(self._replies)))
                self._replies[request] = reply
            return reply
        tree, now = await self._live.tree(), self._live.clock()
        return await self._live.engine.run(lambda: self._answer(parsed, tree, now))

    def _answer(self, request: gnmi_pb2.GetRequest, tree: Object, time: int) -> bytes:
        root = self._live.outline.root
        if request.type == gnmi_pb2.GetRequest.STATE:
            tree = keep(tree, root, lambda node: not node.config)
        elif request.type == gnmi_pb2.GetRequest.OPERATIONAL:
            tree = keep(tree, root, _operational)
        notifications = [
            self._notification(request, path, tree, time) for path in (list(request.path) or [gnmi_pb2.Path()])
        ]
        return bytes(gnmi_pb2.GetResponse(notification=notifications).SerializeToString())

    def _notification(
        self, request: gnmi_pb2.GetRequest, path: gnmi_pb2.Path, tree: Object, time: int
    ) -> gnmi_pb2.Notification:
        prefix, asked = request.prefix, [*request.prefix.elem, *path.elem]
        updates = []
        for place in bind(self._live.outline, prefix, path):
            for found, value in select(tree, place.steps):
                exact = not has_wildcard(prefix, path)
                where = unbind(found, asked if exact else (), len(prefix.elem))
                node = found.node or self._live.outline.root
                updates.append(gnmi_pb2.Update(path=where, val=typed(node, value, request.encoding)))
        if not updates and not has_wildcard(prefix, path):
            raise GnmiError(grpc.StatusCode.NOT_FOUND, "there is no data", text(asked))
        reply = gnmi_pb2.Notification(timestamp=time, update=updates)
        if request.HasField("prefix"):
            reply.prefix.CopyFrom(prefix)
        return reply


def _operational(node: Node) -> bool:
    """State that mirrors no configuration (gNMI specification section 3.3.1)."""
    if node.config:
        return False
    above = node.parent
    config = above.parent.by_name.get("config") if above is not None and above.parent is not None else None
    return config is None or config.child(node.name) is None
