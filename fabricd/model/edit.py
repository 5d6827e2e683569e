"""Edits and payloads: what is to change on a device, first as values, then in the words of its protocol.

Made by schema and plan, carried out by southbound. Must not know any library.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fabricd.model.path import Path


class Operation(StrEnum):
    """What an edit does. `MOVE` only occurs in user-ordered lists and leaf-lists (RFC 7950 section 7.7.1)."""

    CREATE = "create"
    REPLACE = "replace"
    DELETE = "delete"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Edit:
    """One change at one path.

    `old` and `new` are RFC 7951 JSON texts of the value alone: of a leaf (`9000`, `"up"`), or of a whole subtree
    as an object with module-qualified top names when a container or list entry is created or deleted.
    `after` positions an entry of a user-ordered list or leaf-list: the key predicates (`[name='a']`) or value of
    the entry before it, "" for the first place; None wherever order means nothing.
    """

    operation: Operation
    path: Path
    old: str | None = None
    new: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class GnmiSet:
    """A SetRequest without its envelope (gNMI section 3.4): applied as deletes, replaces, updates, all or nothing.

    Values are RFC 7951 JSON (JSON_IETF).
    """

    deletes: tuple[Path, ...] = ()
    replaces: tuple[tuple[Path, bytes], ...] = ()
    updates: tuple[tuple[Path, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class EditConfig:
    """The `<config>` element of an edit-config, every change marked by nc:operation; to be sent with
    default-operation none (RFC 6241 section 7.2)."""

    config: bytes


Payload = GnmiSet | EditConfig


class Dialect(StrEnum):
    """Which payload a target takes."""

    GNMI = "gnmi"
    NETCONF = "netconf"
