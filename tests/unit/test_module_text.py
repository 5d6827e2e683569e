"""The head of a YANG module, read without libyang: what it needs, and where text that is no YANG breaks off."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd.errors import InputError
from fabricd.schema.module_text import ModuleText, Needed, read_module_text

MANAGED = Path(__file__).resolve().parents[2] / "yang" / "openconfig"

MODULE = b"""
// a comment with } and "
module a {
  yang-version 1.1;
  namespace "urn:" + 'test' +
    ":a";
  /* import gone { prefix g; } */
  prefix a;
  import b { prefix b; revision-date 2020-02-02; }
  import c { prefix "c"; }
  include a-part;
  revision 2024-05-06 { description "newest; with { signs"; }
  revision "2019-01-01";
  container x { leaf import { type string; } description 'import z { prefix z; }'; }
}
"""


def test_a_module_says_what_it_needs() -> None:
    assert read_module_text(MODULE) == ModuleText(
        name="a",
        revision="2024-05-06",
        namespace="urn:test:a",
        imports=(Needed("b", "2020-02-02"), Needed("c")),
        includes=(Needed("a-part"),),
    )


def test_a_module_that_changes_others_says_so() -> None:
    assert read_module_text(b"module a { deviation /x:y { deviate not-supported; } }").deviates
    assert not read_module_text(MODULE).deviates


def test_a_submodule_names_its_module() -> None:
    found = read_module_text(b"submodule a-part { belongs-to a { prefix a; } }")
    assert (found.name, found.belongs_to, found.file_name) == ("a-part", "a", "a-part.yang")


@pytest.mark.parametrize("file", sorted(MANAGED.glob("*.yang")), ids=lambda file: file.stem)
def test_shipped_modules_are_named_after_their_files(file: Path) -> None:
    assert read_module_text(file.read_bytes()).name == file.stem


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (b"", 1, "neither"),
        (b"container x;", 1, "neither"),
        (b"\n\nmodule ../a { }", 3, "no name"),
        (b"module a { }\nmodule b { }", 2, "something follows"),
        (b'module a {\n leaf "x }', 2, "not closed"),
        (b"module a {\n /* ", 2, "not closed"),
        (b"module a {\n", 2, "ends in the middle"),
        (b"module a }", 1, "none belongs"),
        (b"module a { ; }", 1, "no keyword"),
        (b"module a { leaf b c; }", 1, "missing before 'c'"),
        (b"module a { import ../b { prefix b; } }", 1, "no name"),
        (b"module a { revision yesterday; }", 1, "no date"),
        (b"submodule a { }", 1, "belongs to"),
        (b"module a {" + b"x {" * 100, 1, "deeper"),
        (b"module a {\n\xc3\x28 }", 2, "not UTF-8"),
        (b"module a {\n\0 }", 2, "NUL"),
    ],
)
def test_text_that_is_no_module_is_refused_with_its_line(text: bytes, line: int, told: str) -> None:
    with pytest.raises(InputError, match=told) as refused:
        read_module_text(text, source="x.yang")
    (problem,) = refused.value.problems
    assert (problem.path, problem.line) == ("x.yang", line)


@given(st.binary(max_size=300) | st.text(alphabet="module a{};\"'/*+\n leafx", max_size=300).map(str.encode))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    with contextlib.suppress(InputError):
        assert read_module_text(text).name
