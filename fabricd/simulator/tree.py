"""A switch's data as plain RFC 7951 JSON objects, and what is done to them: select, delete, write, merge, filter.

Called by both protocols and by the state model. Names and keys are checked against the outline here; values, must,
when and leafrefs are checked by schema when the whole is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from fabricd.errors import FabricdError
from fabricd.schema.outline import Node, NodeKind, Value
from fabricd.simulator.entries import Entries, key_of_texts
from fabricd.simulator.values import Json, bare_identity, from_text, lenient, same, to_text

Object = dict[str, Json]
LEAVES = (NodeKind.LEAF, NodeKind.LEAF_LIST)


class Fault(StrEnum):
    UNKNOWN = "unknown"  # no such node in the models
    READ_ONLY = "read-only"  # a state node
    SHAPE = "shape"  # an object where a list belongs, and the like
    KEY = "key"  # a key missing, partial or contradicting
    MISSING = "missing"
    EXISTS = "exists"


class TreeError(FabricdError):
    """What was asked for does not fit the models or the data; `path` says where."""

    code = "INVALID_INPUT"

    def __init__(self, fault: Fault, message: str, path: str = "") -> None:
        super().__init__(message, path=path)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Step:
    """One step down. `keys` are (name, text) pairs in any order; text "*" is any value; () means all entries."""

    node: Node
    keys: tuple[tuple[str, str], ...] = ()

    @property
    def complete(self) -> bool:
        """True when it names one entry."""
        return len(self.keys) == len(self.node.keys) and all(text != "*" for _, text in self.keys)

    def __str__(self) -> str:
        return self.node.member + "".join(f"[{name}='{text}']" for name, text in self.keys)


@dataclass(frozen=True, slots=True)
class Place:
    """A path bound to the models."""

    steps: tuple[Step, ...] = field(default=())

    @property
    def node(self) -> Node | None:
        """The last node, None for the root."""
        return self.steps[-1].node if self.steps else None

    def __str__(self) -> str:
        return "/" + "/".join(map(str, self.steps))


def select(data: Object, steps: Sequence[Step], above: tuple[Step, ...] = ()) -> Iterator[tuple[Place, Json]]:
    """Every instance that matches, with its own place. A list without keys gives its entries."""
    if not steps:
        yield Place(above), data
        return
    step, rest = steps[0], steps[1:]
    value = data.get(step.node.member)
    if value is None:
        return
    if step.node.kind is NodeKind.LIST:
        assert isinstance(value, list)
        for entry in value:
            assert isinstance(entry, dict)
            if matches(entry, step):
                yield from select(entry, rest, (*above, concrete(entry, step.node)))
    elif isinstance(value, dict) and rest:
        yield from select(value, rest, (*above, step))
    elif not rest:
        yield Place((*above, step)), value


def matches(entry: Object, step: Step) -> bool:
    """Whether a list entry has the step's keys."""
    return all(text == "*" or same(_value(step.node, name), entry.get(name), text) for name, text in step.keys)


def concrete(entry: Object, node: Node) -> Step:
    """The step to one entry."""
    return Step(node, tuple((name, to_text(entry.get(name))) for name in node.keys))


def remove(data: Object, steps: Sequence[Step]) -> int:
    """Delete every matching instance; returns how many. Containers left empty go too."""
    step, rest = steps[0], steps[1:]
    member = step.node.member
    value = data.get(member)
    if value is None:
        return 0
    if step.node.kind is NodeKind.LIST:
        entries = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
        if rest:
            found = sum(remove(entry, rest) for entry in entries if matches(entry, step))
        else:
            kept: list[Json] = [entry for entry in entries if not matches(entry, step)]
            found = len(entries) - len(kept)
            data[member] = kept
            if not kept:
                del data[member]
        return found
    if not rest:
        del data[member]
        return 1
    assert isinstance(value, dict)
    found = remove(value, rest)
    if not value and not step.node.presence:
        del data[member]
    return found


