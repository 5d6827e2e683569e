"""The daemon is killed while every switch holds a change that is not confirmed: nothing half-applied lasts."""

from __future__ import annotations

from pathlib import Path

import pytest
from installation import DEVICES, Alarm, Installation, descriptions, installed
from test_killed_daemon import Watcher, journal_is_whole, written_everywhere

from fabricd.simulator import Fault, Kind, Rpc


def held(installation: Installation) -> set[str]:
    """The switches on which a change waits for its confirmation."""
    switches = installation.simulation.switches
    return {name for name in DEVICES if switches[name]._datastore.pending is not None}


async def unconfirmed_everywhere(installation: Installation, text: str, rpc: Rpc) -> int:
    """Submit, and return its revision once every switch, of either protocol, has the change in force unconfirmed."""
    switches = installation.simulation.switches.values()
    for switch in switches:
        switch.faults.stall_commit(after=True)
    answer = await installation.client.submit([descriptions("work", text)])

    async def everywhere() -> bool:
        return held(installation) == set(DEVICES) and all(switch.faults.stalled for switch in switches)

    await installation.until(everywhere)
    for switch in switches:
        switch.faults.add(Fault(rpc=rpc, kind=Kind.STALL, times=100))
        switch.faults.let_go()  # the answer to the commit: what comes next is held

    async def further() -> bool:
        return all((rpc, Kind.STALL) in switch.faults.counts for switch in switches)

    await installation.until(further)
    await written_everywhere(installation, text)
    return answer.revision


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("rpc", [Rpc.GET, Rpc.CONFIRM])
async def test_switches_take_back_what_a_dead_daemon_did_not_confirm(tmp_path: Path, rpc: Rpc) -> None:
    alarm = Alarm()
    async with installed(tmp_path, sleep=alarm.sleep) as installation:
        installation.configure(sweep_interval=3600, confirm_within=600.0)
        await installation.start()
        await installation.submit_fabric()
        await installation.client.submit([descriptions("work", "before")])
        await installation.converge()
        watcher = Watcher(installation)
        revision = await unconfirmed_everywhere(installation, "after", rpc)
        await installation.kill()
        alarm.ring()

        async def nowhere() -> bool:
            return not held(installation)

        await installation.until(nowhere)
        await written_everywhere(installation, "before")
        for switch in installation.simulation.switches.values():
            switch.faults.release()
        await installation.start()
        await installation.converge()
        await written_everywhere(installation, "after")
        assert max(one.number for one in await installation.client.revisions()) == revision
        await journal_is_whole(installation, watcher)
        recovered = {record.device: record.message for record in watcher.records if record.event == "recovered"}
        assert set(recovered) == set(DEVICES)
        assert all("holds nothing unconfirmed" in message for message in recovered.values())
        assert all("runs what it ran before" in message for message in recovered.values())
        await watcher.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_daemon_that_is_back_in_time_has_it_taken_back_before_anything_else(tmp_path: Path) -> None:
    async with installed(tmp_path, sleep=Alarm().sleep) as installation:
        installation.configure(sweep_interval=3600, confirm_within=600.0)
        await installation.start()
        await installation.submit_fabric()
        await installation.client.submit([descriptions("work", "before")])
        await installation.converge()
        watcher = Watcher(installation)
        await unconfirmed_everywhere(installation, "after", Rpc.GET)
        await installation.kill()
        for switch in installation.simulation.switches.values():
            switch.faults.release()
        assert held(installation) == set(DEVICES)
        await installation.start()
        await installation.converge()
        await written_everywhere(installation, "after")
        assert held(installation) == set()
        await journal_is_whole(installation, watcher)
        recovered = {record.device: record.message for record in watcher.records if record.event == "recovered"}
        assert set(recovered) == set(DEVICES)
        assert all("still held it unconfirmed and took it back" in message for message in recovered.values())
        await watcher.close()
