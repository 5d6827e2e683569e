"""The RPCs for model sets: install, fetch, list, remove, check. A part of the fabricd.v1 servicer.

Turns messages into calls of reconcile's model rooms and their answers into messages. Decides nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc.aio

from fabricd.errors import InputError, Problem
from fabricd.northbound import convert
from fabricd.northbound.access import caller
from fabricd.northbound.changes import Changes
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.reconcile.model_check import ModelChecks
from fabricd.reconcile.model_fetch import Gathered, ModelFetches
from fabricd.reconcile.model_sets import ModelSets, SetView
from fabricd.schema.features import read_chosen
from fabricd.schema.module_files import MOST_BYTES, ModuleFile, Pile

Context = grpc.aio.ServicerContext[Any, Any]

_LONGEST_ORIGIN = 400
_MOST_RECEIVED = 2 * MOST_BYTES  # of a caller that sends too much; then the call is cut off
_MOST_UNTAKEABLE = 1_000  # told at once; the rest is counted
_MOST_INSTALLING = 4  # at once, as their files are held in memory; others wait until they may send
RECEIVED_WITHIN = 300.0
"""Seconds that a caller has to send all files of an installation."""


@dataclass(frozen=True, slots=True)
class ModelRooms:
    """What the RPCs for models need from the rooms below."""

    sets: ModelSets
    fetches: ModelFetches
    checks: ModelChecks


class ModelMethods(Changes):
    """Mixed into the servicer. `_models` is set by it."""

    _models: ModelRooms

    def __init__(self) -> None:
        super().__init__()
        self._installing = asyncio.Semaphore(_MOST_INSTALLING)

    async def InstallModels(  # noqa: N802
        self, requests: AsyncIterator[pb.InstallModelsRequest], context: Context
    ) -> AsyncGenerator[pb.ModelsProgress, None]:
        # The caller sends nothing before it knows that it may.
        async with self._installing:
            yield pb.ModelsProgress(step="receiving")
            try:
                async with asyncio.timeout(RECEIVED_WITHIN):
                    header, files = await _received(requests)
            except TimeoutError as error:
                raise InputError(f"the files were not all sent within {RECEIVED_WITHIN:g} seconds") from error
            yield pb.ModelsProgress(done=len(files), total=len(files), step="checking and loading")
            view = await self._carried_out(
                self._models.sets.install(
                    header.name,
                    files,
                    modules=tuple(header.modules) or None,
                    features=read_chosen(header.features),
                    origin=header.origin or "files",
                    author=caller.get().author,
                )
            )
        yield pb.ModelsProgress(done=len(files), total=len(files), step="installed", installed=set_message(view))

    async def FetchModels(  # noqa: N802
        self, request: pb.FetchModelsRequest, context: Context
    ) -> AsyncGenerator[pb.ModelsProgress, None]:
        # A device is not asked for hundreds of texts for a name that cannot be.
        self._models.sets.may_be_installed(request.name)
        gathered: Gathered | None = None
        async with aclosing(self._models.fetches.gather(request.device)) as gathering:
            async for one in gathering:
                if isinstance(one, Gathered):
                    gathered = one
                else:
                    yield pb.ModelsProgress(done=one.done, total=one.total, step=one.step)
        assert gathered is not None  # the last item, unless an error came before it
        count = len(gathered.files)
        yield pb.ModelsProgress(done=count, total=count, step="checking and loading", missing=gathered.missing)
        view = await self._carried_out(self._install_fetched(request, gathered))
        installed = set_message(view)
        yield pb.ModelsProgress(
            done=count, total=count, step="installed", missing=gathered.missing, installed=installed
        )

    async def _install_fetched(self, request: pb.FetchModelsRequest, gathered: Gathered) -> SetView:
        """Raises InputError, with a Problem for each module that the device kept to itself."""
        modules = tuple(request.modules) or gathered.modules
        try:
            return await self._models.sets.install(
                request.name,
                gathered.files,
                modules=modules,
                deviations=gathered.deviations,
                features={name: gathered.features[name] for name in modules if name in gathered.features},
                origin=f"device {request.device}",
                author=caller.get().author,
                device=request.device,
            )
        except InputError as error:
            kept = [
                Problem(f"the device names module {name} and does not hand it out", device=request.device)
                for name in gathered.missing
            ]
            raise InputError.of((*error.problems, *kept)) from error

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:  # noqa: N802
        return pb.ListModelsResponse(sets=map(set_message, await self._models.sets.views()))

    async def RemoveModels(self, request: pb.RemoveModelsRequest, context: Context) -> pb.RemoveModelsResponse:  # noqa: N802
        await self._carried_out(self._models.sets.remove(request.name, author=caller.get().author))
        return pb.RemoveModelsResponse()

    async def CheckModels(self, request: pb.CheckModelsRequest, context: Context) -> pb.CheckModelsResponse:  # noqa: N802
        documents = convert.documents(request.documents)
        found = await self._models.checks.check(request.device, documents, models=request.models)
        return pb.CheckModelsResponse(
            device=request.device,
            against=found.against,
            leaves=found.leaves,
            untakeable=[
                pb.Untakeable(
                    path=one.path.text,
                    value_json=one.value,
                    reason=one.reason,
                    message=one.message,
                    intent=one.intent,
                    source=one.source,
                    sent_path=one.sent.path.text if one.sent is not None else "",
                    sent_value_json=one.sent.value if one.sent is not None else "",
                )
                for one in found.untakeable[:_MOST_UNTAKEABLE]
            ],
            omitted=max(0, len(found.untakeable) - _MOST_UNTAKEABLE),
            left_out=[pb.LeftOut(path=path.text, leaves=count) for path, count in found.left_out.items()],
            modules=[convert.mirrored(pb.ModuleMismatch, one) for one in found.modules],
        )


def set_message(view: SetView) -> pb.ModelSet:
    features = dict(view.features)
    return pb.ModelSet(
        name=view.name,
        origin=view.origin,
        modules=[
            pb.ModelModule(name=name, revision=revision, features=features.get(name, ()))
            for name, revision in view.revisions
        ],
        devices=view.devices,
        fetched_from=view.device,
        installed=convert.timestamp(view.installed),
        removable=view.removable,
    )


async def _received(requests: AsyncIterator[pb.InstallModelsRequest]) -> tuple[pb.ModelsHeader, tuple[ModuleFile, ...]]:
    """Header and files. Raises InputError for what is out of place or too much.

    A caller that is still sending would not hear why it was refused, so it is heard out first, within reason.
    """
    header: pb.ModelsHeader | None = None
    wrong: InputError | None = None
    pile = Pile()
    received = 0
    async for request in requests:
        received += request.ByteSize()
        if received > _MOST_RECEIVED:
            break
        if wrong is None:
            try:
                header = _took(request, header, pile)
            except InputError as error:
                wrong = error
    if wrong is not None:
        raise wrong
    if header is None:
        raise InputError("nothing was sent: neither a name nor files")
    return header, tuple(pile.files)


def _took(request: pb.InstallModelsRequest, header: pb.ModelsHeader | None, pile: Pile) -> pb.ModelsHeader:
    """The header, now known; a file goes onto the pile. Raises InputError."""
    part = request.WhichOneof("part")
    if part == "header" and header is None:
        if len(request.header.origin) > _LONGEST_ORIGIN:
            raise InputError(f"origin is longer than {_LONGEST_ORIGIN} characters")
        return request.header
    if part == "file" and header is not None:
        pile.add(request.file.source, request.file.text)
        return header
    raise InputError("the first message names the model set, each later one holds a file")
