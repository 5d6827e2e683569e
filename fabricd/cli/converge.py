"""Waiting until devices have what they shall have, with progress that people can follow.

Used by fabricctl submit, rollback and reconcile. Asks the daemon for status only; decides nothing about devices.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from fabricd.cli.progress import progress_bar
from fabricd.cli.terminal import ExitCode, Terminal
from fabricd.client import Client
from fabricd.northbound.failures import UnavailableError
from fabricd.northbound.v1 import fabricd_pb2 as pb

POLL = 0.2  # seconds between two looks
_WAITING_FOR_A_PERSON = frozenset({"held", "unstable", "drifted"})


@dataclass(frozen=True, slots=True)
class Goal:
    """What is waited for. `revision` 0: any; `since` maps a device to the time of the check that does not count any
    more (nanoseconds since 1970), so that an answer from before is not taken for one to this request."""

    devices: tuple[str, ...]
    revision: int = 0
    since: dict[str, int] | None = None

    def reached(self, device: pb.DeviceStatus) -> bool:
        """True when the device is in sync, or nothing is wanted of it (any more)."""
        return self._looked_at(device) and (device.in_sync or not device.desired_revision)

    def settled(self, device: pb.DeviceStatus) -> bool:
        """True when that is reached, or will not be without a person."""
        if self.reached(device) or device.mode == "pause":
            return True
        waits = device.revision >= self.revision and device.outcome in _WAITING_FOR_A_PERSON
        return self._looked_at(device) and waits

    def _looked_at(self, device: pb.DeviceStatus) -> bool:
        return self.since is None or device.checked.ToNanoseconds() > self.since.get(device.device, 0)


async def converge(client: Client, goal: Goal, timeout: float, terminal: Terminal, *, quiet: bool) -> pb.StatusResponse:
    """Wait until every device has settled or `timeout` seconds are over; returns the last status.

    A daemon that restarts meanwhile is waited for.
    """
    deadline = time.monotonic() + timeout
    shown: dict[str, str] = {}
    with progress_bar(terminal, "converging", quiet=quiet) as advance:
        while True:
            try:
                status = await client.status(goal.devices, timeout=max(deadline - time.monotonic(), 1.0))
            except UnavailableError:
                if time.monotonic() >= deadline:
                    raise
                await asyncio.sleep(POLL)
                continue
            settled = [device for device in status.devices if goal.settled(device)]
            advance(len(settled), len(status.devices), _under_way(status, goal))
            if not quiet and not terminal.live:
                for device in settled:
                    word = _word(device)
                    if shown.get(device.device) != word[0]:
                        shown[device.device] = word[0]
                        terminal.line("  ", (device.device, "bold"), " ", word)
            if len(settled) == len(status.devices) or time.monotonic() >= deadline:
                return status
            await asyncio.sleep(POLL)


def verdict(status: pb.StatusResponse, goal: Goal) -> ExitCode:
    """0: all in sync; 2: what is left waits for a person or is not to be enforced; 1: errors, or time ran out."""
    rest = [device for device in status.devices if not goal.reached(device)]
    if not rest:
        return ExitCode.DONE
    return ExitCode.PENDING if all(goal.settled(device) for device in rest) else ExitCode.ERROR


def report(status: pb.StatusResponse, goal: Goal, terminal: Terminal) -> None:
    """How it ended, in a line, and a line for each device that is not there."""
    total, good = len(status.devices), sum(map(goal.reached, status.devices))
    word = "done" if any(not device.desired_revision for device in status.devices) else "in sync"
    terminal.line((f"{good}/{total} {word}", "bold green" if good == total else "bold yellow"))
    for device in status.devices:
        if goal.reached(device):
            continue
        why = f": {device.error_code} {device.error_message}" if device.error_code else ""
        state = device.outcome if goal.settled(device) else f"not done ({device.outcome or 'not yet checked'})"
        mode = f", mode {device.mode}" if device.mode != "enforce" else ""
        terminal.line("  ", (device.device, "bold"), " ", (state + mode, "yellow"), why)


def _under_way(status: pb.StatusResponse, goal: Goal) -> str:
    """The first of the devices that have not settled."""
    rest = [device for device in status.devices if not goal.settled(device)]
    return ", ".join(f"{device.device} {device.outcome}".strip() for device in rest[:4])


def _word(device: pb.DeviceStatus) -> tuple[str, str]:
    if device.in_sync:
        return "in sync", "green"
    return ("no longer managed", "dim") if not device.desired_revision else (device.outcome or device.mode, "yellow")
