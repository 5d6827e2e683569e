"""What an earlier revision set on a device and a later one does not: fabricd takes away what it put there.

Called by compile.py inside a schema worker. Pure; must not know devices or the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from fabricd.model.edit import Operation
from fabricd.model.intent import Desired
from fabricd.model.path import Path, Segment, covered
from fabricd.schema import Kind, Schema


def released_paths(
    schema: Schema, previous: Desired | None, config: bytes, claimed: Iterable[Path]
) -> tuple[Path, ...]:
    """Leaves that `previous`, or a revision before it, set and `config` does not set any more, sorted.

    They are single leaves, so that what others configured in the same list entry stays. What lies in `claimed`
    subtrees is left out: there, what is not desired is deleted anyhow.
    """
    if previous is None:
        return ()
    whole = tuple(claimed)
    gone = {
        leaf
        for edit in schema.diff(previous.config, config)
        if edit.operation is Operation.DELETE
        for leaf in _leaves(schema, edit.path, orjson.loads(edit.old) if edit.old else None)
    }
    if not gone and not previous.scope.released:
        return ()
    now = set(_said(schema, config))
    return tuple(
        sorted(
            (path for path in {*gone, *previous.scope.released} if path.text not in now and not covered(whole, path)),
            key=lambda path: path.text,
        )
    )


def _said(schema: Schema, config: bytes) -> Iterator[str]:
    """Texts of all leaves that a configuration sets."""
    for name, value in orjson.loads(config).items():
        module, _, plain = name.rpartition(":")
        for leaf in _leaves(schema, Path((Segment(plain, module),)), value):
            yield leaf.text


def _leaves(schema: Schema, path: Path, value: Any) -> Iterator[Path]:
    """The leaves in a JSON value at a path; a leaf-list counts as one."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            module, _, plain = name.rpartition(":")
            yield from _leaves(schema, path.child(Segment(plain, module)), inner)
        return
    last = path.segments[-1]
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        node = schema.node(path)
        for entry in value if node is not None and node.kind is Kind.LIST else ():
            plain = {name.rpartition(":")[2]: inner for name, inner in entry.items()}
            keys = tuple((key, _key(plain[key])) for key in node.keys) if node is not None else ()
            yield from _leaves(schema, path.parent.child(Segment(last.name, last.module, keys)), entry)
        return
    yield path if last.value is None else path.parent.child(Segment(last.name, last.module))


def _key(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
