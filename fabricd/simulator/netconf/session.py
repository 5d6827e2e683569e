"""One NETCONF session of a simulated switch (RFC 6242): hello, framing, requests in order, replies, notifications.

Made by the server for each SSH channel. Knows nothing of what operations do; spoils what it sends when a fault says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

import asyncssh
from lxml import etree

from fabricd.errors import FabricdError, InputError
from fabricd.model import clark
from fabricd.simulator.config import SimulationConfig
from fabricd.simulator.faults import DroppedError, Fault, Kind, RefusedError, Rpc
from fabricd.simulator.live import Live
from fabricd.simulator.netconf.errors import BASE, RpcError, SeveralError, errors_of, written
from fabricd.simulator.netconf.framing import Framer, FramingError, framed
from fabricd.simulator.netconf.notifications import Notice, Notifications
from fabricd.simulator.netconf.offer import BASE_1_0, BASE_1_1, hello
from fabricd.simulator.netconf.operations import Answer, Operations
from fabricd.simulator.netconf.peers import Counters, ServerCounters, Subscription
from fabricd.simulator.netconf.write import ValidationError
from fabricd.simulator.netconf.xml import MalformedError, attributes_written, parsed

log = logging.getLogger(__name__)

_QUEUED = 32
_MOST_NOTICES = 256
_HELLO_SECONDS = 30.0
_NANOSECONDS = 1_000_000_000
_GARBAGE = b"\x00\xff\xfe%%% no protocol at all %%%\n"


class Server(Protocol):
    """The server, as its sessions see it."""

    live: Live
    config: SimulationConfig
    counters: ServerCounters
    operations: Operations
    notifications: Notifications
    capabilities: tuple[str, ...]

    def new_session_id(self) -> int: ...

    def opened(self, session: NetconfSession) -> None:
        """A session begins."""
        ...

    def greeted(self, session: NetconfSession) -> None:
        """A session's hello was understood."""
        ...

    def gone(self, session: NetconfSession, reason: str, killer: int, *, greeted: bool) -> None:
        """A session ended, for a termination-reason of RFC 6470. May be told twice."""
        ...


