"""The control socket of a running simulation, by itself and through the commands."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from raw_gnmi import connected, refused, update

from fabricd.cli.fabricd import app
from fabricd.cli.terminal import invoke
from fabricd.errors import FabricdError
from fabricd.simulator import Kind, Rpc, Simulation, SimulationConfig, Switch
from fabricd.simulator.control import Control, ListSwitches, Power, ask

HOSTNAME = "/system/config/hostname"
CONTENT = '[simulation]\nstate_directory = "simulation"\n'


@pytest.fixture
async def file(simulation: Simulation, tmp_path: Path) -> AsyncIterator[Path]:
    """The simulation's file, while its control socket listens."""
    path = tmp_path / "simulation.toml"
    path.write_text(CONTENT)
    async with Control(simulation):
        yield path


@pytest.fixture
def run(file: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs a command against the simulation: (exit code, standard output, standard error)."""

    async def command(*arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(invoke, app, "fabricd", [*arguments, "--simulation", str(file)])
        return code, *capsys.readouterr()

    return command


async def test_a_fault_is_added_strikes_and_is_counted(run: Any, simulation: Simulation, left: Switch) -> None:
    assert (await run("fault", "add", "left", "--rpc", "set", "--kind", "refuse", "--message", "not today"))[0] == 0
    [waiting] = json.loads((await run("fault", "list", "--json"))[1])[0]["waiting"]
    assert waiting == {"rpc": "set", "kind": "refuse", "message": "not today"}
    async with connected(simulation, left) as client:
        assert "not today" in (await refused(client.set(update=[update(HOSTNAME, "a")])))[1]
        await client.set(update=[update(HOSTNAME, "b")])
    code, out, _ = await run("fault", "list")
    assert code == 0
    assert out.splitlines()[1].split() == ["left", "set", "refuse", "0", "1"]


async def test_what_is_held_is_let_go(run: Any, simulation: Simulation, left: Switch) -> None:
    await run("fault", "add", "left", "--rpc", "get", "--kind", "stall")
    async with connected(simulation, left) as client:
        asked = asyncio.ensure_future(client.get("/system"))
        async with asyncio.timeout(20):
            while left.faults.stalled == 0:
                await asyncio.sleep(0.01)
        assert "holds 1 request" in (await run("fault", "list"))[2]
        assert (await run("fault", "release", "left"))[0] == 0
        assert (await asked).notification


async def test_power_and_changes_from_outside(run: Any, left: Switch, right: Switch) -> None:
    assert (await run("switch", "power", "left", "off"))[0] == 0
    assert not left.powered
    assert (await run("switch", "power", "left", "on"))[0] == 0
    assert left.powered
    assert (await run("switch", "change", "right", "--update", f"{HOSTNAME}=by-hand"))[1] == "changed\n"
    assert right.value(HOSTNAME) == "by-hand"
    path = "/interfaces/interface[name=Ethernet1]/config"
    value = '{"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd", "mtu": 1500}'
    assert (await run("switch", "change", "right", "--replace", f"{path}={value}"))[0] == 0
    assert right.value(f"{path}/mtu") == 1500
    assert (await run("switch", "change", "right", "--delete", "/system", "--delete", "/interfaces"))[0] == 0
    assert right.running == b"{}"
    code, out, _ = await run("switch", "list")
    assert code == 0
    assert out.splitlines()[2].split() == ["right", "-", "on", "3", "0", "0", "-"]


async def test_a_power_cycle_comes_back_by_itself(run: Any, left: Switch) -> None:
    booted = left.booted
    assert (await run("switch", "power", "left", "cycle", "--seconds", "0.05"))[0] == 0
    async with asyncio.timeout(20):
        while not (left.powered and left.booted > booted):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("fault", "add", "left", "--rpc", "nothing", "--kind", "drop"), "--rpc"),
        (("fault", "add", "left", "--rpc", "get", "--kind", "drop", "--times", "0"), "--times"),
        (("fault", "add", "left", "--rpc", "get", "--kind", "flood"), "notify"),
        (("fault", "add", "nobody", "--rpc", "get", "--kind", "drop"), "no switch 'nobody'"),
        (("fault", "release", "nobody"), "no switch 'nobody'"),
        (("switch", "power", "left", "sideways"), "on, off or cycle"),
        (("switch", "power", "left", "cycle", "--seconds", "-1"), "--seconds"),
        (("switch", "change", "left"), "nothing to change"),
        (("switch", "change", "left", "--update", "/system"), "PATH=JSON"),
        (("switch", "change", "left", "--update", "/system/config/colour=red"), "/system/config/colour"),
        (("switch", "change", "left", "--update", "/interfaces/interface[name=x]/config/mtu=many"), "mtu"),
        (("switch", "change", "left", "--update", "/interfaces/interface[name=x]=[]"), "one entry takes an object"),
        (("switch", "change", "left", "--update", "/interfaces/interface[id=x]/config/mtu=1"), "no key 'id'"),
    ],
)
async def test_what_makes_no_sense_is_told(run: Any, left: Switch, arguments: tuple[str, ...], says: str) -> None:
    before = left.running
    code, out, err = await run(*arguments)
    assert (code, out) == (1, "")
    assert says in err
    assert len(err.splitlines()) == 1
    assert left.running == before


@pytest.mark.parametrize(
    "line",
    [b"nonsense", b"[]", b'{"do": "dance"}', b'{"do": "power", "switch": "left", "to": "on", "colour": 1}', b"\xff"],
)
async def test_bad_lines_are_answered_and_the_next_one_is_read(file: Path, simulation: Simulation, line: bytes) -> None:
    socket = simulation.config.state_directory / "control.socket"
    reader, writer = await asyncio.open_unix_connection(str(socket))
    for sent, key in ((line, "error"), (b'{"do": "list"}', "switches")):
        writer.write(sent + b"\n")
        assert key in json.loads(await asyncio.wait_for(reader.readline(), 20))
    writer.close()


async def test_a_line_without_end_is_cut_off(file: Path, simulation: Simulation) -> None:
    socket = simulation.config.state_directory / "control.socket"
    reader, writer = await asyncio.open_unix_connection(str(socket))
    with suppress(ConnectionError):  # cut while the rest was still on its way
        writer.write(b"x" * (5 << 20))
        answer = await asyncio.wait_for(reader.read(), 20)
        assert not answer or "MiB" in json.loads(answer)["error"]
    writer.close()
    assert (await asyncio.to_thread(ask, socket, ListSwitches()))["switches"]


async def test_the_socket_is_its_owners_alone_and_only_one_listens(file: Path, simulation: Simulation) -> None:
    socket = simulation.config.state_directory / "control.socket"
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    with pytest.raises(FabricdError, match="another simulation"):
        await Control(simulation).__aenter__()
    assert len((await asyncio.to_thread(ask, socket, ListSwitches()))["switches"]) == 2


async def test_a_socket_left_behind_is_no_hindrance_and_a_dead_one_is_told(simulation: Simulation) -> None:
    socket = simulation.config.state_directory / "control.socket"
    async with Control(simulation):
        left_behind = socket.with_name("copy")
        left_behind.hardlink_to(socket)
    with pytest.raises(FabricdError, match="no simulation runs there"):
        ask(socket, ListSwitches())
    left_behind.rename(socket)
    with pytest.raises(FabricdError, match="no simulation runs there"):
        ask(socket, ListSwitches())
    async with Control(simulation):
        await asyncio.to_thread(ask, socket, Power(switch="left", to="on"))


async def test_a_deep_state_directory_is_no_hindrance(
    configure: Callable[..., SimulationConfig], tmp_path: Path
) -> None:
    folder = tmp_path / "/".join(["a-rather-long-name-of-a-folder"] * 6)
    async with Simulation(configure(state_directory=folder)) as simulation, Control(simulation):
        assert (await asyncio.to_thread(ask, folder / "control.socket", ListSwitches()))["switches"]


def test_the_help_names_every_request_and_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(app, "fabricd", ["fault", "add", "--help"]) == 0
    text = re.sub(r"-\n\s+", "-", capsys.readouterr().out)  # the terminal's margin
    words = set(re.findall(r"[a-z-]+", text))
    assert {*Rpc, *Kind} <= words


def test_kinds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(app, "fabricd", ["simulate", "--kinds"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]} == {
        "all-quirks", "eos", "iosxr", "junos", "nxos", "sonic", "srlinux",
    }  # fmt: skip
    assert invoke(app, "fabricd", ["simulate", "--kinds", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[1]["quirks"]["omits_defaults"] is True
    assert invoke(app, "fabricd", ["simulate"]) == 1


def test_a_simulation_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(app, "fabricd", ["fault", "list", "--simulation", str(tmp_path / "none.toml")]) == 1
    assert "none.toml" in capsys.readouterr().err
    (tmp_path / "empty.toml").write_text("")
    assert invoke(app, "fabricd", ["fault", "list", "--simulation", str(tmp_path / "empty.toml")]) == 1
    assert "state_directory" in capsys.readouterr().err
    (tmp_path / "idle.toml").write_text(CONTENT)
    assert invoke(app, "fabricd", ["fault", "list", "--simulation", str(tmp_path / "idle.toml")]) == 1
    assert "no simulation runs there" in capsys.readouterr().err
