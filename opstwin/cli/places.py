"""Verbs for targets, people and their tokens."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any, Final

import typer

from opstwin.cli import output
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.naming import no_file, text_of
from opstwin.cli.options import Output, Token, Url, complete_target, hub_of, path_of
from opstwin.cli.output import Form

targets = typer.Typer(no_args_is_help=True, help="The places that run things.")
people = typer.Typer(no_args_is_help=True, help="Who may do what, and their tokens.")
_WITHOUT = {
    "list": "it is unknown what is there.",
    "watch": "changes are seen at the next look only.",
    "get": "nothing of that kind can be changed.",
    "create": "nothing of that kind can be made, nor taken away, as that could not be undone.",
    "patch": "nothing of that kind can be made or changed.",
    "delete": "nothing of that kind can be taken away, nor made, as that could not be undone.",
    "pods/log": "there are no logs.",
    "pods/exec": "no command can be run in a pod.",
    "pods.metrics.k8s.io": "nobody knows what pods use.",
    "nodes/proxy": "nobody knows what pods use, as there is no metrics API either.",
}
"""What the lack of a verb, or of all about one thing, means."""

_CLUSTER_ONLY: Final = ("context", "namespace", "namespaces", "kinds")
"""Settings of a cluster that are options too."""

TargetId = Annotated[str, typer.Argument(help="The target's id.", autocompletion=complete_target)]
Kubeconfig = Annotated[Path | None, typer.Option(help="A cluster: the file that says how to reach it.")]
Context = Annotated[str | None, typer.Option(help="Which context of that file; its current one when left out.")]
Namespace = Annotated[str | None, typer.Option(help="Where workloads of a cluster go when none is named.")]
Namespaces = Annotated[str | None, typer.Option(help="Look into these of a cluster only, separated by commas.")]
Kinds = Annotated[str | None, typer.Option(help="Kinds that are reflected beside the usual ones, with commas.")]


@targets.command("list")
def targets_list(form: Output = Form.TABLE, url: Url = None, token: Token = None) -> None:
    """All targets."""
    answer = hub_of(url, token).all("/targets")
    if form is not Form.TABLE:
        output.data(answer, form)
        return
    rows = [
        [
            item["id"], item["backend_type"], item["agent_endpoint"], item["mode"], "yes" if item["is_default"] else "",
            "yes" if item["is_active"] else "no", item.get("breaker", "closed"),
        ]
        for item in answer["items"]
    ]  # fmt: skip
    output.table(
        ["target", "backend", "endpoint", "mode", "default", "active", "breaker"], rows, empty="No targets yet."
    )


@targets.command("add")
def targets_add(
    id: Annotated[str | None, typer.Argument(help="A short name such as prod.")] = None,
    endpoint: Annotated[str, typer.Option(help="Where it answers, such as unix:///var/run/docker.sock.")] = "",
    backend: Annotated[str, typer.Option(help="docker, kubernetes, host or sim.")] = "docker",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    namespaces: Namespaces = None,
    kinds: Kinds = None,
    in_cluster: Annotated[bool, typer.Option("--in-cluster", help="The cluster that the hub itself runs in.")] = False,
    display_name: Annotated[str, typer.Option(help="The name people see.")] = "",
    default: Annotated[bool, typer.Option("--default", help="Use it when no target is named.")] = False,
    mode: Annotated[str, typer.Option(help="observe or propose.")] = "propose",
    file: Annotated[Path | None, typer.Option("--file", "-f", help="A YAML file with clusters: and docker:.")] = None,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Add a target, or all those in a file."""
    hub = hub_of(url, token)
    if file is not None:
        added = hub.post("/targets:import", {"file": text_of(file)})
    elif id and (endpoint or kubeconfig or in_cluster):
        where: dict[str, Any] = {"backend_type": backend, "agent_endpoint": endpoint}
        if kubeconfig or in_cluster:
            given = dict(zip(_CLUSTER_ONLY, (context, namespace, namespaces, kinds), strict=True))
            where = {"backend_type": "kubernetes", "agent_endpoint": _address(kubeconfig)}
            where["settings"] = {key: value for key, value in given.items() if value}
        body = {"id": id, "display_name": display_name or id, **where}
        added = hub.post("/targets", {**body, "mode": mode} | ({"is_default": True} if default else {}))
    else:
        raise CliError(
            Exit.ERROR, "A target needs a name and an endpoint.",
            next_step="Such as: opstwin targets add lab --endpoint tcp://10.0.0.5:2375, or --kubeconfig FILE",
        )  # fmt: skip
    output.data(added, form) if form is not Form.TABLE else output.note("Added.", colour="ok")
    if id:
        output.note(f"Check it: opstwin targets test {id}")


