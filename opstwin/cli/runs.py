"""Runs for people: a list of them, and one with its stages."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from opstwin.cli import output

Details = Mapping[str, Any]


def run_rows(answer: dict[str, Any]) -> None:
    """Runs as a table: how far each is, and where its plan is found."""
    rows = [
        [
            item["id"], item["status"], item["stage"], item["target"], item["plan_id"] or "-",
            _moment(item["created_at"]), item["request"][:48],
        ]
        for item in answer["items"]
    ]  # fmt: skip
    output.table(["run", "status", "stage", "target", "plan", "asked", "request"], rows, empty="No runs yet.")
    if not rows:
        output.note("A run deploys to a cluster: opstwin generate NAME --plan")


def run_text(run: dict[str, Any]) -> None:
    """A run with its stages, and where its plan is found."""
    output.line(f"{run['id']}  {run['status']} ({run['stage']})  {run['target']}  {run['request']}")
    rows = [
        [item["name"], item["status"], _moment(item["finished_at"] or item["started_at"] or ""), _told(item)]
        for item in run["stages"]
    ]
    output.table(["stage", "status", "at", "what"], rows)
    if run["plan_id"]:
        output.note(f"Its plan: opstwin show {run['plan_id']}")


def _told(stage: dict[str, Any]) -> str:
    """What a stage came to, in short."""
    details: Details = stage["details"]
    error = details.get("error") or {}
    if error:
        return f"{error.get('message', '')} {error.get('next_step', '')}".strip()
    wanted = _SHORT.get(stage["name"])
    return wanted(details) if wanted is not None and details else ""


def _decided(details: Details) -> str:
    given = ", ".join(f"{item['decision']} by {item['by']}" for item in details.get("approvals", []))
    expired = ", expired" if details.get("expired") else ""
    return f"{details['changes']} changes, risk {details['risk']}{expired}{f', {given}' if given else ''}"


def _names(items: list[dict[str, Any]]) -> str:
    return ", ".join(str(item.get("name") or item.get("id")) for item in items)


def _deployed(details: Details) -> str:
    return f"{details['execution_id']} {details['state']}" if "execution_id" in details else str(details.get("reason"))


def _rollout(details: Details) -> str:
    items = details.get("rollout")
    if items is None:
        return str(details.get("reason", ""))
    return ", ".join(
        f"{item['resource']} {item.get('ready') or item.get('health') or item['presence']}" for item in items
    )


def _recorded(details: Details) -> str:
    found = ", ".join(f"{item['id']} {item['outcome']}" for item in details.get("deployments", []))
    return found or str(details.get("reason", ""))


_SHORT: Final[Mapping[str, Callable[[Details], str]]] = {
    "request": lambda found: f"by {found.get('by', '')}",
    "inspect": lambda found: _names(found.get("containers", [])),
    "history": lambda found: f"{len(found.get('items', []))} past deployments that are alike",
    "analysis": lambda found: f"{found.get('source') or 'rules'}, {found.get('tokens', 0)} tokens",
    "generate": lambda found: _names(found.get("artefacts", [])), "review": _decided, "deploy": _deployed,
    "monitor": _rollout, "record": _recorded,
}  # fmt: skip
"""What is told of the details of each stage."""


def _moment(text: str) -> str:
    return text[:16].replace("T", " ")
