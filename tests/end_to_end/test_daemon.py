"""The daemon as systemd and its operators see it: start, readiness, reload, stop, log, metrics; on both model sets."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from installation import DEADLINE, DEVICES, PROJECT, Installation, descriptions, document, installed

from fabricd.errors import InputError

T = TypeVar("T")


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as one:
        yield one


def lines(installation: Installation) -> list[dict[str, object]]:
    """The log so far; every line must be one JSON object."""
    return [json.loads(line) for line in installation.log.splitlines()]


async def said(installation: Installation, message: str) -> None:
    async def happened() -> bool:
        return any(message in str(line["message"]) for line in lines(installation))

    await installation.until(happened)


@pytest.mark.parametrize("models", ["managed", "release"])
async def test_the_demo_fabric_converges_by_both_protocols_on_both_model_sets(
    tmp_path: Path, models: str, request: pytest.FixtureRequest
) -> None:
    release = request.getfixturevalue("openconfig_release") if models == "release" else None
    async with installed(tmp_path, release) as installation:
        await installation.start()
        await installation.submit_fabric()
        await installation.converge()
        plans = (await installation.client.plan()).plans
        assert {plan.device: (len(plan.edits), plan.error) for plan in plans} == dict.fromkeys(DEVICES, (0, ""))
        for name in DEVICES:
            assert installation.simulation.switches[name].value("/system/config/hostname") == name
        # Sessions come up where both ends are configured alike: the fabric makes sense, not only its documents.
        state = await installation.simulation.switches["spine1"].state()
        (instance,) = state["openconfig-network-instance:network-instances"]["network-instance"]
        (bgp,) = instance["protocols"]["protocol"]
        assert {one["state"]["session-state"] for one in bgp["bgp"]["neighbors"]["neighbor"]} == {"ESTABLISHED"}


async def stopped_during_start(installation: Installation, wait: Callable[[T], Awaitable[object]], what: T) -> int:
    """Start the daemon on an empty log, `wait` for `what`, then send SIGTERM; the exit code."""
    with (installation.folder / "daemon.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PROJECT / ".venv" / "bin" / "fabricd",
            "serve",
            "--config",
            installation.folder / "fabricd.toml",
            stdout=log,
            stderr=log,
            env={**os.environ, "SWITCH_PASSWORD": "secret"},
        )
    await wait(what)
    process.terminate()
    code = await asyncio.wait_for(process.wait(), DEADLINE)
    assert "Traceback" not in installation.log
    assert not (installation.folder / "fabricd.sock").exists()
    return code


async def test_a_stop_during_the_start_is_orderly_at_any_moment(installation: Installation) -> None:
    """SIGTERM at points in time spread over the whole start: it ends by itself, and leaves no socket behind."""
    began = time.monotonic()
    await installation.start()
    takes = time.monotonic() - began
    assert await installation.stop() == 0
    for part in range(6):  # before the first of these Python is still loading
        code = await stopped_during_start(installation, asyncio.sleep, takes * (0.4 + 0.6 * part / 5))
        # Killed by the signal: nothing was open yet, and nothing had been said.
        assert code == 0 or (code == -signal.SIGTERM and not installation.log), installation.log

    async def said_so_much() -> bool:
        return len(installation.log.splitlines()) >= count or ready in installation.log

    # And at what it has reached, however long that takes: when it says anything, it takes orders.
    count, ready = 1, '"message":"ready"'
    while True:
        assert await stopped_during_start(installation, installation.until, said_so_much) == 0
        if ready in installation.log:
            break
        count += 1
    await installation.start()
    await installation.submit_fabric()
    await installation.converge()


async def test_an_address_that_is_taken_ends_the_daemon_before_any_device_is_touched(
    installation: Installation,
) -> None:
    (installation.folder / "fabricd.sock").write_text("something else")
    process = await asyncio.create_subprocess_exec(
        PROJECT / ".venv" / "bin" / "fabricd",
        "serve",
        "--config",
        installation.folder / "fabricd.toml",
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "SWITCH_PASSWORD": "secret"},
    )
    _, stderr = await asyncio.wait_for(process.communicate(), DEADLINE)
    assert process.returncode == 1
    assert "fabricd.sock exists and is not a socket" in stderr.decode()
    assert "devices" not in stderr.decode()
    assert (installation.folder / "fabricd.sock").read_text() == "something else"


async def test_a_stop_during_a_reload_does_not_wait_for_it(installation: Installation) -> None:
    """A switch that stalls in the middle of a write must keep neither a reload nor a stop."""
    await installation.start()
    await installation.submit_fabric()
    await installation.converge()
    stalling = installation.simulation.switches["leaf1"].faults
    stalling.stall_set()
    await installation.client.submit([descriptions("more", "new")])

    async def stalled() -> bool:
        return stalling.stalled == 1

    await installation.until(stalled)
    inventory = installation.folder / "inventory.toml"
    inventory.write_text(inventory.read_text().replace('name = "leaf1"', 'name = "leaf1"\nmode = "observe"'))
    assert installation.process is not None
    installation.process.send_signal(signal.SIGHUP)
    await said(installation, "reloaded, 6 devices")
    assert stalling.stalled == 1
    stalling.release()
    assert await installation.stop() == 0


async def test_a_second_daemon_on_the_same_state_is_refused_and_the_first_goes_on(installation: Installation) -> None:
    await installation.start()
    second = await asyncio.create_subprocess_exec(
        PROJECT / ".venv" / "bin" / "fabricd",
        "serve",
        "--config",
        installation.folder / "fabricd.toml",
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "SWITCH_PASSWORD": "secret"},
    )
    _, stderr = await asyncio.wait_for(second.communicate(), DEADLINE)
    assert second.returncode == 1
    assert "in use by process" in stderr.decode()
    assert "Traceback" not in stderr.decode()
    await installation.client.status()


async def test_systemd_is_told_of_readiness_reload_and_stop(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service_manager:
        address = installation.folder / "notify"
        service_manager.bind(str(address))
        service_manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        told: list[str] = []

        async def hear(what: str) -> None:
            async with asyncio.timeout(DEADLINE):
                while not any(message.startswith(what) or f"\n{what}" in message for message in told):
                    told.append((await asyncio.get_running_loop().sock_recv(service_manager, 4096)).decode())

        await installation.start()
        await hear("READY=1")
        await hear("WATCHDOG=1")
        await hear("STATUS=revision 0: 0/6 devices in sync")
        told.clear()
        assert installation.process is not None
        installation.process.send_signal(signal.SIGHUP)
        await hear("RELOADING=1")
        await hear("READY=1")
        assert await installation.stop() == 0
        await hear("STOPPING=1")
    assert not (installation.folder / "fabricd.sock").exists()


async def test_a_reload_takes_a_new_inventory_and_refuses_a_wrong_one_whole(installation: Installation) -> None:
    await installation.start()
    assert installation.process is not None
    inventory = installation.folder / "inventory.toml"
    good = inventory.read_text()

    inventory.write_text(good.replace('name = "leaf4"', 'name = "leaf4"\nmode = "observe"'))
    installation.process.send_signal(signal.SIGHUP)
    await said(installation, "reloaded, 6 devices")
    modes = {device.device: device.mode for device in (await installation.client.status()).devices}
    assert modes == {**dict.fromkeys(DEVICES, "enforce"), "leaf4": "observe"}

    inventory.write_text(good.replace('name = "leaf3"', 'name = "leaf4"\ncolour = "red"'))
    installation.process.send_signal(signal.SIGHUP)
    await said(installation, "not reloaded")
    refusal = next(str(line["message"]) for line in lines(installation) if "not reloaded" in str(line["message"]))
    assert "inventory.toml" in refusal
    assert "colour" in refusal
    assert {device.device for device in (await installation.client.status()).devices} == set(DEVICES)

    cut = good[: good.index('[[device]]\nname = "leaf4"')]
    inventory.write_text(cut)
    installation.process.send_signal(signal.SIGHUP)
    await said(installation, "reloaded, 5 devices")
    assert {device.device for device in (await installation.client.status()).devices} == set(DEVICES) - {"leaf4"}
    with pytest.raises(InputError, match="leaf4"):
        await installation.submit_fabric()


async def test_every_line_of_the_log_is_json_and_every_reconcile_names_device_revision_and_decision(
    installation: Installation,
) -> None:
    await installation.start()
    await installation.submit_fabric()
    await installation.converge()
    # Text that a person chose must not be able to break or forge a line.
    hostile = 'say "hi"\x1b[31m \\n {"event": "forged"} ✓'
    quoted = json.dumps(hostile)[1:-1].replace("'", "''")
    text = descriptions("hostile", "X").content.decode().replace("'X'", f'"{quoted}"')
    with pytest.raises(InputError, match="config"):  # a control character is no YANG string
        await installation.client.submit([document("hostile.yaml", text)], comment="two\nlines")
    await installation.client.submit([descriptions("polite", 'say "hi" \\n {}')], comment="two\nlines \x1b[31m")
    await installation.converge()
    assert await installation.stop() == 0
    written = lines(installation)
    reconciles = [line for line in written if line.get("event") == "reconcile" and line.get("outcome") == "applied"]
    assert {line["device"] for line in reconciles} == set(DEVICES)
    for line in reconciles:
        assert line["revision"]
        assert line["decision"]
        assert line["edits"]
        durations = set(line["durations"])  # type: ignore[call-overload]
        # Looked at before it lasts where the switch can take it back, else after.
        assert durations >= {"fetch", "plan", "apply", "total"}
        assert durations & {"probe", "verify"}


async def test_metrics_tell_of_devices_revision_and_journal(installation: Installation) -> None:
    await installation.start()
    await installation.submit_fabric()
    await installation.converge()
    found = re.search(r"metrics on (http://\S+?/metrics)", installation.log)
    assert found is not None

    def scrape() -> str:
        with urllib.request.urlopen(found[1], timeout=DEADLINE) as answer:
            return str(answer.read().decode())

    exposed = await asyncio.to_thread(scrape)
    assert "fabricd_revision 1.0" in exposed
    assert re.search(r'fabricd_devices{outcome="(applied|in-sync)"} [1-6]\.0', exposed)
    applied = re.search(r'fabricd_reconcile_duration_seconds_count{phase="apply"} (\d+)', exposed)
    assert applied is not None
    assert int(applied[1]) >= len(DEVICES)
    assert re.search(r"fabricd_journal_sequence [1-9]", exposed)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("state_directory = 7", "state_directory"),
        ('inventory = "missing.toml"', "missing.toml"),
        ("[northbound]\ntcp_address = '0.0.0.0:1'", "tls_certificate"),
        ("[reconcile]\nwindows = ['whenever']", "whenever"),
        ("this is not TOML", "line 1"),
        ("[models.sets]\nnothing = '/nowhere'", "/nowhere"),
    ],
)
async def test_wrong_settings_end_the_daemon_before_it_touches_anything(
    installation: Installation, change: str, named: str
) -> None:
    (installation.folder / "fabricd.toml").write_text(change)
    for command in ("serve", "check"):
        process = await asyncio.create_subprocess_exec(
            PROJECT / ".venv" / "bin" / "fabricd",
            command,
            "--config",
            installation.folder / "fabricd.toml",
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            env={**os.environ, "SWITCH_PASSWORD": "secret"},
        )
        _, stderr = await asyncio.wait_for(process.communicate(), DEADLINE)
        assert process.returncode == 1
        assert named in stderr.decode(), stderr.decode()
        assert "Traceback" not in stderr.decode()
    assert list((installation.folder / "state").iterdir()) == []
