"""Quirks of the datastore as clients of both protocols meet them: what is refused, what is shown, what is in force."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
import pytest
import raw_netconf
from lxml import etree
from netconf_documents import IF, RUNNING, commit, interface
from quirk_trees import PASSWORD
from quirky_switches import ADDRESS, BASE, KEYS, LAG, NI, PORT, RED, TYPE, Configure, both_to, port
from raw_gnmi import refused, update, values


@pytest.fixture
def switch_with(configure: Configure) -> Callable[..., Any]:
    """Makes the switch with some quirks."""
    return partial(both_to, configure)


# Shown


async def test_defaults_are_not_shown_and_what_is_off_is(switch_with: Any) -> None:
    enabled = "/interfaces/interface/config/enabled"
    async with switch_with(omits_defaults=True, off_by_default=(enabled,)) as both:
        await both.gnmi.set(update=[update(f"{PORT}/config", {**BASE, "loopback-mode": "NONE"})])
        assert port(await both.config())["config"] == {**BASE, "enabled": False}
        assert (await both.state(f"{PORT}/state"))["openconfig-interfaces:enabled"] is False
        assert (await both.state(f"{PORT}/state"))["openconfig-interfaces:oper-status"] == "DOWN"
        await commit(both.netconf, interface("<config><enabled>true</enabled></config>"))
        assert port(await both.config())["config"] == {**BASE, "enabled": True}
        assert (await both.state(f"{PORT}/state"))["openconfig-interfaces:oper-status"] == "UP"
        assert both.switch.met == {"omits_defaults", "off_by_default"}


async def test_a_default_of_its_own_comes_back_when_the_value_is_deleted(switch_with: Any) -> None:
    async with switch_with(own_defaults={"/interfaces/interface/config/mtu": 9100}) as both:
        await both.gnmi.set(update=[update(f"{PORT}/config", {**BASE, "mtu": 1500})])
        assert port(await both.config())["config"]["mtu"] == 1500
        await both.gnmi.set(delete=[update(f"{PORT}/config/mtu", 0).path])
        assert port(await both.config())["config"]["mtu"] == 9100
        assert (await both.state(f"{PORT}/state"))["openconfig-interfaces:mtu"] == 9100
        assert b"9100" not in both.switch.running


@pytest.mark.parametrize("how", ["same", "anew"])
async def test_secrets_are_shown_otherwise(switch_with: Any, how: str) -> None:
    async with switch_with(rewrites_secrets={PASSWORD: how}) as both:
        neighbor = {
            "neighbor-address": "10.0.0.1",
            "config": {"neighbor-address": "10.0.0.1", "auth-password": "geheim"},
        }
        bgp = {"identifier": "BGP", "name": "BGP", "config": {"identifier": "BGP", "name": "BGP"}}
        instance = {"name": "default", "config": {"name": "default", "type": "DEFAULT_INSTANCE"}}
        protocol = {**bgp, "bgp": {"global": {"config": {"as": 65001}}, "neighbors": {"neighbor": [neighbor]}}}
        await both.gnmi.set(update=[update(f"{NI}[name=default]", {**instance, "protocols": {"protocol": [protocol]}})])
        place = f"{NI}[name=default]/protocols/protocol[identifier=BGP][name=BGP]/bgp/neighbors"
        path = f"{place}/neighbor[neighbor-address=10.0.0.1]/config/auth-password"
        first, again = [values(await both.gnmi.get(path, kind="CONFIG"))[0] for _ in range(2)]
        assert (first == again) is (how == "same")
        read = etree.tostring(await both.netconf.ask(RUNNING)).decode()
        everything = str(values(await both.gnmi.get("/")))
        assert "geheim" not in first + again + read + everything
        assert (first in read) is (how == "same")
        assert b"geheim" in both.switch.running


async def test_phantoms_cannot_be_deleted(switch_with: Any) -> None:
    async with switch_with(phantom_interfaces=("Ethernet500",)) as both:
        assert port(await both.config(), "Ethernet500")["config"]["name"] == "Ethernet500"
        await both.gnmi.set(delete=[update("/interfaces", 0).path])
        assert port(await both.config(), "Ethernet500")["config"]["name"] == "Ethernet500"
        path = "/interfaces/interface[name=Ethernet500]"
        await both.gnmi.set(update=[update(f"{path}/config/description", "mine")])
        assert port(await both.config(), "Ethernet500")["config"]["description"] == "mine"


async def test_an_acl_keeps_no_description_and_ends_with_an_entry_of_its_own(switch_with: Any) -> None:
    async with switch_with(acl_priority=True) as both:
        keys = {"name": "a", "type": "ACL_IPV4"}
        entry = {
            "sequence-id": 10,
            "config": {"sequence-id": 10, "description": "gone"},
            "actions": {"config": {"forwarding-action": "ACCEPT"}},
        }
        await both.gnmi.set(
            update=[update("/acl/acl-sets/acl-set[name=a][type=ACL_IPV4]",
                           {**keys, "config": keys, "acl-entries": {"acl-entry": [entry]}})]
        )  # fmt: skip
        [acl] = (await both.config())["openconfig-acl:acl"]["acl-sets"]["acl-set"]
        assert [one["config"] for one in acl["acl-entries"]["acl-entry"]] == [
            {"sequence-id": 10},
            {"sequence-id": 65535},
        ]


async def test_lists_come_in_another_order_at_every_read(switch_with: Any) -> None:
    async with switch_with(shuffles_lists=True) as both:
        entries = [
            {"name": f"Loopback{n}", "config": {"name": f"Loopback{n}", "type": "softwareLoopback"}} for n in range(9)
        ]
        await both.gnmi.set(update=[update("/interfaces", {"interface": entries})])
        gnmi = [json.dumps(await both.config()) for _ in range(4)]
        netconf = [etree.tostring((await both.netconf.ask(RUNNING))[0]) for _ in range(4)]
        assert len(set(gnmi)) > 1
        assert len(set(netconf)) > 1
        assert len({"".join(sorted(one)) for one in gnmi}) == 1


# Written


@pytest.mark.parametrize(
    ("quirks", "path", "value", "says"),
    [
        ({"unsupported": ("/interfaces/interface/config/mtu",)}, f"{PORT}/config", {**BASE, "mtu": 1500}, "/mtu"),
        ({"wants_config_keys": True}, f"{PORT}/config/mtu", 1500, "Ethernet1"),
        ({"default_instance": "DEFAULT"}, f"{NI}[name=default]",
         {"name": "default", "config": {"name": "default", "type": "DEFAULT_INSTANCE"}}, "[name='default']"),
        ({"static_protocol": "STATIC"}, f"{NI}[name=red]/protocols/protocol[identifier=STATIC][name=static]",
         {"config": {"identifier": "STATIC", "name": "static"}}, "[name='static']"),
        ({"dotted_interface_refs": True}, f"{NI}[name=red]", RED, "interface[id='e']"),
    ],
)  # fmt: skip
async def test_what_a_switch_does_not_take_is_refused_with_its_path(
    switch_with: Any, quirks: dict[str, Any], path: str, value: Any, says: str
) -> None:
    async with switch_with(**quirks) as both:
        status, details = await refused(both.gnmi.set(update=[update(path, value)]))
        assert status in (grpc.StatusCode.ABORTED, grpc.StatusCode.INVALID_ARGUMENT)
        assert says in details
        assert both.switch.running == b"{}"
        assert both.switch.counts.refused == 1


async def test_an_unsupported_leaf_is_refused_by_edit_config(switch_with: Any) -> None:
    async with switch_with(unsupported=("/interfaces/interface/config/mtu",)) as both:
        document = interface(f"<config>{KEYS}{TYPE}<mtu>1500</mtu></config>")
        assert ":mtu" in str(await both.netconf.refused(raw_netconf.edit(document)))
        assert both.switch.met == {"unsupported"}
        await both.netconf.ok("<commit/>")
        assert both.switch.running == b"{}"


async def test_a_port_cannot_be_deleted_by_either_protocol(switch_with: Any) -> None:
    async with switch_with(keeps_ports=True) as both:
        await both.gnmi.set(update=[update(f"{PORT}/config", BASE)])
        assert "Ethernet1" in (await refused(both.gnmi.set(delete=[update("/interfaces", 0).path])))[1]
        await both.netconf.ok(raw_netconf.edit(interface(KEYS, operation="delete")))
        assert "Ethernet1" in str(await both.netconf.refused("<commit/>"))
        await both.netconf.ok("<discard-changes/>")
        assert both.switch.value(PORT) is not None


async def test_a_value_that_the_switch_adds_comes_back(switch_with: Any) -> None:
    async with switch_with(adds_values={"/interfaces/interface/config/mtu": 1500}) as both:
        await both.gnmi.set(update=[update(f"{PORT}/config", BASE)])
        assert port(await both.config())["config"]["mtu"] == 1500
        await both.gnmi.set(delete=[update(f"{PORT}/config/mtu", 0).path])
        assert port(await both.config())["config"]["mtu"] == 1500
        assert both.switch.value(f"{PORT}/config/mtu") == 1500


def member(name: str = "Ethernet2") -> dict[str, Any]:
    config = {"name": name, "type": "iana-if-type:ethernetCsmacd"}
    joined = {"config": {"openconfig-if-aggregate:aggregate-id": "PortChannel1"}}
    return {"name": name, "config": config, "openconfig-if-ethernet:ethernet": joined}


LAG_ENTRY = {
    "name": "PortChannel1",
    "config": {"name": "PortChannel1", "type": "iana-if-type:ieee8023adLag"},
    "openconfig-if-aggregate:aggregation": {"config": {"lag-type": "LACP"}},
}


@pytest.mark.parametrize("together", [False, True])
async def test_a_lag_type_needs_its_members_in_the_same_update(switch_with: Any, together: bool) -> None:
    parts = (
        [{"interface": [LAG_ENTRY, member()]}] if together else [{"interface": [LAG_ENTRY]}, {"interface": [member()]}]
    )
    async with switch_with(lag_with_members=True) as both:
        await both.gnmi.set(update=[update("/interfaces", part) for part in parts])
        config = f"{LAG}/aggregation/config/lag-type"
        assert both.switch.value(config) == ("LACP" if together else None)
        assert both.switch.met == (set() if together else {"lag_with_members"})
        await both.gnmi.set(update=[update(config, "LACP")])  # the members are there now
        assert both.switch.value(config) == "LACP"


async def test_a_lag_type_needs_its_members_in_the_same_edit_config(switch_with: Any) -> None:
    async with switch_with(lag_with_members=True) as both:
        aggregate = (
            '<aggregation xmlns="http://openconfig.net/yang/interfaces/aggregate"><config><lag-type>LACP</lag-type>'
        )
        lag = TYPE.replace("ethernetCsmacd", "ieee8023adLag")
        document = (
            f'<interfaces xmlns="{IF}"><interface><name>PortChannel1</name>'
            f"<config><name>PortChannel1</name>{lag}</config>"
            f"{aggregate}</config></aggregation></interface></interfaces>"
        )
        await commit(both.netconf, document)
        assert both.switch.value(f"{LAG}/aggregation/config/lag-type") is None
        assert both.switch.met == {"lag_with_members"}


@pytest.mark.parametrize("instance_first", [False, True])
async def test_an_interface_that_comes_into_a_vrf_loses_its_address(switch_with: Any, instance_first: bool) -> None:
    async with switch_with(instance_before_address=True) as both:
        vrf = update(f"{NI}[name=red]", RED)
        address = update(f"{PORT}/subinterfaces", ADDRESS)
        parts = [vrf, address] if instance_first else [address, vrf]
        await both.gnmi.set(update=[update(f"{PORT}/config", BASE), *parts])
        path = f"{PORT}/subinterfaces/subinterface[index=0]/ipv4/addresses/address[ip=10.0.0.1]/config/ip"
        assert both.switch.value(path) == ("10.0.0.1" if instance_first else None)
        assert both.switch.met == (set() if instance_first else {"instance_before_address"})
        await both.gnmi.set(update=[address])
        assert both.switch.value(path) == "10.0.0.1"


IP = "http://openconfig.net/yang/interfaces/ip"
INSTANCES = "http://openconfig.net/yang/network-instance"
TYPES = "http://openconfig.net/yang/network-instance-types"


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("instance_first", [True, False])
async def test_an_edit_config_is_one_operation_in_whatever_order_it_stands(
    switch_with: Any, instance_first: bool, together: bool
) -> None:
    ip = "<ip>10.0.0.1</ip>"
    address = f"<address>{ip}<config>{ip}<prefix-length>31</prefix-length></config></address>"
    ipv4 = f'<ipv4 xmlns="{IP}"><addresses>{address}</addresses></ipv4>'
    zero = "<index>0</index>"
    port = interface(
        f"<config>{KEYS}{TYPE}</config><subinterfaces><subinterface>{zero}<config>{zero}</config>{ipv4}</subinterface>"
        "</subinterfaces>"
    )
    member = "<id>e</id><config><id>e</id><interface>Ethernet1</interface><subinterface>0</subinterface></config>"
    kind = f'<type xmlns:types="{TYPES}">types:L3VRF</type>'
    members = f"<interfaces><interface>{member}</interface></interfaces>"
    red = f"<network-instance><name>red</name><config><name>red</name>{kind}</config>{members}</network-instance>"
    vrf = f'<network-instances xmlns="{INSTANCES}">{red}</network-instances>'
    path = f"{PORT}/subinterfaces/subinterface[index=0]/ipv4/addresses/address[ip=10.0.0.1]/config/ip"
    edits = [vrf, port] if instance_first else [port, vrf]
    kept = together or instance_first
    async with switch_with(instance_before_address=True) as both:
        await commit(both.netconf, *(["".join(edits)] if together else edits))
        assert both.switch.value(path) == ("10.0.0.1" if kept else None)
        assert both.switch.met == (set() if kept else {"instance_before_address"})