class NetconfSession(asyncssh.SSHServerSession[bytes]):
    """One session: messages are carried out one after the other, in the order they came."""

    def __init__(self, server: Server) -> None:
        self.id = server.new_session_id()
        self.username = ""
        self.source = ""
        self.started = server.live.clock()
        self.counters = Counters()
        self.subscription: Subscription | None = None
        self._server = server
        self._framer = Framer(self._limit)
        self._messages: asyncio.Queue[bytes | FramingError] = asyncio.Queue()
        self._notices: asyncio.Queue[Notice] = asyncio.Queue(_MOST_NOTICES)
        self._since = 0  # the number of the last notice from before this session subscribed
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._task: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._greeted = False
        self._ending = ""  # why, once it is to end
        self._waiting = 0  # bytes of messages that were not looked at yet
        self._paused = False
        self._writing = asyncio.Lock()
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def _limit(self) -> int:
        """Bytes of the largest message, either way (quirk 38)."""
        most = self._server.config.max_message_bytes
        return min(self._server.live.quirks.message_bytes or most, most)

    # asyncssh calls these

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan
        self.username = str(chan.get_extra_info("username") or "")
        self.source = str((chan.get_extra_info("peername") or ("",))[0])
        self._server.opened(self)

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "netconf"

    def session_started(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work())

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        try:
            for message in self._framer.feed(data):
                if not self._greeted:
                    self._hello(message)
                else:
                    self._messages.put_nowait(message)
                    self._waiting += len(message)
        except FramingError as error:
            self._messages.put_nowait(error)
        behind = self._messages.qsize() > _QUEUED or self._waiting > self._limit
        if behind and self._channel is not None and not self._paused:
            self._paused = True
            self._channel.pause_reading()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone(self._ending or "dropped")

    # the server and the operations call these

    def end(self) -> None:
        """Close after the reply to the current operation."""
        self._ending = "closed"

    def cut(self, reason: str, killer: int = 0) -> None:
        """Close at once; locks are released before this returns. `reason` is a termination-reason of RFC 6470."""
        self._gone(reason, killer)
        if self._channel is not None:
            self._channel.get_connection().abort()

    def subscribe(self, subscription: Subscription) -> None:
        """Tell from now on, beginning after the reply to the current operation."""
        self.subscription = subscription
        self._since = self._server.notifications.last
        past = self._server.notifications.kept(subscription)
        self._telling = asyncio.get_running_loop().create_task(self._tell_all(past, subscription))

    def tell(self, notice: Notice) -> None:
        """Send a notice when it is this session's turn. One that reads too slowly is cut."""
        subscription = self.subscription
        if subscription is None or (subscription.stop and notice.time > subscription.stop):
            return
        # Not by the clock, which may have been set back.
        if notice.number <= self._since and not (subscription.start and notice.time >= subscription.start):
            return
        try:
            self._notices.put_nowait(notice)
        except asyncio.QueueFull:
            log.info("%s: NETCONF session %d reads too slowly and is cut", self._server.live.name, self.id)
            self.cut("other")

    def _gone(self, reason: str, killer: int = 0) -> None:
        self._server.gone(self, reason, killer, greeted=self._greeted)
        for task in (self._task, self._telling):
            if task is not None:
                task.cancel()

    def _hello(self, message: bytes) -> None:
        """The client's hello decides the framing (RFC 6242 section 4.1). Raises FramingError for anything else."""
        try:
            root = parsed(message)
        except MalformedError as error:
            raise FramingError("the first message is not a hello") from error
        uris = {(one.text or "").strip() for one in root.iter(f"{{{BASE}}}capability")}
        if root.tag != f"{{{BASE}}}hello" or root.find(f"{{{BASE}}}session-id") is not None:
            raise FramingError("the first message is not a client's hello")
        if not uris & {BASE_1_0, BASE_1_1}:
            raise FramingError("no version of NETCONF in common")
        self._framer.chunked = BASE_1_1 in uris
        self._greeted = True
        self._server.greeted(self)

    async def _work(self) -> None:
        try:
            await self._greet()
            while not self._ending:
                if self._greeted:
                    message = await self._messages.get()
                else:
                    message = await asyncio.wait_for(self._messages.get(), _HELLO_SECONDS)
                self._waiting -= 0 if isinstance(message, FramingError) else len(message)
                caught_up = self._messages.qsize() <= _QUEUED // 2 and self._waiting <= self._limit // 2
                if self._paused and caught_up and self._channel is not None:
                    self._paused = False
                    self._channel.resume_reading()
                await self._handle(message)
        except DroppedError:
            self.cut("dropped")
        except TimeoutError:
            self.cut("timeout")
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("%s: NETCONF session %d failed", self._server.live.name, self.id)
            self.cut("other")
        else:
            # Not when the client has closed too: it may be gone (RFC 6241 section 7.8).
            self._gone(self._ending)
            if self._channel is not None:
                self._channel.exit(0)

    async def _greet(self) -> None:
        server = self._server
        if server.live.quirks.error_before_hello:
            server.live.meet("error_before_hello")
            early = RpcError("operation-failed", "not all of the system is up", warning=True)
            text = written(early, {}).replace("<rpc-error>", f'<rpc-error xmlns="{BASE}">', 1)
            await self._send(text.encode(), chunked=False)
        try:
            await server.live.faults.strike(Rpc.HELLO)
        except RefusedError as error:
            text = "".join(written(one, {}) for one in errors_of(error))
            await self._send(f'<rpc-reply xmlns="{BASE}">{text}</rpc-reply>'.encode(), chunked=False)
            self._ending = "other"
            return
        fault = await server.live.faults.strike(Rpc.HELLO, after=True)
        message = hello(server.capabilities, self.id)
        if fault is not None and fault.kind is Kind.WRONG:
            message = f'<rpc-reply xmlns="{BASE}" message-id="1"><ok/></rpc-reply>'.encode()
        server.counters.in_sessions += 1
        await self._send(message, fault, chunked=False)

    async def _handle(self, message: bytes | FramingError) -> None:
        if isinstance(message, FramingError):
            if self._greeted:
                self._count(in_bad_rpcs=1)
                tag = "too-big" if message.too_big else "malformed-message"
                await self._refuse([RpcError(tag, message.message, kind="rpc")])
            self._ending = "other" if self._greeted else "bad-hello"
            return
        try:
            rpc = parsed(message)
        except MalformedError as error:
            self._count(in_bad_rpcs=1)
            if self._framer.chunked:
                await self._refuse([RpcError("malformed-message", str(error), kind="rpc")])
            else:
                self._ending = "other"  # base:1.0 has no malformed-message (RFC 6241 appendix A)
            return
        attributes = {str(name): str(value) for name, value in rpc.attrib.items()}
        answer = await self._answer(rpc)
        await self._reply(attributes, rpc.nsmap, answer)

    async def _answer(self, rpc: etree._Element) -> Answer:
        try:
            if rpc.tag != f"{{{BASE}}}rpc":
                self._count(in_bad_rpcs=1)
                raise RpcError("unknown-element", "an rpc belongs here", kind="rpc",
                               info={"bad-element": clark.local(rpc.tag)})  # fmt: skip
            if "message-id" not in rpc.attrib:
                self._count(in_bad_rpcs=1)
                raise RpcError("missing-attribute", "message-id is missing", kind="rpc",
                               info={"bad-attribute": "message-id", "bad-element": "rpc"})  # fmt: skip
            self._count(in_rpcs=1)
            return await self._server.operations.answer(self, rpc)
        except DroppedError:
            raise
        except RefusedError as error:
            told = error.quoting(etree.tostring(rpc, encoding="unicode"), self._server.config.password)
            return Answer(self._errors(list(errors_of(told))))
        except FabricdError as error:
            whole = isinstance(error, ValidationError)
            if not isinstance(error, InputError | RpcError | SeveralError):
                log.debug("%s: session %d: %s", self._server.live.name, self.id, error)
            return Answer(self._errors(list(errors_of(error, whole=whole))))

    def _errors(self, errors: list[RpcError]) -> str:
        self._count(out_rpc_errors=1)  # a reply, whatever is in it
        return "".join(written(error, self._server.live.outline.namespaces) for error in errors)

    def _count(self, *, in_rpcs: int = 0, in_bad_rpcs: int = 0, out_rpc_errors: int = 0, told: int = 0) -> None:
        for counters in (self.counters, self._server.counters):
            counters.in_rpcs += in_rpcs
            counters.in_bad_rpcs += in_bad_rpcs
            counters.out_rpc_errors += out_rpc_errors
            counters.out_notifications += told

    async def _refuse(self, errors: list[RpcError]) -> None:
        await self._reply({}, {}, Answer(self._errors(errors)))

    async def _reply(self, attributes: Mapping[str, str], nsmap: Mapping[str | None, str], answer: Answer) -> None:
        """Every attribute of the <rpc> is returned (RFC 6241 section 4.2)."""
        content, fault = answer.content, answer.fault
        if fault is not None and fault.kind is Kind.WRONG:
            attributes = {**attributes, "message-id": f"not-{attributes.get('message-id', '')}"}
        if fault is not None and fault.kind in _BESIDE:
            usual = _BESIDE[fault.kind]
            beside = RpcError(usual.tag, fault.message or usual.message, warning=usual.warning)
            content = written(beside, {}) + content
        start = f'<rpc-reply xmlns="{BASE}"{attributes_written(attributes, nsmap)}>'
        message = f"{start}{content}</rpc-reply>".encode()
        if len(message) > self._limit:
            self._server.live.meet("message_bytes")
            too_big = RpcError("too-big", f"the answer has {len(message)} bytes, more than {self._limit}", kind="rpc")
            message = f"{start}{self._errors([too_big])}</rpc-reply>".encode()
        await self._send(message, fault, chunked=self._framer.chunked)

    async def _send(self, message: bytes, fault: Fault | None = None, *, chunked: bool) -> None:
        """Write one message as a whole, or as a fault has it, and wait until there is room for another. Raises
        DroppedError when the fault cuts the connection."""
        data = framed(message, chunked=chunked)
        kind = None if fault is None else fault.kind
        async with self._writing:
            if kind is Kind.GARBAGE:
                self._write(_GARBAGE)
            elif kind in (Kind.STALL_INSIDE, Kind.CUT_INSIDE):
                half = len(data) // 2
                self._write(data[:half])
                if kind is Kind.CUT_INSIDE:
                    await self._writable.wait()
                    raise DroppedError("connection cut inside an answer on purpose")
                await self._server.live.faults.hold()
                self._write(data[half:])
            else:
                self._write(data)
            await self._writable.wait()

    def _write(self, data: bytes) -> None:
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write(data)

    async def _tell_all(self, past: list[Notice], subscription: Subscription) -> None:
        """Send notices as they come, until the subscription's stopTime if it has one."""
        live, notifications = self._server.live, self._server.notifications
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if subscription.stop:
            over = asyncio.ensure_future(live.sleep(max(0.0, (subscription.stop - live.clock()) / _NANOSECONDS)))
        try:
            for notice in past:
                await self._notify(notice, subscription)
            if subscription.start:
                await self._notify(notifications.replay_complete())
            while (coming := await self._next(over)) is not None:
                await self._notify(coming, subscription)
            self.subscription = None
            await self._notify(notifications.complete())
        except DroppedError:
            self.cut("dropped")
        finally:
            over.cancel()

    async def _next(self, over: asyncio.Future[None]) -> Notice | None:
        """The next notice to tell; None when it is over and there is none left."""
        coming = asyncio.ensure_future(self._notices.get())
        try:
            await asyncio.wait((coming, over), return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else None
        finally:
            coming.cancel()

    async def _notify(self, notice: Notice, subscription: Subscription | None = None) -> None:
        """Send a notice, unless it is not what this subscription asks for."""
        if subscription is not None and not await self._server.notifications.passes(notice, subscription.wanted):
            return
        faults = self._server.live.faults
        try:
            fault = await faults.strike(Rpc.NOTIFY) or await faults.strike(Rpc.NOTIFY, after=True)
        except RefusedError:
            return  # lost on its way: nobody is told that there was one
        if fault is not None and fault.kind is Kind.WRONG:
            notice = Notice(0, '<nothing xmlns="urn:fabricd:simulator"/>')
        times = fault.count if fault is not None and fault.kind is Kind.FLOOD else 1
        message = notice.message()
        for _ in range(times):
            await self._send(message, fault, chunked=self._framer.chunked)
            self._count(told=1)


_BESIDE = {
    Kind.WARNS: RpcError("operation-failed", "something is odd", warning=True),
    Kind.CONTRADICTS: RpcError("operation-failed", "failed on purpose"),
}
"""What stands beside an answer that says otherwise."""
