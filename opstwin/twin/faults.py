"""What a storage failure means to the person who can do something about it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from opstwin.errors import Conflict, StoreError

_RETRY_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Cause:
    name: str
    message: str
    next_step: str


_FULL: Final = _Cause("disk_full", "The twin's disk is full.", "Free some space; the hub goes on by itself.")
_IO: Final = _Cause(
    "io_error",
    "The twin's disk reported an input or output error.",
    "Check the disk (dmesg), then run: opstwin doctor",
)
_READ_ONLY: Final = _Cause(
    "read_only",
    "The twin's database cannot be written: it is read-only.",
    "Check the file system (mount, dmesg) and the file's owner; reads go on.",
)
_LOCKED: Final = _Cause(
    "locked",
    "The twin's database is locked by another process.",
    "End the other process that writes to it, then try again.",
)
_CANNOT_OPEN: Final = _Cause(
    "cannot_open",
    "The twin's database cannot be opened.",
    "Check that the folder exists and may be written: opstwin doctor",
)
_DAMAGED: Final = _Cause(
    "damaged",
    "The twin's database file is damaged or is no database.",
    "Stop the hub, keep the file, and restore your last backup.",
)
_LOST: Final = _Cause(
    "connection_lost",
    "The database server cannot be reached.",
    "Check that PostgreSQL runs and OPSTWIN_DATABASE_URL is right; the hub connects again by itself.",
)
_BUSY: Final = _Cause(
    "timeout", "The database server took too long.", "Look for long transactions or a lock, then try again."
)
_OTHER: Final = _Cause("failed", "The twin's database refused to work.", "Run: opstwin doctor")

_BY_SQLITE: Final = {
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR": _IO,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_PROTOCOL": _LOCKED,
    "SQLITE_CANTOPEN": _CANNOT_OPEN,
    "SQLITE_PERM": _CANNOT_OPEN,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED,
}
"""By SQLite's primary result codes (sqlite.org/rescode.html)."""

_BY_SQLSTATE: Final = {
    "08": _LOST,
    "28": _LOST,
    "3D": _LOST,
    "57P0": _LOST,
    "5310": _FULL,
    "53": _LOST,
    "58030": _IO,
    "58": _IO,
    "25006": _READ_ONLY,
    "55P03": _BUSY,
    "57014": _BUSY,
    "25P03": _BUSY,
    "40": _BUSY,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
"""By beginnings of PostgreSQL's error codes, the longest that fits."""


_CONNECTION_ERRORS: Final = ("OperationalError", "InterfaceError")


@contextmanager
def typed_faults() -> Iterator[None]:
    """Turns failures of the database into `StoreError`, and a broken uniqueness rule into `Conflict`."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict(
            "Somebody else wrote a record that excludes this one.", next_step="Read it again and repeat."
        ) from error
    except DBAPIError as error:
        raise store_error(error.orig) from error
    except sqlite3.Error as error:
        raise store_error(error) from error
    except (SQLAlchemyError, OSError) as error:
        raise store_error(error) from error


def store_error(error: BaseException | None) -> StoreError:
    """The typed error for what a driver, the pool or the operating system raised."""
    cause = _cause(error)
    details = {"cause": cause.name, "said": first_line(error)}
    waiting_helps = cause not in (_DAMAGED, _OTHER)
    return StoreError(
        cause.message,
        next_step=cause.next_step,
        details=details,
        retry_after_s=_RETRY_S if waiting_helps else None,
    )


def _cause(error: BaseException | None) -> _Cause:
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "") or ""
        return _BY_SQLITE.get("_".join(name.split("_")[:2]), _OTHER)
    if isinstance(error, OSError):
        return _CANNOT_OPEN
    if error is not None and not isinstance(error, SQLAlchemyError):
        state = getattr(error, "sqlstate", None)
        # libpq gives no code when the connection itself failed; errors of psycopg's own have none either.
        lost = state is None and any(base.__name__ in _CONNECTION_ERRORS for base in type(error).__mro__)
        return _LOST if lost else _by_sqlstate(state)
    return _BUSY


def _by_sqlstate(state: str | None) -> _Cause:
    if not state:
        return _OTHER
    fitting = [begin for begin in _BY_SQLSTATE if state.startswith(begin)]
    return _BY_SQLSTATE[max(fitting, key=len)] if fitting else _OTHER


def first_line(error: BaseException | None) -> str:
    """What the driver said, short enough to show."""
    return str(error).strip().split("\n", 1)[0][:200]
