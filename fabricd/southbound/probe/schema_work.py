"""What a probe needs of the models, done in schema workers: reading, printing, undoing, comparing.

Made by run.py for one probe. Must not know protocols.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import orjson

from fabricd.errors import InputError
from fabricd.model.edit import Edit, EditConfig, GnmiSet, Operation
from fabricd.model.fetched import Fetched
from fabricd.model.intent import Scope
from fabricd.model.operational import InForce
from fabricd.model.path import Path, covered
from fabricd.schema import ModelSet, Schema, SchemaPool
from fabricd.schema.applied import in_force
from fabricd.schema.observed import read_observed
from fabricd.schema.takeable import Leaf, leaves

_T = TypeVar("_T")

Document = dict[str, Any]
"""RFC 7951 JSON with qualified top-level names."""

Leaves = dict[Path, str]
"""Leaves of a configuration with their values as RFC 7951 JSON texts; keys of entries stand in the paths only."""


class Work:
    """The schema of one device. Every method runs in a worker."""

    def __init__(self, schemas: SchemaPool, models: ModelSet) -> None:
        self._schemas = schemas
        self.models = models

    async def config(self, fetched: Fetched) -> bytes:
        """Canonical configuration. Raises DeviceProtocolError."""
        return await self._run(
            lambda schema: schema.canonical(schema.read_device(fetched.parts, fetched.encoding).config)
        )

    async def read(self, document: Document) -> bytes:
        """A document as canonical configuration. Raises InputError."""
        return await self._run(lambda schema: schema.read(orjson.dumps(document)))

    async def problems(self, document: Document) -> tuple[Path, ...]:
        """Where the models themselves do not allow it, as a whole on an empty device."""

        def work(schema: Schema) -> tuple[Path, ...]:
            try:
                schema.validate(schema.read(orjson.dumps(document)))
            except InputError as error:
                return tuple(Path.parse(problem.path or "/") for problem in error.problems)
            return ()

        return await self._run(work)

    async def to_xml(self, document: Document) -> bytes:
        return await self._run(lambda schema: schema.to_xml(orjson.dumps(document)))

    async def undo(self, now: bytes, before: bytes, touched: Sequence[Path]) -> tuple[GnmiSet, EditConfig] | None:
        """What leads from one configuration to the other at or below the `touched` paths, in both protocols' words;
        None when they are alike there."""

        def work(schema: Schema) -> tuple[GnmiSet, EditConfig] | None:
            edits = [one for edit in schema.diff(now, before) for one in _within(schema, edit, touched, now)]
            return (schema.gnmi_set(edits, before), schema.edit_config(edits)) if edits else None

        return await self._run(work)

    async def deletion(self, paths: Sequence[Path]) -> bytes:
        """NETCONF's config element that removes these list entries."""
        return await self._run(
            lambda schema: schema.edit_config([Edit(Operation.DELETE, path, old="{}") for path in paths]).config
        )

    async def differences(self, before: bytes, now: bytes) -> tuple[str, ...]:
        """Where two configurations differ, however they are written."""
        return await self._run(lambda schema: tuple(edit.path.text for edit in schema.diff(before, now)))

    async def leaves(self, config: bytes) -> Leaves:
        return await self._run(lambda schema: _by_path(leaves(schema, config)))

    async def leaves_as_sent(self, fetched: Fetched) -> Leaves:
        """The same in the order in which the device sent entries. Raises DeviceProtocolError."""
        return await self._run(
            lambda schema: _by_path(leaves(schema, schema.read_device(fetched.parts, fetched.encoding).config))
        )

    async def default(self, path: Path) -> str | None:
        """The models' default of a leaf, in canonical words."""

        def work(schema: Schema) -> str | None:
            node = schema.node(path)
            return node.default if node is not None else None

        return await self._run(work)

    async def observed(self, fetched: Sequence[Fetched]) -> Document:
        """State and configuration as one document. Raises DeviceProtocolError."""
        return await self._run(lambda schema: read_observed(schema, fetched))

    async def in_force(self, config: bytes, state: Fetched) -> InForce:
        """Which leaves of a configuration the state does not show."""
        return await self._run(lambda schema: in_force(schema, config, [state], Scope(())))

    async def _run(self, work: Callable[[Schema], _T]) -> _T:
        return await self._schemas.run(self.models, work)


def _by_path(found: Sequence[Leaf]) -> Leaves:
    return {leaf.path: leaf.value for leaf in found}


def _within(schema: Schema, edit: Edit, touched: Sequence[Path], now: bytes) -> Iterator[Edit]:
    """What of an edit is about one of the `touched` paths: all of it, or where a container goes in which somebody else
    has something too, those of them that are in it. What comes back as a whole is not there now."""
    inside = [path for path in touched if edit.path.covers(path)]
    if covered(touched, edit.path) or (inside and edit.operation is not Operation.DELETE):
        yield edit
    elif inside:
        there = [path for path, _ in schema.leaves(now, (edit.path,))]
        if all(covered(touched, path) for path in there):
            yield edit
        else:
            found = (path for path in inside if any(path.covers(one) for one in there))
            yield from (Edit(Operation.DELETE, path, old="{}") for path in found)
