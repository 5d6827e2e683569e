"""A journal record as people and programs see it: one JSON object, or one sentence.

Used by the log, the northbound stream's readers and `fabricctl log`. Must not know where it goes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import orjson

from fabricd.model.outcome import Event, JournalRecord, OutcomeKind
from fabricd.model.plan import PlannedEdit

# What a terminal, a pager or a line reader may act on, though JSON lets it stand: DEL and C1 (0x9b starts an escape
# sequence), line and paragraph separators, and the marks that reorder what is shown.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def journal_json(record: JournalRecord) -> dict[str, object]:
    """The JSON object of a journal record. It has the same keys always; `trigger` and `outcome` are null when there is
    none, other texts empty. `durations` are seconds by phase. `old` and `new` of an edit are RFC 7951 values, null
    when there is none."""
    return {
        "sequence": record.sequence,
        "time": timestamp(record.time),
        "event": record.event.value,
        "decision": record.decision,
        "device": record.device,
        "revision": record.revision,
        "trigger": record.trigger.value if record.trigger else None,
        "outcome": record.outcome.value if record.outcome else None,
        "edits": [_edit(planned) for planned in record.edits],
        "durations": dict(record.durations),
        "error_code": record.error_code,
        "error_path": record.error_path,
        "message": record.message,
        "author": record.author,
    }


def _edit(planned: PlannedEdit) -> dict[str, object]:
    edit = planned.edit
    found: dict[str, object] = {
        "operation": edit.operation.value,
        "path": edit.path.text,
        "old": _value(edit.old),
        "new": _value(edit.new),
        "disruption": planned.disruption.value,
    }
    if edit.after is not None:
        found["after"] = edit.after
    return found


def _value(text: str | None) -> object:
    if text is None:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def json_line(found: dict[str, object]) -> str:
    """An object as one line that is safe to show on a terminal, without its newline."""
    try:
        line = orjson.dumps(found, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:
        # Lone surrogates (a device's text that was no UTF-8), or a number that does not fit.
        line = orjson.dumps(_encodable(found)).decode()
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


def _encodable(value: object) -> object:
    if isinstance(value, dict):
        return {str(_encodable(str(key))): _encodable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(one) for one in value]
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return value
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def printable(text: str) -> str:
    """Text as one line: control characters, which a device may have sent, are shown as escapes."""
    return _CONTROL.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[match[0]]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def timestamp(time: datetime) -> str:
    """RFC 3339 in UTC with microseconds."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def sentence(record: JournalRecord) -> str:
    """What a record says, for people, as one line without its time."""
    parts = [f"{record.device}:" if record.device else "", _what(record)]
    about = [str(record.trigger)] if record.trigger else []
    if record.revision and record.event is not Event.REVISION:
        about.append(f"revision {record.revision}")
    if record.edits:
        about.append(f"{len(record.edits)} edit{'s' if len(record.edits) != 1 else ''}")
    if (total := dict(record.durations).get("total")) is not None:
        about.append(f"{total:.3f} s")
    if record.author:
        about.append(f"by {record.author}")
    if about:
        parts.append(f"({', '.join(about)})")
    text = " ".join(part for part in parts if part)
    error = " ".join(part for part in (record.error_code, record.error_path) if part)
    tail = ": ".join(part for part in (error, record.message) if part)
    return printable(f"{text}: {tail}" if tail else text)


def _what(record: JournalRecord) -> str:
    if record.event is Event.REVISION:
        return f"revision {record.revision} is current"
    if record.event is Event.RECONCILE and record.outcome is not None:
        return _OUTCOMES[record.outcome]
    return _EVENTS[record.event]


_EVENTS = {
    Event.REVISION: "new revision",
    Event.RECONCILE: "reconciled",
    Event.DRIFT: "differs from what is desired",
    Event.APPLY: "is about to be written",
    Event.RECOVERED: "open transaction resolved",
    Event.MODE: "mode set",
    Event.NOTE: "note",
}
_OUTCOMES = {
    OutcomeKind.IN_SYNC: "in sync",
    OutcomeKind.APPLIED: "written and verified",
    OutcomeKind.DRIFTED: "differs and is left alone",
    OutcomeKind.HELD: "held for a person's word",
    OutcomeKind.UNSTABLE: "does not converge and is left alone",
    OutcomeKind.UNREACHABLE: "unreachable",
    OutcomeKind.FAILED: "failed",
    OutcomeKind.UNMANAGED: "not managed by the current revision",
    OutcomeKind.PAUSED: "paused",
}
