"""A fabric as its document says it, typed: one frozen value for each list of the model fabricd-fabric.

Made by document.py from validated data, read by every concern of the compiler. Holds what users said, no more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

_DIGITS = re.compile(r"(\d+)")


@lru_cache(maxsize=1 << 16)
def natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key by which leaf2 stands before leaf10. Total: only equal texts have equal keys."""
    parts = (part for part in _DIGITS.split(text) if part)
    return (*((0, int(part)) if part.isdecimal() else (1, part) for part in parts), (-1, text))


class Role(StrEnum):
    """What a switch does in the fabric. Only leaves and border leaves have servers and tunnel endpoints."""

    SPINE = "spine"
    SUPER_SPINE = "super-spine"
    LEAF = "leaf"
    BORDER_LEAF = "border-leaf"

    @property
    def is_leaf(self) -> bool:
        return self in (Role.LEAF, Role.BORDER_LEAF)


class Addressing(StrEnum):
    """Address families of fabric links and loopbacks."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    DUAL = "dual"

    @property
    def has_ipv4(self) -> bool:
        return self is not Addressing.IPV6

    @property
    def has_ipv6(self) -> bool:
        return self is not Addressing.IPV4


class AsnScheme(StrEnum):
    """Which devices share an autonomous system. Spines of one pod always share one, super-spines one as well."""

    PER_LEAF = "per-leaf"
    PER_RACK = "per-rack"
    PER_POD = "per-pod"
    EXPLICIT = "explicit"


class OverlayType(StrEnum):
    NONE = "none"  # a plain routed fabric
    VLAN = "vlan"  # networks are VLANs, trunked over the fabric links
    EVPN_VXLAN = "evpn-vxlan"


class PoolPurpose(StrEnum):
    LOOPBACK_IPV4 = "loopback-ipv4"
    LOOPBACK_IPV6 = "loopback-ipv6"
    VTEP_IPV4 = "vtep-ipv4"
    LINK_IPV4 = "link-ipv4"
    LINK_IPV6 = "link-ipv6"
    ASN = "asn"
    L2_VNI = "l2-vni"
    L3_VNI = "l3-vni"
    SEGMENT = "ethernet-segment"


@dataclass(frozen=True, slots=True)
class Pool:
    """Numbers or prefixes to hand out for one purpose, in the order given. `ranges` are inclusive (first, last)."""

    name: str
    purpose: PoolPurpose
    prefixes: tuple[str, ...] = ()
    ranges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Bfd:
    """Intervals in milliseconds."""

    enabled: bool = False
    interval: int = 300
    multiplier: int = 3


@dataclass(frozen=True, slots=True)
class Defaults:
    """What devices, links and attachments have unless they say otherwise. MTUs in bytes, as openconfig-interfaces
    counts them."""

    profile: str = "openconfig"
    fabric_mtu: int = 9214
    attachment_mtu: int = 9000
    platform_ports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Management:
    address: str = ""
    port: int = 0
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """`ports` are the physical ports it has; empty: not known, any name is taken. Empty or zero numbers are
    allocated."""

    name: str
    role: Role
    pod: str = ""
    rack: str = ""
    profile: str = ""
    ports: tuple[str, ...] = ()
    asn: int = 0
    loopback_ipv4: str = ""
    loopback_ipv6: str = ""
    vtep_ipv4: str = ""
    management: Management = field(default_factory=Management)
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a device, written DEVICE:PORT in documents."""

    device: str
    name: str

    def __str__(self) -> str:
        return f"{self.device}:{self.name}"


@dataclass(frozen=True, slots=True)
class Link:
    """A cable of the fabric. `ipv4` and `ipv6` are prefixes of two addresses, the lower for `a`; empty: allocated.
    `speed` is an identity of openconfig-if-ethernet (SPEED_100GB); zero or empty values are the defaults'."""

    a: Port
    b: Port
    ipv4: str = ""
    ipv6: str = ""
    mtu: int = 0
    speed: str = ""
    shutdown: bool = False
    description: str = ""

    @property
    def name(self) -> str:
        return f"{self.a} - {self.b}"


@dataclass(frozen=True, slots=True)
class Underlay:
    """Timers in seconds."""

    addressing: Addressing = Addressing.IPV4
    asn_scheme: AsnScheme = AsnScheme.PER_LEAF
    maximum_paths: int = 64
    bfd: Bfd = field(default_factory=Bfd)
    hold_time: int = 9
    keepalive: int = 3


@dataclass(frozen=True, slots=True)
class Overlay:
    """`route_servers` are the devices that every VTEP peers with by loopback; empty: all spines (super-spines where
    there are any). `anycast_mac` is the gateways' common MAC address, `route_target_asn` (16 bits) the first half of
    every derived route target."""

    type: OverlayType = OverlayType.NONE
    route_servers: tuple[str, ...] = ()
    anycast_mac: str = "02:00:00:00:00:01"
    arp_suppression: bool = True
    route_target_asn: int = 65000


