"""How fabricctl shows things to people: plans as diffs, status as a table, the journal as lines.

Called by fabricctl. Turns messages into rich text; prints nothing and asks nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from rich.text import Text

from fabricd.cli.document import operation
from fabricd.cli.listing import Listing
from fabricd.cli.terminal import assembled, counted, plain
from fabricd.model.plan import Disruption
from fabricd.northbound.v1 import fabricd_pb2 as pb

_SIGNS = {"create": ("+", "green"), "delete": ("-", "red"), "replace": ("~", "yellow"), "move": (">", "cyan")}
_DISRUPTIONS = {"hitless": "green", "session-reset": "yellow", "link-bounce": "red", "unknown": "red"}
_HEAD = 4  # words of a record's line that are always there: number, time, event, device
_BRIEF = 60  # characters; with its indentation it fits on a narrow terminal
_OUTCOMES = {
    "in-sync": "green",
    "applied": "green",
    "drifted": "yellow",
    "held": "yellow",
    "paused": "dim",
    "unmanaged": "dim",
    "unstable": "red",
    "unreachable": "red",
    "failed": "red",
}


def plan_lines(plan: pb.DevicePlan) -> Iterable[Text]:
    """One device: a heading, then its edits as people know diffs from git and terraform."""
    if plan.error or plan.error_code:
        yield assembled((plan.device, "bold"), "  ", (f"cannot be read: {plan.error}", "red"))
        return
    if not plan.edits:
        yield assembled((plan.device, "bold"), "  ", ("no changes", "dim"))
    else:
        yield assembled(
            (plan.device, "bold"),
            f"  {counted(len(plan.edits), 'edit')}, ",
            (plan.disruption, _DISRUPTIONS.get(plan.disruption, "")),
        )
        for edit in plan.edits:
            yield from edit_lines(edit)
    for path in plan.skipped_paths:
        yield assembled((f"  ? {path} is unknown to the device's models and ignored", "dim"))
    for path in plan.omitted_paths:
        yield assembled((f"  ! {path} is left out: such a device does without it", "dim"))


def edit_lines(edit: pb.Edit, indent: str = "  ", *, brief: bool = False) -> Iterable[Text]:
    """The path with sign, old and new value; a subtree's content in lines of its own, or cut off when `brief`."""
    kind = operation(edit)
    sign, style = _SIGNS.get(kind, ("?", ""))
    head = Text(indent)
    head.append(f"{sign} ", style=style)
    head.append(plain(edit.path), style=style)
    old, new = (_brief if brief else _pretty)(edit.old_json), (_brief if brief else _pretty)(edit.new_json)
    short = len(old) <= 1 and len(new) <= 1
    if short and kind == "replace":
        head.append_text(assembled("  ", (_only(old), "red"), " -> ", (_only(new), "green")))
    elif short and kind in ("create", "delete"):
        head.append_text(assembled("  ", (_only(new if kind == "create" else old), style)))
    if edit.HasField("after"):
        head.append_text(assembled((f"  (after {edit.after})" if edit.after else "  (first)", "dim")))
    if edit.disruption not in ("", "hitless"):
        head.append_text(assembled("  ", (f"[{edit.disruption}]", _DISRUPTIONS.get(edit.disruption, ""))))
    yield head
    if not short:
        if kind != "create":
            yield from (assembled((f"{indent}  - {line}", "red")) for line in old)
        if kind != "delete":
            yield from (assembled((f"{indent}  + {line}", "green")) for line in new)


def plan_summary(plans: Sequence[pb.DevicePlan], *, title: str = "Plan") -> Text:
    """The last line: how much on how many devices, and how bad."""
    edits = [edit for plan in plans for edit in plan.edits]
    unknown = sum(bool(plan.error or plan.error_code) for plan in plans)
    tail = f"; {counted(unknown, 'device')} cannot be read" if unknown else ""
    if not edits:
        return assembled((f"{title}: no changes{tail}.", "bold"))
    counts = {kind: sum(operation(edit) == kind for edit in edits) for kind in _SIGNS}
    told = ", ".join(
        f"{counts[kind]} to {word}"
        for kind, word in (("create", "create"), ("replace", "change"), ("delete", "delete"), ("move", "move"))
        if counts[kind]
    )
    order = [kind.value for kind in Disruption]
    worst = max((plan.disruption for plan in plans if plan.edits), key=order.index, default="hitless")
    devices = sum(bool(plan.edits) for plan in plans)
    return assembled(
        (
            f"{title}: {counted(len(edits), 'edit')} on {counted(devices, 'device')}: {told}; worst disruption ",
            "bold",
        ),
        (worst, f"bold {_DISRUPTIONS.get(worst, '')}"),
        (f"{tail}.", "bold"),
    )


