"""What the store contract is tried with.

It runs on SQLite always, and on PostgreSQL when FABRICD_TEST_POSTGRESQL names a server (postgresql://user@host/database)
on which databases may be made; psycopg has to be installed then.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from fabricd.model.outcome import Event, JournalRecord

POSTGRESQL = os.environ.get("FABRICD_TEST_POSTGRESQL", "")
NOON = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)


def note(message: str = "", device: str = "") -> JournalRecord:
    return JournalRecord(NOON, Event.NOTE, message=message, device=device)
