"""Verbs that change something: plan, approve, reject, apply, watch, rollback, adopt."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from opstwin.cli import output
from opstwin.cli.chat_words import language_of
from opstwin.cli.client import Hub
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.naming import check_id, is_file, looks_like_file, no_file
from opstwin.cli.options import (
    Execution,
    Output,
    Plan,
    Plans,
    Resource,
    Target,
    Token,
    Url,
    hub_of,
    path_of,
    resource_of,
)
from opstwin.cli.output import Form
from opstwin.cli.plan_words import phrase
from opstwin.cli.requesting import Asked, read
from opstwin.cli.seeing import execution_text, plan_view
from opstwin.cli.watching import finish, follow

_TEXTS: Final = ("env", "labels", "secret_env")
"""Parts of a spec whose values are texts, even where they look like numbers."""

_OPEN: Final = ("pending", "approved")
DetailedExit = Annotated[bool, typer.Option("--detailed-exitcode", help="Exit 2 when the plan has changes.")]
File = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="A workload, Compose, components or manifest file, or a folder; - for stdin."),
]
Endpoint = Annotated[str | None, typer.Option("--endpoint", help="Where the component's controller should answer.")]


def plan(
    words: Annotated[
        str | None, typer.Argument(help='What should change, such as "scale web to 3", or a file.')
    ] = None,
    file: File = None,
    drift: Annotated[bool, typer.Option("--drift", help="Put everything back to what it should be.")] = False,
    target: Target = None,
    endpoint: Endpoint = None,
    var: Annotated[list[str] | None, typer.Option("--var", help="NAME=VALUE for ${NAME} in a Compose file.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="The application that manifests belong to.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Take away what has left the manifests.")] = False,
    take_over: Annotated[bool, typer.Option("--take-over", help="Take fields that others set in the cluster.")] = False,
    detailed_exitcode: DetailedExit = False,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show exactly what would happen. Nothing changes until a human approves the plan."""
    hub = hub_of(url, token)
    asked = Asked(words=words, file=file, drift=drift, target=target, endpoint=endpoint, var=var or (), name=name,
                  prune=prune, take_over=take_over)  # fmt: skip
    made = hub.post("/plans", asked.body())
    language = language_of(words) if words else "en"
    output.data(made, form) if form is not Form.TABLE else plan_view(made, language)
    if made["changes"]:
        output.note(phrase(language, "approve_it", command=f"opstwin approve {made['id']}"))
    if detailed_exitcode and made["changes"]:
        raise typer.Exit(Exit.CHANGES)


