"""The pause of a turn, in the shape that AG-UI clients, LangChain's reviewers and our own pages all read."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from opstwin.domain.thread import Thread
from opstwin.domain.values import Json
from opstwin.server.chat.agui import APPLY, apply_call
from opstwin.tools.chat_views import WaitView

if TYPE_CHECKING:
    from ag_ui.core.events import RunFinishedInterruptOutcome

REASON: Final = "tool_call"
"""What user interfaces draw an approval card for."""

_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": (
        "Says that a human has decided at the approve_url, as the person that one is. It is not the decision: whatever "
        "is sent here, the hub reads the decision from its own records."
    ),
    "properties": {"decision": {"enum": ["approve", "reject"]}},
}


def interrupted(waiting: WaitView, card: Mapping[str, Json]) -> "RunFinishedInterruptOutcome":
    """The outcome of a run that waits for a human. The interrupt's id is the plan's."""
    from ag_ui.core.events import RunFinishedInterruptOutcome

    description = _described(waiting, card)
    interrupt = {
        "id": waiting.plan_id,
        "reason": REASON,
        "message": _message(waiting),
        "toolCallId": apply_call(waiting.plan_id),
        "responseSchema": dict(_SCHEMA),
        "expiresAt": waiting.expires_at.isoformat(),
        "metadata": {
            "plan_id": waiting.plan_id, "digest": waiting.digest, "approve_url": waiting.approve_url,
            "approve_command": waiting.approve_command, "decide": f"/api/v1/plans/{waiting.plan_id}:decide",
            "may_approve": waiting.may_approve, "approvers": list(waiting.approvers),
            # Not beside the id: AG-UI's clients drop fields there that the protocol does not have.
            "action_requests": [{"name": APPLY, "args": {"plan_id": waiting.plan_id}, "description": description}],
            "review_configs": [{"action_name": APPLY, "allowed_decisions": _decisions(waiting)}],
        },
    }  # fmt: skip
    return RunFinishedInterruptOutcome.model_validate({"interrupts": [interrupt]})


def state_of(thread: Thread, waiting: WaitView | None, outcome: str) -> dict[str, Json]:
    """How a thread stands, as the state that AG-UI clients keep."""
    return {
        "threadId": thread.name,
        "title": thread.title,
        "outcome": outcome,
        "plan": dict(thread.card),
        "waiting": None if waiting is None else {
            "planId": waiting.plan_id, "digest": waiting.digest, "expiresAt": waiting.expires_at.isoformat(),
            "approveUrl": waiting.approve_url, "approveCommand": waiting.approve_command,
            "mayApprove": waiting.may_approve, "approvers": list(waiting.approvers),
        },
    }  # fmt: skip


def _message(waiting: WaitView) -> str:
    if waiting.may_approve:
        return f"A human must decide on {waiting.plan_id}: {waiting.approve_url}"
    others = ", ".join(waiting.approvers) or "somebody who may approve"
    return f"{others} must decide on {waiting.plan_id}: {waiting.approve_url}"


def _decisions(waiting: WaitView) -> list[str]:
    """What the caller may decide: nobody is offered an approval that the hub would refuse."""
    return ["approve", "reject"] if waiting.may_approve else ["reject"]


def _described(waiting: WaitView, card: Mapping[str, Json]) -> str:
    """The plan in short Markdown."""
    diff = card.get("diff")
    lines = [str(item) for item in diff] if isinstance(diff, list) else str(diff or "").splitlines()
    summary = str(card.get("summary") or waiting.plan_id)
    shown = ["```diff", *lines[:200], "```"] if lines else []
    return "\n".join([f"**{summary}** Risk: {card.get('risk', 'not known')}.", *shown])
