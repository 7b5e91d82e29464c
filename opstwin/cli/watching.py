"""Following an execution step by step until it ends."""

from typing import Any, Final

from opstwin.cli import output
from opstwin.cli.client import Hub
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.naming import check_id
from opstwin.cli.options import path_of

_SIGNS: Final = {"done": "ok", "failed": "bad", "intended": "dim", "skipped": "dim"}
ENDED: Final = ("succeeded", "rolled_back", "needs_human")
_STATES: Final = {"intended": "…", "done": "✓", "failed": "✗", "skipped": "-"}
_TURNS: Final = {
    "started": "applying",
    "verifying": "verifying: everything must stay healthy",
    "rolling_back": "rolling back",
    "rolled_back": "rolled back",
    "needs_human": "stopped for a person",
}
_WITH_WHY: Final = ("rolling_back", "waiting")
_WORDS: Final = {
    "succeeded": "Done and verified.",
    "rolled_back": "It failed and was rolled back to what was there before.",
    "needs_human": "It stopped and needs a person.",
}


def follow(hub: Hub, execution_id: str) -> dict[str, Any]:
    """Show progress on stderr until the execution has ended; returns it. Ctrl-C leaves it running in the hub."""
    check_id("executions", execution_id)
    try:
        with hub.stream("/events", execution_id=execution_id, after="0") as events:
            for event in events:
                _show(event["data"])
                if str(event["data"].get("type", "")).removeprefix("execution.") in ENDED:
                    break
    except CliError as error:
        if error.code == "not_found":
            raise
        error.next_step = f"The work goes on in the hub, or as soon as it runs again: opstwin watch {execution_id}"
        raise
    except KeyboardInterrupt:
        output.note(f"Still running in the hub. Watch it again: opstwin watch {execution_id}")
        raise
    return dict(hub.get(path_of("executions", execution_id)))


def finish(execution: dict[str, Any]) -> None:
    """Say how it ended; raises `CliError` when it did not succeed."""
    state = execution["state"]
    if state == "succeeded":
        output.note(_WORDS[state], colour="ok")
        return
    error = execution.get("error") or {}
    if state not in ENDED:
        raise CliError(Exit.PARTIAL, f"It is {state}.", next_step=f"Watch it: opstwin watch {execution['id']}")
    raise CliError(
        Exit.PARTIAL, f"{_WORDS[state]} {error.get('message', '')}".strip(), code=state,
        next_step=error.get("next_step") or f"See the steps: opstwin show {execution['id']}",
    )  # fmt: skip


def _show(event: dict[str, Any]) -> None:
    details = event.get("details") or {}
    kind = str(event.get("type", ""))
    if kind == "execution.step":
        state = str(details.get("state", ""))
        place = f"[{int(details.get('index', 0)) + 1}/{details.get('of', '?')}]"
        turn = place if details.get("phase") == "forward" else "[undo]"
        change = f"{details.get('op', '')} {event.get('resource', '')}"
        output.note(f"  {turn} {_STATES.get(state, state)} {change}", colour=_SIGNS.get(state, ""))
    elif kind.startswith("execution."):
        state = kind.removeprefix("execution.")
        colour = {"succeeded": "ok", "rolling_back": "bad", "needs_human": "bad", "waiting": "bad"}.get(state, "bold")
        words = _TURNS.get(state, state)
        output.note(f"  {words}: {event['message']}" if state in _WITH_WHY else f"  {words}", colour=colour)
