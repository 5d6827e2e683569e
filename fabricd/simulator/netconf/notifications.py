"""Notifications of one simulated switch over NETCONF: the stream, subscriptions, replay (RFC 5277).

Hears the datastore and the sessions, hands notices to the sessions that subscribed. Does not move messages.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lxml import etree

from fabricd.simulator.datastore import Changed, Event
from fabricd.simulator.live import Live
from fabricd.simulator.netconf.errors import RpcError, missing
from fabricd.simulator.netconf.events import Person, config_change, confirmed_commit
from fabricd.simulator.netconf.filter import Filter, filter_of, filtered_xml, selected
from fabricd.simulator.netconf.monitoring import time_text
from fabricd.simulator.netconf.offer import NOTIFICATION, STREAMS, Offer
from fabricd.simulator.netconf.parameters import only, text
from fabricd.simulator.netconf.peers import Session, Subscription
from fabricd.simulator.netconf.write import OK
from fabricd.simulator.netconf.xpath import XPath

_STREAM = "NETCONF"
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification: when, in nanoseconds since 1970, its content as XML, and which one of the stream it is, 0 for
    what is about a subscription only."""

    time: int
    content: str
    number: int = 0

    def message(self) -> bytes:
        """As it goes out."""
        when = time_text(self.time)
        return (
            f'<notification xmlns="{NOTIFICATION}"><eventTime>{when}</eventTime>{self.content}</notification>'
        ).encode()


class Subscriber(Protocol):
    """A session that subscribed."""

    def tell(self, notice: Notice) -> None:
        """Send it some time; must not wait."""
        ...


