"""Kinds of switches: their files, what stands in a simulation file on top, and that what they show is still valid."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from fabricd.errors import InputError
from fabricd.intent.documents import Document, DraftKind, parse_documents
from fabricd.intent.fabric.compile import compile_fabric
from fabricd.intent.fabric.document import read_draft_fabric
from fabricd.schema import ModelSet, Schema
from fabricd.simulator import Quirks, SwitchConfig, load_simulation
from fabricd.simulator.engine import Engine
from fabricd.simulator.facts import facts_of
from fabricd.simulator.kinds import kind_called, kind_names
from fabricd.simulator.quirks.behaviour import Behaviour
from fabricd.simulator.state import View

CONFIG = Path(__file__).resolve().parents[2] / "config"
FABRICS = [
    *(pytest.param(CONFIG / "examples" / name / "fabric.yaml", id=name) for name in ("routed", "evpn", "three-stage")),
    pytest.param(CONFIG / "demo" / "fabric" / "fabric.yaml", id="demo"),
]
HEAD = '[simulation]\nstate_directory = "state"\n[[switch]]\nname = "a"\n'
CANNOT_HOLD_TOGETHER = {"with_defaults", "claims_explicit", "no_delete_notifications", "delete_missing"}


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    opened = await Engine.open("managed", 1)
    yield opened
    opened.close()


def leaf_of(file: Path) -> dict[str, Any]:
    """The compiled tree of the fabric's switch with the largest one."""
    (draft,) = parse_documents([Document(file.name, file.read_bytes())], max_bytes=1 << 20, kinds=(DraftKind.FABRIC,))
    with Schema(ModelSet.fabric()) as schema:
        fabric, _ = read_draft_fabric(schema, draft)
    found: dict[str, Any] = orjson.loads(max(compile_fabric(fabric).trees.values(), key=len))
    return found


@pytest.mark.parametrize("file", FABRICS)
async def test_what_every_kind_shows_of_a_fabric_is_valid_and_loses_nothing(engine: Engine, file: Path) -> None:
    tree = orjson.dumps(leaf_of(file))
    canonical = await engine.checked(tree, whole=True)
    for kind in kind_names():
        config = SwitchConfig(name="a", kind=kind)
        behaviour = Behaviour(engine.outline, config.quirks, (), lambda: 0)
        shown = await engine.checked(behaviour.shown(canonical, 7), whole=True)
        assert len(shown) > len(canonical) * 0.8
        view = View(facts=facts_of("a", behaviour.in_force(canonical)), ports=("Ethernet1",), now=2, booted=1)
        assert behaviour.full_tree(canonical, view, 7)
    assert not Behaviour(engine.outline, Quirks(), (), lambda: 0)


@pytest.mark.parametrize("kind", kind_names())
def test_the_numbers_in_a_kinds_file_are_those_of_its_quirks(kind: str) -> None:
    numbers = numbers_of_quirks()
    text = (CONFIG / "simulator" / f"{kind}.toml").read_text()
    for quirk in kind_called(kind).quirks:
        [line] = [line for line in text.splitlines() if re.match(rf"{quirk} =|\[quirks\.{quirk}\]", line)]
        said = set(re.findall(r"\d+", line.partition("#")[2].partition(":")[0]))
        assert said, line
        assert said <= numbers[quirk], line


def numbers_of_quirks() -> dict[str, set[str]]:
    """The numbers at the beginning of what each field of Quirks says of itself."""
    return {
        name: set(re.findall(r"\d+", str(field.description).partition(". ")[0]))
        for name, field in Quirks.model_fields.items()
    }


def test_all_quirks_are_all_but_those_that_cannot_hold_with_the_others() -> None:
    assert set(kind_called("all-quirks").quirks) == set(Quirks.model_fields) - CANNOT_HOLD_TOGETHER


def test_the_page_names_exactly_the_quirks_with_their_numbers_and_kinds() -> None:
    page = (CONFIG.parent / "docs" / "quirks.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if re.match(r"\| \d", line)]
    assert [key.strip("`") for _, key, *_ in rows] == list(Quirks.model_fields)
    numbers, known = numbers_of_quirks(), {name: kind_called(name).quirks for name in kind_names()}
    for number, key, does, kinds, daemon in rows:
        having = [name for name, quirks in known.items() if key.strip("`") in quirks and name != "all-quirks"]
        assert set(number.split(", ")) == numbers[key.strip("`")], key
        assert kinds == (", ".join(having) or "none"), key
        assert does, key
        assert daemon, key


def test_a_file_can_say_more_than_the_kind(tmp_path: Path) -> None:
    file = tmp_path / "simulation.toml"
    file.write_text(HEAD + 'kind = "eos"\n[switch.quirks]\nshuffles_lists = true\nomits_defaults = false\n')
    [switch] = load_simulation(file).switches
    expected = {**kind_called("eos").quirks, "shuffles_lists": True, "omits_defaults": False}
    assert switch.quirks == Quirks.model_validate(expected)
    assert SwitchConfig(name="a", kind="eos", quirks=Quirks(shuffles_lists=True, omits_defaults=False)) == switch


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('kind = "toaster"\n', "switches.0.kind: there is no such kind"),
        ("kind = 5\n", "switches.0.kind"),
        ('kind = "eos"\n[switch.quirks]\nsings = true\n', "switches.0.quirks.sings: unknown key"),
        ('[switch.quirks]\ncalls = 0\n', "switches.0.quirks.calls"),
        ('kind = "eos"\nquirks = 5\n', "switches.0.quirks"),
        ('[[switch.fault]]\nrpc = "get"\nkind = "explode"\n', "switches.0.fault.0.kind"),
        ('[[switch.fault]]\nrpc = "get"\nkind = "flood"\n', "has to be notify"),
    ],
)  # fmt: skip
def test_a_wrong_kind_quirk_or_fault_is_refused_with_file_and_key(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "simulation.toml"
    file.write_text(HEAD + content)
    with pytest.raises(InputError) as refusal:
        load_simulation(file)
    assert says in str(refusal.value)
    assert "simulation.toml" in str(refusal.value)
