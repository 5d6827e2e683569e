"""netconf-client. A process of its own; see checking.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from checking import RefusedError, run, where
from lxml import etree
from netconf_checks import CHECKS, restore
from netconf_client.connect import connect_ssh
from netconf_client.error import RpcError
from netconf_client.ncclient import Manager
from netconf_dialogue import NetconfClient


class Client(NetconfClient):
    def __init__(self) -> None:
        at = where()
        self._wire = connect_ssh(
            host=at["address"], port=at["netconf_port"], username=at["username"], password=at["password"],
            hostkey_b64=at["host_key"], initial_timeout=40, general_timeout=40,
        )  # fmt: skip
        self._session = Manager(session=self._wire, timeout=40)

    def capabilities(self) -> set[str]:
        return set(self._wire.server_capabilities)

    def session_id(self) -> str:
        return str(self._wire.session_id)

    def rpc(self, operation: str) -> str:
        return _said(lambda: self._session.dispatch(operation))

    def get_config(self, source: str, subtree: str = "") -> str:
        wanted = f'<filter type="subtree">{subtree}</filter>' if subtree else None
        return _said(lambda: self._session.get_config(source, filter=wanted))

    def get(self, subtree: str) -> str:
        return _said(lambda: self._session.get(filter=f'<filter type="subtree">{subtree}</filter>'))

    def edit_config(self, config: str, target: str = "candidate", default_operation: str = "") -> None:
        _said(lambda: self._session.edit_config(config, target, default_operation=default_operation or None))

    def lock(self, target: str) -> None:
        _said(lambda: self._session.lock(target))

    def unlock(self, target: str) -> None:
        _said(lambda: self._session.unlock(target))

    def validate(self, source: str) -> None:
        _said(lambda: self._session.validate(source))

    def discard(self) -> None:
        _said(self._session.discard_changes)

    def commit(self) -> None:
        _said(self._session.commit)

    def commit_confirmed(self, seconds: int, persist: str) -> None:
        _said(lambda: self._session.commit(confirmed=True, confirm_timeout=seconds, persist=persist))

    def commit_persisted(self, persist_id: str) -> None:
        _said(lambda: self._session.commit(persist_id=persist_id))

    def cancel_commit(self, persist_id: str) -> None:
        _said(lambda: self._session.cancel_commit(persist_id=persist_id))

    def subscribe(self) -> None:
        _said(self._session.create_subscription)

    def notification(self, seconds: float) -> str:
        found = self._session.take_notification(timeout=seconds)
        assert found is not None, "no notification came"
        return etree.tostring(found.notification_ele).decode()

    def another(self) -> NetconfClient:
        return Client()

    def close(self) -> None:
        self._wire.close()


def _said(ask: Callable[[], Any]) -> str:
    try:
        reply = ask()
    except RpcError as error:
        raise RefusedError(str(getattr(error, "tag", "no error-tag"))) from error
    if reply is None:
        return ""
    if hasattr(reply, "data_ele"):
        return str(etree.tostring(reply.data_ele, encoding="unicode"))
    return str(reply.xml.decode())


@contextmanager
def connect() -> Iterator[NetconfClient]:
    client = Client()
    try:
        yield client
    finally:
        client.close()


run(CHECKS, connect, {}, restore)
