"""What is said of leaves that a device treats in some way: one sentence for each way, told where there is evidence.

Used by the judges of the picture. Must not know how anything was seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fabricd.model.path import Path
from fabricd.model.probe import Certainty
from fabricd.southbound.probe.bench import Bench

_MOST = 4  # pieces of evidence of one kind


@dataclass(frozen=True, slots=True)
class Verdict:
    """`key` is the key of the profile that follows, "" for none."""

    name: str
    message: str
    quirks: tuple[int, ...]
    key: str = ""

    def tell(
        self,
        bench: Bench[Any],
        evidence: Iterable[str],
        learned: Any = None,
        *,
        quirks: tuple[int, ...] = (),
        certainty: Certainty = Certainty.SEEN,
    ) -> None:
        """Say it, unless there is no evidence. `learned` is what the key is to be; `quirks` those of all of the verdict
        that were met."""
        if found := _some(evidence):
            follows = {self.key: learned} if self.key and learned is not None else None
            bench.found(
                self.name,
                self.message,
                *found,
                quirks=quirks or self.quirks,
                learned=follows,
                certainty=certainty,
            )


def interface_of(path: Path) -> str:
    """The interface that a path leads into, "" for none."""
    if len(path) > 1 and path.segments[0].name == "interfaces" and path.segments[1].keys:
        return path.segments[1].keys[0][1]
    return ""


def is_address(path: Path) -> bool:
    """Whether it is about an address of an interface."""
    return "addresses" in path.names


def _some(texts: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(texts))
    return [*found[:_MOST], *([f"and {len(found) - _MOST} more"] if len(found) > _MOST else [])]
