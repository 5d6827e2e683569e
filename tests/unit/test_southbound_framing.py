"""NETCONF framing: however the bytes are cut, the same messages come out; nonsense is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd.southbound.netconf.framing import PIECE, Framer, FramingError, framed

messages = st.lists(st.binary(min_size=1, max_size=300).filter(lambda data: b"]]>" not in data), min_size=1, max_size=4)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    while data:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@given(messages, st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 50), st.booleans())
def test_any_cut_gives_the_same_messages(sent: list[bytes], cuts: list[int], chunk: int, chunked: bool) -> None:
    got: list[bytes] = []
    framer = Framer(got.append, 1 << 20)
    framer.chunked = chunked
    stream = b""
    for message in sent:
        if chunked:
            parts = [message[at : at + chunk] for at in range(0, len(message), chunk)]
            stream += b"".join(b"\n#%d\n%b" % (len(part), part) for part in parts) + b"\n##\n"
        else:
            stream += message + b"]]>]]>"
    for piece in cut(stream, cuts):
        framer.feed(piece)
    assert got == sent


@given(st.integers(0, 3 * PIECE), st.booleans())
def test_what_is_framed_is_read_back(size: int, chunked: bool) -> None:
    got: list[bytes] = []
    framer = Framer(got.append, 1 << 24)
    framer.chunked = chunked
    message = b"x" * (size + 1)
    for piece in framed(message, chunked=chunked):
        framer.feed(piece)
    assert got == [message]


def test_a_hello_changes_the_framing_of_the_bytes_behind_it() -> None:
    got: list[bytes] = []

    def emit(message: bytes) -> None:
        got.append(message)
        framer.chunked = True

    framer = Framer(emit, 1000)
    framer.feed(b"hello]]>]]>\n#3\nabc\n#1\nd\n##\n")
    assert got == [b"hello", b"abcd"]


@pytest.mark.parametrize(
    "stream",
    [
        b"#3\nabc",
        b"\n#0\n",
        b"\n#03\nabc",
        b"\n#-1\n",
        b"\n##\n",
        b"\n#3x\n",
        b"\n#12345678901\n",
        b"\n#1\na<rpc-reply",
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_no_chunk_is_refused_at_once(stream: bytes, at_once: bool) -> None:
    framer = Framer(lambda _: None, 1 << 34)
    framer.chunked = True
    with pytest.raises(FramingError):  # noqa: PT012
        for piece in [stream] if at_once else cut(stream, [1]):
            framer.feed(piece)


@pytest.mark.parametrize("stream", [b"\n#101\n", b"\n#60\n" + b"x" * 60 + b"\n#60\n"])
def test_a_message_over_the_limit_is_refused_before_it_is_kept(stream: bytes) -> None:
    framer = Framer(lambda _: None, 100)
    framer.chunked = True
    with pytest.raises(FramingError):
        framer.feed(stream)


def test_a_message_without_an_end_is_refused_at_the_limit() -> None:
    framer = Framer(lambda _: None, 100)
    with pytest.raises(FramingError):
        framer.feed(b"x" * 101)
