"""Who an MCP client on this machine is to the hub: an agent that acts for a person, and can never approve."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from opstwin.cli.context import Context, data_dir
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.mcp_wire import Wire

AGENT: Final = "mcp-local"
_SCOPES: Final = ("twin:read", "twin:plan", "twin:apply", "twin:exec")
_FILE: Final = "mcp-token.json"
_API: Final = "/api/v1"


def as_agent(found: Context, wire: Wire) -> Context:
    """The hub in `found` with an agent's token: the one that was named, else that of the agent of this machine.

    Where no token was named, the person who started the hub gets the agent `mcp-local`, once; its token stands in the
    data directory and only the owner can read it. Raises `CliError`.
    """
    if found.own:
        return Context(found.url, _kept() or _issued_alone(found, wire), own=True)
    if not found.token:
        raise CliError(
            Exit.AUTH, f"No token for the hub at {found.url} is known.", code="unauthenticated",
            next_step=f'On its machine: opstwin people add {AGENT} --agent --scopes "{" ".join(_SCOPES)}", '
            "then set OPSTWIN_TOKEN here.",
        )  # fmt: skip
    return found


def forget(token: str) -> bool:
    """Drop the kept token when it is `token`, because the hub does not know it. Returns whether another may be had."""
    kept = _kept()
    if kept == token:
        _path().unlink(missing_ok=True)
    return bool(token)


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold a lock file of the data directory, so that clients that start together do something once."""
    folder = data_dir()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600), "w") as lock:
        try:
            import fcntl
        except ImportError:
            # No hub runs on a system without it, so nobody is there to share with.
            yield
            return
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _path() -> Path:
    return data_dir() / _FILE


def _kept() -> str:
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(found.get("token", "")) if isinstance(found, dict) else ""


def _issued_alone(person: Context, wire: Wire) -> str:
    with alone("mcp-token.lock"):
        return _kept() or _issued(person, wire)


def _issued(person: Context, wire: Wire) -> str:
    """A new token for the agent of this machine, made by the person who started the hub, and kept."""
    theirs = wire.asked(person, "GET", f"{_API}/me").get("scopes", [])
    scopes = [scope for scope in _SCOPES if scope in theirs]
    agent = {"id": AGENT, "display_name": "MCP clients here", "scopes": scopes}
    try:
        wire.asked(person, "POST", f"{_API}/people/agents", agent)
    except CliError as error:
        if error.code != "conflict":
            raise
    token = str(wire.asked(person, "POST", f"{_API}/people/{AGENT}/tokens", {})["token"])
    _keep(token)
    return token


def _keep(token: str) -> None:
    draft = _path().with_suffix(f".{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({"token": token}, file)
    draft.replace(_path())
