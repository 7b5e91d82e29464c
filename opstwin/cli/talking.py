"""One turn of a conversation: sent, shown as it happens, taken up again where a connection broke."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from opstwin.cli import output
from opstwin.cli.chat_words import say
from opstwin.cli.client import Hub, segment
from opstwin.cli.exits import CliError, Exit

_TRIES: Final = 5
_AGAIN_S: Final = 1.0
_LAST: Final = frozenset({"RUN_FINISHED", "RUN_ERROR"})
_BY_CODE: Final[Mapping[str, Exit]] = {
    "forbidden": Exit.REFUSED, "not_approved": Exit.WAITING, "unreachable": Exit.UNREACHABLE,
    "timeout": Exit.UNREACHABLE, "store_unavailable": Exit.UNREACHABLE,
}  # fmt: skip
EXITS: Final[Mapping[str, Exit]] = {
    "answered": Exit.OK, "applied": Exit.OK, "waiting": Exit.WAITING, "rolled_back": Exit.PARTIAL,
    "rejected": Exit.REFUSED, "stopped": Exit.INTERRUPTED,
}  # fmt: skip
"""What the shell sees of a turn's outcome; of any other, an error."""

_ARGUMENT: Final = 60
_LINE: Final = 160
_FENCES: Final = ("untrusted text ", "```", "end of untrusted text ")


def new_id(kind: str) -> str:
    """An id for a thread or a run, made here so that a request that got no answer can be sent again as it was."""
    return f"{kind}_{uuid.uuid4().hex[:12]}"


@dataclass(slots=True)
class Told:
    """What a turn came to."""

    thread_id: str
    run_id: str
    text: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    card: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    waiting: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """How it ended."""
        return str(self.result.get("outcome", "failed"))

    @property
    def exit_code(self) -> Exit:
        """What the shell sees: a turn after which a plan waits is waiting, whatever was asked."""
        return Exit.WAITING if self.waiting else EXITS.get(self.outcome, Exit.ERROR)

    def data(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "thread_id": self.thread_id, "run_id": self.run_id, "text": self.text.strip(), "outcome": self.outcome,
            "source": self.result.get("source", ""), "why": self.result.get("why", ""),
            "cost_usd": self.result.get("costUsd"), "input_tokens": self.usage.get("inputTokens", 0),
            "output_tokens": self.usage.get("outputTokens", 0), "calls": self.calls, "plan": self.card,
            "waiting": self.waiting or None,
        }  # fmt: skip


