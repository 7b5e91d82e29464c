"""Plans and executions in short: what would happen, who must decide, and the next call."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opstwin.domain.values import Json
from opstwin.tools.cells import bullets, cell, counted, fenced, plain, without_empty
from opstwin.tools.next_calls import as_calls

MAX_LINES: Final = 60
"""Lines of a plan in a brief answer: a plan of a dozen resources is whole, one of hundreds is not."""

_WIDE: Final = 300
_STEPS: Final = 20
_NOTES: Final = 5
_RUNNING: Final = frozenset({"applying", "verifying", "rolling_back"})


def approve_command(plan_id: str) -> str:
    """What a person types to decide."""
    return f"opstwin approve {plan_id}"


def plan_brief(plan: Mapping[str, Any]) -> Mapping[str, Json]:
    """A plan with its diff as text, capped, and what comes next."""
    waits = plan["state"] == "pending"
    return without_empty(
        {
            "id": plan["id"],
            "state": plan["state"],
            "target": plan["target"],
            "risk": plan["risk"],
            "summary": plan["summary"]["text"],
            "lines": _capped(plan["lines"]),
            "notes": [plain(note, _WIDE) for note in plan["notes"][:_NOTES]],
            "moved": [plain(name) for name in plan["moved"][:_NOTES]],
            "tainted": plan["tainted"],
            "decisions": [_decision(item) for item in plan["approvals"]],
            "digest": plan["digest"],
            "approve_url": plan["approve_url"] if waits else "",
            "approve_command": approve_command(plan["id"]) if waits else "",
            "execution_id": plan["execution_id"],
            "hint": plan_hint(plan),
        }
    )


def plan_hint(plan: Mapping[str, Any]) -> str:
    """The next call for a plan as it stands."""
    id, execution = plan["id"], plan["execution_id"]
    if plan.get("moved"):
        return f"it is stale: discover(id={plan['target']}), then plan_create(…) again"
    if execution is not None:
        return f"what became of it: execution_get(id={execution})"
    steps: Mapping[str, str] = {
        "pending": f"show a human these lines; they decide: {approve_command(id)}; then plan_apply(id={id})",
        "approved": f"plan_apply(id={id})",
        "rejected": "a human said no: ask what should be different, then plan_create(…) again",
        "stale": f"discover(id={plan['target']}), then plan_create(…) again",
        "applied": "nothing is to be done: it is as asked already",
    }
    return steps.get(plan["state"], f"plan_show(id={id})")


def plan_text(brief: Mapping[str, Any]) -> str:
    """A brief plan as Markdown."""
    taint = " · TAINTED: its arguments repeat text that others wrote" if brief.get("tainted") else ""
    lines = [
        f"Plan {brief['id']} on {cell(brief['target'])}: {brief['state']}, risk {brief['risk']}{taint}",
        *fenced(brief["lines"]),
    ]
    for name in ("notes", "moved", "decisions"):
        if brief.get(name):
            lines += [f"{name}:", *bullets(brief[name])]
    lines.append(f"Digest: {brief['digest']}")
    if brief.get("approve_url"):
        lines.append(f"A human decides at {cell(brief['approve_url'])} or with: {cell(brief['approve_command'])}")
    return "\n".join([*lines, f"Next: {cell(brief['hint'], 400)}"])


def execution_brief(execution: Mapping[str, Any]) -> Mapping[str, Json]:
    """An execution with its steps by state, what went wrong, and what comes next."""
    steps: Sequence[Mapping[str, Any]] = execution["steps"]
    ordered = sorted(steps, key=lambda step: step["state"] not in ("failed", "intended"))
    rest = len(steps) - _STEPS
    counts: dict[str, Counter[str]] = {"steps": Counter(), "undone": Counter()}
    for step in steps:
        counts["undone" if step["phase"] == "back" else "steps"][step["state"]] += 1
    return without_empty(
        {
            "id": execution["id"],
            "state": execution["state"],
            "plan_id": execution["plan_id"],
            "target": execution["target"],
            "summary": f"{execution['id']} on {execution['target']}: {execution['state'].replace('_', ' ')}.",
            "counts": without_empty({name: dict(counter) for name, counter in counts.items()}),
            "error": _said(execution["error"]),
            "steps": [
                *(_step(step, execution["error"]) for step in ordered[:_STEPS]),
                *([f"{rest} more: response_format=detailed"] if rest > 0 else []),
            ],
            "cancel_requested_by": execution["cancel_requested_by"],
            "started_at": execution["started_at"],
            "finished_at": execution["finished_at"],
            "hint": execution_hint(execution),
        }
    )


def execution_hint(execution: Mapping[str, Any]) -> str:
    """The next call for an execution as it stands."""
    id, target, state = execution["id"], execution["target"], execution["state"]
    if state in _RUNNING:
        return f"wait: execution_get(id={id}, wait_s=50); stop and undo it: execution_cancel(id={id})"
    if any(step["change"].get("command") for step in execution["steps"]):
        return f"what it said: exec_run(plan_id={execution['plan_id']})"
    commands = [step for step in execution["steps"] if step["change"]["op"] == "exec"]
    steps = {
        "succeeded": (
            f"what it said: exec_run(plan_id={execution['plan_id']})"
            if commands
            else f"see it: twin_query(target={target}); undo it: rollback_plan(id={id})"
        ),
        "rolled_back": (
            f"it was undone, and the error says why: mend that, then plan_create(…) again; "
            f"is anything wrong now: diagnose(target={target})"
        ),
        "needs_human": f"a human must look: opstwin show {id}; what is there: twin_query(target={target})",
    }
    return steps.get(state, f"execution_get(id={id})")


def execution_text(brief: Mapping[str, Any]) -> str:
    """A brief execution as Markdown."""
    lines = [cell(brief["summary"], 300)]
    if brief.get("counts"):
        lines.append(counted(brief["counts"]))
    if brief.get("error"):
        lines.append(f"Error: {cell(brief['error'], 500)}")
    lines += bullets(brief.get("steps", ()))
    return "\n".join([*lines, f"Next: {cell(brief['hint'], 400)}"])


def _capped(lines: Sequence[str]) -> list[str]:
    """The first lines, each cut where it is very wide, and how many are left out."""
    kept = [plain(line, _WIDE) for line in lines[:MAX_LINES] if not line.startswith(("Digest:", "다이제스트:"))]
    rest = len(lines) - MAX_LINES
    while kept and not kept[-1]:
        kept.pop()
    return [*kept, f"{rest} more: response_format=detailed"] if rest > 0 else kept


def _decision(approval: Mapping[str, Any]) -> str:
    reason = f": {approval['reason']}" if approval["reason"] else ""
    return plain(f"{approval['decision']} by {approval['decided_by_id']}{reason}", _WIDE)


def _step(step: Mapping[str, Any], told: Mapping[str, Any] | None) -> str:
    """One step, with its error where that is not `told` already."""
    change, back = step["change"], "undo: " if step["phase"] == "back" else ""
    error = f" – {_said(step['error'])}" if step["error"] and step["error"] != told else ""
    return plain(f"{back}{change['op']} {change['kind']} {change['name']} {step['state']}{error}", _WIDE)


def _said(error: Mapping[str, Any] | None) -> str:
    if not error:
        return ""
    message, step = str(error.get("message") or ""), as_calls(str(error.get("next_step") or ""))
    ended = message if not step or message.endswith((".", "!", "?", "…")) else f"{message}."
    return plain(f"{ended} {step}".strip() or str(error.get("code", "")), 500)
