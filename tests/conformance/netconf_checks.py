"""What is checked of a NETCONF server, written once for every client (RFC 6241, 6243, 5277, 6470, 6022, 8525, 8526).

Used by the netconf_*.py scripts.
"""

from __future__ import annotations

from contextlib import suppress

from checking import Check, RefusedError
from netconf_data_checks import DATA
from netconf_dialogue import NetconfClient
from netconf_session_checks import SESSIONS

CHECKS: dict[str, Check[NetconfClient]] = {**DATA, **SESSIONS}


def restore(client: NetconfClient, number: int) -> None:
    """Take back what a check that failed may have left for the others: a pending commit, a changed candidate. Its locks
    went with its session."""
    with suppress(RefusedError):
        client.cancel_commit(f"id-{number}")
    client.discard()
