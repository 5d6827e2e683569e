"""config/fabricd.toml, which people read and copy, names every setting and says its default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fabricd.settings import Settings, load_settings, settings_reference

FILE = Path(__file__).resolve().parents[2] / "config" / "fabricd.toml"
REFERENCE = {key: default for key, default, _ in settings_reference()}


def flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted key; a table that is itself a setting (roles by name) is one value."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        dotted = prefix + key
        found |= flat(value, f"{dotted}.") if isinstance(value, dict) and dotted not in REFERENCE else {dotted: value}
    return found


def examples_included() -> str:
    """The file with the settings that are commented out as if they were not."""
    return re.sub(r'^# (?=\[|[\w".-]+ = )', "", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_every_setting_is_in_the_file_and_nothing_else() -> None:
    assert set(flat(tomllib.loads(examples_included()))) == set(REFERENCE)


@pytest.mark.parametrize(("key", "default"), REFERENCE.items(), ids=list(REFERENCE))
def test_the_file_says_the_default(key: str, default: object) -> None:
    written = flat(tomllib.loads(FILE.read_text(encoding="utf-8")))
    if default is None or default == {}:
        assert key not in written  # there is nothing to write; an example stands in a comment
        return
    said = written[key]
    assert (tuple(said) if isinstance(default, tuple) else type(default)(said)) == default


def test_every_setting_says_what_it_is() -> None:
    assert all(len(description) > len("See x.") for _, _, description in settings_reference())


def test_the_file_is_accepted_as_it_stands_and_with_its_examples(tmp_path: Path) -> None:
    assert load_settings(FILE).reconcile == Settings().reconcile
    full = tmp_path / "fabricd.toml"
    full.write_text(examples_included(), encoding="utf-8")
    assert load_settings(full).northbound.roles["ci.example.net"] == "operator"
