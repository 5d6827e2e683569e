"""Numbers and addresses out of the fabric's pools, handed out so that they never move.

Called by resolve.py. Pure: what was handed out before comes in and goes out as values; must not know the store.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import orjson

from fabricd.errors import InputError, Problem
from fabricd.intent.fabric.numbering import SPACES, Kind, Span, kind_of
from fabricd.intent.fabric.owners import Want, in_order, wanted
from fabricd.intent.fabric.places import place
from fabricd.intent.fabric.resolved import Allocations
from fabricd.intent.fabric.values import Fabric, Pool, PoolPurpose, natural

_NAMED = 3


def allocate(fabric: Fabric, previous: Allocations) -> Allocations:
    """A number for everyone who needs one. Explicit numbers are taken first, then owners keep what they held, then
    returning owners get theirs back, then new ones the lowest that nobody ever had, then what others released.

    A holder keeps its number even if its pool is gone, and keeps an explicit one that is no longer said: nothing moves
    without a person saying so. Takes time proportional to the owners, whatever the size of the pools. Raises InputError
    naming every number asked for twice, every pool that is exhausted, missing, malformed, or overlaps another.
    """
    wants = wanted(fabric)
    problems = list(wants.problems)
    supplies = _supplies(fabric.pools, problems)
    held: dict[str, dict[str, str]] = {}
    released: dict[str, dict[str, str]] = {}
    for space in SPACES:
        taken: dict[int, tuple[str, Want]] = {}
        desks = [
            _Desk(
                purpose, wants.by_purpose.get(purpose, []), supplies.get(purpose) or _Supply(purpose), previous, taken
            )
            for purpose in space
        ]
        for desk in desks:
            desk.take_explicit(problems)
        for desk in desks:
            desk.keep(problems)
        for desk in desks:
            desk.hand_out(fabric, problems)
            held_here, released_here = desk.result()
            if held_here:
                held[desk.purpose.value] = held_here
            if released_here:
                released[desk.purpose.value] = released_here
    if problems:
        raise InputError.of(problems)
    return Allocations(held, released)


def dump(allocations: Allocations) -> bytes:
    """JSON with sorted members: what is stored, and the same for the same numbers."""
    return orjson.dumps(allocations, option=orjson.OPT_SORT_KEYS)


def load(data: bytes) -> Allocations:
    """What `dump` made; `{}` is nothing. Raises InputError for anything else."""
    try:
        plain = orjson.loads(data)
        claimed = {device: tuple(paths) for device, paths in plain.get("claimed", {}).items()}
        numbers = [{purpose: dict(one) for purpose, one in plain.get(key, {}).items()} for key in ("held", "released")]
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"these are no allocations: {error}") from error
    return Allocations(numbers[0], numbers[1], claimed)


@dataclass(slots=True)
class _Supply:
    """The pools of one purpose, in the order in which they are used."""

    purpose: PoolPurpose
    names: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)
    sorted_spans: list[Span] = field(default_factory=list)

    def has(self, number: int) -> bool:
        at = bisect_right(self.firsts, number) - 1
        return at >= 0 and number in self.sorted_spans[at]

    def rank(self, number: int) -> tuple[int, int]:
        """Sorts numbers as they are handed out."""
        return next(at for at, span in enumerate(self.spans) if number in span), number

    def numbers(self) -> Iterator[int]:
        for span in self.spans:
            yield from span


def _supplies(pools: Iterable[Pool], problems: list[Problem]) -> dict[PoolPurpose, _Supply]:
    supplies: dict[PoolPurpose, _Supply] = {}
    named: dict[PoolPurpose, list[tuple[int, int, Pool, str]]] = {}
    for pool in sorted(pools, key=lambda pool: natural(pool.name)):
        supply = supplies.setdefault(pool.purpose, _Supply(pool.purpose))
        supply.names.append(pool.name)
        kind = kind_of(pool.purpose)
        if not pool.prefixes and not pool.ranges:
            problems.append(Problem(f"pool {pool.name} has no {kind.unit}", path=place("pools", name=pool.name)))
        for text, span, extent in _spans(pool, kind, problems):
            supply.spans.append(span)
            named.setdefault(pool.purpose, []).append((extent[0], extent[1], pool, text))
    for supply in supplies.values():
        supply.sorted_spans = sorted(supply.spans, key=lambda span: span[0])
        supply.firsts = [span[0] for span in supply.sorted_spans]
    for extents in named.values():
        for (_, last, pool, text), (first, _, other, other_text) in pairwise(sorted(extents, key=lambda one: one[:2])):
            if first <= last:
                problems.append(
                    Problem(
                        f"{other_text} of pool {other.name} overlaps {text} of pool {pool.name}; "
                        f"both are for {pool.purpose.value}",
                        path=place("pools", name=other.name),
                    )
                )
    return supplies


def _spans(pool: Pool, kind: Kind, problems: list[Problem]) -> Iterator[tuple[str, Span, tuple[int, int]]]:
    for text in pool.prefixes:
        try:
            yield text, *kind.prefix(text)
        except ValueError as error:
            problems.append(Problem(f"pool {pool.name}: {error}", path=place("pools", "prefixes", name=pool.name)))
    for first, last in pool.ranges:
        try:
            yield f"{first}..{last}", *kind.range(first, last)
        except ValueError as error:
            problems.append(Problem(f"pool {pool.name}: {error}", path=place("pools", "ranges", name=pool.name)))


class _Desk:
    """Hands out the numbers of one purpose. `taken` is shared by all purposes of a number space, by number."""

    def __init__(
        self,
        purpose: PoolPurpose,
        wants: Sequence[Want],
        supply: _Supply,
        previous: Allocations,
        taken: dict[int, tuple[str, Want]],
    ) -> None:
        self.purpose, self.wants, self.supply, self.taken = purpose, wants, supply, taken
        self.purpose_name = purpose.value
        self.kind = kind_of(purpose)
        self.before: Mapping[str, str] = previous.held.get(purpose.value, {})
        self.memory: Mapping[str, str] = previous.released.get(purpose.value, {})
        self.found: dict[str, int] = {}
        self.texts: dict[str, str] = {}  # of numbers that were kept
        self.open: list[Want] = []

    def take_explicit(self, problems: list[Problem]) -> None:
        for want in self.wants:
            if not want.explicit:
                continue
            try:
                number = self.kind.parse(want.explicit)
            except ValueError as error:
                problems.append(Problem(f"{want.owner}: {error}", path=want.at))
                continue
            if self._blocked(number) is None:
                self._take(want, number)
                continue
            other_purpose, other = self._blocked(number) or ("", want)
            problems.append(
                Problem(
                    f"{want.explicit} is asked for by {want.owner} ({self.purpose.value}) and by "
                    f"{other.owner} ({other_purpose})",
                    path=want.at,
                )
            )

    def keep(self, problems: list[Problem]) -> None:
        for want in self.wants:
            if want.explicit:
                continue
            text = self.before.get(want.owner, "")
            number = self._parsed(text) if text else None
            blocker = None if number is None else self._blocked(number)
            if number is not None and blocker is None:
                self._take(want, number)
                self.texts[want.owner] = text
                continue
            if blocker is not None and blocker[1].explicit:
                # To give it another number here would renumber a running device as a side effect.
                problems.append(
                    Problem(
                        f"{blocker[1].explicit} is asked for by {blocker[1].owner} ({blocker[0]}) but held by "
                        f"{want.owner} ({self.purpose.value}); numbers never move by themselves: say explicitly which "
                        f"other one {want.owner} shall have",
                        path=blocker[1].at,
                    )
                )
                continue
            self.open.append(want)

    def hand_out(self, fabric: Fabric, problems: list[Problem]) -> None:
        if not self.open:
            return
        if not self.supply.names:
            problems.append(
                Problem(f"there is no pool for {self.purpose.value}, and {_list(self.open)}", path=place("pools"))
            )
            return
        returning = self._returning()
        new = []
        for want in in_order(self.purpose, self.open, fabric):
            number = next((one for one in returning.get(want.owner, ()) if self._blocked(one) is None), None)
            if number is None:
                new.append(want)
            else:
                self._take(want, number)
        known = {number for number in map(self._parsed, self.memory) if number is not None}
        known |= {number for number in map(self._parsed, self.before.values()) if number is not None}
        fresh = (one for one in self.supply.numbers() if one not in known and self._blocked(one) is None)
        left = []
        for want in new:
            number = next(fresh, None)
            if number is None:
                left.append(want)
            else:
                self._take(want, number)
        self._reuse(left, known, problems)

    def _reuse(self, wants: list[Want], known: set[int], problems: list[Problem]) -> None:
        if not wants:
            return
        used = sorted((one for one in known if self.supply.has(one)), key=self.supply.rank)
        free = (one for one in used if self._blocked(one) is None)
        for at, want in enumerate(wants):
            number = next(free, None)
            if number is None:
                pools = "pool" if len(self.supply.names) == 1 else "pools"
                problems.append(
                    Problem(
                        f"{pools} {', '.join(self.supply.names)} ({self.purpose.value}) exhausted: {_list(wants[at:])}",
                        path=place("pools", name=self.supply.names[-1]),
                    )
                )
                return
            self._take(want, number)

    def result(self) -> tuple[dict[str, str], dict[str, str]]:
        """Held by owner, and released by number."""
        held = {owner: self.texts.get(owner) or self.kind.show(self.found[owner]) for owner in sorted(self.found)}
        numbers = set(held.values())
        gone = {number: owner for number, owner in self.memory.items() if number not in numbers}
        gone.update({number: owner for owner, number in self.before.items() if number not in numbers})
        return held, {number: gone[number] for number in sorted(gone)}

    def _returning(self) -> dict[str, list[int]]:
        numbers: dict[str, list[int]] = {}
        for text, owner in self.memory.items():
            number = self._parsed(text)
            if number is not None and self.supply.has(number):
                numbers.setdefault(owner, []).append(number)
        return {owner: sorted(found) for owner, found in numbers.items()}

    def _blocked(self, number: int) -> tuple[str, Want] | None:
        if self.kind.width == 1:
            return self.taken.get(number)
        return self.taken.get(number) or self.taken.get(number + 1)

    def _take(self, want: Want, number: int) -> None:
        self.found[want.owner] = number
        self.taken[number] = holder = (self.purpose_name, want)
        if self.kind.width == 2:
            self.taken[number + 1] = holder

    def _parsed(self, text: str) -> int | None:
        """What was handed out before, unless it is not written as such numbers are now."""
        if not text:
            return None
        try:
            return self.kind.parse(text)
        except ValueError:
            return None


def _list(wants: Sequence[Want]) -> str:
    names = ", ".join(want.owner for want in wants[:_NAMED])
    more = f" and {len(wants) - _NAMED} more" if len(wants) > _NAMED else ""
    return f"{names}{more} {'wants a number' if len(wants) == 1 else 'want numbers'}"
