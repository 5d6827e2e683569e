"""Where BGP sends packets in this fabric: equal-cost next hops of every device towards one of them.

Called by steering and trace. Pure; must not know paths or traffic classes.
"""

from __future__ import annotations

from fabricd.intent.fabric.resolved import ResolvedFabric
from fabricd.intent.fabric.topology import Cable, Steps, Topology, cable
from fabricd.intent.fabric.values import natural


class Routes:
    """The outcome of eBGP on every link with multipath over different neighbour ASNs: the shortest AS paths win
    (RFC 4271 section 9.1.2.2), and nobody takes a route with its own ASN in it unless it shares its ASN with another
    leaf. Owns what it has found, by goal."""

    def __init__(self, fabric: ResolvedFabric, topology: Topology, *, without: frozenset[Cable] = frozenset()) -> None:
        """`without`: links of the topology that are down as well."""
        self._fabric = fabric
        self._topology = topology
        self._without = without
        self._doubtful = {frozenset(port.device for port in one) for one in without}
        self._found: dict[str, dict[str, list[str]]] = {}

    def next_hops(self, device: str, goal: str) -> Steps:
        """Links over which the device reaches the goal, in order of neighbour and port; none: it has no route."""
        if goal not in self._found:
            self._found[goal] = self._towards(goal)
        neighbours = sorted(self._found[goal].get(device, ()), key=natural)
        return tuple(end for neighbour in neighbours for end in self._between(device, neighbour))

    def _towards(self, goal: str) -> dict[str, list[str]]:
        """The neighbours by which each device reaches the goal."""
        devices = self._fabric.devices
        # What each device announces: the ASNs of its best route, itself included.
        announced: dict[str, tuple[int, ...]] = {goal: (devices[goal].asn,)}
        found: dict[str, list[str]] = {}
        reached = [goal]
        while reached:
            # Every route of this round is one ASN longer than those of the last one.
            heard: dict[str, list[str]] = {}
            for speaker in reached:
                route = announced[speaker]
                for listener in self._topology.neighbours(speaker):
                    if listener not in announced and self._hears(listener, speaker, route):
                        heard.setdefault(listener, []).append(speaker)
            for listener, speakers in heard.items():
                announced[listener] = (devices[listener].asn, *announced[min(speakers, key=natural)])
            found.update(heard)
            reached = list(heard)
        return found

    def _hears(self, listener: str, speaker: str, route: tuple[int, ...]) -> bool:
        known = self._fabric.devices[listener]
        # allow-own-as 1, see underlay.py.
        if route.count(known.asn) > known.shares_asn:
            return False
        return frozenset((listener, speaker)) not in self._doubtful or bool(self._between(listener, speaker))

    def _between(self, device: str, neighbour: str) -> Steps:
        return tuple(end for end in self._topology.between(device, neighbour) if cable(end) not in self._without)
