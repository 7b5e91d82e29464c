"""Alembic migrations of the twin database, run by `opstwin.twin.schema` when a store is opened.

To add one, change `opstwin/twin/tables.py`, write the next file in `versions/` (numbered, tables only as they are then),
and add its number to `opstwin.twin.schema.REVISIONS`; the tests compare tables and migrations on both databases.
"""