def write(
    data: Object, place: Place, value: Json, *, replace: bool, fill: bool = True, entries: Entries | None = None
) -> None:
    """Put a normalised value at a place, making what is above it (gNMI section 3.4.4).

    A list entry made on the way also gets the leaves its keys refer to (`config/name` for `name`), as devices do,
    unless `fill` is false. `entries` remembers the entries of lists from one write of an edit to the next.
    Raises TreeError for a partial key or a body that contradicts the path.
    """
    known = entries or Entries()
    for at, step in enumerate(place.steps[:-1]):
        data = _down(data, step, place, at, known, fill=fill)
    step = place.steps[-1]
    member = step.node.member
    if step.node.kind is NodeKind.LIST:
        if not step.keys:
            _write_list(data, step.node, value, place, replace=replace)
            return
        if not isinstance(value, dict):
            raise TreeError(Fault.SHAPE, "one entry takes an object", str(place))
        entry = _entry(data, step, place, known)
        for name in step.node.keys:
            if name in value and not same(_value(step.node, name), value[name], to_text(entry[name])):
                raise TreeError(Fault.KEY, f"key {name} of the value is not that of the path", str(place))
        if replace:
            keys = {name: entry[name] for name in step.node.keys}
            entry.clear()
            entry.update(keys)
        merge(entry, value, step.node)
    elif isinstance(value, dict):
        if replace:
            data[member] = value
        else:
            target = data.setdefault(member, {})
            assert isinstance(target, dict)
            merge(target, value, step.node)
    else:
        _check_key(place, value)
        data[member] = value


def _check_key(place: Place, value: Json) -> None:
    """Raises TreeError for a key leaf with another value than the path to its entry has (gNMI section 3.4.5)."""
    *above, step = place.steps
    if above and step.node.name in above[-1].node.keys:
        assert step.node.value is not None
        if not same(step.node.value, value, dict(above[-1].keys)[step.node.name]):
            raise TreeError(Fault.KEY, f"key {step.node.name} is not that of the path", str(place))


def _down(data: Object, step: Step, place: Place, at: int, known: Entries, *, fill: bool) -> Object:
    if step.node.kind is NodeKind.LIST:
        return _entry(data, step, place, known, fill=fill and place.steps[at + 1].node.name not in step.node.keys)
    below = data.setdefault(step.node.member, {})
    assert isinstance(below, dict)
    return below


def _entry(data: Object, step: Step, place: Place, known: Entries, *, fill: bool = False) -> Object:
    if not step.complete:
        raise TreeError(Fault.KEY, f"list {step.node.name} needs the keys {', '.join(step.node.keys)}", str(place))
    entries = data.setdefault(step.node.member, [])
    assert isinstance(entries, list)
    texts = dict(step.keys)
    found = known.find(entries, key_of_texts(texts, step.node), step.node)
    if found is not None:
        assert isinstance(found, dict)
        return found
    made: Object = {name: from_text(_value(step.node, name), texts[name]) for name in step.node.keys}
    if fill and (config := step.node.child("config")) is not None:
        made[config.member] = {
            leaf.member: made[name] for name in step.node.keys if (leaf := config.child(name)) is not None
        }
    entries.append(made)
    return made


def _write_list(data: Object, node: Node, value: Json, place: Place, *, replace: bool) -> None:
    if not isinstance(value, list):
        raise TreeError(Fault.KEY, f"list {node.name} without keys takes an array", str(place))
    if replace:
        data[node.member] = value
    else:
        merge(data, {node.member: value}, node.parent)


def merge(target: Object, source: Object, node: Node | None) -> None:
    """Lay one normalised object over another: lists by key, leaf-lists as a whole."""
    assert node is not None
    for member, value in source.items():
        child = node.child(member)
        held = target.get(member)
        if child is None or held is None:
            target[member] = value
        elif held is value:
            continue  # a filter that selects the same twice
        elif child.kind is NodeKind.LIST and isinstance(held, list) and isinstance(value, list):
            _merge_entries(held, value, child)
        elif isinstance(held, dict) and isinstance(value, dict):
            merge(held, value, child)
        else:
            target[member] = value


def _merge_entries(held: list[Json], incoming: list[Json], node: Node) -> None:
    known = {entry_key(entry, node): entry for entry in held if isinstance(entry, dict)} if node.keys else {}
    for entry in incoming:
        assert isinstance(entry, dict)
        match = known.get(entry_key(entry, node)) if node.keys else None
        if match is None:
            held.append(entry)
            known[entry_key(entry, node)] = entry
        else:
            merge(match, entry, node)


