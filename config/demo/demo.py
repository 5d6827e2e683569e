"""The demo: fabricd's whole job, told in under a minute, on six simulated switches.

Run by `make demo` (and by `make run`, which leaves everything running). Uses only what users have: the fabricd and
fabricctl commands, and other people's gNMI and NETCONF clients for what happens behind the daemon's back.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
DEADLINE = 120.0  # seconds for any one thing to happen at all; a second or two is usual
SWITCHES = ("spine1", "spine2", "leaf1", "leaf2", "leaf3", "leaf4")
console = Console(highlight=False)
COLOR = ("--color", "always") if console.is_terminal else ()


class DemoFailedError(Exception):
    """Something did not happen as the story says."""


class Journal:
    """Collects every record that `fabricctl log --follow --json` prints, over restarts of the daemon."""

    def __init__(self, folder: Path) -> None:
        self.records: list[dict[str, Any]] = []
        self._arrived = threading.Condition()
        self._process = subprocess.Popen(
            [BIN / "fabricctl", "log", "--follow", "--json"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=(folder / "watch.err").open("wb"),
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._arrived:
                self.records.append(json.loads(line))
                self._arrived.notify_all()

    def wait(self, what: str, found: Callable[[dict[str, Any]], bool], after: int = 0) -> dict[str, Any]:
        """The first record numbered above `after` for which `found` is true."""
        deadline = time.monotonic() + DEADLINE
        with self._arrived:
            while True:
                for record in self.records:
                    if record["sequence"] > after and found(record):
                        return record
                if not self._arrived.wait(deadline - time.monotonic()):
                    raise DemoFailedError(f"not seen in the journal within {DEADLINE:.0f} s: {what}")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


class Demo:
    """One run of the story in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started = time.monotonic()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        os.environ["FABRICD_ADDRESS"] = f"unix:{folder / 'fabricd.sock'}"

    # What the story is told with

    def chapter(self, title: str, text: str) -> None:
        console.print()
        console.rule(f"[bold]{title}[/]  [dim]{time.monotonic() - self.started:.0f} s[/]", align="left")
        console.print(text, style="cyan")

    def fabricctl(self, *arguments: str, expect: int = 0, show: bool = True, json_output: bool = False) -> Any:
        """Run fabricctl as a user would; its output is shown, or parsed."""
        if show:
            console.print(f"[bold]$ fabricctl {escape(shlex.join(arguments))}[/]", soft_wrap=True)
        command = [BIN / "fabricctl", *arguments, *(["--json"] if json_output else COLOR)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=DEADLINE, check=False)
        if show and not json_output:
            print(done.stdout + done.stderr, end="", flush=True)
        if done.returncode != expect:
            raise DemoFailedError(
                f"fabricctl {' '.join(arguments)} ended with {done.returncode}, not {expect}: {done.stderr}"
            )
        return json.loads(done.stdout) if json_output else done.stdout + done.stderr

    def start(self, name: str, *arguments: str) -> None:
        """Start a fabricd process; its output goes to NAME.log in the demo's folder."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [BIN / "fabricd", *arguments], cwd=self.folder, stdout=log, stderr=log
            )

    def start_daemon(self) -> None:
        self.start("daemon", "serve", "--config", "fabricd.toml")
        self.until("the daemon answers", lambda: self._answers())

    def _answers(self) -> bool:
        if self.processes["daemon"].poll() is not None:
            raise DemoFailedError("the daemon ended; see daemon.log")
        probe = subprocess.run(
            [BIN / "fabricctl", "devices", "--json"], cwd=self.folder, capture_output=True, check=False
        )
        return probe.returncode == 0

    def until(self, what: str, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not happened():
            if time.monotonic() > deadline:
                raise DemoFailedError(f"did not happen within {DEADLINE:.0f} s: {what}")
            time.sleep(0.1)

    def devices(self) -> list[dict[str, Any]]:
        return list(self.fabricctl("status", show=False, json_output=True)["devices"])

    def in_sync(self) -> int:
        return sum(device["in_sync"] for device in self.devices())

    def behind_the_back(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, HERE / "behind_the_back.py", *arguments], cwd=self.folder, check=True, timeout=DEADLINE,
            capture_output=True,
        )  # fmt: skip

    def last_record(self) -> int:
        """The number of the newest record, whether the watcher has it already or not."""
        return int(self.fabricctl("log", "--last", "1", show=False, json_output=True)["sequence"])

    # The story

    def switches_start(self) -> None:
        self.chapter(
            "1. Six switches, empty",
            "Two spines and four leaves, simulated: real gNMI over TLS, real NETCONF over SSH, and a validated "
            "datastore each. Three of them are of kinds that do not keep to the specifications.",
        )
        self.start("switches", "simulate", "simulation.toml")
        self.until("the switches are up", lambda: "ready" in (self.folder / "switches.log").read_text())

    def daemon_starts(self) -> None:
        self.chapter(
            "2. The daemon",
            "fabricd serve knows the switches from its inventory, their ways from profiles. It wants nothing yet.",
        )
        self.start_daemon()
        self.fabricctl("devices")

    def submit(self) -> None:
        self.chapter(
            "3. What the fabric shall be",
            "One fabric document: switches, cabling, two networks, a few servers. It goes in by gRPC as one revision; "
            "fabricd hands out addresses, ASNs and VNIs, compiles an OpenConfig tree for each switch (eBGP underlay, "
            "EVPN-VXLAN, anycast gateways, a multihomed server), validates it, compares it with what the switch runs, "
            "and writes.",
        )
        self.fabricctl("submit", "fabric/", "--comment", "the fabric", "--wait")
        if self.in_sync() != len(SWITCHES):
            raise DemoFailedError("not all switches are in sync after the first revision")

    def drifts(self, journal: Journal) -> int:
        self.chapter(
            "4. Three changes behind the daemon's back",
            "Someone sets an MTU on leaf1 by gNMI, deletes a BGP neighbour on leaf3 by NETCONF, and adds VLAN 666 to "
            "leaf2, whose default network instance has another name. The first two say that they changed; leaf2 is of "
            "a kind that says nothing, and is found by the next sweep. All three are repaired.",
        )
        after = self.last_record()
        ca, known_hosts = "switches/tls/ca.pem", "switches/ssh/known_hosts"
        vlan = '{"vlan": [{"vlan-id": 666, "config": {"vlan-id": 666, "name": "shadow"}}]}'
        made = (
            ("leaf1", ("gnmi", "127.0.0.1", "19343", ca, "interfaces/interface[name=Ethernet1]/config/mtu", "1500")),
            ("leaf3", ("netconf", "127.0.0.1", "18305", known_hosts, "changes/delete-neighbour.xml")),
            (
                "leaf2",
                ("gnmi", "127.0.0.1", "19344", ca, "network-instances/network-instance[name=DEFAULT]/vlans", vlan),
            ),
        )
        repaired = 0
        for switch, arguments in made:
            self.behind_the_back(*arguments)

            def repair(record: dict[str, Any], switch: str = switch) -> bool:
                return record["device"] == switch and record["outcome"] == "applied"

            record = journal.wait(f"{switch} repaired", repair, after)
            edits = ", ".join(f"{edit['operation']} {edit['path']}" for edit in record["edits"])
            console.print(
                f"  [green]repaired[/] {switch} (found by {record['trigger']}): {escape(edits)}", soft_wrap=True
            )
            repaired += 1
        return repaired

    def bad_input(self) -> None:
        self.chapter(
            "5. A mistake",
            "A document with an impossible MTU and an unknown leaf is refused, with the place. Nothing changes.",
        )
        before = self.fabricctl("status", show=False, json_output=True)["revision"]
        said = self.fabricctl("submit", "changes/mistake.yaml", expect=1)
        if "mtu" not in said or self.fabricctl("status", show=False, json_output=True)["revision"] != before:
            raise DemoFailedError("the mistake was not refused with its path")

    def crash(self, journal: Journal) -> None:
        self.chapter(
            "6. kill -9 in the middle of it",
            "A second intent renames VLAN 10 on every leaf, over the fabric's head; as soon as the first switch is "
            "being written, the daemon is killed. It starts again, finds the transactions it left open, reads the "
            "switches, and finishes.",
        )
        after = self.last_record()
        arguments = ("submit", "changes/rename-vlan.yaml", "--comment", "rename VLAN 10", "--no-wait")
        console.print(f"[bold]$ fabricctl {shlex.join(arguments)}[/]")
        # In the background: by the time that it has ended, the switches would be written already.
        submission = subprocess.Popen([BIN / "fabricctl", *arguments], cwd=self.folder, stdout=subprocess.DEVNULL)
        journal.wait("a switch is being written", lambda record: record["event"] == "apply", after)
        self.processes["daemon"].send_signal(signal.SIGKILL)
        self.processes["daemon"].wait()
        submission.wait()
        console.print("  [red]killed[/] the daemon with SIGKILL")
        self.start_daemon()
        self.until("all in sync after the crash", lambda: self.in_sync() == len(SWITCHES))
        resolved = sum(record["event"] == "recovered" and record["sequence"] > after for record in journal.records)
        console.print(f"  [green]restarted[/], resolved {resolved} open transactions, and converged")

    def rollback(self) -> None:
        self.chapter(
            "7. Why, and back",
            "Who wanted that name, and who was overruled? Then back to the first revision: a new revision with the old "
            "content, rolled out the same way.",
        )
        self.fabricctl(
            "explain",
            "leaf1",
            "/network-instances/network-instance[name=network-servers]/vlans/vlan[vlan-id=10]/config/name",
        )
        self.fabricctl("rollback", "1", "--comment", "VLAN 10 keeps its name", "--wait")
        self.fabricctl("status")

    def look_back(self, journal: Journal) -> int:
        """Tell the journal's story and count records that are missing: gaps, or seen before the crash and gone."""
        self.chapter(
            "8. The journal of it all",
            "Every decision, with revision, edits and timings; the watcher never lost its place.",
        )
        self.fabricctl("log", "--last", "12")
        listed = [
            json.loads(line)
            for line in subprocess.run(
                [BIN / "fabricctl", "log", "--json"], cwd=self.folder, capture_output=True, text=True, check=True
            ).stdout.splitlines()
        ]
        journal.wait("the last record", lambda record: record["sequence"] == listed[-1]["sequence"])
        seen = [record["sequence"] for record in journal.records]
        if len(seen) != len(set(seen)) or seen != sorted(seen):
            raise DemoFailedError("the watcher saw a record twice or out of order")
        kept = {record["sequence"] for record in listed}
        gaps = set(range(1, listed[-1]["sequence"] + 1)) - kept
        return len(gaps | (set(seen) ^ kept) - set(range(listed[-1]["sequence"] + 1, max(seen) + 1)))


