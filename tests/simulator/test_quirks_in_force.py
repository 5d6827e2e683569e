"""Quirks that show in state and over time: what is in force, what is told when; and a switch without quirks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
import pytest
import raw_netconf
from lxml import etree
from netconf_documents import RUNNING
from quirky_switches import ADDRESS, BASE, NI, PORT, RED, SECOND, Configure, both_to
from raw_gnmi import connected, refused, update, values

from fabricd.errors import InputError
from fabricd.simulator import LinkConfig, Simulation, Switch, SwitchConfig
from fabricd.simulator.kinds import kind_names


@pytest.fixture
def switch_with(configure: Configure) -> Callable[..., Any]:
    """Makes the switch with some quirks."""
    return partial(both_to, configure)


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


async def test_a_switch_without_quirks_is_asked_nothing_more(simulation: Simulation, left: Switch) -> None:
    live = left.live
    assert await live.shown() is live.datastore.running
    async with connected(simulation, left) as client:
        await client.set(update=[update("/system/config/hostname", "a")])
        assert await live.shown() is live.datastore.running
    assert left.met == frozenset()


async def test_what_looks_the_same_at_every_read_is_made_once(switch_with: Any) -> None:
    async with switch_with(omits_defaults=True) as both:
        live = both.switch.live
        assert await live.shown() is await live.shown()
        before = await live.shown()
        await both.gnmi.set(update=[update(f"{PORT}/config", BASE)])
        assert (await live.shown()).number > before.number


async def test_every_kind_runs_with_either_models(configure: Configure, either_models: str) -> None:
    switches = tuple(SwitchConfig(name=kind, kind=kind, ports=("Ethernet1",)) for kind in kind_names())
    async with Simulation(configure(models=either_models, switches=switches, links=())) as simulation:
        for switch in simulation.switches.values():
            await switch.change({f"{PORT}/config": BASE})
            assert "Ethernet1" in str(await switch.state())
            assert switch.value(f"{PORT}/config/name") == "Ethernet1"


async def test_a_quirk_for_a_path_that_the_models_lack_is_told_with_the_switch(configure: Configure) -> None:
    switches = (SwitchConfig(name="odd", quirks={"never_programs": ("/interfaces/colour",)}),)
    with pytest.raises(InputError, match=r"odd: never_programs: /interfaces/colour: the models have no such"):
        await Simulation(configure(switches=switches, links=())).start()


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
        stream.cancel()
        await left.restart()
        async with connected(simulation, left) as again:
            assert values(await again.get(path, kind="CONFIG")) == ["later"]
        assert left.met == {"applies_after"}


async def test_a_change_is_told_by_netconf_when_it_shows(configure: Configure) -> None:
    clock = Clock()
    switches = (SwitchConfig(name="left", quirks={"applies_after": 60.0}),)
    async with Simulation(configure(switches=switches, links=()), clock, clock.sleep) as simulation:
        left = simulation.switches["left"]
        async with raw_netconf.session(simulation, left) as session:
            await session.ok('<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>')
            await left.change({"/system/config/hostname": "late"})
            clock.move(59)
            assert b"late" not in etree.tostring(await session.ask(RUNNING))  # nothing came before this answer
            clock.move(1)
            assert b"netconf-config-change" in etree.tostring(await session.reply())
            assert b"late" in etree.tostring(await session.ask(RUNNING))


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
