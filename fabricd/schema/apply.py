"""Edits carried out on a tree: the other half of diff.

Called by Schema.apply. Must not know why the edits are made.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from fabricd.errors import InputError, Problem
from fabricd.model.edit import Edit, Operation
from fabricd.model.path import Path, Segment
from fabricd.schema import raw
from fabricd.schema.locate import resolve
from fabricd.schema.loose import lexical
from fabricd.schema.nodes import Kind, SchemaNode
from fabricd.schema.tree import Tree, move_behind


def apply_edits(tree: Tree, edits: Iterable[Edit]) -> None:
    """Carry out `edits` in their order. What a DELETE names may be gone already, what a CREATE names may exist.

    Raises InputError for an edit that the models or the tree do not allow; the tree is then half edited.
    """
    for edit in edits:
        node = resolve(tree.context, edit.path)[-1]
        if edit.operation is Operation.DELETE:
            tree.delete(edit.path)
        elif edit.operation is not Operation.MOVE:
            _set(tree, edit, node)
        if edit.after is not None and edit.operation in (Operation.CREATE, Operation.MOVE):
            _order(tree, edit, node)


def _set(tree: Tree, edit: Edit, node: SchemaNode) -> None:
    if edit.new is None:
        raise InputError.of([Problem("the edit has no new value", path=edit.path.text)])
    if node.kind not in (Kind.LEAF, Kind.LEAF_LIST):
        tree.merge_json(edit.path, edit.new.encode())
        return
    above = tree.ensure(edit.path.parent) if len(edit.path) > 1 else raw.NULL
    value = lexical(orjson.loads(edit.new))
    held = tree.nodes(edit.path)
    if node.kind is Kind.LEAF_LIST and held:
        return
    for one in held:
        tree.remove(one)
    made = raw.new_terminal(above, node.pointer, value)
    if made is None:
        raise InputError.of(tree.context.problems() or [Problem("the value is not allowed", path=edit.path.text)])
    if raw.is_null(above) and not raw.insert_top(tree.cell, made):
        raise tree.context.fault("to insert a leaf")


def _order(tree: Tree, edit: Edit, node: SchemaNode) -> None:
    found = tree.nodes(edit.path)
    if not found:
        raise InputError.of([Problem("what is to be moved does not exist", path=edit.path.text)])
    if not edit.after:
        move_behind(tree.context, tree.cell, found[0], None)
        return
    anchors = tree.nodes(sibling(edit.path, edit.after, node))
    if not anchors:
        raise InputError.of([Problem(f"{edit.after} does not exist", path=edit.path.text)])
    move_behind(tree.context, tree.cell, found[0], anchors[0])


def sibling(path: Path, after: str, node: SchemaNode) -> Path:
    """The path of the entry that Edit.after names."""
    last = path.segments[-1]
    if node.kind is Kind.LEAF_LIST:
        return path.parent.child(Segment(last.name, last.module, (), after))
    keys = Path.parse(f"/{last.name}{after}").segments[0].keys
    return path.parent.child(Segment(last.name, last.module, keys))
