"""The log in its three forms, against a real stream and a real journald socket."""

from __future__ import annotations

import io
import json
import logging
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from fabricd.errors import InputError
from fabricd.model.outcome import Event, JournalRecord, OutcomeKind
from fabricd.reconcile.known_secrets import KnownSecrets
from fabricd.telemetry import device_logger, journal_json, log_journal, setup_logging
from fabricd.telemetry.journald import JournaldHandler, encode, stream_is_journal
from fabricd.telemetry.log import journal_fields

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
HOSTILE = 'bad\nPRIORITY=0\n{"forged": 1} \x1b[31m'
RECORD = JournalRecord(
    NOW,
    Event.RECONCILE,
    "d-1",
    "leaf1",
    3,
    outcome=OutcomeKind.FAILED,
    durations=(("fetch", 0.5),),
    error_code="DEVICE_REFUSED",
    message=HOSTILE,
    sequence=9,
)


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    root.handlers[:] = []
    yield
    root.handlers[:] = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_record_is_one_json_object_a_line() -> None:
    stream = io.StringIO()
    setup_logging("info", "json", stream=stream)
    device_logger("leaf1", 3, "d-1").info("fetched %d bytes", 17, extra={"seconds": 0.25})
    logging.getLogger("fabricd.x").debug("not asked for")
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logging.getLogger("fabricd.x").exception(HOSTILE)
    first, second = lines(stream)
    assert first.pop("time")
    assert first == {
        "level": "info",
        "logger": "fabricd.reconcile",
        "message": "fetched 17 bytes",
        "device": "leaf1",
        "revision": 3,
        "decision": "d-1",
        "seconds": 0.25,
    }
    assert second["message"] == HOSTILE
    assert str(second["exception"]).startswith("Traceback")


@pytest.mark.parametrize("form", ["json", "text", "journald"])
def test_secrets_are_taken_out_of_messages_exceptions_and_what_is_given_besides(
    form: str, journald: socket.socket
) -> None:
    known, stream, word = KnownSecrets(), io.StringIO(), "hunter2"
    known.learn("leaf1", [word])
    if form == "journald":
        logging.getLogger().addHandler(
            JournaldHandler(partial(journal_fields, conceal=known.conceal), journald.getsockname())
        )
    else:
        setup_logging("info", form, stream=stream, conceal=known.conceal)  # type: ignore[arg-type]
    try:
        raise ValueError(word)
    except ValueError:
        about = {"device": word, "said": word}
        logging.getLogger("fabricd").exception("bad %s", {"password": word}, extra=about)
    told = journald.recv(1 << 20).decode(errors="replace") if form == "journald" else stream.getvalue()
    assert told.count(word) == 1  # the name of the device
    assert told.count("(secret)") == 3


def test_a_journal_record_is_logged_as_the_object_that_is_stored() -> None:
    stream = io.StringIO()
    setup_logging("info", "json", stream=stream)
    log_journal(RECORD)
    [line] = lines(stream)
    assert line == {"level": "error", "logger": "fabricd.journal", **journal_json(RECORD)}


def test_extra_fields_cannot_pass_for_those_of_the_log() -> None:
    stream = io.StringIO()
    setup_logging("info", "json", stream=stream)
    logging.getLogger("fabricd").info("true", extra={"level": "debug", "time": "never", "logger": "x"})
    [line] = lines(stream)
    assert (line["level"], line["logger"], line["message"]) == ("info", "fabricd", "true")


def test_text_for_people_keeps_hostile_words_on_their_line() -> None:
    stream = io.StringIO()
    setup_logging("debug", "text", stream=stream)
    device_logger("leaf1", 3).warning("it said %s", HOSTILE)
    log_journal(RECORD)
    try:
        raise ValueError("one\n2026-05-04T12:00:00Z INFO forged: line")
    except ValueError:
        logging.getLogger("fabricd").exception("oops")
    shown = stream.getvalue().splitlines()
    assert "\x1b" not in stream.getvalue()
    assert shown[0].endswith(
        'WARNING fabricd.reconcile: it said bad\\nPRIORITY=0\\n{"forged": 1} \\x1b[31m [device=leaf1 revision=3]'
    )
    assert "ERROR   fabricd.journal: leaf1: failed" in shown[1]
    assert all(line.startswith("    ") for line in shown[3:])
    assert len(shown) > 4


@pytest.mark.parametrize(("level", "form"), [("loud", "json"), ("notset", "json"), ("info", "xml")])
def test_a_level_or_format_that_does_not_exist_is_refused(level: str, form: str) -> None:
    with pytest.raises(InputError):
        setup_logging(level, form)  # type: ignore[arg-type]


def test_setting_up_again_replaces_what_was_there() -> None:
    old, new = io.StringIO(), io.StringIO()
    setup_logging("info", "json", stream=old)
    setup_logging("warning", "text", stream=new)
    logging.getLogger("fabricd").info("no")
    logging.getLogger("fabricd").warning("yes")
    assert old.getvalue() == ""
    assert "yes" in new.getvalue()
    assert len(new.getvalue().splitlines()) == 1


