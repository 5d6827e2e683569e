"""gNMI Subscribe on one simulated switch (gNMI specification section 3.5): ONCE, POLL and STREAM in all modes.

Called by the gNMI server, one Subscriber a call. A subscriber who does not read keeps nothing waiting but the last
difference: changes that follow each other faster than they are sent arrive as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.schema.outline import Node
from fabricd.simulator.gnmi.counters import LateCounters, steps_of
from fabricd.simulator.gnmi.get import is_loose
from fabricd.simulator.gnmi.leaves import Changes, Leaf, Scope, beyond, difference
from fabricd.simulator.gnmi.paths import GnmiError, Paths
from fabricd.simulator.gnmi.subscription import Manner, Subscription, read_subscription
from fabricd.simulator.gnmi.values import read, typed
from fabricd.simulator.live import Live
from fabricd.simulator.tree import Object, Place

_BATCH = 500  # updates in a message


@dataclass(frozen=True, slots=True)
class Reply:
    """A serialised SubscribeResponse. `notifies`: it tells something after the first sync_response."""

    data: bytes
    notifies: bool = False


_SYNC = Reply(bytes(gnmi_pb2.SubscribeResponse(sync_response=True).SerializeToString()))


_AT_ONCE = Manner()


@dataclass(slots=True, eq=False)
class _Watch:
    """The places that are told in the same manner, and the tree in which the subscriber knows them."""

    manner: Manner
    scope: Scope
    known: Object = field(default_factory=dict)
    sample: _Pulse | None = None
    heartbeat: _Pulse | None = None


class _Pulse:
    """Something that is due again and again. Costs nothing in between."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]], seconds: float) -> None:
        self._sleep = sleep
        self._seconds = seconds
        self.task = self._next()

    def due(self) -> bool:
        """True once for each time; what was missed is not made up for."""
        if not self.task.done():
            return False
        self.task = self._next()
        return True

    def _next(self) -> asyncio.Future[None]:
        return asyncio.ensure_future(self._sleep(self._seconds))


