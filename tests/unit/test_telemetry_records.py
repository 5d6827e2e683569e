"""The JSON object and the sentence of a journal record."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd.model.edit import Edit, Operation
from fabricd.model.outcome import Event, JournalRecord, OutcomeKind, Trigger
from fabricd.model.path import Path
from fabricd.model.plan import Disruption, PlannedEdit
from fabricd.telemetry.records import journal_json, json_line, printable, sentence

PATH = Path.parse("/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config/mtu")
RECORD = JournalRecord(
    time=datetime(2026, 5, 4, 12, 0, 0, 5, tzinfo=UTC),
    event=Event.RECONCILE,
    decision="d-1",
    device="leaf1",
    revision=3,
    trigger=Trigger.CHANGE,
    outcome=OutcomeKind.APPLIED,
    edits=(PlannedEdit(Edit(Operation.REPLACE, PATH, "1500", "9000"), Disruption.LINK_BOUNCE),),
    durations=(("fetch", 0.25), ("total", 0.5)),
    sequence=7,
)


def test_a_record_is_one_object_with_all_that_was_decided() -> None:
    assert journal_json(RECORD) == {
        "sequence": 7,
        "time": "2026-05-04T12:00:00.000005Z",
        "event": "reconcile",
        "decision": "d-1",
        "device": "leaf1",
        "revision": 3,
        "trigger": "change",
        "outcome": "applied",
        "edits": [
            {
                "operation": "replace",
                "path": "/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config/mtu",
                "old": 1500,
                "new": 9000,
                "disruption": "link-bounce",
            }
        ],
        "durations": {"fetch": 0.25, "total": 0.5},
        "error_code": "",
        "error_path": "",
        "message": "",
        "author": "",
    }


def test_a_record_of_nothing_has_the_same_keys() -> None:
    empty = journal_json(JournalRecord(RECORD.time, Event.NOTE))
    assert empty.keys() == journal_json(RECORD).keys()
    assert (empty["trigger"], empty["outcome"]) == (None, None)


def test_a_value_that_is_no_json_is_shown_as_the_text_it_is() -> None:
    edit = PlannedEdit(Edit(Operation.REPLACE, PATH, "not json", None, after=""), Disruption.UNKNOWN)
    [shown] = journal_json(JournalRecord(RECORD.time, Event.DRIFT, edits=(edit,)))["edits"]
    assert (shown["old"], shown["new"], shown["after"]) == ("not json", None, "")


def test_a_sentence_says_it_to_people() -> None:
    assert sentence(RECORD) == "leaf1: written and verified (change, revision 3, 1 edit, 0.500 s)"
    failed = JournalRecord(
        RECORD.time,
        Event.RECONCILE,
        device="leaf1",
        outcome=OutcomeKind.FAILED,
        error_code="DEVICE_REFUSED",
        error_path="/a:b",
        message="no\nway \x1b[31m",
    )
    assert sentence(failed) == "leaf1: failed: DEVICE_REFUSED /a:b: no\\nway \\x1b[31m"


@pytest.mark.parametrize("event", list(Event))
@pytest.mark.parametrize("outcome", [None, *OutcomeKind])
def test_every_kind_of_record_has_a_sentence(event: Event, outcome: OutcomeKind | None) -> None:
    assert sentence(JournalRecord(RECORD.time, event, outcome=outcome))


hostile = st.text(st.characters(), max_size=40) | st.sampled_from(
    ["\n", "\r\n", "\x1b[2J", "\x9b31m", "\u2028", "\u202e", "\x00", "\ud800", '"}\n{"forged": 1}']
)


@given(hostile)
def test_no_text_breaks_a_line_or_reaches_a_terminal_as_a_command(text: str) -> None:
    line = json_line({"message": text, "list": [text, {"deep": text}]})
    for shown in (line, printable(text)):
        assert len(shown.splitlines()) <= 1
        assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in shown)
    found = json.loads(line)["message"]
    assert found == text.encode("utf-8", "backslashreplace").decode()


def test_numbers_and_objects_beyond_json_do_not_lose_the_line() -> None:
    found = json.loads(json_line({"huge": 10**30, "odd": Path(), "bad \ud800": [True, None, 1.5]}))
    assert found["huge"] == str(10**30)
    assert found["odd"] == "/"
    assert [True, None, 1.5] in found.values()
