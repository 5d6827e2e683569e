"""The examples compile to what is written down beside them, whole sets of facts, and every tree is valid everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_interface
from typing import Any

import orjson
import pytest
from golden_facts import EVPN, ROUTED, THREE_STAGE, Facts
from golden_trees import Tree, bare, compiled

from fabricd.schema import ModelSet, Schema

FACTS = {"routed": ROUTED, "evpn": EVPN, "three-stage": THREE_STAGE}
INSTANCES = "network-instances/network-instance"
BGP = "protocols/protocol[BGP,BGP]/bgp"
PROTOCOLS = {"IP_TCP": "tcp", "IP_UDP": "udp", "58": "icmpv6"}


@pytest.fixture(params=FACTS)
def example(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def facts(example: str) -> Facts:
    return FACTS[example]


@pytest.fixture
def trees(example: str) -> dict[str, Tree]:
    return {name: Tree(name, orjson.loads(tree)) for name, tree in compiled(example).trees.items()}


def ends(facts: Facts, device: str) -> Iterator[tuple[str, str, list[str], list[str]]]:
    """Port, peer device, own and the peer's addresses, for each link of a device."""
    for link in facts.links:
        a, b, *addresses = link.split()
        for near, far, place in ((a, b, 0), (b, a, 1)):
            name, port = near.split(":")
            if name == device:
                yield port, far.split(":")[0], addresses[place::2], addresses[1 - place :: 2]


def networks_of(facts: Facts, device: str) -> set[str]:
    return {name for name, (*_, places) in facts.networks.items() if device in places.split()}


def vrfs_of(facts: Facts, device: str) -> set[str]:
    return {name for name, (_, places) in facts.vrfs.items() if device in places.split()}


# Devices and links


def test_every_address_is_the_one_written_down_and_there_is_no_other(facts: Facts, trees: dict[str, Tree]) -> None:
    assert set(trees) == set(facts.devices)
    for device, tree in trees.items():
        _, loopback, loopback6, vtep = facts.devices[device]
        expected = {("Loopback0.0", f"{loopback}/32")}
        expected |= {("Loopback0.0", f"{loopback6}/128")} if loopback6 else set()
        expected |= {("Loopback1.0", f"{vtep}/32")} if vtep else set()
        for port, _, addresses, _ in ends(facts, device):
            lengths = (31, 127)
            expected |= {(f"{port}.0", f"{one}/{length}") for one, length in zip(addresses, lengths, strict=False)}
        for name in networks_of(facts, device):
            vlan, _, _, gateways, _ = facts.networks[name]
            expected |= {(f"Vlan{vlan}", gateway) for gateway in gateways}
        expected |= {(f"{port}.{vlan}", own) for at, port, vlan, _, own, *_ in facts.peers if at == device}
        found = set()
        for interface in tree.entries("interfaces/interface"):
            units = tree.entries("subinterfaces/subinterface", interface)
            holders = [(f"{interface['name']}.{unit['index']}", unit) for unit in units]
            holders.append((interface["name"], tree.at("routed-vlan", interface) or {}))
            for place, holder in holders:
                for family in ("ipv4", "ipv6"):
                    for entry in tree.entries(f"{family}/addresses/address", holder):
                        found.add((place, f"{entry['config']['ip']}/{entry['config']['prefix-length']}"))
        assert found == expected, device


def test_fabric_ports(example: str, facts: Facts, trees: dict[str, Tree]) -> None:
    for device, tree in trees.items():
        ports = [port for port, *_ in ends(facts, device)]
        for port in ports:
            assert tree.at(f"interfaces/interface[{port}]/config/mtu") == 9214
            assert tree.at(f"interfaces/interface[{port}]/config/enabled") is True
            speed = tree.at(f"interfaces/interface[{port}]/ethernet/config/port-speed")
            fast = example == "routed" and (device, port) in {("spine2", "Ethernet4"), ("leaf4", "Ethernet2")}
            assert speed == ("openconfig-if-ethernet:SPEED_100GB" if fast else None)
        sessions = {
            entry["id"]: (
                entry["config"]["desired-minimum-tx-interval"],
                entry["config"]["required-minimum-receive"],
                entry["config"]["detection-multiplier"],
            )
            for entry in tree.entries("bfd/interfaces/interface")
            if entry["id"] in ports
        }
        micro = facts.bfd and (facts.bfd[0] * 1000, facts.bfd[0] * 1000, facts.bfd[1])
        assert sessions == (dict.fromkeys(ports, micro) if micro else {})


