"""The installed fabricctl, run as people run it, against a real daemon's API and simulated switches."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from northbound_harness import COMMANDS, Authority, Service, interfaces, serving, switches

from fabricd.simulator import Simulation

SUBCOMMANDS = [
    "submit", "plan", "status", "diff", "log", "revisions", "rollback", "reconcile", "mode", "devices", "show",
]  # fmt: skip
MTU = "/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config/mtu"


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands in a folder, with the daemon's address in the environment."""

    folder: Path
    service: Service
    simulation: Simulation

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("FABRICD_", "NO_COLOR"))}
        return {**kept, "FABRICD_ADDRESS": self.service.address, "TERM": "xterm-256color"}

    async def start(self, *arguments: str, **options: Any) -> asyncio.subprocess.Process:
        options = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE, **options}
        environment = {**self.environment, **options.pop("environment", {})}
        return await asyncio.create_subprocess_exec(
            COMMANDS / "fabricctl", *arguments, cwd=self.folder, env=environment, **options
        )

    async def run(self, *arguments: str, given: bytes = b"", **environment: str) -> Ran:
        process = await self.start(*arguments, stdin=asyncio.subprocess.PIPE, environment=environment)
        async with asyncio.timeout(60):
            out, err = await process.communicate(given)
        assert process.returncode is not None
        assert b"Traceback" not in err
        return Ran(process.returncode, out.decode(), err.decode())

    def write(self, device: str, **content: Any) -> str:
        file = self.folder / f"{device}.yaml"
        file.write_bytes(interfaces(device, **content).content)
        return file.name


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with (
        switches(tmp_path, "leaf1", "leaf2") as (simulation, devices),
        serving(tmp_path, devices=devices) as service,
    ):
        folder = tmp_path / "work"
        folder.mkdir()
        yield Shell(folder, service, simulation)


async def test_a_fabric_is_submitted_converges_and_is_looked_at(shell: Shell) -> None:
    """One story through most commands: exit codes, what they print to people, and what to programs."""
    shell.write("leaf1")
    shell.write("leaf2")
    tried = await shell.run("submit", ".", "--dry-run")
    assert tried.code == 2
    assert "Dry run: 2 edits on 2 devices: 2 to create" in tried.out
    assert (await shell.run("revisions", "--json")).document == {"revisions": []}

    done = await shell.run("submit", ".", "-m", "the fabric", "--wait")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == "revision 1: changes leaf1, leaf2"
    assert done.out.splitlines()[-1] == "2/2 in sync"
    assert b"9000" in shell.simulation.switches["leaf1"].running

    again = await shell.run("submit", ".", "--json")
    assert (again.code, again.document["unchanged"], again.document["revision"]) == (0, True, 1)

    status = (await shell.run("status", "--json")).document
    assert [(one["device"], one["in_sync"], one["desired_revision"]) for one in status["devices"]] == [
        ("leaf1", True, 1), ("leaf2", True, 1)
    ]  # fmt: skip
    table = await shell.run("status", "leaf1")
    assert table.out.splitlines()[0].split() == [
        "DEVICE",
        "MODE",
        "STATE",
        "OUTCOME",
        "REVISION",
        "CHECKED",
        "DRIFT",
        "WHY",
    ]
    assert "leaf2" not in table.out
    assert table.out.splitlines()[-1] == "1/1 in sync, revision 1"

    nothing = await shell.run("plan")
    assert (nothing.code, nothing.out) == (0, "Plan: no changes.\n")

    listed = (await shell.run("devices", "--json")).document["devices"]
    assert [one["device"] for one in listed] == ["leaf1", "leaf2"]
    assert set(listed[0]) == {"device", "address", "protocol", "profile", "mode"}
    revision = (await shell.run("revisions", "--json")).document["revisions"][0]
    assert (revision["number"], revision["comment"], revision["current"]) == (1, "the fabric", True)
    shown = json.loads((await shell.run("show", "leaf1")).out)
    assert shown["openconfig-interfaces:interfaces"]["interface"][0]["config"]["mtu"] == 9000
    assert (await shell.run("show", "leaf1", "--json")).document["config"] == shown


