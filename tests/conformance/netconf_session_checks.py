"""What is checked of sessions over NETCONF: candidate, locks, confirmed commits, notifications (RFC 6241, 5277, 6470).

Part of the list in netconf_checks.py.
"""

from __future__ import annotations

import time

from checking import Check, RefusedError, refused
from netconf_dialogue import (
    NC,
    NetconfClient,
    configured,
    eventually,
    interface,
    put,
)


def _validate(client: NetconfClient, number: int) -> None:
    client.edit_config(interface(number, "<mtu>9000</mtu>"))
    client.validate("candidate")
    client.discard()


def _discard(client: NetconfClient, number: int) -> None:
    client.edit_config(interface(number, "<mtu>9000</mtu>"))
    client.discard()
    client.commit()
    assert not configured(client, number, "mtu", "9000")


def _locks(client: NetconfClient, number: int) -> None:
    other = client.another()
    try:
        client.lock("running")
        refused("lock-denied", lambda: other.lock("running"))
        client.unlock("running")
        other.lock("running")
        other.unlock("running")
    finally:
        other.close()


def _locks_die(client: NetconfClient, number: int) -> None:
    other = client.another()
    other.lock("candidate")
    other.close()
    eventually(lambda: _locked(client, "candidate"))
    client.unlock("candidate")


def _locked(client: NetconfClient, target: str) -> bool:
    try:
        client.lock(target)
    except RefusedError:
        return False
    return True


def _kill(client: NetconfClient, number: int) -> None:
    client.session_id()  # not every client tells it
    other = client.another()
    other.lock("running")
    client.rpc(f'<kill-session xmlns="{NC}"><session-id>{other.session_id()}</session-id></kill-session>')
    eventually(lambda: _locked(client, "running"))
    client.unlock("running")


def _confirmed(client: NetconfClient, number: int) -> None:
    client.edit_config(interface(number, "<mtu>9000</mtu>"))
    client.commit_confirmed(300, f"id-{number}")
    assert configured(client, number, "mtu", "9000")
    client.commit_persisted(f"id-{number}")
    assert configured(client, number, "mtu", "9000")


def _cancelled(client: NetconfClient, number: int) -> None:
    client.edit_config(interface(number, "<mtu>9000</mtu>"))
    client.commit_confirmed(300, f"id-{number}")
    client.cancel_commit(f"id-{number}")
    assert not configured(client, number, "mtu", "9000")


def _expired(client: NetconfClient, number: int) -> None:
    client.edit_config(interface(number, "<mtu>9000</mtu>"))
    client.commit_confirmed(1, f"id-{number}")
    eventually(lambda: not configured(client, number, "mtu", "9000"))


def _wrong_id(client: NetconfClient, number: int) -> None:
    client.edit_config(interface(number, "<mtu>9000</mtu>"))
    client.commit_confirmed(300, f"id-{number}")
    refused("invalid-value", lambda: client.commit_persisted("another"))
    client.cancel_commit(f"id-{number}")


def _other_session_confirms(client: NetconfClient, number: int) -> None:
    other = client.another()
    other.edit_config(interface(number, "<mtu>9000</mtu>"))
    other.commit_confirmed(300, f"id-{number}")
    other.close()
    client.commit_persisted(f"id-{number}")
    assert configured(client, number, "mtu", "9000")


def _notification(client: NetconfClient, number: int) -> None:
    listener = client.another()
    try:
        listener.subscribe()
        put(client, number, "<mtu>9000</mtu>")
        deadline = time.monotonic() + 30
        while "netconf-config-change" not in (said := listener.notification(deadline - time.monotonic())):
            assert time.monotonic() < deadline
        assert "Ethernet" in said or "interfaces" in said
    finally:
        listener.close()


SESSIONS: dict[str, Check[NetconfClient]] = {
    "validate": _validate,
    "discard-changes": _discard,
    "lock-denied": _locks,
    "locks die with their session": _locks_die,
    "kill-session": _kill,
    "confirmed commit, confirmed": _confirmed,
    "confirmed commit, cancelled": _cancelled,
    "confirmed commit, expired": _expired,
    "confirmed commit, wrong id": _wrong_id,
    "confirmed by another session": _other_session_confirms,
    "config-change notification": _notification,
}
