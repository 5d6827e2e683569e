"""NETCONF message framing, both ways (RFC 6242 section 4.2 chunks, section 4.3 end-of-message marks).

Called by the session. Knows bytes only: neither XML nor SSH.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

END_OF_MESSAGE = b"]]>]]>"

# What is handed to SSH at once: small enough for back-pressure to work, large enough not to cost.
PIECE = 1 << 18

_HEADER = re.compile(rb"\n#(?:([1-9][0-9]{0,9})|(#))\n")
_HEADER_BEGUN = re.compile(rb"\n?|\n#(?:[1-9][0-9]{0,9}|#)?")


class FramingError(Exception):
    """The peer's bytes are no NETCONF message, or one that is longer than allowed."""


class TooLongError(FramingError):
    """A message is longer than allowed."""


class Framer:
    """Bytes in, whole messages out, however the bytes are cut.

    Starts with end-of-message framing, as every session does; whoever handles the hello sets `chunked`. `feed` raises
    FramingError, after which the stream is lost.
    """

    def __init__(self, emit: Callable[[bytes], None], limit: int) -> None:
        self.chunked = False
        self._emit = emit
        self._limit = limit
        self._rest = bytearray()  # the message so far, or the chunk header so far
        self._parts: list[bytes] = []
        self._missing = 0  # bytes of the current chunk
        self._size = 0

    def feed(self, data: bytes) -> None:
        while data and not self.chunked:
            data = self._until_mark(data)
        if data or self._rest:
            self._chunks(data)

    def _until_mark(self, data: bytes) -> bytes:
        """Take one message; the bytes after it are returned, since a hello may change the framing."""
        searched = max(0, len(self._rest) - len(END_OF_MESSAGE) + 1)
        self._rest += data
        end = self._rest.find(END_OF_MESSAGE, searched)
        if (len(self._rest) if end < 0 else end) > self._limit:
            raise TooLongError(f"a message is longer than {self._limit} bytes")
        if end < 0:
            return b""
        message, after = bytes(self._rest[:end]), bytes(self._rest[end + len(END_OF_MESSAGE) :])
        self._rest.clear()
        self._emit(message)
        return after

    def _chunks(self, data: bytes) -> None:
        if not self.chunked:
            return
        if self._rest:
            data = bytes(self._rest) + data
            self._rest.clear()
        at = 0
        while at < len(data):
            if self._missing:
                part = data[at : at + self._missing]
                self._parts.append(part)
                self._missing -= len(part)
                at += len(part)
                continue
            header = _HEADER.match(data, at)
            if header is None:
                if not _HEADER_BEGUN.fullmatch(data, at):
                    raise FramingError("bytes that are no chunk header (RFC 6242 section 4.2)")
                self._rest += data[at:]
                return
            at = header.end()
            if header[1]:
                self._begin_chunk(int(header[1]))
            else:
                self._end_message()

    def _begin_chunk(self, size: int) -> None:
        self._missing = size
        self._size += size
        if self._size > self._limit:
            raise TooLongError(f"a message is longer than {self._limit} bytes")

    def _end_message(self) -> None:
        if not self._parts:
            raise FramingError("a message without a chunk (RFC 6242 section 4.2)")
        message = b"".join(self._parts)
        self._parts, self._size = [], 0
        self._emit(message)


def framed(message: bytes, *, chunked: bool) -> Iterator[bytes]:
    """One message in pieces to send one after the other."""
    for at in range(0, len(message), PIECE):
        piece = message[at : at + PIECE]
        yield b"\n#%d\n%b" % (len(piece), piece) if chunked else piece
    yield b"\n##\n" if chunked else END_OF_MESSAGE
