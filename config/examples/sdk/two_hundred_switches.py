"""A fabric of 200 switches, checked, written to a file, and submitted when a daemon's address is given:

python two_hundred_switches.py fabric.json [unix:/path | host:port]      (needs fabricd[sdk])
"""

import asyncio
import sys
from pathlib import Path

from fabricd.client import Client
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.sdk import FabricDocument

fabric = FabricDocument("dc200", owner="netops")
fabric.overlay("evpn-vxlan")
fabric.pool("loopbacks", "loopback-ipv4", prefixes=["10.255.0.0/20"])
fabric.pool("links", "link-ipv4", prefixes=["10.240.0.0/16"])
fabric.pool("asns", "asn", ranges=["4200000000..4200000999"])
fabric.pool("l2", "l2-vni", ranges=["10001..19999"])
fabric.pool("l3", "l3-vni", ranges=["50001..50999"])
fabric.pool("segments", "ethernet-segment", ranges=["1..99999"])
fabric.vrf("prod")
for number in range(1, 21):
    fabric.network(f"net{number}", 100 + number, vrf="prod", gateways=[f"10.{number}.0.1/16"])
for spine in range(1, 9):
    fabric.device(f"spine{spine}", "spine")
for leaf in range(1, 193):
    fabric.device(f"leaf{leaf}", "leaf", rack=f"r{(leaf + 1) // 2}")
    for spine in range(1, 9):
        fabric.link(f"spine{spine}:Ethernet{leaf}", f"leaf{leaf}:Ethernet{48 + spine}")
for leaf in range(1, 193, 2):  # a server on each pair of leaves
    ports = f"leaf{leaf}:Ethernet1", f"leaf{leaf + 1}:Ethernet1"
    fabric.attachment(f"server{leaf}", *ports, lag="lacp", network=f"net{leaf % 20 + 1}")

fabric.check()
Path(sys.argv[1]).write_bytes(fabric.document())


async def submit(address: str) -> None:
    async with Client.connect(address) as client:
        print(await client.submit([pb.Document(source=sys.argv[1], content=fabric.document())], comment="by the SDK"))


if sys.argv[2:]:
    asyncio.run(submit(sys.argv[2]))
