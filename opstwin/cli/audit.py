"""Verbs of the audit: reading it, checking its chain, exporting its signed head."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from opstwin.cli import output
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.naming import check_id, text_of
from opstwin.cli.options import Output, Token, Url, hub_of
from opstwin.cli.output import Form

audit = typer.Typer(no_args_is_help=True, help="Who did what, in a chain that shows tampering.")


@audit.command("list")
def audit_list(
    action: Annotated[str | None, typer.Option(help="Only this action, such as plan.approve.")] = None,
    plan: Annotated[str | None, typer.Option(help="Only this plan.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """The newest audit rows."""
    if plan is not None:
        check_id("plans", plan)
    answer = hub_of(url, token).get("/audit", action=action, plan_id=plan, limit=limit, newest_first="true")
    if form is not Form.TABLE:
        output.data(answer, form)
        return
    rows = [
        [
            item["seq"],
            str(item["at"])[:19].replace("T", " "),
            item["action"],
            item["subject"],
            item["actor"]["id"],
            item["outcome"],
            item["reason"][:60],
        ]
        for item in answer["items"]
    ]
    output.table(["seq", "when", "action", "subject", "actor", "outcome", "reason"], rows, empty="The audit is empty.")


@audit.command("verify")
def audit_verify(
    head: Annotated[Path | None, typer.Option(help="A file that opstwin audit head wrote earlier.")] = None,
    key: Annotated[Path | None, typer.Option(help="The public key that was kept with it (audit-signing.pub).")] = None,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Check the whole chain; exit 1 and name the first bad row when it does not hold.

    With an earlier head and its key, also check that the chain goes on from there and was not rebuilt.
    """
    body = _earlier(head, key)
    answer = hub_of(url, token).post("/audit:verify", body)
    if form is not Form.TABLE:
        output.data(answer, form)
        return
    from_there = f" It goes on from row {body['head'].get('seq')}, as signed." if body else ""
    output.line(f"The audit chain holds: {answer['rows']} rows, head {answer['head']}.{from_there}")


def _earlier(head: Path | None, key: Path | None) -> dict[str, Any]:
    """What to check beside the chain itself."""
    if head is None and key is None:
        return {}
    if head is None or key is None:
        raise CliError(
            Exit.ERROR, "A head and its public key belong together.",
            next_step="Such as: opstwin audit verify --head head.json --key audit-signing.pub", code="invalid_input",
        )  # fmt: skip
    wrong = "Name a file that opstwin audit head wrote."
    try:
        found = json.loads(text_of(head, wrong))
    except ValueError as error:
        raise CliError(Exit.ERROR, f"{head} holds no JSON.", next_step=wrong, code="invalid_input") from error
    if not isinstance(found, dict):
        raise CliError(Exit.ERROR, f"{head} holds no signed head.", next_step=wrong, code="invalid_input")
    return {"head": found, "public_key": text_of(key, "Name the public key: audit-signing.pub")}


@audit.command("head")
def audit_head(form: Output = Form.JSON, url: Url = None, token: Token = None) -> None:
    """The signed head, to keep somewhere else: it betrays a chain that was rebuilt whole."""
    output.data(hub_of(url, token).get("/audit/head"), Form.JSON if form is Form.TABLE else form)
