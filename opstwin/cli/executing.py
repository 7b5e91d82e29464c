"""The verb that runs a command in a container or on a host."""

import sys
from typing import Annotated, Any

import typer

from opstwin.cli import output
from opstwin.cli.client import Hub
from opstwin.cli.context import find_context
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.options import Output, Token, Url, complete_resource
from opstwin.cli.output import Form

_MARGIN_S = 30.0
"""How much longer than the command the answer is waited for."""


def exec_command(
    resource: Annotated[
        str | None,
        typer.Argument(
            help="A container (web-1), pod, workload of a cluster, or host target.", autocompletion=complete_resource
        ),
    ] = None,
    argv: Annotated[list[str] | None, typer.Argument(help="After --: the program and its words. No shell.")] = None,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds after which it is ended.")] = 30.0,
    plan_id: Annotated[str | None, typer.Option("--plan", help="Show what the command of this plan said.")] = None,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Run a command: ps, df and such at once, anything else once a human approved it.

    opstwin exec web-1 -- df -h
    """
    hub = Hub(find_context(url, token), timeout_s=timeout + _MARGIN_S)
    answer = hub.post("/exec", _asked(resource, argv, timeout, plan_id))
    if form is not Form.TABLE:
        output.data(answer, form)
    else:
        _show(answer)
    code = _exit(answer)
    if code is not Exit.OK:
        raise typer.Exit(code)


def _asked(resource: str | None, argv: list[str] | None, timeout: float, plan_id: str | None) -> dict[str, Any]:
    if plan_id is not None:
        return {"plan_id": plan_id}
    if resource is None or not argv:
        raise CliError(
            Exit.ERROR, "Say where and what to run.", next_step="Such as: opstwin exec web-1 -- df -h",
            code="invalid_input",
        )  # fmt: skip
    return {"resource": resource, "argv": argv, "timeout_s": timeout}


def _show(answer: dict[str, Any]) -> None:
    for text in str(answer["stdout"]).splitlines():
        output.line(text)
    sys.stdout.flush()
    for text in str(answer["stderr"]).splitlines():
        output.note(text)
    if answer["truncated"]:
        output.note("The output was cut; ask for less at once.")
    if answer["status"] != "done" or answer["exit_code"]:
        output.note(answer["summary"], colour="bad" if answer["status"] in ("stopped", "failed", "done") else "")
    if answer["status"] in ("waiting_for_human", "approved"):
        output.note(f"Not run at once: {answer['why']}. Risk: {answer['risk']}.")
        output.note(_steps(answer["plan_id"], decided=answer["status"] == "approved"))


def _steps(plan_id: str, *, decided: bool) -> str:
    decide = "" if decided else f"opstwin approve {plan_id}, then "
    return f"Next: {decide}opstwin apply {plan_id}, then opstwin exec --plan {plan_id}"


def _exit(answer: dict[str, Any]) -> Exit:
    if answer["status"] == "waiting_for_human":
        return Exit.WAITING
    if answer["status"] == "done" and not answer["exit_code"]:
        return Exit.OK
    return Exit.OK if answer["status"] in ("approved", "running") else Exit.ERROR
