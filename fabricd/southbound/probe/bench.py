"""What all experiments of one probe share: the ground, what was learned so far, and what is to be told.

Made by run.py. Owns the growing profile. Must not know any experiment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Generic, TypeVar

import orjson

from fabricd.model.device import Profile
from fabricd.model.path import Path
from fabricd.model.probe import Certainty, Finding, ProbeOptions, Undecided
from fabricd.southbound.probe.ground import Ground
from fabricd.southbound.probe.schema_work import Work
from fabricd.southbound.probe.scratch import Scratch

G = TypeVar("G", bound=Ground)


class Needs(StrEnum):
    """What an experiment asks of the device."""

    READING = "reading"
    TRYING = "trying"  # a change that is refused or given up before it runs
    FORCE = "force"  # a change that runs for a moment
    WRITING = "writing"  # a change that lasts until it is put back


@dataclass(frozen=True, slots=True)
class Experiment(Generic[G]):
    """One question. `quirks` are the numbers that it can find."""

    name: str
    step: str
    quirks: tuple[int, ...]
    needs: Needs
    run: Callable[[Bench[G]], Awaitable[None]]


@dataclass
class Bench(Generic[G]):
    """`profile` is what is known so far, beginning with what the specifications say; `known` are the profiles that
    there are, whose words for origins and operations may be this device's too. `before` is the configuration as it was
    found. `noted`: the journal knows what is tried; `marked`: how many
    marks are used up."""

    ground: G
    work: Work
    options: ProbeOptions
    profile: Profile
    known: tuple[Profile, ...]
    before: bytes = b"{}"
    names: Scratch = field(default_factory=lambda: Scratch("", "", "", "", ""))
    static: str = "STATIC"
    dotted: bool = False
    findings: list[Finding] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    noted: bool = False
    marked: int = 0

    @property
    def document(self) -> dict[str, Any]:
        """The configuration as it was found."""
        found: dict[str, Any] = orjson.loads(self.before)
        return found

    def is_protected(self, path: Path) -> bool:
        """Whether a path lies at, below or above one that is never written."""
        return any(one.touches(path) for one in self.profile.protected)

    def mark(self) -> str:
        """A loopback that was never written before."""
        self.marked += 1
        return self.names.marks[self.marked - 1]

    def found(
        self,
        name: str,
        message: str,
        *evidence: str,
        quirks: tuple[int, ...],
        keys: tuple[str, ...] = (),
        certainty: Certainty = Certainty.SEEN,
    ) -> None:
        self.findings.append(Finding(name, message, quirks, keys, evidence, certainty))

    def open_question(self, name: str, why: str, quirks: tuple[int, ...]) -> None:
        self.undecided.append(Undecided(name, why, quirks))

    def learn(self, **changes: Any) -> None:
        """Keys at the top of the profile."""
        self.profile = replace(self.profile, **changes)

    def learn_traits(self, table: str, **changes: Any) -> None:
        """Keys of a table of the profile; tuples are added to what is there."""
        traits = getattr(self.profile, table)
        grown = {
            name: tuple(dict.fromkeys((*getattr(traits, name), *value))) if isinstance(value, tuple) else value
            for name, value in changes.items()
        }
        self.profile = replace(self.profile, **{table: replace(traits, **grown)})

    async def until(self, holds: Callable[[], Awaitable[bool]], seconds: float) -> float | None:
        """Seconds until it holds, None when it does not within `seconds`. What holds at once took no time, however
        long it was to look."""
        loop = asyncio.get_running_loop()
        begun, pause = loop.time(), 0.01
        if await holds():
            return 0.0
        while not await holds():
            if loop.time() - begun > seconds:
                return None
            await asyncio.sleep(pause)
            pause = min(0.2, pause * 1.5)
        return loop.time() - begun


def generic(path: Path) -> Path:
    """The path for all entries of its lists."""
    return Path(tuple(replace(segment, keys=()) for segment in path.segments))
