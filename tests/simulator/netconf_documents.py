"""Namespaces and documents of the NETCONF tests of simulated switches."""

from __future__ import annotations

from raw_netconf import Client, edit

IF = "http://openconfig.net/yang/interfaces"
IANA = "urn:ietf:params:xml:ns:yang:iana-if-type"
MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
RUNNING = "<get-config><source><running/></source></get-config>"
CANDIDATE = "<get-config><source><candidate/></source></get-config>"


def interface(content: str, name: str = "Ethernet1", operation: str = "") -> str:
    mark = f' nc:operation="{operation}"' if operation else ""
    return f'<interfaces xmlns="{IF}"><interface{mark}><name>{name}</name>{content}</interface></interfaces>'


def config(content: str = "", name: str = "Ethernet1") -> str:
    kind = f'<type xmlns:ift="{IANA}">ift:ethernetCsmacd</type>'
    return f"<config><name>{name}</name>{kind}{content}</config>"


async def commit(client: Client, *configs: str) -> None:
    for one in configs:
        await client.ok(edit(one))
    await client.ok("<commit/>")
