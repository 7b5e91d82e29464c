"""Errors as a model reads them: what was wrong, and the next call. And the one refusal that is no failure: waiting."""

from collections.abc import Mapping
from typing import Any

from opstwin import logs
from opstwin.domain.values import Json, to_json
from opstwin.errors import NotApproved, OpstwinError
from opstwin.tools.next_calls import as_calls
from opstwin.tools.registry import Caller

WAITING: str = "waiting_for_human"


def told(error: OpstwinError) -> tuple[dict[str, Any], str]:
    """An error as data and as text, without secrets."""
    message, step = logs.redacted(error.message), as_calls(error.next_step)
    details = logs.redact_event(None, "", dict(error.details))
    data: dict[str, Any] = {
        "code": error.code,
        "message": message,
        "next_step": step,
        "details": to_json(details),
    }
    if error.retry_after_s is not None:
        data["retry_after_s"] = error.retry_after_s
    return {"error": data}, f"{message} {step}".strip()


def is_waiting(error: OpstwinError) -> bool:
    """Whether the plan only waits for a human: nothing is wrong with the call."""
    return isinstance(error, NotApproved) and "approvals_needed" in error.details


def waiting(error: NotApproved, caller: Caller) -> tuple[dict[str, Any], str]:
    """What a model needs to hand the decision to a human, as data and as text."""
    plan = str(error.details["plan"])
    facts: Mapping[str, Json] = {
        "status": WAITING,
        "plan": plan,
        **{key: to_json(error.details.get(key)) for key in ("summary", "risk", "digest", "approvals_needed")},
        "approve_url": f"{caller.base_url}/plans/{plan}",
        "approve_command": f"opstwin approve {plan}",
        "hint": f"After a human decided: plan_apply(id={plan})",
    }
    summary = f" {facts['summary']}" if facts["summary"] else ""
    text = (
        f"Nothing was applied: plan {plan} waits for a human.{summary} Risk: {facts['risk']}. "
        f"Show them the plan and ask them to open {facts['approve_url']} or to run `{facts['approve_command']}`; "
        f"then call plan_apply(id={plan}) again. You cannot approve it."
    )
    return dict(facts), f"{text}\n{logs.redacted(error.message)}"
