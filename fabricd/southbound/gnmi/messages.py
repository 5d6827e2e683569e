"""gNMI answers as the project's values: paths, typed values, notifications.

Called by the rest of the gNMI adapter. Does no I/O; JSON is passed on as bytes, never read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import xxhash

from fabricd.errors import DeviceProtocolError
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.path import Path, Segment

# decimal64 has no more (RFC 7950 section 9.3.4), and 4 billion would be written out.
_DIGITS = 18

Message = Any  # the generated classes come without types


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


def read_parts(response: Message, roots: Sequence[Path], device: str) -> Iterator[Part]:
    """The updates of a GetResponse. Raises DeviceProtocolError for values that are neither JSON nor scalar."""
    for notification in response.notification:
        for update in notification.update:
            data = value_of(update, device)
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


def value_of(update: Message, device: str) -> bytes | None:
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
        return _decimal(value.decimal_val.digits, value.decimal_val.precision, device)
    if kind in ("double_val", "float_val"):
        return repr(getattr(value, kind))  # decimal64 is a string in RFC 7951
    if kind == "leaflist_val":
        return [_scalar(one, device) for one in value.leaflist_val.element]
    raise DeviceProtocolError(f"a value of kind {kind or 'none'} was sent where JSON was asked for", device=device)


def _decimal(digits: int, precision: int, device: str) -> str:
    if precision > _DIGITS:
        raise DeviceProtocolError(f"a decimal with {precision} digits behind the point", device=device)
    if precision <= 0:
        return str(digits)
    text = str(abs(digits)).rjust(precision + 1, "0")
    return f"{'-' if digits < 0 else ''}{text[:-precision]}.{text[-precision:]}"
