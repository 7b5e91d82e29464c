"""What `opstwin plan` sends: words, a file, a folder of manifests, or drift."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from opstwin.cli.env_files import with_env_files
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.folders import text_of_folder
from opstwin.cli.naming import MAX_FILE, is_file, looks_like_file, no_file, text_of

_NAMED: Final = re.compile(r"^name:", re.MULTILINE)
"""A Compose file that names its project, as Docker Compose takes it before the folder's name."""

_MANIFEST: Final = re.compile(r"^\s*\{?\s*\"?apiVersion\"?\s*:", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was typed. `body` is the request for it."""

    words: str | None = None
    file: Path | None = None
    drift: bool = False
    target: str | None = None
    endpoint: str | None = None
    var: Sequence[str] = ()
    name: str | None = None
    prune: bool = False
    take_over: bool = False

    def body(self) -> dict[str, Any]:
        """Raises `CliError` unless exactly one of words, a file and drift was given, and for what cannot be read."""
        words, file = self._way()
        body: dict[str, Any] = {"target": self.target, "endpoint": self.endpoint, "project": self.name}
        if words:
            body["words"] = words
        elif file is not None:
            body |= self._file(file)
        else:
            body["drift"] = True
        body |= {key: True for key in ("prune", "take_over") if getattr(self, key)}
        if self.var:
            body["variables"] = dict(_pair(item) for item in self.var)
        return {key: value for key, value in body.items() if value is not None}

    def _way(self) -> tuple[str | None, Path | None]:
        words, file = self.words, self.file
        if words is not None and file is None and (is_file(words) or _is_folder(words)):
            file, words = Path(words), None
        if sum(map(bool, (words, file, self.drift))) != 1:
            raise CliError(
                Exit.ERROR,
                "Say what should change: words, a file, or --drift.",
                next_step='Such as: opstwin plan "scale web to 3"',
            )
        if words and looks_like_file(words):
            step = 'Name one that is there with -f, or say it in words: opstwin plan "scale web to 3"'
            raise no_file(Path(words), step)
        return words, file

    def _file(self, file: Path) -> dict[str, Any]:
        if file.is_dir():
            return {"file": text_of_folder(file)}
        text = read(file)
        if _MANIFEST.search(text):
            return {"file": text}
        text = with_env_files(text, Path() if str(file) == "-" else file.parent)
        if self.name or _NAMED.search(text):
            return {"file": text}
        return {"file": text, "project": _project(file)}


def _is_folder(words: str) -> bool:
    return (words.endswith("/") or looks_like_file(words)) and Path(words).is_dir()


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise CliError(
            Exit.ERROR, f"{text[:80]!r} is not NAME=VALUE.", next_step="Such as: --var TAG=1.27", code="invalid_input"
        )
    return name, value


def read(file: Path) -> str:
    """The text of a file, or of stdin for `-`. Raises `CliError` for one that is empty or cannot be read."""
    text = sys.stdin.read(MAX_FILE + 1) if str(file) == "-" else text_of(file)
    if not text.strip():
        raise CliError(
            Exit.ERROR, f"{file} is empty.", next_step="Write name: and image: into it.", code="invalid_input"
        )
    return text


def _project(file: Path) -> str:
    """The project's name as Compose takes it: the folder of the file."""
    folder = file.resolve().parent.name if str(file) != "-" else "stdin"
    kept = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in folder.lower())
    return "-".join(part for part in kept.split("-") if part)[:40] or "project"
