"""Which hub the command line talks to, and with which token."""

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from opstwin.cli.exits import CliError, Exit

HUB_FILE: Final = "hub.json"


@dataclass(frozen=True, slots=True)
class Context:
    """A hub's address and the caller's token ("" when there is none).

    `own` says that the token is the one that the hub left for the person who started it, because no other was named.
    """

    url: str
    token: str
    own: bool = False


def data_dir() -> Path:
    """The hub's folder on this machine."""
    named = os.environ.get("OPSTWIN_DATA_DIR")
    if named:
        return Path(named)
    from platformdirs import user_data_path

    return Path(user_data_path("opstwin"))


def find_context(url: str | None, token: str | None) -> Context:
    """Options first, then `OPSTWIN_URL` and `OPSTWIN_TOKEN`, the user's config, the hub running on this machine."""
    own = _config().get("context", {})
    hub = _running_hub()
    chosen = url or os.environ.get("OPSTWIN_URL") or own.get("url") or hub.get("url")
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
    if named:
        path = Path(named)
    else:
        from platformdirs import user_config_path

        path = Path(user_config_path("opstwin")) / "config.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return {}
    except ValueError as error:
        raise CliError(Exit.ERROR, f"{path} cannot be read: {error}", next_step="Correct it.") from error
