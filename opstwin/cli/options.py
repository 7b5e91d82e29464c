"""Options that several verbs share."""

from typing import Annotated

import typer

from opstwin.cli.client import Hub, segment
from opstwin.cli.context import find_context
from opstwin.cli.naming import check_id, only
from opstwin.cli.output import Form

Output = Annotated[Form, typer.Option("--output", "-o", help="How to write the data.", envvar="OPSTWIN_OUTPUT")]
Url = Annotated[str | None, typer.Option("--url", "--base-url", help="The hub's address.", show_default=False)]
Token = Annotated[
    str | None, typer.Option("--token", help="Access token; better set OPSTWIN_TOKEN.", show_default=False)
]


def complete_plan(incomplete: str) -> list[str]:
    """Ids of plans that begin like this; nothing when the hub does not answer."""
    return _complete("/plans", "id", incomplete)


def complete_execution(incomplete: str) -> list[str]:
    """Ids of executions that begin like this."""
    return _complete("/executions", "id", incomplete)


def complete_target(incomplete: str) -> list[str]:
    """Ids of targets that begin like this."""
    return _complete("/targets", "id", incomplete)


def complete_resource(incomplete: str) -> list[str]:
    """Ids of resources that begin like this."""
    return _complete("/resources", "id", incomplete)


def complete_workload(incomplete: str) -> list[str]:
    """Names of workloads that begin like this."""
    return _complete("/workloads", "name", incomplete)


def _complete(path: str, key: str, incomplete: str) -> list[str]:
    from opstwin.cli.exits import CliError

    try:
        items = Hub(find_context(None, None), timeout_s=1.0).get(path, limit=200)["items"]
    except CliError:
        return []
    return [str(item[key]) for item in items if str(item[key]).startswith(incomplete)]


Plan = Annotated[str, typer.Argument(help="A plan, such as plan_7f3k2m9x1q.", autocompletion=complete_plan)]
Plans = Annotated[list[str], typer.Argument(help="Plans, such as plan_7f3k2m9x1q.", autocompletion=complete_plan)]
Execution = Annotated[
    str, typer.Argument(help="An execution, such as exec_7f3k2m9x1q.", autocompletion=complete_execution)
]
Resource = Annotated[
    str, typer.Argument(help="A resource (local/container/web-1) or a name (web-1).", autocompletion=complete_resource)
]
Target = Annotated[str | None, typer.Option("--target", "-t", help="Which target.", autocompletion=complete_target)]


def hub_of(url: str | None, token: str | None) -> Hub:
    """The hub that the options name."""
    return Hub(find_context(url, token))


def resource_of(hub: Hub, name: str) -> str:
    """The full id of a resource given by id or by name. Raises `CliError` when the name fits none or several."""
    return name if name.count("/") >= 2 else only(hub.all("/resources")["items"], name)


def path_of(collection: str, id: str, rest: str = "") -> str:
    """The API path of one thing. Raises `CliError` for what cannot be its id, saying what such an id looks like."""
    check_id(collection, id)
    return f"/{collection}/{segment(id)}{rest}"
