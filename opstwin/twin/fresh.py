"""All tables of a new SQLite file at once, from a script that the migrations made: it needs no migration library.

After a new migration, write the script again: `python -m opstwin.twin.fresh`.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import Connection

SCRIPT: Final = Path(__file__).with_name("migrations") / "sqlite.sql"
_END: Final = ";\n\n"
"""Between statements; within them a semicolon never ends a line."""

_MADE: Final = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
_FILLED: Final = ("alembic_version", "audit_head")
"""The tables in which migrations leave rows."""


def make_tables(connection: Connection) -> None:
    """Make every table, index and guard inside the connection's transaction, as all migrations would have."""
    for statement in SCRIPT.read_text(encoding="utf-8").removesuffix(_END).split(_END):
        connection.exec_driver_sql(statement)


def script_of(path: Path) -> str:
    """The script that makes what the SQLite file at `path` holds, which is as migrations left it."""
    with closing(sqlite3.connect(path)) as file:
        made = [sql for (sql,) in file.execute(_MADE)]
        rows = [(table, row) for table in _FILLED for row in file.execute(f"SELECT * FROM {table}")]  # noqa: S608
    filled = [f"INSERT INTO {table} VALUES ({', '.join(map(_literal, row))})" for table, row in rows]  # noqa: S608
    return "".join(f"{statement}{_END}" for statement in [*map(_trimmed, made), *filled])


def _trimmed(statement: str) -> str:
    return "\n".join(line.rstrip() for line in statement.splitlines())


def _literal(value: str | int) -> str:
    return str(value) if isinstance(value, int) else f"'{value}'"


def migrated_script() -> str:
    """What `SCRIPT` should hold: `script_of` a file that all migrations made."""
    from opstwin.twin.engines import engines_for
    from opstwin.twin.schema import upgrade

    with TemporaryDirectory() as folder:
        path = Path(folder) / "twin.db"
        engines = engines_for(f"sqlite:///{path}")
        with engines.writer.begin() as connection:
            upgrade(connection)
        engines.dispose()
        return script_of(path)


if __name__ == "__main__":
    SCRIPT.write_text(migrated_script(), encoding="utf-8")
