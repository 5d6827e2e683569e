"""What is handed to the store and back that is not already a word of the model.

Used by everyone who uses the store. Pure values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fabricd.model.intent import Desired, Intent, Scope


@dataclass(frozen=True, slots=True)
class NewRevision:
    """What a new revision changes against `base` (0: there is none yet).

    `intents` are set or changed, `withdrawn` names are taken back. `trees` are the desired trees that changed
    (their `revision` is given by the store), `dropped` the devices that have no tree any more. `request_id` is
    empty or unique for ever; `request_digest` tells a repeat of the request from another one with the same id.
    """

    base: int
    author: str
    comment: str = ""
    request_id: str = ""
    request_digest: str = ""
    intents: tuple[Intent, ...] = ()
    withdrawn: tuple[str, ...] = ()
    trees: tuple[Desired, ...] = ()
    dropped: tuple[str, ...] = ()
    rollback_of: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was carried out under an id of the caller's: it made `revision`, or, if it was found `unchanged`,
    changed nothing in it. `digest` tells its repeat from another request with the same id."""

    id: str
    digest: str
    revision: int
    unchanged: bool
    time: datetime


@dataclass(frozen=True, slots=True)
class DesiredHead:
    """A Desired without its configuration: all that is needed to find a device in sync by its digest."""

    device: str
    revision: int
    digest: str
    scope: Scope
