"""The two cardinal sins: drift that is none, and drift that is not seen, on every kind of switch that has a profile.

A whole switch of an example fabric is shown as such a kind may show it, with everything that does not count done to it
at once; then one leaf after the other is changed or taken away.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from ipaddress import IPv6Interface
from pathlib import Path as File
from random import Random
from typing import Any

import orjson
import pytest
from golden_trees import compiled
from schema_interpreters import bare

from fabricd.model.device import Profile
from fabricd.model.edit import Dialect
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.intent import Desired, Scope
from fabricd.model.path import ROOT, Path, Segment, covered
from fabricd.plan import Memory, Planned, make_plan
from fabricd.plan.secrets import NOTHING, Judge
from fabricd.plan.view import view
from fabricd.schema import ModelSet, Schema, digest
from fabricd.schema.nodes import Kind, SchemaNode
from fabricd.southbound.profiles import load_profiles

PROFILES = load_profiles(File(__file__).resolve().parents[2] / "config" / "profiles")
SWITCHES = [("evpn", "leaf1"), ("evpn", "spine1"), ("routed", "leaf1")]
SECRET = Path.parse(
    "/network-instances/network-instance/protocols/protocol/bgp/neighbors/neighbor/config/auth-password"
)
KEY = bytes(range(32))
MUTATED = 30  # leaves of each switch, at random, that are changed and taken away

Leaf = tuple[Path, tuple[SchemaNode, ...], dict[str, Any], str]
"""Path, schema nodes, the object that the leaf is in, its name there."""


@pytest.fixture(scope="module")
def schema() -> Iterator[Schema]:
    with Schema(ModelSet.managed()) as opened:
        yield opened


class Switch:
    """One device of one kind that has what is desired of it. `shown` is how it may say so."""

    def __init__(self, schema: Schema, profile: Profile, example: str, device: str) -> None:
        self.schema, self.likeness = schema, profile.likeness
        tree = orjson.loads(compiled(example).trees[device])
        for node in _objects(tree):
            if "neighbor-address" in node and "peer-as" in node:
                node["auth-password"] = "very secret"
        config = schema.read(orjson.dumps(tree))
        scope = Scope(
            schema.roots(config),
            subtrees=(ROOT,),
            protected=profile.protected,
            system_entries=profile.system_entries,
        )
        self.desired = Desired(device, 1, config, digest(config), scope)
        seen = view(schema, self.desired, b"{}", self.likeness, Judge(NOTHING, self.likeness))
        self.config = orjson.loads(seen.outward(seen.desired))
        self.written = self.plan(b"{}").secrets_after
        self.written = self.plan(orjson.dumps(self.shown(Random(0)))).secrets

    def plan(self, data: bytes, encoding: Encoding = Encoding.JSON_IETF) -> Planned:
        fetched = Fetched(encoding, (Part(ROOT, data),), digest(data), len(data))
        memory = Memory(self.desired.device, KEY, getattr(self, "written", {}))
        return make_plan(
            self.schema, self.desired, fetched, dialect=Dialect.GNMI, likeness=self.likeness, memory=memory
        )

    def shown(self, random: Random) -> dict[str, Any]:
        """Its configuration, defaults shown or not, lists in any order, addresses in any spelling, secrets hashed."""
        config: dict[str, Any] = orjson.loads(orjson.dumps(self.config))
        for path, nodes, holder, name in list(leaves(self.schema, config)):
            if covered((*self.likeness.secrets, *self.likeness.secrets_anew), path):
                salt = random.random() if covered(self.likeness.secrets_anew, path) else 0
                holder[name] = hashlib.sha256(f"{salt}{holder[name]}".encode()).hexdigest()
            elif self._goes_without_saying(path, nodes[-1], holder[name]) and random.random() < 0.5:
                del holder[name]
        self._say_defaults(None, config, Path(), random)
        return _respelled(self.schema, None, config, random)

    def assumed(self, path: Path, node: SchemaNode) -> str | None:
        """What is in force where nothing is configured."""
        own = {one.names: value for one, value in self.likeness.defaults}.get(path.names)
        if own is not None:
            return str(orjson.loads(own)).lower() if own in ("true", "false") else str(orjson.loads(own))
        return node.defaults[0] if node.defaults else None

    def _goes_without_saying(self, path: Path, node: SchemaNode, value: Any) -> bool:
        if node.kind is not Kind.LEAF or node.is_key or any(path.names == one.names for one in self.likeness.explicit):
            return False
        return _text(value) == self.assumed(path, node)

    def _say_defaults(self, above: SchemaNode | None, value: dict[str, Any], path: Path, random: Random) -> None:
        for name, held in list(value.items()):
            node = self.schema.context.nodes.member(above, name)
            assert node is not None
            here = path.child(Segment(node.name, node.module))
            for one in held if node.kind is Kind.LIST else [held] if node.kind is Kind.CONTAINER else []:
                self._say_defaults(node, one, here, random)
        for node in above.members.values() if above is not None else ():
            here = path.child(Segment(node.name, node.module))
            assumed = self.assumed(here, node) if node.kind is Kind.LEAF and not node.is_state else None
            if assumed is None or self.likeness.omits_defaults or random.random() < 0.5:
                continue
            if not {node.name, node.qualified} & value.keys() and not covered(self.likeness.omitted, here):
                value[node.qualified] = _typed(node, assumed)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for held in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(held)


def leaves(
    schema: Schema, value: dict[str, Any], above: tuple[SchemaNode, ...] = (), path: Path = ROOT
) -> Iterator[Leaf]:
    for name, held in value.items():
        node = schema.context.nodes.member(above[-1] if above else None, name)
        assert node is not None, (path.text, name)
        along = (*above, node)
        here = path.child(Segment(node.name, node.module))
        if node.kind is Kind.CONTAINER:
            yield from leaves(schema, held, along, here)
        elif node.kind is Kind.LIST:
            for entry in held:
                keys = tuple((key.name, _text(entry.get(key.name, entry.get(key.qualified)))) for key in node.keys)
                yield from leaves(schema, entry, along, path.child(Segment(node.name, node.module, keys)))
        else:
            yield here, along, value, name


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _typed(node: SchemaNode, text: str) -> Any:
    """A default as RFC 7951 has it: numbers of up to 32 bits and booleans are not in quotes."""
    found = node.check(text)
    assert found is not None
    return text == "true" if text in ("true", "false") else int(text) if text.isdigit() else text


def _respelled(schema: Schema, above: SchemaNode | None, value: Any, random: Random) -> Any:
    if isinstance(value, list):
        return [_respelled(schema, above, one, random) for one in value]
    if not isinstance(value, dict):
        return _spelled_otherwise(value)
    out: dict[str, Any] = {}
    for name in random.sample(list(value), len(value)):
        node = schema.context.nodes.member(above, name)
        assert node is not None
        held = _respelled(schema, node, value[name], random)
        if isinstance(held, list) and not node.user_ordered:
            random.shuffle(held)
        out[name] = held
    return out


def _spelled_otherwise(value: Any) -> Any:
    if not isinstance(value, str) or ":" not in value:
        return value
    if len(value) == 17 and value.count(":") == 5:
        return value.upper()
    try:
        address = IPv6Interface(value)
    except ValueError:
        return value
    long = address.ip.exploded.upper()
    return f"{long}/{value.partition('/')[2]}" if "/" in value else long


def _foreign(value: Any) -> Any:
    """Names bare, identities bare or with the prefix of their module, numbers in quotes."""
    if isinstance(value, dict):
        return {name: _foreign(held) for name, held in bare(value).items()}
    if isinstance(value, list):
        return [_foreign(held) for held in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.startswith(("openconfig-", "iana-if-type:")):
        return f"x:{value.partition(':')[2]}" if len(value) % 2 else value.partition(":")[2]
    return value


@functools.cache
def switch(schema: Schema, kind: str, example: str, device: str) -> Switch:
    return Switch(schema, PROFILES[kind], example, device)


kinds = pytest.mark.parametrize("kind", sorted(PROFILES))
switches = pytest.mark.parametrize(("example", "device"), SWITCHES)


@kinds
@switches
def test_a_switch_that_has_what_it_should_is_in_sync_however_it_says_so(
    schema: Schema, kind: str, example: str, device: str
) -> None:
    one = switch(schema, kind, example, device)
    for seed in range(2):
        shown = one.shown(Random(seed))
        xml = b"<data>%b</data>" % schema.to_xml(
            schema.read_device([Part(ROOT, orjson.dumps(shown))], Encoding.JSON_IETF).config
        )
        for data, encoding in (
            (orjson.dumps(shown), Encoding.JSON_IETF),
            (orjson.dumps(_foreign(shown)), Encoding.JSON_IETF),
            (xml, Encoding.XML),
        ):
            planned = one.plan(data, encoding)
            assert (planned.plan.edits, planned.plan.skipped) == ((), ())


def _others(node: SchemaNode, value: Any, seen: set[str]) -> Iterator[Any]:
    """Values that the leaf may have instead."""
    text = _text(value)
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, list):
        yield value[1:]
        return
    tries = [text + "x", text[:-1] + ("2" if text[-1:] != "2" else "3"), text[::-1], *sorted(seen)]
    if text.isdigit():
        tries = [str(int(text) + 1), str(int(text) - 1)]
    for other in tries:
        if other != text and (found := node.check(other)) is not None and found != node.check(text):
            yield int(other) if isinstance(value, int) else other


def _is_told_apart(one: Switch, leaf: Leaf) -> bool:
    """Not keys, which make another entry, nor what the profile says is not compared."""
    path, nodes, _, name = leaf
    mirrors = len(nodes) > 2 and nodes[-2].name == "config" and name in {key.name for key in nodes[-3].keys}
    silent = (*one.likeness.omitted, *one.likeness.unsupported, *one.desired.scope.protected)
    return not (nodes[-1].is_key or mirrors or covered(silent, path))


@kinds
@switches
def test_whatever_one_leaf_is_changed_to_is_seen(schema: Schema, kind: str, example: str, device: str) -> None:
    one = switch(schema, kind, example, device)
    every = [leaf for leaf in leaves(schema, one.config) if _is_told_apart(one, leaf)]
    seen: dict[tuple[str, ...], set[str]] = {}
    for path, _, holder, name in every:
        seen.setdefault(path.names, set()).add(_text(holder[name]))
    chosen = Random(kind).sample(every, min(MUTATED, len(every)))
    untried, unseen = 0, []
    for path, nodes, holder, name in chosen:
        held = holder[name]
        other = next(_others(nodes[-1], held, seen[path.names]), None)
        if other is None or covered(one.likeness.secrets_anew, path):
            untried += 1
        else:
            holder[name] = other
            if not _names(one.plan(orjson.dumps(one.config)), path):
                unseen.append((path.text, held, other))
        del holder[name]
        in_force = one.assumed(path, nodes[-1])
        if not _names(one.plan(orjson.dumps(one.config)), path) and _text(held) != in_force:
            unseen.append((path.text, held, None))
        holder[name] = held
    assert unseen == []
    assert untried < len(chosen) / 3


def _names(planned: Planned, path: Path) -> bool:
    """Whether there is an edit at the leaf, or one that brings the entry that it is in: names may be the device's."""
    return any(edit.edit.path.names == path.names[: len(edit.edit.path.names)] for edit in planned.plan.edits)