class Subscriber:
    """One Subscribe call."""

    def __init__(self, live: Live, paths: Paths, counters: LateCounters) -> None:
        self._live = live
        self._paths = paths
        self._counters = counters
        self._asked = Subscription(gnmi_pb2.SubscriptionList(), {}, 0, frozenset())

    async def replies(self, requests: AsyncIterator[bytes]) -> AsyncGenerator[Reply, None]:
        """Everything there is, sync_response, then what the mode asks for until it is cancelled. Raises GnmiError."""
        first = await anext(requests, None)
        if first is None:
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "no subscription was sent")
        self._asked = read_subscription(self._live, self._paths, read(gnmi_pb2.SubscribeRequest, first))
        match self._asked.request.mode:
            case gnmi_pb2.SubscriptionList.STREAM:
                stream = self._stream(requests)
            case gnmi_pb2.SubscriptionList.POLL:
                stream = self._poll(requests)
            case _:
                stream = self._once()
        async with aclosing(stream):
            async for reply in stream:
                yield reply

    async def _once(self) -> AsyncGenerator[Reply, None]:
        if not self._asked.request.updates_only:
            for reply in await self._everything():
                yield reply
        yield _SYNC

    async def _poll(self, requests: AsyncIterator[bytes]) -> AsyncGenerator[Reply, None]:
        async for reply in self._once():
            yield reply
        async for request in requests:
            _check_poll(request)
            for reply in await self._everything():
                yield replace(reply, notifies=True)
            yield _SYNC

    async def _everything(self) -> Iterator[Reply]:
        return self._told(await self._difference(self._scope(self._asked.places), {}, await self._full_tree()))

    async def _stream(self, requests: AsyncIterator[bytes]) -> AsyncGenerator[Reply, None]:
        watches = [_Watch(manner, self._scope(places, manner)) for manner, places in self._asked.watches.items()]
        epoch = self._live.epoch
        await self._refresh(watches)
        if not self._asked.request.updates_only:
            for watch in watches:
                for reply in self._told(await self._difference(watch.scope, {}, watch.known)):
                    yield reply
        yield _SYNC
        more = asyncio.ensure_future(anext(requests, None))
        try:
            if self._live.quirks.silent_stream:
                self._live.meet("silent_stream")
                watches.clear()
            async with aclosing(self._changes(watches, epoch, more)) as stream:
                async for changes in stream:
                    for reply in self._told(changes):
                        yield replace(reply, notifies=True)
        finally:
            more.cancel()

    async def _changes(
        self, watches: list[_Watch], epoch: int, said: asyncio.Future[bytes | None]
    ) -> AsyncGenerator[Changes, None]:
        """What is to be told, whenever there is something. Ends by GnmiError when the client says more."""
        sleep = self._live.sleep
        more: asyncio.Future[bytes | None] | None = said
        for watch in watches:
            if watch.manner.seconds is not None:
                watch.sample = _Pulse(sleep, watch.manner.seconds)
            if watch.manner.heartbeat is not None:
                watch.heartbeat = _Pulse(sleep, watch.manner.heartbeat)
        pulses = [pulse for watch in watches for pulse in (watch.sample, watch.heartbeat) if pulse is not None]
        waits_for_changes = any(watch.manner.seconds is None for watch in watches)
        changed = asyncio.ensure_future(self._live.changed_since(epoch)) if waits_for_changes else None
        try:
            while True:
                waiting: list[asyncio.Future[Any]] = [pulse.task for pulse in pulses]
                waiting += [one for one in (changed, more) if one is not None]
                if not waiting:  # silent, and the client has said its last
                    waiting.append(asyncio.get_running_loop().create_future())
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if more is not None and more.done():
                    _check_ended(more)
                    more = None
                    continue
                beating = [watch for watch in watches if watch.heartbeat is not None and watch.heartbeat.due()]
                others = [watch for watch in watches if watch.sample is not None and watch.sample.due()]
                if changed is not None and changed.done():
                    changed = asyncio.ensure_future(self._live.changed_since(changed.result()))
                    others += [watch for watch in watches if watch.manner.seconds is None]
                due = [watch for watch in watches if watch in beating or watch in others]
                known = [watch.known for watch in due]
                await self._refresh(due)
                for watch, before in zip(due, known, strict=True):
                    if changes := await self._to_tell(watch, before, everything=watch in beating):
                        yield changes
        finally:
            for task in (*(pulse.task for pulse in pulses), changed):
                if task is not None:
                    task.cancel()

    async def _refresh(self, watches: list[_Watch]) -> None:
        """Have watches know what is there now."""
        sampled = [watch for watch in watches if watch.manner.seconds is not None]
        steady = await self._live.steady_tree() if len(sampled) < len(watches) or _any_unsteady(sampled) else {}
        full = await self._full_tree() if sampled else {}
        root = self._live.outline.root
        unsteady = await self._live.engine.run(lambda: beyond(full, steady, root)) if _any_unsteady(sampled) else {}
        for watch in watches:
            if watch.manner.seconds is None:
                watch.known = steady
            else:
                watch.known = unsteady if watch.manner.unsteady else full

    async def _to_tell(self, watch: _Watch, before: Object, *, everything: bool) -> Changes:
        changes = await self._difference(watch.scope, before, watch.known)
        if everything or not watch.manner.changed:
            return replace(await self._difference(watch.scope, {}, watch.known), deletes=changes.deletes)
        return changes

    async def _difference(self, scope: Scope, before: Object, now: Object) -> Changes:
        return await self._live.engine.run(lambda: difference(self._live.outline.root, scope, before, now))

    async def _full_tree(self) -> Object:
        tree = await self._live.tree()
        self._counters.age(tree, self._live.clock())
        return tree

    def _scope(self, places: tuple[Place, ...], manner: Manner = _AT_ONCE) -> Scope:
        gap = steps_of(self._live.outline, self._live.quirks.missing_counter)
        models = self._asked.models

        def wanted(node: Node) -> bool:
            if manner.unsteady and node.parent is not None and node.name in node.parent.keys:
                return False  # there only to name its entry
            return (not models or node.module in models) and not (gap and node is gap[-1].node)

        return Scope(places, self._asked.depth, wanted)

    def _told(self, changes: Changes) -> Iterator[Reply]:
        """The messages that tell it."""
        asked = self._asked.request.prefix
        skip = len(asked.elem)
        deletes = list(changes.deletes)
        if deletes and self._live.quirks.no_delete_notifications:
            self._live.meet("no_delete_notifications")
            deletes.clear()
        gone = [self._paths.unbind(place, skip=skip) for place in deletes]
        prefix = asked if self._asked.request.HasField("prefix") else None
        for at in range(0, max(len(changes.updates), 1), _BATCH):
            updates = [self._update(leaf, skip) for leaf in changes.updates[at : at + _BATCH]]
            if updates or gone:
                yield self._message(gnmi_pb2.Notification(prefix=prefix, update=updates, delete=gone))
            gone = []
        for container, leaves in changes.wholes:
            above = self._paths.unbind(container)
            above.target, above.origin = asked.target, asked.origin
            updates = [self._update(leaf, len(container.steps)) for leaf in leaves]
            yield self._message(gnmi_pb2.Notification(prefix=above, update=updates, atomic=True))

    def _update(self, leaf: Leaf, skip: int) -> gnmi_pb2.Update:
        assert leaf.place.node is not None
        encoding = self._asked.request.encoding
        value = typed(leaf.place.node, leaf.value, encoding, loose=is_loose(self._live, encoding))
        return gnmi_pb2.Update(path=self._paths.unbind(leaf.place, skip=skip), val=value)

    def _message(self, notification: gnmi_pb2.Notification) -> Reply:
        notification.timestamp = self._live.clock()
        return Reply(bytes(gnmi_pb2.SubscribeResponse(update=notification).SerializeToString()))


def _any_unsteady(watches: list[_Watch]) -> bool:
    return any(watch.manner.unsteady for watch in watches)


def _check_poll(request: bytes) -> None:
    if read(gnmi_pb2.SubscribeRequest, request).WhichOneof("request") != "poll":
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "after the subscription only polls are taken")


def _check_ended(more: asyncio.Future[bytes | None]) -> None:
    """A client that has said its last goes on listening; one that says more is wrong (section 3.5.1.1)."""
    if more.exception() is None and more.result() is not None:
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "a stream takes no message after the subscription")
