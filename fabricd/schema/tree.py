"""Tree: the one owner of a libyang data tree, and everything that can be done to it.

    with Tree.parse(schema, data) as tree:
        tree.merge_json(path, b'{"mtu": 9000}')   # gNMI update;  replace_json and delete are the other two
        tree.validate()                           # InputError with every problem
        text = tree.print(Format.XML, defaults=Defaults.TRIM, paths=[path])

A tree lives in one thread, that of its schema, and must be closed: it has no finaliser. Paths may be bare (as in gNMI)
and, in find, delete and print, may leave keys out or give `*`. Used by this room and by the simulator. Must not know
scopes or protocols.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from types import TracebackType
from typing import Any, Protocol, Self

import orjson

from fabricd.errors import InputError, Problem
from fabricd.model.path import ROOT, Path
from fabricd.schema import documents, printing, raw
from fabricd.schema.context import Context
from fabricd.schema.locate import ensure, instances, path_of, resolve
from fabricd.schema.loose import Walk, lexical
from fabricd.schema.models import Format
from fabricd.schema.nodes import Kind
from fabricd.schema.validate import violations


class HasContext(Protocol):
    """A Schema (or a Context itself)."""

    @property
    def context(self) -> Context: ...


class Defaults(StrEnum):
    """What to print of leaves that have their default value (RFC 6243 section 3)."""

    EXPLICIT = "explicit"
    TRIM = "trim"
    REPORT_ALL = "report-all"


class Tree:
    """A forest of top-level nodes. Close it, or use it in a `with` statement."""

    def __init__(self, schema: HasContext, first: raw.DataNode = raw.NULL) -> None:
        """Take over a parsed tree (first sibling); without one the tree is empty."""
        self.context = schema.context
        self.cell: raw.Cell = raw.new_cell(first)

    @classmethod
    def parse(
        cls,
        schema: HasContext,
        data: bytes,
        form: Format = Format.JSON,
        *,
        source: str = "",
        state: bool = False,
        limit: int = documents.LIMIT_BYTES,
    ) -> Self:
        """Read a document strictly, without whole-tree validation. `state` admits state nodes. Raises InputError."""
        context = schema.context
        return cls(context, documents.parse(context, data, form, source=source, limit=limit, state=state))

    def close(self) -> None:
        raw.free_all(self.cell[0])
        self.cell[0] = raw.NULL

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def first(self) -> raw.DataNode:
        return self.cell[0]

    @property
    def empty(self) -> bool:
        return raw.is_null(self.cell[0])

    # Reading

    def print(
        self,
        form: Format = Format.JSON,
        *,
        defaults: Defaults = Defaults.EXPLICIT,
        paths: Sequence[Path] | None = None,
    ) -> bytes:
        """The tree as RFC 7951 JSON (`{}` when empty) or a sequence of XML elements (nothing when empty).

        With `paths` only the subtrees there, their ancestors and the keys on the way.
        """
        if paths is not None:
            with self.select(paths) as part:
                return part.print(form, defaults=defaults)
        if defaults is Defaults.REPORT_ALL:
            with self.duplicate() as full:
                if not raw.add_defaults(self.context.pointer, full.cell):
                    raise self.context.fault("to add defaults")
                return printing.print_tree(self.context, full.first, form, raw.PRINT_ALL)
        flags = raw.PRINT_TRIM if defaults is Defaults.TRIM else raw.PRINT_EXPLICIT
        return printing.print_tree(self.context, self.first, form, flags)

    def canonical(self) -> bytes:
        """JSON that is the same for the same configuration (see printing.canonical)."""
        return printing.canonical(self.context, self.first)

    def find(self, path: Path) -> list[Path]:
        """The paths of all nodes that `path` selects, in full. Raises InputError when the models do not have it."""
        return [path_of(self.context, node) for node in self.nodes(path)]

    def exists(self, path: Path) -> bool:
        return path == ROOT or bool(self.nodes(path))

    def nodes(self, path: Path) -> list[raw.DataNode]:
        """The same as pointers into the tree, for this room."""
        return instances(self.context, self.first, path) if not self.empty else self._none(path)

    def _none(self, path: Path) -> list[raw.DataNode]:
        resolve(self.context, path)
        return []

    def value(self, path: Path, *, defaults: Defaults = Defaults.EXPLICIT) -> bytes | None:
        """The RFC 7951 value of the first node at `path`, as gNMI carries it: of a container or list entry the object
        inside it with qualified members, of a leaf its value, of a whole leaf-list or list an array. None if absent.
        """
        if path == ROOT:
            return self.print(defaults=defaults)
        if defaults is Defaults.REPORT_ALL:
            with self.select([path]) as part:
                if not raw.add_defaults(self.context.pointer, part.cell):
                    raise self.context.fault("to add defaults")
                return part._value(path, raw.PRINT_ALL)
        return self._value(path, raw.PRINT_TRIM if defaults is Defaults.TRIM else raw.PRINT_EXPLICIT)

    def _value(self, path: Path, flags: int) -> bytes | None:
        found = self.nodes(path)
        if not found:
            return None
        known = self.context.nodes.of(found[0])
        if known.kind is Kind.LEAF:
            return printing.value_of(found[0], known.qualified).encode()
        last = path.segments[-1]
        if known.kind is Kind.LEAF_LIST:
            values = [printing.value_of(one, known.qualified) for one in found]
            return (values[0] if last.value is not None else f"[{','.join(values)}]").encode()
        if known.kind is Kind.LIST and not last.keys:
            return orjson.dumps([printing.subtree_of(self.context, one, flags) for one in found])
        return orjson.dumps(printing.subtree_of(self.context, found[0], flags))

    def duplicate(self) -> Tree:
        if self.empty:
            return Tree(self.context)
        copy = raw.duplicate(self.first)
        if copy is None:
            raise self.context.fault("to copy a tree")
        return Tree(self.context, copy)

    def select(self, paths: Sequence[Path]) -> Tree:
        """A new tree with only the subtrees at `paths`, their ancestors and the keys on the way."""
        if ROOT in paths:
            return self.duplicate()
        part = Tree(self.context)
        try:
            for path in paths:
                for node in self.nodes(path):
                    top = raw.duplicate_with_parents(node)
                    if top is None or not raw.merge(part.cell, top):
                        raise self.context.fault("to select a subtree")
        except BaseException:
            part.close()
            raise
        return part

    def validate(self) -> None:
        """Check everything the models ask for. Raises InputError with every problem found."""
        problems = violations(self.context, self.first)
        if problems:
            raise InputError.of(problems)

    # Writing

    def delete(self, path: Path) -> int:
        """Delete every node that `path` selects and say how many there were. ROOT empties the tree; a key leaf
        cannot go without its entry and raises InputError."""
        if path == ROOT:
            count = sum(1 for _ in raw.siblings(self.first))
            self.close()
            return count
        if resolve(self.context, path)[-1].is_key:
            raise InputError.of([Problem("a key cannot be deleted without its list entry", path=path.text)])
        found = self.nodes(path)
        for node in found:
            self.remove(node)
        return len(found)

    def remove(self, node: raw.DataNode) -> None:
        raw.free_subtree(self.cell, node)

    def merge(self, other: Tree) -> None:
        """Merge another tree into this one: leaves overwrite, entries are added. The other is empty afterwards."""
        if other.empty:
            return
        top, other.cell[0] = other.first, raw.NULL
        if not raw.merge(self.cell, top):
            raise self.context.fault("to merge trees")

    def merge_json(self, path: Path, value: bytes, *, state: bool = False) -> None:
        """gNMI update: merge the RFC 7951 value of the node at `path`; member names may be bare. Raises InputError."""
        document = self.wrap(path, documents.load_json(value), state=state)
        with Tree.parse(self.context, orjson.dumps(document), state=state) as part:
            part.canonical()  # refuses what is given twice
            self.merge(part)

    def replace_json(self, path: Path, value: bytes, *, state: bool = False) -> None:
        """gNMI replace: what was at `path` goes, the value takes its place (also in a user-ordered list)."""
        document = self.wrap(path, documents.load_json(value), state=state)
        with Tree.parse(self.context, orjson.dumps(document), state=state) as part:
            part.canonical()
            neighbour = self._neighbour(path)
            if path == ROOT:
                self.close()
            else:
                for node in self.nodes(path):
                    self.remove(node)
            self.merge(part)
            if neighbour is not None:
                self._restore(path, *neighbour)

    def place(self, path: Path, after: Path | None, *, before: Path | None = None) -> None:
        """Move an entry of a user-ordered list or leaf-list behind `after` or in front of `before` (its siblings);
        with neither it becomes the first. Raises InputError when one of them does not exist."""
        node = self._one(path)
        known = self.context.nodes.of(node)
        if not known.user_ordered:
            raise InputError.of([Problem("its order is not the user's", path=path.text)])
        anchor = before or after
        if anchor is not None:
            other = self._one(anchor)
            if other.schema != node.schema or other.parent != node.parent:
                raise InputError.of([Problem(f"{anchor} is not a sibling", path=path.text)])
            move_behind(self.context, self.cell, node, other, before=before is not None)
        else:
            move_behind(self.context, self.cell, node, None)

    def ensure(self, path: Path) -> raw.DataNode:
        """The container or list entry at `path`, made where it is missing."""
        return ensure(self.context, self.cell, path)

    def wrap(self, path: Path, value: Any, *, state: bool = False) -> dict[str, Any]:
        """A whole document holding plain `value` at `path`, keys filled in from the path. Raises InputError."""
        if path == ROOT:
            if not isinstance(value, dict):
                raise InputError.of([Problem("the value must be an object", path="/")])
            return _strict(self.context, value, state)
        along = resolve(self.context, path)
        held: Any = value
        for node, segment in zip(reversed(along), reversed(path.segments), strict=True):
            if node.kind is Kind.LIST and (segment.keys or node is not along[-1]):
                held = [_keyed(path, node.keys, segment.keys, held)]
            elif node.kind is Kind.LEAF_LIST and not isinstance(held, list):
                held = [held]
            held = {node.qualified: held}
        return _strict(self.context, held, state)

    def _one(self, path: Path) -> raw.DataNode:
        found = self.nodes(path)
        if not found:
            raise InputError.of([Problem("does not exist", path=path.text)])
        return found[0]

    def _neighbour(self, path: Path) -> tuple[raw.DataNode, bool] | None:
        """(entry, it comes before) next to the entry at `path` where order matters."""
        found = self.nodes(path) if path != ROOT else []
        if len(found) != 1 or not self.context.nodes.of(found[0]).user_ordered:
            return None
        node = found[0]
        if not raw.is_null(node.next) and node.next.schema == node.schema:
            return node.next, False
        return None  # it was the last, and merging appends

    def _restore(self, path: Path, neighbour: raw.DataNode, follows: bool) -> None:
        for node in self.nodes(path):
            move_behind(self.context, self.cell, node, neighbour, before=not follows)


def move_behind(
    context: Context, cell: raw.Cell, node: raw.DataNode, anchor: raw.DataNode | None, *, before: bool = False
) -> None:
    """Put a user-ordered entry behind (or in front of) `anchor`, or first of its kind where that is None."""
    if anchor is None:
        siblings = cell[0] if raw.is_null(node.parent) else raw.first_child(raw.parent(node))
        anchor, before = raw.child_of(siblings, node.schema), True
    if anchor == node:
        return
    done = raw.place_before(anchor, node) if before else raw.place_after(anchor, node)
    if not done:
        raise context.fault("to move an entry")
    if raw.is_null(node.parent):
        cell[0] = raw.first_sibling(cell[0])


def _keyed(path: Path, keys: Any, given: tuple[tuple[str, str], ...], held: Any) -> dict[str, Any]:
    """A list entry with the keys of its path; a body that contradicts them is refused (gNMI section 3.4.4)."""
    if not isinstance(held, dict):
        raise InputError.of([Problem("the value of a list entry must be an object", path=path.text)])
    values = dict(given)
    out: dict[str, Any] = {}
    for key in keys:
        text = values.get(key.name)
        if text is None or text == "*":
            raise InputError.of([Problem(f"the path lacks the key {key.name}", path=path.text)])
        out[key.qualified] = text
    for name, value in held.items():
        key = next((one for one in keys if name in (one.name, one.qualified)), None)
        if key is not None and key.accept(lexical(value)) != key.accept(out[key.qualified]):
            raise InputError.of([Problem(f"the body has another {key.name} than the path", path=path.text)])
        if key is None:
            out[name] = value
    return out


def _strict(context: Context, document: dict[str, Any], state: bool) -> dict[str, Any]:
    walk = Walk(context, state=state, tell_state=True)
    mended = walk.document(document)
    if walk.skipped:
        raise InputError.of([Problem(reason, path=path) for path, reason in walk.skipped])
    return mended
