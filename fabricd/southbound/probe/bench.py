"""What all experiments of one probe share: the ground, what was learned so far, and what is to be told.

Made by run.py. Owns the growing profile. Must not know any experiment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Generic, TypeVar

import orjson

from fabricd.errors import DeviceRefusedError
from fabricd.model.device import Profile
from fabricd.model.path import Path
from fabricd.model.probe import Certainty, Finding, ProbeOptions, Undecided
from fabricd.southbound.probe import scratch
from fabricd.southbound.probe.ground import Ground
from fabricd.southbound.probe.schema_work import Work
from fabricd.southbound.probe.scratch import Scratch
from fabricd.southbound.probe.settling import Settling

G = TypeVar("G", bound=Ground)

_FIELDS = {"alias": "aliases"}  # what is called otherwise in the file


class Needs(StrEnum):
    """What an experiment asks of the device."""

    READING = "reading"
    TRYING = "trying"  # a change that is refused or given up before it runs
    FORCE = "force"  # a change that runs for a moment
    WRITING = "writing"  # a change that lasts until it is put back


@dataclass(frozen=True, slots=True)
class Experiment(Generic[G]):
    """One question. `quirks` are the numbers that it can find. `basis`: others stand on the answer, so that it is asked
    once more when the line breaks."""

    name: str
    step: str
    quirks: tuple[int, ...]
    needs: Needs
    run: Callable[[Bench[G]], Awaitable[None]]
    basis: bool = False


@dataclass
class Bench(Generic[G]):
    """`profile` is what is known so far, beginning with what the specifications say; `known` are the profiles that
    there are, whose words for origins and operations may be this device's too. `before` is the configuration as it was
    found. `default` and `static` are what the default network instance and the protocol STATIC are called, `dotted`:
    ids of interfaces in instances are NAME.INDEX. `settling`: how long changes take to show. `noted`: the journal knows
    what is tried; `marked`: how many marks are used up."""

    ground: G
    work: Work
    options: ProbeOptions
    profile: Profile
    known: tuple[Profile, ...]
    before: bytes = b"{}"
    names: Scratch = field(default_factory=lambda: Scratch("", "", "", "", ""))
    default: str = "default"
    static: str = "STATIC"
    dotted: bool = False
    findings: list[Finding] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    settling: Settling = field(default_factory=Settling)
    noted: bool = False
    marked: int = 0

    @property
    def document(self) -> dict[str, Any]:
        """The configuration as it was found."""
        found: dict[str, Any] = orjson.loads(self.before)
        return found

    @property
    def interfaces(self) -> frozenset[str]:
        """Interfaces that are configured."""
        return scratch.names(self.document, *scratch.INTERFACE_LIST)

    @property
    def instances(self) -> frozenset[str]:
        """Network instances that are configured."""
        return scratch.names(self.document, *scratch.INSTANCE_LIST)

    def is_protected(self, path: Path) -> bool:
        """Whether a path lies at, below or above one that is never written."""
        return any(one.touches(path) for one in self.profile.protected)

    def mark(self) -> str:
        """A loopback that was never written before. Raises DeviceRefusedError when there is none left."""
        if self.marked == len(self.names.marks):
            raise DeviceRefusedError("there are no names left to try something under", tag="names")
        self.marked += 1
        return self.names.marks[self.marked - 1]

    def showed(self, seconds: float) -> None:
        """A change was seen to show, or to be gone, after so many seconds."""
        self.settling.took(seconds)
        self.ground.settle = self.settling.patience

    def found(
        self,
        name: str,
        message: str,
        *evidence: str,
        quirks: tuple[int, ...],
        learned: Mapping[str, Any] | None = None,
        certainty: Certainty = Certainty.SEEN,
    ) -> None:
        """Tell what was found. `learned` are the keys of the profile that follow from it (`write.shape`), with what
        they are to be; tuples are added to what is there."""
        for key, value in (learned or {}).items():
            self.learn(key, value)
        self.findings.append(Finding(name, message, quirks, tuple(learned or ()), evidence, certainty))

    def open_question(self, name: str, why: str, quirks: tuple[int, ...]) -> None:
        self.undecided.append(Undecided(name, why, quirks))

    def learn(self, key: str, value: Any) -> None:
        """One key of the profile, as the file has it (`write.shape`, `max_message_bytes`)."""
        table, _, name = key.rpartition(".")
        name = _FIELDS.get(name, name)
        traits = getattr(self.profile, table) if table else self.profile
        if isinstance(value, tuple):
            value = tuple(dict.fromkeys((*getattr(traits, name), *value)))
        changed: Any = replace(traits, **{name: value})
        self.profile = replace(self.profile, **{table: changed}) if table else changed

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
