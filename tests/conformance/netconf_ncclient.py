"""Stock ncclient, with the device handler named in the second argument. A process of its own; see checking.py."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from checking import RefusedError, run, where
from lxml import etree
from ncclient import manager
from ncclient.operations import RaiseMode, RPCError
from ncclient.xml_ import to_ele
from netconf_checks import CHECKS, restore
from netconf_dialogue import NC, NetconfClient

HANDLER = sys.argv[2]
# The handler for Junos sends Junos' own commit-configuration for commit.
OWN_COMMIT = HANDLER == "junos"
# Its listener takes every message for a reply where a handler asks for no proof of identity, and ends the session.
LIMITS = {"config-change notification": "its reply listener ends the session at a notification"}
if HANDLER == "default":
    LIMITS = {}


class Ncclient(NetconfClient):
    def __init__(self) -> None:
        at = where()
        self._session = manager.connect_ssh(
            at["address"], port=at["netconf_port"], username=at["username"], password=at["password"], timeout=40,
            hostkey_b64=at["host_key"], look_for_keys=False, allow_agent=False, device_params={"name": HANDLER},
        )  # fmt: skip
        self._session.raise_mode = RaiseMode.ALL

    def capabilities(self) -> set[str]:
        return set(self._session.server_capabilities)

    def session_id(self) -> str:
        return str(self._session.session_id)

    def rpc(self, operation: str) -> str:
        return _said(lambda: self._session.dispatch(to_ele(operation)))

    def get_config(self, source: str, subtree: str = "") -> str:
        wanted = ("subtree", subtree) if subtree else None
        return _said(lambda: self._session.get_config(source, filter=wanted))

    def get(self, subtree: str) -> str:
        return _said(lambda: self._session.get(filter=("subtree", subtree)))

    def xpath(self, source: str, expression: str, prefixes: dict[str, str]) -> str:
        return _said(lambda: self._session.get_config(source, filter=("xpath", (prefixes, expression))))

    def edit_config(self, config: str, target: str = "candidate", default_operation: str = "") -> None:
        options = {"default_operation": default_operation} if default_operation else {}
        _said(lambda: self._session.edit_config(config=config, target=target, **options))

    def lock(self, target: str) -> None:
        _said(lambda: self._session.lock(target))

    def unlock(self, target: str) -> None:
        _said(lambda: self._session.unlock(target))

    def validate(self, source: str) -> None:
        _said(lambda: self._session.validate(source))

    def discard(self) -> None:
        _said(self._session.discard_changes)

    def commit(self) -> None:
        if OWN_COMMIT:
            self.rpc(f'<commit xmlns="{NC}"/>')
        else:
            _said(self._session.commit)

    def commit_confirmed(self, seconds: int, persist: str) -> None:
        if OWN_COMMIT:
            timeout = f"<confirm-timeout>{seconds}</confirm-timeout><persist>{persist}</persist>"
            self.rpc(f'<commit xmlns="{NC}"><confirmed/>{timeout}</commit>')
        else:
            _said(lambda: self._session.commit(confirmed=True, timeout=str(seconds), persist=persist))

    def commit_persisted(self, persist_id: str) -> None:
        if OWN_COMMIT:
            self.rpc(f'<commit xmlns="{NC}"><persist-id>{persist_id}</persist-id></commit>')
        else:
            _said(lambda: self._session.commit(persist_id=persist_id))

    def get_schema(self, identifier: str) -> str:
        reply = self._session.get_schema(identifier)
        return str(reply.data if hasattr(reply, "data") else reply)  # a handler that rewrites replies has no `data`

    def subscribe(self) -> None:
        _said(self._session.create_subscription)

    def notification(self, seconds: float) -> str:
        found = self._session.take_notification(timeout=seconds)
        assert found is not None, "no notification came"
        return str(found.notification_xml)

    def another(self) -> NetconfClient:
        return Ncclient()

    def close(self) -> None:
        self._session.close_session()


def _said(ask: Callable[[], Any]) -> str:
    try:
        reply = ask()
    except RPCError as error:
        raise RefusedError(str(error.tag)) from error
    if hasattr(reply, "data_xml"):
        return str(reply.data_xml)
    return str(reply.xml) if hasattr(reply, "xml") else etree.tostring(reply).decode()


@contextmanager
def connect() -> Iterator[NetconfClient]:
    client = Ncclient()
    try:
        yield client
    finally:
        if client._session.connected:
            client.close()


run(CHECKS, connect, LIMITS, restore)
