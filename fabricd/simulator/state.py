"""The operational state of a switch, worked out from configurations: what a Get or <get> shows besides config.

Called at read time by the switch. Pure: same view, same tree. Leaves that the loaded models lack are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from fabricd.schema.outline import Node, NodeKind, Outline
from fabricd.simulator.facts import BgpNeighbor, SwitchFacts, entries
from fabricd.simulator.tree import Object
from fabricd.simulator.values import Json, bare_identity, from_text, to_text

PortName = tuple[str, str]
"""(switch, port)"""


@dataclass(frozen=True, slots=True)
class View:
    """What a switch's state depends on. `ports` are its physical ports, `cables` leads from each of them to the other
    end, `peers` are the facts of the switches there that run now. Times are nanoseconds since 1970, `uptime` is
    nanoseconds, whatever the clock was set to; `now` 0 leaves out everything that changes by itself (counters,
    up-time, the clock)."""

    facts: SwitchFacts
    ports: tuple[str, ...]
    cables: dict[str, PortName] = field(default_factory=dict)
    peers: dict[str, SwitchFacts] = field(default_factory=dict)
    booted: int = 0
    configured: int = 0
    now: int = 0
    uptime: int = 0

    def link_up(self, port: str) -> bool:
        """Both ends of the cable are enabled, and the switch at the other end runs."""
        if port not in self.cables:
            return False
        switch, far_port = self.cables[port]
        peer = self.peers.get(switch)
        return self.facts.port(port).enabled and peer is not None and peer.port(far_port).enabled

    def oper_up(self, interface: str) -> bool:
        """Physical ports need a cable that is up; everything else (loopbacks, VLAN interfaces) only `enabled`."""
        return self.link_up(interface) if interface in self.ports else self.facts.port(interface).enabled


def full_tree(outline: Outline, config: Object, view: View) -> Object:
    """Configuration and state in one tree; `config` is not changed."""
    tree = _mirrored(outline.root, config)
    root = Branch(outline.root, tree)
    _system(root, view)
    _interfaces(root, view)
    _lldp(root, view)
    _bgp(root, view)
    return tree


class Branch:
    """A place to write state to. Writing to a node that the models lack does nothing."""

    def __init__(self, node: Node | None, data: Object) -> None:
        self._node = node
        self._data = data
        self._known: dict[str, dict[tuple[str, ...], Object]] = {}

    def container(self, *names: str) -> Branch:
        """The container down these bare names, made when missing."""
        node, data = self._node, self._data
        for name in names:
            node = node.child(name) if node is not None else None
            if node is None:
                return Branch(None, {})
            found = data.setdefault(node.member, {})
            assert isinstance(found, dict)
            data = found
        return Branch(node, data)

    def entry(self, name: str, /, **keys: str) -> Branch:
        """The list entry with these keys (underscores stand for dashes, identities are bare), made when missing."""
        node = self._node.child(name) if self._node is not None else None
        if node is None:
            return Branch(None, {})
        held = self._data.setdefault(node.member, [])
        assert isinstance(held, list)
        if name not in self._known:
            self._known[name] = {_bare_keys(each, node): each for each in held if isinstance(each, dict)}
        wanted = {key.replace("_", "-"): text for key, text in keys.items()}
        texts = tuple(wanted.get(key, "") for key in node.keys)
        if (found := self._known[name].get(texts)) is not None:
            return Branch(node, found)
        made: Object = {}
        branch = Branch(node, made)
        for key, text in wanted.items():
            branch.leaf(key, text)
        held.append(made)
        self._known[name][texts] = made
        return branch

    def leaf(self, name: str, value: Json) -> None:
        """Set a leaf; identities may be bare, numbers are written as the leaf's type wants them."""
        node = self._node.child(name) if self._node is not None else None
        if node is None or node.value is None:
            return
        if isinstance(value, int) and not isinstance(value, bool):
            value = from_text(node.value, str(value))
        elif isinstance(value, str) and node.value.members:
            value = from_text(node.value, value)
        self._data[node.member] = bare_identity(node.value, value)


def _bare_keys(entry: Object, node: Node) -> tuple[str, ...]:
    texts = []
    for name in node.keys:
        text, leaf = to_text(entry.get(name)), node.child(name)
        identity = leaf is not None and leaf.value is not None and leaf.value.identities
        texts.append(text.rpartition(":")[2] if identity else text)
    return tuple(texts)


def _mirrored(node: Node, config: Object) -> Object:
    """A copy in which every `config` container has its `state` beside it, defaults filled in there."""
    found: Object = {}
    for member, value in config.items():
        child = node.child(member)
        assert child is not None
        if child.kind is NodeKind.LIST:
            assert isinstance(value, list)
            found[member] = [_mirrored(child, entry) if isinstance(entry, dict) else entry for entry in value]
        elif isinstance(value, dict):
            found[member] = _mirrored(child, value)
        else:
            found[member] = value
    source, state = node.by_name.get("config"), node.by_name.get("state")
    if source is not None and state is not None and not state.config and (config or node.kind is NodeKind.LIST):
        held = found.get(source.member)
        if applied := _applied(source, state, held if isinstance(held, dict) else {}):
            found[state.member] = applied
    return found


def _applied(source: Node, state: Node, config: Object) -> Object:
    found: Object = {}
    for leaf in source.children:
        mirror = state.child(leaf.name)
        if mirror is None or mirror.kind is not leaf.kind or leaf.value is None:
            continue
        if leaf.member in config:
            found[mirror.member] = config[leaf.member]
        elif leaf.defaults:
            values = [from_text(leaf.value, text) for text in leaf.defaults]
            found[mirror.member] = values if leaf.kind is NodeKind.LEAF_LIST else values[0]
    return found


