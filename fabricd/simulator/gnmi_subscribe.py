"""gNMI Subscribe on one simulated switch (gNMI specification section 3.5): ONCE, and STREAM with ON_CHANGE.

Called by the gNMI server, one Subscriber a call. POLL and SAMPLE are answered UNIMPLEMENTED in this version.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import grpc
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.simulator.gnmi_paths import GnmiError, bind, unbind
from fabricd.simulator.gnmi_values import ENCODINGS, typed
from fabricd.simulator.live import Live
from fabricd.simulator.tree import Place, leaves, select
from fabricd.simulator.values import Json

_BATCH = 500

Leaves = dict[str, tuple[Place, Json]]


class Subscriber:
    """One Subscribe call."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._request = gnmi_pb2.SubscriptionList()
        self._places: list[Place] = []

    async def replies(self, request: gnmi_pb2.SubscribeRequest) -> AsyncIterator[bytes]:
        """Serialised SubscribeResponses: everything there is, sync_response, then (STREAM) changes until cancelled.

        Changes that follow each other faster than they are sent arrive as one. Raises GnmiError.
        """
        if request.WhichOneof("request") != "subscribe":
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "a call begins with a subscription")
        self._request = request.subscribe
        self._check()
        self._places = [
            place
            for one in self._request.subscription
            for place in bind(self._live.outline, self._request.prefix, one.path)
        ]
        epoch = self._live.epoch
        known = await self._leaves()
        if not self._request.updates_only:
            for reply in self._notifications(list(known.values()), ()):
                yield reply
        yield bytes(gnmi_pb2.SubscribeResponse(sync_response=True).SerializeToString())
        while self._request.mode == gnmi_pb2.SubscriptionList.STREAM:
            epoch = await self._live.changed_since(epoch)
            now = await self._leaves()
            gone = [place for text, (place, _) in known.items() if text not in now]
            new = [
                (place, value) for text, (place, value) in now.items() if text not in known or known[text][1] != value
            ]
            known = now
            if gone or new:
                for reply in self._notifications(new, gone):
                    yield reply

    def _check(self) -> None:
        request = self._request
        if request.encoding not in ENCODINGS:
            raise GnmiError(grpc.StatusCode.UNIMPLEMENTED, "encodings JSON and JSON_IETF are spoken, no other")
        if not request.subscription:
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "no path is subscribed to")
        if request.mode == gnmi_pb2.SubscriptionList.POLL:
            raise GnmiError(grpc.StatusCode.UNIMPLEMENTED, "subscriptions of mode POLL are not served")
        sampled = any(one.mode == gnmi_pb2.SAMPLE for one in request.subscription)
        if request.mode == gnmi_pb2.SubscriptionList.STREAM and sampled:
            raise GnmiError(grpc.StatusCode.UNIMPLEMENTED, "subscriptions of mode SAMPLE are not served, ON_CHANGE are")

    async def _leaves(self) -> Leaves:
        steady = self._request.mode == gnmi_pb2.SubscriptionList.STREAM
        tree = await (self._live.steady_tree() if steady else self._live.tree())

        def collect() -> Leaves:
            found: Leaves = {}
            for place in self._places:
                for under, value in select(tree, place.steps):
                    node = under.node or self._live.outline.root
                    values = value if node.kind == "list" and isinstance(value, list) else [value]
                    for one in values:
                        for leaf, held in leaves(one, node, under.steps):
                            found[str(leaf)] = (leaf, held)
            return found

        return await self._live.engine.run(collect)

    def _notifications(
        self, updates: list[tuple[Place, Json]], deletes: Iterator[Place] | list[Place] | tuple[()]
    ) -> Iterator[bytes]:
        skip, time = len(self._request.prefix.elem), self._live.clock()
        gone = [unbind(place, skip=skip) for place in deletes]
        for at in range(0, max(len(updates), 1), _BATCH):
            notification = gnmi_pb2.Notification(timestamp=time, delete=gone if at == 0 else ())
            if self._request.HasField("prefix"):
                notification.prefix.CopyFrom(self._request.prefix)
            for place, value in updates[at : at + _BATCH]:
                assert place.node is not None
                notification.update.add(
                    path=unbind(place, skip=skip), val=typed(place.node, value, self._request.encoding)
                )
            if notification.update or notification.delete:
                yield bytes(gnmi_pb2.SubscribeResponse(update=notification).SerializeToString())
