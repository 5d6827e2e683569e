"""A fabric with everything that was left open filled in: numbers, addresses, and who is cabled to whom.

Made by resolve.py from a Fabric and its Allocations, read by every concern that emits configuration. Pure values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fabricd.intent.fabric.values import Attachment, Device, Fabric, Link, Network, Port, TrafficClass, Vrf

UNDERLAY_INSTANCE = "default"
BGP_NAME = "BGP"  # of the one BGP process, in every network instance that has one
CONNECTED_NAME, STATIC_NAME = "DIRECTLY_CONNECTED", "STATIC"  # of the other protocols, likewise
LOOPBACK, VTEP_LOOPBACK = "Loopback0", "Loopback1"


@dataclass(frozen=True, slots=True)
class Allocations:
    """Numbers that were handed out, by purpose and owner, as texts: {"loopback-ipv4": {"leaf1": "10.255.1.1"}}.

    They never move: an owner keeps its number while it exists. `released` has, by purpose and number, who had it last:
    that owner gets it back when it returns, others only when a pool has nothing else. `claimed` are, by device, the
    data paths of everything that the fabric ever configured there, so that what it stops to configure is removed.
    """

    held: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    released: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    claimed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkEnd:
    """One end of a fabric link as its device sees it. Addresses are without prefix length (31 and 127); empty: none.
    The last four are the link's."""

    port: Port
    peer: Port
    ipv4: str = ""
    peer_ipv4: str = ""
    ipv6: str = ""
    peer_ipv6: str = ""
    mtu: int = 0
    speed: str = ""
    shutdown: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedLink:
    link: Link
    a: LinkEnd
    b: LinkEnd
    mtu: int


@dataclass(frozen=True, slots=True)
class Steered:
    """What one device does for one path (see steering.py): packets of `matches` leave by `end`.

    `ingress` is the fabric port where they come in; empty: the path begins here. When `end` is down they are dropped
    (`drop`), or sent `back` where they came from, or, with neither, routed.
    """

    path: str
    matches: tuple[TrafficClass, ...]
    end: LinkEnd
    ingress: str = ""
    drop: bool = False
    back: LinkEnd | None = None


@dataclass(frozen=True, slots=True)
class ResolvedDevice:
    """`router_id` is the IPv4 loopback, or drawn from the same pool when the fabric is IPv6 only. `ends` are its fabric
    link ends by port name; `networks` and `vrfs` those that exist on it; `attachments` those with a port on it.

    `shares_asn`: another leaf has the same ASN, so that BGP must accept its own ASN in paths, in underlay and overlay.
    A VLAN fabric has no ASNs, router ids and addresses at all (zero, empty), and its spines and
    border leaves have every network.
    `steered` is filled in by steering.steer, in order of path names.
    """

    device: Device
    asn: int
    router_id: str
    loopback_ipv4: str
    loopback_ipv6: str
    vtep_ipv4: str
    profile: str
    ends: tuple[LinkEnd, ...] = ()
    networks: tuple[Network, ...] = ()
    vrfs: tuple[Vrf, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    shares_asn: bool = False
    steered: tuple[Steered, ...] = ()

    @property
    def name(self) -> str:
        return self.device.name


@dataclass(frozen=True, slots=True)
class ResolvedFabric:
    """`vnis` by network name, `l3_vnis` by VRF name, `segments` the ESI by attachment name (multihomed ones only),
    `aggregates` the number of the LAG by attachment name (attachments with a LAG; see attachments.py)."""

    fabric: Fabric
    devices: Mapping[str, ResolvedDevice]
    links: tuple[ResolvedLink, ...]
    vnis: Mapping[str, int]
    l3_vnis: Mapping[str, int]
    segments: Mapping[str, str]
    route_servers: tuple[str, ...]
    allocations: Allocations
    aggregates: Mapping[str, int] = field(default_factory=dict)
