"""The first schema.

Run by alembic. Written out, not taken from tables.py, because that moves on and this step must not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "head",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("revision", _number, nullable=False),
        sa.Column("sequence", _number, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_head"),
    )
    op.execute("INSERT INTO head (id, revision, sequence) VALUES (1, 0, 0)")
    op.create_table(
        "blobs",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("size", _number, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_blobs"),
    )
    op.create_table(
        "revisions",
        sa.Column("number", _number, autoincrement=False, nullable=False),
        sa.Column("parent", _number, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("changed", sa.Text, nullable=False),
        sa.Column("rollback_of", _number, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_revisions"),
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("revision", _number, nullable=False),
        sa.Column("unchanged", sa.Boolean, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
    )
    op.create_table(
        "intents",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("revision", _number, autoincrement=False, nullable=False),
        sa.Column("config", sa.String(64), nullable=True),
        sa.Column("allocations", sa.String(64), nullable=True),
        sa.Column("document", sa.String(64), nullable=True),
        sa.Column("details", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", "revision", name="pk_intents"),
        sa.ForeignKeyConstraint(["revision"], ["revisions.number"], name="fk_intents_revision"),
        sa.ForeignKeyConstraint(["config"], ["blobs.digest"], name="fk_intents_config"),
        sa.ForeignKeyConstraint(["allocations"], ["blobs.digest"], name="fk_intents_allocations"),
        sa.ForeignKeyConstraint(["document"], ["blobs.digest"], name="fk_intents_document"),
    )
    op.create_table(
        "trees",
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("revision", _number, autoincrement=False, nullable=False),
        sa.Column("config", sa.String(64), nullable=True),
        sa.Column("scope", sa.String(64), nullable=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("device", "revision", name="pk_trees"),
        sa.ForeignKeyConstraint(["revision"], ["revisions.number"], name="fk_trees_revision"),
        sa.ForeignKeyConstraint(["config"], ["blobs.digest"], name="fk_trees_config"),
        sa.ForeignKeyConstraint(["scope"], ["blobs.digest"], name="fk_trees_scope"),
    )
    op.create_table(
        "statuses",
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("device", name="pk_statuses"),
    )
    op.create_table(
        "modes",
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("device", name="pk_modes"),
    )
    op.create_table(
        "journal",
        sa.Column("sequence", _number, autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_journal"),
    )
    op.create_index("ix_journal_device_sequence", "journal", ["device", "sequence"])
    op.create_table(
        "transactions",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("revision", _number, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("preimage", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_transactions"),
    )
