"""The starts of a hub that no clean stop ended, in a file of its data directory: a crash loop is seen by the next one.

The file is not in the twin, so that it can be read and written while the twin is what makes the hub crash.
"""

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from opstwin.control.recovering import WINDOW
from opstwin.logs import logger

STARTS_FILE: Final = "starts.json"
_KEPT: Final = 100


@dataclass(frozen=True, slots=True)
class Starts:
    """The marks in one data directory. A file that cannot be read counts as none, and none is in the way of a start."""

    folder: Path

    def begin(self, now: datetime) -> int:
        """Mark a start; returns how many before it, within the window, have not been ended by a clean stop."""
        left = [moment for moment in self._read() if 0 <= (now - moment).total_seconds() < WINDOW.total_seconds()]
        self._write([*left[-_KEPT:], now])
        return len(left)

    def end(self) -> None:
        """A clean stop: the next start counts from nothing."""
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            logger().warning("starts_kept", reason=error.strerror)

    @property
    def _file(self) -> Path:
        return self.folder / STARTS_FILE

    def _read(self) -> list[datetime]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            moments = [datetime.fromisoformat(item) for item in found]
        except (OSError, ValueError, TypeError):
            return []
        return [moment for moment in moments if moment.tzinfo is not None]

    def _write(self, moments: list[datetime]) -> None:
        draft = self._file.with_suffix(".new")
        try:
            with draft.open("w", encoding="utf-8") as out:
                draft.chmod(0o600)
                json.dump([moment.isoformat() for moment in moments], out)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(self._file)
        except OSError as error:
            logger().warning("start_not_marked", reason=error.strerror)
