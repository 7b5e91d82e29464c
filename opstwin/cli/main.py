"""The command line's entry: verbs, exit codes, and errors in words."""

import sys
from collections.abc import Callable
from typing import Any, Final

import typer
from typer.core import TyperGroup

from opstwin.cli import (
    ai,
    asking,
    audit,
    changing,
    chatting,
    diagnosing,
    executing,
    generating,
    history,
    hub,
    images,
    kubernetes,
    lint,
    mcp,
    output,
    places,
    seeing,
)
from opstwin.cli.exits import MEANING, CliError, Exit
from opstwin.cli.failing import failed

_EPILOG: Final = "Exit codes: " + " · ".join(f"{code.value} {words}" for code, words in MEANING.items())

app = typer.Typer(
    name="opstwin",
    help="Say what should change, see exactly what would happen, approve it; it is done, verified, or undone.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_VERBS: Final[tuple[Callable[..., None], ...]] = (
    hub.up, hub.login, hub.demo, hub.doctor, hub.backup, hub.restore,
    seeing.discover, seeing.get, seeing.show, seeing.drift, seeing.logs, diagnosing.diagnose,
    generating.inspect, generating.generate, asking.ask, chatting.chat,
    changing.plan, changing.approve, changing.reject, changing.apply, changing.watch, changing.cancel,
    changing.rollback, changing.adopt, changing.resume,
)  # fmt: skip
for verb in _VERBS:
    app.command()(verb)
app.command()(lint.lint)
app.command("exec")(executing.exec_command)
app.command("set")(changing.set_field)
app.command("never-created")(changing.never_created)
app.add_typer(places.targets, name="targets")
app.add_typer(places.people, name="people")
app.add_typer(history.history, name="history")
app.command("predict")(history.predict)
app.add_typer(images.images, name="images")
app.add_typer(ai.ai, name="ai")
app.add_typer(audit.audit, name="audit")
app.add_typer(kubernetes.k8s, name="k8s")
app.add_typer(mcp.mcp, name="mcp")


@app.command()
def plugins(
    form: output.Form = typer.Option(output.Form.TABLE, "--output", "-o"), url: str = "", token: str = ""
) -> None:
    """The components that can be planned by name."""
    from opstwin.cli.options import hub_of

    answer = hub_of(url or None, token or None).get("/components")
    parts = [part | {"use": entry["use"]} for entry in answer["items"] for part in entry["parts"]]
    if form is not output.Form.TABLE:
        output.data(parts, form)
    else:
        rows = [
            [part["use"], part["name"], part["version"], " ".join(part["requires"]), part["summary"]] for part in parts
        ]
        output.table(["use", "component", "version", "needs", "what"], rows)
    for refused in answer["refused"]:
        output.note(f"{refused['use']} was not loaded: {refused['reason']}", colour="bad")


@app.command()
def completion(shell: str = typer.Argument("bash", help="bash, zsh or fish.")) -> None:
    """Print the script that completes verbs and ids: eval "$(opstwin completion bash)"."""
    from typer._completion_shared import get_completion_script

    print_script = get_completion_script(prog_name="opstwin", complete_var="_OPSTWIN_COMPLETE", shell=shell)
    output.line(print_script)


@app.command()
def version() -> None:
    """The version."""
    from importlib.metadata import version as installed

    output.line(installed("opstwin"))


def main() -> None:
    """Run the command line and exit with a code from `opstwin.cli.exits`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; returns its exit code and never raises for what the user or the hub did wrong."""
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    try:
        result = command.main(args=arguments, prog_name="opstwin", standalone_mode=False)
    except CliError as error:
        return failed(error, arguments)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.OK
    except Exception as error:
        return _unexpected(error)
    return result if isinstance(result, int) else Exit.OK


def _unexpected(error: Exception) -> int:
    """Errors of the option parser are the user's to mend; anything else is ours, and is shown whole."""
    shown: Any = getattr(error, "format_message", None)
    if shown is not None:
        output.note(str(shown()).replace(": Value error, ", ": "), colour="bad")
        verb = getattr(getattr(error, "ctx", None), "command_path", "opstwin")
        output.note(f"See: {verb} --help")
        return Exit.ERROR
    if type(error).__name__ in ("Abort", "Exit"):
        return int(getattr(error, "exit_code", Exit.ERROR))
    raise error
