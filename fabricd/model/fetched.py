"""What a device sent: raw bytes with just enough said about them to be read later, or never.

Made by southbound, read by schema. Nothing here parses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fabricd.model.path import Path


class Encoding(StrEnum):
    JSON_IETF = "json_ietf"  # RFC 7951, or something a device believes to be it
    XML = "xml"  # content of a NETCONF <data> element


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a tree. JSON: the value at `path` (for a container the object *inside* it). XML: `path` is the
    root and `data` the whole `<data>` element (namespaces declared where used)."""

    path: Path
    data: bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """The configuration (or state) of one device in its own bytes. `digest` is xxh3-128 in hex over paths and
    data in a fixed order: equal digests mean equal bytes."""

    encoding: Encoding
    parts: tuple[Part, ...]
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Change:
    """A device told that something changed. `paths` say where (possibly nothing); a hint to re-read, never a fact."""

    device: str
    time: datetime
    paths: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a device says it can do. `models` are (name, revision or version) pairs; `features` are NETCONF
    capability URIs, or gNMI encodings and version."""

    models: tuple[tuple[str, str], ...] = ()
    features: tuple[str, ...] = ()
    candidate: bool = False
    notifies: bool = False