@dataclass(slots=True)
class Turn:
    """Plays one turn. The answer's text goes to stdout as it comes unless `quiet`; what is done goes to stderr."""

    hub: Hub
    told: Told
    language: str
    quiet: bool = False
    _names: dict[str, str] = field(default_factory=dict)
    _titles: dict[str, str] = field(default_factory=dict)
    _held: str = ""
    _in_text: bool = False

    def play(self, body: Mapping[str, Any]) -> Told:
        """Send `body` and show what comes until the turn is over. Raises `CliError` for a turn that failed."""
        sent = {**body, "threadId": self.told.thread_id, "runId": self.told.run_id}
        for event in self._events(sent):
            self._take(event)
        return self.told

    def _events(self, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """All events of the turn, over as many connections as it takes."""
        last_id = ""
        for attempt in range(_TRIES):
            try:
                for item in self._connected(body, last_id):
                    last_id = str(item.get("id", last_id))
                    yield item["data"]
                    if item["data"].get("type") in _LAST:
                        return
            except CliError as error:
                if error.code != "hub_unreachable" or (not last_id and attempt == 0) or attempt == _TRIES - 1:
                    raise self._came_to_nothing(error, begun=bool(last_id)) from error
            output.note(say(self.language, "lost"))
            time.sleep(_AGAIN_S)
        raise self._came_to_nothing(
            CliError(Exit.UNREACHABLE, "The hub ended the connection.", code="hub_unreachable"), begun=True
        )

    def _connected(self, body: Mapping[str, Any], last_id: str) -> Iterator[dict[str, Any]]:
        """The events of one connection: the request itself, or what follows the last event that was seen."""
        if last_id:
            with self.hub.stream(f"/threads/{segment(self.told.thread_id)}", last_id=last_id) as events:
                yield from events
        else:
            with self.hub.stream("/chat", dict(body)) as events:
                yield from events

    def _came_to_nothing(self, error: CliError, *, begun: bool) -> CliError:
        if begun:
            error.next_step = say(self.language, "back", thread=self.told.thread_id)
        return error

    def _take(self, event: Mapping[str, Any]) -> None:
        kind = str(event.get("type", ""))
        shown = getattr(self, f"_on_{kind.lower()}", None)
        if shown is not None:
            shown(event)

    def _on_text_message_content(self, event: Mapping[str, Any]) -> None:
        """Line ends are held back until more comes: how many an answer ends with is nothing to show."""
        text = self._held + str(event["delta"])
        shown = text.rstrip("\n")
        self._held = text[len(shown) :]
        self.told.text += str(event["delta"])
        self._in_text = True
        if not self.quiet:
            output.piece(shown)

    def _on_text_message_end(self, _event: Mapping[str, Any]) -> None:
        if self._in_text and not self.quiet:
            output.line()
        self._held, self._in_text = "", False

    def _on_tool_call_start(self, event: Mapping[str, Any]) -> None:
        self._names[str(event["toolCallId"])] = str(event["toolCallName"])
        title = str((event.get("metadata") or {}).get("title", ""))
        self._titles[str(event["toolCallId"])] = title if self.language == "ko" else ""

    def _on_tool_call_args(self, event: Mapping[str, Any]) -> None:
        call_id = str(event["toolCallId"])
        if not call_id.startswith("call_plan_"):
            output.note(f"  … {self._shown(call_id)}{_arguments(str(event['delta']))}", colour="dim")

    def _on_tool_call_result(self, event: Mapping[str, Any]) -> None:
        name = self._names.get(str(event["toolCallId"]), "")
        if not name or str(event["toolCallId"]).startswith("call_plan_"):
            return
        failed = bool((event.get("metadata") or {}).get("failed"))
        summary = str(event.get("content", ""))
        self.told.calls.append({"name": name, "summary": summary, "failed": failed})
        output.note(
            f"  {'✗' if failed else '✓'} {self._shown(str(event['toolCallId']))}: {_first(summary)}",
            colour="bad" if failed else "ok",
        )

    def _shown(self, call_id: str) -> str:
        """What a call is called: English names are those of the reference pages."""
        return self._titles.get(call_id) or self._names.get(call_id, "")

    def _on_activity_snapshot(self, event: Mapping[str, Any]) -> None:
        if event.get("activityType") == "plan":
            self.told.card = dict(event["content"])

    def _on_custom(self, event: Mapping[str, Any]) -> None:
        if event.get("name") == "progress":
            output.note(f"  {event['value'].get('message', '')}")

    def _on_run_finished(self, event: Mapping[str, Any]) -> None:
        self.told.result = dict(event.get("result") or {})
        self.told.usage = dict((event.get("usage") or [{}])[0])
        outcome = event.get("outcome") or {}
        for interrupt in outcome.get("interrupts", []):
            self.told.waiting = {**interrupt.get("metadata", {}), "expires_at": interrupt.get("expiresAt", "")}

    def _on_run_error(self, event: Mapping[str, Any]) -> None:
        self._on_text_message_end(event)
        step = str((event.get("metadata") or {}).get("next_step", ""))
        code = str(event.get("code", "error"))
        message = str(event.get("message", "")).removesuffix(step).strip()
        raise CliError(_BY_CODE.get(code, Exit.ERROR), message, next_step=step, code=code)


def _first(summary: str) -> str:
    """The first line that says something; the fences around what others wrote are for models."""
    lines = (line for line in summary.splitlines() if line.strip() and not line.startswith(_FENCES))
    return next(lines, "")[:_LINE]


def _arguments(text: str) -> str:
    """A call's arguments on one line, the long ones cut."""
    try:
        given = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(given, dict):
        return ""
    return "".join(f" {key}={_short(value)}" for key, value in given.items())


def _short(value: object) -> str:
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = " ".join(shown.split())
    return shown if len(shown) <= _ARGUMENT else shown[: _ARGUMENT - 1] + "…"


def ended_note(told: Told, language: str) -> None:
    """Which model answered and what it took; what one took in vain counts too, that it did stands in the answer."""
    source = told.result.get("source")
    tokens = told.usage.get("totalTokens", 0)
    if source in ("", None, "fallback"):
        if not tokens:
            return
        source = say(language, "in_vain")
    cost = told.result.get("costUsd")
    price = say(language, "no_price") if cost is None else f"${cost:.4f}"
    output.note(say(language, "took", source=source, tokens=tokens, cost=price), colour="dim")
