"""YANG features: read from module texts, enabled where their conditions hold, in force in libyang."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd.errors import InputError
from fabricd.schema import ModelSet, Schema, SchemaPool
from fabricd.schema.features import chosen_features, every_feature, possible_features, read_chosen
from fabricd.schema.module_text import Feature, read_module_text
from fabricd.schema.outline import outline_of
from fabricd.schema.trial import load_elsewhere

PORTS = b"""
module ports { yang-version 1.1; namespace urn:ports; prefix p;
  import base { prefix b; }
  include ports-more;
  feature fast;
  feature breakout { if-feature "fast and not b:fixed"; if-feature b:modular; }
  feature slow { if-feature "not fast"; }
  leaf speed { if-feature fast; type string; }
  leaf lanes { if-feature breakout; type string; }
  leaf patience { if-feature slow; type string; }
  leaf more { if-feature more; type string; }
}"""
MORE = b"submodule ports-more { yang-version 1.1; belongs-to ports { prefix p; } feature more { if-feature p:fast; } }"
BASE = b"module base { yang-version 1.1; namespace urn:base; prefix b; feature modular; feature fixed; }"
HEADS = tuple(map(read_module_text, (PORTS, MORE, BASE)))
MODULES = ("base", "ports")


def test_features_are_read_with_the_modules_that_their_conditions_name() -> None:
    ports, more, base = HEADS
    assert ports.features == (
        Feature("fast"),
        Feature("breakout", ("ports:fast and not base:fixed", "base:modular")),
        Feature("slow", ("not ports:fast",)),
    )
    assert (more.module, more.features) == ("ports", (Feature("more", ("ports:fast",)),))
    assert [one.name for one in base.features] == ["modular", "fixed"]


@pytest.mark.parametrize(
    ("chosen", "ports"),
    [
        ({}, ("fast", "more")),  # the base has both, so that breakout cannot be
        ({"base": ("modular",)}, ("breakout", "fast", "more")),
        ({"base": ("modular",), "ports": ("breakout",)}, ()),
        ({"ports": ("slow",)}, ("slow",)),
        ({"ports": ()}, ()),
        ({"ports": ("nonsense", "fast")}, ("fast",)),
    ],
)
def test_a_feature_is_enabled_only_where_its_conditions_hold(
    chosen: dict[str, tuple[str, ...]], ports: tuple[str, ...]
) -> None:
    assert dict(possible_features(HEADS, MODULES, chosen)).get("ports", ()) == ports


def test_what_a_person_chooses_must_be_there_and_be_possible() -> None:
    chosen = {"ports": ("breakout", "wings"), "nowhere": ("x",)}
    with pytest.raises(InputError) as refused:
        chosen_features(HEADS, MODULES, chosen)
    assert [problem.message for problem in refused.value.problems] == [
        "module nowhere is not among those that are implemented: its features cannot be chosen",
        "feature ports:breakout needs features that are not enabled",
        "module ports has no feature 'wings'",
    ]


def test_features_are_chosen_by_module() -> None:
    assert read_chosen(["a:x", "b:", "a:y"]) == {"a": ("x", "y"), "b": ()}
    for wrong in ("a", ":x", ""):
        with pytest.raises(InputError, match="expected MODULE:FEATURE"):
            read_chosen([wrong])


def test_every_feature_that_can_be_is_in_force(tmp_path: Path) -> None:
    for head, text in zip(HEADS, (PORTS, MORE, BASE), strict=True):
        (tmp_path / head.file_name).write_bytes(text)
    bare = ModelSet.from_directory("mine", tmp_path, ("ports", "base"))
    assert leaves_of(bare) == []
    models = every_feature(bare)
    assert models.features == (("base", ("fixed", "modular")), ("ports", ("fast", "more")))
    assert leaves_of(models) == ["speed", "more"]
    enabled = {module.name: module.features for module in outline_of(models).modules}
    assert (enabled["ports"], enabled["base"]) == (("fast", "more"), ("fixed", "modular"))
    assert leaves_of(bare.with_features((("base", ("modular",)), ("ports", ("breakout", "fast"))))) == [
        "speed",
        "lanes",
    ]


async def test_features_are_tried_with_the_models(tmp_path: Path) -> None:
    (tmp_path / "base.yang").write_bytes(BASE)
    models = ModelSet.from_directory("mine", tmp_path, ("base",))
    assert await load_elsewhere(models.with_features((("base", ("fixed",)),)), within=120) == (("base", ""),)
    with pytest.raises(InputError, match='Feature "wings" not found'):
        await load_elsewhere(models.with_features((("base", ("wings",)),)), within=120)


async def test_nothing_in_the_current_folder_is_run_when_models_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "base.yang").write_bytes(BASE)
    (tmp_path / "orjson.py").write_text("raise SystemExit('this is no orjson')")
    (tmp_path / "fabricd").mkdir()
    (tmp_path / "fabricd" / "__init__.py").write_text("raise SystemExit('this is no fabricd')")
    monkeypatch.chdir(tmp_path)
    await load_elsewhere(ModelSet.from_directory("mine", tmp_path, ("base",)), within=120)


def test_the_models_that_ship_with_fabricd_have_no_features() -> None:
    assert every_feature(ModelSet.managed()) == ModelSet.managed()


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("(" * 70 + "x" + ")" * 70, "nested deeper than 64"),
        ("not " * 100_000 + "x", ""),
        ("x or " * 100_000 + "x", ""),
    ],
)
def test_hostile_conditions_come_to_an_end(condition: str, told: str) -> None:
    text = f'module m {{ namespace urn:m; prefix m; feature x; feature y {{ if-feature "{condition}"; }} }}'
    heads = (read_module_text(text.encode()),)
    if told:
        with pytest.raises(InputError, match=told):
            possible_features(heads, ("m",), {})
    else:
        assert dict(possible_features(heads, ("m",), {})) == {"m": ("x", "y")}


def test_a_chain_of_features_is_followed_so_far_and_no_farther() -> None:
    links = " ".join(f"feature f{n:04} {{ if-feature f{n + 1:04}; }}" for n in range(200))
    heads = (read_module_text(f"module m {{ namespace urn:m; prefix m; {links} feature f0200; }}".encode()),)
    assert len(dict(possible_features(heads, ("m",), {}))["m"]) == 201
    with pytest.raises(InputError, match="chain of more than"):
        possible_features(heads, ("m",), {"m": [f"f{n:04}" for n in range(200)]})


NAMES = ("a", "b", "c")
EXPRESSIONS = st.recursive(
    st.sampled_from(NAMES),
    lambda inner: st.one_of(
        st.builds("not {}".format, inner.map("({})".format)),
        st.builds("{} and {}".format, inner.map("({})".format), inner.map("({})".format)),
        st.builds("({} or {})".format, inner, inner),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS, st.sets(st.sampled_from(NAMES)))
def test_a_condition_means_what_it_says(condition: str, enabled: set[str]) -> None:
    declared = " ".join(f"feature {name};" for name in NAMES)
    text = f'module m {{ namespace urn:m; prefix m; {declared} feature z {{ if-feature "{condition}"; }} }}'
    found = dict(possible_features((read_module_text(text.encode()),), ("m",), {"m": {*enabled, "z"}})).get("m", ())
    # The same words mean the same in Python.
    assert ("z" in found) == eval(condition, {}, {name: name in enabled for name in NAMES})


def itself(schema: Schema) -> Schema:
    return schema


def leaves_of(models: ModelSet) -> list[str]:
    with Schema(models):
        return [node.name for node in outline_of(models).root.children if node.module == "ports"]


async def test_a_worker_keeps_the_contexts_of_a_set_that_replaced_one_of_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "base.yang").write_bytes(BASE)
    (tmp_path / "more.yang").write_text("module more { namespace urn:more; prefix m; import base { prefix b; } }")
    old = ModelSet.from_directory("mine", tmp_path, ("base",))
    new = old.with_features((("base", ("fixed",)),))
    deviating = new.deviating([str(tmp_path / "more.yang")])
    pool = SchemaPool(1)
    try:
        await pool.run(old, itself)
        first = [await pool.run(models, itself) for models in (new, deviating)]
        pool.retire(old)
        for _ in range(2):
            assert [await pool.run(models, itself) for models in (new, deviating)] == first
        back = await pool.run(old, itself)  # it came back: kept like any other
        pool.retire(new)
        assert await pool.run(old, itself) is back
    finally:
        await pool.close()