async def test_pending_changes_are_exit_code_2_and_read_like_a_diff(shell: Shell) -> None:
    await shell.run("submit", shell.write("leaf1"))
    mode = await shell.run("mode", "leaf1", "observe", "--reason", "change 4711")
    assert (mode.code, mode.out) == (0, "leaf1: observe\n")
    held = await shell.run("submit", shell.write("leaf1", mtu=1500))
    assert (held.code, held.out.splitlines()[-1].strip()) == (2, "leaf1 drifted, mode observe")

    plan = await shell.run("plan", "leaf1")
    assert plan.code == 2
    assert plan.out.splitlines() == [
        "leaf1  1 edit, link-bounce",
        f"  ~ {MTU}  9000 -> 1500  [link-bounce]",
        "",
        "Plan: 1 edit on 1 device: 1 to change; worst disruption link-bounce.",
    ]
    as_json = await shell.run("plan", "--json")
    assert as_json.code == 2
    assert as_json.document["plans"][0]["edits"] == [
        {"operation": "replace", "path": MTU, "old": 9000, "new": 1500, "disruption": "link-bounce"}
    ]
    diff = await shell.run("diff", "--json")
    assert (diff.code, diff.document["from_revision"], diff.document["to_revision"]) == (0, 1, 2)
    assert (await shell.run("diff", "1", "2")).out.splitlines()[1].startswith(f"  ~ {MTU}")
    assert (await shell.run("diff", "--device", "leaf2")).out.endswith("no changes.\n")

    back = await shell.run("mode", "leaf1", "default", "--json")
    assert back.document == {"devices": [{"device": "leaf1", "mode": "enforce"}]}
    waited = await shell.run("reconcile", "leaf1", "--wait")
    assert (waited.code, waited.out.splitlines()[-1]) == (0, "1/1 in sync")
    rolled = await shell.run("rollback", "1", "--comment", "too small", "--json")
    assert (rolled.code, rolled.document["revision"], rolled.document["devices"][0]["in_sync"]) == (0, 3, True)
    assert b"9000" in shell.simulation.switches["leaf1"].running


async def test_withdrawing_and_reconciling_without_waiting(shell: Shell) -> None:
    await shell.run("submit", shell.write("leaf1"), shell.write("leaf2"))
    tried = await shell.run("submit", "--withdraw", "leaf2", "-n")
    assert tried.code == 2
    assert "leaf2 would no longer be managed" in tried.out
    gone = await shell.run("submit", "--withdraw", "leaf2")
    assert (gone.code, gone.out.splitlines()[-1]) == (0, "1/1 done")
    assert (await shell.run("status")).out.splitlines()[-1] == "1/1 in sync, 1 not managed, revision 2"
    assert (await shell.run("reconcile", "leaf1", "--json")).document == {
        "queued": ["leaf1"], "devices": [], "waited": False
    }  # fmt: skip


async def test_standard_input_and_json_documents_are_read(shell: Shell) -> None:
    document = {
        "kind": "config", "name": "piped", "devices": ["leaf1"],
        "config": {"openconfig-system:system": {"config": {"hostname": "leaf1"}}},
    }  # fmt: skip
    done = await shell.run("submit", "-", given=json.dumps(document).encode())
    assert done.code == 0
    assert b'"hostname":"leaf1"' in shell.simulation.switches["leaf1"].running.replace(b" ", b"")


# Mistakes


async def test_a_mistake_is_one_line_with_its_place_on_standard_error(shell: Shell) -> None:
    file = shell.folder / "mistake.yaml"
    file.write_bytes(interfaces("leaf1").content.replace(b"mtu: 9000", b"mtu: ninethousand"))
    refused = await shell.run("submit", "mistake.yaml")
    assert (refused.code, refused.out) == (1, "")
    (line,) = refused.err.splitlines()
    assert line.startswith("error: mistake.yaml: leaf1: ")
    assert "mtu" in line
    assert "line 11" in line
    assert (await shell.run("revisions", "--json")).document == {"revisions": []}


MISTAKES = [
    (["submit"], "nothing to submit"),
    (["submit", "missing.yaml"], "missing.yaml: No such file or directory"),
    (["submit", "empty"], "empty: no *.yaml, *.yml or *.json in this folder"),
    (["status", "leaf9"], "no device 'leaf9'"),
    (["plan", "leaf9"], "no device 'leaf9'"),
    (["show", "leaf1"], "no revision yet"),
    (["diff", "7"], "revision"),
    (["rollback", "7"], "revision"),
    (["rollback", "seven"], "REVISION"),
    (["mode", "leaf1", "off"], "'enforce', 'observe', 'pause', 'default'"),
    (["log", "--after", "99999"], "99999"),
    (["nonsense"], "nonsense"),
    (["status", "--nonsense"], "--nonsense"),
    (["--address", "nowhere", "status"], "neither unix:/path nor host:port"),
    (["--address", "localhost:1", "status"], "needs TLS"),
    (["--address", "localhost:1", "--ca", "x", "status"], "go together"),
    (["--address", "localhost:1", "--ca", "x", "--cert", "x", "--key", "x", "status"], "x: No such file"),
    (["status", "--address", "unix:/nowhere.sock"], "fabricd does not answer at unix:/nowhere.sock"),
]


