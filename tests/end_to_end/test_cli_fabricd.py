"""The installed fabricd: what check finds before a daemon would, and how serve and simulate start and end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from northbound_harness import COMMANDS, DEADLINE, interfaces

from fabricd.client import Client
from fabricd.northbound.failures import UnavailableError
from fabricd.northbound.server import SERVICE

DEMO = Path(__file__).resolve().parents[2] / "config" / "demo"

NO_MTU = """
module mine {
  yang-version 1.1;
  namespace "urn:mine";
  prefix mine;
  import openconfig-interfaces { prefix oc-if; }
  deviation "/oc-if:interfaces/oc-if:interface/oc-if:config/oc-if:mtu" { deviate not-supported; }
}
"""


def fabricd(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FABRICD_")}
    ran = subprocess.run(
        [COMMANDS / "fabricd", *arguments],
        cwd=folder, env={**kept, **environment}, capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert "Traceback" not in ran.stderr
    return ran


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A daemon's folder: settings, an inventory of one device that is switched off, a document."""
    (tmp_path / "state").mkdir()
    (tmp_path / "fabricd.toml").write_text(
        'state_directory = "state"\n[northbound]\nunix_socket = "fabricd.sock"\n[telemetry]\nmetrics_address = ""\n'
    )
    (tmp_path / "inventory.toml").write_text(
        '[[device]]\nname = "leaf1"\naddress = "127.0.0.1"\nport = 1\nprotocol = "gnmi"\ntrust = {insecure = true}\n'
    )
    (tmp_path / "leaf1.yaml").write_bytes(interfaces("leaf1").content)
    return tmp_path


def test_good_settings_inventory_and_documents_pass(folder: Path) -> None:
    ran = fabricd(folder, "check", "--config", "fabricd.toml", "leaf1.yaml")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ok: 1 devices, 1 documents, 1 devices compiled\n", "")
    assert fabricd(folder, "check", FABRICD_CONFIG="fabricd.toml").returncode == 0


def test_the_demo_fabric_passes_without_settings(tmp_path: Path) -> None:
    ran = fabricd(tmp_path, "check", str(DEMO / "fabric"), "--json")
    assert ran.returncode == 0
    assert json.loads(ran.stdout) == {"ok": True, "problems": [], "devices": 0, "intents": 2, "compiled": 6}


def _append(file: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / file).write_text((folder / file).read_text() + text)


def _replace(file: str, old: str, new: str) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        content = (folder / file).read_text()
        assert old in content
        (folder / file).write_text(content.replace(old, new))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_append("fabricd.toml", "[nonsense]\nx = 1\n"), ["nonsense"]),
        (_append("fabricd.toml", "= broken"), ["fabricd.toml", "line 6"]),
        (_append("fabricd.toml", '[reconcile]\nwindows = ["whenever"]\n'), ["whenever"]),
        (lambda folder: (folder / "fabricd.toml").unlink(), ["fabricd.toml", "No such file"]),
        (lambda folder: (folder / "inventory.toml").unlink(), ["inventory.toml"]),
        (_append("inventory.toml", 'colour = "blue"\n'), ["leaf1", "colour"]),
        (_append("inventory.toml", 'profile = "other"\n'), ["leaf1", "other"]),
        (_replace("leaf1.yaml", "mtu: 9000", "mtu: huge"), ["leaf1.yaml", "mtu", "line 11", "huge"]),
        (_replace("leaf1.yaml", "mtu: 9000", "colour: blue"), ["leaf1.yaml", "colour", "line 11"]),
        (_replace("leaf1.yaml", "[leaf1]", "[leaf9]"), ["leaf1.yaml", "leaf9"]),
        (_replace("leaf1.yaml", "kind: config", "kind: ["), ["leaf1.yaml", "line"]),
        (_append("leaf1.yaml", "oops: 1\n"), ["oops"]),
    ],
)
def test_every_mistake_is_exit_code_1_with_its_place(
    folder: Path, spoil: Callable[[Path], object], said: list[str]
) -> None:
    spoil(folder)
    ran = fabricd(folder, "check", "--config", "fabricd.toml", "leaf1.yaml")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert any(all(word in line for word in said) for line in ran.stderr.splitlines()), ran.stderr


