"""Verbs about clusters alone."""

from collections import Counter
from typing import Annotated, Any, Final

import typer

from opstwin.cli import output
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.options import Output, Token, Url, complete_target, hub_of, path_of
from opstwin.cli.output import Form
from opstwin.cli.seeing import resource_rows

k8s = typer.Typer(name="k8s", help="Kubernetes clusters.", no_args_is_help=True)

_WELL: Final = ("healthy", "none", "starting")


@k8s.command()
def resources(
    cluster: Annotated[str, typer.Option("--cluster", "-c", help="Which cluster.", autocompletion=complete_target)],
    kind: Annotated[str | None, typer.Argument(help="One kind, such as deployment.")] = None,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """What is on a cluster: how many of each kind, and what ails, first."""
    hub = hub_of(url, token)
    target = hub.get(path_of("targets", cluster))
    if target["backend_type"] != "kubernetes":
        raise CliError(
            Exit.ERROR, f"{cluster} is no Kubernetes cluster.", next_step=f"See it: opstwin get --target {cluster}"
        )
    answer = hub.all("/resources", target=cluster, kind=kind)
    answer["items"].sort(key=lambda item: (not _ails(item), item["id"]))
    if form is not Form.TABLE:
        output.data(answer, form)
        return
    counts = Counter(item["kind"] for item in answer["items"])
    ailing = Counter(item["kind"] for item in answer["items"] if _ails(item))
    output.table(["kind", "count", "ailing"], [[name, counts[name], ailing[name]] for name in sorted(counts)])
    shown = answer["items"] if kind else [item for item in answer["items"] if _ails(item)]
    if shown:
        output.line()
        resource_rows({"items": shown})


def _ails(item: dict[str, Any]) -> bool:
    """Whether somebody should look at it: it is not well, cannot be seen, or is not as it should be."""
    observed = item.get("observed") or {}
    unseen = observed.get("presence") == "unknown"
    return unseen or bool(item.get("drift")) or observed.get("health", "none") not in _WELL
