"""Brings a database to the schema of this fabricd, or refuses one that it does not know.

Called once, when a store is opened. Knows alembic; must not know what the tables are for.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from fabricd.errors import StoreError

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection) -> None:
    """Runs the missing migrations in the caller's transaction: all of them or none.

    Raises StoreError for a schema that is newer than this fabricd, and for a database that is no store.
    """
    script = ScriptDirectory(_MIGRATIONS)
    known = {revision.revision for revision in script.walk_revisions()}
    found = MigrationContext.configure(connection).get_current_heads()
    unknown = sorted(set(found) - known)
    if unknown:
        newest = script.get_current_head()
        raise StoreError(
            f"the store has schema {', '.join(unknown)}, but this fabricd knows only up to {newest}: "
            "it was written by a newer fabricd"
        )
    if not found and inspect(connection).get_table_names():
        raise StoreError("the database holds tables, but not those of a fabricd store")
    if set(found) == set(script.get_heads()):
        return
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
