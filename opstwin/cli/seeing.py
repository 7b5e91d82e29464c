"""Verbs that read: discover, get, show, drift, logs."""

import re
from typing import Annotated, Any, Final

import typer

from opstwin.cli import output
from opstwin.cli.chat_words import language_of
from opstwin.cli.client import Hub
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.naming import fitting, no_plan_or_execution, only, owned
from opstwin.cli.options import Output, Resource, Target, Token, Url, hub_of, path_of, resource_of
from opstwin.cli.output import Form
from opstwin.cli.plan_words import phrase, state_word
from opstwin.cli.runs import run_rows, run_text

_AWAY: Final = ("unreachable", "timeout", "rejected")
"""Codes that say something about one target, and nothing about the others."""

_ENDPOINT_MARKS: Final = ("://", ".", ":")
_LONG_HASH: Final = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
"""Volumes that nobody named, and images by their id; twelve digits tell them apart, as Docker's own tables do."""


_KINDS: Final = {
    form: kind
    for kind in ("container", "volume", "network", "image") for form in (kind, f"{kind}s")
} | {
    f"{kind}s": kind
    for kind in (
        "configmap", "cronjob", "daemonset", "deployment", "horizontalpodautoscaler", "job", "namespace", "node",
        "persistentvolumeclaim", "pod", "poddisruptionbudget", "secret", "service", "statefulset",
    )
} | {"ingresses": "ingress", "networkpolicies": "networkpolicy"}  # fmt: skip
"""What people call kinds. Those of a cluster in the plural only: a workload may well be named `service`."""