def test_bgp_neighbours_are_those_written_down_and_no_others(facts: Facts, trees: dict[str, Tree]) -> None:
    for device, tree in trees.items():
        asn, loopback, *_ = facts.devices[device]
        expected: dict[str, dict[str, int]] = {"default": dict(facts.overlay.get(device, {}))}
        for _, peer, _, addresses in ends(facts, device):
            expected["default"] |= dict.fromkeys(addresses, facts.devices[peer][0])
        for at, _, _, vrf, _, peer, peer_asn, *_ in facts.peers:
            if at == device:
                expected.setdefault(vrf, {})[peer] = peer_asn
        found: dict[str, dict[str, int]] = {}
        for instance in tree.entries(INSTANCES):
            process = tree.at(BGP, instance)
            if process is None:
                continue
            assert process["global"]["config"] == {"as": asn, "router-id": loopback}
            neighbours = tree.entries("neighbors/neighbor", process)
            if neighbours:
                found[instance["name"]] = {one["neighbor-address"]: one["config"]["peer-as"] for one in neighbours}
        assert found == expected, device


def test_how_the_underlay_and_the_overlay_speak(facts: Facts, trees: dict[str, Tree]) -> None:
    for device, tree in trees.items():
        process = tree.at(f"{INSTANCES}[default]/{BGP}")
        for afi in tree.entries("global/afi-safis/afi-safi", process):
            if bare(afi["afi-safi-name"]) != "L2VPN_EVPN":
                assert tree.at("use-multiple-paths/ebgp/config/maximum-paths", afi) == 64
        groups = {one["peer-group-name"]: one for one in process["peer-groups"]["peer-group"]}
        assert ("overlay" in groups) == (device in facts.overlay)
        is_leaf = bool(networks_of(facts, device) or vrfs_of(facts, device))
        for name, group in groups.items():
            allowed = tree.at("as-path-options/config/allow-own-as", group)
            assert allowed == (1 if facts.shared_asn and is_leaf else None), (device, name)
            if name == "overlay":
                assert tree.at("transport/config/local-address", group) == facts.devices[device][1]
                # No policy by name: nothing touches the next hop of what passes.
                accepted = {"default-import-policy": "ACCEPT_ROUTE", "default-export-policy": "ACCEPT_ROUTE"}
                assert tree.at("afi-safis/afi-safi[L2VPN_EVPN]/apply-policy/config", group) == accepted
                assert tree.at("apply-policy", group) is None
            else:
                assert group["timers"]["config"] == {"hold-time": 9, "keepalive-interval": 3}


# Networks and VRFs


