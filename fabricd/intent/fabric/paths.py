"""Which way each path of the fabric takes: explicit hops checked, everything else computed over the cabling.

Called by steering and trace. Pure; must not know how switches are told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx

from fabricd.errors import InputError, Problem
from fabricd.intent.fabric.places import place
from fabricd.intent.fabric.resolved import LinkEnd, ResolvedFabric
from fabricd.intent.fabric.topology import Cable, Direction, Prices, Steps, Topology, cable, port_of
from fabricd.intent.fabric.values import Path, natural


@dataclass(frozen=True, slots=True)
class ComputedPath:
    """A path and its steps: of every link on the way the end where it is entered, with port, next device, the port
    there, and the next-hop addresses (`peer_ipv4`, `peer_ipv6`)."""

    path: Path
    steps: Steps

    @property
    def devices(self) -> tuple[str, ...]:
        return (self.path.source, *(step.peer.device for step in self.steps))

    @property
    def cables(self) -> frozenset[Cable]:
        return frozenset(map(cable, self.steps))


@dataclass(frozen=True, slots=True)
class _Constraint:
    """Something that a path may not touch, and how to say so."""

    text: str
    devices: frozenset[str] = frozenset()
    cables: frozenset[Cable] = frozenset()

    def forbids(self, end: LinkEnd) -> bool:
        return end.peer.device in self.devices or cable(end) in self.cables


def place_of(path: str, leaf: str = "") -> str:
    """The data path of a path's leaf in the fabric's document."""
    return place("paths", leaf, name=path)


def compute_paths(fabric: ResolvedFabric, topology: Topology | None = None) -> tuple[ComputedPath, ...]:
    """Every path, sorted by name. Those that others are disjoint from come first, then names decide; a path of least
    load sees the load of those computed before it.

    Raises InputError with a Problem for each path that cannot exist, saying which link or constraint stops it.
    """
    if not fabric.fabric.paths:
        return ()
    topology = topology or Topology(fabric)
    found: dict[str, ComputedPath] = {}
    load: Counter[Direction] = Counter()
    problems: list[Problem] = []
    for path in _in_order(fabric.fabric.paths, problems):
        if path.disjoint_from and path.disjoint_from not in found:
            continue  # the other one's problem is told already
        try:
            steps = _Search(fabric, topology, path, found.get(path.disjoint_from), load).steps()
        except InputError as error:
            problems += error.problems
            continue
        found[path.name] = ComputedPath(path, steps)
        load.update((step.port, step.peer) for step in steps)
    if problems:
        raise InputError.of(problems)
    return tuple(found[name] for name in sorted(found, key=natural))


def _in_order(paths: Sequence[Path], problems: list[Problem]) -> Iterator[Path]:
    """Paths after the one they are disjoint from. What never can be is reported and left out, with all behind it."""
    named = {path.name: path for path in paths}
    order = networkx.DiGraph()
    order.add_nodes_from(sorted(named, key=natural))
    for path in sorted(paths, key=lambda path: natural(path.name)):
        if not path.disjoint_from:
            continue
        if path.disjoint_from in named:
            order.add_edge(path.disjoint_from, path.name)
        else:
            problems.append(_problem(path, "disjoint-from", f"there is no path {path.disjoint_from!r}"))
    # At most one edge leads into a path, so that circles share no member.
    for circle in sorted((sorted(circle, key=natural) for circle in networkx.simple_cycles(order)), key=str):
        message = f"{', '.join(circle)} are to be disjoint from each other in a circle; say it on one side only"
        problems.append(_problem(named[circle[0]], "disjoint-from", message))
        order.remove_nodes_from(circle)
    for name in networkx.lexicographical_topological_sort(order, key=natural):
        yield named[name]


class _Search:
    """One path's search. Owns nothing that outlives it."""

    def __init__(
        self,
        fabric: ResolvedFabric,
        topology: Topology,
        path: Path,
        apart: ComputedPath | None,
        load: Mapping[Direction, int],
    ) -> None:
        self._fabric = fabric
        self._topology = topology
        self._path = path
        self._apart = apart
        self._load = load
        self._constraints: list[_Constraint] = []

    def steps(self) -> Steps:
        """Raises InputError."""
        wrong = tuple(self._wrong_names())
        if wrong:
            raise InputError.of(wrong)
        self._constraints = list(self._constrained())
        return self._explicit() if self._path.hops else self._computed()

    def _wrong_names(self) -> Iterator[Problem]:
        path = self._path
        named = [("source", path.source), ("destination", path.destination)]
        named += [("hops", hop) for hop in path.hops] + [("via", via) for via in path.via]
        named += [("avoid", text) for text in path.avoid if port_of(text) is None]
        for leaf, name in named:
            if name not in self._topology:
                yield _problem(path, leaf, f"there is no device {name!r}")
        if path.source == path.destination:
            yield _problem(path, "destination", f"is {path.source}, where the path begins")
        for text in path.avoid:
            if text in (path.source, path.destination, *path.via, *path.hops):
                yield _problem(path, "avoid", f"{text} is to be avoided and part of the path at once")
        for text in path.via:
            if text in (path.source, path.destination):
                yield _problem(path, "via", f"{text} is an end of the path")
        for name, count in Counter(path.hops or path.via).items():
            if count > 1:
                yield _problem(path, "hops" if path.hops else "via", f"{name} is named {count} times")
        if path.hops and path.via:
            yield _problem(path, "via", "says nothing more where hops name every device")
        if path.hops and path.hops[0] != path.source:
            yield _problem(path, "hops", f"begin at {path.hops[0]}, not at the source {path.source}")
        if path.hops and path.hops[-1] != path.destination:
            yield _problem(path, "hops", f"end at {path.hops[-1]}, not at the destination {path.destination}")

    def _constrained(self) -> Iterator[_Constraint]:
        for text in sorted(self._path.avoid, key=natural):
            port = port_of(text)
            if port is None:
                yield _Constraint(f"avoided {text}", devices=frozenset((text,)))
                continue
            link = self._topology.link(port)
            if link is None:
                raise InputError.of([_problem(self._path, "avoid", f"there is no link at {text}")])
            yield _Constraint(f"avoided link {link.link.name}", cables=frozenset((cable(link.a),)))
        if self._apart:
            for step in self._apart.steps:
                text = f"link {_told(step)} of path {self._apart.path.name!r}"
                yield _Constraint(text, cables=frozenset((cable(step),)))

    def _explicit(self) -> Steps:
        steps: list[LinkEnd] = []
        problems: list[Problem] = []
        by_load = self._path.least == "load"
        for here, there in zip(self._path.hops, self._path.hops[1:], strict=False):
            ends = self._topology.between(here, there)
            usable = [end for end in ends if not any(one.forbids(end) for one in self._constraints)]
            if usable:
                # The order of ports decides between equals: min keeps the first.
                steps.append(min(usable, key=lambda end: self._load.get((end.port, end.peer), 0) if by_load else 0))
            else:
                problems.append(_problem(self._path, "hops", self._why_not(here, there, ends)))
        if problems:
            raise InputError.of(problems)
        return tuple(steps)

    def _why_not(self, here: str, there: str, ends: Steps) -> str:
        if ends:
            stopping = [one.text for one in self._constraints if any(one.forbids(end) for end in ends)]
            return f"{here} has no link to {there} but {_listed(stopping)}"
        shut = Topology(self._fabric, shut_down=True).between(here, there)
        if shut:
            return f"{here} has no link to {there} that is not shut down ({_listed(map(_told, shut))})"
        return f"{here} has no link to {there}"

    def _computed(self) -> Steps:
        steps = self._through(self._topology, self._constraints)
        if steps is None:
            raise InputError.of([self._impossible()])
        return steps

    def _through(self, topology: Topology, constraints: Sequence[_Constraint]) -> Steps | None:
        """Each leg between two named devices by the cheapest way that leaves the next ones open."""
        prices = Prices(
            self._load if self._path.least == "load" else {},
            frozenset[Cable]().union(*(one.cables for one in constraints)),
            frozenset[str]().union(*(one.devices for one in constraints)),
        )

        def onwards(here: str, stops: tuple[str, ...], used: frozenset[str]) -> Steps | None:
            if not stops:
                return ()
            for way in topology.ways(here, stops[0], prices, used | set(stops[1:])):
                rest = onwards(stops[0], stops[1:], used | {here} | {step.peer.device for step in way})
                if rest is not None:
                    return (*way, *rest)
                if len(stops) == 1:
                    break
            return None

        return onwards(self._path.source, (*self._path.via, self._path.destination), frozenset((self._path.source,)))

    def _impossible(self) -> Problem:
        path = self._path
        ends = " to ".join((path.source, *path.via, path.destination))
        if self._through(self._topology, ()) is None:
            wider = self._through(Topology(self._fabric, shut_down=True), ())
            shut = [_told(step) for step in wider or () if self._topology.shut(step)]
            if shut:
                return _problem(path, "", f"every way from {ends} crosses a link that is shut down ({_listed(shut)})")
            twice = " without passing a device twice" if path.via else ""
            return _problem(path, "via" if path.via else "", f"no cable leads from {ends}{twice}")
        # The fewest constraints that suffice to stop it: each is left out in turn, and stays out if that helps nothing.
        stopping = list(self._constraints)
        for constraint in self._constraints:
            without = [one for one in stopping if one is not constraint]
            if self._through(self._topology, without) is None:
                stopping = without
        leaf = "avoid" if any(one.text.startswith("avoided") for one in stopping) else "disjoint-from"
        return _problem(path, leaf, f"every way from {ends} crosses {_listed([one.text for one in stopping], 'or')}")


def _problem(path: Path, leaf: str, message: str) -> Problem:
    return Problem(message, path=place_of(path.name, leaf))


def _told(end: LinkEnd) -> str:
    return f"{end.port} - {end.peer}"


def _listed(texts: Iterable[str], word: str = "and") -> str:
    *most, last = texts
    return f"{', '.join(most)} {word} {last}" if most else last
