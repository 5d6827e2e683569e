"""gNMI Set on one simulated switch (gNMI specification section 3.4): one transaction, all or nothing.

Called by the gNMI server and by Switch.change. Turns requests into edits of the running tree; the datastore commits.
"""

from __future__ import annotations

from collections.abc import Callable

import grpc
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.errors import InputError
from fabricd.schema.outline import NodeKind
from fabricd.simulator.engine import Edit
from fabricd.simulator.gnmi_paths import GnmiError, bind, text
from fabricd.simulator.gnmi_values import read_value
from fabricd.simulator.live import Live
from fabricd.simulator.request import Part, Request
from fabricd.simulator.tree import Fault, Object, Place, TreeError, merge, normalise, remove, write
from fabricd.simulator.values import Json

_STATUS = {
    Fault.UNKNOWN: grpc.StatusCode.NOT_FOUND,
    Fault.READ_ONLY: grpc.StatusCode.INVALID_ARGUMENT,
    Fault.SHAPE: grpc.StatusCode.INVALID_ARGUMENT,
    Fault.KEY: grpc.StatusCode.INVALID_ARGUMENT,
}


class Writer:
    """Answers Sets."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def set(self, request: gnmi_pb2.SetRequest) -> bytes:
        """A serialised SetResponse; results stand in the order delete, replace, update.

        Raises GnmiError (NOT_FOUND unknown path, INVALID_ARGUMENT bad value or key, UNIMPLEMENTED encoding),
        InputError (the whole is not valid), LockedError.
        """
        parts: list[Part] = []
        results = []
        prefix = request.prefix
        for path in request.delete:
            parts.append(Part(self._delete(prefix, path)))
            results.append(gnmi_pb2.UpdateResult(path=path, op=gnmi_pb2.UpdateResult.DELETE))
        for update in request.replace:
            parts.append(self._write(prefix, update, replace=True))
            results.append(gnmi_pb2.UpdateResult(path=update.path, op=gnmi_pb2.UpdateResult.REPLACE))
        for update in request.update:
            parts.append(self._write(prefix, update, replace=False))
            results.append(gnmi_pb2.UpdateResult(path=update.path, op=gnmi_pb2.UpdateResult.UPDATE))

        await self._check_values(Request(tuple(parts[len(request.delete) :])))
        try:
            await self._live.datastore.edit_running(Request(tuple(parts)))
        except TreeError as error:
            raise GnmiError(_STATUS[error.fault], error.message, error.path) from error
        reply = gnmi_pb2.SetResponse(response=results, timestamp=self._live.clock())
        if request.HasField("prefix"):
            reply.prefix.CopyFrom(prefix)
        return bytes(reply.SerializeToString())

    async def _check_values(self, written: Request) -> None:
        """Parse what is written on its own first, so that a bad value is told from a whole that does not fit."""
        if not written.parts:
            return
        try:
            await self._live.engine.edited(b"{}", written, whole=False)
        except TreeError as error:
            raise GnmiError(_STATUS[error.fault], error.message, error.path) from error
        except InputError as error:
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error

    def _delete(self, prefix: gnmi_pb2.Path, path: gnmi_pb2.Path) -> Edit:
        places = bind(self._live.outline, prefix, path)
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

    def _write(self, prefix: gnmi_pb2.Path, update: gnmi_pb2.Update, *, replace: bool) -> Part:
        shown = _shown(prefix, update.path)
        places = bind(self._live.outline, prefix, update.path)
        if len(places) > 1 or any(value == "*" for step in places[0].steps for _, value in step.keys):
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "wildcards are for deletes", shown)
        place = places[0]
        node = place.node or self._live.outline.root
        json, loose = read_value(update.val, node, shown)
        try:
            _check_shape(place, json, shown, replace=replace)
            value = normalise(node, json, shown, loose=loose)
        except TreeError as error:
            raise GnmiError(_STATUS[error.fault], error.message, error.path) from error
        edit = _writing(self._live, place, lambda: _copied(value), replace=replace)
        return Part(edit, place if replace else None)


def _writing(live: Live, place: Place, value: Callable[[], Json], *, replace: bool) -> Edit:
    def edit(tree: Object) -> None:
        fresh = value()
        if place.steps:
            write(tree, place, fresh, replace=replace, fill=not live.quirks.wants_config_keys)
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


def _copied(json: Json) -> Json:
    """Edits run twice (alone, then on the running tree) and are laid into trees that go on to change."""
    if isinstance(json, dict):
        return {name: _copied(value) for name, value in json.items()}
    return [_copied(value) for value in json] if isinstance(json, list) else json


def _shown(prefix: gnmi_pb2.Path, path: gnmi_pb2.Path) -> str:
    return text([*prefix.elem, *path.elem])
