"""Quirks of the datastore as clients of both protocols meet them: what is refused, what is shown, what is in force."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
import raw_netconf
from lxml import etree
from netconf_documents import IF, RUNNING, commit, interface
from quirk_trees import PASSWORD
from raw_gnmi import Client, connected, refused, update, values

from fabricd.simulator import LinkConfig, Simulation, SimulationConfig, Switch, SwitchConfig

Configure = Callable[..., SimulationConfig]
PORT = "/interfaces/interface[name=Ethernet1]"
LAG = "/interfaces/interface[name=PortChannel1]"
NI = "/network-instances/network-instance"
BASE = {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd"}
SECOND = {"name": "Ethernet2", "config": {"name": "Ethernet2", "type": "iana-if-type:ethernetCsmacd"}}
KEYS = "<name>Ethernet1</name>"
TYPE = '<type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type>'


class Both:
    """One switch with quirks, spoken to by either protocol."""

    def __init__(self, switch: Switch, gnmi: Client, netconf: raw_netconf.Client) -> None:
        self.switch, self.gnmi, self.netconf = switch, gnmi, netconf

    async def config(self) -> dict[str, Any]:
        """The configuration by gNMI; what NETCONF shows has to be the same."""
        [found] = values(await self.gnmi.get("/", kind="CONFIG"))
        text = etree.tostring(await self.netconf.ask(RUNNING)).decode()
        for leaf in leaves_of(found):
            assert f">{leaf}<" in text, (leaf, text)
        return dict(found)

    async def state(self, path: str) -> Any:
        """What is in force there."""
        [found] = values(await self.gnmi.get(path, kind="STATE"))
        return found


def leaves_of(found: Any) -> list[str]:
    """The values that are written alike in XML."""
    if isinstance(found, dict):
        return [leaf for value in found.values() for leaf in leaves_of(value)]
    if isinstance(found, list):
        return [leaf for value in found for leaf in leaves_of(value)]
    text = str(found).lower() if isinstance(found, bool) else str(found)
    return [text.rpartition(":")[2]] if ":" not in text else []


@pytest.fixture
def switch_with(configure: Configure) -> Callable[..., Any]:
    @asynccontextmanager
    async def start(**quirks: Any) -> AsyncIterator[Both]:
        left = SwitchConfig(name="left", ports=("Ethernet1", "Ethernet2"), quirks=quirks)
        right = SwitchConfig(name="right", ports=("Ethernet1", "Ethernet2"))
        async with Simulation(configure(switches=(left, right))) as simulation:
            switch = simulation.switches["left"]
            async with (
                connected(simulation, switch) as gnmi,
                raw_netconf.session(simulation, switch) as netconf,
            ):
                yield Both(switch, gnmi, netconf)

    return start


def port(found: dict[str, Any], name: str = "Ethernet1") -> dict[str, Any]:
    entries = found["openconfig-interfaces:interfaces"]["interface"]
    return dict(next(one for one in entries if one["name"] == name))


# Shown


async def test_defaults_are_not_shown_and_what_is_off_is(switch_with: Any) -> None:
    enabled = "/interfaces/interface/config/enabled"
    async with switch_with(omits_defaults=True, off_by_default=(enabled,)) as both:
        await both.gnmi.set(update=[update(f"{PORT}/config", {**BASE, "loopback-mode": "NONE"})])
        assert port(await both.config())["config"] == {**BASE, "enabled": False}
        assert (await both.state(f"{PORT}/state"))["openconfig-interfaces:enabled"] is False
        assert (await both.state(f"{PORT}/state"))["openconfig-interfaces:oper-status"] == "DOWN"
        await commit(both.netconf, interface(f"{KEYS}<config><enabled>true</enabled></config>"))
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


async def test_an_unsupported_leaf_is_refused_by_edit_config_and_commit(switch_with: Any) -> None:
    async with switch_with(unsupported=("/interfaces/interface/config/mtu",)) as both:
        document = interface(f"{KEYS}<config>{KEYS}{TYPE}<mtu>1500</mtu></config>")
        await both.netconf.ask(raw_netconf.edit(document))
        assert ":mtu" in str(await both.netconf.refused("<commit/>"))
        assert both.switch.met == {"unsupported"}
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


ADDRESS = {
    "subinterface": [
        {
            "index": 0,
            "config": {"index": 0},
            "openconfig-if-ip:ipv4": {
                "addresses": {"address": [{"ip": "10.0.0.1", "config": {"ip": "10.0.0.1", "prefix-length": 31}}]}
            },
        }
    ]
}
RED = {
    "name": "red",
    "config": {"name": "red", "type": "L3VRF"},
    "interfaces": {
        "interface": [{"id": "e", "config": {"id": "e", "interface": "Ethernet1", "subinterface": 0}}],
    },
}


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


# In force


async def test_the_command_line_wins_and_what_is_never_programmed_is_not_in_force(switch_with: Any) -> None:
    quirks = {
        "cli_values": {"/system/config/motd-banner": "by hand"},
        "never_programs": ("/lldp/interfaces",),
    }
    async with switch_with(**quirks) as both:
        await both.gnmi.set(update=[update("/interfaces", {"interface": [SECOND]})])
        lldp = {"interface": [{"name": "Ethernet2", "config": {"name": "Ethernet2"}}]}
        await both.gnmi.set(
            update=[update("/system/config", {"motd-banner": "by intent"}), update("/lldp/interfaces", lldp)]
        )
        found = await both.config()
        assert found["openconfig-system:system"]["config"]["motd-banner"] == "by intent"
        assert found["openconfig-lldp:lldp"]["interfaces"] == lldp
        assert (await both.state("/system/state"))["openconfig-system:motd-banner"] == "by hand"
        state = values(await both.gnmi.get("/lldp", kind="STATE"))
        assert "Ethernet2" not in str(state)
        assert both.switch.met == {"cli_values", "never_programs"}


async def test_a_feature_and_what_needs_it_in_one_request_is_shown_and_not_in_force(switch_with: Any) -> None:
    async with switch_with(feature_first={"/lldp/config/enabled": "/lldp/interfaces"}) as both:
        await both.gnmi.set(update=[update("/interfaces", {"interface": [SECOND]})])
        ports = {"interface": [{"name": "Ethernet2", "config": {"name": "Ethernet2"}}]}
        await both.gnmi.set(update=[update("/lldp", {"config": {"enabled": True}, "interfaces": ports})])
        assert (await both.config())["openconfig-lldp:lldp"]["interfaces"] == ports
        assert "Ethernet2" not in str(await both.state("/lldp"))
        await both.gnmi.set(delete=[update("/lldp/interfaces", 0).path])
        await both.gnmi.set(update=[update("/lldp/interfaces", ports)])
        assert "Ethernet2" in str(await both.state("/lldp"))


async def test_an_interface_in_no_instance_has_no_address_in_force(switch_with: Any) -> None:
    async with switch_with(explicit_membership=True) as both:
        await both.gnmi.set(update=[update(PORT, {"name": "Ethernet1", "config": BASE, "subinterfaces": ADDRESS})])
        assert "10.0.0.1" in str(await both.config())
        assert "10.0.0.1" not in str(await both.state(PORT))
        await both.gnmi.set(update=[update(f"{NI}[name=red]", RED)])
        assert "10.0.0.1" in str(await both.state(PORT))


async def test_a_replace_makes_an_interface_flap(switch_with: Any) -> None:
    async with switch_with(replace_flaps=True) as both:
        await both.gnmi.set(update=[update(f"{PORT}/config", BASE)])
        await both.gnmi.set(replace=[update(f"{PORT}/config/description", "a leaf alone does no harm")])
        assert "openconfig-interfaces:last-change" not in await both.state(f"{PORT}/state")
        for times in (1, 2):
            await both.gnmi.set(replace=[update(f"{PORT}/config", BASE)])
            state = await both.state(f"{PORT}/state")
            assert state["openconfig-interfaces:counters"]["carrier-transitions"] == str(2 * times)
            assert int(state["openconfig-interfaces:last-change"]) > 0
        assert "carrier-transitions" not in str(await both.state("/interfaces/interface[name=Ethernet2]/state"))


# Later


class Clock:
    """Stands still until it is moved; whoever sleeps by it wakes then."""

    def __init__(self) -> None:
        self.now = 1_000_000_000_000_000_000
        self._moved = asyncio.Event()

    def __call__(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + round(seconds * 1_000_000_000)
        while self.now < until:
            await self._moved.wait()

    def move(self, seconds: float) -> None:
        self.now += round(seconds * 1_000_000_000)
        self._moved.set()
        self._moved = asyncio.Event()


async def test_a_change_shows_when_its_time_has_come_and_is_told_then(configure: Configure) -> None:
    clock = Clock()
    switches = (SwitchConfig(name="left", quirks={"applies_after": 60.0}),)
    simulation = Simulation(configure(switches=switches, links=()), clock, clock.sleep)
    path = "/system/config/hostname"
    async with simulation, connected(simulation, simulation.switches["left"]) as client:
        left = simulation.switches["left"]
        stream = client.subscribe("STREAM", path)
        async with asyncio.timeout(20):
            assert (await stream.read()).sync_response
        await client.set(update=[update(path, "late")])
        assert left.value(path) == "late"
        clock.move(59)
        assert (await refused(client.get(path, kind="CONFIG")))[0] is grpc.StatusCode.NOT_FOUND
        told = asyncio.ensure_future(stream.read())
        clock.move(1)
        async with asyncio.timeout(20):
            assert json.loads((await told).update.update[0].val.json_ietf_val) == "late"
        assert values(await client.get(path, kind="CONFIG")) == ["late"]
        await client.set(update=[update(path, "later")])
        await left.restart()
        assert values(await client.get(path, kind="CONFIG")) == ["later"]
        assert left.met == {"applies_after"}
        stream.cancel()


async def test_a_session_needs_what_is_in_force_at_both_ends(configure: Configure) -> None:
    """The neighbour of a switch with quirks sees what is in force there, not what is shown."""

    def end(own: str, far: str, own_as: int, far_as: int) -> dict[str, Any]:
        neighbor = {"neighbor-address": far, "config": {"neighbor-address": far, "peer-as": far_as}}
        bgp = {"global": {"config": {"as": own_as}}, "neighbors": {"neighbor": [neighbor]}}
        protocol = {"identifier": "BGP", "name": "BGP", "config": {"identifier": "BGP", "name": "BGP"}, "bgp": bgp}
        instance = {"name": "default", "config": {"name": "default", "type": "DEFAULT_INSTANCE"}}
        text = json.dumps(ADDRESS).replace("10.0.0.1", own)
        return {
            PORT: {"name": "Ethernet1", "config": BASE, "subinterfaces": json.loads(text)},
            f"{NI}[name=default]": {**instance, "protocols": {"protocol": [protocol]}},
        }

    switches = (
        SwitchConfig(name="left", ports=("Ethernet1",), quirks={"explicit_membership": True}),
        SwitchConfig(name="right", ports=("Ethernet1",)),
    )
    links = (LinkConfig(a="left:Ethernet1", b="right:Ethernet1"),)
    async with Simulation(configure(switches=switches, links=links)) as simulation:
        left, right = simulation.switches["left"], simulation.switches["right"]
        await left.change(end("10.0.0.0", "10.0.0.1", 65001, 65002))
        await right.change(end("10.0.0.1", "10.0.0.0", 65002, 65001))
        place = f"{NI}[name=default]/protocols/protocol[identifier=BGP][name=BGP]/bgp/neighbors/neighbor"
        async with connected(simulation, right) as client:
            path = f"{place}[neighbor-address=10.0.0.0]/state/session-state"
            assert values(await client.get(path)) == ["ACTIVE"]
            joined = {"id": "e", "config": {"id": "e", "interface": "Ethernet1", "subinterface": 0}}
            await left.change({f"{NI}[name=default]/interfaces": {"interface": [joined]}})
            assert values(await client.get(path)) == ["ESTABLISHED"]
