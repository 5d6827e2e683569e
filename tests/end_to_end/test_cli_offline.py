"""fabricctl without a daemon, run as people and their CI run it: compile, check, path show, topology."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from northbound_harness import COMMANDS

from fabricd.intent import Document, compile_device, parse_documents
from fabricd.intent.documents import DraftKind
from fabricd.intent.layers import FABRIC_MODELS, Fabrics, read_fabric_draft
from fabricd.model.device import Device, Protocol
from fabricd.schema import ModelSet, Schema
from fabricd.settings import data_folder
from fabricd.southbound.profiles import load_profiles

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "config" / "examples"
ROUTED = EXAMPLES / "routed" / "fabric.yaml"


def fabricctl(*arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    # An address where nothing answers: these commands must not ask.
    environment = {**os.environ, "FABRICD_ADDRESS": "unix:/nonexistent/fabricd.sock", "NO_COLOR": "1"}
    ran = subprocess.run(
        [COMMANDS / "fabricctl", *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )
    assert "Traceback" not in ran.stderr
    return ran


def changed(folder: Path, old: str, new: str) -> Path:
    """The routed example with one thing changed."""
    text = ROUTED.read_text()
    assert old in text
    file = folder / "fabric.yaml"
    file.write_text(text.replace(old, new))
    return file


def rules(trees: Path, device: str) -> dict[str, dict[int, object]]:
    """Next hops or discard by policy and sequence number."""
    (instance,) = (
        one
        for one in json.loads((trees / f"{device}.json").read_text())["openconfig-network-instance:network-instances"][
            "network-instance"
        ]
        if one["name"] == "default"
    )
    return {
        policy["policy-id"]: {
            rule["sequence-id"]: rule["action"]["config"].get("next-hop", "discard") for rule in policy["rules"]["rule"]
        }
        for policy in instance.get("policy-forwarding", {}).get("policies", {}).get("policy", ())
    }


# compile


def test_one_valid_document_for_each_device(tmp_path: Path) -> None:
    ran = fabricctl("compile", ROUTED, "--out", tmp_path / "trees")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == f"6 devices in {tmp_path / 'trees'}\n"
    files = sorted((tmp_path / "trees").iterdir())
    assert [file.name for file in files] == [f"{name}.json" for name in
                                             ("leaf1", "leaf2", "leaf3", "leaf4", "spine1", "spine2")]  # fmt: skip
    with Schema(ModelSet.managed()) as schema:
        for file in files:
            tree = file.read_bytes()
            schema.validate(tree)
            assert schema.canonical(tree) == tree


def test_the_path_of_the_example_is_told_to_its_switches(tmp_path: Path) -> None:
    assert fabricctl("compile", ROUTED.parent, "--out", tmp_path).returncode == 0
    # As FACTS.md has it; and back to leaf3 when leaf4 cannot be reached.
    assert rules(tmp_path, "leaf3") == {"paths-from-here": {10: "10.254.0.12"}}
    assert rules(tmp_path, "spine2") == {"paths-from-Ethernet3": {10: "10.254.9.1", 20: "10.254.0.13"}}
    assert rules(tmp_path, "leaf1") == rules(tmp_path, "leaf4") == rules(tmp_path, "spine1") == {}


def test_the_bytes_are_those_that_the_daemon_stores(tmp_path: Path) -> None:
    assert fabricctl("compile", ROUTED, "--out", tmp_path).returncode == 0
    (draft,) = parse_documents([Document("x", ROUTED.read_bytes())], max_bytes=1 << 20, kinds=tuple(DraftKind))
    fabrics, profile = Fabrics(), load_profiles(data_folder("config") / "profiles")["openconfig"]
    with Schema(FABRIC_MODELS) as schema:
        layers = fabrics.layers(schema, fabrics.numbered(schema, read_fabric_draft(schema, draft), b"{}"))
    with Schema(ModelSet.managed()) as schema:
        for name, layer in layers.items():
            device = Device(name, "192.0.2.1", 57400, Protocol.NETCONF, profile)
            assert compile_device(schema, device, [layer], 7).config == (tmp_path / f"{name}.json").read_bytes()


def test_compiling_twice_gives_the_same_bytes_from_yaml_and_standard_input(tmp_path: Path) -> None:
    assert fabricctl("compile", ROUTED, "--out", tmp_path / "a").returncode == 0
    assert fabricctl("compile", "-", "--out", tmp_path / "b", given=ROUTED.read_text()).returncode == 0
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_a_configuration_of_higher_priority_wins_leaf_by_leaf(tmp_path: Path) -> None:
    more = {
        "kind": "config", "name": "more", "priority": 200, "devices": ["leaf1", "extra"],
        "config": {"openconfig-system:system": {"config": {"login-banner": "closed"}}},
    }  # fmt: skip
    (tmp_path / "more.json").write_text(json.dumps(more))
    assert fabricctl("compile", ROUTED, tmp_path / "more.json", "--out", tmp_path / "out").returncode == 0
    first = json.loads((tmp_path / "out" / "leaf1.json").read_text())["openconfig-system:system"]["config"]
    assert (first["login-banner"], first["hostname"]) == ("closed", "leaf1")
    assert set(json.loads((tmp_path / "out" / "extra.json").read_text())) == {"openconfig-system:system"}


def test_numbers_stay_when_they_are_kept(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    assert fabricctl("compile", ROUTED, "--out", tmp_path / "a", "--numbers", numbers).returncode == 0
    # A leaf that sorts before all others would shift every number that is handed out anew.
    grown = changed(tmp_path, "  devices:\n", "  devices:\n    aleaf: {role: leaf}\n")
    text = grown.read_text()
    first = "    spine1:Ethernet1 - leaf1:Ethernet1:\n"
    assert first in text
    grown.write_text(text.replace(first, f"    spine1:Ethernet30 - aleaf:Ethernet1:\n{first}"))
    ran = fabricctl("compile", grown, "--out", tmp_path / "b", "--numbers", numbers)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "a" / "leaf2.json").read_bytes() == (tmp_path / "b" / "leaf2.json").read_bytes()
    assert fabricctl("compile", grown, "--out", tmp_path / "c").returncode == 0
    assert (tmp_path / "a" / "leaf2.json").read_bytes() != (tmp_path / "c" / "leaf2.json").read_bytes()


def test_what_cannot_be_compiled_writes_nothing(tmp_path: Path) -> None:
    wrong = changed(tmp_path, "via: spine2", "avoid: [spine1, spine2]")
    ran = fabricctl("compile", wrong, "--out", tmp_path / "out")
    assert ran.returncode == 1
    assert "every way from leaf3 to leaf4 crosses avoided spine1 or avoided spine2" in ran.stderr
    assert not (tmp_path / "out").exists()


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "numbers.json").write_text("[1]")
    ran = fabricctl("compile", ROUTED, "--out", tmp_path / "out", "--numbers", tmp_path / "numbers.json")
    assert (ran.returncode, "no file of numbers" in ran.stderr) == (1, True)


# check


@pytest.mark.parametrize("name", ["routed", "evpn", "three-stage"])
def test_every_example_is_good(name: str) -> None:
    ran = fabricctl("check", EXAMPLES / name)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("1 fabric and 0 configurations for ")


def test_every_problem_is_told_with_file_and_line(tmp_path: Path) -> None:
    wrong = changed(tmp_path, "via: spine2", "via: leaf9")
    config = tmp_path / "config.yaml"
    config.write_text("kind: config\nname: c\ndevices: [x]\nconfig:\n  system:\n    config:\n      nonsense: 1\n")
    ran = fabricctl("check", wrong, config)
    assert ran.returncode == 1
    line = next(number for number, text in enumerate(wrong.read_text().splitlines(), 1) if "leaf9" in text)
    first, second = ran.stderr.splitlines()
    assert first.startswith(f"error: {wrong}: ")
    assert f"line {line}" in first
    assert first.endswith("there is no device of this name")
    assert second.startswith(f"error: {config}: c")
    assert "nonsense" in second


def test_problems_as_json(tmp_path: Path) -> None:
    ran = fabricctl("check", changed(tmp_path, "via: spine2", "hops: [leaf3, leaf4]"), "--json")
    assert ran.returncode == 1
    (problem,) = json.loads(ran.stdout)["problems"]
    assert problem["message"] == "leaf3 has no link to leaf4"
    assert problem["path"].endswith("/paths[name='backup-of-db']/hops")
    assert problem["line"] > 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    ran = fabricctl("check", tmp_path / "none.yaml")
    assert (ran.returncode, "No such file" in ran.stderr) == (1, True)


# path show


def path_show(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return fabricctl("path", "show", "--file", file, *arguments)


def test_where_a_packet_travels() -> None:
    ran = path_show(ROUTED, "leaf3", "leaf4", "--class", "backup")
    assert ran.returncode == 0
    assert ran.stdout.splitlines()[1:] == [
        "leaf3  steered by path backup-of-db",
        "└─ Ethernet2 → spine2:Ethernet3  steered by path backup-of-db",
        "   └─ Ethernet4 → leaf4:Ethernet2  delivered",
    ]


def test_other_packets_take_every_branch() -> None:
    ran = path_show(ROUTED, "leaf3", "leaf4", "--json")
    (found,) = json.loads(ran.stdout)["traces"]
    assert found["hop"]["decision"] == "routed"
    assert [branch["peer"] for branch in found["hop"]["branches"]] == ["spine1", "spine2"]
    assert found["outcomes"] == ["delivered"]


def test_with_a_dead_link() -> None:
    ran = fabricctl(
        "path", "show", "--file", ROUTED, "leaf3", "leaf4", "--class", "backup", "--down", "spine2:Ethernet4"
    )
    assert ran.returncode == 0
    assert ran.stdout.splitlines()[1:] == [
        "leaf3  steered by path backup-of-db",
        "└─ Ethernet2 → spine2:Ethernet3  returned by path backup-of-db",
        "   └─ Ethernet3 → leaf3:Ethernet2  routed",
        "      └─ Ethernet1 → spine1:Ethernet3  routed",
        "         └─ Ethernet4 → leaf4:Ethernet1  delivered",
    ]
    cut = fabricctl(
        "path", "show", "--file", ROUTED, "leaf3", "leaf4", "--down", "leaf4:Ethernet1", "--down", "leaf4:Ethernet2"
    )
    assert (cut.returncode, "no route" in cut.stdout) == (2, True)


def test_inside_a_tunnel() -> None:
    ran = path_show(EXAMPLES / "evpn" / "fabric.yaml", "leaf1", "leaf3", "--vrf", "red")
    assert ran.returncode == 0
    assert ran.stdout.splitlines()[1:4] == [
        "in a tunnel: 10.255.1.11 → 10.255.1.13 udp port 4789",
        "leaf1  steered by path backup",
        "└─ Ethernet2 → spine2:Ethernet1  steered by path backup",
    ]


def test_between_servers_by_their_names() -> None:
    names = [
        line.strip().partition(":")[0] for line in ROUTED.read_text().split("  attachments:\n")[1].splitlines()[:1]
    ]
    ran = path_show(ROUTED, names[0], "leaf4", "--json")
    (found,) = json.loads(ran.stdout)["traces"]
    assert found["hop"]["device"].startswith("leaf")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nobody", "leaf4"), "there is no device and no attachment 'nobody'"),
        (("leaf3", "leaf4", "--class", "what"), "there is no traffic class 'what'"),
        (("leaf3", "leaf4", "--source", "1.2.3"), "--source: '1.2.3' is no address"),
        (("leaf3", "leaf4", "--down", "leaf3:Ethernet99"), "there is no link at leaf3:Ethernet99"),
    ],
)
def test_wrong_questions(arguments: tuple[str, ...], message: str) -> None:
    ran = path_show(ROUTED, *arguments)
    assert (ran.returncode, ran.stderr) == (1, f"error: {message}\n")


# topology


@pytest.mark.parametrize("name", ["routed", "evpn", "three-stage"])
def test_every_example_can_be_drawn(tmp_path: Path, name: str) -> None:
    ran = fabricctl("topology", EXAMPLES / name, "--out", tmp_path / "x.svg")
    assert (ran.returncode, ran.stderr) == (0, "")
    picture = ElementTree.parse(tmp_path / "x.svg").getroot()
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    texts = {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert sum(bool(text and text.startswith("AS ")) for text in texts) > 1


def test_a_picture_with_one_path_or_none_on_standard_output() -> None:
    ran = fabricctl("topology", ROUTED, "--path", "backup-of-db", "--out", "-")
    assert "backup-of-db (backup): leaf3 → spine2 → leaf4" in ran.stdout
    assert "backup-of-db" not in fabricctl("topology", ROUTED, "--no-paths", "--out", "-").stdout
    missing = fabricctl("topology", ROUTED, "--path", "what", "--out", "-")
    assert (missing.returncode, missing.stderr) == (1, "error: there is no path 'what' to draw\n")


def test_only_one_fabric_at_a_time(tmp_path: Path) -> None:
    ran = fabricctl("topology", ROUTED, EXAMPLES / "evpn", "--out", tmp_path / "x.svg")
    assert (ran.returncode, ran.stderr) == (1, "error: one fabric is wanted, and there are 2: hall1, dc1\n")


def test_the_picture_in_the_documentation_is_current(tmp_path: Path) -> None:
    drawn = tmp_path / "topology.svg"
    assert fabricctl("topology", EXAMPLES / "evpn" / "fabric.yaml", "--out", drawn).returncode == 0
    assert drawn.read_bytes() == (EXAMPLES.parent.parent / "docs" / "topology.svg").read_bytes()