def status_table(status: pb.StatusResponse, now: datetime) -> Listing:
    table = Listing("DEVICE", "MODE", "STATE", "OUTCOME", "REVISION", "CHECKED", "DRIFT")
    for device in status.devices:
        table.add_row(
            assembled((device.device, "bold")),
            assembled((device.mode, "" if device.mode == "enforce" else "cyan")),
            assembled(_state(device)),
            assembled((device.outcome or "-", _OUTCOMES.get(device.outcome, "dim"))),
            str(device.revision or "-"),
            ago(device.checked if device.HasField("checked") else None, now),
            str(device.drift or "-"),
        )
    return table


def status_reasons(status: pb.StatusResponse) -> Iterable[Text]:
    """A line for each device that has something to say: they are too long for a column."""
    for device in status.devices:
        if why := _why(device):
            yield assembled((device.device, "bold"), f": {why}")


def status_summary(status: pb.StatusResponse) -> Text:
    managed = [device for device in status.devices if device.desired_revision]
    total, good = len(managed), sum(device.in_sync for device in managed)
    others = f", {len(status.devices) - total} not managed" if total < len(status.devices) else ""
    queue = f", {status.queue_depth} queued" if status.queue_depth else ""
    revision = f"revision {status.revision}" if status.revision else "no revision yet"
    return assembled(
        (f"{good}/{total} in sync", "bold green" if good == total else "bold yellow"), f"{others}, {revision}{queue}"
    )


def devices_table(devices: Iterable[pb.DeviceStatus]) -> Listing:
    table = Listing("DEVICE", "ADDRESS", "PROTOCOL", "PROFILE", "MODE")
    for device in devices:
        table.add_row(
            assembled((device.device, "bold")),
            assembled(device.address or "not in the inventory"),
            assembled(device.protocol or "-"),
            assembled(device.profile or "-"),
            assembled(device.mode),
        )
    return table


def revisions_table(revisions: Iterable[pb.Revision], now: datetime) -> Listing:
    table = Listing("REVISION", "CREATED", "AUTHOR", "DEVICES", "COMMENT", folds=("DEVICES", "COMMENT"))
    for revision in revisions:
        comment = f"{revision.comment} " if revision.comment else ""
        table.add_row(
            assembled((f"{revision.number}{' (current)' if revision.current else ''}", "bold")),
            f"{ago(revision.created, now)}",
            assembled(revision.author),
            assembled(_listed(revision.changed_devices)),
            assembled(comment, (f"(rollback to {revision.rollback_of})" if revision.rollback_of else "", "dim")),
        )
    return table


def record_lines(record: pb.JournalRecord) -> Iterable[Text]:
    """One record: a line, and one more for each edit. The record that ends a reconcile only counts them: those before
    it named them."""
    took = record.durations.get("total", 0.0)
    words: list[str | Text | tuple[str, str]] = [
        (f"{record.sequence:>6} ", "dim"),
        (record.time.ToDatetime(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"), "dim"),
        f" {record.event:<9}",
        (f" {record.device or '-':<10}", "bold"),
        f" r{record.revision}" if record.revision else "",
        f" {record.trigger}" if record.trigger else "",
        (f" {record.outcome}", _OUTCOMES.get(record.outcome, "")) if record.outcome else "",
        f" {counted(len(record.edits), 'edit')}" if record.edits else "",
        f" {took:.2f}s" if took else "",
        f" by {record.author}" if record.author else "",
        (f" {record.error_code}", "red") if record.error_code else "",
        f" {record.error_path}" if record.error_path else "",
    ]
    told = any(words[_HEAD:])
    yield assembled(*words, f"{':' if told else ''} {record.message}" if record.message else "")
    for edit in record.edits if record.event != "reconcile" else ():
        yield from edit_lines(edit, indent=" " * 9, brief=True)


def ago(time: Timestamp | None, now: datetime) -> str:
    """How long before `now`, roughly."""
    if time is None:
        return "never"
    seconds = max((now - time.ToDatetime(UTC)).total_seconds(), 0.0)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def _state(device: pb.DeviceStatus) -> tuple[str, str]:
    if not device.desired_revision:
        return "-", "dim"
    return ("in sync", "green") if device.in_sync else ("not in sync", "yellow")


def _why(device: pb.DeviceStatus) -> str:
    parts = [part for part in (device.error_code, device.error_message) if part]
    text = ": ".join(parts)
    if device.unstable_paths:
        text += f"{'; ' if text else ''}does not converge: {', '.join(device.unstable_paths)}"
    if device.failures > 1:
        text += f" ({device.failures} times in a row)"
    return text


def _listed(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more) or "none"


def _pretty(text: str) -> list[str]:
    if not text:
        return []
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines()
    except ValueError:
        return [text]


def _brief(text: str) -> list[str]:
    return [text if len(text) <= _BRIEF else f"{text[: _BRIEF - 1]}…"] if text else []


def _only(lines: list[str]) -> str:
    return lines[0] if lines else ""