async def test_errors_are_exit_code_1_and_clear_lines(shell: Shell) -> None:
    (shell.folder / "empty").mkdir()
    for arguments, said in MISTAKES:
        ran = await shell.run(*arguments)
        assert (ran.code, ran.out) == (1, ""), arguments
        assert said in ran.err, arguments
        assert all(line.startswith("error: ") for line in ran.err.splitlines()), arguments


async def test_a_stale_base_and_a_used_request_id_are_errors(shell: Shell) -> None:
    await shell.run("submit", shell.write("leaf1"), "--base", "0", "--request-id", "r1")
    again = await shell.run("submit", shell.write("leaf1"), "--request-id", "r1", "--json")
    assert (again.code, again.document["repeated_request"]) == (0, True)
    for arguments in (["--base", "0"], ["--request-id", "r1"]):
        assert (await shell.run("submit", shell.write("leaf1", mtu=1500), *arguments)).code == 1


async def test_a_device_that_is_off_is_exit_code_1_within_the_time_given(shell: Shell) -> None:
    await shell.simulation.switches["leaf1"].stop()
    ran = await shell.run("submit", shell.write("leaf1"), "--timeout", "1.5")
    assert ran.code == 1
    assert "0/1 in sync" in ran.out
    assert "DEVICE_UNREACHABLE" in ran.out
    plan = await shell.run("plan")
    assert (plan.code, "leaf1  cannot be read" in plan.out) == (1, True)
    without = await shell.run("submit", shell.write("leaf1", mtu=1500), "--no-wait")
    assert without.code == 0


# The journal


async def test_the_log_is_one_json_object_a_line_and_follows_over_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    async with switches(tmp_path, "leaf1") as (simulation, devices):
        async with serving(tmp_path, devices=devices) as service:
            shell = Shell(folder, service, simulation)
            await shell.run("submit", shell.write("leaf1"))
            follower = await shell.start("log", "--follow", "--json")
            assert follower.stdout is not None
            assert json.loads(await follower.stdout.readline())["sequence"] == 1
        async with serving(tmp_path, devices=devices) as service:
            shell = Shell(folder, service, simulation)
            await shell.run("submit", shell.write("leaf1", mtu=1500))
            records = (await shell.run("log", "--json")).lines
            seen = [1]
            async with asyncio.timeout(30):
                while seen[-1] < records[-1]["sequence"]:
                    seen.append(json.loads(await follower.stdout.readline())["sequence"])
            assert seen == [record["sequence"] for record in records]
            applied = [record for record in records if record["outcome"] == "applied"]
            assert [record["revision"] for record in applied] == [1, 2]
            assert set(applied[0]["durations"]) >= {"fetch", "total"}
            follower.send_signal(signal.SIGINT)
            _, err = await follower.communicate()
            assert (follower.returncode, err) == (130, b"")

            last = (await shell.run("log", "--json", "--last", "2")).lines
            assert last == records[-2:]
            assert (await shell.run("log", "--json", "--after", str(records[2]["sequence"]))).lines == records[3:]
            of_device = (await shell.run("log", "--json", "--device", "leaf1")).lines
            assert {record["device"] for record in of_device} == {"leaf1"}
            people = await shell.run("log", "--last", "3")
            assert len([line for line in people.out.splitlines() if not line.startswith("         ")]) == 3


