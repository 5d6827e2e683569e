"""When a device's configuration counts as equal to what is desired: two trees made comparable by what its profile says.

Called by Schema.liken before a comparison. Works on trees of its own; must not know names, payloads or stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import orjson

from fabricd.model.device import Likeness
from fabricd.model.intent import Scope
from fabricd.model.path import Path, Segment, covered
from fabricd.schema import drift, raw
from fabricd.schema.context import Context
from fabricd.schema.locate import path_of
from fabricd.schema.loose import lexical
from fabricd.schema.nodes import Kind, SchemaNode
from fabricd.schema.tree import Tree

SameSecret = Callable[[Path, str, str | None], bool]
"""Whether what a device shows at a path (third, None for nothing) stands for the secret that is desired there (second).
It is asked about every desired secret."""


@dataclass(frozen=True, slots=True)
class Likened:
    """Two configurations to compare instead of the desired and the actual one.

    `held` is what the device has, secrets in the clear; `running` the same without what does not count, which nobody
    need send back unless it would go otherwise; `compared` that without what the device only assumes. `spoken` are
    leaves whose default and absence differ. `omitted` are the desired nodes that were left out by `Likeness.omitted`.
    """

    desired: bytes
    held: bytes
    running: bytes
    compared: bytes
    spoken: tuple[Path, ...] = ()
    omitted: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A leaf that is not as the models say. `holder` is the entry or container that decides whether the leaf is meant:
    the node above its `config`. `assumed`: canonical value without configuration, None where that is not known.
    `hidden`: with the models' default it is not shown."""

    path: Path
    holder: Path
    below: tuple[SchemaNode, ...]
    assumed: str | None
    explicit: bool
    hidden: bool

    @property
    def node(self) -> SchemaNode:
        return self.below[-1]

    @property
    def default(self) -> str | None:
        return self.node.defaults[0] if self.node.defaults else None


def liken(
    context: Context, desired: Tree, actual: Tree, scope: Scope, likeness: Likeness, same_secret: SameSecret
) -> Likened:
    """The rules, in this order; `desired` and `actual` (both in canonical names) are changed on the way.

    - What is at `unsupported` or `omitted` paths counts on neither side.
    - A secret that the device shows otherwise, and that `same_secret` knows, is the desired one.
    - A leaf with a default (the models' or the device's) that nobody sets has the models' default where its entry is
      desired, and that default has to be said: where it is not the device's own, or the leaf is `explicit`. That goes
      for entries that are about to be made, and inside owned subtrees.
    - That default was put into an entry with the entry, and goes with it: it does not keep one whose other leaves are
      released.
    - A leaf that is not shown has the models' default where the device `omits_defaults`.
    - A desired leaf that the device's entry does not show is there when the device assumes that very value, unless it
      is `explicit`. A leaf that is shown and not desired is not there when its value is what the device assumes.
    """
    omitted = cut(context, desired, likeness.omitted)
    cut(context, desired, likeness.unsupported)
    for path in drift.known(context, (*likeness.secrets, *likeness.secrets_anew)):
        _reveal(context, desired, actual, path, same_secret)
    held = actual.print()
    running = actual.print() if cut(context, actual, (*likeness.omitted, *likeness.unsupported)) else held
    leaves = list(_special(context, likeness))
    places = _Places(context, desired, actual)
    ground = _Ground(
        desired, actual, scope.subtrees, (*likeness.omitted, *likeness.unsupported), _above(scope.released)
    )
    for leaf in leaves:
        for place in places.of(leaf.holder):
            _settle(context, leaf, place, ground)
    spoken = tuple(leaf.path for leaf in leaves if leaf.default is not None)
    return Likened(desired.print(), held, running, actual.print(), spoken, omitted)


def spoken_leaves(context: Context, paths: Iterable[Path]) -> frozenset[int]:
    """The leaves at these paths in the form that diff.differences takes."""
    chains = (context.nodes.along(path) for path in paths)
    return frozenset(raw.address(chain[-1].pointer) for chain in chains if chain)


def cut(context: Context, tree: Tree, paths: Iterable[Path]) -> tuple[Path, ...]:
    """Take what is at these paths out of a tree, keys excepted. Returns what it was."""
    gone: list[Path] = []
    for path in drift.known(context, paths):
        for node in drift.selected(context, tree, path):
            if not context.nodes.of(node).is_key:
                gone.append(path_of(context, node))
                tree.remove(node)
    return tuple(gone)


def _reveal(context: Context, desired: Tree, actual: Tree, path: Path, same_secret: SameSecret) -> None:
    """Put the desired secret where the device shows it otherwise."""
    for wanted in drift.selected(context, desired, path):
        here, value = path_of(context, wanted), raw.value(wanted)
        shown = next(iter(drift.selected(context, actual, here)), None)
        if same_secret(here, value, None if shown is None else raw.value(shown)) and shown is not None:
            above = raw.parent(shown)
            actual.remove(shown)
            _put(context, above, context.nodes.of(wanted), value)