def discover(
    where: Annotated[str | None, typer.Argument(help="A target, or an endpoint such as http://10.0.0.5:8080.")] = None,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Look at what runs on a target, or ask whether an endpoint exists.

    Without a target all are looked at, also when one of them is away; it is named, and the exit code is then 4.
    """
    hub = hub_of(url, token)
    if where and any(mark in where for mark in _ENDPOINT_MARKS):
        found = hub.post("/discover", {"endpoint": where})
        _endpoint(found, form)
        return
    names = [where] if where else [item["id"] for item in hub.all("/targets")["items"] if item["is_active"]]
    results, failed = _looked_at(hub, names, go_on=where is None)
    if form is not Form.TABLE:
        away = [{"target": name, **error.as_json()} for name, error in failed.items()]
        output.data(results[0] if where else [*results, *away], form)
    else:
        _discovered(results, failed)
    if failed:
        raise typer.Exit(next(iter(failed.values())).exit_code)


def _looked_at(hub: Hub, names: list[str], *, go_on: bool) -> tuple[list[dict[str, Any]], dict[str, CliError]]:
    """What each target showed, and why those that showed nothing did not."""
    results: list[dict[str, Any]] = []
    failed: dict[str, CliError] = {}
    for name in names:
        try:
            results.append(hub.post(path_of("targets", name, ":discover")))
        except CliError as error:
            if not go_on or error.code not in _AWAY:
                raise
            failed[name] = error
    return results, failed


def _discovered(results: list[dict[str, Any]], failed: dict[str, CliError]) -> None:
    rows = [
        [item["target"], item["found"], len(item["new"]), len(item["changed"]), len(item["gone"]), len(item["unknown"])]
        for item in results
    ]
    if rows or not failed:
        output.table(["target", "found", "new", "changed", "gone", "unknown"], rows, empty="No active target.")
    for item in results:
        hidden = [id.split("/")[1] for id in item["unknown"] if id.endswith("/*")]
        if hidden:
            named = ", ".join([*hidden[:5], *([f"{len(hidden) - 5} more"] if len(hidden) > 5 else [])])
            output.note(f"{item['target']}: may not list {named}. See: opstwin targets test {item['target']}")
    for name, error in failed.items():
        output.note(f"{name}: {error.message} {error.next_step}".rstrip(), colour="bad")
    output.note("See them: opstwin get")


def _endpoint(found: dict[str, Any], form: Form) -> None:
    if form is not Form.TABLE:
        output.data(found, form)
        return
    word = {True: "exists", False: "does not exist", None: "cannot be told"}[found.get("exists")]
    output.line(f"{found.get('endpoint', '')}: {word}. {found.get('seen', '')}".strip())
    if found.get("next_step"):
        output.note(str(found["next_step"]))


def get(
    name: Annotated[
        str | None, typer.Argument(help="A resource, a kind (container), or: plans, executions, runs, workloads.")
    ] = None,
    target: Target = None,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """What should be and what is, side by side."""
    hub = hub_of(url, token)
    lists = {"plans": _plans, "executions": _executions, "runs": run_rows, "workloads": _workloads}
    if name in lists:
        answer = hub.all(f"/{name}", target=target)
        output.data(answer, form) if form is not Form.TABLE else lists[name](answer)
        return
    kind = _KINDS.get(name or "")
    if name and kind is None:
        _named(hub, name, target, form)
        return
    answer = hub.all("/resources", target=target, kind=kind)
    output.data(answer, form) if form is not Form.TABLE else resource_rows(answer, images=kind == "image")


def _named(hub: Hub, name: str, target: str | None, form: Form) -> None:
    """One resource, or those of a workload, or where nothing is named so, those of a kind such as `node`."""
    known = [] if name.count("/") >= 2 else hub.all("/resources", target=target)["items"]
    found = fitting(known, name)
    parts = owned(known, name) or ([] if found else [item for item in known if item["kind"] == name])
    if not parts or len(found) == 1:
        id = name if name.count("/") >= 2 else only(known, name)
        _resource(hub.get(path_of("resources", id)), form)
    elif form is not Form.TABLE:
        output.data({"items": parts, "next": None}, form)
    else:
        resource_rows({"items": parts})


def resource_rows(answer: dict[str, Any], *, images: bool = False) -> None:
    """Resources as a table."""
    shown = [item for item in answer["items"] if images or item["kind"] != "image"]
    rows = [_resource_row(item) for item in shown if (item.get("observed") or item.get("desired"))]
    output.table(["resource", "health", "managed", "drift", "image", "observed"], rows, empty="Nothing is known yet.")
    if not rows:
        output.note("Look first: opstwin discover")


def _resource_row(item: dict[str, Any]) -> list[object]:
    observed = item.get("observed") or {}
    spec = observed.get("spec") or (item.get("desired") or {}).get("spec") or {}
    health = observed.get("health") or "-"
    presence = observed.get("presence")
    state = presence if presence in ("absent", "unknown") else health
    drift = _drift_word(item["drift"]) if item.get("drift") else "-"
    moment = str(observed.get("observed_at") or "-")[:19].replace("T", " ")
    return [
        _LONG_HASH.sub(r"\1…", item["id"]),
        state,
        "yes" if item.get("managed") else "no",
        drift,
        _LONG_HASH.sub(r"\1…", _images(observed, spec)),
        moment,
    ]


def _images(observed: dict[str, Any], spec: dict[str, Any]) -> str:
    """The image of a container, or those of what makes pods."""
    images = (observed.get("facts") or {}).get("images")
    return ", ".join(map(str, images[:3])) if images else str(spec.get("image") or "-")


def _drift_word(drift: dict[str, Any]) -> str:
    return f"{drift['kind']} (healing paused)" if drift.get("healing_paused") else str(drift["kind"])


def _resource(one: dict[str, Any], form: Form) -> None:
    output.data(one, Form.YAML if form is Form.TABLE else form)


def _plans(answer: dict[str, Any]) -> None:
    rows = [
        [
            item["id"], item["state"], item["risk"], item["target"], item["requested_by"]["id"],
            item["summary"]["text"], item["request"][:48],
        ]
        for item in answer["items"]
    ]  # fmt: skip
    output.table(["plan", "state", "risk", "target", "asked by", "summary", "request"], rows, empty="No plans yet.")


def _executions(answer: dict[str, Any]) -> None:
    rows = [
        [
            item["id"], item["state"], item["target"], str(item["started_at"])[:19].replace("T", " "),
            item["plan_id"], item["request"][:48],
        ]
        for item in answer["items"]
    ]  # fmt: skip
    output.table(["execution", "state", "target", "started", "plan", "request"], rows, empty="Nothing was applied yet.")


def _workloads(answer: dict[str, Any]) -> None:
    rows = [
        [item["id"], ", ".join(item["images"]) or "-", _replicas(item), item["revision"]] for item in answer["items"]
    ]
    output.table(["workload", "image", "replicas", "revision"], rows, empty="No workloads yet.")


def _replicas(item: dict[str, Any]) -> str:
    """How many are wanted; what manifests say stands with each of their resources."""
    return "manifests" if item["from_manifests"] else str((item["workload"] or {}).get("replicas", 0))


def show(
    id: Annotated[str, typer.Argument(help="A plan, an execution or a run.")],
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """A plan with its full diff, an execution with its steps, or a run with its stages."""
    hub = hub_of(url, token)
    if not id.startswith(("plan_", "exec_", "run_")):
        raise no_plan_or_execution(id)
    if id.startswith("run_"):
        run = hub.get(path_of("runs", id))
        output.data(run, form) if form is not Form.TABLE else run_text(run)
        return
    if id.startswith("exec_"):
        execution = hub.get(path_of("executions", id))
        output.data(execution, form) if form is not Form.TABLE else execution_text(execution)
        return
    language = language_of("") if form is Form.TABLE else "en"
    plan = hub.get(path_of("plans", id), language=language)
    output.data(plan, form) if form is not Form.TABLE else plan_view(plan, language)


def plan_view(plan: dict[str, Any], language: str = "en") -> None:
    """A plan for people; each note on one line of its own, which no line of a change looks like."""
    output.plan_text(plan["lines"])
    for note in plan["notes"]:
        output.line(phrase(language, "note", text=" ".join(note.split())))
    asked, person = plan["requested_by"], plan["requested_by"].get("on_behalf_of")
    by = phrase(language, "behind", agent=asked["id"], person=person) if person else asked["id"]
    mode = f" · {plan['mode']}" if plan.get("mode") else ""
    state, until = state_word(language, plan["state"]), _moment(plan["expires_at"])
    output.line(phrase(language, "state", state=state, mode=mode, by=by, until=until))
    for item in plan.get("approvals") or []:
        said = f": {item['reason']}" if item.get("reason") else ""
        decision, at = state_word(language, item["decision"]), _moment(item["decided_at"])
        output.line(phrase(language, "decided", decision=decision, by=item["decided_by"]["id"], at=at, said=said))


def _moment(text: str) -> str:
    return text[:16].replace("T", " ")


def execution_text(execution: dict[str, Any], *, with_error: bool = True) -> None:
    """An execution for people."""
    output.line(f"{execution['id']}  {execution['state']}  plan {execution['plan_id']} on {execution['target']}")
    rows = [
        [
            item["phase"],
            item["change"]["op"],
            item["change"]["resource"],
            item["state"],
            (item.get("error") or {}).get("message", ""),
        ]
        for item in execution.get("steps", [])
    ]
    output.table(["phase", "change", "resource", "state", "error"], rows, empty="No steps.")
    if execution.get("error") and with_error:
        output.note(
            f"{execution['error'].get('message')} {execution['error'].get('next_step', '')}".strip(), colour="bad"
        )


def drift(
    target: Target = None,
    detailed_exitcode: Annotated[bool, typer.Option("--detailed-exitcode", help="Exit 2 when there is drift.")] = False,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Where what is differs from what should be, and why; each value as it should be -> as it is."""
    answer = hub_of(url, token).get("/drift", target=target)
    if form is not Form.TABLE:
        output.data(answer, form)
    else:
        _drifts(answer["items"])
    if detailed_exitcode and answer["items"]:
        raise typer.Exit(Exit.CHANGES)


def _drifts(items: list[dict[str, Any]]) -> None:
    rows: list[list[str]] = []
    for item in items:
        rows.append([item["resource"], _drift_word(item), item["message"]])
        rows += [["", "", f"  {line}"] for line in item["lines"]]
    output.table(["resource", "drift", "what"], rows, empty="No drift: everything is as it should be.")
    if any(item["kind"] != "unknown" for item in items):
        output.note("Put it right: opstwin plan --drift")
    elif items:
        output.note("Nobody can say how it is. Look again: opstwin discover")
    for item in items:
        if item["healing_paused"]:
            output.note(f"Something keeps changing it back. Let it be healed again: opstwin resume {item['resource']}")


def logs(
    name: Resource,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as new lines come.")] = False,
    tail: Annotated[int, typer.Option("--tail", help="How many past lines.", min=0, max=10000)] = 100,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """What a container wrote; of a workload in a cluster, what its pods write."""
    hub = hub_of(url, token)
    path = path_of("resources", resource_of(hub, name), "/logs")
    if follow:
        with hub.stream(path, tail=tail, follow="true") as events:
            for event in events:
                _log_line(event["data"], form)
        return
    answer = hub.get(path, tail=tail)
    if form is not Form.TABLE:
        output.data(answer, form)
        return
    for item in answer["items"]:
        _log_line(item, form)


def _log_line(item: dict[str, Any], form: Form) -> None:
    if form is Form.TABLE:
        output.line(str(item.get("text", "")).rstrip("\n"))
    else:
        output.data(item, form)
