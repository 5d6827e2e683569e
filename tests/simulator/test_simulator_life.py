"""A simulated switch over time: persistence, power, faults, the back door, the command's process."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import stat
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncssh
import grpc
import pytest
import raw_netconf
from raw_gnmi import Client, connected, path, refused, update, values
from raw_netconf import edit, errors
from simulator_process import command, set_hostname

from fabricd.errors import FabricdError, InputError
from fabricd.simulator import Fault, Kind, Rpc, Simulation, SimulationConfig, Switch, SwitchConfig
from fabricd.simulator.datastore import LockedError

Configure = Callable[..., SimulationConfig]
HOSTNAME = "/system/config/hostname"
SYSTEM = '<system xmlns="http://openconfig.net/yang/system"><config><hostname>{}</hostname></config></system>'
RUNNING = "<get-config><source><running/></source></get-config>"


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with connected(simulation, left) as connected_client:
        yield connected_client


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.01)


async def test_what_was_acknowledged_is_there_after_a_restart(configure: Configure, either_models: str) -> None:
    config = configure(models=either_models)
    async with Simulation(config) as simulation:
        left, right = simulation.switches["left"], simulation.switches["right"]
        async with connected(simulation, left) as client:
            await client.set(update=[update(HOSTNAME, "by-gnmi")])
        async with raw_netconf.session(simulation, right) as session:
            await session.ok(edit(SYSTEM.format("by-netconf")))
            await session.ok("<commit/>")
            await session.ok(edit(SYSTEM.format("not-committed")))
        keys = simulation.known_hosts_file.read_text().split()[2::3]
        authority = simulation.ca_file.read_bytes()
    async with Simulation(config) as simulation:
        assert simulation.switches["left"].value(HOSTNAME) == "by-gnmi"
        assert simulation.switches["right"].value(HOSTNAME) == "by-netconf"
        assert simulation.known_hosts_file.read_text().split()[2::3] == keys
        assert simulation.ca_file.read_bytes() == authority
        async with connected(simulation, simulation.switches["left"]) as client:
            assert values(await client.get(HOSTNAME)) == ["by-gnmi"]


async def test_a_switch_goes_down_and_comes_back_on_the_same_ports(
    simulation: Simulation, left: Switch, right: Switch, client: Client
) -> None:
    await client.set(update=[update(HOSTNAME, "kept")])
    ports = (left.gnmi_port, left.netconf_port)
    status = "/interfaces/interface[name=Ethernet1]/state/oper-status"
    async with connected(simulation, right) as neighbour, raw_netconf.session(simulation, left) as session:
        await session.ok("<lock><target><running/></target></lock>")
        await left.stop()
        with pytest.raises((ConnectionError, asyncssh.Error)):
            await session.ask(RUNNING)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(left.host, left.gnmi_port)
        assert values(await neighbour.get(status)) == ["DOWN"]
        await left.start()
        assert values(await neighbour.get(status)) == ["UP"]
    assert (left.gnmi_port, left.netconf_port) == ports
    assert values(await client.get(HOSTNAME)) == ["kept"]
    async with raw_netconf.session(simulation, left) as session:
        await session.ok("<lock><target><running/></target></lock>")
    await left.restart()
    assert left.value(HOSTNAME) == "kept"


async def test_the_ports_of_a_switch_that_is_off_are_given_to_nobody_else(simulation: Simulation, left: Switch) -> None:
    await left.stop()
    for port in (left.gnmi_port, left.netconf_port):
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((left.host, port))
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(left.host, port)
    await left.start()


async def test_changes_by_either_protocol_and_the_back_door_are_notified(
    simulation: Simulation, left: Switch, client: Client
) -> None:
    stream = client.subscribe("STREAM", HOSTNAME)
    assert (await stream.read()).sync_response

    async def told() -> str:
        return str(json.loads((await stream.read()).update.update[0].val.json_ietf_val))

    await client.set(update=[update(HOSTNAME, "by-gnmi")])
    assert await told() == "by-gnmi"
    async with raw_netconf.session(simulation, left) as session:
        await session.ok(edit(SYSTEM.format("by-netconf")))
        await session.ok("<commit/>")
        assert await told() == "by-netconf"
        await left.change({HOSTNAME: "by-hand"})
        assert await told() == "by-hand"
        assert "by-hand" in raw_netconf.text(await session.ask(RUNNING))
    await left.change(delete=[HOSTNAME])
    assert [one.elem[-1].name for one in (await stream.read()).update.delete] == ["hostname"]
    stream.cancel()


async def test_only_real_changes_make_a_new_version(client: Client, left: Switch) -> None:
    version = left.version
    assert await left.change({HOSTNAME: "one"})
    assert not await left.change({HOSTNAME: "one"})
    await client.set(update=[update(HOSTNAME, "one")])
    assert left.version == version + 1
    assert left.commits == 3


async def test_the_back_door_refuses_what_does_not_validate(left: Switch) -> None:
    for wrong in ({"/nothing": 1}, {"/interfaces/interface[name=Ethernet1]/config": {"mtu": 1}}):
        with pytest.raises(InputError):
            await left.change(wrong)
    assert (left.running, left.commits) == (b"{}", 0)


async def test_a_netconf_lock_keeps_everybody_else_out(simulation: Simulation, left: Switch, client: Client) -> None:
    async with raw_netconf.session(simulation, left) as session:
        await session.ok("<lock><target><running/></target></lock>")
        code, details = await refused(client.set(update=[update(HOSTNAME, "x")]))
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert "lock" in details
        with pytest.raises(LockedError):
            await left.change({HOSTNAME: "x"})
    assert left.running == b"{}"


async def test_stalled_reads_wait_until_released(client: Client, left: Switch) -> None:
    left.faults.stall_get()
    waiting = asyncio.ensure_future(client.get("/system"))
    await until(lambda: left.faults.stalled == 1)
    assert values(await client.get("/system/state/hostname")) == ["left"]
    assert not waiting.done()
    left.faults.release()
    assert await waiting


async def test_a_commit_that_stalls_afterwards_has_taken_effect(simulation: Simulation, left: Switch) -> None:
    async with raw_netconf.session(simulation, left) as session:
        await session.ok(edit(SYSTEM.format("written")))
        left.faults.stall_commit(after=True)
        session.send(session.framed(session.rpc("<commit/>")))
        await until(lambda: left.faults.stalled == 1)
        assert left.value(HOSTNAME) == "written"
        left.faults.release()
        assert not errors(await session.reply())


async def test_a_commit_that_stalls_before_has_not(simulation: Simulation, left: Switch) -> None:
    async with raw_netconf.session(simulation, left) as session:
        await session.ok(edit(SYSTEM.format("never")))
        left.faults.stall_commit()
        session.send(session.framed(session.rpc("<commit/>")))
        await until(lambda: left.faults.stalled == 1)
    await until(lambda: left.faults.stalled == 0)
    left.faults.release()
    assert (left.running, left.commits) == (b"{}", 0)


async def test_faults_strike_in_order_and_are_used_up(simulation: Simulation, left: Switch, client: Client) -> None:
    left.faults.refuse_next_set("first")
    left.faults.refuse_next_set("second")
    assert "first" in (await refused(client.set(delete=[path("/system")])))[1]
    async with raw_netconf.session(simulation, left) as session:
        error = await session.refused(edit(SYSTEM.format("x")))
        assert (error["error-tag"], error["error-message"]) == ("operation-failed", "second")
        await session.ok(edit(SYSTEM.format("x")))
        left.faults.add(Fault(rpc=Rpc.COMMIT, kind=Kind.DROP))
        session.send(session.framed(session.rpc("<commit/>")))
        await session.closed()
    left.faults.delay(Rpc.GET, 0.2)
    began = time.monotonic()
    await client.get("/system")
    assert time.monotonic() - began >= 0.2
    assert left.faults.struck == 4
    assert left.commits == 0


async def test_a_client_that_gives_up_does_not_tear_a_commit(client: Client, left: Switch) -> None:
    for number in range(10):
        call = asyncio.ensure_future(client.set(update=[update(HOSTNAME, f"h{number}")]))
        await asyncio.sleep(0.001 * number)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    await client.set(update=[update(HOSTNAME, "last")])
    assert left.value(HOSTNAME) == "last"
    assert json.loads(left.config_file.read_bytes()) == json.loads(left.running)


async def test_secrets_are_for_the_owner_only_and_files_tell_where_everything_is(
    simulation: Simulation, left: Switch
) -> None:
    folder = simulation.config.state_directory
    for file in (*(folder / "tls").iterdir(), *(folder / "ssh").iterdir()):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    directory = json.loads(simulation.ports_file.read_text())
    assert directory["switches"]["left"] == {
        "address": left.host,
        "gnmi_port": left.gnmi_port,
        "netconf_port": left.netconf_port,
        "host_key": left.identity.host_key_public,
    }
    assert directory["ca"] == str(simulation.ca_file)


async def test_a_taken_port_is_told_and_nothing_stays_running(configure: Configure, left: Switch) -> None:
    for ports in ({"gnmi_port": left.gnmi_port}, {"netconf_port": left.netconf_port}):
        switches = (SwitchConfig(name="free"), SwitchConfig(name="other", **ports))
        other = Simulation(configure(switches=switches, links=()))
        with pytest.raises(FabricdError, match=str(*ports.values())):
            await other.start()
        assert not any(switch.powered for switch in other.switches.values())


async def test_the_command_serves_survives_sigkill_and_ends_on_sigterm(tmp_path: Path) -> None:
    for number in range(3):
        process = await command(tmp_path)
        assert await set_hostname(tmp_path, f"h{number}") == f"h{number}"
        process.kill()
        await process.communicate()
    process = await command(tmp_path)
    assert await set_hostname(tmp_path, "") == "h2"
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(60):
        await process.communicate()
    assert process.returncode == 0


async def test_a_damaged_configuration_file_is_told_with_the_switch(configure: Configure) -> None:
    config = configure()
    async with Simulation(config) as simulation:
        file = simulation.switches["right"].config_file
    for damage in (b"{", b'{"openconfig-system:system": {"config": {"colour": "red"}}}'):
        file.write_bytes(damage)
        with pytest.raises(InputError, match="right"):
            await Simulation(config).start()
    file.unlink()
    async with Simulation(config) as simulation:
        assert simulation.switches["right"].running == b"{}"
