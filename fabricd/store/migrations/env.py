"""Runs migrations on the connection it is handed.

Executed by alembic for schema_version.py. Never opens a database of its own.
"""

from alembic import context

from fabricd.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
# The caller's transaction is open, and ends the migration as a whole.
context.run_migrations()