class Notifications:
    """The stream NETCONF of one switch."""

    def __init__(
        self,
        live: Live,
        username: str,
        offer: Offer,
        subscribers: Callable[[], list[Subscriber]],
        source: Callable[[int], str],
    ) -> None:
        """`username` is whom everybody logs in as, `subscribers` gives the sessions that are to be told, `source` the
        address of a session's client."""
        self._live = live
        self._offer = offer
        self._subscribers = subscribers
        self._source = source
        self._username = username
        self._replay: deque[Notice] = deque()
        self._created = 0
        self._aged = 0  # when the last one that is kept no more was told; 0: all are kept
        # Every change takes longer in the schema workers than its notice, so that this cannot grow without end.
        self._waiting: asyncio.Queue[tuple[int, int, Callable[[], str]]] = asyncio.Queue()
        self.last = 0
        """The number of what happened last, whether or not it was told yet."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen to the datastore."""
        self._created, self._aged = self._live.clock(), 0
        self._live.listeners.append(self._heard)
        self._task = asyncio.get_running_loop().create_task(self._work())

    def stop(self) -> None:
        """Forget what was not told yet, and what is kept for replay."""
        if self._task is not None:
            self._live.listeners.remove(self._heard)
            self._task.cancel()
            self._task = None
        self._replay.clear()
        while not self._waiting.empty():
            self._waiting.get_nowait()

    def tell(self, write: Callable[[], str]) -> None:
        """Something happened; `write` gives its XML, and is called in a worker. Nobody listens: nothing is written."""
        if self._task is not None and (self._offer.replay or self._subscribers()):
            self.last += 1
            self._waiting.put_nowait((self._live.clock(), self.last, write))

    def person(self, session: int | None) -> Person:
        """Whoever is behind a session's id."""
        return Person(self._username, session or 0, self._source(session) if session else "")

    async def create_subscription(self, session: Session, rpc: etree._Element) -> str:
        """RFC 5277 section 2.1.1."""
        only(rpc, "stream", "filter", "startTime", "stopTime", namespace=NOTIFICATION)
        stream = text(rpc, "stream", NOTIFICATION)
        if stream not in (None, _STREAM):
            raise RpcError("invalid-value", f"there is no stream {stream}", kind="protocol",
                           info={"bad-element": "stream"})  # fmt: skip
        if session.subscription is not None:
            raise RpcError("operation-failed", "this session has a subscription", kind="protocol")
        start, stop = _time(rpc, "startTime"), _time(rpc, "stopTime")
        if stop and not start:
            raise missing("startTime")
        if start > self._live.clock():
            raise _bad_time("startTime", "it is in the future")
        if stop and stop < start:
            raise _bad_time("stopTime", "it is before startTime")
        if start and not self._offer.replay:
            raise RpcError("operation-failed", "notifications are not kept for replay", kind="protocol")
        subscription = Subscription(filter_of(rpc, NOTIFICATION), start, stop)
        await self.passes(Notice(0, "<none/>"), subscription.wanted)  # raises for an expression that makes no sense
        session.subscribe(subscription)
        return OK

    def kept(self, subscription: Subscription) -> list[Notice]:
        """The past that was asked for, which is told first (RFC 5277 section 3.3.1)."""
        if not subscription.start:
            return []
        # What is kept has happened, even when the clock was set back since.
        return [
            notice
            for notice in self._replay
            if subscription.start <= notice.time and not (subscription.stop and notice.time > subscription.stop)
        ]

    def replay_complete(self) -> Notice:
        """What follows the past."""
        return Notice(self._live.clock(), f'<replayComplete xmlns="{STREAMS}"/>')

    def complete(self) -> Notice:
        """What a subscription that came to its stopTime ends with."""
        return Notice(self._live.clock(), f'<notificationComplete xmlns="{STREAMS}"/>')

    async def passes(self, notice: Notice, wanted: Filter) -> bool:
        """Whether a filter lets a notice pass, which is then told as a whole (RFC 5277 section 3.6). Raises RpcError
        for an expression that makes no sense."""
        if wanted is None:
            return True
        if isinstance(wanted, XPath):
            return bool(await self._live.engine.run(lambda: selected(self._live.outline, notice.content, wanted)))
        return bool(await self._live.engine.run(lambda: filtered_xml(notice.content, wanted)))

    def streams_state(self) -> str:
        """/netconf/streams (RFC 5277 section 3.2.5.1), nothing without notifications."""
        if not self._offer.notifications:
            return ""
        kept = bool(self._offer.replay)
        log = f"<replayLogCreationTime>{time_text(self._created)}</replayLogCreationTime>" if kept else ""
        if kept and self._aged:
            log += f"<replayLogAgedTime>{time_text(self._aged)}</replayLogAgedTime>"
        return (
            f'<netconf xmlns="{STREAMS}"><streams><stream><name>{_STREAM}</name><description>Changes of configuration, '
            f"sessions and confirmed commits</description><replaySupport>{str(kept).lower()}</replaySupport>{log}"
            "</stream></streams></netconf>"
        )

    def _heard(self, event: Event) -> None:
        by = self.person(event.session)
        if isinstance(event, Changed):
            author = None if event.session is None else by
            self.tell(lambda: config_change(self._live.outline, event, author))
        else:
            self.tell(lambda: confirmed_commit(event, by))

    async def _work(self) -> None:
        while True:
            time, number, write = await self._waiting.get()
            notice = Notice(time, await self._live.engine.run(write), number)
            self._replay.append(notice)
            while len(self._replay) > self._offer.replay:
                self._aged = self._replay.popleft().time
            for subscriber in self._subscribers():
                subscriber.tell(notice)


def _time(rpc: etree._Element, name: str) -> int:
    """Nanoseconds since 1970; 0 when it is not given."""
    given = text(rpc, name, NOTIFICATION)
    if given is None:
        return 0
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise _bad_time(name, "it is no date-and-time") from error
    if moment.tzinfo is None:
        raise _bad_time(name, "it has no time zone")
    return int(moment.timestamp()) * _NANOSECONDS + moment.microsecond * 1000


def _bad_time(name: str, reason: str) -> RpcError:
    return RpcError("bad-element", f"{name}: {reason}", kind="protocol", info={"bad-element": name})
