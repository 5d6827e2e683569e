"""What every check of a NETCONF server uses: a client as checks see it, and the documents that are sent and looked for.

Used by the netconf_*_checks.py and the clients' scripts. Knows the clients only as NetconfClient.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from checking import NotOfferedError

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
IF = "http://openconfig.net/yang/interfaces"
MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
NMDA = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
DATASTORES = "urn:ietf:params:xml:ns:yang:ietf-datastores"
LIBRARY = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
DEFAULTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"


class NetconfClient(ABC):
    """One session, in the client's own way. Every method raises RefusedError with the error-tag. XML goes in and comes
    out as text; NotOfferedError where the client cannot."""

    @abstractmethod
    def capabilities(self) -> set[str]: ...

    @abstractmethod
    def session_id(self) -> str: ...

    @abstractmethod
    def rpc(self, operation: str) -> str:
        """Any operation, as its XML element; the reply's XML."""

    @abstractmethod
    def get_config(self, source: str, subtree: str = "") -> str: ...

    @abstractmethod
    def get(self, subtree: str) -> str: ...

    @abstractmethod
    def edit_config(self, config: str, target: str = "candidate", default_operation: str = "") -> None: ...

    @abstractmethod
    def lock(self, target: str) -> None: ...

    @abstractmethod
    def unlock(self, target: str) -> None: ...

    @abstractmethod
    def validate(self, source: str) -> None: ...

    @abstractmethod
    def discard(self) -> None: ...

    @abstractmethod
    def commit(self) -> None: ...

    @abstractmethod
    def commit_confirmed(self, seconds: int, persist: str) -> None: ...

    @abstractmethod
    def commit_persisted(self, persist_id: str) -> None: ...

    def xpath(self, source: str, expression: str, prefixes: dict[str, str]) -> str:
        declared = "".join(f' xmlns:{prefix}="{namespace}"' for prefix, namespace in prefixes.items())
        return self.rpc(
            f'<get-config xmlns="{NC}"><source><{source}/></source>'
            f'<filter type="xpath" select="{expression}"{declared}/></get-config>'
        )

    def cancel_commit(self, persist_id: str) -> None:
        self.rpc(f'<cancel-commit xmlns="{NC}"><persist-id>{persist_id}</persist-id></cancel-commit>')

    def get_schema(self, identifier: str) -> str:
        return self.rpc(f'<get-schema xmlns="{MONITORING}"><identifier>{identifier}</identifier></get-schema>')

    def subscribe(self) -> None:
        raise NotOfferedError("the client has no call for notifications")

    def notification(self, seconds: float) -> str:
        raise NotOfferedError("the client has no call for notifications")

    @abstractmethod
    def another(self) -> NetconfClient:
        """One more session."""

    @abstractmethod
    def close(self) -> None: ...


def interface(number: int, leaves: str = "", operation: str = "", inside: str = "") -> str:
    """A config element with one interface; `operation` stands on it, `inside` is its config's attributes."""
    mark = f' nc:operation="{operation}"' if operation else ""
    config = (
        f"<config{inside}><name>Ethernet{number}</name>"
        f'<type xmlns:ift="urn:ietf:params:xml:ns:yang:iana-if-type">ift:ethernetCsmacd</type>{leaves}</config>'
    )
    return (
        f'<config xmlns="{NC}" xmlns:nc="{NC}"><interfaces xmlns="{IF}"><interface{mark}>'
        f"<name>Ethernet{number}</name>{config if operation not in ('delete', 'remove') else ''}"
        "</interface></interfaces></config>"
    )


def leaf(number: int, leaves: str) -> str:
    """A config element that says nothing but these leaves of an interface that is there."""
    return (
        f'<config xmlns="{NC}" xmlns:nc="{NC}"><interfaces xmlns="{IF}"><interface>'
        f"<name>Ethernet{number}</name><config>{leaves}</config></interface></interfaces></config>"
    )


def only(number: int) -> str:
    """The subtree filter for one interface."""
    return f'<interfaces xmlns="{IF}"><interface><name>Ethernet{number}</name></interface></interfaces>'


def holds(xml: str, name: str, text: str) -> bool:
    """Whether there is an element with this local name and text."""
    return re.search(rf"<(?:[\w.-]+:)?{name}(?:\s[^>]*)?>\s*{re.escape(text)}\s*</", xml) is not None


def configured(client: NetconfClient, number: int, name: str, text: str) -> bool:
    return holds(client.get_config("running", only(number)), name, text)


def put(client: NetconfClient, number: int, leaves: str) -> None:
    client.edit_config(interface(number, leaves))
    client.commit()


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come about"
        time.sleep(0.05)