def _system(root: Branch, view: View) -> None:
    state = root.container("system", "state")
    state.leaf("hostname", view.facts.hostname)
    state.leaf("software-version", "fabricd simulated switch")
    state.leaf("boot-time", view.booted)
    if view.configured:
        state.leaf("last-configuration-timestamp", view.configured)
    if view.now:
        state.leaf("up-time", view.uptime)
        moment = datetime.fromtimestamp(view.now // 1_000_000_000, UTC)
        state.leaf("current-datetime", moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _interfaces(root: Branch, view: View) -> None:
    interfaces = root.container("interfaces")
    configured = [name for name in view.facts.ports if name not in view.ports]
    subinterfaces = {
        str(entry.get("name")): [str(sub.get("index")) for sub in entries(entry, "subinterfaces", "subinterface")]
        for entry in entries(interfaces._data, "interface")
    }
    for index, name in enumerate((*view.ports, *(name for name in configured if name in subinterfaces)), 1):
        entry = interfaces.entry("interface", name=name)
        state = entry.container("state")
        if name in view.ports:
            state.leaf("name", name)
            if "type" not in state._data:
                state.leaf("type", "ethernetCsmacd")
        _status(state, view.facts.port(name).enabled, view.oper_up(name), index)
        _counters(state, view, name, index)
        for sub_index in subinterfaces.get(name, ()):
            below = entry.container("subinterfaces").entry("subinterface", index=sub_index).container("state")
            enabled = view.facts.port(name).enabled and below._data.get("enabled", True) is not False
            _status(below, enabled, enabled and view.oper_up(name), index * 10_000 + int(sub_index))


def _status(state: Branch, enabled: bool, up: bool, index: int) -> None:
    state.leaf("enabled", enabled)
    state.leaf("admin-status", "UP" if enabled else "DOWN")
    state.leaf("oper-status", "UP" if up else "DOWN")
    state.leaf("ifindex", index)


def _counters(state: Branch, view: View, name: str, index: int) -> None:
    """Traffic grows with time while the interface is up: 1,000 packets of 500 octets a second and index."""
    if not view.now:
        return
    packets = view.uptime // 1_000_000 * index if view.oper_up(name) else 0
    counters = state.container("counters")
    for direction in ("in", "out"):
        counters.leaf(f"{direction}-pkts", packets)
        counters.leaf(f"{direction}-unicast-pkts", packets)
        counters.leaf(f"{direction}-octets", packets * 500)
        counters.leaf(f"{direction}-errors", 0)
        counters.leaf(f"{direction}-discards", 0)


def _lldp(root: Branch, view: View) -> None:
    lldp = root.container("lldp")
    state = lldp.container("state")
    state.leaf("enabled", view.facts.lldp)
    state.leaf("system-name", view.facts.hostname)
    state.leaf("chassis-id", view.facts.name)
    state.leaf("chassis-id-type", "LOCAL")
    if not view.facts.lldp:
        return
    for port in view.ports:
        if not (view.facts.port(port).lldp and view.link_up(port)):
            continue
        switch, far_port = view.cables[port]
        peer = view.peers[switch]
        if not (peer.lldp and peer.port(far_port).lldp):
            continue
        interface = lldp.container("interfaces").entry("interface", name=port)
        own = interface.container("state")
        own.leaf("name", port)
        own.leaf("enabled", True)
        identifier = f"{switch}:{far_port}"
        neighbor = interface.container("neighbors").entry("neighbor", id=identifier).container("state")
        neighbor.leaf("id", identifier)
        neighbor.leaf("system-name", peer.hostname)
        neighbor.leaf("chassis-id", peer.name)
        neighbor.leaf("chassis-id-type", "LOCAL")
        neighbor.leaf("port-id", far_port)
        neighbor.leaf("port-id-type", "INTERFACE_NAME")
        neighbor.leaf("ttl", 120)
        if description := peer.port(far_port).description:
            neighbor.leaf("port-description", description)


def _bgp(root: Branch, view: View) -> None:
    for neighbor in view.facts.neighbors:
        instance = root.container("network-instances").entry("network-instance", name=neighbor.instance)
        protocol = instance.container("protocols").entry("protocol", identifier="BGP", name=neighbor.protocol)
        entry = protocol.container("bgp", "neighbors").entry("neighbor", neighbor_address=neighbor.address)
        state = entry.container("state")
        up = established(view, neighbor)
        state.leaf("session-state", "ESTABLISHED" if up else "ACTIVE" if neighbor.enabled else "IDLE")
        state.leaf("peer-as", neighbor.peer_as)
        state.leaf("established-transitions", int(up))
        if up:
            state.leaf("last-established", view.booted)


def established(view: View, neighbor: BgpNeighbor) -> bool:
    """Whether a session over one cable stands: the neighbour's address is at the other end of a link that is up, in
    the subnet of this end, and both sides are configured for each other with the right AS numbers."""
    if not neighbor.enabled or not neighbor.peer_as or not neighbor.local_as:
        return False
    for port in view.ports:
        if not view.link_up(port):
            continue
        switch, far_port = view.cables[port]
        peer = view.peers[switch]
        for own in view.facts.port(port).addresses:
            far = [each for each in peer.port(far_port).addresses if str(each.ip) == neighbor.address]
            if not far or own.network != far[0].network:
                continue
            if any(
                back.enabled
                and back.address == str(own.ip)
                and back.peer_as == neighbor.local_as
                and back.local_as == neighbor.peer_as
                for back in peer.neighbors
            ):
                return True
    return False
