"""The examples' overlay, services, attachments, peers and policies, against the facts written down beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from overlay_fabrics import at

from fabricd.intent.documents import Document, DraftKind, parse_documents
from fabricd.intent.fabric.acl import acl
from fabricd.intent.fabric.attachments import attachments
from fabricd.intent.fabric.document import read_draft_fabric
from fabricd.intent.fabric.external import external
from fabricd.intent.fabric.fragment import merged
from fabricd.intent.fabric.overlay import overlay
from fabricd.intent.fabric.policy import policy
from fabricd.intent.fabric.resolve import resolve
from fabricd.intent.fabric.resolved import Allocations
from fabricd.intent.fabric.services import services
from fabricd.schema import ModelSet, Schema

EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples"
CONCERNS = (overlay, services, attachments, external, policy, acl)
INSTANCE = "network-instances/network-instance"
BGP = "protocols/protocol[BGP,BGP]/bgp"
Trees = dict[str, dict[str, Any]]


def _trees(name: str) -> Trees:
    path = EXAMPLES / name / "fabric.yaml"
    (draft,) = parse_documents([Document(path.name, path.read_bytes())], max_bytes=1 << 20, kinds=(DraftKind.FABRIC,))
    with Schema(ModelSet.fabric()) as schema:
        fabric, _ = read_draft_fabric(schema, draft)
    found = resolve(fabric, Allocations())
    return {
        name: merged([concern(found, device) for concern in CONCERNS], name) for name, device in found.devices.items()
    }


@pytest.fixture(scope="module")
def evpn() -> Trees:
    return _trees("evpn")


@pytest.fixture(scope="module")
def stages() -> Trees:
    return _trees("three-stage")


def _sessions(tree: dict[str, Any], instance: str = "default") -> dict[str, int]:
    neighbours = at(tree, f"{INSTANCE}[{instance}]/{BGP}/neighbors/neighbor") or {}
    return {key[0]: entry["config"]["peer-as"] for key, entry in neighbours.items()}


def _evpn_facts(tree: dict[str, Any], instance: str, vni: int) -> tuple[str, list[str], list[str]]:
    found = at(tree, f"{INSTANCE}[{instance}]/evpn/evpn-instances/evpn-instance[{vni}]")
    targets = found["import-export-policy"]["config"]
    return (
        found["config"]["route-distinguisher"],
        targets["import-route-target"],
        targets["export-route-target"],
    )


def test_evpn_sessions(evpn: Trees) -> None:
    for leaf in ("border1", "leaf1", "leaf2", "leaf3", "leaf4"):
        assert _sessions(evpn[leaf]) == {"10.255.0.6": 65001, "10.255.0.7": 65001}
    for spine in ("spine1", "spine2"):
        assert _sessions(evpn[spine]) == {
            "10.255.0.1": 65002,
            "10.255.0.2": 65003,
            "10.255.0.3": 65004,
            "10.255.0.4": 65005,
            "10.255.0.5": 65006,
        }


@pytest.mark.parametrize(
    ("device", "instance", "vni", "distinguisher", "target"),
    [
        ("leaf1", "network-red-db", 10003, "10.255.0.2:10003", "65000:10003"),
        ("leaf1", "network-red-web", 10100, "10.255.0.2:10100", "65000:10100"),
        ("leaf4", "network-blue-app", 10001, "10.255.0.5:10001", "65000:10001"),
        ("leaf4", "network-blue-store", 10002, "10.255.0.5:10002", "65000:10002"),
        ("leaf4", "network-red-db", 10003, "10.255.0.5:10003", "65000:10003"),
        ("border1", "blue", 50001, "10.255.0.1:50001", "65000:50001"),
        ("border1", "red", 50002, "10.255.0.1:50002", "65000:50002"),
        ("leaf3", "red", 50002, "10.255.0.4:50002", "65000:50002"),
    ],
)
def test_evpn_numbers(evpn: Trees, device: str, instance: str, vni: int, distinguisher: str, target: str) -> None:
    assert _evpn_facts(evpn[device], instance, vni) == (distinguisher, [target], [target])


def test_evpn_places(evpn: Trees) -> None:
    def instances(device: str) -> set[str]:
        return {key[0] for key in at(evpn[device], INSTANCE)} - {"default"}

    red, blue = {"network-red-db", "network-red-web"}, {"network-blue-app", "network-blue-store"}
    assert instances("border1") == {"blue", "red"}
    assert instances("leaf1") == instances("leaf2") == {*red, "red"}
    assert instances("leaf3") == instances("leaf4") == {*red, *blue, "red", "blue"}
    assert instances("spine1") == set()


def test_evpn_gateways(evpn: Trees) -> None:
    gateways = {10: ("10.10.10.1", "2001:db8:10:10::1"), 40: ("10.20.40.1", "2001:db8:20:40::1")}
    for device, vlan in (("leaf1", 10), ("leaf4", 10), ("leaf3", 40), ("leaf4", 40)):
        routed = at(evpn[device], f"interfaces/interface[Vlan{vlan}]/routed-vlan")
        ipv4, ipv6 = gateways[vlan]
        assert at(routed, f"ipv4/addresses/address[{ipv4}]/config/prefix-length") == 24
        assert at(routed, f"ipv6/addresses/address[{ipv6}]/config/prefix-length") == 64
    for device in ("leaf2", "leaf3"):
        assert at(evpn[device], f"{INSTANCE}[network-red-web]/fdb/config/anycast-gateway-mac") == "02:00:5e:00:00:01"


def test_evpn_attachments(evpn: Trees) -> None:
    for names, attachment, number in (
        (("leaf1", "leaf2"), "db1", 1),
        (("leaf3", "leaf4"), "hypervisor1", 2),
        (("leaf1", "leaf2"), "web1", 3),
    ):
        for name in names:
            segment = at(evpn[name], f"ethernet-segments/ethernet-segment[{attachment}]/config")
            assert segment["esi"] == f"0000000000000000000{number}"
            lacp = at(evpn[name], f"lacp/interfaces/interface[{segment['interface']}]/config")
            assert lacp["system-id-mac"] == f"02:00:00:00:00:0{number}"
            assert lacp["interval"] == ("FAST" if attachment == "db1" else "SLOW")
    # LAGs of leaf1 in order: db1, web1.
    assert at(evpn["leaf1"], "interfaces/interface[Ethernet12]/ethernet/config/aggregate-id") == "PortChannel1"
    vlans = "aggregation/switched-vlan/config"
    assert at(evpn["leaf1"], f"interfaces/interface[PortChannel1]/{vlans}") == {
        "interface-mode": "TRUNK",
        "trunk-vlans": [10, 20],
    }
    assert at(evpn["leaf2"], f"interfaces/interface[PortChannel2]/{vlans}") == {
        "interface-mode": "ACCESS",
        "access-vlan": 10,
    }
    assert at(evpn["leaf3"], "interfaces/interface[Ethernet12]/ethernet/switched-vlan/config/access-vlan") == 30
    firewall = at(evpn["leaf4"], "interfaces/interface[Ethernet12]")
    assert at(firewall, "ethernet/switched-vlan/config/native-vlan") == 40
    assert firewall["config"]["mtu"] == 1500


def test_evpn_filters(evpn: Trees) -> None:
    entries = {"web-in": 3, "app-out-6": 2}
    expected = {"leaf1": {"web-in"}, "leaf2": {"web-in"}, "leaf3": {"app-out-6"}}
    for device, tree in evpn.items():
        sets = at(tree, "acl/acl-sets/acl-set") or {}
        assert {key[0] for key in sets} == expected.get(device, set())
        for (name, _), found in sets.items():
            assert len(at(found, "acl-entries/acl-entry")) == entries[name]
    bound = at(evpn["leaf3"], "acl/interfaces/interface[Ethernet12]")
    assert set(at(bound, "egress-acl-sets/egress-acl-set")) == {("app-out-6", "openconfig-acl:ACL_IPV6")}
    assert "ingress-acl-sets" not in bound


def test_evpn_world_outside(evpn: Trees) -> None:
    border = evpn["border1"]
    assert _sessions(border, "red") == {"192.0.2.0": 64999}
    assert _sessions(border, "blue") == {"198.51.100.2": 64998}
    internet = at(border, f"{INSTANCE}[red]/{BGP}/neighbors/neighbor[192.0.2.0]")
    office = at(border, f"{INSTANCE}[blue]/{BGP}/neighbors/neighbor[198.51.100.2]")
    assert at(internet, "apply-policy/config/import-policy") == ["default-only"]
    assert at(internet, "apply-policy/config/export-policy") == ["to-internet"]
    assert at(office, "apply-policy/config/export-policy") == ["to-office"]
    assert at(internet, "enable-bfd/config/enabled") is True
    assert at(office, "enable-bfd") is None
    ports = at(border, "interfaces/interface")
    assert at(ports[("Ethernet49",)], "subinterfaces/subinterface[0]/ipv4/addresses/address[192.0.2.1]") is not None
    tagged = at(ports[("Ethernet50",)], "subinterfaces/subinterface[100]")
    assert at(tagged, "vlan/match/single-tagged/config/vlan-id") == 100
    assert at(tagged, "ipv4/addresses/address[198.51.100.1]/config/prefix-length") == 30
    static = at(border, f"{INSTANCE}[blue]/protocols/protocol[STATIC,STATIC]/static-routes/static")
    assert set(static) == {("203.0.113.0/24",)}
    assert set(at(static[("203.0.113.0/24",)], "next-hops/next-hop")) == {("198.51.100.2",)}
    for device, tree in evpn.items():
        policies = at(tree, "routing-policy/policy-definitions/policy-definition") or {}
        wanted = {"default-only", "to-internet", "to-office"} if device == "border1" else set()
        assert {key[0] for key in policies} == wanted


def test_evpn_policies(evpn: Trees) -> None:
    policies = at(evpn["border1"], "routing-policy/policy-definitions/policy-definition")
    sets = at(evpn["border1"], "routing-policy/defined-sets/prefix-sets/prefix-set")

    def statements(name: str) -> list[dict[str, Any]]:
        return list(at(policies[(name,)], "statements/statement").values())

    def prefixes(statement: dict[str, Any]) -> set[tuple[str, str]]:
        return set(at(sets[(at(statement, "conditions/match-prefix-set/config/prefix-set"),)], "prefixes/prefix"))

    (default,) = [
        one for one in statements("default-only") if at(one, "actions/config/policy-result") != "REJECT_ROUTE"
    ]
    assert prefixes(default) == {("0.0.0.0/0", "exact")}
    assert at(default, "actions/bgp-actions/config/set-local-pref") == 200
    internet = statements("to-internet")[0]
    assert prefixes(internet) == {("10.10.0.0/16", "16..24")}
    assert at(internet, "actions/bgp-actions/set-community/inline/config/communities") == ["65000:100"]
    first, second = statements("to-office")[:2]
    assert at(first, "actions/config/policy-result") == "REJECT_ROUTE"
    assert at(first, "conditions/bgp-conditions/match-community-set/config/community-set") == "65000:666"
    assert prefixes(second) == {("10.20.0.0/16", "16..24")}
    assert at(second, "actions/bgp-actions/set-as-path-prepend/config/repeat-n") == 2


def test_three_stages_peer_with_the_super_spines(stages: Trees) -> None:
    leaves = {"border1": 64515, "p1-leaf1": 64515, "p1-leaf2": 64515}
    leaves |= {"border2": 64516, "p2-leaf1": 64516, "p2-leaf2": 64516}
    for leaf in leaves:
        assert _sessions(stages[leaf]) == {"10.255.0.11": 64512, "10.255.0.12": 64512}
        group = at(stages[leaf], f"{INSTANCE}[default]/{BGP}/peer-groups/peer-group[overlay]")
        assert at(group, "as-path-options/config/allow-own-as") == 1
    for server in ("super1", "super2"):
        assert _sessions(stages[server]) == {
            "10.255.0.1": 64515,
            "10.255.0.2": 64516,
            "10.255.0.3": 64515,
            "10.255.0.4": 64515,
            "10.255.0.7": 64516,
            "10.255.0.8": 64516,
        }
    for spine in ("p1-spine1", "p1-spine2", "p2-spine1", "p2-spine2"):
        assert _sessions(stages[spine]) == {}


def test_three_stages_services(stages: Trees) -> None:
    assert _evpn_facts(stages["p1-leaf1"], "network-front", 20003) == (
        "10.255.0.3:20003",
        ["65000:20003"],
        ["65000:20003"],
    )
    assert _evpn_facts(stages["border1"], "prod", 30001)[0] == "10.255.0.1:30001"
    assert _evpn_facts(stages["p2-leaf2"], "prod", 30001)[0] == "10.255.0.8:30001"
    cluster = {name for name, tree in stages.items() if at(tree, f"{INSTANCE}[network-cluster]") is not None}
    assert cluster == {"p1-leaf1", "p1-leaf2", "p2-leaf2"}
    assert at(stages["p2-leaf2"], "interfaces/interface[Vlan130]") is None
    assert at(
        stages["p1-leaf2"], "interfaces/interface[Vlan120]/routed-vlan/ipv4/addresses/address[10.120.0.1]/config"
    ) == {
        "ip": "10.120.0.1",
        "prefix-length": 22,
    }


def test_three_stages_segments_and_peers(stages: Trees) -> None:
    for attachment, esi, system in (
        ("web1", "00000000000000000064", "02:00:00:00:00:64"),
        ("web2", "00000000000000000065", "02:00:00:00:00:65"),
    ):
        found = {
            name: at(tree, f"ethernet-segments/ethernet-segment[{attachment}]/config") for name, tree in stages.items()
        }
        members = {name: config for name, config in found.items() if config is not None}
        assert len(members) == 2
        for name, config in members.items():
            assert config["esi"] == esi
            lacp = at(stages[name], f"lacp/interfaces/interface[{config['interface']}]/config/system-id-mac")
            assert lacp == system
    assert _sessions(stages["border1"], "prod") == {"192.0.2.0": 64700}
    assert _sessions(stages["border2"], "prod") == {"192.0.2.2": 64700}
