"""Values of the model to messages of fabricd.v1 and back, in one place.

Called by the servicer. Does no I/O and makes no decisions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from fabricd.errors import InputError, Problem
from fabricd.intent import Document, DocumentFormat
from fabricd.model.edit import Operation
from fabricd.model.intent import ConfigIntent, Intent, Revision
from fabricd.model.outcome import JournalRecord
from fabricd.model.plan import PlannedEdit
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.reconcile.controller import DeviceView
from fabricd.reconcile.explanations import Explained
from fabricd.reconcile.live_plans import DevicePlan

M = TypeVar("M", bound=Message)

_OPERATIONS = {
    Operation.CREATE: pb.OPERATION_CREATE,
    Operation.REPLACE: pb.OPERATION_REPLACE,
    Operation.DELETE: pb.OPERATION_DELETE,
    Operation.MOVE: pb.OPERATION_MOVE,
}


_FORMATS = {
    pb.FORMAT_UNSPECIFIED: None,
    pb.FORMAT_JSON: DocumentFormat.JSON,
    pb.FORMAT_YAML: DocumentFormat.YAML,
}


def documents(messages: Iterable[pb.Document]) -> list[Document]:
    """What was sent, those without a source numbered. Raises InputError for a format that there is not."""
    found = []
    for number, one in enumerate(messages, 1):
        if one.format not in _FORMATS:
            raise InputError.of([Problem(f"unknown document format {one.format}", intent=one.source)])
        found.append(Document(one.source or f"document {number}", one.content, _FORMATS[one.format]))
    return found


def timestamp(time: datetime | None) -> Timestamp | None:
    """None stays None, so that the field stays unset. Times carry their zone."""
    if time is None:
        return None
    message = Timestamp()
    message.FromDatetime(time)
    return message


def mirrored(kind: type[M], value: object) -> M:
    """A message whose fields are all attributes of the same names: a datetime as Timestamp, None unset."""
    given = {field.name: getattr(value, field.name) for field in kind.DESCRIPTOR.fields}
    return kind(**{name: timestamp(one) if isinstance(one, datetime) else one for name, one in given.items()})


def revision_message(revision: Revision, *, current: int) -> pb.Revision:
    return pb.Revision(
        number=revision.number,
        parent=revision.parent,
        author=revision.author,
        comment=revision.comment,
        created=timestamp(revision.created),
        changed_devices=revision.changed,
        rollback_of=revision.rollback_of,
        current=revision.number == current,
    )


def intent_message(intent: Intent) -> pb.Intent:
    message = pb.Intent(
        name=intent.name, owner=intent.owner, priority=intent.priority, devices=intent.devices, source=intent.source
    )
    if isinstance(intent, ConfigIntent):
        message.kind = "config"
        message.config_json = intent.config.decode()
        message.replace.extend(path.text for path in intent.replace)
    else:
        message.kind = "fabric"
        message.fabric_json = intent.fabric.decode()
        message.allocations_json = intent.allocations.decode()
    return message


def explained_message(device: str, found: Explained) -> pb.ExplainResponse:
    explanation = found.explanation
    claims = [
        pb.Claim(
            intent=claim.intent,
            kind=found.kinds[claim.intent],
            owner=claim.owner,
            priority=claim.priority,
            value_json=claim.value,
            wins=claim.wins,
            source=claim.source,
            line=claim.line,
            concern=found.concerns.get(claim.intent, ""),
            revision=found.since[claim.intent].number,
            author=found.since[claim.intent].author,
            comment=found.since[claim.intent].comment,
        )
        for claim in explanation.claims
    ]
    return pb.ExplainResponse(
        revision=found.revision,
        device=device,
        path=explanation.path.text,
        value_json=explanation.value,
        owned=explanation.owned,
        left_out=explanation.left_out,
        claims=claims,
    )


def edit_message(planned: PlannedEdit) -> pb.Edit:
    edit = planned.edit
    message = pb.Edit(
        operation=_OPERATIONS[edit.operation],
        path=edit.path.text,
        old_json=edit.old or "",
        new_json=edit.new or "",
        disruption=planned.disruption.value,
    )
    if edit.after is not None:
        message.after = edit.after
    return message


def plan_message(found: DevicePlan) -> pb.DevicePlan:
    """For a device that could not be read only the error says something: nobody shall take silence for "in sync"."""
    plan = found.plan
    return pb.DevicePlan(
        device=plan.device,
        edits=map(edit_message, plan.edits),
        disruption=plan.disruption.value,
        unmanaged_nodes=plan.unmanaged,
        skipped_paths=plan.skipped,
        error=found.error,
        error_code=found.error_code,
        deleted_share=plan.deleted_share,
        reverts_itself=plan.reverts_itself,
        omitted_paths=plan.omitted,
    )


def status_message(view: DeviceView, desired_revision: int) -> pb.DeviceStatus:
    """`desired_revision` is 0 for a device that the current revision says nothing of."""
    device, status = view.device, view.status
    return pb.DeviceStatus(
        device=device.name,
        address=f"{device.address}:{device.port}",
        protocol=device.protocol.value,
        profile=device.profile.name,
        mode=view.mode.value,
        outcome=status.outcome.value if status.outcome else "",
        revision=status.revision,
        checked=timestamp(status.checked),
        changed=timestamp(status.changed),
        drift=status.drift,
        failures=status.failures,
        error_code=status.error_code,
        error_message=status.error_message,
        unstable_paths=status.unstable,
        in_sync=view.in_sync,
        desired_revision=desired_revision,
    )


def record_message(record: JournalRecord) -> pb.JournalRecord:
    return pb.JournalRecord(
        sequence=record.sequence,
        time=timestamp(record.time),
        event=record.event.value,
        decision=record.decision,
        device=record.device,
        revision=record.revision,
        trigger=record.trigger.value if record.trigger else "",
        outcome=record.outcome.value if record.outcome else "",
        edits=map(edit_message, record.edits),
        durations=dict(record.durations),
        error_code=record.error_code,
        error_path=record.error_path,
        message=record.message,
        author=record.author,
    )