@contextlib.contextmanager
def workplace(keep: bool) -> Iterator[Path]:
    """A fresh folder with the demo's files; its processes' secrets are made anew each time."""
    folder = Path(tempfile.mkdtemp(prefix="fabricd-demo-"))
    for name in ("fabricd.toml", "inventory.toml", "simulation.toml"):
        shutil.copy(HERE / name, folder)
    for name in ("fabric", "changes"):
        shutil.copytree(HERE / name, folder / name)
    (folder / "state").mkdir(mode=0o700)
    os.environ["FABRICD_DEMO_PASSWORD"] = secrets.token_urlsafe(12)
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def tell(demo: Demo) -> str:
    """The whole story; returns its last line."""
    demo.switches_start()
    demo.daemon_starts()
    journal = Journal(demo.folder)
    try:
        demo.submit()
        repaired = demo.drifts(journal)
        demo.bad_input()
        demo.crash(journal)
        demo.rollback()
        lost = demo.look_back(journal)
    finally:
        journal.close()
    line = f"{demo.in_sync()}/{len(SWITCHES)} in sync, {repaired}/3 drifts repaired, {lost} records lost"
    if lost or repaired != 3 or demo.in_sync() != len(SWITCHES):
        raise DemoFailedError(line)
    return line


def leave_running(demo: Demo) -> None:
    """For `make run`: the fabric is submitted, people play, Ctrl-C ends it."""
    demo.switches_start()
    demo.daemon_starts()
    demo.submit()
    behind = f"{sys.executable} {HERE / 'behind_the_back.py'} gnmi 127.0.0.1 19343 switches/tls/ca.pem"
    console.rule("[bold]It runs until Ctrl-C. In another terminal:[/]", align="left")
    # Nothing is drawn around it: people copy these lines.
    print(f"""
export FABRICD_ADDRESS=unix:{demo.folder / "fabricd.sock"} PATH={BIN}:$PATH
export FABRICD_DEMO_PASSWORD={os.environ["FABRICD_DEMO_PASSWORD"]}      # the switches' login is fabricd
cd {demo.folder}

fabricctl status --watch
fabricctl log --follow

# change leaf1 behind the daemon's back, and see it repaired; then observe only, and change it again
{behind} "interfaces/interface[name=Ethernet1]/config/mtu" 1500
fabricctl mode leaf1 observe --reason "to see what drift looks like"
fabricctl plan
fabricctl mode leaf1 default

# change what the fabric shall be: edit a document, look, submit, go back
$EDITOR fabric/fabric.yaml
fabricctl submit fabric/ --dry-run
fabricctl submit fabric/ --comment "my change"
fabricctl submit changes/rename-vlan.yaml --comment "one more"
fabricctl rollback 1

Logs: daemon.log, switches.log.
""")
    signal.pause()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="only submit the fabric, then leave everything running")
    keep = parser.parse_args().keep
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with workplace(keep=False) as folder:
        demo = Demo(folder)
        try:
            if keep:
                leave_running(demo)
                return 0
            line = tell(demo)
        except (DemoFailedError, subprocess.SubprocessError) as error:
            console.print(f"\n[bold red]demo failed:[/] {error}", soft_wrap=True)
            for name in ("switches", "daemon"):
                log = folder / f"{name}.log"
                if log.exists():
                    console.print(f"--- the end of {name}.log", style="dim")
                    print("\n".join(log.read_text(errors="replace").splitlines()[-15:]))
            return 1
        except KeyboardInterrupt:
            console.print("\nstopping", style="dim")
            return 0 if keep else 130
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            for process in reversed(demo.processes.values()):
                process.terminate()
            for process in demo.processes.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                process.kill()
        console.print(f"\n(all of it took {time.monotonic() - demo.started:.0f} s)", style="dim")
        print(f"demo passed: {line}")
        return 0


if __name__ == "__main__":
    sys.exit(main())
