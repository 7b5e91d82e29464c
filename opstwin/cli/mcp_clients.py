"""AI clients on this machine: where each keeps its servers, and how it is told of one.

Sources, as of November 2026: modelcontextprotocol.io (connect local servers), code.claude.com/docs/en/mcp,
cursor.com/docs/mcp, code.visualstudio.com/docs/agents/reference/mcp-configuration.
"""

import base64
import json
import os
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from opstwin.cli.mcp_options import Options
from opstwin.cli.mcp_starting import program

Entry = dict[str, Any]

_PLACES: Final = ("OPSTWIN_URL", "OPSTWIN_DATA_DIR", "OPSTWIN_CONFIG")
"""What a client must be told when the shell says where the hub is. A token is never written."""

_FOLDERS: Final = frozenset({"OPSTWIN_DATA_DIR", "OPSTWIN_CONFIG"})


class ClientName(StrEnum):
    """The clients whose files are known."""

    CLAUDE_DESKTOP = "claude-desktop"
    CLAUDE_CODE = "claude-code"
    CURSOR = "cursor"
    VSCODE = "vscode"


class Client(NamedTuple):
    """One client: its name for people, the member of its file that holds servers, whether these name their kind."""

    title: str
    member: str
    names_kind: bool
    file: Callable[[], Path]

    def entry(self, options: Options) -> Entry:
        """How this client starts the server: absolute paths, and no secret."""
        kind = {"type": "stdio"} if self.names_kind else {}
        return kind | entry_of(options)


def entry_of(options: Options) -> Entry:
    """How any client starts the server."""
    command, *arguments = program()
    chosen = ["--read-only"] if options.read_only else ["--toolset", options.toolset] if options.toolset else []
    places = {name: _absolute(name, os.environ[name]) for name in _PLACES if os.environ.get(name)}
    entry: Entry = {"command": command, "args": [*arguments, "mcp", *chosen]}
    return entry | ({"env": places} if places else {})


def _absolute(name: str, value: str) -> str:
    return str(Path(value).absolute()) if name in _FOLDERS else value


def _settings(*parts: str) -> Path:
    """The user's settings of desktop programs: by platform, as Electron's `appData` finds it."""
    if sys.platform == "darwin":
        return Path.home().joinpath("Library", "Application Support", *parts)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming", *parts)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", *parts)


def _claude_code() -> Path:
    return Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home()) / ".claude.json"


CLIENTS: Final[Mapping[ClientName, Client]] = {
    ClientName.CLAUDE_DESKTOP: Client(
        "Claude Desktop", "mcpServers", False, lambda: _settings("Claude", "claude_desktop_config.json")
    ),
    ClientName.CLAUDE_CODE: Client("Claude Code", "mcpServers", True, _claude_code),
    ClientName.CURSOR: Client("Cursor", "mcpServers", False, lambda: Path.home() / ".cursor" / "mcp.json"),
    ClientName.VSCODE: Client("VS Code", "servers", True, lambda: _settings("Code", "User", "mcp.json")),
}


def links(name: ClientName, server: str, entry: Entry) -> list[str]:
    """Links that make the client install the server when they are opened, for clients that have them."""
    if name is ClientName.CURSOR:
        packed = quote(base64.b64encode(_compact(entry).encode()).decode(), safe="")
        return [f"cursor://anysphere.cursor-deeplink/mcp/install?name={quote(server, safe='')}&config={packed}"]
    if name is not ClientName.VSCODE:
        return []
    query = f"name={quote(server, safe='')}&config={quote(_compact(entry), safe='')}"
    return [
        f"vscode:mcp/install?{quote(_compact({'name': server} | entry), safe='')}",
        f"https://insiders.vscode.dev/redirect/mcp/install?{query}",
    ]


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
