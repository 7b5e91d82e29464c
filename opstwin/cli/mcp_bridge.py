"""Tool calls of an MCP client as calls to the hub's HTTP API. A spoke: it has no other way to the hub's work.

Nothing here needs the MCP SDK. What a client sends is passed on as the agent's request; none of it can approve a plan.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from opstwin.cli.client import Hub
from opstwin.cli.context import find_context
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.mcp_identity import as_agent, forget
from opstwin.cli.mcp_requests import Offer, offered, request_of
from opstwin.cli.output import plain

FACE: Final = "mcp"
MAX_TEXT: Final = 20_000
"""Characters of the text beside a structured answer: about 5,000 tokens, well below what clients cut off at."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool call came to: data for programs, the same in short for a model, and whether nothing was done."""

    data: Mapping[str, Any]
    text: str
    failed: bool = False


class Bridge:
    """One MCP client's way to the hub. Looks for the hub anew at each call, so that either may be restarted."""

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        self._named = (url, token)
        self._offers: dict[str, Offer] = {}
        self._url = ""
        self._lock = threading.Lock()

    def offers(self) -> list[Offer]:
        """The tools that the hub lets this agent use, in the hub's order. Raises `CliError`."""
        found = [offered(item) for item in self._asked(lambda hub: hub.get("/tools"))["items"]]
        self._offers = {str(item["name"]): item for item in found}
        return found

    def call(self, name: str, given: Mapping[str, Any]) -> Outcome:
        """The hub's answer. Whatever goes wrong is an outcome too, with what to do next."""
        try:
            request = request_of(self._offer(name), given)
            answer = self._asked(request.sent)
        except CliError as error:
            return self._failure(error)
        return Outcome(answer, in_short(answer))

    def _offer(self, name: str) -> Offer:
        if name not in self._offers:
            self.offers()
        if name not in self._offers:
            raise CliError(
                Exit.ERROR, f"There is no tool {name[:80]!r} for this agent.", code="not_found",
                next_step=f"Use one of: {', '.join(self._offers)}.",
            )  # fmt: skip
        return self._offers[name]

    def _asked(self, ask: Callable[[Hub], T]) -> T:
        """What the hub answers. Where it does not know the token of this machine's agent, a new one is tried, once."""
        hub = self._hub()
        try:
            return ask(hub)
        except CliError as error:
            if error.exit_code is not Exit.AUTH or not hub.context.own or not forget(hub.context.token):
                raise
        return ask(self._hub())

    def _hub(self) -> Hub:
        with self._lock:
            context = as_agent(find_context(*self._named))
        self._url = context.url
        return Hub(context, face=FACE)

    def _failure(self, error: CliError) -> Outcome:
        data = error.as_json()
        text = f"{error.message} {error.next_step}".strip()
        if error.code == "not_approved" and "approvals_needed" in error.details:
            data = self._waiting(error) | data
            text = (
                f"Nothing was applied: {error.message} Show the plan to a human and ask them to run "
                f"`{data['approve_command']}` or to open {data['approve_url']}; then call plan_apply again."
            )
        return Outcome(data, plain(text), failed=True)

    def _waiting(self, error: CliError) -> dict[str, Any]:
        plan = str(error.details["plan"])
        return {
            "status": "waiting_for_human",
            "plan": plan,
            "digest": error.details.get("digest"),
            "risk": error.details.get("risk"),
            "approvals_needed": error.details["approvals_needed"],
            "approve_command": f"opstwin approve {plan}",
            "approve_url": f"{self._url}/plans/{plan}",
        }


def in_short(answer: Mapping[str, Any]) -> str:
    """An answer for a model that reads text only: a plan as its lines, anything else as JSON, cut where it is long."""
    lines = answer.get("lines")
    if isinstance(lines, list) and "digest" in answer:
        decide = f" A human decides: opstwin approve {answer['id']} or {answer['approve_url']}"
        state = f"State: {answer['state']}.{decide if answer['state'] == 'pending' else ''}"
        text = "\n".join([*map(str, lines), state])
    else:
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    if len(text) <= MAX_TEXT:
        return plain(text)
    rest = len(text) - MAX_TEXT
    return f"{plain(text[:MAX_TEXT])}\n… {rest} characters more: ask for less (limit, tail, target, or one by its id)."
