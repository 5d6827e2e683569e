"""gNMI Set on one simulated switch (gNMI specification section 3.4): one transaction, all or nothing.

Called by the gNMI server. Turns requests into edits of the running tree; the datastore commits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import grpc
from google.protobuf.unknown_fields import UnknownFieldSet
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.errors import FabricdError, InputError
from fabricd.gnmi_extensions.gnmi_extensions_pb2 import SetRequest
from fabricd.schema.outline import NodeKind
from fabricd.simulator.confirmed import Confirm
from fabricd.simulator.datastore import Store
from fabricd.simulator.engine import EMPTY, Edit
from fabricd.simulator.entries import Entries
from fabricd.simulator.faults import Rpc
from fabricd.simulator.gnmi.paths import GnmiError, Paths, text
from fabricd.simulator.gnmi.values import read, read_value
from fabricd.simulator.live import Live
from fabricd.simulator.request import Part, Request
from fabricd.simulator.tree import Fault, Object, Place, TreeError, merge, normalise, remove, select, write
from fabricd.simulator.values import Json, copied

MAX_OPERATIONS = 16_384
"""In one Set."""
_UNION_REPLACE = 4  # of UpdateResult.Operation, younger than pygnmi's messages
_UNION_REPLACE_FIELD = 6  # of SetRequest
_STATUS = {
    Fault.UNKNOWN: grpc.StatusCode.NOT_FOUND,
    Fault.READ_ONLY: grpc.StatusCode.INVALID_ARGUMENT,
    Fault.SHAPE: grpc.StatusCode.INVALID_ARGUMENT,
    Fault.KEY: grpc.StatusCode.INVALID_ARGUMENT,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One delete, replace, update or union_replace. `written`: the edit that puts its value into any tree, None for a
    delete."""

    op: int
    path: gnmi_pb2.Path
    part: Part
    written: Edit | None = None


class Writer:
    """Answers Sets."""

    def __init__(self, live: Live, paths: Paths) -> None:
        self._live = live
        self._paths = paths

    async def set(self, request: gnmi_pb2.SetRequest, confirm: Confirm | None = None) -> bytes:
        """A serialised SetResponse; results stand in the order delete, replace, update. `confirm`: the change is taken
        back unless it is confirmed.

        Raises GnmiError (NOT_FOUND unknown path, INVALID_ARGUMENT bad value or key, UNIMPLEMENTED encoding,
        RESOURCE_EXHAUSTED too much), InputError (the whole is not valid), LockedError, CommitError.
        """
        operations: list[Operation] = []
        try:
            for operation in self._operations(request):
                operations.append(operation)  # noqa: PERF402 - what came before a mistake is needed then
            await self._check_values(operations)
            await self._carry_out(operations, confirm)
        except (GnmiError, InputError):
            if self._live.quirks.partial_failure and (sound := await self._sound(operations)):
                await self._carry_out(operations[:sound], None)
                self._live.meet("partial_failure")
            raise
        return self.reply(request, operations)

    def reply(self, request: gnmi_pb2.SetRequest, operations: Sequence[Operation]) -> bytes:
        """The SetResponse that says that these operations were carried out."""
        results = [gnmi_pb2.UpdateResult(path=one.path, op=one.op) for one in operations]
        reply = gnmi_pb2.SetResponse(response=results, timestamp=self._live.clock())
        if request.HasField("prefix"):
            reply.prefix.CopyFrom(request.prefix)
        return bytes(reply.SerializeToString())

    def _operations(self, request: gnmi_pb2.SetRequest) -> Iterator[Operation]:
        union = _union_replace(request)
        if len(request.delete) + len(request.replace) + len(request.update) + len(union) > MAX_OPERATIONS:
            raise GnmiError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"more than {MAX_OPERATIONS} operations in one Set")
        written = (*request.replace, *request.update, *union)
        self._paths.check(request, [*request.delete, *(update.path for update in written)])
        if union and (request.delete or request.replace or request.update):
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "union_replace stands alone in a Set")
        prefix, entries = request.prefix, Entries()
        for path in request.delete:
            yield Operation(gnmi_pb2.UpdateResult.DELETE, path, Part(self._delete(prefix, path)))
        for update in request.replace:
            yield self._write(prefix, update, gnmi_pb2.UpdateResult.REPLACE, entries)
        for update in request.update:
            yield self._write(prefix, update, gnmi_pb2.UpdateResult.UPDATE, entries)
        for at, update in enumerate(union):
            yield self._unite(prefix, update, entries, first=at == 0)

    async def _carry_out(self, operations: Sequence[Operation], confirm: Confirm | None) -> None:
        purposes = (Rpc.SET,) if confirm is None else (Rpc.SET, Rpc.COMMIT)
        edit = _request(operations)
        try:
            await self._live.datastore.edit_running(edit, confirm=confirm, alone=True, purposes=purposes)
        except TreeError as error:
            raise GnmiError(_STATUS[error.fault], error.message, error.path) from error

    async def _check_values(self, operations: Sequence[Operation]) -> None:
        """Parse what is written on its own first, so that a bad value is told from a whole that does not fit."""
        written = Request(tuple(Part(one.written) for one in operations if one.written is not None))
        if not written.parts:
            return
        try:
            await self._live.engine.edited(EMPTY, written, whole=False)
        except TreeError as error:
            raise GnmiError(_STATUS[error.fault], error.message, error.path) from error
        except InputError as error:
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error

    async def _sound(self, operations: Sequence[Operation]) -> int:
        """How many of the first operations hold together, when with all of them something is wrong."""
        sound, wrong = 0, len(operations) + 1
        while wrong - sound > 1:
            middle = (sound + wrong) // 2
            try:
                await self._live.datastore.try_edit(Store.RUNNING, _request(operations[:middle]), whole=True)
                sound = middle
            except FabricdError:
                wrong = middle
        return sound

    def _delete(self, prefix: gnmi_pb2.Path, path: gnmi_pb2.Path) -> Edit:
        places = self._paths.bind(prefix, path)
        for place in places:
            node = place.node
            if node is not None and not node.config and len(places) == 1:
                raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "this is state", _shown(prefix, path))
            if node is not None and node.parent is not None and node.name in node.parent.keys:
                raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "a key goes with its entry", _shown(prefix, path))

        def edit(tree: Object) -> None:
            for place in places:
                if not place.steps:
                    tree.clear()
                elif place.node is None or place.node.config:
                    remove(tree, place.steps)

        return edit

    def _write(self, prefix: gnmi_pb2.Path, update: gnmi_pb2.Update, op: int, entries: Entries) -> Operation:
        shown = _shown(prefix, update.path)
        replaces = op == gnmi_pb2.UpdateResult.REPLACE
        places = self._paths.bind(prefix, update.path)
        if len(places) > 1 or any(value == "*" for step in places[0].steps for _, value in step.keys):
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "wildcards are for deletes", shown)
        place = places[0]
        node = place.node or self._live.outline.root
        json, loose = read_value(update.val, node, shown)
        try:
            _check_shape(place, json, shown, replace=replaces)
            value = normalise(node, json, shown, loose=loose or self._live.quirks.loose_json)
        except TreeError as error:
            raise GnmiError(_STATUS[error.fault], error.message, error.path) from error
        written = _writing(self._live, place, value, entries, replace=replaces)
        edit = written
        if replaces and self._live.quirks.replace_needs_entry and place.steps and place.steps[-1].keys:
            edit = self._needing_entry(place, shown, written)
        return Operation(op, update.path, Part(edit, place if replaces else None), written)

    def _needing_entry(self, place: Place, shown: str, written: Edit) -> Edit:
        def edit(tree: Object) -> None:
            if not any(True for _ in select(tree, place.steps)):
                self._live.meet("replace_needs_entry")
                raise GnmiError(grpc.StatusCode.NOT_FOUND, "there is no such entry to replace", shown)
            written(tree)

        return edit

    def _unite(self, prefix: gnmi_pb2.Path, update: gnmi_pb2.Update, entries: Entries, *, first: bool) -> Operation:
        """One part of a union (union_replace section 5.2.2): the first one makes a clean sheet."""
        if (origin := prefix.origin or update.path.origin) not in self._paths.origins:
            message = f"origin {origin!r} cannot be united with OpenConfig: this switch has no other configuration"
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, message, _shown(prefix, update.path))
        operation = self._write(prefix, update, _UNION_REPLACE, entries)

        def edit(tree: Object) -> None:
            tree.clear()
            operation.part.edit(tree)

        return replace(operation, part=Part(edit, Place())) if first else operation