def test_networks_and_vrfs_have_their_numbers_where_they_belong(facts: Facts, trees: dict[str, Tree]) -> None:
    for device, tree in trees.items():
        router = facts.devices[device][1]
        wanted: dict[str, tuple[str, str, list[str]]] = {}
        for name in networks_of(facts, device):
            vni = facts.networks[name][1]
            wanted |= {f"network-{name}": (str(vni), f"{router}:{vni}", [f"65000:{vni}"])} if vni else {}
        for name in vrfs_of(facts, device):
            vni = facts.vrfs[name][0]
            wanted[name] = (str(vni), f"{router}:{vni}", [f"65000:{vni}"])
        found = {}
        for instance in tree.entries(INSTANCES):
            for one in tree.entries("evpn/evpn-instances/evpn-instance", instance):
                targets = one["import-export-policy"]["config"]
                assert targets["import-route-target"] == targets["export-route-target"]
                distinguisher = one["config"]["route-distinguisher"]
                found[instance["name"]] = (str(one["evi"]), distinguisher, targets["import-route-target"])
                assert one["vxlan"]["config"]["vni"] == int(one["evi"])
        assert found == wanted, device
        assert tree.names(INSTANCES) == {"default", *wanted}
        endpoint = f"{INSTANCES}[default]/connection-points/connection-point[vxlan]/endpoints/endpoint[vtep]/vxlan"
        vnis = tree.names(f"{endpoint}/local-endpoint-vnis/local-endpoint-vni")
        assert vnis == {vni for vni, *_ in wanted.values()}
        assert tree.at(f"{endpoint}/config/source-interface") == ("Loopback1" if wanted else None)


def test_vlans_and_gateways_are_in_the_right_tables(example: str, facts: Facts, trees: dict[str, Tree]) -> None:
    mac = {"evpn": "02:00:5e:00:00:01"}
    for device, tree in trees.items():
        for name in networks_of(facts, device):
            vlan, vni, vrf, gateways, _ = facts.networks[name]
            bridge = f"network-{name}" if vni else "default"
            assert str(vlan) in tree.names(f"{INSTANCES}[{bridge}]/vlans/vlan")
            table = f"{INSTANCES}[{vrf or 'default'}]/interfaces/interface"
            assert (f"Vlan{vlan}" in tree.names(table)) == bool(gateways)
            if example in mac:
                assert tree.at(f"{INSTANCES}[{bridge}]/fdb/config/anycast-gateway-mac") == mac[example]
        interfaces = {name for name in tree.names("interfaces/interface") if name.startswith("Vlan")}
        assert interfaces == {f"Vlan{facts.networks[n][0]}" for n in networks_of(facts, device) if facts.networks[n][3]}


# What is attached


def test_ports_of_servers(facts: Facts, trees: dict[str, Tree]) -> None:
    found = {}
    for device, tree in trees.items():
        for port in tree.entries("interfaces/interface"):
            bundle = tree.at("ethernet/config/aggregate-id", port)
            vlans = tree.at("ethernet/switched-vlan/config", port)
            if bundle:
                assert tree.at(f"interfaces/interface[{bundle}]/aggregation/config/lag-type") == "LACP"
                vlans = tree.at(f"interfaces/interface[{bundle}]/aggregation/switched-vlan/config")
            if vlans is None:
                continue
            text = f"access {vlans['access-vlan']}" if vlans["interface-mode"] == "ACCESS" else "trunk "
            text += ",".join(map(str, vlans.get("trunk-vlans", ())))
            text += f" native {vlans['native-vlan']}" if "native-vlan" in vlans else ""
            found[f"{device}:{port['name']}"] = (f"lacp {text}" if bundle else text, port["config"]["mtu"])
    assert found == facts.edges


def test_bundles_and_segments(facts: Facts, trees: dict[str, Tree]) -> None:
    for bundle in facts.bundles:
        ids = {
            trees[port.split(":")[0]].at(f"interfaces/interface[{port.split(':')[1]}]/ethernet/config/aggregate-id")
            for port in bundle.split()
        }
        assert len(ids) == 1
        assert None not in ids
    found: dict[str, tuple[str, str, str, set[str]]] = {}
    for device, tree in trees.items():
        for segment in tree.entries("ethernet-segments/ethernet-segment"):
            config = segment["config"]
            assert bare(config["redundancy-mode"]) == "ALL_ACTIVE"
            lacp = tree.at(f"lacp/interfaces/interface[{config['interface']}]/config")
            members = {
                f"{device}:{port['name']}"
                for port in tree.entries("interfaces/interface")
                if tree.at("ethernet/config/aggregate-id", port) == config["interface"]
            }
            facts_of_it = (config["esi"], lacp["system-id-mac"], lacp["interval"])
            *before, ports = found.setdefault(segment["name"], (*facts_of_it, set()))
            assert tuple(before) == facts_of_it, "both ends of a segment agree"
            ports |= members
    assert found == {name: (*one[:3], set(one[3].split())) for name, one in facts.segments.items()}


