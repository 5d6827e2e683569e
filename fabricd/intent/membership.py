"""Interfaces outside every VRF made members of the default network instance, for devices that want it said.

Called by compile.py. Works on canonical trees as plain values; must not know devices or schemas.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

_INTERFACES = "openconfig-interfaces:interfaces"
_INSTANCES = "openconfig-network-instance:network-instances"
_DEFAULT_TYPE = "openconfig-network-instance-types:DEFAULT_INSTANCE"
_DEFAULT_NAME = "default"
_ROUTED_VLAN = "openconfig-vlan:routed-vlan"
_FAMILIES = ("openconfig-if-ip:ipv4", "openconfig-if-ip:ipv6")

_Place = tuple[str, int | None]
"""An interface, and the index of one of its subinterfaces; None for the interface itself."""


def attached(config: bytes) -> bytes:
    """The same tree with an entry in the default network instance for everything that speaks IP and is in none.

    The entry's id is NAME.INDEX, or NAME for a routed VLAN. A tree that has no default instance gets one.
    """
    tree: dict[str, Any] = orjson.loads(config)
    entries = tree.get(_INSTANCES, {}).get("network-instance", [])
    members = {place for entry in entries for place in _members(entry)}
    missing = [
        (name, index)
        for name, index in _speaking_ip(tree)
        if (name, index) not in members and (name, None) not in members
    ]
    if not missing:
        return config
    default = next((entry for entry in entries if entry.get("config", {}).get("type") == _DEFAULT_TYPE), None)
    if default is None:
        default = {"name": _DEFAULT_NAME, "config": {"name": _DEFAULT_NAME, "type": _DEFAULT_TYPE}}
        tree.setdefault(_INSTANCES, {}).setdefault("network-instance", []).append(default)
    held = default.setdefault("interfaces", {}).setdefault("interface", [])
    held += [_entry(name, index) for name, index in missing]
    return orjson.dumps(tree)


def _members(instance: dict[str, Any]) -> Iterator[_Place]:
    for member in instance.get("interfaces", {}).get("interface", ()):
        config = member.get("config", {})
        yield config.get("interface", member["id"]), config.get("subinterface")


def _speaking_ip(tree: dict[str, Any]) -> Iterator[_Place]:
    for interface in tree.get(_INTERFACES, {}).get("interface", ()):
        for unit in interface.get("subinterfaces", {}).get("subinterface", ()):
            if any(unit.get(family) for family in _FAMILIES):
                yield interface["name"], unit["index"]
        if any(interface.get(_ROUTED_VLAN, {}).get(family) for family in _FAMILIES):
            yield interface["name"], None


def _entry(interface: str, index: int | None) -> dict[str, Any]:
    name = interface if index is None else f"{interface}.{index}"
    config: dict[str, Any] = {"id": name, "interface": interface}
    if index is not None:
        config["subinterface"] = index
    return {"id": name, "config": config}
