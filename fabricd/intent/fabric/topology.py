"""The cabling as a graph: which device is reached from which, over which links. Owns every use of the raw graph.

Used by paths, trace and drawing. Pure; must not know paths, traffic classes or OpenConfig.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, pairwise

import networkx

from fabricd.intent.fabric.resolved import LinkEnd, ResolvedFabric, ResolvedLink
from fabricd.intent.fabric.values import Port, natural

Cable = frozenset[Port]
"""A link, whichever of its ends is looked from."""
Direction = tuple[Port, Port]
"""A link as it is crossed from the first port to the second."""
Steps = tuple[LinkEnd, ...]
"""A way through the fabric: of every link the end where it is entered."""

_MOST_DETOURS = 200
_by_name = cache(natural)


@dataclass(frozen=True, slots=True)
class Prices:
    """What crossing links costs: one each, or what `dear` adds for a link in one direction. `closed` links are not
    crossed, `shunned` devices not entered."""

    dear: Mapping[Direction, int] = field(default_factory=dict)
    closed: frozenset[Cable] = frozenset()
    shunned: frozenset[str] = frozenset()

    def of(self, end: LinkEnd) -> int | None:
        """From that end to the other; None: not to be crossed."""
        if end.peer.device in self.shunned or cable(end) in self.closed:
            return None
        return 1 + self.dear.get((end.port, end.peer), 0)

    def pairs(self) -> set[tuple[str, str]]:
        """Neighbours, in the direction of travel, between which not every link costs one."""
        found = {(start.device, end.device) for start, end in self.dear}
        for one, other in self.closed:
            found |= {(one.device, other.device), (other.device, one.device)}
        return found


class Topology:
    """Links that carry traffic: neither shut down nor in `without`. Parallel links stay apart."""

    def __init__(self, fabric: ResolvedFabric, *, without: Collection[Cable] = (), shut_down: bool = False) -> None:
        """`shut_down`: links that are shut down count as well, for telling what would help."""
        self.graph = networkx.MultiGraph()
        self.graph.add_nodes_from(sorted(fabric.devices, key=natural))
        self._links: dict[Port, ResolvedLink] = {}
        self._ends: dict[str, Steps] = {}
        for link in sorted(fabric.links, key=lambda link: link.link.name):
            self._links[link.a.port] = self._links[link.b.port] = link
            if (shut_down or not link.link.shutdown) and not (without and cable(link.a) in without):
                ends = {link.a.port.device: link.a, link.b.port.device: link.b}
                self.graph.add_edge(link.a.port.device, link.b.port.device, key=link.link.name, ends=ends)

    def __contains__(self, device: str) -> bool:
        return device in self.graph

    def link(self, port: Port) -> ResolvedLink | None:
        """The link that is plugged in there, usable or not."""
        return self._links.get(port)

    def link_named(self, text: str) -> ResolvedLink | None:
        """The link that is plugged in at DEVICE:PORT."""
        port = port_of(text)
        return self.link(port) if port is not None else None

    def shut(self, end: LinkEnd) -> bool:
        """Whether that link is shut down."""
        link = self._links.get(end.port)
        return link is not None and link.link.shutdown

    def neighbours(self, device: str) -> Iterable[str]:
        return self.graph.adj[device]  # type: ignore[no-any-return]

    def ends(self, device: str) -> Steps:
        """Usable links of a device, in order of neighbour and port."""
        if device not in self._ends:
            found = (edge["ends"][device] for edges in self.graph.adj[device].values() for edge in edges.values())
            self._ends[device] = tuple(sorted(found, key=end_order))
        return self._ends[device]

    def between(self, device: str, neighbour: str) -> Steps:
        """Usable links from one device to the other."""
        edges = self.graph.get_edge_data(device, neighbour) or {}
        return tuple(sorted((edge["ends"][device] for edge in edges.values()), key=end_order))

    def end(self, port: Port) -> LinkEnd | None:
        """The end of a usable link that is plugged in there."""
        link = self._links.get(port)
        if link is None:
            return None
        edge = self.graph.get_edge_data(link.a.port.device, link.b.port.device, key=link.link.name)
        return edge["ends"][port.device] if edge else None

    def cheapest(self, start: str, goal: str, prices: Prices, banned: Set[str] = frozenset()) -> Steps | None:
        """The cheapest way that enters no banned device; of several the one first by names of devices, then ports."""
        closed = (banned | prices.shunned) - {start}
        unusual = {pair: self._least(*pair, prices) for pair in prices.pairs()}

        # Searches run from the goal backwards: an edge found from `near` is travelled towards it.
        def weight(near: str, far: str, _edges: object) -> int | None:
            return None if far in closed else unusual.get((far, near), 1)

        if goal in closed:
            return None
        try:
            length, _ = networkx.bidirectional_dijkstra(self.graph, goal, start, weight)
        except networkx.NetworkXNoPath:
            return None
        # Only what is nearer than the start can be on the way; a wide fabric has much that is not.
        distances = networkx.single_source_dijkstra_path_length(self.graph, goal, length - 1, weight)
        steps: list[LinkEnd] = []
        here, left = start, length
        while here != goal:
            step, price = next(
                (end, price)
                for end in self.ends(here)
                if end.peer.device in distances
                and (price := prices.of(end)) is not None
                and price + distances[end.peer.device] == left
            )
            steps.append(step)
            here, left = step.peer.device, left - price
        return tuple(steps)

    def _least(self, device: str, neighbour: str, prices: Prices) -> int | None:
        found = (prices.of(end) for end in self.between(device, neighbour))
        return min((price for price in found if price is not None), default=None)

    def ways(self, start: str, goal: str, prices: Prices, banned: Set[str] = frozenset()) -> Iterator[Steps]:
        """The cheapest way, then others, dearer and dearer, up to a bound."""
        first = self.cheapest(start, goal, prices, banned)
        if first is None:
            return
        yield first
        directed = networkx.DiGraph()
        for device in self.graph:
            for end in self.ends(device):
                price = prices.of(end)
                if price is None or end.peer.device in banned or (device in banned and device != start):
                    continue
                known = directed.get_edge_data(device, end.peer.device)
                if known is None or price < known["price"]:
                    directed.add_edge(device, end.peer.device, price=price, end=end)
        for devices in islice(networkx.shortest_simple_paths(directed, start, goal, weight="price"), _MOST_DETOURS):
            way = tuple(directed.edges[pair]["end"] for pair in pairwise(devices))
            if way != first:
                yield way


def cable(end: LinkEnd) -> Cable:
    return frozenset((end.port, end.peer))


def port_of(text: str) -> Port | None:
    """DEVICE:PORT as documents write it; None when it is a device's name only."""
    device, colon, name = text.partition(":")
    return Port(device, name) if colon else None


def end_order(end: LinkEnd) -> tuple[object, ...]:
    """Sort key: by neighbour, then by port."""
    return (_by_name(end.peer.device), _by_name(end.port.name))