def read_entry(data: bytes) -> dict[str, bytes]:
    """An entry as journald reads it (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""
    fields: dict[str, bytes] = {}
    while data:
        line, _, rest = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            [size] = struct.unpack_from("<Q", rest)
            value, rest = rest[8 : 8 + size], rest[8 + size :]
            assert rest[:1] == b"\n"
            rest = rest[1:]
        assert name.decode() not in fields
        fields[name.decode()], data = value, rest
    return fields


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        server.settimeout(10)
        yield server


@pytest.fixture
def handler(journald: socket.socket) -> Iterator[JournaldHandler]:
    made = JournaldHandler(journal_fields, journald.getsockname())
    logging.getLogger().addHandler(made)
    logging.getLogger().setLevel(logging.INFO)
    yield made
    made.close()


@pytest.mark.usefixtures("handler")
def test_journald_gets_fields_to_search_by(journald: socket.socket) -> None:
    log_journal(RECORD)
    fields = read_entry(journald.recv(1 << 20))
    assert fields["PRIORITY"] == b"3"
    assert fields["SYSLOG_IDENTIFIER"] == b"fabricd"
    assert fields["MESSAGE"].startswith(b"leaf1: failed")
    assert b"\n" not in fields["MESSAGE"]
    assert {
        name: value for name, value in fields.items() if name.startswith("FABRICD_") and name != "FABRICD_RECORD"
    } == {
        "FABRICD_SEQUENCE": b"9",
        "FABRICD_EVENT": b"reconcile",
        "FABRICD_DECISION": b"d-1",
        "FABRICD_DEVICE": b"leaf1",
        "FABRICD_REVISION": b"3",
        "FABRICD_OUTCOME": b"failed",
        "FABRICD_ERROR_CODE": b"DEVICE_REFUSED",
        "FABRICD_SECONDS_FETCH": b"0.500000",
    }
    assert json.loads(fields["FABRICD_RECORD"]) == journal_json(RECORD)


@pytest.mark.usefixtures("handler")
def test_what_a_device_said_cannot_become_a_field(journald: socket.socket) -> None:
    device_logger("leaf1\nPRIORITY=0", 3, "d-1").info(HOSTILE, extra={"odd name=": "x", "__cursor": "y"})
    fields = read_entry(journald.recv(1 << 20))
    assert fields["MESSAGE"] == HOSTILE.encode()
    assert fields["FABRICD_DEVICE"] == b"leaf1\nPRIORITY=0"
    assert fields["PRIORITY"] == b"6"
    assert fields["FABRICD_ODD_NAME_"] == b"x"


@pytest.mark.usefixtures("handler")
def test_an_entry_too_large_for_a_datagram_goes_as_a_sealed_file(journald: socket.socket) -> None:
    logging.getLogger("fabricd").info("x" * 3_000_000)
    data, descriptors, _, _ = socket.recv_fds(journald, 1024, 1)
    assert data == b""
    with os.fdopen(descriptors[0], "rb") as file:
        # journald maps it from the start, wherever the writer stopped.
        file.seek(0)
        assert read_entry(file.read())["MESSAGE"] == b"x" * 3_000_000
        with pytest.raises(PermissionError):
            os.write(descriptors[0], b"y")


def test_a_journald_that_is_gone_stops_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = JournaldHandler(journal_fields, str(tmp_path / "nobody"))
    handler.handle(logging.makeLogRecord({"msg": "x"}))
    handler.close()
    assert "Logging error" in capsys.readouterr().err


def test_names_are_brought_to_what_journald_takes() -> None:
    assert read_entry(encode({"_trusted": "a", "9lives": "b", "ok é": "c", "__": "d"})) == {
        "TRUSTED": b"a",
        "LIVES": b"b",
        "OK__": b"c",
    }


def test_native_fields_are_chosen_when_standard_error_is_the_journal() -> None:
    """The stream named by JOURNAL_STREAM is a socket that this process made in place of systemd's."""
    program = """
import os, socket, sys
from fabricd.telemetry import setup_logging
ours, theirs = socket.socketpair()
os.dup2(theirs.fileno(), 2)
found = os.fstat(2)
for value in (f"{found.st_dev}:{found.st_ino}", f"{found.st_dev}:{found.st_ino + 1}", "", "nonsense"):
    print(type(setup_logging(environment={"JOURNAL_STREAM": value})).__name__)
print(type(setup_logging(format="json", environment={"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})).__name__)
print(type(setup_logging(format="text", journald=True)).__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["JournaldHandler", *["StreamHandler"] * 4, "JournaldHandler"], done.stderr


def test_a_stream_without_a_file_is_not_the_journal() -> None:
    assert not stream_is_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})