def _special(context: Context, likeness: Likeness) -> Iterator[_Leaf]:
    """The leaves that `defaults` and `explicit` name, as far as these models have them."""
    assumed = {path.names: text for path, text in likeness.defaults}
    explicit = {path.names for path in likeness.explicit}
    for path in {path.names: path for path in (*likeness.explicit, *(one for one, _ in likeness.defaults))}.values():
        along = context.nodes.along(path)
        if along is None or along[-1].kind is not Kind.LEAF or along[-1].is_key:
            continue
        depth = 2 if len(along) > 2 and along[-2].name == "config" else 1
        holder = Path(path.segments[:-depth])
        text = assumed.get(path.names)
        value = along[-1].accept(lexical(orjson.loads(text))) if text is not None else None
        leaf = _Leaf(
            path, holder, along[-depth:], value[1] if value else None, path.names in explicit, likeness.omits_defaults
        )
        if leaf.explicit or leaf.assumed != leaf.default:
            yield leaf


_Place = tuple[Path, raw.DataNode | None, raw.DataNode | None]
"""A path, what the desired tree has there, and what the device has there."""


class _Places:
    """Entries and containers by path, as the two trees have them; looked for once for each pattern."""

    def __init__(self, context: Context, desired: Tree, actual: Tree) -> None:
        self._context, self._desired, self._actual = context, desired, actual
        self._known: dict[str, list[_Place]] = {}

    def of(self, pattern: Path) -> list[_Place]:
        """All that `pattern` means."""
        found = self._known.get(pattern.text)
        if found is None:
            wanted, running = self._by_path(self._desired, pattern), self._by_path(self._actual, pattern)
            found = [(path, wanted.get(path), running.get(path)) for path in dict.fromkeys((*wanted, *running))]
            self._known[pattern.text] = found
        return found

    def _by_path(self, tree: Tree, pattern: Path) -> dict[Path, raw.DataNode]:
        return {path_of(self._context, node): node for node in drift.selected(self._context, tree, pattern)}


_Name = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True, slots=True)
class _Ground:
    """Both trees, and whose is what in them. `giving_up` are the places of released leaves and of all above them."""

    desired: Tree
    actual: Tree
    owned: tuple[Path, ...]
    absent: tuple[Path, ...]
    giving_up: frozenset[_Name]

    def owns(self, path: Path) -> bool:
        return covered(self.owned, path) and not covered(self.absent, path)

    def goes_with(self, holder: Path, leaf: Path) -> bool:
        """Whether leaves of an entry are released, this one not among them."""
        return _name(holder) in self.giving_up and _name(leaf) not in self.giving_up


def _name(path: Path) -> _Name:
    """Tells places apart without modules, which are left out of paths at will."""
    return tuple((segment.name, segment.keys) for segment in path.segments)


def _above(paths: Iterable[Path]) -> frozenset[_Name]:
    return frozenset(name[:depth] for name in map(_name, paths) for depth in range(len(name) + 1))


def _settle(context: Context, leaf: _Leaf, place: _Place, ground: _Ground) -> None:
    """Bring one leaf of one entry into line in both trees."""
    holder, wanting, having = place
    path = Path((*holder.segments, *(Segment(node.name) for node in leaf.below)))
    wanted, shown = _find(wanting, leaf), _find(having, leaf)
    if leaf.hidden and shown is None and leaf.default is not None:
        if having is not None:
            shown = _say(context, having, leaf, leaf.default)
        elif _has_entry(context, ground.actual, holder):  # nothing is shown of the container: its defaults are in force
            if wanted is not None and raw.value(wanted) == leaf.default:
                ground.desired.remove(wanted)
            return
    implied = leaf.default if having is None or ground.owns(path) else None
    if wanted is None and wanting is not None and implied is not None:
        wanted = _say(context, wanting, leaf, implied)
    if wanted is not None:
        if shown is None and having is not None and not leaf.explicit and raw.value(wanted) == leaf.assumed:
            ground.desired.remove(wanted)
    elif shown is not None and (
        raw.value(shown) == leaf.assumed
        or (raw.value(shown) == leaf.default and wanting is None and ground.goes_with(holder, path))
    ):
        ground.actual.remove(shown)


def _has_entry(context: Context, tree: Tree, path: Path) -> bool:
    """Whether the tree has the list entry that a container is in; true outside all lists."""
    while path.segments and not path.segments[-1].keys:
        path = path.parent
    return not path.segments or bool(drift.selected(context, tree, path))


def _find(holder: raw.DataNode | None, leaf: _Leaf) -> raw.DataNode | None:
    node = holder
    for step in leaf.below:
        if node is None:
            return None
        found = raw.child_of(raw.first_child(node), step.pointer)
        node = None if raw.is_null(found) else found
    return node


def _say(context: Context, holder: raw.DataNode, leaf: _Leaf, value: str) -> raw.DataNode:
    """Put the leaf below its holder."""
    above = holder
    for step in leaf.below[:-1]:
        found = raw.child_of(raw.first_child(above), step.pointer)
        above = raw.new_inner(above, step.pointer, []) if raw.is_null(found) else found
        if above is None:
            raise context.fault("to make a container")
    return _put(context, above, leaf.node, value)


def _put(context: Context, above: raw.DataNode, node: SchemaNode, value: str) -> raw.DataNode:
    made = raw.new_terminal(above, node.pointer, value)
    if made is None:
        raise context.fault("to make a leaf")
    return made