def approve(
    plan_id: Plan,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; kept in the audit.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask again for what cannot be undone.")] = False,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Approve exactly the plan that is shown: the decision is bound to its digest."""
    hub = hub_of(url, token)
    found = hub.get(path_of("plans", plan_id))
    _check_stands(found)
    if form is Form.TABLE:
        _show_again(hub, found)
    if found["risk"] == "destructive" and found["state"] in _OPEN and not yes:
        _ask_for_name(found["target"])
    decided = _decide(hub, found, "approve", reason)
    if form is not Form.TABLE:
        output.data(decided, form)
    output.note(f"Approved {plan_id} ({found['digest'][:19]}…).", colour="ok")
    output.note(f"Apply it: opstwin apply {plan_id}")


def _check_stands(found: dict[str, Any]) -> None:
    """Raise `CliError` for a plan that is stale already: nobody needs to decide on what cannot run."""
    moved = ", ".join(found["moved"][:5])
    if found["state"] == "stale" or moved:
        why = f": {moved} changed since it was made" if moved else ""
        raise CliError(
            Exit.ERROR, f"Plan {found['id']} is stale{why}. Nothing was approved.", code="stale_plan",
            next_step="Look again and make a new plan: opstwin discover, then opstwin plan",
        )  # fmt: skip


def _show_again(hub: Hub, found: dict[str, Any]) -> None:
    """The whole plan for somebody who did not ask for it; who did has just seen it and gets its last lines."""
    if hub.get("/me")["actor"]["id"] != found["requested_by"]["id"]:
        plan_view(found)
        return
    output.line(f"{found['summary']['text']} Risk: {found['risk']}.")


def reject(
    plan_ids: Plans,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; kept in the audit.")],
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Reject one plan or several; what was rejected can never run."""
    if not reason.strip():
        raise CliError(
            Exit.ERROR, "--reason is empty.", next_step='Say why, for whoever asked: --reason "…"', code="invalid_input"
        )
    hub = hub_of(url, token)
    found = [hub.get(path_of("plans", id)) for id in dict.fromkeys(plan_ids)]
    decided = [_decide(hub, plan, "reject", reason) for plan in found]
    if form is not Form.TABLE:
        output.data(decided[0] if len(decided) == 1 else decided, form)
    output.note(f"Rejected {', '.join(plan['id'] for plan in found)}.")


def _decide(hub: Hub, found: dict[str, Any], decision: str, reason: str) -> dict[str, Any]:
    body = {"decision": decision, "reason": reason, "digest": found["digest"]}
    return dict(hub.post(path_of("plans", found["id"], ":decide"), body))


def _ask_for_name(target: str) -> None:
    if not sys.stdin.isatty():
        raise CliError(
            Exit.REFUSED, "This cannot be undone, so it asks for a name.", next_step="Add --yes when you are sure."
        )
    typed = typer.prompt(f"This cannot be undone. Type the target's name ({target}) to go on", err=True)
    if typed != target:
        raise CliError(Exit.REFUSED, "The name does not match; nothing was approved.", next_step="Run it again.")


def apply(
    what: Annotated[str, typer.Argument(help="An approved plan, or a file to plan first.")],
    target: Target = None,
    endpoint: Endpoint = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Approve as yourself, where the policy allows it.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the steps until the end.")] = True,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Do what an approved plan says, watch it, verify it; it is undone when verification fails."""
    hub = hub_of(url, token)
    made, phases = _plan_for(hub, what, target, endpoint, form)
    result: dict[str, Any] = {
        "kind": "reconcile",
        "plan": made["id"],
        "changes": len(made["changes"]),
        "phases": phases,
    }
    if not made["changes"]:
        if form is not Form.TABLE:
            output.data(result, form)
        output.note("Nothing to do: everything is as it should be.", colour="ok")
        return
    if made.get("execution_id"):
        output.note(f"This plan was applied already; its execution is {made['execution_id']}.")
    if yes and made["state"] == "pending":
        _check_stands(made)
        _decide(hub, made, "approve", "approved on the command line with --yes")
    execution = hub.post(path_of("plans", made["id"], ":apply"))
    if not wait:
        _applied(result, execution, form)
        output.note(f"Watch it: opstwin watch {execution['id']}")
        return
    execution = follow(hub, execution["id"])
    _applied(result, execution, form)
    finish(execution)


def _applied(result: dict[str, Any], execution: dict[str, Any], form: Form) -> None:
    result["phases"].append({"name": "apply", "execution": execution["id"], "state": execution["state"]})
    if form is Form.TABLE:
        execution_text(execution, with_error=False)
    else:
        output.data(result | {"execution": execution}, form)


def _plan_for(
    hub: Hub, what: str, target: str | None, endpoint: str | None, form: Form
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The plan to apply, and the phases that led to it."""
    if what.startswith("plan_"):
        return dict(hub.get(path_of("plans", what))), []
    discovery = _discovered(hub, target)
    made = _planned(hub, what, target, endpoint, form)
    return made, [discovery, {"name": "plan", "plan": made["id"], "mode": made.get("mode", "")}]


def _discovered(hub: Hub, target: str | None) -> dict[str, Any]:
    """Look at the target before planning for it; without a named one, at the default one."""
    known = hub.all("/targets")["items"]
    names = [item["id"] for item in known if item["id"] == target or (target is None and item["is_default"])]
    return {"name": "discovery", "targets": [hub.post(path_of("targets", name, ":discover")) for name in names]}


def _planned(hub: Hub, file: str, target: str | None, endpoint: str | None, form: Form) -> dict[str, Any]:
    if not is_file(file):
        if looks_like_file(file):
            raise no_file(Path(file), "Name a file that is there, or a plan: opstwin get plans")
        raise CliError(Exit.ERROR, f"{file!r} is neither a plan nor a file.", next_step="List plans: opstwin get plans")
    made = dict(hub.post("/plans", Asked(file=Path(file), target=target, endpoint=endpoint).body()))
    if form is Form.TABLE:
        plan_view(made)
    return made


def watch(execution: Execution, form: Output = Form.TABLE, url: Url = None, token: Token = None) -> None:
    """Follow an execution until it ends."""
    hub = hub_of(url, token)
    ended = follow(hub, execution)
    output.data(ended, form) if form is not Form.TABLE else execution_text(ended, with_error=False)
    finish(ended)


def cancel(execution: Execution, form: Output = Form.TABLE, url: Url = None, token: Token = None) -> None:
    """Ask a running execution to stop and undo what it did."""
    asked = hub_of(url, token).post(path_of("executions", execution, ":cancel"))
    if form is not Form.TABLE:
        output.data(asked, form)
    output.note(f"Asked to stop. Watch it: opstwin watch {execution}")


def rollback(
    what: Annotated[str, typer.Argument(help="A workload, or an execution to undo.")],
    target: Target = None,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Plan the way back to what ran before. Like any plan it needs an approval."""
    check_id("executions" if what.startswith("exec_") else "workloads", what.rsplit("/", 1)[-1])
    made = hub_of(url, token).post("/plans", {"rollback": what, **({"target": target} if target else {})})
    output.data(made, form) if form is not Form.TABLE else plan_view(made)
    if made["changes"]:
        output.note(f"Approve it: opstwin approve {made['id']}")


def adopt(
    name: Resource,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; kept in the audit.")] = "",
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Take over something that Opstwin did not make. Nothing on the target changes."""
    hub = hub_of(url, token)
    resource = resource_of(hub, name)
    adopted = hub.post(path_of("resources", resource, ":adopt"), {"reason": reason})
    if form is not Form.TABLE:
        output.data(adopted, form)
    output.note(f"{resource} is managed now, as it is. See it: opstwin get {resource}", colour="ok")


def resume(name: Resource, form: Output = Form.TABLE, url: Url = None, token: Token = None) -> None:
    """Let healing go on for a resource where it was paused because something kept changing it back."""
    hub = hub_of(url, token)
    answer = hub.post(path_of("resources", resource_of(hub, name), ":resume"))
    if form is not Form.TABLE:
        output.data(answer, form)
    output.note("Healing goes on.", colour="ok")


def set_field(
    name: Resource,
    values: Annotated[
        list[str], typer.Argument(help="Fields to set, such as memory_bytes=268435456 or env.LEVEL=debug.")
    ],
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Change what should be, field by field. The hub follows: it proposes a plan, or heals where that is allowed."""
    hub = hub_of(url, token)
    resource = resource_of(hub, name)
    found = hub.get(path_of("resources", resource))
    desired = found.get("desired")
    if not desired or desired.get("spec") is None:
        raise CliError(
            Exit.ERROR, f"{resource} has no desired state.", next_step=f"Adopt it first: opstwin adopt {resource}"
        )
    spec = desired["spec"]
    for value in values:
        _set(spec, value)
    path = path_of("resources", resource, "/desired")
    changed = hub.send("PUT", path, {"spec": spec}, {"If-Match": f'"{desired["revision"]}"'})
    if form is not Form.TABLE:
        output.data(changed, form)
    output.note(f"{resource} should be so from now on. See the way there: opstwin plan --drift", colour="ok")


def _set(spec: dict[str, Any], text: str) -> None:
    path, found, value = text.partition("=")
    if not found or not path:
        raise CliError(
            Exit.ERROR,
            f"{text!r} is not field=value.",
            next_step="Such as: memory_bytes=268435456",
            code="invalid_input",
        )
    *parents, last = path.split(".")
    for key in parents:
        inner = spec.get(key)
        spec[key] = dict(inner) if isinstance(inner, dict) else {}
        spec = spec[key]
    try:
        spec[last] = value if parents and parents[-1] in _TEXTS else json.loads(value)
    except ValueError:
        spec[last] = value


def never_created(
    file: Annotated[Path, typer.Argument(help="The components file.")],
    reason: Annotated[str, typer.Option("--reason", "-m", help="How you know; kept in the audit.")],
    target: Target = None,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Say, as a person, that a component which cannot be reached was never made; then it may be bootstrapped."""
    body: dict[str, Any] = {"file": read(file), "reason": reason} | ({"target": target} if target else {})
    said = hub_of(url, token).post("/components:never-created", body)
    if form is not Form.TABLE:
        output.data(said, form)
    output.note(f"Noted for: {', '.join(said['workloads'])}. Plan again: opstwin plan -f {file}", colour="ok")