def _address(kubeconfig: Path | None) -> str:
    """Where a cluster is reached; None stands for the one the hub runs in. Raises `CliError` for no such file."""
    if kubeconfig is None:
        return "kubeconfig://in-cluster"
    if not kubeconfig.expanduser().is_file():
        raise no_file(kubeconfig, "Name the kubeconfig file of the cluster.")
    return f"kubeconfig://{kubeconfig.expanduser().resolve()}"


@targets.command("test")
def targets_test(id: TargetId, form: Output = Form.TABLE, url: Url = None, token: Token = None) -> None:
    """Ask a target who it is, and a cluster what the hub's credentials may do there."""
    answer = hub_of(url, token).post(path_of("targets", id, ":test"))
    if form is not Form.TABLE:
        output.data(answer, form)
        return
    output.line(f"{id} answers: version {answer.get('version')}, {answer.get('latency_ms', 0):.0f} ms.")
    if apis := (answer.get("details") or {}).get("apis"):
        _served(answer["details"]["kinds"], apis)
    if answer.get("permissions"):
        _permissions(answer["permissions"])


def _served(kinds: int, apis: Sequence[str]) -> None:
    """The API groups of a cluster, each with its versions."""
    groups: dict[str, list[str]] = {}
    for api in apis:
        group, _, version = api.rpartition("/")
        groups.setdefault(group, []).append(version)
    said = " ".join(f"{group}/{','.join(versions)}" if group else versions[0] for group, versions in groups.items())
    for text in wrap(f"It serves {kinds} kinds: {said}", 110, subsequent_indent="  ", break_long_words=False):
        output.line(text)


def _permissions(found: list[dict[str, Any]]) -> None:
    """What the credentials may do and what they lack, each thing on one line."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for item in found:
        rows.setdefault(item["what"], []).append(item)
    output.table(
        ["resource", "may", "lacks"],
        [[what, _verbs(items, "may") or "-", _verbs(items, "lacks") or "-"] for what, items in rows.items()],
    )
    lacking = {item["what"] if item["what"] in _WITHOUT else verb for item in found for verb in item["lacks"]}
    for key in filter(lacking.__contains__, _WITHOUT):
        output.note(f"Without {key}: {_WITHOUT[key]}")
    if not lacking:
        output.note("The credentials may do all that Opstwin does on a cluster.", colour="ok")


def _verbs(items: list[dict[str, Any]], side: str) -> str:
    parts = [(" ".join(item[side]), item["namespace"]) for item in items if item[side]]
    return ", ".join(f"{verbs} in {namespace}" if namespace else verbs for verbs, namespace in parts)


@targets.command("update")
def targets_update(
    id: TargetId,
    endpoint: Annotated[str | None, typer.Option(help="A new address.")] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
    namespaces: Namespaces = None,
    kinds: Kinds = None,
    display_name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Switch it on or off.")] = None,
    default: Annotated[
        bool | None, typer.Option("--default/--no-default", help="Use it when no target is named.")
    ] = None,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Change a target's settings; an empty text takes one back."""
    hub = hub_of(url, token)
    address = _address(kubeconfig) if kubeconfig is not None else endpoint
    given = {"agent_endpoint": address, "display_name": display_name, "is_active": active, "is_default": default}
    body: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    of_cluster = zip(_CLUSTER_ONLY, (context, namespace, namespaces, kinds), strict=True)
    settings = {key: value for key, value in of_cluster if value is not None}
    if settings:
        kept = hub.get(path_of("targets", id))["settings"] | settings
        body["settings"] = {key: value for key, value in kept.items() if value}
    changed = hub.send("PATCH", path_of("targets", id), body)
    output.data(changed, form) if form is not Form.TABLE else output.note("Changed.", colour="ok")