@dataclass(frozen=True, slots=True)
class Vrf:
    """`route_targets` empty: derived from the L3 VNI. Zero VNI: allocated."""

    name: str
    vni: int = 0
    import_targets: tuple[str, ...] = ()
    export_targets: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Network:
    """An L2 network; routed by anycast gateways when it has any. `gateways` are addresses with prefix length
    (10.1.0.1/24). It exists on the devices where it is attached, and on `devices`."""

    name: str
    vlan: int
    vrf: str = ""
    vni: int = 0
    gateways: tuple[str, ...] = ()
    mtu: int = 0
    devices: tuple[str, ...] = ()
    description: str = ""


class Lag(StrEnum):
    NONE = "none"
    LACP = "lacp"
    STATIC = "static"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A server, or whatever else is plugged in. More than one port on a device needs a LAG; ports on more than one
    device make an ethernet segment (EVPN multihoming), whose ESI is allocated unless `esi` says it. `network` is
    untagged, `tagged` are networks by name, `tagged` = ("*",) all of them."""

    name: str
    ports: tuple[Port, ...]
    network: str = ""
    tagged: tuple[str, ...] = ()
    lag: Lag = Lag.NONE
    lacp_fast: bool = False
    esi: str = ""
    speed: str = ""
    mtu: int = 0
    acl_in: str = ""
    acl_out: str = ""
    shutdown: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class ExternalPeer:
    """A BGP neighbour outside the fabric, on a port (with `vlan` on a tagged subinterface) of a border leaf.
    `address` is ours with prefix length."""

    name: str
    port: Port
    vrf: str
    address: str
    peer: str
    peer_asn: int
    vlan: int = 0
    import_policy: str = ""
    export_policy: str = ""
    bfd: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class StaticRoute:
    """`vrf` empty: the underlay. Devices: border leaves when empty."""

    prefix: str
    next_hops: tuple[str, ...]
    vrf: str = ""
    devices: tuple[str, ...] = ()
    metric: int = 0


@dataclass(frozen=True, slots=True)
class PrefixSet:
    """`prefixes` are (prefix, mask range) pairs, the range as RFC 7950 text: exact or 24..32."""

    name: str
    prefixes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """Conditions are all to be met. `accept` ends the policy either way. Zero and empty: not set."""

    name: str
    accept: bool
    prefix_set: str = ""
    community: str = ""
    set_local_preference: int = 0
    set_med: int = 0
    set_community: tuple[str, ...] = ()
    prepend: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class AclEntry:
    """Ports as text: 443 or 8000..8999; empty: any. Protocol: tcp, udp, icmp, icmpv6 or a number."""

    sequence: int
    permit: bool
    source: str = ""
    destination: str = ""
    protocol: str = ""
    source_port: str = ""
    destination_port: str = ""
    dscp: int = -1
    log: bool = False


@dataclass(frozen=True, slots=True)
class Acl:
    name: str
    entries: tuple[AclEntry, ...]
    ipv6: bool = False


@dataclass(frozen=True, slots=True)
class TrafficClass:
    """Which packets. Same texts as in AclEntry; DSCP -1: any."""

    name: str
    source: str = ""
    destination: str = ""
    protocol: str = ""
    source_port: str = ""
    destination_port: str = ""
    dscp: int = -1


class Fallback(StrEnum):
    """What happens to the class when a link of its path is down."""

    SHORTEST = "shortest"  # routed like everything else
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Path:
    """How a traffic class travels from one device to another. `hops`: every device on the way, both ends included;
    otherwise `via` in that order, never `avoid` (devices, or links as DEVICE:PORT), sharing no link with the path named
    `disjoint_from`. `least` is hops or load (paths that already use a link count)."""

    name: str
    traffic_class: str
    source: str
    destination: str
    hops: tuple[str, ...] = ()
    via: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    disjoint_from: str = ""
    least: str = "hops"
    fallback: Fallback = Fallback.SHORTEST
    vrf: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """The same on every device."""

    domain: str = ""
    dns: tuple[str, ...] = ()
    ntp: tuple[str, ...] = ()
    syslog: tuple[str, ...] = ()
    banner: str = ""
    timezone: str = ""


@dataclass(frozen=True, slots=True)
class Fabric:
    """The whole document. Every tuple is sorted by its key, so that the order of input does not matter."""

    name: str
    defaults: Defaults = field(default_factory=Defaults)
    underlay: Underlay = field(default_factory=Underlay)
    overlay: Overlay = field(default_factory=Overlay)
    system: System = field(default_factory=System)
    pools: tuple[Pool, ...] = ()
    devices: tuple[Device, ...] = ()
    links: tuple[Link, ...] = ()
    vrfs: tuple[Vrf, ...] = ()
    networks: tuple[Network, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    peers: tuple[ExternalPeer, ...] = ()
    static_routes: tuple[StaticRoute, ...] = ()
    prefix_sets: tuple[PrefixSet, ...] = ()
    policies: tuple[Policy, ...] = ()
    acls: tuple[Acl, ...] = ()
    traffic_classes: tuple[TrafficClass, ...] = ()
    paths: tuple[Path, ...] = ()
