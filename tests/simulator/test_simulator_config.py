"""Simulation files: what is wrong is named with its place; framing survives every way of cutting the stream."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd.errors import InputError
from fabricd.simulator import load_simulation
from fabricd.simulator.netconf.framing import END, Framer, FramingError, framed

PROJECT = Path(__file__).resolve().parents[2]
HEAD = '[simulation]\nstate_directory = "state"\n'
LINK = '[[link]]\na = "a:{}"\nb = "b:Ethernet1"\n'
TWO = '[[switch]]\nname = "a"\nports = ["Ethernet1", "Ethernet2"]\n[[switch]]\nname = "b"\nports = ["Ethernet1"]\n'


def test_the_demo_is_two_spines_and_four_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABRICD_DEMO_PASSWORD", "from-the-environment")
    config = load_simulation(PROJECT / "config" / "demo" / "simulation.toml")
    assert [one.name for one in config.switches] == ["spine1", "spine2", "leaf1", "leaf2", "leaf3", "leaf4"]
    assert {frozenset((link.ends[0][0], link.ends[1][0])) for link in config.links} == {
        frozenset((spine, leaf)) for spine in ("spine1", "spine2") for leaf in ("leaf1", "leaf2", "leaf3", "leaf4")
    }
    assert config.state_directory == PROJECT / "config" / "demo" / "switches"
    assert config.password == "from-the-environment"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[simulation]\n", "state_directory"),
        (HEAD + 'colour = "red"\n', "simulation.toml: colour"),
        (HEAD + "[[switch]]\ngnmi_port = 1\n", "switches.0.name"),
        (HEAD + '[[switch]]\nname = "a"\ngnmi_port = 70000\n', "switches.0.gnmi_port"),
        (HEAD + '[[switch]]\nname = "../a"\n', "switches.0.name"),
        (HEAD + '[[switch]]\nname = "a"\n[[switch]]\nname = "a"\n', "same name"),
        (HEAD + '[[switch]]\nname = "a"\ngnmi_port = 5\nnetconf_port = 5\n', "port 5"),
        (HEAD + TWO + '[[link]]\na = "a:Ethernet1"\nb = "c:Ethernet1"\n', "no switch 'c'"),
        (HEAD + TWO + '[[link]]\na = "a:Ethernet1"\nb = "b:Ethernet9"\n', "no port 'Ethernet9'"),
        (HEAD + TWO + LINK.format("Ethernet1") + LINK.format("Ethernet2"), "has a cable already"),
        (HEAD + 'password = "env:SURELY_NOT_SET"\n', "SURELY_NOT_SET"),
        (HEAD + "[[switches]]\n", "switches"),
        ("[simulation\n", "line 1"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "simulation.toml"
    file.write_text(content)
    with pytest.raises(InputError) as refusal:
        load_simulation(file)
    assert says in str(refusal.value)
    assert "simulation.toml" in str(refusal.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.toml"):
        load_simulation(tmp_path / "nothing.toml")


messages = st.lists(st.binary(min_size=1, max_size=200).filter(lambda one: END[0:1] not in one), min_size=1, max_size=5)


@given(messages, st.booleans(), st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_messages_survive_any_cutting(sent: list[bytes], chunked: bool, cuts: list[int]) -> None:
    stream = b"".join(framed(message, chunked=chunked) for message in sent)
    framer = Framer(1 << 16)
    framer.chunked = chunked
    found: list[bytes] = []
    at = turn = 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        found += framer.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert found == sent


@given(st.binary(max_size=300))
def test_garbage_never_passes_unnoticed_as_chunks(garbage: bytes) -> None:
    framer = Framer(1 << 16)
    framer.chunked = True
    try:
        found = list(framer.feed(garbage))
    except FramingError:
        return
    assert sum(map(len, found)) <= len(garbage)
    assert not found or garbage.startswith(b"\n#")


@pytest.mark.parametrize("chunked", [False, True])
def test_no_more_is_kept_than_the_limit(chunked: bool) -> None:
    framer = Framer(1000)
    framer.chunked = chunked
    for _ in range(9):
        assert list(framer.feed(b"\n#100\n" + b"x" * 100)) == []
    with pytest.raises(FramingError) as refusal:
        list(framer.feed((b"\n#100\n" + b"x" * 100) * 2))
    assert refusal.value.too_big