def entry_key(entry: Object, node: Node) -> tuple[str, ...]:
    """The key values of an entry as texts."""
    return tuple(to_text(entry.get(name)) for name in node.keys)


def normalise(node: Node, value: Json, path: str, *, loose: bool) -> Json:
    """Incoming JSON with the member names of RFC 7951. `loose`: encoding JSON, whose numbers may be strings and the
    other way round. Raises TreeError for unknown names, state nodes and wrong shapes."""
    if node.parent is not None and not node.config:
        raise TreeError(Fault.READ_ONLY, "this is state, it cannot be configured", path)
    match node.kind:
        case NodeKind.LEAF:
            return _scalar(node, value, path, loose=loose)
        case NodeKind.LEAF_LIST:
            assert node.value is not None
            if not isinstance(value, list):
                raise TreeError(Fault.SHAPE, "a leaf-list takes an array", path)
            return [_scalar(node, one, f"{path}[{at}]", loose=loose) for at, one in enumerate(value, 1)]
        case NodeKind.LIST if isinstance(value, list):
            return [_normalise_object(node, entry, f"{path}[{at}]", loose=loose) for at, entry in enumerate(value, 1)]
        case _:
            return _normalise_object(node, value, path, loose=loose)


def _scalar(node: Node, value: Json, path: str, *, loose: bool) -> Json:
    # [null] is the value of type empty (RFC 7951 section 6.9).
    if isinstance(value, dict | list) and value != [None]:
        raise TreeError(Fault.SHAPE, "a leaf takes one value", path)
    assert node.value is not None
    return lenient(node.value, value) if loose else bare_identity(node.value, value)


def _normalise_object(node: Node, value: Json, path: str, *, loose: bool) -> Object:
    if not isinstance(value, dict):
        raise TreeError(Fault.SHAPE, "an object belongs here", path)
    found: Object = {}
    for name, below in value.items():
        child = node.child(name)
        place = f"{path.rstrip('/')}/{name}"
        if child is None:
            raise TreeError(Fault.UNKNOWN, "the models have no such node", place)
        if child.member in found:
            raise TreeError(Fault.SHAPE, "given twice", place)
        if child.kind is NodeKind.LIST and not isinstance(below, list):
            raise TreeError(Fault.SHAPE, "a list takes an array", place)
        found[child.member] = normalise(child, below, place, loose=loose)
    return found


def keep(data: Object, node: Node, wanted: Callable[[Node], bool]) -> Object:
    """A copy with the leaves that are wanted, and the keys of every list entry that still has something."""
    found: Object = {}
    for member, value in data.items():
        child = node.child(member)
        assert child is not None
        if child.kind is NodeKind.LIST:
            assert isinstance(value, list)
            entries: list[Json] = []
            for entry in value:
                assert isinstance(entry, dict)
                if kept := keep(entry, child, wanted):
                    entries.append({**{name: entry[name] for name in child.keys if name in entry}, **kept})
            if entries:
                found[member] = entries
        elif child.kind in LEAVES:
            if wanted(child):
                found[member] = value
        else:
            assert isinstance(value, dict)
            if kept := keep(value, child, wanted):
                found[member] = kept
    return found


def leaves(data: Json, node: Node, above: tuple[Step, ...]) -> Iterator[tuple[Place, Json]]:
    """Every leaf and leaf-list below, with its place. `data` is the value of `node`, whose place is `above`."""
    if node.kind in LEAVES:
        yield Place(above), data
        return
    assert isinstance(data, dict)
    for member, value in data.items():
        child = node.child(member)
        assert child is not None
        if child.kind is NodeKind.LIST:
            assert isinstance(value, list)
            for entry in value:
                assert isinstance(entry, dict)
                yield from leaves(entry, child, (*above, concrete(entry, child)))
        else:
            yield from leaves(value, child, (*above, Step(child)))


def _value(node: Node, key: str) -> Value:
    child = node.child(key)
    assert child is not None
    assert child.value is not None
    return child.value
