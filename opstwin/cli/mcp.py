"""Verbs for AI clients: serve the Model Context Protocol, show what is offered, tell a client on this machine of it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from opstwin.cli import output
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.mcp_clients import CLIENTS, Client, ClientName, Entry, entry_of, links
from opstwin.cli.mcp_files import Unfit, with_server, without_server
from opstwin.cli.mcp_install import Change, change_of
from opstwin.cli.mcp_options import TOOLSETS, Options
from opstwin.cli.options import Output, Token, Url
from opstwin.cli.output import Form

mcp = typer.Typer(
    invoke_without_command=True,
    help="Let an AI client (MCP) work with the hub, as an agent. Without a verb: serve one client on stdin and stdout.",
)

_HINTS: Final = {"readOnlyHint": "reads", "destructiveHint": "destructive", "idempotentHint": "repeatable",
                 "openWorldHint": "outward"}  # fmt: skip

ReadOnly = Annotated[bool, typer.Option("--read-only", help="Offer only what changes nothing.")]
Toolset = Annotated[
    str | None, typer.Option("--toolset", help=f"Offer one set of tools: {', '.join(TOOLSETS)}.", show_default=False)
]
NoStart = Annotated[bool, typer.Option("--no-start", help="Do not start a hub when none runs on this machine.")]
Which = Annotated[ClientName, typer.Argument(help="Which client.", show_default=False)]
Name = Annotated[str, typer.Option("--name", help="What the client calls the server.")]
File = Annotated[Path | None, typer.Option("--file", help="Another file, such as .mcp.json.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")]


@mcp.callback()
def serve(
    context: typer.Context,
    url: Url = None,
    token: Token = None,
    read_only: ReadOnly = False,
    toolset: Toolset = None,
    no_start: NoStart = False,
) -> None:
    """Serve one AI client on stdin and stdout. It works as an agent: it may plan and apply, and never approve."""
    options = _options(read_only, toolset, url, token, start=not no_start)
    if context.invoked_subcommand is not None:
        return
    from opstwin.cli.mcp_shim import serve as served

    served(options)


@mcp.command("tools")
def tools(
    form: Output = Form.TABLE,
    read_only: ReadOnly = False,
    toolset: Toolset = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """What an AI client is offered, asked of the hub as that client's agent."""
    from opstwin.cli.mcp_listing import offered

    offers = offered(_options(read_only, toolset, url, token, start=False))
    if form is not Form.TABLE:
        output.data(offers, form)
        return
    rows = [[offer["name"], _hints(offer), offer.get("description", "")] for offer in offers]
    output.table(["tool", "hints", "what"], rows, empty="This agent may use no tool.")


def _hints(offer: Any) -> str:
    return " ".join(word for hint, word in _HINTS.items() if offer["annotations"][hint])


@mcp.command("install")
def install(
    client: Which,
    shown: Annotated[bool, typer.Option("--print", help="Only print the block, and links that install it.")] = False,
    yes: Yes = False,
    file: File = None,
    name: Name = "opstwin",
    read_only: ReadOnly = False,
    toolset: Toolset = None,
) -> None:
    """Tell an AI client of the hub: shows what would change in its file, and writes it after a yes."""
    told = CLIENTS[client]
    entry = told.entry(_options(read_only, toolset))
    if shown:
        _print(client, name, entry)
        return
    _change(told, file, lambda text: with_server(text, told.member, name, entry), {told.member: {name: entry}}, yes)


@mcp.command("uninstall")
def uninstall(client: Which, yes: Yes = False, file: File = None, name: Name = "opstwin") -> None:
    """Take the hub out of an AI client's file again; the rest of it stays as it is."""
    told = CLIENTS[client]
    _change(told, file, lambda text: without_server(text, told.member, name), None, yes)


@mcp.command("config", hidden=True)
def config(form: Output = Form.JSON) -> None:
    """Print the block for clients that `install` does not know."""
    output.data({"mcpServers": {"opstwin": entry_of(Options())}}, Form.YAML if form is Form.YAML else Form.JSON)


def _options(
    read_only: bool, toolset: str | None, url: str | None = None, token: str | None = None, *, start: bool = True
) -> Options:
    options = Options(url, token, toolset, read_only, start)
    if not options.sound:
        raise CliError(
            Exit.ERROR, "There is no such choice of tools.", code="invalid_input",
            next_step=f"Use --read-only, or --toolset with one of: {', '.join(TOOLSETS)}.",
        )  # fmt: skip
    return options


def _print(client: ClientName, name: str, entry: Entry) -> None:
    told = CLIENTS[client]
    output.data({told.member: {name: entry}}, Form.JSON)
    output.note(f"{told.title} reads it from {told.file()}")
    for link in links(client, name, entry):
        output.note(f"Or open: {link}")


def _change(told: Client, file: Path | None, edited: Callable[[str], str], block: Any, yes: bool) -> None:
    """Show and make one change of a client's file. What cannot be changed safely is left to the user."""
    path = (file or told.file()).absolute()
    try:
        change = change_of(path, edited)
    except Unfit as unfit:
        if block is not None:
            output.data(block, Form.JSON)
        raise CliError(
            Exit.ERROR, f"{path} was left as it is: {unfit}.", code="invalid_input",
            next_step="Change it yourself" + (": put the block above into it." if block is not None else "."),
        ) from unfit  # fmt: skip
    if change.new == change.old:
        output.note(f"{path} needs no change.", colour="ok")
        return
    output.plan_text(change.diff)
    _agreed(yes)
    _write(told, change)


def _agreed(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise CliError(Exit.REFUSED, "Nothing was written: nobody was there to say yes.", next_step="Add --yes.")
    if not typer.confirm("Write this?", err=True):
        raise CliError(Exit.REFUSED, "Nothing was written.", next_step="Add --print to see the block alone.")


def _write(told: Client, change: Change) -> None:
    backup = change.write()
    kept = f" What was there is in {backup}." if backup is not None else ""
    output.note(f"Written to {change.file}.{kept}", colour="ok")
    output.note(f"Restart {told.title} to use it.")
