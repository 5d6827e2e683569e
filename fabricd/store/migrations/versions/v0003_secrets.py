"""What is remembered of secrets that were written to devices, and the key of those digests.

Run by alembic. An older fabricd remembered nothing: every secret that a device shows otherwise is written once more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "secret_key",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_secret_key"),
    )
    op.create_table(
        "secrets",
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("shown", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("device", "path", name="pk_secrets"),
    )
