"""What is printed cannot steer a terminal, and options may stand where people write them."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from fabricd.cli.connection import hoisted, rejoin_completion
from fabricd.cli.document import document
from fabricd.cli.listing import Listing
from fabricd.cli.show import edit_lines, plan_lines, plan_summary, record_lines
from fabricd.cli.terminal import folded, plain
from fabricd.northbound.v1 import fabricd_pb2 as pb


@given(st.text())
def test_plain_text_has_nothing_that_steers_a_terminal(text: str) -> None:
    shown = plain(text)
    assert shown.isprintable()
    assert plain(shown) == shown


def test_escape_sequences_and_bidirectional_overrides_are_written_out() -> None:
    assert plain("\x1b[31mred\r\n\u202eevil\x9b2J") == r"\x1b[31mred\r\n\u202eevil\x9b2J"


def test_markup_from_a_device_is_only_text() -> None:
    edit = pb.Edit(
        operation=pb.OPERATION_REPLACE, path="/a[name='[red]x[/red]']", old_json='"[link=x]a"', new_json='"b"'
    )
    assert [line.plain for line in edit_lines(edit)] == ['  ~ /a[name=\'[red]x[/red]\']  "[link=x]a" -> "b"']


def test_a_plan_reads_like_a_diff() -> None:
    plan = pb.DevicePlan(
        device="leaf1",
        disruption="link-bounce",
        edits=[
            pb.Edit(
                operation=pb.OPERATION_REPLACE,
                path="/i/mtu",
                old_json="1500",
                new_json="9000",
                disruption="link-bounce",
            ),
            pb.Edit(operation=pb.OPERATION_CREATE, path="/v[id='7']", new_json='{"id":7}', disruption="hitless"),
            pb.Edit(operation=pb.OPERATION_DELETE, path="/x", old_json='"old"', disruption="hitless"),
            pb.Edit(operation=pb.OPERATION_MOVE, path="/l[n='a']", after="[n='b']", disruption="hitless"),
        ],
    )
    assert [line.plain for line in plan_lines(plan)] == [
        "leaf1  4 edits, link-bounce",
        "  ~ /i/mtu  1500 -> 9000  [link-bounce]",
        "  + /v[id='7']",
        "    + {",
        '    +   "id": 7',
        "    + }",
        '  - /x  "old"',
        "  > /l[n='a']  (after [n='b'])",
    ]
    dead = pb.DevicePlan(device="leaf2", error="no route", error_code="DEVICE_UNREACHABLE")
    assert [line.plain for line in plan_lines(dead)] == ["leaf2  cannot be read: no route"]
    assert plan_summary([plan, dead]).plain == (
        "Plan: 4 edits on 1 device: 1 to create, 1 to change, 1 to delete, 1 to move; "
        "worst disruption link-bounce; 1 device cannot be read."
    )
    assert plan_summary([]).plain == "Plan: no changes."


def test_a_record_is_one_line_and_one_for_each_edit() -> None:
    record = pb.JournalRecord(
        sequence=12,
        event="reconcile",
        device="leaf1",
        revision=3,
        trigger="change",
        outcome="applied",
        durations={"total": 0.314},
        edits=[pb.Edit(operation=pb.OPERATION_DELETE, path="/x", old_json="1")],
    )
    record.time.FromJsonString("2026-11-23T10:00:00.5Z")
    lines = [line.plain for line in record_lines(record)]
    assert lines[0].split() == [
        "12", "2026-11-23T10:00:00.500Z", "reconcile", "leaf1", "r3", "change", "applied", "1", "edit", "0.31s"
    ]  # fmt: skip
    assert lines[1:] == []  # its edits stood in the record before
    record.event = "apply"
    assert [line.plain.strip() for line in record_lines(record)][1:] == ["- /x  1"]
    record.edits[0].old_json = '"' + "x" * 500 + '"'
    assert len(list(record_lines(record))[1].plain) < 120


def test_documents_have_every_field_with_numbers_times_and_values_as_such() -> None:
    status = pb.DeviceStatus(device="leaf1", revision=2**40)
    status.checked.FromJsonString("2026-11-23T10:00:00Z")
    found = document(status)
    assert set(found) == {field.name for field in pb.DeviceStatus.DESCRIPTOR.fields}
    assert (found["revision"], found["checked"], found["changed"], found["in_sync"]) == (
        2**40, "2026-11-23T10:00:00Z", None, False
    )  # fmt: skip
    edit = pb.Edit(operation=pb.OPERATION_CREATE, path="/a", new_json='{"b":1}')
    assert document(edit) == {"operation": "create", "path": "/a", "old": None, "new": {"b": 1}, "disruption": ""}
    assert json.dumps(document(pb.JournalRecord(durations={"total": 0.5}, edits=[edit])))
    assert document(pb.GetDesiredResponse(config_json='{"a":[1]}'))["config"] == {"a": [1]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["status", "--color", "always"], ["--color", "always", "status"]),
        (["log", "-f", "--address=unix:/x", "--json"], ["--address=unix:/x", "log", "-f", "--json"]),
        (["--ca", "a", "plan", "--key", "k", "leaf1"], ["--ca", "a", "--key", "k", "plan", "leaf1"]),
        (["submit", "--", "--color"], ["submit", "--", "--color"]),
        (["status", "--color"], ["--color", "status"]),
        (["plan", "--insecure"], ["--insecure", "plan"]),
    ],
)
def test_connection_options_may_stand_after_the_command(given: list[str], expected: list[str]) -> None:
    assert hoisted(given) == expected


@given(st.lists(st.text("ab/[='", min_size=1, max_size=30), min_size=1, max_size=12), st.integers(20, 60))
@example(["=", "=", "=" * 15], 20)  # two signs before a word that no line has room for
def test_folding_breaks_between_words_only_and_loses_none(words: list[str], width: int) -> None:
    lines = [line.plain.rstrip() for line in folded(Text("  " + " ".join(words)), width)]
    assert " ".join(" ".join(lines).split()) == " ".join(words)
    assert all(line.startswith("  ") for line in lines)
    for line in lines:
        last = line.split()[-1]
        before, indent = line.removesuffix(last).rstrip(), 6
        # Too long is only what would be so on a line of its own as well, and stands there behind no more than signs.
        assert len(line) <= width or (indent + len(last) > width and len(before) < indent), line


def test_a_folded_line_hangs_and_a_long_path_stays_with_its_sign() -> None:
    path = "/openconfig-interfaces:interfaces/interface"
    assert [line.plain for line in folded(Text(f"  ~ {path}  1500 -> 9214"), 40)] == [
        f"  ~ {path}", "      1500 -> 9214"
    ]  # fmt: skip
    assert [line.plain for line in folded(Text("error: a b c"), 9)] == ["error: a", "    b c"]


@pytest.mark.parametrize(
    ("words", "current", "joined", "place"),
    [
        ("fabricctl --address unix : /x st", 5, "fabricctl --address unix:/x st", 3),
        ("fabricctl --address host : 9640 plan le", 6, "fabricctl --address host:9640 plan le", 4),
        ("fabricctl --address unix :", 3, "fabricctl --address unix:", 2),
        ("fabricctl plan le", 2, "fabricctl plan le", 2),
    ],
)
def test_an_address_that_bash_took_apart_is_one_word_again(words: str, current: int, joined: str, place: int) -> None:
    environment = {"COMP_WORDS": words.replace(" ", "\n"), "COMP_CWORD": str(current)}
    rejoin_completion(environment)
    assert environment == {"COMP_WORDS": joined.replace(" ", "\n"), "COMP_CWORD": str(place)}


WORDS = st.lists(st.text("ab1:-", min_size=1, max_size=12), min_size=1, max_size=3).map(" ".join)


@settings(max_examples=30)
@given(st.integers(1, 120), st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), max_size=3))
def test_no_terminal_is_too_narrow_for_a_name_in_a_table(width: int, rows: list[tuple[str, ...]]) -> None:
    table = Listing("DEVICE", "ADDRESS", "COMMENT", "BY", folds=("COMMENT", "BY"))
    for row in rows:
        table.add_row(*row)
    console = Console(
        width=width, color_system=None, file=io.StringIO(), force_terminal=True, emoji=False, markup=False
    )
    console.print(table, crop=False)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(column in shown for column in ("DEVICE", "ADDRESS", "COMMENT", "BY"))
    assert all(name in shown for row in rows for name in row[:2])
    assert all(word in shown for row in rows for text in row[2:] for word in text.split())


def test_a_table_that_is_redrawn_in_place_keeps_the_beginning_of_its_lines() -> None:
    table = Listing("DEVICE", "STATE", "CHECKED")
    table.add_row("leaf1", "in sync", "2 s ago")
    console = Console(width=16, color_system=None, file=io.StringIO(), force_terminal=True)
    lines = console.render_lines(table, console.options, pad=False)
    assert ["".join(part.text for part in line) for line in lines] == ["DEVICE  STATE   ", "leaf1   in sync "]