async def test_a_reader_that_leaves_the_pipe_is_no_error_message(shell: Shell) -> None:
    process = await asyncio.create_subprocess_shell(
        f"{COMMANDS / 'fabricctl'} status --watch --json | head -n 1",
        env=shell.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert json.loads(await process.stdout.readline())["devices"]
    await shell.run("mode", "leaf1", "observe")  # a change makes it write into the closed pipe
    async with asyncio.timeout(30):
        _, err = await process.communicate()
    assert err == b""


# What it looks like


async def test_a_pipe_gets_no_colour_unless_asked_and_a_terminal_does_unless_refused(shell: Shell) -> None:
    await shell.run("submit", shell.write("leaf1"))
    assert "\x1b" not in (await shell.run("status")).out
    assert "\x1b[" in (await shell.run("status", "--color", "always")).out
    assert "\x1b[" in (await shell.run("--color=always", "diff")).out
    assert "\x1b[1" in await on_terminal(shell, "status")
    assert "\x1b[1" not in await on_terminal(shell, "status", "--color", "never")
    assert "\x1b[1" not in await on_terminal(shell, "status", NO_COLOR="1")


async def test_progress_is_drawn_on_a_terminal_and_watching_ends_by_ctrl_c(shell: Shell) -> None:
    shown = await on_terminal(shell, "submit", shell.write("leaf1"))
    assert "revision 1" in shown
    assert "1/1 in sync" in shown
    assert "leaf1" in await on_terminal(shell, "status", "--watch", interrupt_at="in sync", code=130)


async def test_what_a_device_or_a_person_wrote_cannot_steer_the_terminal(shell: Shell) -> None:
    evil = "\x1b]0;pwned\x07\x1b[31m[bold red]x[/]"
    await shell.run("submit", shell.write("leaf1"), "-m", evil)
    for command in (["revisions"], ["log"], ["--color", "always", "log"]):
        out = (await shell.run(*command)).out
        assert "\x1b]" not in out
        assert "\x07" not in out
        assert "[bold red]x[/]" in out
    as_json = await shell.run("revisions", "--json")
    assert as_json.document["revisions"][0]["comment"] == evil
    assert "\x1b" not in as_json.out


async def test_every_command_has_help_with_examples_and_needs_no_daemon(tmp_path: Path) -> None:
    shell = Shell(tmp_path, Service(tmp_path / "none.sock", None, None, None), None)  # type: ignore[arg-type]
    for command in SUBCOMMANDS:
        helped = await shell.run(command, "--help")
        assert helped.code == 0, command
        assert f"Usage: fabricctl {command}" in helped.out
        assert f"fabricctl {command}" in helped.out.split("Examples:")[1]
        assert "--json" in helped.out
    helped = await shell.run("--help")
    assert helped.code == 0
    assert all(f"\n  {command} " in helped.out for command in SUBCOMMANDS)
    assert "Exit codes: 0 done, 2 changes are pending, 1 error." in helped.out
    assert (await shell.run("--version")).out.startswith("fabricctl ")
    assert (await shell.run()) == Ran(1, helped.out, "")


async def test_the_shell_completes_commands_and_device_names(shell: Shell) -> None:
    async def completed(line: str, word: int) -> str:
        ran = await shell.run(_FABRICCTL_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(word))
        return ran.out

    assert {"status", "submit"} <= set((await completed("fabricctl s", 1)).split())
    assert (await completed("fabricctl plan leaf", 2)).split() == ["leaf1", "leaf2"]
    assert (await completed("fabricctl mode leaf2", 2)).split() == ["leaf2"]
    assert (await completed("fabricctl log --device leaf", 3)).split() == ["leaf1", "leaf2"]
    await shell.service.server.stop(0)
    assert (await completed("fabricctl plan leaf", 2)).split() == []
    script = await shell.run("--show-completion", "bash")
    assert "_FABRICCTL_COMPLETE" in (script.out or script.err)


async def test_tls_options_work_before_and_after_the_command_and_from_the_environment(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    server = authority.issue("server", alternative_names=["localhost"])
    tls = authority.issue("ci")
    async with serving(
        tmp_path, tcp_address="127.0.0.1:0", roles={"ci": "viewer"}, tls_certificate=server.certificate,
        tls_key=server.key, tls_client_ca=authority.file,
    ) as service:  # fmt: skip
        shell = Shell(tmp_path, service, None)  # type: ignore[arg-type]
        address = f"localhost:{service.server.tcp_port}"
        files = ["--ca", str(tls.ca), "--cert", str(tls.certificate), "--key", str(tls.key)]
        assert (await shell.run("status", "--address", address, *files)).code == 0
        assert (await shell.run(*files, "--address", address, "status")).code == 0
        variables = {"FABRICD_CA": str(tls.ca), "FABRICD_CERT": str(tls.certificate), "FABRICD_KEY": str(tls.key)}
        assert (await shell.run("status", FABRICD_ADDRESS=address, **variables)).code == 0
        refused = await shell.run("reconcile", FABRICD_ADDRESS=address, **variables)
        assert refused.code == 1
        assert "ci is a viewer" in refused.err


async def on_terminal(shell: Shell, *arguments: str, interrupt_at: str = "", code: int = 0, **environment: str) -> str:
    """What the command writes when its output is a terminal; interrupted by Ctrl-C once `interrupt_at` was seen."""
    parent, child = pty.openpty()
    process = await shell.start(*arguments, stdin=child, stdout=child, stderr=child, environment=environment)
    os.close(child)
    loop = asyncio.get_running_loop()
    written = b""
    async with asyncio.timeout(60):
        while True:
            try:
                piece = await loop.run_in_executor(None, os.read, parent, 65536)
            except OSError:  # Linux says EIO when the other side is closed
                break
            if not piece:
                break
            written += piece
            if interrupt_at and interrupt_at.encode() in written:
                process.send_signal(signal.SIGINT)
                interrupt_at = ""
        await process.wait()
    os.close(parent)
    assert b"Traceback" not in written
    assert process.returncode == code
    return written.decode()
