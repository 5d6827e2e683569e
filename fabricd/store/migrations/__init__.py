"""The steps from one schema of the store to the next, in versions/, run when a store is opened.

Run by schema_version.py through alembic. A step that has been released is never changed.
"""
