"""The cabling as a graph: which device is reached from which, over which links. Owns every use of the raw graph.

Used by paths, trace and drawing. Pure; must not know paths, traffic classes or OpenConfig.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Set
from functools import cache
from itertools import islice, pairwise

import networkx

from fabricd.intent.fabric.resolved import LinkEnd, ResolvedFabric, ResolvedLink
from fabricd.intent.fabric.values import Port, natural

Cable = frozenset[Port]
"""A link, whichever of its ends is looked from."""
Cost = Callable[[LinkEnd], int | None]
"""What crossing a link costs from that end to the other, at least 1; None: it may not be crossed."""
Steps = tuple[LinkEnd, ...]
"""A way through the fabric: of every link the end where it is entered."""

_MOST_DETOURS = 200
_by_name = cache(natural)


class Topology:
    """Links that carry traffic: neither shut down nor in `without`. Parallel links stay apart."""

    def __init__(self, fabric: ResolvedFabric, *, without: Collection[Cable] = (), shut_down: bool = False) -> None:
        """`shut_down`: links that are shut down count as well, for telling what would help."""
        self.graph = networkx.MultiGraph()
        self.graph.add_nodes_from(sorted(fabric.devices, key=natural))
        self._links: dict[Port, ResolvedLink] = {}
        for link in sorted(fabric.links, key=lambda link: natural(link.link.name)):
            self._links[link.a.port] = self._links[link.b.port] = link
            if (shut_down or not link.link.shutdown) and cable(link.a) not in without:
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

    def links(self) -> Iterator[ResolvedLink]:
        """Every link once, usable or not, in order of name."""
        return (link for port, link in self._links.items() if port == link.a.port)

    def neighbours(self, device: str) -> Iterable[str]:
        return self.graph.adj[device]  # type: ignore[no-any-return]

    def ends(self, device: str) -> Steps:
        """Usable links of a device, in order of neighbour and port."""
        found = (edge["ends"][device] for edges in self.graph.adj[device].values() for edge in edges.values())
        return tuple(sorted(found, key=end_order))

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

    def cheapest(self, start: str, goal: str, cost: Cost, banned: Set[str] = frozenset()) -> Steps | None:
        """The cheapest way that enters no banned device; of several the one first by names of devices, then ports."""
        distances: dict[str, int] = networkx.single_source_dijkstra_path_length(
            # The search runs from the goal backwards: an edge found from `near` is travelled towards it.
            self.graph,
            goal,
            weight=lambda near, far, edges: (
                None if far in banned and far != start else _least(cost, (edge["ends"][far] for edge in edges.values()))
            ),
        )
        if start not in distances or goal in banned:
            return None
        steps: list[LinkEnd] = []
        here = start
        while here != goal:
            for end in self.ends(here):
                price, rest = cost(end), distances.get(end.peer.device)
                if price is not None and rest is not None and price + rest == distances[here]:
                    break
            else:  # pragma: no cover - distances come from the same costs
                return None
            steps.append(end)
            here = end.peer.device
        return tuple(steps)

    def ways(self, start: str, goal: str, cost: Cost, banned: Set[str] = frozenset()) -> Iterator[Steps]:
        """The cheapest way, then others, dearer and dearer, up to a bound."""
        first = self.cheapest(start, goal, cost, banned)
        if first is None:
            return
        yield first
        directed = networkx.DiGraph()
        for device in self.graph:
            for end in self.ends(device):
                price = cost(end)
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


def _least(cost: Cost, ends: Iterable[LinkEnd]) -> int | None:
    return min((price for end in ends if (price := cost(end)) is not None), default=None)
