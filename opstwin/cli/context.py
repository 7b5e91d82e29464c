"""Which hub the command line talks to, and with which token."""

import json
import os
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from opstwin.cli.exits import CliError, Exit

HUB_FILE: Final = "hub.json"


class Context(NamedTuple):
    """A hub's address and the caller's token ("" when there is none).

    `own` says that the token is the one that the hub left for the person who started it, because no other was named.
    """

    url: str
    token: str
    own: bool = False


def data_dir() -> Path:
    """The hub's folder on this machine."""
    named = os.environ.get("OPSTWIN_DATA_DIR")
    return Path(named) if named else _user_folder("data", ".local/share")


def _user_folder(kind: str, usual: str) -> Path:
    """The user's folder for `kind` of files, the same as the hub's settings find it.

    On Linux it is worked out here (XDG Base Directory Specification): an AI client waits for this process.
    """
    if sys.platform.startswith("linux"):
        named = os.environ.get(f"XDG_{kind.upper()}_HOME", "")
        return Path(named if Path(named).is_absolute() else Path.home() / usual, "opstwin")
    else:
        import platformdirs

        return Path(getattr(platformdirs, f"user_{kind}_dir")("opstwin"))


def named_url(url: str | None) -> str:
    """The hub that an option, `OPSTWIN_URL` or the user's config names; empty when none does."""
    return str(url or os.environ.get("OPSTWIN_URL") or _config().get("context", {}).get("url") or "")


def find_context(url: str | None, token: str | None) -> Context:
    """Options first, then `OPSTWIN_URL` and `OPSTWIN_TOKEN`, the user's config, the hub running on this machine."""
    own = _config().get("context", {})
    hub = _running_hub()
    chosen = named_url(url) or hub.get("url")
    if not chosen:
        raise CliError(Exit.UNREACHABLE, "No hub is known here.", next_step="Start one: opstwin up")
    local = hub.get("token", "") if chosen == hub.get("url") else ""
    named = token or os.environ.get("OPSTWIN_TOKEN") or own.get("token")
    return Context(str(chosen).rstrip("/"), str(named or local), own=not named and bool(local))


def _running_hub() -> dict[str, Any]:
    try:
        found = json.loads((data_dir() / HUB_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _config() -> dict[str, Any]:
    named = os.environ.get("OPSTWIN_CONFIG")
    path = Path(named) if named else _user_folder("config", ".config") / "config.toml"
    try:
        found = path.read_bytes()
    except OSError:
        return {}
    try:
        return _yaml(found) if path.suffix in (".yaml", ".yml") else _toml(found)
    except ValueError as error:
        raise CliError(Exit.ERROR, f"{path} cannot be read: {error}", next_step="Correct it.") from error


def _toml(text: bytes) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(text.decode())


def _yaml(text: bytes) -> dict[str, Any]:
    """Raises `ValueError` for what is no YAML, or no mapping at its top."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = YAML(typ="safe", pure=True).load(text.decode())
    except YAMLError as error:
        raise ValueError(str(error)) from error
    if not isinstance(found, dict | None):
        raise ValueError("it must hold names and values")
    return found or {}
