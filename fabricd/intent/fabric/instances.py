"""Network instances as fragments: their configuration, protocols, and what is redistributed into BGP.

Called by the concerns that add to network instances (overlay, services, external). Knows no concern and no schema.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_interface
from typing import Any

from fabricd.intent.fabric.fragment import Entries, keyed
from fabricd.intent.fabric.resolved import BGP_NAME, CONNECTED_NAME, STATIC_NAME, UNDERLAY_INSTANCE, ResolvedDevice

_NAMES = {"BGP": BGP_NAME, "DIRECTLY_CONNECTED": CONNECTED_NAME, "STATIC": STATIC_NAME}
ADDRESS_FAMILIES = {4: "openconfig-types:IPV4", 6: "openconfig-types:IPV6"}
UNICAST = {4: "openconfig-bgp-types:IPV4_UNICAST", 6: "openconfig-bgp-types:IPV6_UNICAST"}
EVPN = "openconfig-bgp-types:L2VPN_EVPN"
ACCEPT_ALL = {"default-import-policy": "ACCEPT_ROUTE", "default-export-policy": "ACCEPT_ROUTE"}


def instance_of(vrf: str) -> str:
    """The network instance of a VRF; without one it is the underlay's."""
    return vrf or UNDERLAY_INSTANCE


def instance(name: str, kind: str, content: dict[str, Any], **config: Any) -> dict[str, Any]:
    """An entry of the list of network instances. `kind` is an identity of openconfig-network-instance-types, `config`
    more leaves of its config (underscores for dashes; None and empty texts are left out)."""
    leaves = {key.replace("_", "-"): value for key, value in config.items() if value not in (None, "")}
    return {
        "name": name,
        "config": {"name": name, "type": f"openconfig-network-instance-types:{kind}", **leaves},
        **content,
    }


def instances(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The fragment with these network instances."""
    return {"openconfig-network-instance:network-instances": {"network-instance": keyed("name", entries)}}


def part_of(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """An entry that adds to the underlay's instance or to a VRF, which are described elsewhere."""
    return instance(name, "DEFAULT_INSTANCE" if name == UNDERLAY_INSTANCE else "L3VRF", content)


def inside(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """The fragment with nothing but that."""
    return instances([part_of(name, content)])


def protocol(identifier: str, content: dict[str, Any]) -> dict[str, Any]:
    """Content of an instance: one protocol (BGP, DIRECTLY_CONNECTED or STATIC)."""
    key = {"identifier": f"openconfig-policy-types:{identifier}", "name": _NAMES[identifier]}
    return {"protocols": {"protocol": keyed(("identifier", "name"), [{**key, "config": dict(key), **content}])}}


def vrf_bgp(device: ResolvedDevice, maximum_paths: int) -> dict[str, Any]:
    """Content of a VRF's instance: BGP for both address families, as the device is in the underlay."""
    several = {
        "config": {"enabled": True},
        "ebgp": {"config": {"allow-multiple-as": True, "maximum-paths": maximum_paths}},
    }
    families = [{**afi_safi(UNICAST[version]), "use-multiple-paths": several} for version in (4, 6)]
    process = {"config": bgp_identity(device), "afi-safis": {"afi-safi": keyed("afi-safi-name", families)}}
    return protocol("BGP", {"bgp": {"global": process}})


def vrf_routing(device: ResolvedDevice, maximum_paths: int) -> dict[str, Any]:
    """Content of a VRF's instance: that BGP, and what is connected redistributed into it."""
    connected = protocol("DIRECTLY_CONNECTED", {})["protocols"]["protocol"]
    bgp = vrf_bgp(device, maximum_paths)["protocols"]["protocol"]
    return {"protocols": {"protocol": Entries({**connected, **bgp})}, **redistributed("DIRECTLY_CONNECTED")}


def bgp_identity(device: ResolvedDevice) -> dict[str, Any]:
    """A VLAN fabric hands out neither; there the document has to give the ASN, and the switch finds a router id."""
    router_id = {"router-id": device.router_id} if device.router_id else {}
    return {"as": device.asn or device.device.asn, **router_id}


def afi_safi(name: str) -> dict[str, Any]:
    return {"afi-safi-name": name, "config": {"afi-safi-name": name, "enabled": True}}


def redistributed(source: str, versions: Iterable[int] = (4, 6)) -> dict[str, Any]:
    """Content of an instance: routes of `source` (DIRECTLY_CONNECTED or STATIC) go into BGP, all of them.

    The models reject by default what no policy decides about, so accepting is said.
    """
    tables, connections = [], []
    for version in sorted(versions):
        family = ADDRESS_FAMILIES[version]
        for one in (source, "BGP"):
            key = {"protocol": f"openconfig-policy-types:{one}", "address-family": family}
            tables.append({**key, "config": dict(key)})
        connection = {
            "src-protocol": f"openconfig-policy-types:{source}",
            "dst-protocol": "openconfig-policy-types:BGP",
            "address-family": family,
        }
        connections.append({**connection, "config": {**connection, "default-import-policy": "ACCEPT_ROUTE"}})
    return {
        "tables": {"table": keyed(("protocol", "address-family"), tables)},
        "table-connections": {
            "table-connection": keyed(("src-protocol", "dst-protocol", "address-family"), connections)
        },
    }


def member(interface: str, subinterface: int | None = None, **config: Any) -> dict[str, Any]:
    """An entry of an instance's interfaces: an interface, or one of its subinterfaces."""
    name = interface if subinterface is None else f"{interface}.{subinterface}"
    leaves: dict[str, Any] = {"id": name, "interface": interface}
    if subinterface is not None:
        leaves["subinterface"] = subinterface
    leaves.update({key.replace("_", "-"): value for key, value in config.items()})
    return {"id": name, "config": leaves}


def members(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"interfaces": {"interface": keyed("id", entries)}}


def addresses(texts: Iterable[str]) -> dict[str, Any]:
    """Content of a subinterface or routed VLAN: its addresses, given with prefix length. Only one IPv4 address may be
    the primary one: the first."""
    found: dict[int, Entries] = {4: Entries(), 6: Entries()}
    for text in texts:
        one = ip_interface(text)
        leaves: dict[str, Any] = {"ip": str(one.ip), "prefix-length": one.network.prefixlen}
        if one.version == 4 and found[4]:
            leaves["type"] = "SECONDARY"
        found[one.version][(str(one.ip),)] = {"ip": str(one.ip), "config": leaves}
    return {
        f"openconfig-if-ip:ipv{version}": {"addresses": {"address": entries}}
        for version, entries in found.items()
        if entries
    }
