"""Commits over NETCONF: commit and cancel-commit, confirmed or not (RFC 6241 sections 8.3 and 8.4), and the operation
of a switch that does it in its own way (quirk 42).

Called by the dispatch of operations, for operations that the switch offers. What is pending belongs to the datastore.
"""

from __future__ import annotations

from lxml import etree

from fabricd.errors import InputError
from fabricd.simulator.confirmed import CommitError, CommitFault, Confirm
from fabricd.simulator.faults import Rpc
from fabricd.simulator.live import Live
from fabricd.simulator.netconf.errors import BASE, missing
from fabricd.simulator.netconf.offer import OWN, Offer
from fabricd.simulator.netconf.parameters import child, invalid, only, seconds
from fabricd.simulator.netconf.peers import Session
from fabricd.simulator.netconf.write import OK, ValidationError

_SECONDS = 600
_OWN_ID = "commit-configuration"
_LONGEST_ID = 1_000


class Committer:
    """Shared by all sessions of a switch."""

    def __init__(self, live: Live, offer: Offer) -> None:
        self._live = live
        self._offer = offer

    def purpose(self, rpc: etree._Element) -> Rpc:
        """What a commit is for: to confirm what is pending, or to make something new run."""
        confirmed = any(child(rpc, "confirmed", space) is not None for space in (BASE, OWN))
        return Rpc.CONFIRM if self._live.datastore.pending is not None and not confirmed else Rpc.COMMIT

    async def commit(self, session: Session, rpc: etree._Element) -> str:
        offer = self._offer
        names = ("confirmed", "confirm-timeout", "persist", "persist-id") if offer.confirmed_commit else ()
        only(rpc, *names)
        timeout = seconds(rpc, "confirm-timeout", _SECONDS)
        persist, identifier = _token(rpc, "persist"), _token(rpc, "persist-id")
        if child(rpc, "confirmed") is None:
            if persist is not None or child(rpc, "confirm-timeout") is not None:
                raise missing("confirmed")
            await self._commit(session, None, self._identifier(identifier))
            return OK
        # A follow-up without a new token keeps the one it names.
        confirm = Confirm(timeout, persist or identifier or "", session.id)
        await self._commit(session, confirm, self._identifier(identifier))
        if offer.own_confirmed_commit:
            self._live.meet("own_confirmed_commit")
            await self._live.datastore.cancel(confirm.id or None, session.id)
        return OK

    async def cancel_commit(self, session: Session, rpc: etree._Element) -> str:
        only(rpc, "persist-id")
        await self._live.datastore.cancel(self._identifier(_token(rpc, "persist-id")), session.id)
        return OK

    async def commit_configuration(self, session: Session, rpc: etree._Element) -> str:
        """<commit-configuration xmlns="urn:fabricd:simulator"> with <confirmed/> and <confirm-timeout> in seconds: any
        session's next commit, of either kind, confirms it."""
        only(rpc, "confirmed", "confirm-timeout", namespace=OWN)
        timeout = seconds(rpc, "confirm-timeout", _SECONDS, OWN)
        confirm = None
        if child(rpc, "confirmed", OWN) is not None:
            confirm = Confirm(timeout, _OWN_ID)
        await self._commit(session, confirm, self._identifier(None))
        return OK

    def _identifier(self, given: str | None) -> str | None:
        pending = self._live.datastore.pending
        return _OWN_ID if given is None and pending is not None and pending.id == _OWN_ID else given

    async def _commit(self, session: Session, confirm: Confirm | None, identifier: str | None) -> None:
        try:
            await self._live.datastore.commit(session.id, confirm=confirm, identifier=identifier)
        except InputError as error:
            raise ValidationError.of(error.problems) from error
        except CommitError as error:
            if error.fault is CommitFault.NONE:
                raise invalid("persist-id", identifier or "") from error
            raise


def _token(rpc: etree._Element, name: str) -> str | None:
    element = child(rpc, name)
    if element is None:
        return None
    given = element.text or ""
    if not given or len(given) > _LONGEST_ID:
        raise invalid(name, given[:60])
    return given
