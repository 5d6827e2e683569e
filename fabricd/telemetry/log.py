"""The log of the daemon: JSON lines, text for people, or native journald fields.

Set up once by the daemon and the CLI; written to by every room through the standard logging module.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, TextIO

from fabricd.errors import InputError
from fabricd.model.outcome import Event, JournalRecord, OutcomeKind
from fabricd.telemetry.journald import JournaldHandler, stream_is_journal
from fabricd.telemetry.records import journal_json, json_line, printable, sentence, timestamp

JOURNAL_LOGGER = "fabricd.journal"

Conceal = Callable[[str], str]
"""Takes secrets out of a text."""

# How a journal record travels inside a logging record.
_JOURNAL = "journal_record"

_OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", _JOURNAL}


def setup_logging(
    level: str = "info",
    format: Literal["auto", "json", "text"] = "auto",  # noqa: A002  the word of the setting
    journald: bool | None = None,
    *,
    stream: TextIO | None = None,
    environment: Mapping[str, str] = os.environ,
    conceal: Conceal = str,
) -> logging.Handler:
    """Makes the root logger write to `stream` (standard error), in place of what it wrote to before.

    Every message, exception and further text goes through `conceal`, from any thread: libraries quote what they are
    told, and devices what they are sent.

    `level` is debug, info, warning or error. `format` auto: native journald fields when `stream` is systemd's
    journal, otherwise json. `journald` true or false decides that whatever the stream is. Returns the handler. Raises
    InputError for an unknown level or format.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None or number == logging.NOTSET:
        raise InputError(f"no such log level: {level!r}")
    if format not in _FORMATTERS:
        raise InputError(f"no such log format: {format!r}")
    stream = stream or sys.stderr
    native = format == "auto" and stream_is_journal(stream, environment) if journald is None else journald
    fields = partial(journal_fields, conceal=conceal)
    handler: logging.Handler = JournaldHandler(fields) if native else logging.StreamHandler(stream)
    if not native:
        handler.setFormatter(_FORMATTERS[format](conceal))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(number)
    # Libraries that tell at INFO what only their own authors want to know.
    for name in ("alembic", "apscheduler", "asyncssh", "ncclient", "aiosqlite", "sqlalchemy"):
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    return handler


class DeviceLogger(logging.LoggerAdapter[logging.Logger]):
    """Adds device, revision and decision to every record, besides what a call gives as `extra`."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def device_logger(
    device: str, revision: int = 0, decision: str = "", *, name: str = "fabricd.reconcile"
) -> DeviceLogger:
    """A logger for one reconcile of one device."""
    return DeviceLogger(logging.getLogger(name), {"device": device, "revision": revision, "decision": decision})


def log_journal(record: JournalRecord) -> None:
    """Writes a journal record to the log, as the JSON object that the stream and the store have."""
    logging.getLogger(JOURNAL_LOGGER).log(_level(record), "%s", _Lazy(record), extra={_JOURNAL: record})


class _Lazy:
    """A sentence that is only made when a handler asks for it."""

    __slots__ = ("record",)

    def __init__(self, record: JournalRecord) -> None:
        self.record = record

    def __str__(self) -> str:
        return sentence(self.record)


def _level(record: JournalRecord) -> int:
    if record.outcome is OutcomeKind.FAILED:
        return logging.ERROR
    if record.error_code or record.outcome in _WORRYING or record.event is Event.DRIFT:
        return logging.WARNING
    return logging.INFO


_WORRYING = frozenset({OutcomeKind.UNREACHABLE, OutcomeKind.HELD, OutcomeKind.UNSTABLE, OutcomeKind.DRIFTED})


class _Formatter(logging.Formatter):
    def __init__(self, conceal: Conceal = str) -> None:
        super().__init__()
        self._conceal = conceal


class JsonFormatter(_Formatter):
    """One JSON object a line: time, level, logger, message, and all that was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        journal = getattr(record, _JOURNAL, None)
        if isinstance(journal, JournalRecord):
            return json_line({"level": record.levelname.lower(), "logger": record.name, **journal_json(journal)})
        found: dict[str, object] = {
            "time": timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._conceal(record.getMessage()),
        }
        found.update((name, value) for name, value in _extra(record, self._conceal).items() if name not in found)
        if exception := _exception(record, self._conceal):
            found["exception"] = exception
        return json_line(found)


class TextFormatter(_Formatter):
    """For people: `time LEVEL logger: message [device=leaf1 ...]`, a traceback indented below it."""

    def format(self, record: logging.LogRecord) -> str:
        time = timestamp(datetime.fromtimestamp(record.created, UTC))
        line = f"{time} {record.levelname:<7} {record.name}: {printable(self._conceal(record.getMessage()))}"
        told = _extra(record, self._conceal).items()
        extra = [f"{name}={printable(str(value))}" for name, value in told if value not in ("", 0)]
        if extra:
            line += f" [{' '.join(extra)}]"
        # Indented, so that no text of a device in it can pass for a line of the log.
        lines = _exception(record, self._conceal).splitlines()
        return line + "".join(f"\n    {printable(one)}" for one in lines)


_FORMATTERS: dict[str, type[_Formatter]] = {"auto": JsonFormatter, "json": JsonFormatter, "text": TextFormatter}


def _extra(record: logging.LogRecord, conceal: Conceal) -> dict[str, object]:
    """What a call gave besides; the names that say what it is about are ours, not what somebody said."""
    return {
        name: conceal(value) if isinstance(value, str) and name not in _RECORD_FIELDS else value
        for name, value in vars(record).items()
        if name not in _OWN_ATTRIBUTES
    }


def _exception(record: logging.LogRecord, conceal: Conceal) -> str:
    return conceal("".join(traceback.format_exception(*record.exc_info))) if record.exc_info else ""


def journal_fields(record: logging.LogRecord, conceal: Conceal = str) -> dict[str, str]:
    """The journald fields of a record (systemd.journal-fields(7)); fabricd's own begin with FABRICD_."""
    fields = {
        "MESSAGE": conceal(record.getMessage()),
        "PRIORITY": str(_PRIORITIES.get(record.levelno, 6)),
        "SYSLOG_IDENTIFIER": "fabricd",
        "LOGGER": record.name,
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": record.funcName or "",
    }
    journal = getattr(record, _JOURNAL, None)
    if isinstance(journal, JournalRecord):
        found = journal_json(journal)
        fields["FABRICD_RECORD"] = json_line(found)
        about = {name: found[name] for name in _RECORD_FIELDS}
        about |= {f"seconds_{phase}": f"{seconds:.6f}" for phase, seconds in journal.durations}
    else:
        about = _extra(record, conceal)
    for name, value in about.items():
        if value not in (None, "", 0) or name == "sequence":
            fields[f"FABRICD_{name.upper()}"] = str(value)
    if exception := _exception(record, conceal):
        fields["EXCEPTION"] = exception
    return fields


_RECORD_FIELDS = (
    "sequence",
    "event",
    "decision",
    "device",
    "revision",
    "trigger",
    "outcome",
    "error_code",
    "error_path",
    "author",
)
_PRIORITIES = {
    logging.CRITICAL: 2,
    logging.ERROR: 3,
    logging.WARNING: 4,
    logging.INFO: 6,
    logging.DEBUG: 7,
}
