"""The operations of one simulated switch's NETCONF server by name, and those about sessions and locks (RFC 6241).

Called by its sessions with a parsed <rpc>; returns the content of the <rpc-reply>. Knows nothing of SSH and framing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lxml import etree

from fabricd.model import clark
from fabricd.simulator.confirmed import CommitError
from fabricd.simulator.datastore import LockedError, Store
from fabricd.simulator.faults import Fault, Rpc
from fabricd.simulator.live import Live
from fabricd.simulator.netconf.commit import Committer
from fabricd.simulator.netconf.errors import BASE, RpcError, missing, unknown
from fabricd.simulator.netconf.notifications import Notifications
from fabricd.simulator.netconf.offer import MONITORING, NMDA, NOTIFICATION, OWN, Offer
from fabricd.simulator.netconf.parameters import only, store, text
from fabricd.simulator.netconf.peers import Session, Sessions
from fabricd.simulator.netconf.read import Reader
from fabricd.simulator.netconf.write import OK, Writer
from fabricd.simulator.netconf.xml import elements

Handler = Callable[[Session, etree._Element], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class _Operation:
    handler: Handler
    purpose: Rpc | Callable[[etree._Element], Rpc] | None = None
    """What faults know it as."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The content of a reply, and the fault that spoils it on its way."""

    content: str
    fault: Fault | None = None


class Operations:
    """Shared by all sessions of a switch."""

    def __init__(
        self,
        live: Live,
        sessions: Sessions,
        offer: Offer,
        notifications: Notifications,
        own_state: Callable[[], Callable[[], str]],
    ) -> None:
        """`own_state` gives what writes the state of the server itself."""
        self._live = live
        self._sessions = sessions
        self._offer = offer
        self._denied = 0
        reader, writer, committer = Reader(live, offer, own_state), Writer(live, offer), Committer(live, offer)
        self._by_name = {
            f"{{{BASE}}}get": _Operation(reader.get, Rpc.GET),
            f"{{{BASE}}}get-config": _Operation(reader.get_config, Rpc.GET),
            f"{{{NMDA}}}get-data": _Operation(reader.get_data, Rpc.GET),
            f"{{{MONITORING}}}get-schema": _Operation(reader.get_schema),
            f"{{{BASE}}}edit-config": _Operation(writer.edit_config, Rpc.SET),
            f"{{{NMDA}}}edit-data": _Operation(writer.edit_data, Rpc.SET),
            f"{{{BASE}}}copy-config": _Operation(writer.copy_config),
            f"{{{BASE}}}delete-config": _Operation(writer.delete_config),
            f"{{{BASE}}}validate": _Operation(writer.validate, Rpc.VALIDATE),
            f"{{{BASE}}}discard-changes": _Operation(writer.discard_changes, Rpc.DISCARD),
            f"{{{BASE}}}commit": _Operation(committer.commit, committer.purpose),
            f"{{{OWN}}}commit-configuration": _Operation(committer.commit_configuration, committer.purpose),
            f"{{{BASE}}}cancel-commit": _Operation(committer.cancel_commit, Rpc.CANCEL),
            f"{{{BASE}}}lock": _Operation(self._lock, Rpc.LOCK),
            f"{{{BASE}}}unlock": _Operation(self._unlock, Rpc.UNLOCK),
            f"{{{NOTIFICATION}}}create-subscription": _Operation(notifications.create_subscription, Rpc.SUBSCRIBE),
            f"{{{BASE}}}close-session": _Operation(self._close_session, Rpc.CLOSE),
            f"{{{BASE}}}kill-session": _Operation(self._kill_session),
        }

    async def answer(self, session: Session, rpc: etree._Element) -> Answer:
        """Carry out a request. Raises RpcError, SeveralError, ValidationError, InputError (a wrong value), LockedError,
        CommitError and what faults raise."""
        asked = elements(rpc)
        if len(asked) != 1:
            raise missing("operation") if not asked else unknown("", clark.local(asked[1].tag))
        name = clark.local(asked[0].tag)
        operation = self._by_name.get(str(asked[0].tag))
        if operation is None or not self._is_here(name):
            raise RpcError("operation-not-supported", f"there is no operation {name} here", kind="protocol")
        if session.subscription is not None and name != "close-session" and not self._offer.interleave:
            raise RpcError("operation-failed", "a session that subscribed only closes", kind="protocol")
        purpose = operation.purpose
        if purpose is not None and not isinstance(purpose, Rpc):
            purpose = purpose(asked[0])
        if purpose is None:
            return Answer(await operation.handler(session, asked[0]))
        await self._live.faults.strike(purpose)
        content = await operation.handler(session, asked[0])
        return Answer(content, await self._live.faults.strike(purpose, after=True))

    def _is_here(self, name: str) -> bool:
        offer = self._offer
        match name:
            case "commit" | "discard-changes":
                return offer.candidate
            case "cancel-commit":
                return offer.confirmed_commit
            case "commit-configuration":
                return offer.confirmed_commit and offer.own_confirmed_commit
            case "create-subscription":
                return offer.notifications
            case "delete-config":
                return offer.startup
            case _:
                return True

    def restarted(self) -> None:
        """The switch starts anew: a stuck lock is stuck again."""
        self._denied = 0

    async def _lock(self, session: Session, rpc: etree._Element) -> str:
        only(rpc, "target")
        target = store(rpc, "target", self._offer.stores)
        if target is Store.RUNNING and self._denied < (self._live.quirks.stuck_lock or 0):
            self._denied += 1
            self._live.meet("stuck_lock")
            raise RpcError("lock-denied", "", kind="protocol", info={"session-id": "0"})
        try:
            self._live.datastore.lock(target, session.id)
        except (LockedError, CommitError) as error:
            raise RpcError(
                "lock-denied", error.message, kind="protocol", info={"session-id": str(error.holder)}
            ) from error
        return OK

    async def _unlock(self, session: Session, rpc: etree._Element) -> str:
        only(rpc, "target")
        if not self._live.datastore.unlock(store(rpc, "target", self._offer.stores), session.id):
            raise RpcError("operation-failed", "this session does not hold the lock", kind="protocol")
        return OK

    async def _close_session(self, session: Session, rpc: etree._Element) -> str:
        only(rpc)
        session.end()
        return OK

    async def _kill_session(self, session: Session, rpc: etree._Element) -> str:
        only(rpc, "session-id")
        given = text(rpc, "session-id")
        if given is None:
            raise missing("session-id")
        number = int(given) if re.fullmatch("[0-9]{1,10}", given) else session.id
        if number == session.id or not self._sessions.kill(number, session.id):
            raise RpcError("invalid-value", f"there is no other session {given}", kind="protocol",
                           info={"bad-element": "session-id"})  # fmt: skip
        return OK
