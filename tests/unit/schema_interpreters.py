"""Two small devices that carry out what fabricd renders, written on plain JSON and XML, without libyang.

They know the list keys of the trees in schema_trees.py and nothing else of the models.
"""

from __future__ import annotations

import json
import re
from typing import Any

from lxml import etree

from fabricd.model.edit import EditConfig, GnmiSet
from fabricd.model.path import Path

KEYS: dict[str, tuple[str, ...]] = {
    "interface": ("name",),
    "subinterface": ("index",),
    "network-instance": ("name",),
    "protocol": ("identifier", "name"),
    "neighbor": ("neighbor-address",),
    "peer-group": ("peer-group-name",),
    "static": ("prefix",),
    "vlan": ("vlan-id",),
    "server": ("address",),
}
NC = "{urn:ietf:params:xml:ns:netconf:base:1.0}"
YANG = "{urn:ietf:params:xml:ns:yang:1}"


def keys_of(name: str, above: str) -> tuple[str, ...]:
    if name == "address":
        return ("ip",) if above == "addresses" else ()
    return KEYS.get(name, ())


def bare(value: Any) -> Any:
    """Plain JSON values without module names on members."""
    if isinstance(value, dict):
        return {name.rpartition(":")[2]: bare(held) for name, held in value.items()}
    return [bare(held) for held in value] if isinstance(value, list) else value


# gNMI


def run_gnmi(config: bytes, request: GnmiSet) -> bytes:
    """The configuration after a SetRequest (gNMI section 3.4), members bare."""
    tree: dict[str, Any] = bare(json.loads(config or b"{}"))
    for path in request.deletes:
        _delete(tree, path)
    for path, value in request.replaces:
        _delete(tree, path)
        _update(tree, path, bare(json.loads(value)))
    for path, value in request.updates:
        _update(tree, path, bare(json.loads(value)))
    return json.dumps(tree).encode()


def _is(entry: dict[str, Any], keys: tuple[tuple[str, str], ...]) -> bool:
    return all(str(entry[name]) == value for name, value in keys)


def _delete(tree: dict[str, Any], path: Path) -> None:
    node: Any = tree
    for segment in path.segments[:-1]:
        node = node.get(segment.name, {})
        if segment.keys:
            node = next((entry for entry in node if _is(entry, segment.keys)), {})
    last = path.segments[-1]
    assert last.value is None, "gNMI has no paths to single values of a leaf-list"
    if last.keys and last.name in node:
        node[last.name] = [entry for entry in node[last.name] if not _is(entry, last.keys)]
    elif not last.keys:
        node.pop(last.name, None)


def _update(tree: dict[str, Any], path: Path, value: Any) -> None:
    if not path.segments:
        _merge(tree, value, "")
        return
    node: Any = tree
    above = ""
    for segment in path.segments[:-1]:
        node = _into(node, segment.name, segment.keys)
        above = segment.name
    last = path.segments[-1]
    if last.keys:
        assert all(str(value[name]) == key for name, key in last.keys), "the body holds the keys of its path"
        _merge(_into(node, last.name, last.keys), value, last.name)
    elif isinstance(value, dict):
        _merge(node.setdefault(last.name, {}), value, last.name)
    else:
        _merge(node, {last.name: value}, above)


def _into(node: dict[str, Any], name: str, keys: tuple[tuple[str, str], ...]) -> Any:
    if not keys:
        return node.setdefault(name, {})
    entries = node.setdefault(name, [])
    found = next((entry for entry in entries if _is(entry, keys)), None)
    if found is None:
        found = {key: int(value) if key in ("index", "vlan-id") else value for key, value in keys}
        entries.append(found)
    return found


def _merge(into: dict[str, Any], value: dict[str, Any], above: str) -> None:
    for name, held in value.items():
        if isinstance(held, dict):
            _merge(into.setdefault(name, {}), held, name)
        elif isinstance(held, list) and keys_of(name, above):
            for entry in held:
                # Interfaces of a network instance are known by id.
                names = ("id",) if name == "interface" and "id" in entry else keys_of(name, above)
                keys = tuple((key, str(entry[key])) for key in names)
                _merge(_into(into, name, keys), entry, name)
        else:
            into[name] = held


# NETCONF


def run_netconf(config_xml: bytes, request: EditConfig) -> bytes:
    """The configuration after an edit-config with default-operation none (RFC 6241 section 7.2)."""
    tree = etree.fromstring(b"<config>" + config_xml + b"</config>")
    edit = etree.fromstring(request.config)
    assert edit.tag == f"{NC}config"
    for change in edit:
        _edit(tree, change, "none", "")
    return b"".join(etree.tostring(child) for child in tree)


def _edit(into: Any, change: Any, inherited: str, above: str) -> None:
    operation = change.get(f"{NC}operation", inherited)
    name = etree.QName(change).localname
    keys = keys_of(name, above)
    found = _find(into, change, keys)
    if operation == "remove":
        if found is not None:
            into.remove(found)
        return
    assert operation in ("none", "merge")
    if found is None:
        assert operation == "merge" or not keys, f"data-missing: {name}"
        found = etree.SubElement(into, change.tag, nsmap=change.nsmap)
        for key in keys:
            found.append(_plain(_child(change, key)))
    if operation == "merge" and not len(change):
        made = _plain(change)
        into.replace(found, made)
        found = made
    for child in change:
        if etree.QName(child).localname not in keys:
            _edit(found, child, operation, name)
    if change.get(f"{YANG}insert"):
        _place(into, found, change, keys)


def _plain(element: Any) -> Any:
    made = etree.Element(element.tag, nsmap=element.nsmap)
    made.text = element.text
    return made


def _child(element: Any, name: str) -> Any:
    return next(child for child in element if etree.QName(child).localname == name)


def _value(element: Any) -> str:
    """The text, a prefix of an identity replaced by its namespace."""
    prefix, colon, rest = (element.text or "").partition(":")
    return f"{{{element.nsmap[prefix]}}}{rest}" if colon and prefix in element.nsmap else element.text or ""


def _is_leaf_list(name: str) -> bool:
    return name in ("search", "trunk-vlans")


def _find(into: Any, change: Any, keys: tuple[str, ...]) -> Any:
    for one in into:
        if one.tag != change.tag:
            continue
        if keys and any(_value(_child(one, key)) != _value(_child(change, key)) for key in keys):
            continue
        if _is_leaf_list(etree.QName(change).localname) and one.text != change.text:
            continue
        return one
    return None


def _place(into: Any, found: Any, change: Any, keys: tuple[str, ...]) -> None:
    same = [one for one in into if one.tag == found.tag and one is not found]
    into.remove(found)
    if change.get(f"{YANG}insert") == "first":
        at = into.index(same[0]) if same else len(into)
    else:
        at = into.index(next(one for one in same if _is_anchor(one, change, keys))) + 1
    into.insert(at, found)


def _is_anchor(one: Any, change: Any, keys: tuple[str, ...]) -> bool:
    value = change.get(f"{YANG}value")
    if value is not None:
        return bool(one.text == value)
    found = re.fullmatch(r"""\[(\w+):([\w-]+)=(['"])(.*)\3\]""", change.get(f"{YANG}key"))
    assert found is not None
    assert change.nsmap[found[1]] == etree.QName(change).namespace
    assert keys == (found[2],)
    return bool(_child(one, found[2]).text == found[4])
