"""How people may write a fabric, and the one way the model has it: mappings for lists, numbers for text, addresses.

Called by document.py (to read) and intent/documents.py (to find the line of a data path). Must not know what it means.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fabricd.errors import Problem
from fabricd.intent.values import Place
from fabricd.model.path import Path, Segment
from fabricd.schema import ModelSet
from fabricd.schema.outline import Node, NodeKind, ValueKind, outline_of

TOP = "fabricd-fabric:fabric"

# Last keys that may be left out, because one value is what nearly everybody means.
_USUAL = {("static-routes", "vrf"): "default", ("prefixes", "mask-range"): "exact"}
_ADDRESS = re.compile(r"[0-9a-fA-F:.]{1,45}")
_PREFIX = re.compile(r"[0-9a-fA-F:.]{1,45}/(?:0|[1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class _Here:
    """A data node on the way, as cheap as can be: most of them are never told to anybody."""

    above: _Here | None
    node: Node
    keys: tuple[tuple[str, str], ...] = ()
    value: str | None = None

    @property
    def path(self) -> str:
        segments: list[Segment] = []
        here: _Here | None = self
        while here is not None:
            segments.append(
                Segment(here.node.name, here.node.module if here.above is None else "", here.keys, here.value)
            )
            here = here.above
        return Path(tuple(reversed(segments))).text


def model() -> Node:
    """The container `fabric` of the model."""
    return outline_of(ModelSet.fabric()).root.by_name[TOP]


def normalised(content: object) -> tuple[Any, list[Problem]]:
    """The content of container fabric as RFC 7951 JSON values, and what is wrong with it that the model cannot say.

    What is not understood is left as it is: the schema refuses it.
    """
    walk = _Walk()
    return walk.value(_Here(None, model()), content), walk.problems


def keys_of(node: Node, written: object) -> dict[str, str] | None:
    """The keys of a list entry as written: an object, or the text of its keys. None when they are not all there.

    Several keys stand in the text in their order, with spaces between them (of a link: `A - B`).
    """
    if isinstance(written, Mapping):
        given = {name: written[name] for name in node.keys if isinstance(written.get(name), str | int)}
        found = {name: str(value) for name, value in given.items() if not isinstance(value, bool)}
    elif not isinstance(written, str):
        return None
    elif len(node.keys) == 1:
        found = {node.keys[0]: written}
    else:
        words = [word for word in written.split() if word != "-"]
        if len(words) > len(node.keys):
            return None
        found = dict(zip(node.keys, words, strict=False))
    for name in node.keys:
        if name not in found and (node.name, name) in _USUAL:
            found[name] = _USUAL[node.name, name]
    return found if len(found) == len(node.keys) else None


def locate(content: object, segments: Sequence[Segment]) -> tuple[Place, bool]:
    """Where in the content, as written, the data node at a path stands (without container fabric); or the nearest one
    above it, and whether it is the node itself."""
    node, value, place = model(), content, ()  # type: tuple[Node, object, Place]
    for segment in segments:
        child = node.child(segment.name)
        if child is None or not isinstance(value, Mapping):
            return place, False
        name = next((name for name in (child.name, child.qualified) if name in value), None)
        if name is None:
            # A key that a mapping has said.
            return place, node.kind is NodeKind.LIST and segment.name in node.keys
        node, value, place = child, value[name], (*place, name)
        if segment.keys or segment.value is not None:
            found = _entry(node, value, dict(segment.keys), segment.value)
            if found is None:
                return place, False
            value, place = found[0], (*place, *found[1])
    return place, True


def _entry(node: Node, value: object, keys: dict[str, str], entry: str | None) -> tuple[object, Place] | None:
    if node.kind is NodeKind.LEAF_LIST:
        if not isinstance(value, list):
            return value, ()
        indexes = (index for index, one in enumerate(value) if str(_plain(node, one)[0]) == entry)
        index = next(indexes, None)
        return None if index is None else (value[index], (index,))
    if isinstance(value, Mapping):
        return next(((one, (text,)) for text, one in value.items() if _same(node, text, keys)), None)
    if isinstance(value, list):
        return next(((one, (index,)) for index, one in enumerate(value) if _same(node, one, keys)), None)
    return None


def _same(node: Node, written: object, keys: dict[str, str]) -> bool:
    found = keys_of(node, written)
    return found is not None and all(str(_key(node, name, found[name])) == keys.get(name) for name in found)


def _key(node: Node, name: str, text: str) -> Any:
    child = node.child(name)
    return text if child is None else _plain(child, text, key=True)[0]


@dataclass(slots=True)
class _Walk:
    problems: list[Problem] = field(default_factory=list)

    def value(self, here: _Here, value: Any) -> Any:
        match here.node.kind:
            case NodeKind.CONTAINER:
                return self.object(here, {} if value is None else value)
            case NodeKind.LIST:
                return self.list(here, value)
            case NodeKind.LEAF_LIST:
                return [self.plain(here, one, entry=True) for one in (value if isinstance(value, list) else [value])]
            case _:
                return self.plain(here, value)

    def object(self, here: _Here, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        found: dict[str, Any] = {}
        for name, inner in value.items():
            child = here.node.child(name)
            if child is None:
                found[name] = inner
            elif child.name in found:
                self.refuse(_Here(here, child), "is given twice")
            else:
                found[child.name] = self.value(_Here(here, child), inner)
        return found

    def list(self, here: _Here, value: Any) -> Any:
        if isinstance(value, Mapping):
            if here.node.user_ordered:
                self.refuse(here, "the order of the entries counts: write a list, each entry after a dash")
                return []
            return [self.mapped(here, str(text), inner) for text, inner in value.items()]
        if not isinstance(value, list):
            return value
        return [self.listed(here, one) for one in value]

    def mapped(self, here: _Here, text: str, value: Any) -> Any:
        """An entry of a mapping from keys to entries."""
        keys = keys_of(here.node, text)
        if keys is None:
            self.refuse(here, f"{text!r} does not say {_keys_in_words(here.node)}")
            return {}
        entry = self.entry(here, keys)
        if value is not None and not isinstance(value, Mapping):
            self.refuse(entry, "is not an object")
            return {name: _key(here.node, name, keys[name]) for name in keys}
        found = self.object(entry, value or {})
        for name in here.node.keys:
            if str(found.get(name, keys[name])) != keys[name]:
                self.refuse(entry, f"the entry says {name} {found[name]!r}, but stands under {text!r}")
            found[name] = self.plain(_Here(entry, here.node.by_name[name]), keys[name], key=True)
        return found

    def listed(self, here: _Here, value: Any) -> Any:
        """An entry of a list: an object, or the text of its keys."""
        keys = keys_of(here.node, value)
        if isinstance(value, str):
            return self.mapped(here, value, None)
        if not isinstance(value, Mapping):
            return value
        entry = here if keys is None else self.entry(here, keys)
        found = self.object(entry, value)
        for name in keys or ():
            found.setdefault(name, _key(here.node, name, (keys or {})[name]))
        return found

    def entry(self, here: _Here, keys: dict[str, str]) -> _Here:
        return _Here(here.above, here.node, tuple((name, str(_key(here.node, name, keys[name]))) for name in keys))

    def plain(self, here: _Here, value: Any, *, key: bool = False, entry: bool = False) -> Any:
        found, wrong = _plain(here.node, value, key=key)
        if wrong:
            self.refuse(_Here(here.above, here.node, value=str(value)) if entry else here, wrong)
        return found

    def refuse(self, here: _Here, message: str) -> None:
        self.problems.append(Problem(message, path=here.path))


def _plain(node: Node, value: Any, *, key: bool = False) -> tuple[Any, str]:
    """A value as the model wants it, and what is wrong with it, empty for nothing. Keys of mappings are always text."""
    if node.value is None or isinstance(value, bool):
        return value, ""
    if node.value.kind is ValueKind.STRING and isinstance(value, int):
        value = str(value)
    elif node.value.kind is ValueKind.NUMBER and key and isinstance(value, str) and re.fullmatch("[0-9]{1,10}", value):
        return int(value), ""
    form = _FORMS.get((node.parent.name if node.parent is not None else "", node.name))
    if form is None or not isinstance(value, str):
        return value, ""
    try:
        return form(value), ""
    except ValueError as error:
        return value, str(error)


def _keys_in_words(node: Node) -> str:
    return "A - B, the two ends" if node.name == "links" else " and ".join(node.keys)


# Addresses: the model's patterns refuse what is no address at all, what they cannot see is refused here.


def _address(text: str) -> str:
    return str(_parsed(ipaddress.ip_address, text)) if _ADDRESS.fullmatch(text) else text


def _interface(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        return text
    found = _parsed(ipaddress.ip_interface, text)
    network = found.network
    if network.prefixlen < network.max_prefixlen - 1 and (
        found.ip == network.network_address or (found.version == 4 and found.ip == network.broadcast_address)
    ):
        raise ValueError(f"{text} is the address of the network itself, not one in it")
    return str(found.with_prefixlen)


def _network(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        return text
    found = _parsed(ipaddress.ip_interface, text)
    if found.ip != found.network.network_address:
        raise ValueError(f"{text} has bits beyond its prefix length: {found.network} is meant, or another length")
    return str(found.network)


def _parsed(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no address") from error


_FORMS: Mapping[tuple[str, str], Callable[[str], str]] = {
    ("devices", "loopback-ipv4"): _address,
    ("devices", "loopback-ipv6"): _address,
    ("devices", "vtep-ipv4"): _address,
    ("system", "dns"): _address,
    ("peers", "peer"): _address,
    ("peers", "address"): _interface,
    ("networks", "gateways"): _interface,
    ("static-routes", "next-hops"): _address,
    ("static-routes", "prefix"): _network,
    ("pools", "prefixes"): _network,
    ("links", "ipv4"): _network,
    ("links", "ipv6"): _network,
    ("prefixes", "prefix"): _network,
    ("entries", "source"): _network,
    ("entries", "destination"): _network,
    ("traffic-classes", "source"): _network,
    ("traffic-classes", "destination"): _network,
    ("overlay", "anycast-mac"): str.lower,
}
