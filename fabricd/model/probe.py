"""What a probe of a device found out: values that are told to people and written into a profile.

Made by southbound/probe, carried by reconcile and northbound. Must not know protocols.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fabricd.model.device import Protocol


class Certainty(StrEnum):
    """How sure a finding is. `SEEN`: the device did it, and did otherwise where the other way was tried. `LIKELY`: the
    device did it, and what helps against it could not be tried."""

    SEEN = "seen"
    LIKELY = "likely"


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which the device differs from the specifications.

    `name` is stable; `quirks` are numbers of docs/quirks.md; `keys` are the keys of the profile that follow from it,
    none where fabricd needs to know nothing; `evidence` tells what was sent and what came back, without secrets.
    """

    name: str
    message: str
    quirks: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    certainty: Certainty = Certainty.SEEN


@dataclass(frozen=True, slots=True)
class Undecided:
    """What could not be found out, and why; the profile keeps to the default there."""

    name: str
    why: str
    quirks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """`write`: what can be seen no other way may be tried for good on objects made for it. `interface` and `instance`
    are names for these, "" to choose some that fit the device. `timeout`: seconds for the whole; `deadline`: seconds
    after which the device is told to take back by itself what is tried; `patience`: seconds that it may take to show a
    change. `profile` is what the profile shall be called, "" for the device's name with "-probed" behind it."""

    write: bool = False
    interface: str = ""
    instance: str = ""
    timeout: float = 300.0
    deadline: float = 60.0
    patience: float = 10.0
    profile: str = ""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """The outcome. `asked` are the names of all experiments that came to an end. `profile` is a whole profile as TOML.
    `left` are paths at which the configuration is not what it was before: none, unless something went wrong, or
    somebody else changed something meanwhile."""

    device: str
    protocol: Protocol
    findings: tuple[Finding, ...]
    undecided: tuple[Undecided, ...]
    asked: tuple[str, ...]
    profile: str
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """How far a probe is: `done` of `total` experiments, and what is being tried."""

    done: int
    total: int
    step: str