def _lists(
    schema: Schema, value: dict[str, Any], above: SchemaNode | None = None, path: Path = ROOT
) -> Iterator[tuple[SchemaNode, Path, list[dict[str, Any]]]]:
    """One instance of each list of a configuration."""
    for name, held in value.items():
        node = schema.context.nodes.member(above, name)
        assert node is not None
        here = path.child(Segment(node.name, node.module))
        if node.kind is Kind.CONTAINER:
            yield from _lists(schema, held, node, here)
        elif node.kind is Kind.LIST and held:
            for entry in held:
                yield from _lists(schema, entry, node, here)
            yield node, here, held


def _another(node: SchemaNode, entries: list[dict[str, Any]]) -> dict[str, Any] | None:
    """An entry that is not there, made of the first one; None where no other key can be thought of."""
    made: dict[str, Any] = orjson.loads(orjson.dumps(entries[0]))
    for key in node.keys:
        held = made[key.name]
        tries = [held + 100] if isinstance(held, int) else [f"{held}9", "198.51.100.77", "203.0.113.0/24"]
        other = next((one for one in tries if key.check(_text(one)) is not None), held)
        made[key.name] = other
        if key.name in made.get("config", {}):
            made["config"][key.name] = other
    known = [[entry[key.name] for key in node.keys] for entry in entries]
    return None if [made[key.name] for key in node.keys] in known else made


@kinds
def test_an_entry_that_nobody_wants_is_seen_unless_the_switch_makes_it_itself(schema: Schema, kind: str) -> None:
    one = switch(schema, kind, *SWITCHES[0])
    seen: set[tuple[str, ...]] = set()
    for node, path, entries in _lists(schema, one.config):
        extra = _another(node, entries)
        if extra is None or path.names in seen:
            continue
        seen.add(path.names)
        keys = tuple((key.name, _text(extra[key.name])) for key in node.keys)
        here = path.parent.child(Segment(node.name, node.module, keys))
        entries.append(extra)
        edits = one.plan(orjson.dumps(one.config)).plan.edits
        entries.pop()
        assert bool(edits) != covered(one.desired.scope.system_entries, here), here.text
    assert len(seen) > 10
