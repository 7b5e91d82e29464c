"""Verbs for the hub itself: up, demo, doctor, backup, restore."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opstwin.cli import output
from opstwin.cli.context import HUB_FILE, data_dir, find_context
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.options import Output, Token, Url, hub_of
from opstwin.cli.output import Form

if TYPE_CHECKING:
    from opstwin.settings import Settings


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on (default: this machine only).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    check_config: Annotated[bool, typer.Option("--check-config", help="Check the settings and stop.")] = False,
) -> None:
    """Start the hub; it runs until Ctrl-C."""
    from opstwin.errors import OpstwinError
    from opstwin.settings import load_settings

    try:
        given = {"host": host, "port": port}
        settings = load_settings(options={key: value for key, value in given.items() if value is not None})
        if check_config:
            from opstwin.wiring.ruling import rules_of

            rules_of(settings)
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


def doctor(form: Output = Form.TABLE, url: Url = None, token: Token = None) -> None:
    """Check the set-up and say what to do about each problem; exit 1 when something is wrong."""
    checks = [_python(), *_hub(url, token)]
    if form is not Form.TABLE:
        output.data(checks, form)
    else:
        rows = [["ok" if item["ok"] else "PROBLEM", item["check"], item["found"], item["next_step"]] for item in checks]
        output.table(["", "check", "found", "next"], rows)
    if not all(item["ok"] for item in checks):
        raise typer.Exit(Exit.ERROR)


def _check(name: str, ok: bool, found: str, next_step: str = "") -> dict[str, Any]:
    return {"check": name, "ok": ok, "found": found, "next_step": "" if ok else next_step}


def _python() -> dict[str, Any]:
    found = ".".join(map(str, sys.version_info[:3]))
    return _check("Python", sys.version_info >= (3, 11), found, "Install Python 3.11 or newer.")


def _hub(url: str | None, token: str | None) -> list[dict[str, Any]]:
    checks = [_files()]
    try:
        context = find_context(url, token)
        hub = hub_of(url, token)
        info = hub.get("/hub")
    except CliError as error:
        return [*checks, _check("hub", False, error.message, error.next_step)]
    checks.append(_check("hub", True, f"{context.url}, version {info.get('version')}"))
    checks.append(_check("database", True, str(info.get("database"))))
    checks += [_target(hub, item) for item in hub.all("/targets")["items"]]
    try:
        verified = hub.post("/audit:verify")
        checks.append(_check("audit chain", True, f"{verified['rows']} rows"))
    except CliError as error:
        checks.append(_check("audit chain", False, error.message, error.next_step))
    return checks


def _target(hub: Any, item: dict[str, Any]) -> dict[str, Any]:
    name = f"target {item['id']}"
    if not item["is_active"]:
        return _check(name, True, "switched off")
    try:
        answer = hub.post(f"/targets/{item['id']}:test")
    except CliError as error:
        return _check(name, False, error.message, error.next_step or "Start it, or switch it off.")
    return _check(name, True, f"{item['backend_type']} {answer.get('version')}")


def _files() -> dict[str, Any]:
    folder = data_dir()
    loose = [path.name for path in folder.glob("*") if path.is_file() and path.stat().st_mode & 0o077]
    if loose:
        return _check("files", False, f"{', '.join(loose[:3])} can be read by others", f"Run: chmod 600 {folder}/*")
    return _check("files", True, str(folder))


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
