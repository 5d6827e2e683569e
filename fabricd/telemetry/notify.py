"""Tells systemd how the service is: ready, reloading, stopping, alive.

Used by the daemon. Written against sd_notify(3): cysystemd's public call sends one field a datagram, and RELOADING=1
is only believed when MONOTONIC_USEC comes with it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

from fabricd.telemetry.records import printable

_log = logging.getLogger(__name__)


class ServiceNotifier:
    """Sends to the socket that systemd named in the environment; does nothing when there is none.

    Nothing here raises: a service manager that does not listen is logged, once, and is no reason to stop.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        # A name that begins with @ is in the abstract namespace (unix(7)).
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._monotonic_ns = monotonic_ns
        self._complained = False
        self.watchdog_interval = _watchdog_interval(environment)
        """Seconds between two signs of life, half of what systemd waits; None when it does not wait for any."""

    @property
    def active(self) -> bool:
        """Whether systemd listens."""
        return self._address.startswith(("/", "\0"))

    def ready(self, status: str = "") -> None:
        """The service is up, or has reloaded."""
        self._send("READY=1", *_status(status))

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(*_status(text))

    def reloading(self) -> None:
        """Reloading has begun; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={self._monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> None:
        self._send("STOPPING=1", *_status(status))

    async def watchdog(self, healthy: Callable[[], bool]) -> None:
        """Gives signs of life for as long as it runs and `healthy` says so; returns at once when none are wanted.

        When it stops giving them, systemd restarts the service (WatchdogSec=, systemd.service(5)).
        """
        if self.watchdog_interval is None or not self.active:
            return
        was_healthy = True
        while True:
            if healthy():
                self._send("WATCHDOG=1")
                was_healthy = True
            elif was_healthy:
                was_healthy = False
                _log.error("not healthy: no sign of life is given to systemd until it is")
            await asyncio.sleep(self.watchdog_interval)

    def _send(self, *lines: str) -> None:
        if not self.active or not lines:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as client:
                client.settimeout(1.0)
                client.sendto("\n".join(lines).encode("utf-8", "backslashreplace"), self._address)
        except OSError as error:
            if not self._complained:
                self._complained = True
                _log.warning("systemd does not hear this service: %s", error)


def _status(text: str) -> tuple[str, ...]:
    # A newline would begin a field of its own.
    return (f"STATUS={printable(text)}",) if text else ()


def _watchdog_interval(environment: Mapping[str, str]) -> float | None:
    microseconds = environment.get("WATCHDOG_USEC", "")
    process = environment.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or int(microseconds) == 0 or (process and process != str(os.getpid())):
        return None
    return int(microseconds) / 2_000_000
