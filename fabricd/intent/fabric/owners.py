"""Who in a fabric needs which number: the owners of each purpose, in the order in which they are served.

Called by pools.py, and by resolve.py to find a device's or link's number again. Hands nothing out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fabricd.errors import Problem
from fabricd.intent.fabric.places import place
from fabricd.intent.fabric.values import (
    AsnScheme,
    Attachment,
    Device,
    Fabric,
    Link,
    OverlayType,
    PoolPurpose,
    Role,
    natural,
)

SUPER_SPINES = "the super-spines"  # no name of a device has a space


@dataclass(frozen=True, slots=True)
class Want:
    """An owner that needs a number; `explicit` is the one that the document gives it, `at` where it stands there."""

    owner: str
    explicit: str = ""
    at: str = ""


@dataclass(slots=True)
class Wants:
    """Owners by purpose, and what the document says of them that cannot be."""

    by_purpose: dict[PoolPurpose, list[Want]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def is_routed(fabric: Fabric) -> bool:
    """Whether fabric links are routed. A VLAN fabric trunks them, and needs no numbers."""
    return fabric.overlay.type is not OverlayType.VLAN


def has_evpn(fabric: Fabric) -> bool:
    return fabric.overlay.type is OverlayType.EVPN_VXLAN


def has_vtep_pool(fabric: Fabric) -> bool:
    """Without one, tunnels end at Loopback0."""
    return any(pool.purpose is PoolPurpose.VTEP_IPV4 for pool in fabric.pools)


def link_owner(link: Link) -> str:
    """The same for a cable whichever end is written first."""
    a, b = link.a, link.b
    first, second = f"{a.device}:{a.name}", f"{b.device}:{b.name}"
    return f"{first} - {second}" if first < second else f"{second} - {first}"


Natural = tuple[tuple[int, int | str], ...]


def link_order(link: Link) -> tuple[Natural, Natural]:
    return natural(str(link.a)), natural(str(link.b))


def asn_owner(fabric: Fabric, device: Device) -> str:
    """Devices with the same owner share an ASN."""
    if fabric.underlay.asn_scheme is AsnScheme.EXPLICIT:
        return device.name
    match device.role:
        case Role.SUPER_SPINE:
            return SUPER_SPINES
        case Role.SPINE:
            return f"spines {device.pod}"
    match fabric.underlay.asn_scheme:
        case AsnScheme.PER_POD:
            return f"leaves {device.pod}"
        case AsnScheme.PER_RACK if device.rack:
            return f"rack {device.pod}/{device.rack}"
        case _:
            return device.name


def is_multihomed(attachment: Attachment) -> bool:
    return len({port.device for port in attachment.ports}) > 1


def wanted(fabric: Fabric) -> Wants:
    """Everyone who needs a number, with what the document already says."""
    wants = Wants()
    if not is_routed(fabric):
        return wants
    devices = sorted(fabric.devices, key=lambda device: natural(device.name))
    addressing, found = fabric.underlay.addressing, wants.by_purpose
    found[PoolPurpose.LOOPBACK_IPV4] = _of_devices(devices, "loopback-ipv4")
    if addressing.has_ipv6:
        found[PoolPurpose.LOOPBACK_IPV6] = _of_devices(devices, "loopback-ipv6")
    if addressing.has_ipv4:
        found[PoolPurpose.LINK_IPV4] = [Want(link_owner(link), link.ipv4, _at(link, "ipv4")) for link in fabric.links]
    if addressing.has_ipv6:
        found[PoolPurpose.LINK_IPV6] = [Want(link_owner(link), link.ipv6, _at(link, "ipv6")) for link in fabric.links]
    found[PoolPurpose.ASN] = _of_systems(fabric, devices, wants.problems)
    if has_evpn(fabric):
        vteps = _of_devices((one for one in devices if one.role.is_leaf), "vtep-ipv4")
        found[PoolPurpose.VTEP_IPV4] = vteps if has_vtep_pool(fabric) else [want for want in vteps if want.explicit]
        found[PoolPurpose.L2_VNI] = [
            Want(one.name, str(one.vni or ""), place("networks", "vni", name=one.name)) for one in fabric.networks
        ]
        found[PoolPurpose.L3_VNI] = [
            Want(one.name, str(one.vni or ""), place("vrfs", "vni", name=one.name)) for one in fabric.vrfs
        ]
        found[PoolPurpose.SEGMENT] = [
            Want(one.name, one.esi, place("attachments", "esi", name=one.name))
            for one in fabric.attachments
            if is_multihomed(one)
        ]
    return wants


def in_order(purpose: PoolPurpose, wants: Iterable[Want], fabric: Fabric) -> list[Want]:
    """New owners as they are served: links by (a, b) as written, ASNs and devices as `wanted` lists them, others by
    name, all as people count."""
    match purpose:
        case PoolPurpose.LINK_IPV4 | PoolPurpose.LINK_IPV6:
            links = {link_owner(link): link for link in fabric.links}
            return sorted(wants, key=lambda want: link_order(links[want.owner]))
        case PoolPurpose.ASN:
            return list(wants)
        case _:
            return sorted(wants, key=lambda want: natural(want.owner))


def _at(link: Link, leaf: str) -> str:
    return place("links", leaf, a=link.a, b=link.b) if (link.ipv4 or link.ipv6) else ""


def _of_devices(devices: Iterable[Device], leaf: str) -> list[Want]:
    field_name = leaf.replace("-", "_")
    return [Want(one.name, getattr(one, field_name), place("devices", leaf, name=one.name)) for one in devices]


def _of_systems(fabric: Fabric, devices: list[Device], problems: list[Problem]) -> list[Want]:
    """Super-spines, spines by pod, then leaves: an ASN that any member of a group says is that of all."""
    groups: dict[str, list[Device]] = {}
    for device in sorted(devices, key=_system_order):
        groups.setdefault(asn_owner(fabric, device), []).append(device)
    wants = []
    for owner, members in groups.items():
        said = [device for device in members if device.asn]
        problems.extend(
            Problem(
                f"AS {other.asn} of {other.name} and AS {said[0].asn} of {said[0].name} are to be one: the ASN scheme "
                f"{fabric.underlay.asn_scheme.value} gives both the same",
                device=other.name,
                path=place("devices", "asn", name=other.name),
            )
            for other in said[1:]
            if other.asn != said[0].asn
        )
        if fabric.underlay.asn_scheme is AsnScheme.EXPLICIT:
            # Nothing is handed out, and whoever gives two devices the same ASN may have a reason.
            problems.extend(
                Problem("needs an ASN: the scheme is explicit", device=one.name, path=place("devices", name=one.name))
                for one in members
                if not one.asn
            )
            continue
        at = place("devices", "asn", name=said[0].name) if said else ""
        wants.append(Want(owner, str(said[0].asn) if said else "", at))
    return wants


def _system_order(device: Device) -> tuple[int, Natural, Natural]:
    match device.role:
        case Role.SUPER_SPINE:
            return 0, (), natural(device.name)
        case Role.SPINE:
            return 1, natural(device.pod), natural(device.name)
        case _:
            return 2, (), natural(device.name)