def test_deviations_are_loaded_and_hold_for_documents(folder: Path) -> None:
    """A mistake in a file of deviations is found without a document; a leaf that they take away is refused."""
    (folder / "profiles").mkdir()
    (folder / "profiles" / "mine.toml").write_text('name = "mine"\ndeviations = ["mine.yang"]\n')
    _replace("fabricd.toml", "[northbound]", 'profiles = "profiles"\n[northbound]')(folder)
    _append("inventory.toml", 'profile = "mine"\n')(folder)
    (folder / "profiles" / "mine.yang").write_text(NO_MTU.replace("oc-if:mtu", "oc-if:mut"))
    ran = fabricd(folder, "check", "-c", "fabricd.toml")
    assert (ran.returncode, "mine.yang" in ran.stderr) == (1, True)
    (folder / "profiles" / "mine.yang").write_text(NO_MTU)
    assert fabricd(folder, "check", "-c", "fabricd.toml").returncode == 0
    ran = fabricd(folder, "check", "-c", "fabricd.toml", "leaf1.yaml")
    assert ran.returncode == 1
    assert any("leaf1.yaml" in line and "mtu" in line for line in ran.stderr.splitlines())


def test_what_only_the_whole_shows_is_found_by_compiling(folder: Path) -> None:
    """Two documents that are good by themselves and want different things of one leaf."""
    (folder / "other.yaml").write_bytes(interfaces("leaf1", mtu=1500, name="other").content)
    ran = fabricd(folder, "check", "-c", "fabricd.toml", "leaf1.yaml", "other.yaml")
    assert ran.returncode == 1
    assert "mtu" in ran.stderr
    assert "other" in ran.stderr


def test_problems_are_told_to_programs_in_fields(folder: Path) -> None:
    _replace("leaf1.yaml", "mtu: 9000", "mtu: huge")(folder)
    ran = fabricd(folder, "check", "-c", "fabricd.toml", "leaf1.yaml", "--json")
    (problem,) = json.loads(ran.stdout)["problems"]
    assert ran.returncode == 1
    assert (problem["line"], problem["intent"]) == (11, "leaf1.yaml: leaf1")
    assert problem["path"].endswith("/config/mtu")


def test_nothing_to_check_and_wrong_arguments_are_errors(tmp_path: Path) -> None:
    for arguments in (
        [],
        ["check"],
        ["check", "missing.yaml"],
        ["serve", "--config", "missing.toml"],
        ["simulate", "x"],
    ):
        assert fabricd(tmp_path, *arguments).returncode == 1, arguments
    assert "missing.toml" in fabricd(tmp_path, "serve", "--config", "missing.toml").stderr
    for command in ("serve", "simulate", "check"):
        helped = fabricd(tmp_path, command, "--help")
        assert helped.returncode == 0
        assert f"fabricd {command}" in helped.stdout.split("Examples:")[1]


async def test_serve_answers_until_sigterm_and_leaves_no_socket(folder: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("FABRICD_", "NOTIFY_"))}
    process = await asyncio.create_subprocess_exec(
        COMMANDS / "fabricd", "serve", "--config", "fabricd.toml", cwd=folder, env=environment,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with Client.connect(f"unix:{folder / 'fabricd.sock'}") as client, asyncio.timeout(DEADLINE):
            await healthy(folder)
            assert (await client.submit([interfaces("leaf1")])).revision == 1
            following = client.watch(follow=True, patience=0)
            assert (await anext(following)).sequence == 1
            process.send_signal(signal.SIGTERM)
            told = await drained(following)
            # What was under way when the word came is told as well, before or after it.
            assert [one.event for one in told if one.message.startswith("stopping")] == ["note"]
            _, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        assert b"Traceback" not in err
        assert not (folder / "fabricd.sock").exists()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def healthy(folder: Path) -> None:
    """Wait until the daemon says that it serves."""
    request = health_pb2.HealthCheckRequest(service=SERVICE)
    while True:
        async with grpc.aio.insecure_channel(f"unix:{folder / 'fabricd.sock'}") as channel:
            with contextlib.suppress(grpc.aio.AioRpcError):
                if (
                    await health_pb2_grpc.HealthStub(channel).Check(request)
                ).status == health_pb2.HealthCheckResponse.SERVING:
                    return
        await asyncio.sleep(0.05)


async def drained(records: Any) -> list[Any]:
    """All records until the daemon is gone."""
    found = []
    try:
        async for record in records:
            found.append(record)  # noqa: PERF401  what came counts although it ends in an error
    except UnavailableError:
        pass
    return found
