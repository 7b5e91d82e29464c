"""Who an MCP client on this machine is to the hub: an agent that acts for a person, and can never approve."""

import json
import os
from pathlib import Path
from typing import Final

from opstwin.cli.client import Hub
from opstwin.cli.context import Context, data_dir
from opstwin.cli.exits import CliError, Exit

AGENT: Final = "mcp-local"
_SCOPES: Final = ("twin:read", "twin:plan", "twin:apply")
_FILE: Final = "mcp-token.json"


def as_agent(found: Context) -> Context:
    """The hub in `found` with an agent's token: the one that was named, else that of the agent of this machine.

    Where no token was named, the person who started the hub gets the agent `mcp-local`, once; its token stands in the
    data directory and only the owner can read it. Raises `CliError`.
    """
    if found.own:
        return Context(found.url, _kept() or _issued(Hub(found)), own=True)
    if not found.token:
        raise CliError(
            Exit.AUTH, f"No token for the hub at {found.url} is known.", code="unauthenticated",
            next_step=f'On its machine: opstwin people add {AGENT} --agent --scopes "{" ".join(_SCOPES)}", '
            "then set OPSTWIN_TOKEN here.",
        )  # fmt: skip
    return found


def forget(token: str) -> bool:
    """Drop the kept token when it is `token`, because the hub does not know it. Returns whether it was dropped."""
    if _kept() != token:
        return False
    _path().unlink(missing_ok=True)
    return True


def _path() -> Path:
    return data_dir() / _FILE


def _kept() -> str:
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(found.get("token", "")) if isinstance(found, dict) else ""


def _issued(hub: Hub) -> str:
    """A new token for the agent of this machine, made by the person who started the hub, and kept."""
    try:
        hub.post("/people/agents", {"id": AGENT, "display_name": "MCP clients here", "scopes": list(_SCOPES)})
    except CliError as error:
        if error.code != "conflict":
            raise
    token = str(hub.post(f"/people/{AGENT}/tokens")["token"])
    _keep(token)
    return token


def _keep(token: str) -> None:
    draft = _path().with_suffix(f".{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({"token": token}, file)
    draft.replace(_path())
