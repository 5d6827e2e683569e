"""The fabric model itself: it mirrors the values, describes every node, and says in words what is wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from ruamel.yaml import YAML

from fabricd.errors import InputError, Problem
from fabricd.intent.documents import Document, DraftKind, parse_documents
from fabricd.intent.fabric import notation
from fabricd.intent.fabric.document import read_draft_fabric, read_fabric
from fabricd.intent.fabric.values import Fabric, natural
from fabricd.schema import ModelSet, Schema
from fabricd.schema.outline import Node, NodeKind

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((PROJECT / "config" / "examples").glob("*/fabric.yaml"))
YANG = PROJECT / "yang" / "fabricd" / "fabricd-fabric.yang"

GOOD = """\
underlay: {addressing: dual}
overlay: {type: evpn-vxlan}
devices:
  spine1: {role: spine}
  leaf1: {role: leaf}
  leaf2: {role: leaf}
  border1: {role: border-leaf}
links:
  spine1:Ethernet1 - leaf1:Ethernet1: {}
  spine1:Ethernet2 - leaf2:Ethernet1: {}
vrfs: {red: {vni: 50001}}
networks:
  web: {vlan: 10, vni: 10010, vrf: red, gateways: [10.1.0.1/24]}
  db: {vlan: 20}
attachments:
  server: {ports: [leaf1:Ethernet5, leaf2:Ethernet5], lag: lacp, network: web, tagged: [db]}
acls:
  web: {entries: {10: {permit: true, protocol: tcp, destination-port: 443}}}
prefix-sets:
  ten: {prefixes: [10.0.0.0/8 16..24]}
policies:
  in: {statements: [{name: ten, prefix-set: ten, accept: true}]}
peers:
  isp: {port: border1:Ethernet9, vrf: red, address: 192.0.2.1/31, peer: 192.0.2.0, peer-asn: 64999, import-policy: in}
static-routes:
  10.9.0.0/16 red: {next-hops: [192.0.2.0]}
traffic-classes:
  backup: {destination: 10.1.0.0/24}
paths:
  one: {traffic-class: backup, source: leaf1, destination: leaf2}
  two: {traffic-class: backup, source: leaf2, destination: leaf1, disjoint-from: one}
pools:
  loopbacks: {purpose: loopback-ipv4, prefixes: [10.255.0.0/24]}
  asns: {purpose: asn, ranges: [65001..65099]}