def _match(tree: Tree, entry: Any) -> str:
    ip = tree.at("ipv4/config", entry) or tree.at("ipv6/config", entry) or {}
    ports = tree.at("transport/config", entry) or {}
    assert not set(ip) - {"source-address", "destination-address", "protocol"}
    assert not set(ports) - {"destination-port"}
    kind = bare(ip.get("protocol", ""))
    text = f"{PROTOCOLS[kind]} " if kind else ""
    text += f"{ip.get('source-address', 'any')} to {ip.get('destination-address', 'any')}"
    return text + (f" port {ports['destination-port']}" if ports else "")


def test_filters(facts: Facts, trees: dict[str, Tree]) -> None:
    for device, tree in trees.items():
        wanted = {name for name, (places, _) in facts.filters.items() if device in places.split()}
        sets = {one["name"]: one for one in tree.entries("acl/acl-sets/acl-set")}
        assert set(sets) == wanted
        for name, one in sets.items():
            entries = []
            for entry in one["acl-entries"]["acl-entry"]:
                actions = entry["actions"]["config"]
                text = f"{entry['sequence-id']} {bare(actions['forwarding-action'])} {_match(tree, entry)}"
                entries.append(f"{text}, logged" if bare(actions.get("log-action", "")) == "LOG_SYSLOG" else text)
            assert tuple(entries) == facts.entries[name]
            assert bare(one["type"]) == ("ACL_IPV6" if name.endswith("-6") else "ACL_IPV4")
        bound = set()
        for interface in tree.entries("acl/interfaces/interface"):
            ports = {
                port["name"]
                for port in tree.entries("interfaces/interface")
                if interface["id"] in (port["name"], tree.at("ethernet/config/aggregate-id", port))
                and port["name"].startswith("Ethernet")
            }
            for side, way in (("ingress", "in"), ("egress", "out")):
                for one in tree.entries(f"{side}-acl-sets/{side}-acl-set", interface):
                    bound |= {(one["set-name"], f"{way} {port}") for port in ports}
        assert bound == {(name, facts.filters[name][1]) for name in wanted}


# The world outside


def test_peers_and_their_policies(facts: Facts, trees: dict[str, Tree]) -> None:
    for device, port, vlan, vrf, _, peer, _, imported, exported, bfd in facts.peers:
        tree = trees[device]
        found = tree.at(f"{INSTANCES}[{vrf}]/{BGP}/neighbors/neighbor[{peer}]")
        assert found["apply-policy"]["config"] == {
            "import-policy": [imported],
            "export-policy": [exported],
            "default-import-policy": "REJECT_ROUTE",
            "default-export-policy": "REJECT_ROUTE",
        }
        assert tree.at("enable-bfd/config/enabled", found) == (True if bfd else None)
        unit = f"interfaces/interface[{port}]/subinterfaces/subinterface[{vlan}]"
        assert tree.at(f"{unit}/vlan/match/single-tagged/config/vlan-id") == (vlan or None)
        assert f"{port}.{vlan}" in tree.names(f"{INSTANCES}[{vrf}]/interfaces/interface")


