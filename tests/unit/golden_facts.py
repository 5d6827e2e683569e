"""What must come out of the examples, by hand from the FACTS.md beside each: never taken from what the compiler says.

Data for test_fabric_golden.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Statement = tuple[str, str, str]
"""What a policy's statement is for, what it does, and what it sets."""


@dataclass(frozen=True)
class Facts:
    devices: Mapping[str, tuple[int, str, str, str]]
    """AS, IPv4 loopback, IPv6 loopback, tunnel endpoint."""
    links: tuple[str, ...]
    """`A:PORT B:PORT ADDRESS-OF-A ADDRESS-OF-B`, and both IPv6 addresses in a dual stack fabric."""
    overlay: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """EVPN neighbours and their AS, by device."""
    networks: Mapping[str, tuple[int, int, str, tuple[str, ...], str]] = field(default_factory=dict)
    """VLAN, VNI, VRF, gateways, and the devices where they are."""
    vrfs: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """VNI, devices."""
    peers: tuple[tuple[str, str, int, str, str, str, int, str, str, bool], ...] = ()
    """Device, port, VLAN, VRF, address, peer, its AS, import and export policy, BFD."""
    edges: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """By port: `access VLAN` or `trunk VLANS [native VLAN]`, after `lacp` when it is bundled; MTU."""
    bundles: tuple[str, ...] = ()
    """Ports bundled on one device."""
    segments: Mapping[str, tuple[str, str, str, str]] = field(default_factory=dict)
    """By attachment: ESI, LACP system id, LACP interval, ports."""
    filters: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By ACL: its devices, and where it is bound on them (`in PORT` or `out PORT`)."""
    entries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The entries of an ACL."""
    policies: Mapping[str, tuple[Statement, ...]] = field(default_factory=dict)
    policy_devices: str = ""
    statics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By device: `INSTANCE PREFIX by NEXT-HOP...`."""
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By device: `INTERFACE: MATCH -> NEXT-HOP`, in order."""
    bfd: tuple[int, int] | None = None
    """Milliseconds, multiplier."""
    shared_asn: bool = False
    system: Mapping[str, object] = field(default_factory=dict)


ROUTED = Facts(
    devices={
        "leaf1": (65002, "10.255.0.1", "2001:db8:ff::1", ""),
        "leaf2": (65003, "10.255.0.2", "2001:db8:ff::2", ""),
        "leaf3": (65004, "10.255.0.3", "2001:db8:ff::3", ""),
        "leaf4": (65005, "10.255.0.4", "2001:db8:ff::4", ""),
        "spine1": (65001, "10.255.0.5", "2001:db8:ff::5", ""),
        "spine2": (65001, "10.255.0.6", "2001:db8:ff::6", ""),
    },
    links=(
        "spine1:Ethernet1 leaf1:Ethernet1 10.254.0.0 10.254.0.1 2001:db8:fe:: 2001:db8:fe::1",
        "spine1:Ethernet2 leaf2:Ethernet1 10.254.0.2 10.254.0.3 2001:db8:fe::2 2001:db8:fe::3",
        "spine1:Ethernet3 leaf3:Ethernet1 10.254.0.4 10.254.0.5 2001:db8:fe::4 2001:db8:fe::5",
        "spine1:Ethernet4 leaf4:Ethernet1 10.254.0.6 10.254.0.7 2001:db8:fe::6 2001:db8:fe::7",
        "spine2:Ethernet1 leaf1:Ethernet2 10.254.0.8 10.254.0.9 2001:db8:fe::8 2001:db8:fe::9",
        "spine2:Ethernet2 leaf2:Ethernet2 10.254.0.10 10.254.0.11 2001:db8:fe::a 2001:db8:fe::b",
        "spine2:Ethernet3 leaf3:Ethernet2 10.254.0.12 10.254.0.13 2001:db8:fe::c 2001:db8:fe::d",
        "spine2:Ethernet4 leaf4:Ethernet2 10.254.9.0 10.254.9.1 2001:db8:fe::e 2001:db8:fe::f",
    ),
    networks={
        "rack1": (101, 0, "", ("10.1.1.1/24", "2001:db8:1:1::1/64"), "leaf1"),
        "rack2": (102, 0, "", ("10.1.2.1/24", "2001:db8:1:2::1/64"), "leaf2"),
        "rack3": (103, 0, "", ("10.1.3.1/24", "2001:db8:1:3::1/64"), "leaf3"),
        "rack4": (104, 0, "", ("10.1.4.1/24", "2001:db8:1:4::1/64"), "leaf4"),
    },
    edges={
        "leaf1:Ethernet11": ("access 101", 9000),
        "leaf2:Ethernet11": ("access 102", 9000),
        "leaf3:Ethernet11": ("lacp access 103", 9000),
        "leaf3:Ethernet12": ("lacp access 103", 9000),
        "leaf4:Ethernet11": ("access 104", 9000),
    },
    bundles=("leaf3:Ethernet11 leaf3:Ethernet12",),
    rules={
        "leaf3": ("Vlan103: tcp any to 10.1.4.0/24 port 873 -> 10.254.0.12",),
        "spine2": (
            "Ethernet3: tcp any to 10.1.4.0/24 port 873 -> 10.254.9.1",
            "Ethernet3: tcp any to 10.1.4.0/24 port 873 -> 10.254.0.13",
        ),
    },
    bfd=(300, 3),
    system={
        "domain": "hall1.example.net",
        "dns": ["192.0.2.53", "2001:db8::53"],
        "ntp": ["192.0.2.123"],
        "syslog": ["192.0.2.14"],
        "banner": "Authorised use only.",
        "timezone": "Europe/Berlin",
    },
)

