"""Fabrics made by programs: checked as they are built, and the same as those that people write."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from fabricd.errors import InputError
from fabricd.intent.documents import Document, DraftKind, parse_documents
from fabricd.intent.fabric.document import read_draft_fabric
from fabricd.intent.fabric.values import Fabric, Role
from fabricd.schema import ModelSet, Schema
from fabricd.sdk import FabricDocument

PROJECT = Path(__file__).resolve().parents[2]


def small() -> FabricDocument:
    fabric = FabricDocument("dc1", owner="netops", priority=200)
    fabric.overlay("evpn-vxlan", arp_suppression=False)
    fabric.settings("underlay.bfd", enabled=True, interval=100)
    fabric.pool("asns", "asn", ranges=["65001..65099", "65200"])
    fabric.device("spine1", Role.SPINE)
    fabric.device("leaf1", "leaf").rack = "r1"
    fabric.link("spine1:Ethernet1", "leaf1:Ethernet1", mtu=9000)
    fabric.network("web", 10)
    fabric.attachment("server", "leaf1:Ethernet5", network="web")
    return fabric


def read(content: bytes) -> Fabric:
    (draft,) = parse_documents([Document("dc.json", content)], max_bytes=1 << 25, kinds=[DraftKind.FABRIC])
    assert (draft.name, draft.owner, draft.priority) == ("dc1", "netops", 200)
    with Schema(ModelSet.fabric()) as schema:
        return read_draft_fabric(schema, draft)[0]


def test_what_is_built_is_what_is_read() -> None:
    fabric = read(small().document())
    assert fabric == small().check()
    assert fabric.underlay.bfd.interval == 100
    assert fabric.overlay.arp_suppression is False
    assert fabric.pools[0].ranges == ((65001, 65099), (65200, 65200))
    assert [device.rack for device in fabric.devices] == ["r1", ""]
    assert fabric.links[0].mtu == 9000


def test_a_value_that_its_type_does_not_allow_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="5000 is not allowed here") as caught:
        small().network("db", 5000)
    assert caught.value.path == "/fabricd-fabric:fabric/networks[db]/vlan"


def test_a_leaf_that_is_not_there_and_a_name_that_is_taken_are_refused() -> None:
    fabric = small()
    with pytest.raises(InputError, match="the model has no such leaf"):
        fabric.device("leaf2", "leaf", hight=3)
    with pytest.raises(InputError, match="'leaf1' is there already"):
        fabric.device("leaf1", "leaf")


def test_rules_of_the_whole_are_told_by_check() -> None:
    fabric = small()
    fabric.attachment("double", "leaf1:Ethernet6", "leaf1:Ethernet7", network="web")
    with pytest.raises(InputError, match="more than one port on a device needs a LAG"):
        fabric.check()


@pytest.mark.slow
def test_the_example_builds_a_fabric_of_200_switches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = PROJECT / "config" / "examples" / "sdk" / "two_hundred_switches.py"
    monkeypatch.setattr(sys, "argv", [str(program), str(tmp_path / "fabric.json")])
    runpy.run_path(str(program), run_name="__main__")
    document = Document("fabric.json", (tmp_path / "fabric.json").read_bytes())
    (draft,) = parse_documents([document], max_bytes=1 << 25, kinds=[DraftKind.FABRIC])
    with Schema(ModelSet.fabric()) as schema:
        fabric, _ = read_draft_fabric(schema, draft)
    assert (len(fabric.devices), len(fabric.links), len(fabric.attachments)) == (200, 1536, 96)
