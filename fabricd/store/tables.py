"""The tables of the store, one schema for SQLite and PostgreSQL.

Read by the queries of this room and compared with the migrations by a test. Must not know an engine.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# SQLite's row id, which is what makes an append cheap, is only used for a key declared INTEGER.
Number = BigInteger().with_variant(Integer(), "sqlite")


class Moment(TypeDecorator[datetime]):
    """A point in time as microseconds since 1970 UTC: exact, sortable, and the same in every engine."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# One row: which revision is current and the last journal sequence number. Every write locks it, so that
# revisions and journal records have one order even where an engine would let two writers in.
head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", Number, nullable=False),
    Column("sequence", Number, nullable=False),
)

# Content by its SHA-256 (hex), as a zstd frame with checksum. `size` is in bytes, unpacked.
blobs = Table(
    "blobs",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("size", Number, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

revisions = Table(
    "revisions",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("parent", Number, nullable=False),
    Column("author", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("changed", Text, nullable=False),
    Column("rollback_of", Number, nullable=False),
)

# Every request that was carried out under an id, also one that turned out to change nothing: `revision` is the one
# it made, or, with `unchanged`, the one that was current (0: none). Without a foreign key because of that 0.
requests = Table(
    "requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("revision", Number, nullable=False),
    Column("unchanged", Boolean, nullable=False),
    Column("time", Moment, nullable=False),
)

# A row for each revision that changed the intent; no blob: withdrawn. `config` is what was submitted, `allocations`
# what was handed out for a fabric, `document` the file it came in. What holds at a revision is the newest row that is
# not above it.
intents = Table(
    "intents",
    metadata,
    Column("name", Text, primary_key=True),
    Column("revision", Number, ForeignKey("revisions.number"), primary_key=True, autoincrement=False),
    Column("config", String(64), ForeignKey("blobs.digest"), nullable=True),
    Column("allocations", String(64), ForeignKey("blobs.digest"), nullable=True),
    Column("document", String(64), ForeignKey("blobs.digest"), nullable=True),
    Column("details", Text, nullable=False),
)

# As intents, for the compiled tree of a device; no blob: the device has no tree any more.
trees = Table(
    "trees",
    metadata,
    Column("device", Text, primary_key=True),
    Column("revision", Number, ForeignKey("revisions.number"), primary_key=True, autoincrement=False),
    Column("config", String(64), ForeignKey("blobs.digest"), nullable=True),
    Column("scope", String(64), ForeignKey("blobs.digest"), nullable=True),
    Column("digest", Text, nullable=False),
)

statuses = Table(
    "statuses",
    metadata,
    Column("device", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

modes = Table(
    "modes",
    metadata,
    Column("device", Text, primary_key=True),
    Column("mode", String(16), nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Moment, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("sequence", Number, primary_key=True, autoincrement=False),
    Column("time", Moment, nullable=False),
    Column("device", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "device", "sequence"),
)

# Writes under way. `commit_id` names the change on a device that takes it back by itself at `deadline`.
transactions = Table(
    "transactions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("device", Text, nullable=False),
    Column("revision", Number, nullable=False),
    Column("decision", Text, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("started", Moment, nullable=False),
    Column("preimage", LargeBinary, nullable=False),
    Column("commit_id", Text, nullable=False, server_default=""),
    Column("deadline", Moment, nullable=True),
)

# One row: the key of the digests in `secrets`, made at random when the store is first opened.
secret_key = Table(
    "secret_key",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", LargeBinary, nullable=False),
)

# Secrets that were written to devices, as keyed digests of what was written and of what the device showed then.
secrets = Table(
    "secrets",
    metadata,
    Column("device", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("shown", String(64), nullable=False),
)
