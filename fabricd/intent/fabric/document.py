"""From the content of a fabric document to a Fabric: read by the model, checked, typed and sorted.

Called by reconcile/submission and offline commands in a schema worker. Must not know what the compiler makes of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import orjson

from fabricd.errors import InputError, Problem
from fabricd.intent.documents import Draft
from fabricd.intent.fabric import notation
from fabricd.intent.fabric.resolved import UNDERLAY_INSTANCE
from fabricd.intent.fabric.values import ExternalPeer, Fabric, Pool, Port, PrefixSet, StaticRoute, natural
from fabricd.intent.fabric.values import Path as TrafficPath
from fabricd.model.path import Path
from fabricd.schema import Schema
from fabricd.schema.outline import Node

_PROBLEMS = 50


def read_draft_fabric(schema: Schema, draft: Draft) -> tuple[Fabric, bytes]:
    """`read_fabric` for a draft of kind fabric: problems carry file, line and column as well."""
    try:
        return read_fabric(schema, orjson.loads(draft.config), name=draft.name)
    except InputError as error:
        raise InputError.of(map(draft.located, error.problems)) from error


def read_fabric(
    schema: Schema, content: Mapping[str, Any] | bytes, *, name: str, source: str = ""
) -> tuple[Fabric, bytes]:
    """A fabric and its canonical JSON, the same for the same fabric in whatever order and notation it is written.

    `schema` is one of ModelSet.fabric(). `content` is what stands in a document under `fabric`, or the canonical JSON
    of a fabric as this function returned it. Everything in the result is sorted by key, except where order has a
    meaning. Raises InputError naming the data path of every problem (at most fifty), with `source` as the intent.
    """
    if isinstance(content, bytes):
        content = orjson.loads(content).get(notation.TOP, {})
    plain, problems = notation.normalised(content)
    config = b""
    try:
        data = orjson.dumps({notation.TOP: plain})
        config = schema.read(data, limit=len(data))
        schema.validate(config)
    except InputError as error:
        problems += _without_shadows([_placed(problem) for problem in error.problems], problems)
    except TypeError as error:  # orjson: keys that are not text, numbers beyond 64 bits
        problems.append(Problem(f"not RFC 7951: {error}", path=f"/{notation.TOP}"))
    tree = orjson.loads(config or b"{}").get(notation.TOP, {})
    if not problems:
        problems += _unknown_devices(tree)
    if problems:
        raise InputError.of(dataclasses.replace(one, intent=source, line=0) for one in problems[:_PROBLEMS])
    return _typed(Fabric, notation.model(), {**tree, "name": name}), config


def _placed(problem: Problem) -> Problem:
    """libyang names no place for members without a name, and for names that could not stand in a path."""
    if problem.path.startswith(f"/{notation.TOP}"):
        try:
            Path.parse(problem.path)
        except InputError:
            return dataclasses.replace(problem, path=f"/{notation.TOP}")
        return problem
    return dataclasses.replace(problem, path=f"/{notation.TOP}")


def _without_shadows(found: Sequence[Problem], known: list[Problem]) -> Iterator[Problem]:
    """Problems whose place is known already are left out, and those that another one tells with more keys."""
    places = {problem.path for problem in known}
    keyed = {_names(problem.path) for problem in found if "[" in problem.path}
    for problem in found:
        if problem.path not in places and ("[" in problem.path or _names(problem.path) not in keyed):
            yield problem


def _names(path: str) -> tuple[str, ...]:
    return Path.parse(path).names


def _unknown_devices(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """What a leafref cannot say: the first half of DEVICE:PORT is a device."""
    known = {device["name"] for device in tree.get("devices", ())}
    for link in tree.get("links", ()):
        for end in ("a", "b"):
            yield from _no_device(known, link[end], f"links[a='{link['a']}'][b='{link['b']}']/{end}")
    for one in tree.get("attachments", ()):
        for port in one["ports"]:
            yield from _no_device(known, port, f"attachments[name='{one['name']}']/ports[.='{port}']")
    for peer in tree.get("peers", ()):
        yield from _no_device(known, peer["port"], f"peers[name='{peer['name']}']/port")


def _no_device(known: set[str], port: str, place: str) -> Iterator[Problem]:
    device = port.partition(":")[0]
    if device not in known:
        yield Problem(f"there is no device {device!r}", path=f"/{notation.TOP}/{place}")


# From plain values to types. Field names are node names; what is written in another way than it is held has a reader.


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    name: str
    member: str
    type: Any
    node: Node | None


@lru_cache(maxsize=64)
def _fields(kind: Any, node: Node) -> tuple[_Field, ...]:
    hints = get_type_hints(kind)
    members = [(field.name, field.name.replace("_", "-")) for field in dataclasses.fields(kind)]
    return tuple(_Field(name, member, hints[name], node.child(member)) for name, member in members)


def _typed(kind: Any, node: Node, data: Mapping[str, Any]) -> Any:
    readers = _READERS.get(kind, {})
    found: dict[str, Any] = dict(_LEFT_OUT.get(kind, {}))
    for field in _fields(kind, node):
        if field.member in data:
            value = data[field.member]
            if field.member in readers:
                found[field.name] = readers[field.member](value)
            else:
                found[field.name] = value if field.node is None else _value(field.type, field.node, value)
    return kind(**found)


def _value(kind: Any, node: Node, value: Any) -> Any:
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        found = [_value(inner, node, one) for one in value]
        if not node.user_ordered:
            found.sort(key=_order(node))
        return tuple(found)
    if kind is Port:
        return _port(value)
    if isinstance(kind, type) and not isinstance(kind, UnionType):
        if dataclasses.is_dataclass(kind):
            return _typed(kind, node, value)
        if issubclass(kind, StrEnum):
            return kind(value)
    return value


def _order(node: Node) -> Any:
    names = [name.replace("-", "_") for name in node.keys]
    return lambda one: tuple(natural(str(getattr(one, name))) for name in names) if names else natural(str(one))


def _port(text: str) -> Port:
    device, _, name = text.partition(":")
    return Port(device, name)


def _ranges(texts: list[str]) -> tuple[tuple[int, int], ...]:
    pairs = (text.partition("..") for text in texts)
    return tuple((int(first), int(last or first)) for first, _, last in pairs)


def _prefixes(entries: list[dict[str, str]]) -> tuple[tuple[str, str], ...]:
    pairs = ((entry["prefix"], entry["mask-range"]) for entry in entries)
    return tuple(sorted(pairs, key=lambda pair: (natural(pair[0]), natural(pair[1]))))


def _vrf(name: str) -> str:
    return "" if name == UNDERLAY_INSTANCE else name


_READERS: Mapping[type[Any], Mapping[str, Any]] = {
    Pool: {"ranges": _ranges},
    PrefixSet: {"prefixes": _prefixes},
    StaticRoute: {"vrf": _vrf},
    ExternalPeer: {"vrf": _vrf},
    TrafficPath: {"vrf": _vrf},
}
_LEFT_OUT: Mapping[type[Any], Mapping[str, Any]] = {ExternalPeer: {"vrf": ""}}
