"""NETCONF over SSH for one simulated switch (RFC 6242): listening, login, and its sessions together.

Made by the switch. What a session does with its messages is in session, what operations do in
operations. Knows no gNMI.
"""

from __future__ import annotations

import hmac
import itertools
from collections.abc import Callable

import asyncssh

from fabricd.errors import FabricdError
from fabricd.simulator.config import SimulationConfig
from fabricd.simulator.live import Live
from fabricd.simulator.netconf.events import Person, session_end, session_start
from fabricd.simulator.netconf.library import content_id, library_state
from fabricd.simulator.netconf.monitoring import monitoring_state
from fabricd.simulator.netconf.notifications import Notifications, Subscriber
from fabricd.simulator.netconf.offer import capabilities, offer_of
from fabricd.simulator.netconf.operations import Operations
from fabricd.simulator.netconf.peers import ServerCounters
from fabricd.simulator.netconf.session import NetconfSession
from fabricd.simulator.trust import Identity

_MOST_SILENT = 256


class NetconfServer:
    """One listening port and its sessions. `start` after `stop` listens on the same port again."""

    def __init__(self, live: Live, config: SimulationConfig, identity: Identity) -> None:
        self.live = live
        self.config = config
        self.sessions: dict[int, NetconfSession] = {}
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.counters = ServerCounters()
        self.silent = 0
        """Sessions too many that get no answer (quirk 40)."""
        self._offer = offer_of(live.config, live.quirks)
        self.capabilities = capabilities(live.outline, self._offer, content_id(live.outline, self._offer))
        """Capability URIs of the hello. They stay what they are, so that no change of them is ever told."""
        self.notifications = Notifications(live, config.username, self._offer, self._subscribers, self._source)
        self.operations = Operations(live, self, self._offer, self.notifications, self._own_state)
        self.authorized = [asyncssh.import_public_key(line) for line in config.authorized_keys]
        self._host_key = asyncssh.import_private_key(identity.host_key)
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._ids = itertools.count(1)

    async def start(self, port: int) -> int:
        """Listen on `port` (0: any) and return it. Raises FabricdError when it is taken."""
        try:
            self._acceptor = await asyncssh.listen(
                self.config.host,
                port,
                server_factory=lambda: _Login(self),
                server_host_keys=[self._host_key],
                encoding=None,
                allow_pty=False,
                agent_forwarding=False,
                compression_algs=None,
                gss_host=None,
                login_timeout=30,
            )
        except OSError as error:
            raise FabricdError(f"{self.live.name}: cannot listen on {self.config.host}:{port}: {error}") from error
        self.counters = ServerCounters(started=self.live.clock())
        self.operations.restarted()
        self.notifications.start()
        return self._acceptor.get_port()

    def present(self, identity: Identity) -> None:
        """Show another host key from the next connection on."""
        self._host_key = asyncssh.import_private_key(identity.host_key)
        if self._acceptor is not None:
            self._acceptor.update(server_host_keys=[self._host_key])

    async def stop(self) -> None:
        """Cut every session and stop listening."""
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is None:
            return
        acceptor.close()
        for session in list(self.sessions.values()):
            session.cut("other")
        self.notifications.stop()
        for connection in list(self.connections):
            connection.abort()
        await acceptor.wait_closed()

    def new_session_id(self) -> int:
        return next(self._ids)

    @property
    def full(self) -> bool:
        """One session more is too many."""
        limit = self.live.quirks.sessions
        if limit is not None and len(self.sessions) >= limit:
            self.live.meet("sessions")
            return True
        return len(self.sessions) >= self.config.max_sessions

    def opened(self, session: NetconfSession) -> None:
        """A session begins."""
        self.sessions[session.id] = session

    def greeted(self, session: NetconfSession) -> None:
        """A session's hello was understood: it exists for everybody else from now on."""
        who = self._person(session)
        self.notifications.tell(lambda: session_start(who))

    def gone(self, session: NetconfSession, reason: str, killer: int, *, greeted: bool) -> None:
        """A session ended: its locks, its candidate and its confirmed commit go with it. May be told twice."""
        if self.sessions.pop(session.id, None) is None:
            return
        self.live.datastore.release(session.id)
        self.counters.dropped_sessions += reason not in ("closed", "killed", "bad-hello")
        self.counters.in_bad_hellos += reason == "bad-hello"
        if not greeted:
            return
        who = self._person(session)
        self.notifications.tell(lambda: session_end(who, reason, killer))

    def kill(self, session: int, by: int) -> bool:
        """Cut a session on behalf of another; False when there is none of that id."""
        found = self.sessions.get(session)
        if found is None:
            return False
        found.cut("killed", by)
        return True

    def open(self) -> list[NetconfSession]:
        """Those that are open."""
        return list(self.sessions.values())

    def _subscribers(self) -> list[Subscriber]:
        return [session for session in self.sessions.values() if session.subscription is not None]

    def _source(self, session: int) -> str:
        found = self.sessions.get(session)
        return found.source if found is not None else ""

    def _person(self, session: NetconfSession) -> Person:
        return Person(session.username, session.id, session.source)

    def _own_state(self) -> Callable[[], str]:
        outline, offer = self.live.outline, self._offer
        monitoring = monitoring_state(outline, offer, self.capabilities, self, self.live.datastore)
        streams = self.notifications.streams_state()
        return lambda: monitoring() + library_state(outline, offer) + streams


class _Login(asyncssh.SSHServer):
    def __init__(self, server: NetconfServer) -> None:
        self._server = server
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._server.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        config = self._server.config
        return hmac.compare_digest(username.encode(), config.username.encode()) & hmac.compare_digest(
            password.encode(), config.password.encode()
        )

    def public_key_auth_supported(self) -> bool:
        return bool(self._server.authorized)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._server.config.username and key in self._server.authorized

    def session_requested(self) -> asyncssh.SSHServerSession[bytes] | bool:
        server = self._server
        if not server.full:
            return NetconfSession(server)
        if server.live.quirks.silent_when_full and server.silent < _MOST_SILENT:
            server.live.meet("silent_when_full")
            return _Silence(server)
        return False


class _Silence(asyncssh.SSHServerSession[bytes]):
    """A session too many of a switch that does not say so (quirk 40)."""

    def __init__(self, server: NetconfServer) -> None:
        self._server = server

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._server.silent += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.silent -= 1

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "netconf"
