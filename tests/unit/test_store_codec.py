"""Every value survives being stored: property tests of the codec."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd.errors import StoreError
from fabricd.model.edit import Edit, Operation
from fabricd.model.intent import Scope
from fabricd.model.outcome import DeviceStatus, Event, JournalRecord, OutcomeKind, Trigger
from fabricd.model.path import Path, Segment
from fabricd.model.plan import Disruption, PlannedEdit
from fabricd.store import codec

texts = st.text(max_size=12)
segments = st.builds(Segment, texts, texts, st.lists(st.tuples(texts, texts), max_size=3).map(tuple), st.none() | texts)
paths = st.lists(segments, max_size=5).map(lambda found: Path(tuple(found)))
many_paths = st.lists(paths, max_size=3).map(tuple)
scopes = st.builds(Scope, many_paths, many_paths, many_paths, many_paths)
edits = st.builds(
    PlannedEdit,
    st.builds(Edit, st.sampled_from(Operation), paths, st.none() | texts, st.none() | texts, st.none() | texts),
    st.sampled_from(Disruption),
)
moments = st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1))
numbers = st.integers(0, 2**53)
records = st.builds(
    JournalRecord,
    time=moments,
    event=st.sampled_from(Event),
    decision=texts,
    device=texts,
    revision=numbers,
    trigger=st.none() | st.sampled_from(Trigger),
    outcome=st.none() | st.sampled_from(OutcomeKind),
    edits=st.lists(edits, max_size=3).map(tuple),
    durations=st.lists(st.tuples(texts, st.floats(0, 1e6)), max_size=3).map(tuple),
    error_code=texts,
    error_path=texts,
    message=texts,
    author=texts,
    sequence=st.just(0),
)
statuses = st.builds(
    DeviceStatus,
    texts,
    st.none() | st.sampled_from(OutcomeKind),
    numbers,
    texts,
    texts,
    st.none() | moments,
    st.none() | moments,
    numbers,
    numbers,
    texts,
    texts,
    st.lists(texts, max_size=3).map(tuple),
)


@given(paths)
def test_a_path_survives_whatever_its_names_and_values_hold(path: Path) -> None:
    stored = codec.from_json(codec.to_json(codec.path_to_json(path)), "a path")
    assert codec.path_from_json(stored) == path


@given(scopes)
def test_a_scope_survives(scope: Scope) -> None:
    assert codec.scope_from_json(codec.scope_to_json(scope)) == scope


@given(edits)
def test_an_edit_survives(planned: PlannedEdit) -> None:
    assert codec.edit_from_json(codec.from_json(codec.to_json(codec.edit_to_json(planned)), "an edit")) == planned


@given(records, st.integers(1, 2**40))
def test_a_journal_record_survives_and_has_the_number_it_is_stored_under(record: JournalRecord, sequence: int) -> None:
    assert codec.record_from_bytes(sequence, codec.record_to_bytes(record)) == dataclasses.replace(
        record, sequence=sequence
    )


@given(statuses)
def test_a_device_status_survives(status: DeviceStatus) -> None:
    assert codec.status_from_bytes(status.device, codec.status_to_bytes(status)) == status


@given(st.binary(max_size=4000))
def test_content_survives_packing(content: bytes) -> None:
    packed = codec.pack(content)
    assert codec.unpack_blob(codec.address(content), len(content), packed, "it") == content


@given(st.binary(min_size=20, max_size=400), st.data())
def test_one_wrong_byte_in_a_frame_is_noticed(content: bytes, data: st.DataObject) -> None:
    packed = bytearray(codec.pack(content))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    try:
        found = codec.unpack_blob(codec.address(content), len(content), bytes(packed), "it")
    except StoreError:
        return
    # Some bits of a zstd header carry no meaning.
    assert found == content


def test_content_under_a_wrong_digest_is_refused() -> None:
    with pytest.raises(StoreError, match="it in the store is damaged"):
        codec.unpack_blob(codec.address(b"one"), 3, codec.pack(b"two"), "it")


def test_an_impossible_size_is_refused_before_memory_is_taken() -> None:
    frame = bytes.fromhex("28b52ffde0") + (1 << 50).to_bytes(8, "little")
    with pytest.raises(StoreError, match="impossible size"):
        codec.unpack(frame, "it")


def test_text_that_is_no_unicode_is_kept_in_escapes() -> None:
    record = JournalRecord(datetime(2026, 1, 1, tzinfo=UTC), Event.NOTE, message="bad \udcff byte")
    assert codec.record_from_bytes(1, codec.record_to_bytes(record)).message == "bad \\udcff byte"


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"time": 3}', b"nonsense"])
def test_a_record_of_another_shape_is_called_damaged(body: bytes) -> None:
    with pytest.raises(StoreError, match="journal record 7 in the store is damaged"):
        codec.record_from_bytes(7, codec.pack(body))
