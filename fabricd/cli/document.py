"""Messages of fabricd.v1 as JSON documents with stable field names, for --json.

Called by fabricctl. The names are those of the protocol; numbers are numbers, times ISO 8601 in UTC, values parsed.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from fabricd.errors import Problem
from fabricd.northbound.v1 import fabricd_pb2 as pb

_PARSED = ("config_json", "configured_json", "applied_json")


def document(message: Message) -> dict[str, Any]:
    """Every field, set or not, except optional ones that are not set. `old_json`, `config_json` and the like become
    `old` and `config`, null when there is none."""
    if isinstance(message, pb.Edit):
        return _edit(message)
    fields: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.has_presence and field.message_type is None and not message.HasField(field.name):
            continue
        name, value = field.name, getattr(message, field.name)
        if name in _PARSED:
            fields[name.removesuffix("_json")] = json.loads(value) if value else None
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            fields[name] = dict(value)
        elif field.is_repeated:
            fields[name] = [_value(one) for one in value]
        elif field.message_type is not None and not message.HasField(name):
            fields[name] = None
        else:
            fields[name] = _value(value)
    return fields


def problem_document(problem: Problem) -> dict[str, Any]:
    """What is wrong, and where, in fields of their own."""
    return asdict(problem)


def operation(edit: pb.Edit) -> str:
    """create, replace, delete or move."""
    return pb.Operation.Name(edit.operation).removeprefix("OPERATION_").lower()


def _edit(edit: pb.Edit) -> dict[str, Any]:
    fields = {
        "operation": operation(edit),
        "path": edit.path,
        "old": json.loads(edit.old_json) if edit.old_json else None,
        "new": json.loads(edit.new_json) if edit.new_json else None,
        "disruption": edit.disruption,
    }
    if edit.HasField("after"):
        fields["after"] = edit.after
    return fields


def _value(value: Any) -> Any:
    if isinstance(value, Timestamp):
        return value.ToDatetime(UTC).isoformat().replace("+00:00", "Z")
    return document(value) if isinstance(value, Message) else value
