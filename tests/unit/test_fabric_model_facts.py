"""The tables of FACTS.md, written by hand from the rules, against what the compiler makes of each example."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from fabricd.intent.documents import Document, DraftKind, parse_documents
from fabricd.intent.fabric.compile import CompiledFabric, compile_fabric
from fabricd.intent.fabric.document import read_draft_fabric
from fabricd.schema import ModelSet, Schema

EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples"
NAMES = ("routed", "evpn", "three-stage")
Row = dict[str, str]


@cache
def compiled(name: str) -> CompiledFabric:
    document = Document(name, (EXAMPLES / name / "fabric.yaml").read_bytes())
    (draft,) = parse_documents([document], max_bytes=1 << 20, kinds=[DraftKind.FABRIC])
    with Schema(ModelSet.fabric()) as schema:
        fabric, _ = read_draft_fabric(schema, draft)
    return compile_fabric(fabric)


def facts(name: str, first_column: str) -> list[Row]:
    """The rows of the table whose first column has that heading; `none` is empty, remarks in brackets are left out."""
    lines = (EXAMPLES / name / "FACTS.md").read_text().splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
    rows: list[Row] = []
    headings = _cells(lines[start])
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(headings, _cells(line), strict=True)))
    return rows


def _cells(line: str) -> list[str]:
    cells = (re.sub(r" \([a-z]+\)$", "", cell.strip()) for cell in line.strip("|").split("|"))
    return ["" if cell == "none" else cell for cell in cells]


@pytest.mark.parametrize("name", NAMES)
def test_devices_have_the_numbers_of_the_table(name: str) -> None:
    found = compiled(name).resolved
    told = facts(name, "device")
    assert [row["device"] for row in told] == list(found.devices)
    for row in told:
        device = found.devices[row["device"]]
        loopback = row.get("loopback = router id") or row.get("IPv4 loopback = router id")
        assert (row["AS"], loopback) == (str(device.asn), device.router_id)
        assert loopback == device.loopback_ipv4
        assert row.get("IPv6 loopback", "") == device.loopback_ipv6
        assert row.get("tunnel endpoint", "") == device.vtep_ipv4
        if row.get("networks") not in (None, "all four"):
            assert row["networks"] == ", ".join(network.name for network in device.networks)
            assert row["VRFs"] == ", ".join(vrf.name for vrf in device.vrfs)


@pytest.mark.parametrize("name", NAMES)
def test_links_have_the_addresses_of_the_table(name: str) -> None:
    told = facts(name, "a")
    ends = [(link.a, link.b) for link in compiled(name).resolved.links]
    assert [(row["a"], row["b"]) for row in told] == [(str(a.port), str(b.port)) for a, b in ends]
    assert [(row["IPv4 a"], row["IPv4 b"]) for row in told] == [(a.ipv4, b.ipv4) for a, b in ends]
    assert [(row.get("IPv6 a", ""), row.get("IPv6 b", "")) for row in told] == [(a.ipv6, b.ipv6) for a, b in ends]


@pytest.mark.parametrize("name", NAMES)
def test_neighbours_are_the_other_ends_of_the_links(name: str) -> None:
    found = compiled(name)
    numbers = {row["device"]: row["AS"] for row in facts(name, "device")}
    for row in facts(name, "a"):
        for own, other in (("a", "b"), ("b", "a")):
            tree = found.trees[row[own].partition(":")[0]].decode()
            for family in ("IPv4", "IPv6"):
                if f"{family} a" in row:
                    address = row[f"{family} {other}"]
                    (neighbour,) = re.findall(
                        rf'\{{"config":\{{[^{{}}]*"neighbor-address":"{address}"[^{{}}]*\}}', tree
                    )
                    assert f'"peer-as":{numbers[row[other].partition(":")[0]]}' in neighbour


@pytest.mark.parametrize("name", ["evpn", "three-stage"])
def test_networks_have_the_numbers_of_the_table(name: str) -> None:
    found = compiled(name)
    assert facts(name, "network")
    for row in facts(name, "network"):
        assert str(found.resolved.vnis[row["network"]]) == row["VNI"]
        trees = {device: tree.decode() for device, tree in found.trees.items() if row["route target"] in tree.decode()}
        where = {device.name for device in found.resolved.devices.values() for one in device.networks
                 if one.name == row["network"]}  # fmt: skip
        assert set(trees) == where
        if "where" in row:
            assert ", ".join(sorted(where)) == row["where"]
        for heading, expected in row.items():
            if heading.startswith("RD on ") and expected:
                assert f'"{expected}"' in trees[heading.removeprefix("RD on ")]


def test_vrfs_and_segments_have_the_numbers_of_the_table() -> None:
    found = compiled("evpn")
    for row in facts("evpn", "VRF"):
        assert str(found.resolved.l3_vnis[row["VRF"]]) == row["L3 VNI"]
        for device in ("border1", "leaf3"):
            tree = found.trees[device].decode()
            assert f'"{row["route target"]}"' in tree
            assert f'"{row[f"RD on {device}"]}"' in tree
    segments = {row["attachment"]: row["ESI"] for row in facts("evpn", "attachment") if row["ESI"]}
    assert dict(found.resolved.segments) == segments
    for row in facts("evpn", "attachment"):
        if row["ESI"]:
            for port in row["ports"].split(", "):
                assert f'"{row["ESI"]}"' in found.trees[port.partition(":")[0]].decode()
