"""A switch whose clock is set back: what it measures and what it tells does not depend on the time of day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from manual_time import ManualTime
from netconf_documents import IF, RUNNING
from raw_gnmi import connected, values
from raw_netconf import Client, session, text

from fabricd.simulator import Fault, Kind, Rpc, Simulation, SimulationConfig, Switch, SwitchConfig

Configure = Callable[..., SimulationConfig]
HOSTNAME = "/system/config/hostname"
NOTIFICATION = "urn:ietf:params:xml:ns:netconf:notification:1.0"
WITH_DEFAULTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
COUNTER = "/interfaces/interface[name=Ethernet1]/state/counters/in-pkts"
UPTIME = "/system/state/up-time"


async def set_back(client: Client, switch: Switch) -> None:
    switch.faults.add(Fault(rpc=Rpc.GET, kind=Kind.CLOCK, seconds=-3600.0))
    await client.ask(RUNNING)


async def test_what_counts_from_the_start_goes_on_counting(simulation: Simulation, left: Switch) -> None:
    async with connected(simulation, left) as gnmi, session(simulation, left) as client:
        await left.change({HOSTNAME: "left"})
        before = [int(value) for value in values(await gnmi.get(UPTIME, COUNTER))]
        await set_back(client, left)
        after = [int(value) for value in values(await gnmi.get(UPTIME, COUNTER))]
        assert [later >= earlier >= 0 for earlier, later in zip(before, after, strict=True)] == [True, True]
        everything = f'<with-defaults xmlns="{WITH_DEFAULTS}">report-all</with-defaults>'
        shown = await client.ask(f'<get><filter><interfaces xmlns="{IF}"/></filter>{everything}</get>')
        assert "<in-pkts>" in text(shown)


async def test_whoever_subscribed_before_is_told_what_happens_after(simulation: Simulation, left: Switch) -> None:
    async with session(simulation, left) as client, session(simulation, left) as other:
        await client.ok(f'<create-subscription xmlns="{NOTIFICATION}"/>')
        await set_back(other, left)
        await left.change({HOSTNAME: "after"})
        assert "netconf-config-change" in text(await client.reply())


async def test_replay_begins_with_what_is_stamped_by_the_clock_before(configure: Configure) -> None:
    switches = (SwitchConfig(name="left", replay=10),)
    async with Simulation(configure(switches=switches, links=())) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left) as client:
            await left.change({HOSTNAME: "before"})
            await set_back(client, left)
            start = datetime.fromtimestamp(left.clock() / 1e9, UTC) - timedelta(minutes=1)
            begin = f"<startTime>{start.isoformat()}</startTime>"
            await client.ok(f'<create-subscription xmlns="{NOTIFICATION}">{begin}</create-subscription>')
            assert "netconf-session-start" in text(await client.reply())
            assert "netconf-config-change" in text(await client.reply())
            assert "replayComplete" in text(await client.reply())


async def test_a_late_change_shows_when_its_seconds_are_over(configure: Configure, time: ManualTime) -> None:
    switches = (SwitchConfig(name="left", quirks={"applies_after": 60.0}),)
    async with Simulation(configure(switches=switches, links=()), time, time.sleep) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left) as client:
            await client.ok(f'<create-subscription xmlns="{NOTIFICATION}"/>')
            await left.change({HOSTNAME: "late"})
            await set_back(client, left)
            async with asyncio.timeout(20):
                while not time.sleeping:
                    await asyncio.sleep(0.005)
            time.advance(60)
            assert "netconf-config-change" in text(await client.reply())
            assert "late" in text(await client.ask(RUNNING))