_SPINES_OF_EVPN = {"10.255.0.6": 65001, "10.255.0.7": 65001}
_LEAVES_OF_EVPN = {
    "10.255.0.1": 65002,
    "10.255.0.2": 65003,
    "10.255.0.3": 65004,
    "10.255.0.4": 65005,
    "10.255.0.5": 65006,
}
_DEFAULT_ONLY = (("prefix 0.0.0.0/0 exact", "ACCEPT_ROUTE", "local preference 200"),)

EVPN = Facts(
    devices={
        "border1": (65002, "10.255.0.1", "", "10.255.1.1"),
        "leaf1": (65003, "10.255.0.2", "", "10.255.1.11"),
        "leaf2": (65004, "10.255.0.3", "", "10.255.1.2"),
        "leaf3": (65005, "10.255.0.4", "", "10.255.1.13"),
        "leaf4": (65006, "10.255.0.5", "", "10.255.1.3"),
        "spine1": (65001, "10.255.0.6", "", ""),
        "spine2": (65001, "10.255.0.7", "", ""),
    },
    links=(
        "spine1:Ethernet1 leaf1:Ethernet1 10.254.0.0 10.254.0.1",
        "spine1:Ethernet2 leaf2:Ethernet1 10.254.0.2 10.254.0.3",
        "spine1:Ethernet3 leaf3:Ethernet1 10.254.0.4 10.254.0.5",
        "spine1:Ethernet4 leaf4:Ethernet1 10.254.0.6 10.254.0.7",
        "spine1:Ethernet5 border1:Ethernet1 10.254.0.8 10.254.0.9",
        "spine2:Ethernet1 leaf1:Ethernet2 10.254.0.10 10.254.0.11",
        "spine2:Ethernet2 leaf2:Ethernet2 10.254.0.12 10.254.0.13",
        "spine2:Ethernet3 leaf3:Ethernet2 10.254.0.14 10.254.0.15",
        "spine2:Ethernet4 leaf4:Ethernet2 10.254.0.16 10.254.0.17",
        "spine2:Ethernet5 border1:Ethernet2 10.254.0.18 10.254.0.19",
    ),
    overlay={
        **dict.fromkeys(("border1", "leaf1", "leaf2", "leaf3", "leaf4"), _SPINES_OF_EVPN),
        **dict.fromkeys(("spine1", "spine2"), _LEAVES_OF_EVPN),
    },
    networks={
        "blue-app": (30, 10001, "blue", ("10.20.30.1/24", "2001:db8:20:30::1/64"), "leaf3 leaf4"),
        "blue-store": (40, 10002, "blue", ("10.20.40.1/24", "2001:db8:20:40::1/64"), "leaf3 leaf4"),
        "red-db": (20, 10003, "red", ("10.10.20.1/24", "2001:db8:10:20::1/64"), "leaf1 leaf2 leaf3 leaf4"),
        "red-web": (10, 10100, "red", ("10.10.10.1/24", "2001:db8:10:10::1/64"), "leaf1 leaf2 leaf3 leaf4"),
    },
    vrfs={"blue": (50001, "border1 leaf3 leaf4"), "red": (50002, "border1 leaf1 leaf2 leaf3 leaf4")},
    peers=(
        ("border1", "Ethernet49", 0, "red", "192.0.2.1/31", "192.0.2.0", 64999, "default-only", "to-internet", True),
        (
            "border1",
            "Ethernet50",
            100,
            "blue",
            "198.51.100.1/30",
            "198.51.100.2",
            64998,
            "default-only",
            "to-office",
            False,
        ),
    ),
    edges={
        "leaf1:Ethernet11": ("lacp access 10", 9000),
        "leaf2:Ethernet11": ("lacp access 10", 9000),
        "leaf1:Ethernet12": ("lacp trunk 10,20", 9000),
        "leaf2:Ethernet12": ("lacp trunk 10,20", 9000),
        "leaf3:Ethernet11": ("lacp trunk 10,20,30,40", 9000),
        "leaf4:Ethernet11": ("lacp trunk 10,20,30,40", 9000),
        "leaf3:Ethernet12": ("access 30", 9000),
        "leaf4:Ethernet12": ("trunk 30,40 native 40", 1500),
    },
    segments={
        "db1": ("00000000000000000001", "02:00:00:00:00:01", "FAST", "leaf1:Ethernet12 leaf2:Ethernet12"),
        "hypervisor1": ("00000000000000000002", "02:00:00:00:00:02", "SLOW", "leaf3:Ethernet11 leaf4:Ethernet11"),
        "web1": ("00000000000000000003", "02:00:00:00:00:03", "SLOW", "leaf1:Ethernet11 leaf2:Ethernet11"),
    },
    filters={"web-in": ("leaf1 leaf2", "in Ethernet11"), "app-out-6": ("leaf3", "out Ethernet12")},
    entries={
        "web-in": (
            "10 ACCEPT tcp any to 10.10.20.0/24 port 5432",
            "20 DROP any to 10.10.20.0/24, logged",
            "30 ACCEPT any to any",
        ),
        "app-out-6": ("10 ACCEPT tcp 2001:db8:20::/48 to any port 8000..8999", "20 ACCEPT icmpv6 any to any"),
    },
    policies={
        "default-only": _DEFAULT_ONLY,
        "to-internet": (("prefix 10.10.0.0/16 16..24", "ACCEPT_ROUTE", "add community 65000:100"),),
        "to-office": (
            ("community 65000:666", "REJECT_ROUTE", ""),
            ("prefix 10.20.0.0/16 16..24", "ACCEPT_ROUTE", "prepend 2"),
        ),
    },
    policy_devices="border1",
    statics={
        "border1": ("blue 203.0.113.0/24 by 198.51.100.2",),
        "leaf1": ("default 10.255.1.13/32 by 10.254.0.10 DROP", "default 10.255.1.3/32 by 10.254.0.0"),
    },
    rules={
        "leaf1": (
            "Ethernet1: 10.255.1.11/32 to 10.255.1.3/32 -> 10.254.0.10",
            "Ethernet1: 10.255.1.11/32 to 10.255.1.3/32 -> drop",
        ),
        "spine1": (
            "Ethernet1: 10.255.1.11/32 to 10.255.1.3/32 -> 10.254.0.7",
            "Ethernet1: 10.255.1.11/32 to 10.255.1.3/32 -> 10.254.0.1",
        ),
        "spine2": (
            "Ethernet1: 10.255.1.11/32 to 10.255.1.13/32 -> 10.254.0.15",
            "Ethernet1: 10.255.1.11/32 to 10.255.1.13/32 -> drop",
        ),
    },
    system={
        "domain": "dc1.example.net",
        "dns": ["192.0.2.53"],
        "ntp": ["192.0.2.123", "192.0.2.124"],
        "syslog": ["192.0.2.14"],
    },
)

