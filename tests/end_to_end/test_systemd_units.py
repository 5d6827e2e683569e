"""The unit files are right in systemd's own judgement, and the daemon lives inside the sandbox that they describe."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[2] / "systemd"
WORST_EXPOSURE = 2.0
DEADLINE = 120.0  # seconds for anything to happen at all; never what is waited for

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (Debian package systemd)"
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)


def settings(unit: str) -> list[tuple[str, str]]:
    found = re.findall(r"^([A-Za-z]+)=(.*)$", unit, re.MULTILINE)
    return [(name, value.strip()) for name, value in found]


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists on this machine in place of the one in /opt."""
    text = (UNITS / "fabricd.service").read_text()
    copy = tmp_path / "fabricd.service"
    copy.write_text(text.replace("/opt/fabricd/bin/fabricd", sys.executable))
    return copy


@needs_systemd
def test_the_unit_is_well_formed(unit: Path) -> None:
    done = run("systemd-analyze", "verify", "--man=no", str(unit))
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_a_misspelt_setting_would_be_noticed(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectSystem=", "ProtectSytsem="))
    assert "ProtectSytsem" in run("systemd-analyze", "verify", "--man=no", str(unit)).stderr


@needs_systemd
def test_the_service_is_confined(unit: Path) -> None:
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for fabricd.service: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    print(f"exposure {found[1]} (0 is best, 10 is worst)")
    assert float(found[1]) <= WORST_EXPOSURE


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not installed")
def test_the_user_is_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    done = run("systemd-sysusers", f"--root={tmp_path}", str(UNITS / "fabricd.sysusers.conf"))
    assert done.returncode == 0, done.stderr
    [user] = [line for line in (tmp_path / "etc/passwd").read_text().splitlines() if line.startswith("fabricd:")]
    assert user.endswith(":/var/lib/fabricd:/usr/sbin/nologin")
    assert "fabricd:" in (tmp_path / "etc/group").read_text()


@pytest.mark.skipif(
    shutil.which("systemd-tmpfiles") is None or os.geteuid() != 0, reason="systemd-tmpfiles and root are needed"
)
def test_the_folders_are_made_private(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    run("systemd-sysusers", f"--root={tmp_path}", str(UNITS / "fabricd.sysusers.conf"))
    done = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", str(UNITS / "fabricd.tmpfiles.conf"))
    assert done.returncode == 0, done.stderr
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("etc/fabricd", "etc/fabricd/secrets")}
    assert modes == {"etc/fabricd": 0o750, "etc/fabricd/secrets": 0o700}


# systemd cannot run here, but its two rules that can break a program can be had from the kernel: the system call
# filter (by libseccomp, with the sets that systemd-analyze lists) and memory that is never writable and executable.
SANDBOX = """
import ctypes, errno, os, re, subprocess, sys
unit, *command = sys.argv[1:]
libc, seccomp = ctypes.CDLL(None, use_errno=True), ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
rules = re.findall(r"^SystemCallFilter=(~?)(.*)$", open(unit).read(), re.MULTILINE)
def expand(name):
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    lines = [line.strip() for line in listed.stdout.splitlines()[1:] if line.strip() and "#" not in line]
    return set().union(*map(expand, lines))
allowed = set()
for refuses, names in rules:
    found = set().union(*map(expand, names.split()))
    allowed = allowed - found if refuses else allowed | found
assert "read" in allowed and "setrlimit" not in allowed and "mount" not in allowed
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(65, 1, 0, 0, 0) == 0  # PR_SET_MDWE, refuse exec gain
filter = ctypes.c_void_p(seccomp.seccomp_init(0x00050000 | errno.EPERM))
for name in allowed:
    if (number := seccomp.seccomp_syscall_resolve_name(name.encode())) >= 0:
        assert seccomp.seccomp_rule_add(filter, 0x7FFF0000, number, 0) == 0
assert seccomp.seccomp_load(filter) == 0
try:
    os.setpriority(os.PRIO_PROCESS, 0, 5)
except PermissionError:
    os.execv(command[0], command)
"""


def sandbox_works() -> bool:
    unit = str(UNITS / "fabricd.service")
    return (
        shutil.which("systemd-analyze") is not None
        and run(sys.executable, "-c", SANDBOX, unit, "/bin/true").returncode == 0
    )


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    """What the service manager hears."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(DEADLINE)
        yield server


def wait_for(heard: socket.socket, message: str) -> list[str]:
    """All lines up to and with the datagram that holds `message`."""
    lines: list[str] = []
    deadline = time.monotonic() + DEADLINE
    while message not in lines:
        assert time.monotonic() < deadline, f"{message} was not heard, but {lines}"
        lines += heard.recv(65536).decode().splitlines()
    return lines


@pytest.mark.slow
def test_the_daemon_lives_in_the_sandbox_from_start_to_stop(tmp_path: Path, heard: socket.socket) -> None:
    if not sandbox_works():
        pytest.skip("no libseccomp.so.2, systemd-analyze, or kernel with PR_SET_MDWE (6.3) here")
    (tmp_path / "inventory.toml").write_text("")
    (tmp_path / "fabricd.toml").write_text(
        f'state_directory = "{tmp_path}"\n[northbound]\nunix_socket = "{tmp_path}/fabricd.sock"\n'
        '[telemetry]\nmetrics_address = "127.0.0.1:0"\n'
    )
    unit = dict(settings((UNITS / "fabricd.service").read_text()))
    arguments = unit["ExecStart"].replace("/etc/fabricd/fabricd.toml", str(tmp_path / "fabricd.toml")).split()[1:]
    program = [sys.executable, "-c", "import sys; from fabricd.cli.fabricd import main; sys.exit(main())", *arguments]
    environment = {
        **os.environ,
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "1000000",
    }
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SANDBOX, str(UNITS / "fabricd.service"), *program],
            env=environment,
            stderr=log,
            cwd=tmp_path,
        )
    try:
        wait_for(heard, "READY=1")
        wait_for(heard, "WATCHDOG=1")
        process.send_signal(signal.SIGHUP)
        lines = wait_for(heard, "RELOADING=1")
        assert any(line.startswith("MONOTONIC_USEC=") for line in lines)
        wait_for(heard, "READY=1")
        process.send_signal(getattr(signal, unit["KillSignal"]))
        wait_for(heard, "STOPPING=1")
        assert process.wait(DEADLINE) == 0, (tmp_path / "log").read_text()
    finally:
        process.kill()
        process.wait()
        print((tmp_path / "log").read_text())