@targets.command("mode")
def targets_mode(
    id: TargetId,
    mode: Annotated[str, typer.Argument(help="observe, propose or heal.")],
    resource: Annotated[str | None, typer.Option(help="Only for this resource.")] = None,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; needed for heal.")] = "",
    days: Annotated[float, typer.Option(help="How long healing is allowed.", min=0.01, max=30)] = 7,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """What the reconciler may do about drift: observe, propose a plan, or heal what was approved before."""
    body: dict[str, Any] = {"mode": mode, "reason": reason}
    if resource:
        body["resource"] = resource
    if mode == "heal":
        body["expires_in_s"] = days * 86400
    changed = hub_of(url, token).post(path_of("targets", id, ":mode"), body)
    output.data(changed, form) if form is not Form.TABLE else output.note(f"{resource or id}: {mode}.", colour="ok")


@people.command("list")
def people_list(form: Output = Form.TABLE, url: Url = None, token: Token = None) -> None:
    """Everybody who may sign in."""
    answer = hub_of(url, token).get("/people")
    if form is not Form.TABLE:
        output.data(answer, form)
        return
    rows = [
        [item["id"], item["kind"], item["display_name"], " ".join(sorted(item["scopes"]))] for item in answer["items"]
    ]
    output.table(["id", "kind", "name", "scopes"], rows)


@people.command("add")
def people_add(
    id: Annotated[str, typer.Argument(help="A short name.")],
    name: Annotated[str, typer.Option(help="The full name.")] = "",
    agent: Annotated[bool, typer.Option("--agent", help="An AI client or script: it may never approve.")] = False,
    scopes: Annotated[str, typer.Option(help="Scopes, separated by spaces; empty for the usual ones.")] = "",
    same_person_as: Annotated[str, typer.Option(help="Another account of the same human.")] = "",
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Add a person, or an agent that acts for you; prints a token once."""
    hub = hub_of(url, token)
    body: dict[str, Any] = {"id": id, "display_name": name or id}
    if scopes:
        body["scopes"] = scopes.split()
    if same_person_as:
        body["same_person_as"] = same_person_as
    hub.post("/people/agents" if agent else "/people", body)
    issued = hub.post(path_of("people", id, "/tokens"))
    output.data(issued, form) if form is not Form.TABLE else output.line(issued["token"])
    output.note("This token is shown once. Use it as OPSTWIN_TOKEN.")


@people.command("link")
def people_link(
    id: Annotated[str, typer.Argument(help="The person's account.")],
    subject: Annotated[str, typer.Option(help="What the authorization server calls them: the claim sub.")],
    issuer: Annotated[str, typer.Option(help="The authorization server; empty for the hub's own setting.")] = "",
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Let AI clients that a person signed in with act for them; prints the link's id."""
    body = {"subject": subject, **({"issuer": issuer} if issuer else {})}
    made = hub_of(url, token).post(path_of("people", id, ":link"), body)
    output.data(made, form) if form is not Form.TABLE else output.line(made["id"])
    output.note(f"AI clients of {made['subject']} act for {made['principal_id']}.", colour="ok")


@people.command("revoke")
def people_revoke(
    token_id: Annotated[str, typer.Argument(help="The id of the token, or of the link to a person.")],
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Make a token useless at once."""
    answer = hub_of(url, token).post(path_of("tokens", token_id, ":revoke"))
    output.data(answer, form) if form is not Form.TABLE else output.note("Revoked.", colour="ok")
