"""Env files of a Compose file: read beside it, and sent along with it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from opstwin.cli.exits import CliError, Exit
from opstwin.cli.naming import MAX_FILE, text_of

_KEY: Final = "env_file"


def with_env_files(text: str, folder: Path) -> str:
    """The Compose file with the text of every env file that it names, below `x-env-files`.

    Files that are not there are left out: the hub says which one is needed. Raises `CliError` for one that cannot be
    read or makes the whole too large, and for a file in one pair of braces, to which nothing can be added.
    """
    if _KEY not in text:
        return text
    found = {path: text_of(folder / path) for path in _named(text) if (folder / path).is_file()}
    if not found:
        return text
    if text.lstrip().startswith("{"):
        raise CliError(
            Exit.ERROR, f"{_KEY} is read beside YAML only, and this file is JSON.", code="invalid_input",
            next_step="Copy the variables into environment.",
        )  # fmt: skip
    whole = f"{text.rstrip()}\nx-env-files: {json.dumps(found, ensure_ascii=False)}\n"
    if len(whole.encode()) > MAX_FILE:
        raise CliError(
            Exit.ERROR, "The file and its env files are larger than 1 MiB.", next_step="Split it.",
            code="limit_exceeded",
        )  # fmt: skip
    return whole


def _named(text: str) -> list[str]:
    """The paths; a file that cannot be read names none, and the hub says what is wrong with it."""
    from opstwin.errors import OpstwinError
    from opstwin.manifests.nodes import plain
    from opstwin.manifests.yaml_loading import load_documents

    try:
        documents = load_documents(text)
    except OpstwinError:
        return []
    found: Any = plain(documents[0]) if len(documents) == 1 else {}
    services = found.get("services") if isinstance(found, dict) else None
    given = services.values() if isinstance(services, dict) else ()
    return list(dict.fromkeys(path for item in given if isinstance(item, dict) for path in _paths(item.get(_KEY))))


def _paths(given: Any) -> Iterator[str]:
    for item in given if isinstance(given, list) else [given]:
        path = item.get("path") if isinstance(item, dict) else item
        if isinstance(path, str) and path:
            yield path
