"""Verbs about what was deployed before: list, similar, curated, quarantine; and what that predicts."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from opstwin.cli import output
from opstwin.cli.options import Output, Target, Token, Url, complete_workload, hub_of
from opstwin.cli.output import Form

_MI = 1024 * 1024


class _ListFirst(TyperGroup):
    """A group whose `list` may be left out: what is none of its verbs is a workload's name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words with `list` before them, unless they begin with a verb or ask for help."""
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


history = typer.Typer(cls=_ListFirst, help="Past deployments, their outcome, and what can be learned from them.")
Workload = Annotated[str, typer.Argument(help="A workload's name.", autocompletion=complete_workload)]
Past = Annotated[str, typer.Argument(metavar="ID", help="A past deployment, such as dep_7f3k2m9x1q.")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept in the audit.")]


@history.command("list")
def history_list(
    service: Annotated[str | None, typer.Argument(help="A workload's name.", autocompletion=complete_workload)] = None,
    target: Target = None,
    curated: Annotated[bool, typer.Option("--curated", help="The examples that ship with Opstwin.")] = False,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Past deployments and their outcome."""
    if curated:
        _examples(hub_of(url, token).get("/deployments/curated")["items"], form, scored=False)
        return
    answer = hub_of(url, token).all("/deployments", service=service, target=target)
    if form is not Form.TABLE:
        output.data(answer, form)
        return
    rows = [
        [
            str(item["deployed_at"])[:19].replace("T", " "), item["service_name"],
            f"{item['image_name']}:{item['image_tag']}", item["replicas"], item["outcome"], item["oom_events"],
            item["plan_id"],
        ]
        for item in answer["items"]
    ]  # fmt: skip
    output.table(
        ["when", "service", "image", "replicas", "outcome", "oom", "plan"], rows, empty="Nothing was deployed yet."
    )
    output.note("With restarts, repairs and commands: opstwin get executions")


@history.command("similar")
def history_similar(
    name: Annotated[str, typer.Argument(help="A workload, a container, or words.", autocompletion=complete_workload)],
    k: Annotated[int, typer.Option("-k", min=1, max=20, help="How many.")] = 5,
    image: Annotated[str, typer.Option("--image", help="An image's name.")] = "",
    purpose: Annotated[str, typer.Option("--purpose", help="web, api, worker, db or cache.")] = "",
    language: Annotated[str, typer.Option("--language", help="Such as python or go.")] = "",
    target: Target = None,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Past deployments that are most like a workload or a container, or like what is told of one."""
    asked = {"words": name} if " " in name.strip() or not name.isascii() else {"name": name}
    known = {"image": image, "purpose": purpose, "language": language, "target": target}
    answer = hub_of(url, token).get("/deployments/similar", k=k, **asked, **{key: v for key, v in known.items() if v})
    _examples(answer["items"], form, scored=True)


@history.command("quarantined")
def history_quarantined(form: Output = Form.TABLE, url: Url = None, token: Token = None) -> None:
    """Past deployments that no draft learns from, and why."""
    items = hub_of(url, token).get("/deployments/quarantined")["items"]
    if form is not Form.TABLE:
        output.data(items, form)
        return
    rows = [
        [item["id"], item["service"], item["image"], item["reason"], item["by"]["id"], item["requested_by"],
         str(item["at"])[:19].replace("T", " ")]
        for item in items
    ]  # fmt: skip
    columns = ["id", "service", "image", "why", "by", "deployed for", "since"]
    output.table(columns, rows, empty="Nothing is in quarantine.")


@history.command("quarantine")
def history_quarantine(id: Past, reason: Why, url: Url = None, token: Token = None) -> None:
    """Let no draft learn from a past deployment any more."""
    hub_of(url, token).post("/deployments:quarantine", {"id": id, "reason": reason})
    output.note(f"{id} is in quarantine. Undo it: opstwin history release {id} --reason …", colour="ok")


@history.command("release")
def history_release(id: Past, reason: Why, url: Url = None, token: Token = None) -> None:
    """Let drafts learn from it again."""
    hub_of(url, token).post("/deployments:release", {"id": id, "reason": reason})
    output.note(f"{id} is released.", colour="ok")


@history.command("rebuild")
def history_rebuild(url: Url = None, token: Token = None) -> None:
    """Read all past deployments anew from the twin, and make the index again."""
    made = hub_of(url, token).post("/deployments:rebuild", {})
    output.note(f"{made['deployments']} past deployments are remembered.", colour="ok")
    if made["without_vectors"]:
        output.note(f"Vectors are not compared: {made['without_vectors']}")


def predict(
    name: Workload,
    target: Target = None,
    korean: Annotated[bool, typer.Option("--korean", help="Say it in Korean.")] = False,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """What a workload should request: from its own use, or from what is like it. Nothing is changed."""
    known = {"target": target, "language": "ko" if korean else None}
    found = hub_of(url, token).get(
        "/predictions", workload=name, **{key: value for key, value in known.items() if value}
    )
    if form is not Form.TABLE:
        output.data(found, form)
        return
    cpu, memory = found["cpu_request"], found["memory_limit"]
    rows = [
        ["CPU request", f"{cpu}m" if cpu else "-"], ["CPU limit", "none"],
        ["memory limit", f"{memory // _MI} MiB" if memory else "-"], ["basis", found["basis"]],
        ["examples", ", ".join(found["examples"])],
    ]  # fmt: skip
    output.table(["what", "value"], [row for row in rows if row[1]])
    output.note(found["text"])
    if found["basis"] == "similar" and (cpu or memory):
        output.note("The figures above are those of the past deployments that are most like it: an estimate.")


def _examples(items: list[dict[str, Any]], form: Form, *, scored: bool) -> None:
    if form is not Form.TABLE:
        output.data(items, form)
        return
    rows = [
        [*([f"{item['score']:.2f}"] if scored else []), item["id"], item["service"], item["image"], item["purpose"],
         item["language"], item["outcome"], item["oom_events"]]
        for item in items
    ]  # fmt: skip
    columns = [*(["score"] if scored else []), "id", "service", "image", "purpose", "language", "outcome", "oom"]
    output.table(columns, rows, empty="There are none.")
