"""Transactions that the device takes back by itself: the id they have there, and until when.

Run by alembic. Those that an older fabricd left open have neither: nothing was pending on the device.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("transactions", sa.Column("commit_id", sa.Text, nullable=False, server_default=""))
    op.add_column("transactions", sa.Column("deadline", sa.BigInteger, nullable=True))
