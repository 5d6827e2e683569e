"""Speaks journald's native protocol: fields instead of lines, so that a journal can be searched by device.

Used by log.py. The protocol is systemd.io/JOURNAL_NATIVE_PROTOCOL; libsystemd's client, and with it cysystemd, cannot
be pointed at another socket and so not be tested without a running systemd.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import re
import socket
import struct
from collections.abc import Callable, Mapping
from typing import TextIO

SOCKET = "/run/systemd/journal/socket"

_BAD_NAME = re.compile("[^A-Z0-9_]")
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def stream_is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """True when `stream` is the pipe to journald that systemd made (systemd.exec(5), JOURNAL_STREAM)."""
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    if not (device.isdigit() and inode.isdigit()):
        return False
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (found.st_dev, found.st_ino) == (int(device), int(inode))


def encode(fields: Mapping[str, str]) -> bytes:
    """The datagram of one journal entry. A value with a newline is sent by its length, so that none can start a field
    of its own; names are brought to the letters that journald accepts."""
    parts: list[bytes] = []
    for name, value in fields.items():
        field = _BAD_NAME.sub("_", name.upper()).lstrip("_0123456789")[:64].encode("ascii")
        content = value.encode("utf-8", "backslashreplace")
        if not field:
            continue
        if b"\n" in content:
            parts.append(field + b"\n" + struct.pack("<Q", len(content)) + content + b"\n")
        else:
            parts.append(field + b"=" + content + b"\n")
    return b"".join(parts)


class JournaldHandler(logging.Handler):
    """Sends each record to journald at `path`. `fields` makes the fields of a record."""

    def __init__(self, fields: Callable[[logging.LogRecord], dict[str, str]], path: str = SOCKET) -> None:
        super().__init__()
        self._fields = fields
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        # A journald that hangs must not hang the fabric.
        self._socket.settimeout(1.0)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._send(encode(self._fields(record)))
        except Exception:  # noqa: BLE001  logging's own way to tell of what goes wrong in a handler
            self.handleError(record)

    def close(self) -> None:
        self._socket.close()
        super().close()

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendto(data, self._path)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            self._send_large(data)

    def _send_large(self, data: bytes) -> None:
        """An entry too large for a datagram goes as a sealed file in memory."""
        file = os.memfd_create("fabricd-journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        with contextlib.closing(os.fdopen(file, "wb", closefd=True)) as stream:
            stream.write(data)
            stream.flush()
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file))]
            self._socket.sendmsg([], rights, 0, self._path)