_LEAVES_OF_STAGES = {
    "10.255.0.1": 64515,
    "10.255.0.2": 64516,
    "10.255.0.3": 64515,
    "10.255.0.4": 64515,
    "10.255.0.7": 64516,
    "10.255.0.8": 64516,
}
_SUPER_SPINES = {"10.255.0.11": 64512, "10.255.0.12": 64512}

THREE_STAGE = Facts(
    devices={
        "border1": (64515, "10.255.0.1", "", "10.255.1.1"),
        "border2": (64516, "10.255.0.2", "", "10.255.1.2"),
        "p1-leaf1": (64515, "10.255.0.3", "", "10.255.1.3"),
        "p1-leaf2": (64515, "10.255.0.4", "", "10.255.1.12"),
        "p1-spine1": (64513, "10.255.0.5", "", ""),
        "p1-spine2": (64513, "10.255.0.6", "", ""),
        "p2-leaf1": (64516, "10.255.0.7", "", "10.255.1.4"),
        "p2-leaf2": (64516, "10.255.0.8", "", "10.255.1.22"),
        "p2-spine1": (64514, "10.255.0.9", "", ""),
        "p2-spine2": (64514, "10.255.0.10", "", ""),
        "super1": (64512, "10.255.0.11", "", ""),
        "super2": (64512, "10.255.0.12", "", ""),
    },
    links=(
        "p1-spine1:Ethernet1 p1-leaf1:Ethernet49 10.254.0.0 10.254.0.1",
        "p1-spine1:Ethernet2 p1-leaf2:Ethernet49 10.254.0.2 10.254.0.3",
        "p1-spine1:Ethernet3 border1:Ethernet49 10.254.0.4 10.254.0.5",
        "p1-spine2:Ethernet1 p1-leaf1:Ethernet50 10.254.0.6 10.254.0.7",
        "p1-spine2:Ethernet2 p1-leaf2:Ethernet50 10.254.0.8 10.254.0.9",
        "p1-spine2:Ethernet3 border1:Ethernet50 10.254.0.10 10.254.0.11",
        "p2-spine1:Ethernet1 p2-leaf1:Ethernet49 10.254.0.12 10.254.0.13",
        "p2-spine1:Ethernet2 p2-leaf2:Ethernet49 10.254.0.14 10.254.0.15",
        "p2-spine1:Ethernet3 border2:Ethernet49 10.254.0.16 10.254.0.17",
        "p2-spine2:Ethernet1 p2-leaf1:Ethernet50 10.254.0.18 10.254.0.19",
        "p2-spine2:Ethernet2 p2-leaf2:Ethernet50 10.254.0.20 10.254.0.21",
        "p2-spine2:Ethernet3 border2:Ethernet50 10.254.0.22 10.254.0.23",
        "super1:Ethernet1 p1-spine1:Ethernet49 10.254.0.24 10.254.0.25",
        "super1:Ethernet2 p1-spine2:Ethernet49 10.254.0.26 10.254.0.27",
        "super1:Ethernet3 p2-spine1:Ethernet49 10.254.0.28 10.254.0.29",
        "super1:Ethernet4 p2-spine2:Ethernet49 10.254.0.30 10.254.0.31",
        "super2:Ethernet1 p1-spine1:Ethernet50 10.254.0.32 10.254.0.33",
        "super2:Ethernet2 p1-spine2:Ethernet50 10.254.0.34 10.254.0.35",
        "super2:Ethernet3 p2-spine1:Ethernet50 10.254.0.36 10.254.0.37",
        "super2:Ethernet4 p2-spine2:Ethernet50 10.254.0.38 10.254.0.39",
    ),
    overlay={
        **dict.fromkeys(("border1", "border2", "p1-leaf1", "p1-leaf2", "p2-leaf1", "p2-leaf2"), _SUPER_SPINES),
        **dict.fromkeys(("super1", "super2"), _LEAVES_OF_STAGES),
    },
    networks={
        "back": (120, 20001, "prod", ("10.120.0.1/22",), "p1-leaf2 p2-leaf2"),
        "cluster": (130, 20002, "", (), "p1-leaf1 p1-leaf2 p2-leaf2"),
        "front": (110, 20003, "prod", ("10.110.0.1/22",), "p1-leaf1 p1-leaf2 p2-leaf1 p2-leaf2"),
    },
    vrfs={"prod": (30001, "border1 border2 p1-leaf1 p1-leaf2 p2-leaf1 p2-leaf2")},
    peers=(
        ("border1", "Ethernet1", 0, "prod", "192.0.2.1/31", "192.0.2.0", 64700, "import", "export", False),
        ("border2", "Ethernet1", 0, "prod", "192.0.2.3/31", "192.0.2.2", 64700, "import", "export", False),
    ),
    edges={
        "p1-leaf1:Ethernet11": ("lacp access 110", 9000),
        "p1-leaf2:Ethernet11": ("lacp access 110", 9000),
        "p2-leaf1:Ethernet11": ("lacp access 110", 9000),
        "p2-leaf2:Ethernet11": ("lacp access 110", 9000),
        "p1-leaf2:Ethernet12": ("trunk 120,130 native 120", 9000),
        "p2-leaf2:Ethernet12": ("trunk 120,130 native 120", 9000),
    },
    segments={
        "web1": ("00000000000000000064", "02:00:00:00:00:64", "SLOW", "p1-leaf1:Ethernet11 p1-leaf2:Ethernet11"),
        "web2": ("00000000000000000065", "02:00:00:00:00:65", "SLOW", "p2-leaf1:Ethernet11 p2-leaf2:Ethernet11"),
    },
    policies={
        "import": (("prefix 0.0.0.0/0 exact", "ACCEPT_ROUTE", ""),),
        "export": (("prefix 10.110.0.0/22 exact 10.120.0.0/22 exact", "ACCEPT_ROUTE", ""),),
    },
    policy_devices="border1 border2",
    statics={"p1-leaf2": ("default 10.255.1.22/32 by 10.254.0.2",)},
    rules={
        "p1-spine1": ("Ethernet2: 10.255.1.12/32 to 10.255.1.22/32 -> 10.254.0.32",),
        "super2": ("Ethernet1: 10.255.1.12/32 to 10.255.1.22/32 -> 10.254.0.37",),
        "p2-spine1": (
            "Ethernet50: 10.255.1.12/32 to 10.255.1.22/32 -> 10.254.0.15",
            "Ethernet50: 10.255.1.12/32 to 10.255.1.22/32 -> 10.254.0.36",
        ),
    },
    bfd=(100, 3),
    shared_asn=True,
)
