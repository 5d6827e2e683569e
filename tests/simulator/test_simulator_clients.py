"""Other people's clients, each in a process of its own, read and write the simulated switches."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from raw_gnmi import connected, values

from fabricd.simulator import Simulation

HERE = Path(__file__).parent


async def run(script: str, *arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, HERE / script, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(120):
        output, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    found = json.loads(output.splitlines()[-1])
    assert isinstance(found, dict)
    return found


async def test_pygnmis_own_client_reads_and_writes(either_simulation: Simulation) -> None:
    left = either_simulation.switches["left"]
    seen = await run("pygnmi_script.py", left.host, str(left.gnmi_port), str(either_simulation.ca_file))
    assert set(seen["encodings"]) == {"json", "json_ietf", "ascii", "proto"}
    assert "openconfig-interfaces" in seen["models"]
    assert seen["operations"] == ["UPDATE"]
    qualified = {"openconfig-interfaces:mtu": 9000, "openconfig-interfaces:name": "Ethernet1"}
    assert qualified.items() <= seen["config"].items()
    assert seen["oper-status"] == ["UP", "DOWN"]
    assert seen["once"] == {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd", "mtu": 9000}
    assert seen["sync"] is True
    assert (seen["proto"], seen["ascii"]) == (9000, "9000")
    assert seen["samples"] == [9000] * 4
    assert seen["polls"] == [9000, 9000]
    assert left.commits == 3
    assert left.value("/interfaces/interface[name=Ethernet1]/config") == {
        "name": "Ethernet1",
        "type": "iana-if-type:ethernetCsmacd",
    }


async def test_stock_ncclient_reads_and_writes(either_simulation: Simulation) -> None:
    left = either_simulation.switches["left"]
    host_key = left.identity.host_key_public.split()[1]
    seen = await run("ncclient_script.py", left.host, str(left.netconf_port), host_key)
    assert "urn:ietf:params:netconf:capability:candidate:1.0" in seen["capabilities"]
    assert "<mtu>" not in seen["before"]
    assert "<mtu>9000</mtu>" in seen["after"]
    tag, path = seen["error"]
    assert tag == "invalid-value"
    assert path.endswith("mtu")
    assert "<oper-status>DOWN</oper-status>" in seen["state"]
    assert "module openconfig-interfaces" in seen["schema"]
    assert "<mtu>1600</mtu>" in seen["confirmed"]
    assert "<mtu>9000</mtu>" in seen["cancelled"]
    assert "<enabled>true</enabled>" in seen["cancelled"]
    assert "netconf-config-change" in seen["told"]
    assert left.commits == 3
    assert left.value("/interfaces/interface[name=Ethernet2]/config/mtu") == 1700


async def test_both_protocols_show_the_same_datastore(either_simulation: Simulation) -> None:
    left = either_simulation.switches["left"]
    await run("pygnmi_script.py", left.host, str(left.gnmi_port), str(either_simulation.ca_file))
    await run("ncclient_script.py", left.host, str(left.netconf_port), left.identity.host_key_public.split()[1])
    async with connected(either_simulation, left) as client:
        [by_gnmi] = values(await client.get("/", kind="CONFIG"))
    assert by_gnmi == json.loads(left.running)
    names = [one["name"] for one in by_gnmi["openconfig-interfaces:interfaces"]["interface"]]
    assert names == ["Ethernet1", "Ethernet2"]
