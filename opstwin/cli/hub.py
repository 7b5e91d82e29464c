"""Verbs for the hub itself: up, demo, doctor, backup, restore."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opstwin.cli import output
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.options import Output, Token, Url, hub_of
from opstwin.cli.output import Form

if TYPE_CHECKING:
    from opstwin.cli.up import Options


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on (default: this machine only).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    any_port: Annotated[bool, typer.Option("--any-port", help="Take a free port where that one is taken.")] = False,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings in TOML or YAML, in place of the usual files.")
    ] = None,
    check_config: Annotated[bool, typer.Option("--check-config", help="Check the settings and stop.")] = False,
) -> None:
    """Start the hub; it runs until Ctrl-C."""
    from opstwin.cli.up import Options, start

    options = Options(host, port, config, any_port)
    if check_config:
        _check_config(options)
    else:
        start(options)


def _check_config(options: "Options") -> None:
    from opstwin.cli.up import settings_of
    from opstwin.errors import OpstwinError
    from opstwin.wiring.clusters import check_clusters
    from opstwin.wiring.ruling import rules_of

    try:
        settings = settings_of(options)
        rules_of(settings)
        check_clusters(settings)
    except OpstwinError as error:
        raise CliError(Exit.ERROR, error.message, next_step=error.next_step, code=error.code) from error
    output.note("The settings are sound.", colour="ok")


def login(url: Url = None, token: Token = None) -> None:
    """Print a link that signs you in with a browser, once, within ten minutes."""
    hub = hub_of(url, token)
    me = hub.get("/me")["actor"]["id"]
    output.line(hub.post(f"/people/{me}:login")["url"])


def demo(
    target: Annotated[str, typer.Option(help="docker, sim, or auto: Docker when an engine answers.")] = "auto",
    keep_going: Annotated[bool, typer.Option("--no-pause", hidden=True)] = True,
) -> None:
    """Show the whole loop on a throw-away twin; it leaves nothing behind."""
    from opstwin.cli.demo import run_demo

    raise typer.Exit(run_demo(target))


def doctor(
    models: Annotated[
        bool, typer.Option("--models", help="Ask each language model's provider whether it answers; costs nothing.")
    ] = False,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Check the set-up and say what to do about each problem; exit 1 when something is wrong."""
    from opstwin.cli.checking import checked

    checks = checked(url, token, models=models)
    if form is not Form.TABLE:
        output.data(checks, form)
    else:
        rows = [["ok" if item["ok"] else "PROBLEM", item["check"], item["found"], item["next_step"]] for item in checks]
        output.table(["", "check", "found", "next"], rows)
    if not all(item["ok"] for item in checks):
        raise typer.Exit(Exit.ERROR)


def backup(form: Output = Form.TABLE, url: Url = None, token: Token = None) -> None:
    """Write a consistent copy of the twin while the hub runs."""
    made = hub_of(url, token).post("/backup")
    output.data(made, form) if form is not Form.TABLE else output.line(made["path"])


def restore(
    backup_file: Annotated[Path, typer.Argument(help="A file that opstwin backup wrote.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace the twin that is there.")] = False,
) -> None:
    """Put a backup back in place of the twin; the hub must be stopped."""
    from opstwin.errors import OpstwinError
    from opstwin.server.serving import restore_backup
    from opstwin.settings import load_settings

    try:
        restore_backup(load_settings(), backup_file, replace=yes)
    except OpstwinError as error:
        raise CliError(Exit.ERROR, error.message, next_step=error.next_step, code=error.code) from error
    output.note("Restored. Start the hub: opstwin up", colour="ok")
