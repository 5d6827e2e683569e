"""Values of the model as bytes and back: JSON for the small ones, zstd frames with a checksum on disk.

Used by the store's writer and readers only. Must not know tables or engines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson
import zstandard

from fabricd.errors import StoreError
from fabricd.model.edit import Edit, Operation
from fabricd.model.intent import Scope
from fabricd.model.outcome import DeviceStatus, Event, JournalRecord, OutcomeKind, Trigger
from fabricd.model.path import Path, Segment
from fabricd.model.plan import Disruption, PlannedEdit

# Bounds what a damaged frame header can make us allocate.
_MOST_UNPACKED = 1 << 30

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Blob:
    """Content ready to be stored: `digest` is the SHA-256 of the unpacked bytes in hex, `size` their number."""

    digest: str
    size: int
    content: bytes


def address(content: bytes) -> str:
    """The name of a content: SHA-256 in hex. Not xxh3, because two contents that collide would be mixed up."""
    return hashlib.sha256(content).hexdigest()


def pack(content: bytes) -> bytes:
    # A compressor is not to be shared between threads, and costs a few microseconds to make.
    return zstandard.ZstdCompressor(level=3, write_checksum=True, write_content_size=True).compress(content)


def unpack(packed: bytes, what: str) -> bytes:
    """The content of a frame. Raises StoreError, naming `what`, when the frame is damaged."""
    try:
        if zstandard.frame_content_size(packed) > _MOST_UNPACKED:
            raise StoreError(f"{what} in the store is damaged: impossible size")
        return zstandard.ZstdDecompressor().decompress(packed)
    except zstandard.ZstdError as error:
        raise StoreError(f"{what} in the store is damaged: {error}") from error


def unpack_blob(digest: str, size: int, packed: bytes, what: str) -> bytes:
    """The content of a blob, proved to be what was stored under `digest`."""
    content = unpack(packed, what)
    if len(content) != size or address(content) != digest:
        raise StoreError(f"{what} in the store is damaged: its content does not match its digest {digest}")
    return content


def to_json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # Text of a device that was no UTF-8 can hold lone surrogates, which JSON cannot: shown escaped, never lost.
        return orjson.dumps(_without_surrogates(value))


def from_json(data: bytes | str, what: str) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise StoreError(f"{what} in the store is damaged: {error}") from error


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list | tuple):
        return [_without_surrogates(one) for one in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(one) for key, one in value.items()}
    return value


# Paths are stored by their parts: the text form of a key value that holds both kinds of quotes is not unambiguous.


def path_to_json(path: Path) -> list[list[object]]:
    return [_segment_to_json(segment) for segment in path.segments]


def path_from_json(parts: list[list[Any]]) -> Path:
    return Path(tuple(_segment_from_json(*part) for part in parts))


def _segment_to_json(segment: Segment) -> list[object]:
    if segment.value is not None:
        return [segment.name, segment.module, segment.keys, segment.value]
    if segment.keys:
        return [segment.name, segment.module, segment.keys]
    return [segment.name, segment.module] if segment.module else [segment.name]


def _segment_from_json(name: str, module: str = "", keys: Any = (), value: str | None = None) -> Segment:
    return Segment(name, module, tuple((key, one) for key, one in keys), value)


def scope_to_json(scope: Scope) -> bytes:
    return to_json(
        {
            "roots": [path_to_json(path) for path in scope.roots],
            "subtrees": [path_to_json(path) for path in scope.subtrees],
            "protected": [path_to_json(path) for path in scope.protected],
            "system_entries": [path_to_json(path) for path in scope.system_entries],
            "released": [path_to_json(path) for path in scope.released],
        }
    )


def scope_from_json(data: bytes) -> Scope:
    return _decoded("a scope", data, lambda found: Scope(**{name: paths_from_json(found[name]) for name in _SCOPE}))


_SCOPE = ("roots", "subtrees", "protected", "system_entries", "released")


def paths_from_json(paths: list[list[list[Any]]]) -> tuple[Path, ...]:
    return tuple(path_from_json(path) for path in paths)


def edit_to_json(planned: PlannedEdit) -> list[object]:
    edit = planned.edit
    return [edit.operation, path_to_json(edit.path), edit.old, edit.new, edit.after, planned.disruption]


def edit_from_json(parts: list[Any]) -> PlannedEdit:
    operation, path, old, new, after, disruption = parts
    return PlannedEdit(Edit(Operation(operation), path_from_json(path), old, new, after), Disruption(disruption))


def record_to_bytes(record: JournalRecord) -> bytes:
    """A journal record without its sequence number, which is the key it is stored under."""
    return pack(
        to_json(
            {
                "time": record.time,
                "event": record.event,
                "decision": record.decision,
                "device": record.device,
                "revision": record.revision,
                "trigger": record.trigger,
                "outcome": record.outcome,
                "edits": [edit_to_json(planned) for planned in record.edits],
                "durations": record.durations,
                "error_code": record.error_code,
                "error_path": record.error_path,
                "message": record.message,
                "author": record.author,
            }
        )
    )


def record_from_bytes(sequence: int, body: bytes) -> JournalRecord:
    what = f"journal record {sequence}"

    def build(found: Mapping[str, Any]) -> JournalRecord:
        return JournalRecord(
            time=datetime.fromisoformat(found["time"]),
            event=Event(found["event"]),
            decision=found["decision"],
            device=found["device"],
            revision=found["revision"],
            trigger=Trigger(found["trigger"]) if found["trigger"] else None,
            outcome=OutcomeKind(found["outcome"]) if found["outcome"] else None,
            edits=tuple(edit_from_json(parts) for parts in found["edits"]),
            durations=tuple((phase, seconds) for phase, seconds in found["durations"]),
            error_code=found["error_code"],
            error_path=found["error_path"],
            message=found["message"],
            author=found["author"],
            sequence=sequence,
        )

    return _decoded(what, unpack(body, what), build)


def status_to_bytes(status: DeviceStatus) -> bytes:
    return pack(
        to_json(
            {
                "outcome": status.outcome,
                "revision": status.revision,
                "desired_digest": status.desired_digest,
                "in_sync_digest": status.in_sync_digest,
                "checked": status.checked,
                "changed": status.changed,
                "drift": status.drift,
                "failures": status.failures,
                "error_code": status.error_code,
                "error_message": status.error_message,
                "unstable": status.unstable,
            }
        )
    )


def status_from_bytes(device: str, body: bytes) -> DeviceStatus:
    what = f"the status of {device}"

    def build(found: Mapping[str, Any]) -> DeviceStatus:
        return DeviceStatus(
            device=device,
            outcome=OutcomeKind(found["outcome"]) if found["outcome"] else None,
            revision=found["revision"],
            desired_digest=found["desired_digest"],
            in_sync_digest=found["in_sync_digest"],
            checked=datetime.fromisoformat(found["checked"]) if found["checked"] else None,
            changed=datetime.fromisoformat(found["changed"]) if found["changed"] else None,
            drift=found["drift"],
            failures=found["failures"],
            error_code=found["error_code"],
            error_message=found["error_message"],
            unstable=tuple(found["unstable"]),
        )

    return _decoded(what, unpack(body, what), build)


def _decoded(what: str, data: bytes, build: Callable[[Mapping[str, Any]], T]) -> T:
    try:
        return build(from_json(data, what))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{what} in the store is damaged: {error!r}") from error