def has_changes(request: gnmi_pb2.SetRequest) -> bool:
    """Whether a Set has any operation. Raises GnmiError as `Writer.set` does."""
    return bool(request.delete or request.replace or request.update or _union_replace(request))


def _union_replace(request: gnmi_pb2.SetRequest) -> list[gnmi_pb2.Update]:
    """Raises GnmiError UNIMPLEMENTED for fields that no version known here has."""
    unknown = UnknownFieldSet(request)
    fields = {unknown[at].field_number for at in range(len(unknown))}
    if not fields:
        return []
    if fields != {_UNION_REPLACE_FIELD}:
        raise GnmiError(grpc.StatusCode.UNIMPLEMENTED, f"this Set has fields of a later version: {sorted(fields)}")
    young = read(SetRequest, request.SerializeToString())
    return [read(gnmi_pb2.Update, one) for one in young.union_replace]


def _request(operations: Sequence[Operation]) -> Request:
    return Request(tuple(one.part for one in operations))


def _writing(live: Live, place: Place, value: Json, entries: Entries, *, replace: bool) -> Edit:
    def edit(tree: Object) -> None:
        fresh = copied(value)  # this runs twice, alone and on the running tree, and trees go on to change
        if place.steps:
            write(tree, place, fresh, replace=replace, fill=not live.quirks.wants_config_keys, entries=entries)
            return
        assert isinstance(fresh, dict)
        if replace:
            tree.clear()
        merge(tree, fresh, live.outline.root)

    return edit


def _check_shape(place: Place, json: Json, shown: str, *, replace: bool) -> None:
    node = place.node
    if node is None or node.kind is not NodeKind.LIST:
        return
    step = place.steps[-1]
    if not step.keys:
        if not isinstance(json, list):
            raise TreeError(Fault.KEY, f"list {node.name} without keys takes an array", shown)
        return
    if not step.complete:
        raise TreeError(Fault.KEY, f"list {node.name} needs all of the keys {', '.join(node.keys)}", shown)
    if isinstance(json, list):
        raise TreeError(Fault.SHAPE, "one entry takes an object", shown)
    if replace and json == {}:
        raise TreeError(Fault.SHAPE, "an entry cannot be replaced by nothing: delete it", shown)


def _shown(prefix: gnmi_pb2.Path, path: gnmi_pb2.Path) -> str:
    return text([*prefix.elem, *path.elem])
