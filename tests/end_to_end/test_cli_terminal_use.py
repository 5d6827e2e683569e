"""fabricctl on a terminal, in a pipe and in a shell: colour, progress, interruption, help, completion, TLS options."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import pty
import re
import signal
import subprocess
import termios
from pathlib import Path

import pytest
from fabricctl_shell import Ran, Shell
from northbound_harness import COMMANDS, DEADLINE, Authority, Service, serving

SUBCOMMANDS = [
    "submit", "plan", "status", "diff", "log", "revisions", "rollback", "reconcile", "mode", "devices", "show",
]  # fmt: skip


async def test_a_reader_that_leaves_the_pipe_is_no_error_message(shell: Shell) -> None:
    process = await asyncio.create_subprocess_shell(
        f"{COMMANDS / 'fabricctl'} status --watch --json | head -n 1",
        env=shell.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert json.loads(await process.stdout.readline())["devices"]
    ended = asyncio.create_task(process.communicate())
    async with asyncio.timeout(DEADLINE):
        for mode in itertools.cycle(("observe", "enforce")):  # a change makes it write into the pipe, closed by now
            assert (await shell.run("mode", "leaf1", mode)).code == 0
            if (await asyncio.wait({ended}, timeout=2.0))[0]:
                break
    assert (await ended)[1] == b""


# What it looks like


async def test_a_pipe_gets_no_colour_unless_asked_and_a_terminal_does_unless_refused(shell: Shell) -> None:
    await shell.run("submit", shell.write("leaf1"))
    assert "\x1b" not in (await shell.run("status")).out
    assert "\x1b[" in (await shell.run("status", "--color", "always")).out
    assert "\x1b[" in (await shell.run("--color=always", "diff")).out
    assert "\x1b[1" in await on_terminal(shell, "status")
    assert "\x1b[1" not in await on_terminal(shell, "status", "--color", "never")
    assert "\x1b[1" not in await on_terminal(shell, "status", NO_COLOR="1")


async def test_without_colour_a_terminal_is_still_one(shell: Shell) -> None:
    await shell.run("submit", shell.write("leaf1"))
    for plain in ({"NO_COLOR": "1"}, {}):
        options = () if plain else ("--color", "never")
        shown = await on_terminal(
            shell, "status", "--watch", *options, interrupt_at="in sync", code=130, columns=30, **plain
        )
        assert "\x1b[?25l" in shown, "the cursor is hidden while it is redrawn in place"
        assert not re.search(r"\x1b\[[0-9;]*m", shown)
    assert "\x1b" not in await on_terminal(shell, "status", TERM="dumb")


async def test_a_narrow_terminal_cuts_nothing_off(shell: Shell) -> None:
    await shell.run("submit", shell.write("leaf1"), "-m", "uplinks of the new rack")
    for command in (["status"], ["devices"], ["revisions"], ["models", "list"], ["state", "leaf1"]):
        wide = (await shell.run(*command, "--color", "never")).out
        narrow = await on_terminal(shell, *command, "--color", "never", columns=20)
        # But for ages, which go on.
        words = {word for word in wide.split() if not word.isdecimal()}
        assert words <= set(narrow.split()), command


async def test_progress_is_drawn_on_a_terminal_and_watching_ends_by_ctrl_c(shell: Shell) -> None:
    shown = await on_terminal(shell, "submit", shell.write("leaf1"))
    assert "revision 1" in shown
    assert "1/1 in sync" in shown
    assert "leaf1" in await on_terminal(shell, "status", "--watch", interrupt_at="in sync", code=130)


async def test_what_a_device_or_a_person_wrote_cannot_steer_the_terminal(shell: Shell) -> None:
    evil = "\x1b]0;pwned\x07\x1b[31m[bold red]x[/]"
    submitted = await shell.run("submit", shell.write("leaf1"), "-m", evil)
    assert submitted.code == 0, submitted
    for command in (["revisions"], ["log"], ["--color", "always", "log"]):
        ran = await shell.run(*command)
        assert ran.code == 0, ran
        out = ran.out
        assert "\x1b]" not in out
        assert "\x07" not in out
        assert "[bold red]x[/]" in out
    as_json = await shell.run("revisions", "--json")
    assert as_json.document["revisions"][0]["comment"] == evil
    assert "\x1b" not in as_json.out


async def test_every_command_has_help_with_examples_and_needs_no_daemon(tmp_path: Path) -> None:
    shell = Shell(tmp_path, Service(tmp_path / "none.sock", None, None, None, None), None)  # type: ignore[arg-type]
    for command in SUBCOMMANDS:
        helped = await shell.run(command, "--help")
        assert helped.code == 0, command
        assert f"Usage: fabricctl {command}" in helped.out
        assert f"fabricctl {command}" in helped.out.split("Examples:")[1]
        assert "--json" in helped.out
    helped = await shell.run("--help")
    assert helped.code == 0
    assert all(f"\n  {command} " in helped.out for command in SUBCOMMANDS)
    assert "Exit codes: 0 done, 2 something differs from what it shall be, 1 error." in helped.out
    assert (await shell.run("--version")).out.startswith("fabricctl ")
    assert (await shell.run()) == Ran(1, helped.out, "")


GROUPS = [
    ("fabricctl",), ("fabricctl", "path"), ("fabricctl", "models"), ("fabricd",), ("fabricd", "models"),
    ("fabricd", "fault"), ("fabricd", "switch"),
]  # fmt: skip


@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_the_list_of_commands_says_of_each_what_it_does_in_a_line_that_is_not_cut(group: tuple[str, ...]) -> None:
    command, *arguments = group
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(
        [COMMANDS / command, *arguments, "--help"], env=environment, capture_output=True, text=True, check=True
    )
    listed = done.stdout.split("Commands:\n")[1].splitlines()
    assert listed
    assert [line for line in listed if not re.fullmatch(r"  \w+ +[A-Z].*[^.]\.", line)] == []


async def test_the_shell_completes_commands_and_device_names(shell: Shell) -> None:
    async def completed(line: str, word: int) -> list[str]:
        ran = await shell.run(_FABRICCTL_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(word))
        return ran.out.split()

    async def completes(line: str, word: int, *expected: str) -> None:
        """The daemon is given two seconds: on a machine with much to do, press the key again."""
        async with asyncio.timeout(DEADLINE):
            while await completed(line, word) != list(expected):
                pass

    assert {"status", "submit"} <= set(await completed("fabricctl s", 1))
    await completes("fabricctl plan leaf", 2, "leaf1", "leaf2")
    await completes("fabricctl mode leaf2", 2, "leaf2")
    assert await completed("fabricctl mode leaf2 o", 3) == ["observe"]
    assert await completed("fabricctl status --color a", 3) == ["auto", "always"]
    await completes("fabricctl diff --color never --device leaf", 5, "leaf1", "leaf2")
    # bash takes an address for three words.
    spelled = shell.service.address.replace(":", "\n:\n", 1)
    await completes(f"fabricctl\nplan\n--address\n{spelled}\nleaf", 6, "leaf1", "leaf2")
    await completes("fabricctl log --device leaf", 3, "leaf1", "leaf2")
    await shell.service.server.stop(0)
    assert await completed("fabricctl plan leaf", 2) == []
    # It looks for the shell among the processes that it comes from.
    script = await asyncio.create_subprocess_exec(
        "bash", "-c", f"{COMMANDS / 'fabricctl'} --show-completion; true",
        env=shell.environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert b"_FABRICCTL_COMPLETE" in (await script.communicate())[0]


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


async def on_terminal(
    shell: Shell, *arguments: str, interrupt_at: str = "", code: int = 0, columns: int = 80, **environment: str
) -> str:
    """What the command writes when its output is a terminal; interrupted by Ctrl-C once `interrupt_at` was seen."""
    parent, child = pty.openpty()
    termios.tcsetwinsize(child, (40, columns))
    process = await shell.start(*arguments, stdin=child, stdout=child, stderr=child, environment=environment)
    os.close(child)
    loop = asyncio.get_running_loop()
    written = b""
    async with asyncio.timeout(DEADLINE):
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
