"""Fabrics for tests, as values: leaf_spine(...) and what can be put on it.

Used by the tests of intent/fabric. Knows no YANG and no documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fabricd.intent.fabric.values import (
    Attachment,
    Device,
    ExternalPeer,
    Fabric,
    Lag,
    Link,
    Network,
    Overlay,
    OverlayType,
    Pool,
    PoolPurpose,
    Port,
    Role,
    Underlay,
    Vrf,
    natural,
)

EVPN = Overlay(OverlayType.EVPN_VXLAN)
VLAN = Overlay(OverlayType.VLAN)


def pools(**changed: str | tuple[int, int]) -> tuple[Pool, ...]:
    """One pool for each purpose. `changed` gives another prefix or range by purpose (loopback_ipv4="10.0.0.0/30")."""
    said: dict[str, str | tuple[int, int]] = {
        "loopback_ipv4": "10.255.0.0/16",
        "loopback_ipv6": "2001:db8:ff::/64",
        "vtep_ipv4": "10.253.0.0/16",
        "link_ipv4": "10.128.0.0/14",
        "link_ipv6": "2001:db8:fe::/64",
        "asn": (4200000000, 4200009999),
        "l2_vni": (10000, 19999),
        "l3_vni": (50000, 50999),
        "ethernet_segment": (1, 10000),
        **changed,
    }
    found = []
    for purpose in PoolPurpose:
        value = said[purpose.value.replace("-", "_")]
        prefixes, ranges = ((value,), ()) if isinstance(value, str) else ((), (value,))
        found.append(Pool(purpose.value, purpose, prefixes, ranges))
    return tuple(sorted(found, key=lambda pool: pool.name))


def port(text: str) -> Port:
    device, _, name = text.partition(":")
    return Port(device, name)


def link(a: str, b: str, **said: Any) -> Link:
    return Link(port(a), port(b), **said)


def cabled(spines: Iterable[str], leaves: Iterable[str]) -> tuple[Link, ...]:
    """Every spine to every leaf: EthernetN of the spine to the Nth leaf, EthernetM of the leaf to the Mth spine."""
    ups, downs = list(spines), list(leaves)
    return tuple(
        link(f"{spine}:Ethernet{at_leaf}", f"{leaf}:Ethernet{at_spine}")
        for at_spine, spine in enumerate(ups, 1)
        for at_leaf, leaf in enumerate(downs, 1)
    )


def leaf_spine(spines: int = 2, leaves: int = 4, *, borders: int = 0, **said: Any) -> Fabric:
    """spine1.., leaf1.. and border1.. (two leaves make a rack), with a pool for everything. `said` are fields of
    Fabric."""
    up = [Device(f"spine{n}", Role.SPINE) for n in range(1, spines + 1)]
    down = [Device(f"leaf{n}", Role.LEAF, rack=f"rack{(n + 1) // 2}") for n in range(1, leaves + 1)]
    down += [Device(f"border{n}", Role.BORDER_LEAF) for n in range(1, borders + 1)]
    return fabric(
        devices=(*up, *down),
        links=cabled([one.name for one in up], [one.name for one in down]),
        **said,
    )


def two_pods(**said: Any) -> Fabric:
    """Two super-spines, two pods (a and b) of two spines and two leaves each, and a border leaf in pod a."""
    supers = [Device(f"super{n}", Role.SUPER_SPINE) for n in (1, 2)]
    devices, links = [*supers], []
    for pod in ("a", "b"):
        up = [Device(f"spine-{pod}{n}", Role.SPINE, pod=pod) for n in (1, 2)]
        down = [Device(f"leaf-{pod}{n}", Role.LEAF, pod=pod, rack="r1") for n in (1, 2)]
        if pod == "a":
            down.append(Device("border-a1", Role.BORDER_LEAF, pod=pod))
        devices += [*up, *down]
        links += cabled([one.name for one in up], [one.name for one in down])
        for number, spine in enumerate(up, 1):
            at = number if pod == "a" else number + 2
            links += [
                link(f"{one.name}:Ethernet{at}", f"{spine.name}:Ethernet{48 + n}") for n, one in enumerate(supers)
            ]
    return fabric(devices=devices, links=links, **said)


def fabric(**said: Any) -> Fabric:
    """A fabric with every tuple sorted, as document.py makes them."""
    said.setdefault("pools", pools())
    return ordered(Fabric(said.pop("name", "dc1"), **said))


def ordered(one: Fabric) -> Fabric:
    named = ("pools", "devices", "vrfs", "networks", "attachments", "peers", "prefix_sets", "policies", "acls")
    found = {
        field: tuple(sorted(getattr(one, field), key=lambda entry: natural(entry.name)))
        for field in (*named, "traffic_classes", "paths")
    }
    found["links"] = tuple(sorted(one.links, key=lambda entry: (natural(str(entry.a)), natural(str(entry.b)))))
    found["static_routes"] = tuple(sorted(one.static_routes, key=lambda entry: (natural(entry.prefix), entry.vrf)))
    return replace(one, **found)


def without(one: Fabric, device: str) -> Fabric:
    """The fabric without a device, its links, and what is attached to it."""
    return replace(
        one,
        devices=tuple(entry for entry in one.devices if entry.name != device),
        links=tuple(entry for entry in one.links if device not in (entry.a.device, entry.b.device)),
        attachments=tuple(entry for entry in one.attachments if device not in {port.device for port in entry.ports}),
        peers=tuple(entry for entry in one.peers if entry.port.device != device),
        networks=tuple(
            replace(entry, devices=tuple(name for name in entry.devices if name != device)) for entry in one.networks
        ),
    )


def with_servers(one: Fabric, networks: int = 4, vrfs: int = 2, servers: int = 2) -> Fabric:
    """VRFs red.., networks net1.. in them by turns, VLANs from 11, and on every leaf `servers` in net1.., plus a
    dual-homed server on every pair of leaves where the overlay is EVPN."""
    names = ["red", "blue", "green", "grey"][:vrfs] if vrfs else []
    nets = [
        Network(
            f"net{n}",
            vlan=10 + n,
            vrf=names[(n - 1) % vrfs] if vrfs else "",
            gateways=(f"10.{(n >> 8) & 127}.{n & 255}.1/24", f"2001:db8:{n:x}::1/64"),
        )
        for n in range(1, networks + 1)
    ]
    leaves = [device.name for device in one.devices if device.role is Role.LEAF]
    attached = [
        Attachment(f"{leaf}-server{n}", (Port(leaf, f"Ethernet{n}"),), network=f"net{(n - 33) % networks + 1}")
        for leaf in leaves
        for n in range(33, 33 + servers)
    ]
    if one.overlay.type is OverlayType.EVPN_VXLAN:
        attached += [
            Attachment(
                f"pair-{first}-{second}",
                (Port(first, "Ethernet60"), Port(second, "Ethernet60")),
                network="net1",
                tagged=("*",),
                lag=Lag.LACP,
            )
            for first, second in zip(leaves[::2], leaves[1::2], strict=False)
        ]
    return ordered(
        replace(one, vrfs=tuple(Vrf(name) for name in names), networks=tuple(nets), attachments=tuple(attached))
    )


def peered(one: Fabric, border: str = "border1", vrf: str = "red") -> Fabric:
    peer = ExternalPeer("wan", Port(border, "Ethernet40"), vrf, "192.0.2.1/30", "192.0.2.2", 64999, vlan=100)
    return ordered(replace(one, peers=(*one.peers, peer)))


def dual_stack(one: Fabric, **said: Any) -> Fabric:
    from fabricd.intent.fabric.values import Addressing

    return replace(one, underlay=replace(Underlay(**said), addressing=Addressing.DUAL))