"""


@pytest.fixture(scope="module")
def schema() -> Iterator[Schema]:
    with Schema(ModelSet.fabric()) as schema:
        yield schema


def problems_of(schema: Schema, text: str) -> tuple[Problem, ...]:
    body = "".join(f"  {line}\n" for line in text.splitlines())
    document = Document("dc.yaml", f"kind: fabric\nname: dc\nfabric:\n{body}".encode())
    (draft,) = parse_documents([document], max_bytes=1 << 20, kinds=[DraftKind.FABRIC])
    with pytest.raises(InputError) as caught:
        read_draft_fabric(schema, draft)
    return caught.value.problems


def test_what_the_refusals_start_from_is_good(schema: Schema) -> None:
    fabric, _ = read_fabric(schema, YAML(typ="safe").load(GOOD), name="dc")
    assert [device.name for device in fabric.devices] == ["border1", "leaf1", "leaf2", "spine1"]


REFUSALS = [
    # (what is replaced, by what, path below container fabric, words of the message)
    ("vrf: red, gateways", "gateways", "networks[name='web']", "a gateway needs a VRF"),
    (", gateways: [10.1.0.1/24]}", "}", "networks[name='web']/vrf", "a network in a VRF needs a gateway"),
    (", lag: lacp", "", "attachments[name='server']/ports[.='leaf1:Ethernet5']", "ports on more than one device need"),
    (
        "ports: [leaf1:Ethernet5, leaf2:Ethernet5], lag: lacp",
        "ports: [leaf1:Ethernet5, leaf1:Ethernet6]",
        "attachments[name='server']/ports[.='leaf1:Ethernet5']",
        "more than one port on a device needs a LAG",
    ),
    ("tagged: [db]", "tagged: [web]", "attachments[name='server']/network", "untagged network may not be tagged"),
    ("tagged: [db]", "tagged: ['*', db]", "attachments[name='server']/tagged[.='*']", "all networks already"),
    ("tagged: [db]", "tagged: [dbx]", "attachments[name='server']/tagged[.='dbx']", "there is no network of this name"),
    ("network: web, tagged: [db]", "mtu: 9000", "attachments[name='server']", "needs a network, or tagged networks"),
    ("network: web,", "network: wbe,", "attachments[name='server']/network", "there is no network of this name"),
    ("network: web,", "network: web, acl-in: no,", "attachments[name='server']/acl-in", "there is no ACL"),
    ("network: web,", "network: web, esi: '1',", "attachments[name='server']/esi", "20 hexadecimal digits"),
    (
        "[leaf1:Ethernet5, leaf2:Ethernet5], lag: lacp",
        "[leaf1:Ethernet5], esi: '00000000000000000001'",
        "attachments[name='server']/esi",
        "an ESI is for ports on more than one device",
    ),
    ("lag: lacp", "lag: static, lacp-fast: true", "attachments[name='server']/lacp-fast", "fast LACP needs a LAG"),
    ("vrf: red, gateways", "vrf: green, gateways", "networks[name='web']/vrf", "there is no VRF of this name"),
    ("db: {vlan: 20}", "db: {vlan: 5000}", "networks[name='db']/vlan", "a VLAN id is a number from 1 to 4094"),
    ("db: {vlan: 20}", "db: {vlan: 10}", "networks[name='db']", "Unique data leaf(s) \"vlan\""),
    ("db: {vlan: 20}", "db: {}", "networks[name='db']/vlan", "Mandatory node"),
    ("db: {vlan: 20}", "db: {vlan: 20, mtu: 1500}", "networks[name='db']/mtu", "the network has none"),
    ("{red: {vni: 50001}}", "{red: {vni: 10010}}", "vrfs[name='red']/vni", "a network has this VNI already"),
    ("{red: {vni: 50001}}", "{red: , default: }", "vrfs[name='default']/name", "that of the underlay"),
    ("type: evpn-vxlan", "type: vlan", "vrfs[name='red']", "VRFs need an overlay of type evpn-vxlan"),
    ("addressing: dual", "addressing: ipv6", "underlay/addressing", "tunnel endpoints have IPv4 addresses"),
    ("addressing: dual", "asn-scheme: explicit", "devices[name='leaf1']", "every device needs an asn"),
    ("addressing: dual", "keepalive: 4", "underlay/keepalive", "at least three times the keepalive"),
    ("leaf1: {role: leaf}", "leaf1: {}", "devices[name='leaf1']/role", "Mandatory node"),
    ("leaf1: {role: leaf}", "leaf1: {role: leef}", "devices[name='leaf1']/role", 'Invalid enumeration value "leef"'),
    ("{role: spine}", "{role: spine, vtep-ipv4: 1.2.3.4}", "devices[name='spine1']/vtep-ipv4", "only leaves"),
    ("{role: spine}", "{role: spine, asn: 0}", "devices[name='spine1']/asn", "an AS number is a number from 1"),
    ("border1: {role", "'border 1': {role", "devices[name='border 1']/name", "a name has letters, digits"),
    ("Ethernet2 - leaf2:Ethernet1: {}", "Ethernet2 - spine1:Ethernet1:", "links[a='spine1:Ethernet2']"
     "[b='spine1:Ethernet1']", "both ends of the link are on the same device"),
    ("Ethernet1: {}", "Ethernet1: {ipv4: 10.0.0.0/30}", "links[a='spine1:Ethernet1'][b='leaf1:Ethernet1']/ipv4",
     "the IPv4 prefix of a link must be a /31"),
    ("Ethernet1: {}", "Ethernet1: {ipv6: '2001:db8::/64'}", "links[a='spine1:Ethernet1'][b='leaf1:Ethernet1']/ipv6",
     "the IPv6 prefix of a link must be a /127"),
    ("Ethernet1: {}", "Ethernet1: {ipv4: 10.0.0.1/31}", "links[a='spine1:Ethernet1'][b='leaf1:Ethernet1']/ipv4",
     "10.0.0.0/31 is meant"),
    ("- leaf2:Ethernet1", "- leaf9:Ethernet1", "links[a='spine1:Ethernet2'][b='leaf9:Ethernet1']/b",
     "there is no device 'leaf9'"),
    ("spine1:Ethernet2 - leaf2:Ethernet1", "spine1:Ethernet2", "links", "does not say A - B, the two ends"),
    ("10.1.0.1/24", "10.1.0.0/24", "networks[name='web']/gateways[.='10.1.0.0/24']", "address of the network itself"),
    ("10.1.0.1/24", "10.1.0.256/24", "networks[name='web']/gateways", "no IP address with a prefix length"),
    ("10.1.0.1/24", "2001:db8::1::1/64", "networks[name='web']/gateways[.='2001:db8::1::1/64']", "is no address"),
    ("protocol: tcp", "protocol: icmp", "acls[name='web']/entries[sequence='10']/destination-port",
     "ports need the protocol tcp or udp"),
    ("destination-port: 443", "destination-port: 443..80", "acls[name='web']/entries[sequence='10']/destination-port",
     "from the lower to the higher"),
    ("destination-port: 443", "destination-port: 70000", "acls[name='web']/entries[sequence='10']/destination-port",
     "a port is a number up to 65535"),
    ("destination-port: 443", "source: '2001:db8::/32'", "acls[name='web']/entries[sequence='10']",
     "not of the address family that the ACL filters"),
    ("16..24", "24..16", "prefix-sets[name='ten']/prefixes[prefix='10.0.0.0/8'][mask-range='24..16']/mask-range",
     "from the shorter length to the longer"),
    ("16..24", "16..33", "prefix-sets[name='ten']/prefixes[prefix='10.0.0.0/8'][mask-range='16..33']/mask-range",
     "longer than an address"),
    ("prefix-set: ten, accept: true", "accept: false, prepend: 1", "policies[name='in']/statements[name='ten']",
     "a statement that rejects a route cannot change it"),
    ("[{name: ten, prefix-set: ten, accept: true}]", "{ten: {accept: true}}", "policies[name='in']/statements",
     "the order of the entries counts"),
    ("import-policy: in", "import-policy: out", "peers[name='isp']/import-policy", "there is no policy of this name"),
    ("peer: 192.0.2.0", "peer: '2001:db8::1'", "peers[name='isp']", "not of the same address family"),
    ("border1:Ethernet9", "edge:Ethernet9", "peers[name='isp']/port", "there is no device 'edge'"),
    ("{next-hops: [192.0.2.0]}", "{}", "static-routes[prefix='10.9.0.0/16'][vrf='red']/next-hops", "Too few"),
    ("next-hops: [192.0.2.0]", "next-hops: ['2001:db8::1']",
     "static-routes[prefix='10.9.0.0/16'][vrf='red']/next-hops[.='2001:db8::1']", "not of the address family"),
    ("10.9.0.0/16 red", "10.9.0.0/16 rde", "static-routes[prefix='10.9.0.0/16'][vrf='rde']/vrf", "there is no VRF"),
    ("{destination: 10.1.0.0/24}", "{}", "traffic-classes[name='backup']", "at least one condition"),
    ("destination: leaf2}", "destination: leaf1}", "paths[name='one']", "from one device to another"),
    ("destination: leaf2}", "destination: leaf2, hops: [leaf1, spine1]}", "paths[name='one']", "first is the source"),
    ("destination: leaf2}", "destination: leaf2, hops: [leaf1, leaf2], via: spine1}", "paths[name='one']",
     "hops say the whole path"),
    ("destination: leaf2}", "destination: leaf2, avoid: spine7}", "paths[name='one']/avoid[.='spine7']",
     "there is no device of this name"),
    ("destination: leaf2}", "destination: leaf2, via: spine1, avoid: spine1}", "paths[name='one']/via[.='spine1']",
     "cannot go via what it avoids"),
    ("disjoint-from: one", "disjoint-from: two", "paths[name='two']/disjoint-from", "disjoint from itself"),
    ("disjoint-from: one", "disjoint-from: six", "paths[name='two']/disjoint-from", "there is no path of this name"),
    ("prefixes: [10.255.0.0/24]", "", "pools[name='loopbacks']", "a pool of addresses needs prefixes"),
    ("ranges: [65001..65099]", "", "pools[name='asns']", "a pool of numbers needs ranges"),
    ("65001..65099", "65099..65001", "pools[name='asns']/ranges[.='65099..65001']", "lower number to the higher"),
    ("[10.255.0.0/24]", "['2001:db8::/64']", "pools[name='loopbacks']/prefixes[.='2001:db8::/64']",
     "not of the address family that the purpose of the pool says"),
    ("traffic-classes:", "trafic-classes:", "trafic-classes", "not found"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path", "words"), REFUSALS, ids=[f"{at}-{one[3]}" for at, one in
                                                                         enumerate(REFUSALS)])  # fmt: skip
def test_what_is_wrong_is_said_in_words_with_its_place(
    schema: Schema, old: str, new: str, path: str, words: str
) -> None:
    assert old in GOOD
    found = problems_of(schema, GOOD.replace(old, new, 1))
    told = [problem for problem in found if problem.path == f"/fabricd-fabric:fabric/{path}"]
    assert told, found
    assert any(words in problem.message for problem in told), told
    changed = 4 + GOOD[: GOOD.index(old)].count("\n")
    assert all(problem.line for problem in found)
    assert all(problem.intent == "dc.yaml: dc" for problem in found)
    if new.strip("{}, "):  # of what is missing the nearest line above is told
        assert any(problem.line in (changed, told[0].line) for problem in told)


def test_the_model_mirrors_the_values() -> None:
    assert sorted(_names_of_values(Fabric, "")) == sorted(_names_of_model(notation.model(), ""))


def test_a_fabric_that_says_nothing_has_the_defaults_of_the_values(schema: Schema) -> None:
    """Defaults stand in the model for people and in the values for the program: the same ones."""
    for node, value in _leaves_with_defaults(notation.model(), Fabric("x")):
        assert node.defaults == (str(value).lower() if isinstance(value, bool) else str(value),), node.name
    assert read_fabric(schema, {}, name="x")[0] == Fabric("x")


def test_every_node_has_a_description() -> None:
    """A description that says no more than the name is none."""
    found = list(_statements(YANG.read_text()))
    assert len(found) > 150
    for keyword, name, body in found:
        said = body.partition("description")[2].partition(";")[0].strip().strip('"')
        assert len(said.split()) >= (1 if keyword == "enum" else 2), f"{keyword} {name}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_examples_are_good(schema: Schema, example: Path) -> None:
    (draft,) = parse_documents(
        [Document(str(example), example.read_bytes())], max_bytes=1 << 20, kinds=[DraftKind.FABRIC]
    )
    fabric, canonical = read_draft_fabric(schema, draft)
    assert read_fabric(schema, canonical, name=fabric.name) == (fabric, canonical)


def test_there_are_three_examples() -> None:
    assert [path.parent.name for path in EXAMPLES] == ["evpn", "routed", "three-stage"]


def test_names_sort_as_people_count() -> None:
    assert sorted(["leaf10", "leaf2", "leaf02", "leaf", "a2b10", "a2b9"], key=natural) == [
        "a2b9", "a2b10", "leaf", "leaf02", "leaf2", "leaf10",
    ]  # fmt: skip


def _names_of_values(kind: Any, place: str) -> Iterator[str]:
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if (kind.__name__, field.name) == ("Fabric", "name"):
            continue  # the document's
        here = f"{place}/{field.name.replace('_', '-')}"
        yield here
        inner = get_args(hints[field.name])[0] if get_origin(hints[field.name]) is tuple else hints[field.name]
        if here == "/prefix-sets/prefixes":
            yield from (f"{here}/prefix", f"{here}/mask-range")
        elif dataclasses.is_dataclass(inner) and inner.__name__ != "Port":
            yield from _names_of_values(inner, here)


def _names_of_model(node: Node, place: str) -> Iterator[str]:
    for child in node.children:
        here = f"{place}/{child.name}"
        yield here
        yield from _names_of_model(child, here)


def _leaves_with_defaults(node: Node, value: Any) -> Iterator[tuple[Node, Any]]:
    for child in node.children:
        held = getattr(value, child.name.replace("-", "_"))
        if child.kind is NodeKind.CONTAINER:
            yield from _leaves_with_defaults(child, held)
        elif child.kind is NodeKind.LEAF and child.defaults:
            yield child, held


def _statements(text: str) -> Iterator[tuple[str, str, str]]:
    """Every data node, typedef and explained enum with the text up to the next one of them."""
    keywords = ("container ", "list ", "leaf ", "leaf-list ", "typedef ", "enum ")
    lines = text.splitlines()
    at = [index for index, line in enumerate(lines) if line.strip().startswith(keywords) and line.endswith("{")]
    for index in at:
        indent = len(lines[index]) - len(lines[index].lstrip())
        end = next(i for i in range(index + 1, len(lines)) if lines[i] == " " * indent + "}")
        own = [line for line in lines[index:end] if line.startswith(" " * (indent + 2))]
        keyword, name, _ = lines[index].split()[:3]
        mine = "\n".join(
            line for line in own if len(line) - len(line.lstrip()) == indent + 2 or line.startswith(" " * (indent + 4))
        )
        start = mine.find("\n" + " " * (indent + 2) + "description")
        start = 0 if mine.startswith(" " * (indent + 2) + "description") else start
        yield keyword, name, mine[start:] if start >= 0 else ""