def test_routing_policies(facts: Facts, trees: dict[str, Tree]) -> None:
    for device, tree in trees.items():
        sets = tree.at("routing-policy/defined-sets")
        found = {}
        for one in tree.entries("routing-policy/policy-definitions/policy-definition"):
            if one["name"].startswith("fabric-"):  # the compiler's own, for what is announced in the underlay
                continue
            statements = []
            for statement in one["statements"]["statement"]:
                conditions = []
                prefixes = tree.at("conditions/match-prefix-set/config/prefix-set", statement)
                if prefixes:
                    members = tree.entries(f"prefix-sets/prefix-set[{prefixes}]/prefixes/prefix", sets)
                    conditions += ["prefix", *(f"{p['ip-prefix']} {p['masklength-range']}" for p in members)]
                communities = tree.at("conditions/bgp-conditions/match-community-set/config/community-set", statement)
                if communities:
                    held = tree.at(f"bgp-defined-sets/community-sets/community-set[{communities}]/config", sets)
                    conditions += ["community", *held["community-member"]]
                actions = tree.at("actions/bgp-actions", statement) or {}
                sets_what = {
                    "local preference": tree.at("config/set-local-pref", actions),
                    "prepend": tree.at("set-as-path-prepend/config/repeat-n", actions),
                    "add community": " ".join(tree.at("set-community/inline/config/communities", actions) or ()),
                }
                assert tree.at("set-community/config/options", actions) in (None, "ADD")
                said = " ".join(f"{name} {value}" for name, value in sets_what.items() if value)
                statements.append((" ".join(conditions), tree.at("actions/config/policy-result", statement), said))
            found[one["name"]] = tuple(statements)
        assert found == (facts.policies if device in facts.policy_devices.split() else {}), device


def test_static_routes_and_paths(facts: Facts, trees: dict[str, Tree]) -> None:
    for device, tree in trees.items():
        statics, rules = set(), []
        for instance in tree.entries(INSTANCES):
            for route in tree.entries("protocols/protocol[STATIC,STATIC]/static-routes/static", instance):
                hops = [bare(hop["config"]["next-hop"]) for hop in route["next-hops"]["next-hop"]]
                statics.add(f"{instance['name']} {route['prefix']} by {' '.join(hops)}")
            forwarding = tree.at("policy-forwarding", instance) or {}
            for bound in tree.entries("interfaces/interface", forwarding):
                policy = bound["config"]["apply-forwarding-policy"]
                for rule in tree.entries(f"policies/policy[{policy}]/rules/rule", forwarding):
                    action = rule["action"]["config"]
                    hop = action.get("next-hop") or ("drop" if action["discard"] else "")
                    rules.append(f"{bound['interface-ref']['config']['interface']}: {_match(tree, rule)} -> {hop}")
        assert statics == set(facts.statics.get(device, ())), device
        assert tuple(rules) == facts.rules.get(device, ()), device


def test_system_services(facts: Facts, trees: dict[str, Tree]) -> None:
    for device, tree in trees.items():
        assert tree.at("system/config/hostname") == device
        found = {
            "domain": tree.at("system/config/domain-name"),
            "dns": [one["address"] for one in tree.entries("system/dns/servers/server")],
            "ntp": [one["address"] for one in tree.entries("system/ntp/servers/server")],
            "syslog": [one["host"] for one in tree.entries("system/logging/remote-servers/remote-server")],
            "banner": tree.at("system/config/login-banner"),
            "timezone": tree.at("system/clock/config/timezone-name"),
        }
        assert {name: value for name, value in found.items() if value} == facts.system


# Validity


@pytest.fixture(scope="module", params=["managed", "release"])
def models(request: pytest.FixtureRequest) -> Iterator[Schema]:
    if request.param == "managed":
        chosen = ModelSet.managed()
    else:
        chosen = ModelSet.from_directory("release", request.getfixturevalue("openconfig_release"))
    with Schema(chosen) as schema:
        yield schema


def test_every_tree_is_valid(models: Schema, example: str) -> None:
    for device, tree in compiled(example).trees.items():
        config = models.read(tree, source=device)
        models.validate(config, device=device)
        assert all(str(ip_interface(a)) == a for a in _addresses(orjson.loads(config)))


def _addresses(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if "ip" in tree and "prefix-length" in tree:
            yield f"{tree['ip']}/{tree['prefix-length']}"
        tree = list(tree.values())
    if isinstance(tree, list):
        for value in tree:
            yield from _addresses(value)
