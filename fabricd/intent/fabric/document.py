"""From the content of a fabric document to a Fabric: read by the model, checked, typed and sorted.

Called by reconcile/submission and offline commands in a schema worker. Must not know what the compiler makes of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
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
    fabric: Fabric = _fabric_reader()({**tree, "name": name})
    return fabric, config


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
# Large fabrics have a hundred thousand values: how each is read is worked out once for its place.

_Reader = Callable[[Any], Any]


def _typed(kind: Any, node: Node) -> _Reader:
    """A reader of objects of the model's `node` as values of the dataclass `kind`."""
    hints = get_type_hints(kind)
    left_out = _LEFT_OUT.get(kind, {})
    members: list[tuple[str, str, _Reader | None]] = []
    for field in dataclasses.fields(kind):
        name = field.name.replace("_", "-")
        below = node.child(name)
        read = _READERS.get((kind, name)) or (None if below is None else _reader(hints[field.name], below))
        members.append((field.name, name, read))

    def read_object(data: Mapping[str, Any]) -> Any:
        found = dict(left_out)
        for field, name, read in members:
            if name in data:
                found[field] = data[name] if read is None else read(data[name])
        return kind(**found)

    return read_object


@lru_cache(maxsize=512)
def _reader(kind: Any, node: Node) -> _Reader | None:
    """How a value of that type is read; None when it is the JSON value already."""
    if get_origin(kind) is tuple:
        return _many(get_args(kind)[0], node)
    if kind is Port:
        return _port
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _typed(kind, node)
    return kind if isinstance(kind, type) and issubclass(kind, StrEnum) else None


def _many(kind: Any, node: Node) -> _Reader:
    read, ordered = _reader(kind, node), node.user_ordered
    fields = [name.replace("-", "_") for name in node.keys]

    def order(one: Any) -> Any:
        return tuple(natural(str(getattr(one, field))) for field in fields) if fields else natural(str(one))

    def read_many(entries: list[Any]) -> tuple[Any, ...]:
        found = entries if read is None else [read(entry) for entry in entries]
        return tuple(found if ordered or len(found) < 2 else sorted(found, key=order))

    return read_many


@lru_cache(maxsize=1)
def _fabric_reader() -> _Reader:
    return _typed(Fabric, notation.model())


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


_READERS: Mapping[tuple[type[Any], str], _Reader] = {
    (Pool, "ranges"): _ranges,
    (PrefixSet, "prefixes"): _prefixes,
    (StaticRoute, "vrf"): _vrf,
    (ExternalPeer, "vrf"): _vrf,
    (TrafficPath, "vrf"): _vrf,
}
_LEFT_OUT: Mapping[type[Any], Mapping[str, Any]] = {ExternalPeer: {"vrf": ""}}
