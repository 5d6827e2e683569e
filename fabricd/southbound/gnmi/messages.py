"""gNMI messages from and to the project's values: paths, typed values, notifications.

Called by the gNMI adapter. Does no I/O; JSON is passed on as bytes, never read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import xxhash
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.errors import DeviceProtocolError
from fabricd.model.edit import GnmiSet
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.path import Path, Segment

Message = Any  # the generated classes come without types


def path_message(path: Path) -> Message:
    """A gnmi.Path without origin, which means OpenConfig (gNMI section 2.7).

    OpenConfig names are written bare, as every implementation takes them; those of other modules keep their module.
    A leaf-list entry is addressed as its whole leaf-list: gNMI paths know no values.
    """
    elems = []
    for segment in path.segments:
        bare = not segment.module or segment.module.startswith("openconfig-")
        name = segment.name if bare else f"{segment.module}:{segment.name}"
        elems.append(gnmi_pb2.PathElem(name=name, key=dict(segment.keys)))
    return gnmi_pb2.Path(elem=elems)


def read_path(prefix: Message, path: Message) -> Path:
    """Prefix and path joined. Keys come in no order on the wire, so they are sorted by name."""
    return Path(tuple(_read_segments(prefix)) + tuple(_read_segments(path)))


def _read_segments(path: Message) -> Iterator[Segment]:
    for elem in path.elem:
        module, _, name = elem.name.rpartition(":")
        yield Segment(name, module, tuple(sorted(elem.key.items())))


def qualified(path: Path, roots: Sequence[Path]) -> Path:
    """`path` with the modules and the order of keys that the request had, where it is below one of `roots`."""
    for root in roots:
        if len(root) and root.covers(path) and _keyed_alike(root, path):
            return Path(root.segments + path.segments[len(root) :])
    return path


def _keyed_alike(root: Path, path: Path) -> bool:
    return all(dict(one.keys) == dict(other.keys) for one, other in zip(root.segments, path.segments, strict=False))


def get_request(paths: Iterable[Path], kind: str) -> Message:
    """A GetRequest of type `kind` (CONFIG, ALL) in JSON_IETF (gNMI section 3.3.1)."""
    return gnmi_pb2.GetRequest(
        path=[path_message(path) for path in paths],
        type=gnmi_pb2.GetRequest.DataType.Value(kind),
        encoding=gnmi_pb2.JSON_IETF,
    )


def set_request(payload: GnmiSet) -> Message:
    """A SetRequest (gNMI section 3.4.1)."""

    def updates(pairs: Iterable[tuple[Path, bytes]]) -> list[Message]:
        return [
            gnmi_pb2.Update(path=path_message(path), val=gnmi_pb2.TypedValue(json_ietf_val=value))
            for path, value in pairs
        ]

    return gnmi_pb2.SetRequest(
        delete=[path_message(path) for path in payload.deletes],
        replace=updates(payload.replaces),
        update=updates(payload.updates),
    )


def subscribe_request(roots: Iterable[Path]) -> Message:
    """STREAM, ON_CHANGE, JSON_IETF, and no dump of what is there already (gNMI section 3.5.1)."""
    return gnmi_pb2.SubscribeRequest(
        subscribe=gnmi_pb2.SubscriptionList(
            subscription=[gnmi_pb2.Subscription(path=path_message(root), mode=gnmi_pb2.ON_CHANGE) for root in roots],
            mode=gnmi_pb2.SubscriptionList.STREAM,
            encoding=gnmi_pb2.JSON_IETF,
            updates_only=True,
        )
    )


def read_parts(response: Message, roots: Sequence[Path], device: str) -> Iterator[Part]:
    """The updates of a GetResponse. Raises DeviceProtocolError for values that are neither JSON nor scalar."""
    for notification in response.notification:
        for update in notification.update:
            data = _value(update, device)
            if data is not None:
                yield Part(qualified(read_path(notification.prefix, update.path), roots), data)


def changed_paths(notification: Message, roots: Sequence[Path]) -> tuple[Path, ...]:
    """Where a notification of a subscription says that something changed or went."""
    touched = [update.path for update in notification.update] + list(notification.delete)
    return tuple(qualified(read_path(notification.prefix, path), roots) for path in touched)


def fetched(parts: Iterable[Part]) -> Fetched:
    """Parts in a fixed order with their digest: lengths are hashed too, so that no two cuts look alike."""
    ordered = tuple(sorted(parts, key=lambda part: (part.path.text, part.data)))
    digest = xxhash.xxh3_128()
    size = 0
    for part in ordered:
        text = part.path.text.encode()
        digest.update(b"%d %d " % (len(text), len(part.data)))
        digest.update(text)
        digest.update(part.data)
        size += len(part.data)
    return Fetched(Encoding.JSON_IETF, ordered, digest.hexdigest(), size)


def _value(update: Message, device: str) -> bytes | None:
    """The value as JSON text; None for an update without a value, which says nothing."""
    kind = update.val.WhichOneof("value")
    if kind == "json_ietf_val" or kind == "json_val":
        return bytes(getattr(update.val, kind))
    if kind is None:
        # The deprecated field `value` (before gNMI 0.4) is still sent by some devices.
        return bytes(update.value.value) if update.HasField("value") else None
    return json.dumps(_scalar(update.val, device), ensure_ascii=False).encode()


def _scalar(value: Message, device: str) -> object:
    """RFC 7951 form of a scalar. 64-bit numbers go out as numbers: their width is not known here."""
    kind = value.WhichOneof("value")
    if kind in ("string_val", "ascii_val", "int_val", "uint_val", "bool_val"):
        return getattr(value, kind)
    if kind == "bytes_val":
        return base64.b64encode(value.bytes_val).decode()
    if kind == "decimal_val":
        return _decimal(value.decimal_val.digits, value.decimal_val.precision)
    if kind in ("double_val", "float_val"):
        return repr(getattr(value, kind))  # decimal64 is a string in RFC 7951
    if kind == "leaflist_val":
        return [_scalar(one, device) for one in value.leaflist_val.element]
    raise DeviceProtocolError(f"a value of kind {kind or 'none'} was sent where JSON was asked for", device=device)


def _decimal(digits: int, precision: int) -> str:
    if precision <= 0:
        return str(digits)
    text = str(abs(digits)).rjust(precision + 1, "0")
    return f"{'-' if digits < 0 else ''}{text[:-precision]}.{text[-precision:]}"
