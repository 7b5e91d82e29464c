"""What a conversation tells whoever watches it, in the order in which it happens. Faces put it on their wire."""

from collections.abc import Mapping
from dataclasses import dataclass

from opstwin.domain.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBegan:
    """A node of the graph begins: understand, retrieve, draft, check, plan, await_approval, apply, verify, report, …"""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded:
    """The node ended."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolBegan:
    """A tool is called; `arguments` are shown to the person, secrets masked.

    `title` says in the language of the conversation what it does.
    """

    call_id: str
    name: str
    arguments: Mapping[str, Json]
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEnded:
    """What the tool answered, in short (Markdown) and in the language of the conversation as far as that is known.

    `failed` when it refused or failed.
    """

    call_id: str
    name: str
    summary: str
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanShown:
    """A plan to decide on: `card` is it as JSON (id, digest, summary, diff, risk, reasons, examples, confidence)."""

    plan_id: str
    card: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The conversation stands until a human decides on the plan; `expires_at` is ISO 8601."""

    plan_id: str
    digest: str
    expires_at: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A step of an execution changed its state."""

    execution_id: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The turn is over. `source` says what answered: a model's name, or `fallback` with `why` (no key, model down, …).

    `outcome`: answered, waiting, applied, rolled_back, rejected, expired, stale, failed, needs_more.
    """

    outcome: str
    source: str
    why: str = ""
    cost_usd: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0


AgentEvent = StepBegan | StepEnded | Said | ToolBegan | ToolEnded | PlanShown | Waiting | Progress | Ended
