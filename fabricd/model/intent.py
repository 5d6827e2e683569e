"""Intents, revisions and desired trees: what the users want, and what was compiled from it.

Made by reconcile/submission, kept by store. Immutable; must not know how they are stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from fabricd.model.path import Path


@dataclass(frozen=True, slots=True)
class ConfigIntent:
    """A named OpenConfig document for one or more devices.

    `config` is RFC 7951 JSON as canonicalised by schema. `replace` are the subtrees this intent owns wholly: what
    it does not mention there is deleted. Higher `priority` wins, leaf by leaf; equal priority with different values
    is refused. The names are unique in a revision. `document` is the file as it was submitted, `source` its name: they
    are kept to show where something stands, and make no difference.
    """

    name: str
    devices: tuple[str, ...]
    config: bytes
    owner: str = ""
    priority: int = 100
    replace: tuple[Path, ...] = ()
    source: str = field(default="", compare=False)
    document: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FabricIntent:
    """A named fabric: switches, cabling, networks, from which the trees of `devices` are compiled.

    `fabric` is RFC 7951 JSON of the model fabricd-fabric, canonical. `allocations` are the numbers that were handed
    out for it, as JSON; they stay with the name from revision to revision. The rest is as in ConfigIntent.
    """

    name: str
    devices: tuple[str, ...]
    fabric: bytes
    allocations: bytes = b"{}"
    owner: str = ""
    priority: int = 100
    source: str = field(default="", compare=False)
    document: bytes = field(default=b"", compare=False, repr=False)


Intent = ConfigIntent | FabricIntent


@dataclass(frozen=True, slots=True)
class Scope:
    """What fabricd owns on one device (design, section 5).

    `roots` are the top-level containers to fetch. Inside `subtrees` what is not desired is deleted, elsewhere
    desired leaves are enforced and their neighbours left alone. `protected` is never written. `system_entries`
    exist on their own and are never deleted. `released` are leaves that an earlier revision set and this one does not:
    what fabricd put there, it takes away.
    """

    roots: tuple[Path, ...]
    subtrees: tuple[Path, ...] = ()
    protected: tuple[Path, ...] = ()
    system_entries: tuple[Path, ...] = ()
    released: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Desired:
    """The tree one device shall run. `config` is canonical RFC 7951 JSON, `digest` its xxh3-128 in hex (over config and
    scope). `revision` is the newest revision that changed it."""

    device: str
    revision: int
    config: bytes
    digest: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class Revision:
    """An immutable snapshot of all intents and the trees compiled from them. `parent` is 0 for the first.

    `changed` are the devices whose tree differs from the parent's.
    """

    number: int
    parent: int
    author: str
    comment: str
    created: datetime
    request_id: str = ""
    changed: tuple[str, ...] = ()
    rollback_of: int = 0
