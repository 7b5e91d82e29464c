"""Verbs for AI clients: serve the Model Context Protocol, show what is offered, print a client's configuration."""

import os
import sys
from pathlib import Path
from typing import Any, Final

import typer

from opstwin.cli import output
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.mcp_bridge import Bridge
from opstwin.cli.options import Output, Token, Url
from opstwin.cli.output import Form

mcp = typer.Typer(
    invoke_without_command=True,
    help="Let an AI client (MCP) work with the hub, as an agent. Without a verb: serve one client on stdin and stdout.",
)

_PLACES: Final = ("OPSTWIN_URL", "OPSTWIN_DATA_DIR", "OPSTWIN_CONFIG")
"""What a client must be told when the shell says where the hub is. A token is never printed."""

_WHERE: Final = """\
Put it into the client's file: claude_desktop_config.json (Claude Desktop), .mcp.json in a project (Claude Code),
~/.cursor/mcp.json (Cursor). For a hub elsewhere set OPSTWIN_URL and OPSTWIN_TOKEN (of an agent) in its env."""

_HINTS: Final = {"readOnlyHint": "reads", "destructiveHint": "destructive", "idempotentHint": "repeatable",
                 "openWorldHint": "outward"}  # fmt: skip


@mcp.callback()
def serve(context: typer.Context, url: Url = None, token: Token = None) -> None:
    """Serve one AI client on stdin and stdout. It works as an agent: it may plan and apply, and never approve."""
    if context.invoked_subcommand is not None:
        return
    try:
        from opstwin.cli.mcp_stdio import serve as served
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise CliError(
            Exit.ERROR, "The MCP library is not installed.", next_step="Install it: pip install 'opstwin[mcp]'",
            code="not_installed",
        ) from error  # fmt: skip
    if sys.stdin.isatty():
        output.note("Waiting for an MCP client on stdin. Clients start this by themselves: opstwin mcp config")
    served(Bridge(url, token))


@mcp.command("tools")
def tools(form: Output = Form.TABLE, url: Url = None, token: Token = None) -> None:
    """What an AI client is offered, asked of the hub as that client's agent."""
    offers = Bridge(url, token).offers()
    if form is not Form.TABLE:
        output.data(offers, form)
        return
    rows = [[offer["name"], offer["effect"], offer["scope"], _hints(offer), offer["purpose"]] for offer in offers]
    output.table(["tool", "effect", "scope", "hints", "what"], rows, empty="This agent may use no tool.")


def _hints(offer: Any) -> str:
    return " ".join(word for hint, word in _HINTS.items() if offer["annotations"][hint])


@mcp.command("config")
def config(form: Output = Form.JSON) -> None:
    """Print the block that tells Claude Desktop, Claude Code or Cursor how to start this."""
    command, *arguments = program()
    places = {name: os.environ[name] for name in _PLACES if os.environ.get(name)}
    entry = {"command": command, "args": [*arguments, "mcp"], **({"env": places} if places else {})}
    output.data({"mcpServers": {"opstwin": entry}}, Form.YAML if form is Form.YAML else Form.JSON)
    output.note(_WHERE)


def program() -> list[str]:
    """How to start this command line from anywhere: the absolute path of the program beside this Python, or Python."""
    beside = Path(sys.executable).absolute().with_name("opstwin")
    return [str(beside)] if beside.is_file() else [str(Path(sys.executable).absolute()), "-m", "opstwin.cli"]
