"""Verbs for the hub itself: up, demo, doctor, backup, restore."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opstwin.cli import output
from opstwin.cli.context import HUB_FILE
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.options import Output, Token, Url, hub_of
from opstwin.cli.output import Form

if TYPE_CHECKING:
    from opstwin.settings import Settings


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on (default: this machine only).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings in TOML or YAML, in place of the usual files.")
    ] = None,
    check_config: Annotated[bool, typer.Option("--check-config", help="Check the settings and stop.")] = False,
) -> None:
    """Start the hub; it runs until Ctrl-C."""
    from opstwin.errors import OpstwinError
    from opstwin.settings import load_settings

    if config is not None:
        # The hub hides its config file from the workloads of this machine, and so must know where it is.
        os.environ["OPSTWIN_CONFIG"] = str(config.expanduser().absolute())
    try:
        given = {"host": host, "port": port}
        settings = load_settings(options={key: value for key, value in given.items() if value is not None})
        if check_config:
            from opstwin.wiring.clusters import check_clusters
            from opstwin.wiring.ruling import rules_of

            rules_of(settings)
            check_clusters(settings)
            output.note("The settings are sound.", colour="ok")
            return
        _serve(settings)
    except OpstwinError as error:
        raise CliError(Exit.ERROR, error.message, next_step=error.next_step, code=error.code) from error


def _serve(settings: "Settings") -> None:
    """Run the hub; where one runs on this data directory and answers, say where, and be content."""
    from opstwin.errors import Conflict
    from opstwin.server.serving import serve

    try:
        serve(settings, ready=_ready)
    except Conflict:
        url = _running(settings.data_dir)
        if not url:
            raise
        output.note(f"The hub runs already at {url}", colour="ok")
        output.note("Sign in with a browser: opstwin login")


def _running(folder: Path) -> str:
    """Where the hub of this data directory answers; empty when it does not."""
    import httpx2

    try:
        url = str(json.loads((folder / HUB_FILE).read_text(encoding="utf-8"))["url"])
        return url if httpx2.get(f"{url}/health", timeout=3).is_success else ""
    except (OSError, ValueError, KeyError, TypeError, httpx2.HTTPError):
        return ""


def _ready(url: str, login_url: str) -> None:
    output.note(f"The hub runs at {url}", colour="ok")
    output.note(f"Sign in once, within 10 minutes: {login_url}")
    output.note('Try: opstwin discover · opstwin plan "deploy nginx:1.27 as web with 2 replicas on port 8080"')


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
