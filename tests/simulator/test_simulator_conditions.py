"""Nodes that a `when` of the models no longer allows go by themselves (RFC 7950 section 8.2); whoever writes them is
refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import raw_gnmi
from netconf_documents import interface
from raw_gnmi import connected, refused, update
from raw_netconf import Client, edit, errors, session, text

from fabricd.simulator import Simulation, Switch

PORT = "/interfaces/interface[name=Ethernet1]"
VLANS = f"{PORT}/ethernet/switched-vlan/config"
IANA = "iana-if-type"
ETHERNET = "http://openconfig.net/yang/interfaces/ethernet"
VLAN = "http://openconfig.net/yang/vlan"


@pytest.fixture
async def gnmi(simulation: Simulation, left: Switch) -> AsyncIterator[raw_gnmi.Client]:
    async with connected(simulation, left) as client:
        yield client


@pytest.fixture
async def access(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    """A NETCONF session; the port is an access port."""
    port = {"name": "Ethernet1", "config": {"name": "Ethernet1", "type": f"{IANA}:ethernetCsmacd"}}
    vlans = {"interface-mode": "ACCESS", "access-vlan": 10}
    await left.change({PORT: port, VLANS: vlans})  # type: ignore[dict-item]
    async with session(simulation, left) as client:
        yield client


def vlans(content: str) -> str:
    config = f'<switched-vlan xmlns="{VLAN}"><config>{content}</config></switched-vlan>'
    return interface(f'<ethernet xmlns="{ETHERNET}">{config}</ethernet>')


async def test_what_a_set_leaves_without_its_condition_goes(
    access: Client, gnmi: raw_gnmi.Client, left: Switch
) -> None:
    trunk: dict[str, Any] = {"interface-mode": "TRUNK", "native-vlan": 1, "trunk-vlans": [20, "30..40"]}
    await gnmi.set(update=[update(VLANS, trunk)])
    assert left.value(VLANS) == trunk
    await gnmi.set(update=[update(f"{VLANS}/interface-mode", "ACCESS")])
    assert left.value(VLANS) == {"interface-mode": "ACCESS"}
    await gnmi.set(update=[update(f"{PORT}/config/type", f"{IANA}:softwareLoopback")])
    assert left.value(PORT) == {
        "name": "Ethernet1",
        "config": {"name": "Ethernet1", "type": f"{IANA}:softwareLoopback"},
    }


async def test_what_a_commit_leaves_without_its_condition_goes(access: Client, left: Switch) -> None:
    await access.ok(edit(vlans("<interface-mode>TRUNK</interface-mode>")))
    await access.ok("<validate><source><candidate/></source></validate>")
    await access.ok("<commit/>")
    assert left.value(VLANS) == {"interface-mode": "TRUNK"}
    candidate = await access.ask("<get-config><source><candidate/></source></get-config>")
    assert "access-vlan" not in text(candidate)


async def test_whoever_writes_what_has_no_condition_is_refused(
    access: Client, gnmi: raw_gnmi.Client, left: Switch
) -> None:
    before = left.running
    for values in ({"interface-mode": "TRUNK", "access-vlan": 11}, {"native-vlan": 1}):
        status, details = await refused(gnmi.set(update=[update(VLANS, values)]))
        assert status is grpc.StatusCode.ABORTED
        assert "-vlan" in details
    await access.ok(edit(vlans("<interface-mode>TRUNK</interface-mode><access-vlan>11</access-vlan>")))
    [error] = errors(await access.ask("<commit/>"))
    assert error["error-path"].endswith(":access-vlan")
    await access.ok("<discard-changes/>")
    assert left.running == before


async def test_what_goes_hides_no_other_mistake(access: Client, gnmi: raw_gnmi.Client, left: Switch) -> None:
    before = left.running
    lacking = {"name": "Ethernet2", "config": {"name": "Ethernet2"}}
    changes = [update(f"{VLANS}/interface-mode", "TRUNK"), update("/interfaces/interface[name=Ethernet2]", lacking)]
    status, details = await refused(gnmi.set(update=changes))
    assert status is grpc.StatusCode.ABORTED
    assert "Ethernet2" in details
    assert "access-vlan" not in details
    assert left.running == before
