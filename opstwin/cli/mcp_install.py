"""Writing a client's file: with a backup, in one step, with the permissions that it had."""

import difflib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from opstwin.cli.exits import CliError, Exit
from opstwin.cli.mcp_files import Unfit

_MARK: Final = "\ufeff"
"""The byte order mark that some editors write; it is kept."""


class Change(NamedTuple):
    """What would be written where."""

    file: Path
    old: str
    new: str
    mark: str

    @property
    def diff(self) -> list[str]:
        """The change as a unified diff."""
        before, after = self.old.splitlines(), self.new.splitlines()
        return list(difflib.unified_diff(before, after, str(self.file), str(self.file), lineterm=""))

    def write(self) -> Path | None:
        """Write it; returns the backup of the file that was there. Raises `CliError`."""
        file = self.file.resolve()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            backup = _backed_up(file) if file.exists() else None
            _replaced(file, (self.mark + self.new).encode())
        except OSError as error:
            raise _unwritable(self.file, error) from error
        return backup


def change_of(file: Path, edited: Callable[[str], str]) -> Change:
    """What `edited` makes of the file's text, "" where there is no file. Raises `CliError`, `Unfit`."""
    try:
        found = file.read_bytes()
    except FileNotFoundError:
        found = b""
    except OSError as error:
        raise _unwritable(file, error) from error
    try:
        text = found.decode()
    except UnicodeDecodeError:
        raise Unfit("it is not UTF-8") from None
    mark = _MARK if text.startswith(_MARK) else ""
    old = text.removeprefix(_MARK)
    return Change(file, old, edited(old), mark)


def _backed_up(file: Path) -> Path:
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    backup, number = file.with_name(f"{file.name}.{moment}.bak"), 1
    while backup.exists():
        number += 1
        backup = file.with_name(f"{file.name}.{moment}-{number}.bak")
    _written(backup, file.read_bytes(), file.stat().st_mode & 0o777)
    return backup


def _replaced(file: Path, data: bytes) -> None:
    draft = file.with_name(f"{file.name}.{os.getpid()}.new")
    _written(draft, data, file.stat().st_mode & 0o777 if file.exists() else 0o600)
    draft.replace(file)


def _written(file: Path, data: bytes, mode: int) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as draft:
        draft.write(data)
    file.chmod(mode)


def _unwritable(file: Path, error: OSError) -> CliError:
    return CliError(
        Exit.ERROR, f"{file} cannot be changed: {error.strerror}.", code="invalid_input",
        next_step="Put the block in yourself: add --print to see it.",
    )  # fmt: skip
