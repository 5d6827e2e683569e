"""What is checked of reading and editing over NETCONF (RFC 6241, 6243, 6022, 8525, 8526).

Part of the list in netconf_checks.py.
"""

from __future__ import annotations

from checking import Check, refused
from netconf_dialogue import (
    DATASTORES,
    DEFAULTS,
    IF,
    LIBRARY,
    MONITORING,
    NC,
    NMDA,
    NetconfClient,
    configured,
    holds,
    interface,
    leaf,
    only,
    put,
)


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
    assert f"Ethernet{number - 1}<" not in found


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


def _large(client: NetconfClient, number: int) -> None:
    """More than one chunk, one SSH window and one read, with characters of several bytes at every border."""
    text = "ü€" * 8_000
    put(client, number, f"<description>{text}</description>")
    assert text in client.get_config("running", only(number))
    client.edit_config(interface(number, "", "remove"))
    client.commit()


DATA: dict[str, Check[NetconfClient]] = {
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
    "with-defaults": _with_defaults,
    "get-schema": _schema,
    "yang-library": _library,
    "netconf-state": _monitoring,
    "get-data": _get_data,
    "edit-data": _edit_data,
    "operation-not-supported": _not_supported,
    "large message": _large,
}
