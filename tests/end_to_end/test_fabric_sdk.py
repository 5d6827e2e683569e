"""A fabric that a program built is submitted by gRPC and converges like one that people wrote."""

from __future__ import annotations

from pathlib import Path

from installation import DEVICES, installed

from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.sdk import FabricDocument


async def test_a_fabric_built_by_a_program_converges(tmp_path: Path) -> None:
    fabric = FabricDocument("hall", owner="netops")
    fabric.pool("loopbacks", "loopback-ipv4", prefixes=["10.255.0.0/24"])
    fabric.pool("links", "link-ipv4", prefixes=["10.254.0.0/24"])
    fabric.pool("asns", "asn", ranges=["65001..65099"])
    for device in DEVICES:
        fabric.device(device, "spine" if device.startswith("spine") else "leaf")
    for spine in (1, 2):
        for leaf in (1, 2, 3, 4):
            fabric.link(f"spine{spine}:Ethernet{leaf}", f"leaf{leaf}:Ethernet{spine}")
    fabric.check()

    async with installed(tmp_path) as installation:
        await installation.start()
        document = pb.Document(source="hall.json", content=fabric.document())
        answer = await installation.client.submit([document], comment="by a program")
        assert sorted(answer.changed_devices) == sorted(DEVICES)
        await installation.converge()
        path = "/interfaces/interface[name=Ethernet1]/config/mtu"
        assert installation.simulation.switches["leaf1"].value(path) == 9214
