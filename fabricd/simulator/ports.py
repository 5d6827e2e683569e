"""Ports that stay a switch's own while it is off: whatever else runs on this machine is not given them meanwhile.

Owned by a switch. Knows neither protocol.
"""

from __future__ import annotations

import socket


class Ports:
    """Ports of one address that are kept until `close`. Nobody listens on them by that: connections are refused."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._kept: list[socket.socket] = []

    def keep(self) -> int:
        """A free port. Whoever listens on it has to set SO_REUSEADDR, as asyncio and asyncssh do. Raises OSError."""
        family, kind, protocol, _, address = socket.getaddrinfo(self._host, 0, type=socket.SOCK_STREAM)[0]
        kept = socket.socket(family, kind, protocol)
        self._kept.append(kept)
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(address)
        port: int = kept.getsockname()[1]
        return port

    def close(self) -> None:
        """Give all of them back."""
        while self._kept:
            self._kept.pop().close()
