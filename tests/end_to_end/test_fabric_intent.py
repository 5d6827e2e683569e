"""A fabric is submitted instead of six trees: it converges by both protocols, changes, is explained and taken back."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from installation import DEADLINE, DEVICES, Installation, document, installed

from fabricd.errors import InputError, NotFoundError

MTU = "/interfaces/interface[name=Ethernet1]/config/mtu"
NEIGHBOURS = (
    "/network-instances/network-instance[name=default]/protocols/protocol[identifier=BGP][name=BGP]/bgp/neighbors"
)

FABRIC = """\
kind: fabric
name: hall
owner: netops
fabric:
  underlay: {addressing: ipv4}
  pools:
    loopbacks: {purpose: loopback-ipv4, prefixes: [10.255.0.0/24]}
    links: {purpose: link-ipv4, prefixes: [10.254.0.0/24]}
    asns: {purpose: asn, ranges: [65001..65099]}
  devices:
    spine1: {role: spine}
    spine2: {role: spine}
    leaf1: {role: leaf}
    leaf2: {role: leaf}
    leaf3: {role: leaf}
    leaf4: {role: leaf}
  links:
    spine1:Ethernet1 - leaf1:Ethernet1:
    spine1:Ethernet2 - leaf2:Ethernet1:
    spine1:Ethernet3 - leaf3:Ethernet1:
    spine1:Ethernet4 - leaf4:Ethernet1:
    spine2:Ethernet1 - leaf1:Ethernet2:
    spine2:Ethernet2 - leaf2:Ethernet2:
    spine2:Ethernet3 - leaf3:Ethernet2:
    spine2:Ethernet4 - leaf4:Ethernet2:
  networks:
    rack1: {vlan: 101, gateways: [10.1.1.1/24]}
  attachments:
    web1: {ports: leaf1:Ethernet11, network: rack1}
