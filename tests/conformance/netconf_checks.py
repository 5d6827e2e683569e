"""What is checked of a NETCONF server, written once for every client (RFC 6241, 6243, 5277, 6470, 6022, 8525, 8526).

Used by the netconf_*.py scripts. Knows the clients only as NetconfClient.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod

from checking import Check, NotOfferedError, RefusedError, refused

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
IF = "http://openconfig.net/yang/interfaces"
SYSTEM = "http://openconfig.net/yang/system"
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


def _capabilities(client: NetconfClient, number: int) -> None:
    uris = client.capabilities()
    for name in ("base:1.1", "capability:candidate:1.0", "capability:validate:1.1", "capability:confirmed-commit:1.1",
                 "capability:xpath:1.0", "capability:notification:1.0"):  # fmt: skip
        assert any(uri.startswith(f"urn:ietf:params:netconf:{name}") for uri in uris), name


def _read_everything(client: NetconfClient, number: int) -> None:
    put(client, number, "<mtu>9000</mtu>")
    assert f"Ethernet{number}" in client.get_config("running")


def _subtree(client: NetconfClient, number: int) -> None:
    put(client, number, "<mtu>9000</mtu>")
    found = client.get_config("running", only(number))
    assert holds(found, "mtu", "9000")
    assert found.count("<name>") <= 2 or f"Ethernet{number - 1}<" not in found


def _xpath(client: NetconfClient, number: int) -> None:
    put(client, number, "<mtu>9001</mtu>")
    found = client.xpath("running", f"/i:interfaces/i:interface[i:name='Ethernet{number}']", {"i": IF})
    assert holds(found, "mtu", "9001")
    assert f"Ethernet{number - 1}<" not in found


def _state(client: NetconfClient, number: int) -> None:
    put(client, number, "")
    assert "oper-status" in client.get(only(number))


def _merge(client: NetconfClient, number: int) -> None:
    put(client, number, "<mtu>9000</mtu>")
    client.edit_config(leaf(number, "<description>merged</description>"))
    assert not configured(client, number, "description", "merged")
    client.commit()
    assert configured(client, number, "description", "merged")
    assert configured(client, number, "mtu", "9000")


def _replace(client: NetconfClient, number: int) -> None:
    put(client, number, "<mtu>9000</mtu>")
    client.edit_config(interface(number, "<description>alone</description>", "replace"), default_operation="none")
    client.commit()
    assert configured(client, number, "description", "alone")
    assert not configured(client, number, "mtu", "9000")


def _create(client: NetconfClient, number: int) -> None:
    put(client, number, "")
    refused("data-exists", lambda: client.edit_config(interface(number, "", "create")))
    client.discard()


def _delete(client: NetconfClient, number: int) -> None:
    refused("data-missing", lambda: client.edit_config(interface(number, "", "delete")))
    client.discard()
    put(client, number, "")
    client.edit_config(interface(number, "", "delete"))
    client.commit()
    assert f"Ethernet{number}<" not in client.get_config("running", only(number))


def _remove(client: NetconfClient, number: int) -> None:
    client.edit_config(interface(number, "", "remove"))
    client.commit()


def _default_none(client: NetconfClient, number: int) -> None:
    refused(
        "data-missing",
        lambda: client.edit_config(leaf(number, "<description>nowhere</description>"), default_operation="none"),
    )
    client.discard()


def _bad_value(client: NetconfClient, number: int) -> None:
    refused("invalid-value", lambda: client.edit_config(interface(number, "<mtu>many</mtu>")))
    client.discard()


def _unknown(client: NetconfClient, number: int) -> None:
    refused("unknown-element", lambda: client.edit_config(interface(number, "<colour>blue</colour>")))
    client.discard()


def _atomic(client: NetconfClient, number: int) -> None:
    bad = interface(number, "<mtu>9000</mtu>").replace(
        "</interface>",
        f"</interface><interface><name>Ethernet{number}x</name><config><name>other</name></config></interface>",
    )
    client.edit_config(bad)
    refused({"operation-failed", "data-missing", "invalid-value"}, client.commit)
    client.discard()
    assert not configured(client, number, "mtu", "9000")


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
    _eventually(lambda: _locked(client, "candidate"))
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
    _eventually(lambda: _locked(client, "running"))
    client.unlock("running")


def _confirmed(client: NetconfClient, number: int) -> None:
    client.edit_config(interface(number, "<mtu>9000</mtu>"))
    client.commit_confirmed(30, f"id-{number}")
    assert configured(client, number, "mtu", "9000")
    client.commit_persisted(f"id-{number}")
    assert configured(client, number, "mtu", "9000")


def _cancelled(client: NetconfClient, number: int) -> None:
    client.edit_config(interface(number, "<mtu>9000</mtu>"))
    client.commit_confirmed(30, f"id-{number}")
    client.cancel_commit(f"id-{number}")
    assert not configured(client, number, "mtu", "9000")


def _expired(client: NetconfClient, number: int) -> None:
    client.edit_config(interface(number, "<mtu>9000</mtu>"))
    client.commit_confirmed(1, f"id-{number}")
    _eventually(lambda: not configured(client, number, "mtu", "9000"))


def _wrong_id(client: NetconfClient, number: int) -> None:
    client.edit_config(interface(number, "<mtu>9000</mtu>"))
    client.commit_confirmed(30, f"id-{number}")
    refused("invalid-value", lambda: client.commit_persisted("another"))
    client.cancel_commit(f"id-{number}")


def _other_session_confirms(client: NetconfClient, number: int) -> None:
    other = client.another()
    other.edit_config(interface(number, "<mtu>9000</mtu>"))
    other.commit_confirmed(30, f"id-{number}")
    other.close()
    client.commit_persisted(f"id-{number}")
    assert configured(client, number, "mtu", "9000")


def _with_defaults(client: NetconfClient, number: int) -> None:
    put(client, number, "")
    ask = (
        f'<get-config xmlns="{NC}"><source><running/></source><filter type="subtree">{only(number)}</filter>'
        f'<with-defaults xmlns="{DEFAULTS}">%s</with-defaults></get-config>'
    )
    assert holds(client.rpc(ask % "report-all"), "enabled", "true")
    assert not holds(client.rpc(ask % "trim"), "enabled", "true")


def _schema(client: NetconfClient, number: int) -> None:
    assert "module openconfig-interfaces" in client.get_schema("openconfig-interfaces")


def _library(client: NetconfClient, number: int) -> None:
    assert "openconfig-interfaces" in client.get(f'<yang-library xmlns="{LIBRARY}"/>')


def _monitoring(client: NetconfClient, number: int) -> None:
    found = client.get(f'<netconf-state xmlns="{MONITORING}"><sessions/></netconf-state>')
    assert holds(found, "session-id", client.session_id())


def _get_data(client: NetconfClient, number: int) -> None:
    put(client, number, "<mtu>9000</mtu>")
    found = client.rpc(
        f'<get-data xmlns="{NMDA}"><datastore xmlns:ds="{DATASTORES}">ds:running</datastore>'
        f"<subtree-filter>{only(number)}</subtree-filter></get-data>"
    )
    assert holds(found, "mtu", "9000")


def _edit_data(client: NetconfClient, number: int) -> None:
    content = interface(number, "<mtu>9000</mtu>").partition(">")[2].rpartition("</config>")[0]
    client.rpc(
        f'<edit-data xmlns="{NMDA}"><datastore xmlns:ds="{DATASTORES}">ds:candidate</datastore>'
        f"<config>{content}</config></edit-data>"
    )
    client.commit()
    assert configured(client, number, "mtu", "9000")


def _not_supported(client: NetconfClient, number: int) -> None:
    refused("operation-not-supported", lambda: client.rpc(f'<frobnicate xmlns="{NC}"/>'))


def _notification(client: NetconfClient, number: int) -> None:
    listener = client.another()
    try:
        listener.subscribe()
        put(client, number, "<mtu>9000</mtu>")
        deadline = time.monotonic() + 10
        while "netconf-config-change" not in (said := listener.notification(deadline - time.monotonic())):
            assert time.monotonic() < deadline
        assert "Ethernet" in said or "interfaces" in said
    finally:
        listener.close()


def _large(client: NetconfClient, number: int) -> None:
    """More than one chunk, one SSH window and one read, with characters of several bytes at every border."""
    text = "ü€" * 8_000
    put(client, number, f"<description>{text}</description>")
    assert text in client.get_config("running", only(number))
    client.edit_config(interface(number, "", "remove"))
    client.commit()


def _eventually(condition: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "did not come about"
        time.sleep(0.05)


CHECKS: dict[str, Check[NetconfClient]] = {
    "capabilities": _capabilities,
    "get-config": _read_everything,
    "subtree filter": _subtree,
    "xpath filter": _xpath,
    "get with state": _state,
    "merge": _merge,
    "replace": _replace,
    "create: data-exists": _create,
    "delete: data-missing": _delete,
    "remove": _remove,
    "default-operation none": _default_none,
    "invalid-value": _bad_value,
    "unknown-element": _unknown,
    "commit is atomic": _atomic,
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
    "with-defaults": _with_defaults,
    "get-schema": _schema,
    "yang-library": _library,
    "netconf-state": _monitoring,
    "get-data": _get_data,
    "edit-data": _edit_data,
    "operation-not-supported": _not_supported,
    "config-change notification": _notification,
    "large message": _large,
}
