"""The fabricd.v1 servicer: each method turns a message into a call of the rooms below, and their answer into a message.

Called by the gRPC server behind the gate. Decides nothing itself and knows neither devices nor the store's tables.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any

import grpc.aio

from fabricd import __version__
from fabricd.errors import InputError, NotFoundError
from fabricd.model.device import Mode
from fabricd.model.intent import ConfigIntent, Revision
from fabricd.northbound import convert
from fabricd.northbound.access import caller
from fabricd.northbound.models import ModelMethods, ModelRooms
from fabricd.northbound.operational import OperationalMethods
from fabricd.northbound.probing import ProbeMethods
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.northbound.v1.fabricd_pb2_grpc import FabricdServicer
from fabricd.northbound.watch import Watching
from fabricd.reconcile.controller import Controller
from fabricd.reconcile.explanations import Explanations
from fabricd.reconcile.observations import Observations
from fabricd.reconcile.probing import Probes
from fabricd.reconcile.submission import Submissions, Submitted
from fabricd.store import Store

Context = grpc.aio.ServicerContext[Any, Any]

_REVISIONS = 50
_MOST_REVISIONS = 1_000
_LONGEST_TEXT = 4_096  # characters of a comment or a reason
_LONGEST_ID = 128
_LAST_REVISION = 2**63 - 1  # the store counts in signed 64 bits, the wire in unsigned ones


class FabricdService(ModelMethods, OperationalMethods, ProbeMethods, FabricdServicer):
    """Every RPC of fabricd.v1. Raises FabricdError children; the gate puts them on the wire.

    Changes are carried to their end once begun, so that a revision is never stored without its devices being told.
    """

    def __init__(
        self,
        store: Store,
        submissions: Submissions,
        controller: Controller,
        explanations: Explanations,
        *,
        models: ModelRooms,
        observations: Observations,
        probes: Probes,
        started: datetime,
    ) -> None:
        super().__init__()
        self._models = models
        self._observations = observations
        self._probes = probes
        self._store = store
        self._submissions = submissions
        self._explanations = explanations
        self._controller = controller
        self._started = started
        self._watching = Watching(store)

    @property
    def readers(self) -> int:
        """Streams of the journal that are open."""
        return self._watching.readers

    async def close(self) -> None:
        """End the streams and wait for the changes under way."""
        self._watching.close()
        await self._settled()

    async def Submit(self, request: pb.SubmitRequest, context: Context) -> pb.SubmitResponse:  # noqa: N802
        if not request.documents and not request.withdraw:
            raise InputError("nothing was submitted: no document and no intent to withdraw")
        documents = convert.documents(request.documents)
        _short(comment=request.comment, request_id=request.request_id)
        return await self._revise(
            self._submissions.submit(
                documents,
                withdraw=tuple(request.withdraw),
                author=caller.get().author,
                comment=request.comment,
                dry_run=request.dry_run,
                base_revision=request.base_revision if request.HasField("base_revision") else None,
                request_id=request.request_id,
            ),
        )

    async def Rollback(self, request: pb.RollbackRequest, context: Context) -> pb.SubmitResponse:  # noqa: N802
        if not request.to_revision:
            raise InputError("to_revision is not set: which revision shall become current again?")
        _short(comment=request.comment, request_id=request.request_id)
        _countable(request.to_revision)
        return await self._revise(
            self._submissions.rollback(
                request.to_revision,
                author=caller.get().author,
                comment=request.comment,
                dry_run=request.dry_run,
                base_revision=request.base_revision if request.HasField("base_revision") else None,
                request_id=request.request_id,
            ),
        )

    async def ListRevisions(  # noqa: N802
        self, request: pb.ListRevisionsRequest, context: Context
    ) -> pb.ListRevisionsResponse:
        current = await self._current_number()
        found = await self._store.revisions(
            min(request.limit or _REVISIONS, _MOST_REVISIONS), min(request.before, _LAST_REVISION)
        )
        return pb.ListRevisionsResponse(
            revisions=[convert.revision_message(revision, current=current) for revision in found]
        )

    async def GetRevision(self, request: pb.GetRevisionRequest, context: Context) -> pb.GetRevisionResponse:  # noqa: N802
        current = await self._current_number()
        revision = await self._revision(request.revision or current)
        intents = []
        for intent in await self._store.intents(revision.number):
            if isinstance(intent, ConfigIntent):
                shown = await self._explanations.shown(intent.config, intent.devices)
                intent = replace(intent, config=shown.encode())
            intents.append(convert.intent_message(intent))
        return pb.GetRevisionResponse(revision=convert.revision_message(revision, current=current), intents=intents)

    async def Diff(self, request: pb.DiffRequest, context: Context) -> pb.DiffResponse:  # noqa: N802
        _countable(request.from_revision, request.to_revision)
        old, new, plans = await self._submissions.diff(
            request.from_revision, request.to_revision, tuple(request.devices)
        )
        await self._heard_of(request.devices, old, new)
        return pb.DiffResponse(from_revision=old, to_revision=new, devices=map(convert.plan_message, plans))

    async def Status(self, request: pb.StatusRequest, context: Context) -> pb.StatusResponse:  # noqa: N802
        views = await self._controller.status(tuple(request.devices))
        return pb.StatusResponse(
            revision=await self._current_number(),
            devices=[convert.status_message(view, await self._desired_revision(view.device.name)) for view in views],
            queue_depth=self._controller.queue_depth,
            version=__version__,
            started=convert.timestamp(self._started),
        )

    async def Plan(self, request: pb.PlanRequest, context: Context) -> pb.PlanResponse:  # noqa: N802
        revision, plans = await self._submissions.plan(tuple(request.devices))
        return pb.PlanResponse(revision=revision, plans=map(convert.plan_message, plans))

    async def Reconcile(self, request: pb.ReconcileRequest, context: Context) -> pb.ReconcileResponse:  # noqa: N802
        queued = self._controller.reconcile_now(tuple(request.devices), approve=request.approve)
        return pb.ReconcileResponse(queued=queued)

    async def SetMode(self, request: pb.SetModeRequest, context: Context) -> pb.SetModeResponse:  # noqa: N802
        if not request.devices:
            raise InputError("no device was named")
        if request.mode and request.mode not in set(Mode):
            raise InputError(f"mode {request.mode!r} is none of {', '.join(Mode)}")
        _short(reason=request.reason)
        mode = Mode(request.mode) if request.mode else None
        await self._carried_out(
            self._controller.set_mode(tuple(request.devices), mode, author=caller.get().author, reason=request.reason)
        )
        return pb.SetModeResponse()

    async def GetDesired(self, request: pb.GetDesiredRequest, context: Context) -> pb.GetDesiredResponse:  # noqa: N802
        revision = await self._revision(request.revision or await self._current_number())
        desired = await self._store.desired(request.device, revision.number)
        if desired is None:
            raise NotFoundError(
                f"revision {revision.number} says nothing of a device named {request.device!r}", device=request.device
            )
        return pb.GetDesiredResponse(
            device=desired.device,
            revision=desired.revision,
            config_json=await self._explanations.shown(desired.config, [desired.device]),
            digest=desired.digest,
        )

    async def Explain(self, request: pb.ExplainRequest, context: Context) -> pb.ExplainResponse:  # noqa: N802
        _countable(request.revision)
        found = await self._explanations.explain(request.device, request.path, request.revision)
        return convert.explained_message(request.device, found)

    async def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncGenerator[pb.JournalRecord, None]:  # noqa: N802
        # A reader learns that it is connected before there is anything to read.
        await context.send_initial_metadata(())
        records = self._watching.records(
            request.after, last=request.last, devices=tuple(request.devices), follow=request.follow
        )
        async with aclosing(records):
            async for record in records:
                yield convert.record_message(record)

    async def _current_number(self) -> int:
        current = await self._store.current()
        return current.number if current else 0

    async def _desired_revision(self, device: str) -> int:
        head = await self._store.desired_head(device)
        return head.revision if head else 0

    async def _revision(self, number: int) -> Revision:
        if not number:
            raise NotFoundError("there is no revision yet: nothing was ever submitted")
        _countable(number)
        return await self._store.revision(number)

    async def _heard_of(self, devices: Sequence[str], *revisions: int) -> None:
        """Raises NotFoundError for a device that neither the inventory nor any of the revisions has: silence would be
        taken for "no difference"."""
        told = {name for number in revisions if number for name in await self._store.desired_devices(number)}
        self._controller.known([name for name in devices if name not in told])

    async def _revise(self, change: Coroutine[Any, Any, Submitted]) -> pb.SubmitResponse:
        submitted = await self._carried_out(change)
        return pb.SubmitResponse(
            revision=submitted.revision,
            changed_devices=submitted.changed,
            repeated_request=submitted.repeated,
            unchanged=submitted.unchanged,
            plans=map(convert.plan_message, submitted.plans),
        )


def _countable(*revisions: int) -> None:
    for number in revisions:
        if number > _LAST_REVISION:
            raise NotFoundError(f"there is no revision {number}")


def _short(**texts: str) -> None:
    for name, text in texts.items():
        limit = _LONGEST_ID if name == "request_id" else _LONGEST_TEXT
        if len(text) > limit:
            raise InputError(f"{name} is longer than {limit} characters")
