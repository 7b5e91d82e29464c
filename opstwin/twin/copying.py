"""Copies of SQLite files: consistent while the database is written to, complete or not there at all."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from opstwin.errors import StoreError


def copy_sqlite(source: Path, copy: Path) -> None:
    """Write a consistent copy to a new file that only its owner may read.

    Raises `StoreError` when the file is there already, and sqlite3's or the system's errors when the copying fails.
    """
    if copy.exists():
        raise StoreError(f"{copy.name} is there already.", next_step="Name a new file.", details={"path": str(copy)})
    part = copy.with_name(f"{copy.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        _copy(source, part)
        sync(part)
        part.rename(copy)
        sync(copy.parent)
    finally:
        part.unlink(missing_ok=True)


def free_name(path: Path) -> Path:
    """`path`, or the first of `path.1`, `path.2`, … that is not taken."""
    name, number = path, 0
    while name.exists():
        number += 1
        name = path.with_name(f"{path.name}.{number}")
    return name


def _copy(source: Path, part: Path) -> None:
    # The copy is one file without side files: it is closed in the rollback mode, and the store sets its own again.
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(part)) as dead:
        live.backup(dead)
        dead.execute("PRAGMA journal_mode=DELETE")


def sync(path: Path) -> None:
    """See a file's content, or a folder's names, onto the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
