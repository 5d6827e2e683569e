"""No bytes make a decoder raise what it must not: what fuzzing found before, and hypothesis on top."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import TARGETS

FOUND = sorted((Path(__file__).parent / "found").glob("*.bin"))


@pytest.mark.parametrize("file", FOUND, ids=[file.name for file in FOUND])
def test_what_was_found_before_stays_mended(file: Path) -> None:
    TARGETS[file.name.partition(".")[0]].read(file.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].read(seed)


@st.composite
def spoilt(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with pieces cut out, repeated, or put in from anywhere."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        put = draw(st.one_of(st.binary(max_size=8), st.just(data[start:end] * 2), st.sampled_from(WORDS)))
        data = data[:start] + put + data[end:]
    return data


WORDS = (
    b"", b"<", b">", b"]]>]]>", b"\n#", b"\n##\n", b"<!--", b"<![CDATA[", b"&#0;", b"&amp;", b"xmlns=''", b'"', b"'",
    b"[", b"]", b"{", b"}", b"null", b"1e999", b"-0", b"\\ud800", b"\x00", b"\xff", "\ufeff".encode(), b"\r\n",
    b"/..", b"*", b"[name=*]",
)  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_spoilt_input_is_refused_or_read(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(spoilt(target.seeds))
    def hold(data: bytes) -> None:
        target.read(data)

    hold()
