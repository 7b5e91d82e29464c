"""Verbs that look at a container as Kubernetes would need it, and that make its manifests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from opstwin.cli import output
from opstwin.cli.client import Hub
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.naming import is_file, looks_like_file, no_file
from opstwin.cli.options import Output, Resource, Target, Token, Url, hub_of, path_of, resource_of
from opstwin.cli.output import Form
from opstwin.cli.requesting import Asked
from opstwin.cli.seeing import plan_view

_TOLD: Final = ("error", "warning")
"""Levels of the checks that are shown; `-o json` has all."""


def inspect(name: Resource, form: Output = Form.TABLE, url: Url = None, token: Token = None) -> None:
    """A container as another place would need it: image, ports, variables, volumes, user, and what it uses now."""
    hub = hub_of(url, token)
    found = hub.get(path_of("resources", resource_of(hub, name), "/inspect"))
    if form is not Form.TABLE:
        output.data(found, form)
        return
    told = ((key, _cell(value)) for key, value in found.items())
    output.table(["field", "value"], [[key, value] for key, value in told if value])


def generate(
    source: Annotated[
        str, typer.Argument(help="A container, a workload, an image, a workload or Compose file, or words.")
    ],
    target: Target = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Where it shall run.")] = None,
    kube_version: Annotated[
        str | None, typer.Option("--kube-version", help="Kubernetes without a target, such as 1.29; else the newest.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="S, M or L: requested where nothing is known.")
    ] = None,
    autoscale: Annotated[str | None, typer.Option("--autoscale", help="MIN-MAX replicas, by their use.")] = None,
    network_policy: Annotated[
        bool, typer.Option("--network-policy", help="Let in only members of its networks.")
    ] = False,
    host: Annotated[str | None, typer.Option("--host", help="A name to be reached by from outside.")] = None,
    run_as: Annotated[str | None, typer.Option("--run-as", help="auto, deployment, statefulset or job.")] = None,
    schedule: Annotated[str | None, typer.Option("--schedule", help='When it runs, such as "0 3 * * *".')] = None,
    var: Annotated[list[str] | None, typer.Option("--var", help="NAME=VALUE for ${NAME} in a Compose file.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write a file for each manifest into this folder.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Make a plan from them; --target names the cluster.")] = False,
    korean: Annotated[bool, typer.Option("--korean", help="Say it in Korean.")] = False,
    form: Output = Form.YAML,
    url: Url = None,
    token: Token = None,
) -> None:
    """Kubernetes manifests for a container, an image, a file or words, each value explained. Nothing is changed.

    The manifests are the output; what to know about them stands beside it. Opstwin resolves secrets when it applies a
    plan; for other tools the keys that each Secret needs are listed.
    """
    options = {
        "namespace": namespace, "kubernetes": kube_version, "profile": profile, "autoscale": autoscale, "host": host,
        "network_policy": network_policy or None, "run_as": run_as, "schedule": schedule,
    }  # fmt: skip
    hub = hub_of(url, token)
    body = _body(source, target, var or (), {key: value for key, value in options.items() if value is not None})
    if plan:
        _planned(hub, body, out, form)
        return
    made = hub.post("/manifests:generate", body | ({"language": "ko"} if korean else {}))
    if out is not None:
        _write(out, [(item["kind"], item["name"], item["text"]) for item in made["manifests"]])
    elif form is Form.YAML:
        output.written("".join(item["text"] for item in made["manifests"]))
    if form is Form.JSON:
        output.data(made, form)
    elif form is Form.TABLE:
        output.table(["kind", "name", "version"], [[m["kind"], m["name"], m["api_version"]] for m in made["manifests"]])
    _explain(made, korean=korean or _is_korean(body.get("words", "")))


def _body(source: str, target: str | None, var: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    """What was typed as a request: a file that is there, words where there are blanks, else the name of something."""
    if source == "-" or is_file(source):
        body = Asked(file=Path(source), target=target, var=var).body()
    elif looks_like_file(source):
        raise no_file(Path(source), "Name a file that is there, a container, a workload or an image: opstwin get")
    elif " " in source.strip():
        body = Asked(words=source, target=target, var=var).body()
    else:
        body = {"source": source} | ({"target": target} if target else {})
    return body | {"options": options}


def _is_korean(words: str) -> bool:
    return any("가" <= letter <= "힣" for letter in words)


def _planned(hub: Hub, body: dict[str, Any], out: Path | None, form: Form) -> None:
    """Start a run: it drafts the manifests, keeps them, and makes the plan."""
    run = hub.post("/runs", body)
    stages = {stage["name"]: stage for stage in run["stages"]}
    if out is not None:
        artefacts = stages["generate"]["details"].get("artefacts", [])
        _write(out, [(item["kind"], item["name"], item["text"]) for item in artefacts])
    if form is Form.JSON:
        output.data(run, form)
    failed = next((stage for stage in run["stages"] if stage["status"] == "failed"), None)
    if failed is not None:
        error = failed["details"]["error"]
        raise CliError(Exit.ERROR, error["message"], next_step=error["next_step"], code=error["code"])
    made = hub.get(path_of("plans", run["plan_id"]))
    if form is not Form.JSON:
        plan_view(made)
    if made["changes"]:
        output.note(f"Approve it: opstwin approve {made['id']}")


def _write(folder: Path, manifests: list[tuple[str, str, str]]) -> None:
    """One file for each, numbered in the order in which they are applied."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (kind, name, text) in enumerate(manifests, start=1):
            (folder / f"{number:02}-{kind.lower()}-{name}.yaml").write_text(text, encoding="utf-8")
    except OSError as error:
        raise CliError(
            Exit.ERROR, f"{folder} cannot be written: {error.strerror}.", next_step="Name another folder with --out."
        ) from error
    output.note(f"{len(manifests)} files written to {folder}. Check them: opstwin lint {folder}", colour="ok")


def _explain(made: dict[str, Any], *, korean: bool) -> None:
    """What to know about the manifests, beside them."""
    if made["source"] != "template":
        output.note(f"Filled in by a language model ({made['source']}), confidence {made['confidence']}.", colour="ok")
    for text in (*made["why"].splitlines(), *made["reasoning"].splitlines()):
        output.note(text)
    said = "text_ko" if korean else "text"
    _beside(["level", "of", "field", "finding", "next"], [
        [item["level"], item["workload"], item["field"], item[said], item["next_step"]] for item in made["findings"]
    ])  # fmt: skip
    said, fix = ("message_ko", "fix_ko") if korean else ("message", "fix")
    _beside(["check", "rule", "manifest", "finding", "next"], [
        [item["level"], item["rule"], item["subject"], item[said], item[fix]]
        for item in made["checks"]
        if item["level"] in _TOLD
    ])  # fmt: skip
    _beside(["secret", "key", "taken from"], [
        [item["secret"], item["key"], item["reference"]] for item in made["secrets"]
    ])  # fmt: skip
    _beside(["past deployment", "score", "service", "image", "outcome", "oom"], [
        [item["id"], item["score"], item["service"], item["image"], item["outcome"], item["oom_events"]]
        for item in made["history"]
    ])  # fmt: skip


def _beside(columns: list[str], rows: list[list[object]]) -> None:
    if rows:
        output.note("")
        output.table(columns, rows, beside=True)


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_cell(item)}" for key, item in value.items() if item not in (None, "", [], {}))
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return "" if value is None else str(value)
