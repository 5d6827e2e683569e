"""What the scripted gRPC server of the gNMI tests says, or fails to say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
from pygnmi.spec.v080 import gnmi_pb2
from schema_interpreters import keys_of
from southbound_servers import GnmiServer, gnmi_device, gnmi_server, profile

from fabricd.gnmi_extensions.gnmi_extensions_pb2 import Commit, Extension
from fabricd.model.device import GnmiTraits
from fabricd.model.path import Path
from fabricd.southbound import gnmi

SYSTEM, INTERFACES = Path.parse("/openconfig-system:system"), Path.parse("/openconfig-interfaces:interfaces")
BOTH = (SYSTEM, INTERFACES)
SYNC = gnmi_pb2.SubscribeResponse(sync_response=True)
Answer = Callable[[Any, Any], AsyncIterator[Any]]


def refusing(code: grpc.StatusCode) -> Any:
    async def refuse(_: Any, context: Any) -> Any:
        await context.abort(code, "no")

    return refuse


async def stall(_: Any, __: Any) -> Any:
    await asyncio.sleep(3600)


def names(path: Any) -> list[str]:
    """The elements of a gnmi.Path, keys left out."""
    return [elem.name for elem in path.elem]


# --- leaf by leaf

Step = tuple[str, dict[str, str]]
Leaf = tuple[list[Step], Any]


def leaves(value: dict[str, Any], above: tuple[Step, ...] = ()) -> Iterator[Leaf]:
    """Every leaf and leaf-list of a configuration in terms of schema_trees, with its steps."""
    for name, held in value.items():
        keys = keys_of(name.rpartition(":")[2], above[-1][0].rpartition(":")[2] if above else "")
        if isinstance(held, dict):
            yield from leaves(held, (*above, (name, {})))
        elif keys:
            for entry in held:
                yield from leaves(entry, (*above, (name, {key: str(entry[key]) for key in keys})))
        else:
            yield [*above, (name, {})], held


def path_of(steps: list[Step]) -> Any:
    return gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name=name, key=keys) for name, keys in steps])


def update_of(steps: list[Step], value: Any) -> Any:
    return gnmi_pb2.Update(path=path_of(steps), val=gnmi_pb2.TypedValue(json_ietf_val=json.dumps(value).encode()))


# --- a session


@asynccontextmanager
async def session(server: GnmiServer, *, within: float = 60.0, **traits: Any) -> AsyncIterator[gnmi.GnmiTarget]:
    async with gnmi_server(server):
        kind = replace(profile(read=within), gnmi=GnmiTraits(**traits))
        target = await gnmi.connect(gnmi_device(server, profile=kind))
        try:
            yield target
        finally:
            await target.close()


def telling(config: dict[str, Any], asked: list[Any], *, sync: bool = True) -> Answer:
    """A Subscribe that tells what is below the paths it was asked for, leaf by leaf."""

    async def subscribe(requests: Any, _: Any) -> AsyncIterator[Any]:
        request = await anext(aiter(requests))
        asked.append(request)
        wanted = [names(one.path)[0] for one in request.subscribe.subscription]
        for steps, value in leaves(config):
            if steps[0][0] in wanted:
                notification = gnmi_pb2.Notification(
                    prefix=path_of(steps[:1]), update=[update_of(steps[1:], value)], timestamp=1
                )
                yield gnmi_pb2.SubscribeResponse(update=notification)
        if sync:
            yield SYNC

    return subscribe


# --- the Commit extension


class CommitTable:
    """A device with the Commit extension, as its table of states has it; `script` is for GnmiServer.set.

    `kept` and `running` hold the names of the changed leaves: those that last, and those in force.
    """

    def __init__(self) -> None:
        self.pending = ""
        self.seconds = 0.0
        self.kept: list[str] = []
        self.running: list[str] = []

    def expire(self) -> None:
        self.pending, self.running = "", list(self.kept)

    async def script(self, request: Any, context: Any) -> Any:
        commit = self._commit(request)
        changed = [names(update.path)[-1] for update in request.update]
        action = commit.WhichOneof("action") if commit else "none"
        if action in ("none", "commit"):
            if self.pending:
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "a commit is pending")
            self.running += changed
            if action == "commit":
                self.pending = commit.id
                self.seconds = commit.commit.rollback_duration.ToNanoseconds() / 1e9
            else:
                self.kept = list(self.running)
            return gnmi_pb2.SetResponse()
        if not self.pending:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no commit is pending")
        if commit.id != self.pending:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "another commit is pending")
        if action == "confirm":
            self.pending, self.kept = "", list(self.running)
        else:
            self.expire()
        return gnmi_pb2.SetResponse()

    def _commit(self, request: Any) -> Any:
        for extension in request.extension:
            found = Extension.FromString(extension.SerializeToString())
            if found.WhichOneof("ext") == "commit":
                return Commit.FromString(found.commit.SerializeToString())
        return None
