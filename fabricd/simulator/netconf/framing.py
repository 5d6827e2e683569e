"""NETCONF messages out of a byte stream and into it: end-of-message framing and chunked framing (RFC 6242 section 4).

Used by the NETCONF session. Pure; borders may fall anywhere, inside a character too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fabricd.errors import FabricdError

END = b"]]>]]>"
_HEADER = re.compile(rb"\n#(?:([1-9][0-9]{0,9})|(#))\n")
_LONGEST_HEADER = 14


class FramingError(FabricdError):
    """The stream cannot be understood from here on: the session has to end. `too_big`: over the size limit."""

    code = "PROTOCOL"

    def __init__(self, message: str, *, too_big: bool = False) -> None:
        super().__init__(message)
        self.too_big = too_big


class Framer:
    """Bytes in, whole messages out; end-of-message framing until `chunked` is set, which may happen between two
    messages of the same bytes."""

    def __init__(self, limit: int) -> None:
        """`limit` is the size of the largest message in bytes."""
        self._limit = limit
        self._pending = bytearray()
        self._seen = 0  # bytes of _pending known to hold no end mark
        self._message = bytearray()  # of the chunks so far, which may be of a byte each
        self._wanted = 0  # bytes of the current chunk still to come
        self.chunked = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Whole messages. Consume one before asking for the next. Raises FramingError."""
        self._pending += data
        while True:
            message = self._next_chunked() if self.chunked else self._next_marked()
            if message is None:
                return
            yield message

    def _next_marked(self) -> bytes | None:
        end = self._pending.find(END, max(0, self._seen - len(END) + 1))
        if end < 0:
            self._seen = len(self._pending)
            self._check_size(self._seen)
            return None
        self._check_size(end)
        message = bytes(self._pending[:end])
        del self._pending[: end + len(END)]
        self._seen = 0
        return message

    def _next_chunked(self) -> bytes | None:
        at = 0
        try:
            while at < len(self._pending):
                if self._wanted:
                    part = self._pending[at : at + self._wanted]
                    self._message += part
                    self._wanted -= len(part)
                    at += len(part)
                    continue
                header = _HEADER.match(self._pending, at)
                if header is None:
                    self._check_header(bytes(self._pending[at : at + _LONGEST_HEADER + 1]))
                    return None
                at = header.end()
                if header[2]:
                    if not self._message:
                        raise FramingError("a message without chunks")
                    message, self._message = bytes(self._message), bytearray()
                    return message
                self._wanted = int(header[1])
                self._check_size(len(self._message) + self._wanted)
            return None
        finally:
            del self._pending[:at]

    @staticmethod
    def _check_header(start: bytes) -> None:
        if not re.fullmatch(rb"\n(#([1-9][0-9]{0,9}|#)?)?", start):
            raise FramingError("a chunk header belongs here")

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise FramingError(f"message is larger than {self._limit} bytes", too_big=True)


def framed(message: bytes, *, chunked: bool) -> bytes:
    """A message as it goes out."""
    return b"\n#%d\n%b\n##\n" % (len(message), message) if chunked else message + END
