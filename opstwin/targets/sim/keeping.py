"""Where a world is kept between processes: one file, replaced durably with every effect, shared by whoever opens it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from opstwin.errors import Rejected, Unreachable
from opstwin.targets.sim.state import FORMAT, State


class WorldFile:
    """One world's file. A process that is killed at any moment leaves the state before or after an effect, whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = path.with_name(path.name + ".lock")
        self._seen: tuple[int, int] | None = None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold off every other writer, in this process and in others."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def newer(self) -> State | None:
        """The state in the file when somebody else wrote it since the last look, else None."""
        try:
            with self._path.open("rb") as file:
                seen = os.fstat(file.fileno())
                if (seen.st_ino, seen.st_mtime_ns) == self._seen:
                    return None
                text = file.read()
        except FileNotFoundError:
            return None
        self._seen = (seen.st_ino, seen.st_mtime_ns)
        return self._parsed(text)

    def save(self, state: State) -> None:
        """Replace the file; it is on the disk when this returns. Raises `Rejected` when the disk does not take it."""
        draft = self._path.with_name(self._path.name + ".new")
        try:
            with draft.open("wb") as file:
                file.write(_form().dump_json(state))
                file.flush()
                os.fsync(file.fileno())
                written = os.fstat(file.fileno())
            draft.replace(self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            raise Rejected(
                f"The simulator cannot write {self._path.name}: {error.strerror}.",
                next_step="Make room, or check the folder's rights.",
            ) from error
        self._seen = (written.st_ino, written.st_mtime_ns)

    def _parsed(self, text: bytes) -> State:
        try:
            state = _form().validate_json(text)
        except ValidationError as error:
            raise self._unusable("is damaged") from error
        if state.format != FORMAT:
            raise self._unusable(f"has format {state.format}, not {FORMAT}")
        return state

    def _unusable(self, why: str) -> Unreachable:
        return Unreachable(
            f"The simulator's file {self._path.name} {why}.",
            next_step="Restore it, or remove it to begin with a fresh world.",
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@cache
def _form() -> TypeAdapter[State]:
    return TypeAdapter(State)
