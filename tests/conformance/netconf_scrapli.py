"""scrapli-netconf over OpenSSH's ssh command. A process of its own; see checking.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from checking import NotOfferedError, RefusedError, run, where
from netconf_checks import CHECKS, restore
from netconf_dialogue import NC, NetconfClient
from scrapli_netconf.driver import NetconfDriver
from scrapli_netconf.response import NetconfResponse

LIMITS = {"large message": "it counts characters where chunks count bytes (RFC 6242 section 4.2)"}


class Scrapli(NetconfClient):
    def __init__(self) -> None:
        at = where()
        self._session = NetconfDriver(
            host=at["address"], port=at["netconf_port"], auth_username=at["username"], auth_password=at["password"],
            auth_strict_key=True, ssh_known_hosts_file=at["known_hosts"], transport="paramiko", timeout_ops=40,
            timeout_socket=40, timeout_transport=40,
            strip_namespaces=False,
        )  # fmt: skip
        self._session.open()

    def capabilities(self) -> set[str]:
        return set(self._session.server_capabilities)

    def session_id(self) -> str:
        raise NotOfferedError("the client does not tell its session-id")

    def rpc(self, operation: str) -> str:
        return _said(lambda: self._session.rpc(filter_=operation))

    def get_config(self, source: str, subtree: str = "") -> str:
        return _said(lambda: self._session.get_config(source, filter_=subtree or None))

    def get(self, subtree: str) -> str:
        return _said(lambda: self._session.get(filter_=subtree))

    def edit_config(self, config: str, target: str = "candidate", default_operation: str = "") -> None:
        if default_operation:  # its edit_config has no such option
            option = f"<default-operation>{default_operation}</default-operation>"
            self.rpc(f'<edit-config xmlns="{NC}"><target><{target}/></target>{option}{config}</edit-config>')
        else:
            _said(lambda: self._session.edit_config(config, target=target))

    def lock(self, target: str) -> None:
        _said(lambda: self._session.lock(target))

    def unlock(self, target: str) -> None:
        _said(lambda: self._session.unlock(target))

    def validate(self, source: str) -> None:
        _said(lambda: self._session.validate(source))

    def discard(self) -> None:
        _said(self._session.discard)

    def commit(self) -> None:
        _said(self._session.commit)

    def commit_confirmed(self, seconds: int, persist: str) -> None:
        _said(lambda: self._session.commit(confirmed=True, timeout=seconds, persist=persist))

    def commit_persisted(self, persist_id: str) -> None:
        _said(lambda: self._session.commit(persist_id=persist_id))

    def another(self) -> NetconfClient:
        return Scrapli()

    def close(self) -> None:
        self._session.close()


def _said(ask: Callable[[], NetconfResponse]) -> str:
    reply = ask()
    if reply.failed:
        tag = re.search(r"<(?:\w+:)?error-tag>\s*([\w-]+)", str(reply.result))
        raise RefusedError(tag[1] if tag else "no error-tag")
    return str(reply.result)


@contextmanager
def connect() -> Iterator[NetconfClient]:
    client = Scrapli()
    try:
        yield client
    finally:
        if client._session.isalive():
            client.close()


run(CHECKS, connect, LIMITS, restore)