"""


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as one:
        await one.start()
        yield one


def mtu(number: int, priority: int = 100, name: str = "jumbo") -> str:
    return (
        f"kind: config\nname: {name}\npriority: {priority}\ndevices: [leaf1]\nconfig:\n"
        "  openconfig-interfaces:interfaces:\n    interface:\n      - name: Ethernet1\n"
        f"        config: {{name: Ethernet1, mtu: {number}}}\n"
    )


async def test_a_fabric_converges_by_both_protocols_and_sessions_come_up(installation: Installation) -> None:
    answer = await installation.client.submit([document("hall.yaml", FABRIC)], comment="a hall")
    assert sorted(answer.changed_devices) == sorted(DEVICES)
    await installation.converge()
    for name, asn in {"spine1": 65001, "spine2": 65001, "leaf1": 65002, "leaf4": 65005}.items():
        bgp = installation.simulation.switches[name].value(NEIGHBOURS.removesuffix("/neighbors") + "/global/config/as")
        assert bgp == asn
    state = await installation.simulation.switches["leaf3"].state()
    instances = state["openconfig-network-instance:network-instances"]["network-instance"]
    default = next(one for one in instances if one["name"] == "default")
    bgp = next(one["bgp"] for one in default["protocols"]["protocol"] if "bgp" in one)
    sessions = {one["neighbor-address"]: one["state"]["session-state"] for one in bgp["neighbors"]["neighbor"]}
    assert sessions == {"10.254.0.4": "ESTABLISHED", "10.254.0.12": "ESTABLISHED"}
    (intent,) = (await installation.client.revision()).intents
    assert (intent.kind, intent.owner, sorted(intent.devices)) == ("fabric", "netops", sorted(DEVICES))
    assert json.loads(intent.allocations_json)["held"]["loopback-ipv4"]["leaf1"]


async def test_where_a_packet_travels_is_asked_of_the_daemon(installation: Installation) -> None:
    await installation.client.submit([document("hall.yaml", FABRIC)])
    asked = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "fabricctl", "path", "show", "leaf1", "leaf4", "--json",
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "FABRICD_ADDRESS": installation.client.address},
    )  # fmt: skip
    answer, _ = await asyncio.wait_for(asked.communicate(), DEADLINE)
    (trace,) = json.loads(answer)["traces"]
    assert asked.returncode == 0
    assert [branch["peer"] for branch in trace["hop"]["branches"]] == ["spine1", "spine2"]
    nowhere = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "fabricctl", "path", "show", "leaf1", "leaf4", "--fabric", "other",
        stderr=asyncio.subprocess.PIPE, env={**os.environ, "FABRICD_ADDRESS": installation.client.address},
    )  # fmt: skip
    _, error = await asyncio.wait_for(nowhere.communicate(), DEADLINE)
    assert (nowhere.returncode, error.decode()) == (1, "error: revision 1 has no fabric 'other'\n")


async def test_a_change_touches_only_the_devices_it_concerns_and_moves_no_number(installation: Installation) -> None:
    await installation.client.submit([document("hall.yaml", FABRIC)])
    await installation.converge()
    before = {name: installation.simulation.switches[name].commits for name in DEVICES}
    asn = installation.simulation.switches["leaf4"].value(NEIGHBOURS.removesuffix("/neighbors") + "/global/config/as")
    more = FABRIC.replace(
        "  attachments:\n", "  attachments:\n    web2: {ports: leaf2:Ethernet11, network: rack2}\n"
    ).replace("  networks:\n", "  networks:\n    rack2: {vlan: 102, gateways: [10.1.2.1/24]}\n")
    answer = await installation.client.submit([document("hall.yaml", more)])
    assert list(answer.changed_devices) == ["leaf2"]
    await installation.converge()
    after = {name: installation.simulation.switches[name].commits for name in DEVICES}
    assert {name for name in DEVICES if after[name] != before[name]} == {"leaf2"}

    assert (await installation.client.submit([document("hall.yaml", more)])).unchanged
    less = more.replace("    leaf1: {role: leaf}\n", "").replace(
        "    web1: {ports: leaf1:Ethernet11, network: rack1}\n", ""
    )
    less = "".join(line for line in less.splitlines(keepends=True) if "- leaf1:" not in line).replace(
        "    rack1: {vlan: 101, gateways: [10.1.1.1/24]}\n", ""
    )
    await installation.client.submit([document("hall.yaml", less)])
    assert (
        installation.simulation.switches["leaf4"].value(NEIGHBOURS.removesuffix("/neighbors") + "/global/config/as")
        == asn
    )

    # A rollback brings back the numbers of then, after a restart of the daemon as well.
    assert await installation.stop() == 0
    await installation.start()
    rolled = await installation.client.rollback(1)
    await installation.converge()
    desired = await installation.client.diff(1, rolled.revision)
    assert not desired.devices


async def test_several_intents_meet_by_priority_and_every_value_is_explained(installation: Installation) -> None:
    client = installation.client
    await client.submit([document("hall.yaml", FABRIC)], comment="a hall")
    with pytest.raises(InputError, match=r"(?s)hall.*jumbo|jumbo.*hall"):
        await client.submit([document("jumbo.yaml", mtu(1600))])

    await client.submit([document("jumbo.yaml", mtu(1600, priority=200))], comment="a server needs it")
    await installation.converge()
    assert installation.simulation.switches["leaf1"].value(MTU) == 1600

    found = await client.explain("leaf1", MTU)
    assert (found.value_json, found.revision) == ("1600", 2)
    winner, covered = found.claims
    assert (winner.intent, winner.wins, winner.value_json, winner.source, winner.line) == (
        "jumbo", True, "1600", "jumbo.yaml", 9,
    )  # fmt: skip
    assert (winner.revision, winner.comment) == (2, "a server needs it")
    assert (covered.intent, covered.kind, covered.wins, covered.value_json) == ("hall", "fabric", False, "9214")
    assert (covered.concern, covered.revision, covered.comment) == ("interfaces", 1, "a hall")
    assert FABRIC.splitlines()[covered.line - 1].strip().startswith("leaf1:")

    # Withdrawing one brings back what it covered.
    await client.submit([], withdraw=["jumbo"])
    await installation.converge()
    assert installation.simulation.switches["leaf1"].value(MTU) == 9214
    assert [claim.intent for claim in (await client.explain("leaf1", MTU)).claims] == ["hall"]

    with pytest.raises(InputError, match="no such node"):
        await client.explain("leaf1", "/interfaces/interface/config/colour")
    with pytest.raises(NotFoundError, match="leaf9"):
        await client.explain("leaf9", MTU)
    assert not (await client.explain("leaf1", "/interfaces/interface[name=Ethernet99]/config/mtu")).claims


def _is_pool(line: str) -> bool:
    return line.strip().startswith("asns:")


DESCRIPTION = "/interfaces/interface[name=Ethernet7]/config/description"


async def test_what_fabricd_put_on_a_switch_goes_when_nobody_wants_it_any_more(installation: Installation) -> None:
    """Single leaves of a config intent, and whole entries of a fabric; what others put beside them stays."""
    client, switches = installation.client, installation.simulation.switches
    await client.submit([document("hall.yaml", FABRIC)])
    spare = (
        "kind: config\nname: spare\ndevices: [leaf2, leaf3]\nconfig:\n  openconfig-interfaces:interfaces:\n"
        "    interface:\n      - name: Ethernet7\n"
        "        config: {name: Ethernet7, type: iana-if-type:ethernetCsmacd, description: spare}\n"
    )
    await client.submit([document("spare.yaml", spare)])
    await installation.converge()
    await switches["leaf3"].change({"/interfaces/interface[name=Ethernet7]/config/mtu": 1700})
    for name in ("leaf2", "leaf3"):
        assert switches[name].value(DESCRIPTION) == "spare"

    await client.submit([], withdraw=["spare"])
    await installation.converge()
    assert switches["leaf2"].value("/interfaces/interface[name=Ethernet7]") is None
    assert switches["leaf3"].value(DESCRIPTION) is None
    assert switches["leaf3"].value("/interfaces/interface[name=Ethernet7]/config/mtu") == 1700

    without = FABRIC.replace("    rack1: {vlan: 101, gateways: [10.1.1.1/24]}\n", "").replace("  networks:\n", "")
    without = without.replace("    web1: {ports: leaf1:Ethernet11, network: rack1}\n", "").replace(
        "  attachments:\n", ""
    )
    assert switches["leaf1"].value("/interfaces/interface[name=Vlan101]") is not None
    await client.submit([document("hall.yaml", without)])
    await installation.converge()
    assert switches["leaf1"].value("/interfaces/interface[name=Vlan101]") is None
    assert b"Vlan101" not in switches["leaf1"].running


async def test_a_wrong_fabric_names_its_places_and_changes_nothing(installation: Installation) -> None:
    client = installation.client
    with pytest.raises(InputError, match="asns") as exhausted:
        await client.submit([document("hall.yaml", FABRIC.replace("65001..65099", "65001..65002"))])
    assert (
        exhausted.value.problems[0].line == FABRIC.splitlines().index(next(filter(_is_pool, FABRIC.splitlines()))) + 1
    )
    await client.submit([document("hall.yaml", FABRIC)])
    await installation.converge()
    wrong = {
        "role: spine}\n    spine2": ("role: spin}\n    spine2", "role"),
        "spine1:Ethernet4 - leaf4:Ethernet1": ("spine1:Ethernet3 - leaf4:Ethernet1", "spine1:Ethernet3"),
        "network: rack1": ("network: rack9", "no network of this name"),
        "leaf4: {role: leaf}": ("leaf4: {role: leaf}\n    leaf5: {role: leaf}", "leaf5"),
    }
    for old, (new, named) in wrong.items():
        assert old in FABRIC
        with pytest.raises(InputError) as refused:
            await client.submit([document("hall.yaml", FABRIC.replace(old, new, 1))])
        said = "\n".join(map(str, refused.value.problems))
        assert named in said, said
        assert "hall.yaml: hall" in said, said
        assert any(problem.line for problem in refused.value.problems)
    assert (await client.status()).revision == 1
