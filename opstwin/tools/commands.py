"""The tool that runs a command: what only reads at once, everything else after a human approved it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from pydantic import Field

from opstwin.control.running import FAILED, FINISHED, Ran
from opstwin.control.transcripts import safe_output, safe_words
from opstwin.domain.access import Scope
from opstwin.domain.audit import AuditRow
from opstwin.domain.command import MAX_TIMEOUT_S, MAX_WORD, MAX_WORDS, TIMEOUT_S, Command
from opstwin.domain.execution import FINISHED as FINISHED_STATES
from opstwin.domain.execution import Execution
from opstwin.domain.plan import Plan, PlanState, Risk
from opstwin.domain.read_only import why_not_read_only
from opstwin.domain.values import Digest, Json, PlanId, ResourceId
from opstwin.errors import InvalidInput
from opstwin.tools.fields import PlanName
from opstwin.tools.plan_views import approve_url
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.services import Services
from opstwin.tools.waiting import WAITING

DONE: Final = "done"
STOPPED: Final = "stopped"
RUNNING: Final = "running"
NOT_RUN: Final = "failed"
_MAX_SHOWN: Final = 6_000
"""Characters of each stream in a brief answer: about 1,500 tokens."""


class ExecAsk(Ask):
    """A command to run, or the plan of one to see what it said. There is no field that stands for an approval."""

    resource: Annotated[
        str | None,
        Field(
            min_length=1, max_length=400, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@/-]*$", description="container or host",
            examples=["local/container/web-1", "host"],
        ),
    ] = None  # fmt: skip
    argv: Annotated[
        list[Annotated[str, Field(max_length=MAX_WORD)]] | None,
        Field(min_length=1, max_length=MAX_WORDS, description="program, words; no shell", examples=[["df", "-h"]]),
    ] = None
    plan_id: Annotated[PlanName | None, Field(description="instead: what this plan's command said")] = None
    timeout_s: Annotated[float, Field(gt=0, le=MAX_TIMEOUT_S)] = TIMEOUT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecView:
    """What became of a command, or of the wish for it.

    `status`: `done`, `stopped` (by a limit, which `stopped` names), `failed` (it was not run, or nobody knows whether;
    `why` says more), `running`, or with nothing run yet `waiting_for_human`, `approved`, `rejected` and `stale`.
    `plan_id` is the plan of a command that does not only read.
    """

    resource: ResourceId
    argv: tuple[str, ...]
    read_only: bool
    status: str
    summary: str
    hint: str
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False
    stopped: str = ""
    duration_s: float | None = None
    why: str = ""
    plan_id: PlanId | None = None
    digest: Digest | None = None
    risk: Risk | None = None
    approve_url: str = ""


async def _exec(services: Services, caller: Caller, ask: ExecAsk) -> ExecView:
    if ask.plan_id is not None and (ask.resource is not None or ask.argv is not None):
        raise InvalidInput("A plan has its command already.", field="plan_id", next_step="Leave argv and resource out.")
    if ask.plan_id is not None:
        return await _outcome(services, caller, ask.plan_id)
    if ask.resource is None or ask.argv is None:
        missing = "resource" if ask.resource is None else "argv"
        raise InvalidInput(f"{missing} is missing.", field=missing, next_step="Give resource and argv, or plan_id.")
    command = Command(argv=tuple(ask.argv), timeout_s=ask.timeout_s)
    resource = await services.commander.find(ask.resource)
    taint = await services.taints.judged(caller, [ask.resource, *ask.argv], list(ask.argv))
    outcome = await services.commander.run(resource, command, caller.actor, taint=taint)
    return _ran(outcome) if isinstance(outcome, Ran) else _planned(outcome, caller)


def _ran(ran: Ran) -> ExecView:
    result, program = ran.result, ran.command.program
    ended = f"stopped: {result.stopped}" if result.stopped else f"exit code {result.exit_code}"
    cut = ", output cut" if result.truncated else ""
    return ExecView(
        resource=ran.resource, argv=_shown(ran.command), read_only=True, status=STOPPED if result.stopped else DONE,
        summary=f"{program} on {ran.resource}: {ended}{cut}, {ran.duration_s:.1f} s.", exit_code=result.exit_code,
        stdout=safe_output(result.stdout), stderr=safe_output(result.stderr), truncated=result.truncated,
        stopped=result.stopped, duration_s=round(ran.duration_s, 3),
        hint="ask for less at once, or give it more timeout_s" if result.stopped or result.truncated else "",
    )  # fmt: skip


async def _outcome(services: Services, caller: Caller, plan_id: str) -> ExecView:
    """What became of the command of a plan. Raises `NotFound`, `InvalidInput` for a plan of something else."""
    plan = await services.ledger.need(Plan, plan_id, next_step="List plans: opstwin get plans")
    if len(plan.changes) != 1 or plan.changes[0].command is None:
        raise InvalidInput(f"{plan_id} runs no command.", field="plan_id", next_step=f"See it: opstwin show {plan_id}")
    if plan.execution_id is None:
        return _planned(plan, caller)
    execution = await services.ledger.need(Execution, plan.execution_id)
    rows = [
        row for action in (FINISHED, FAILED)
        for row in (await services.auditing.list({"execution_id": execution.id, "action": action})).items
    ]  # fmt: skip
    view = _planned(plan, caller)
    if not rows:
        running = execution.state not in FINISHED_STATES
        status, why = (RUNNING, "") if running else (NOT_RUN, str((execution.error or {}).get("message", "")))
        hint = f"wait: execution_get(id={execution.id}, wait_s=50)" if running else f"execution_get(id={execution.id})"
        return replace(view, status=status, why=why, summary=f"{view.argv[0]} on {view.resource}: {status}.", hint=hint)
    return _told(view, rows[0])


def _told(view: ExecView, row: AuditRow) -> ExecView:
    """The transcript in the audit as an answer."""
    said = row.details
    if row.action == FAILED:
        return replace(
            view, status=NOT_RUN, why=row.reason, summary=f"{view.argv[0]} on {view.resource}: {row.reason[:200]}",
            hint="look at the resource before it is asked for again",
        )  # fmt: skip
    stopped, code = str(said["stopped"]), said["exit_code"]
    ended = f"stopped: {stopped}" if stopped else f"exit code {code}"
    return replace(
        view, status=STOPPED if stopped else DONE, summary=f"{view.argv[0]} on {view.resource}: {ended}.", why="",
        hint="", exit_code=code if isinstance(code, int) else None, stdout=str(said["stdout"]),
        stderr=str(said["stderr"]), truncated=bool(said["truncated"]), stopped=stopped, approve_url="",
        duration_s=float(said["duration_s"]) if isinstance(said["duration_s"], int | float) else None,
    )  # fmt: skip


def _planned(plan: Plan, caller: Caller) -> ExecView:
    change = plan.changes[0]
    assert change.command is not None
    steps = f"plan_apply(id={plan.id}), then exec_run(plan_id={plan.id}) shows what it said"
    status, said, hint = {
        PlanState.PENDING: (WAITING, "waits for a human", f"a human decides: opstwin approve {plan.id}; then {steps}"),
        PlanState.APPROVED: ("approved", "is approved", steps),
    }.get(plan.state, (plan.state.value, f"is {plan.state.value}", "ask for it again if it is needed"))
    return ExecView(
        resource=change.resource, argv=_shown(change.command), read_only=False,
        status=status, summary=f"{change.command.program} on {change.resource} {said}, nothing ran.",
        why=why_not_read_only(change.command.argv), plan_id=plan.id, digest=plan.digest, risk=plan.risk,
        approve_url=approve_url(plan, caller) if status == WAITING else "", hint=hint,
    )  # fmt: skip


def _shown(command: Command) -> tuple[str, ...]:
    return tuple(map(str, safe_words(command)))


def exec_brief(answer: Mapping[str, Any]) -> Mapping[str, Json]:
    """An answer without what the caller has just said, and with the beginning of long output."""
    kept = {
        key: value
        for key, value in answer.items()
        if key not in ("argv", "stdout", "stderr") and value is not None and value is not False and value != ""
    }
    texts = {key: _begin(str(answer[key])) for key in ("stdout", "stderr") if answer[key]}
    return kept | texts


def exec_text(brief: Mapping[str, Any]) -> str:
    """A brief answer as Markdown."""
    lines = [str(brief["summary"])]
    lines += [f"{name}:\n{brief[name]}" for name in ("stdout", "stderr") if brief.get(name)]
    if brief.get("why"):
        lines.append(f"Why: {brief['why']}. Risk {brief.get('risk', 'none')}. {brief.get('approve_url', '')}".rstrip())
    if brief.get("hint"):
        lines.append(f"Next: {brief['hint']}")
    return "\n".join(lines)


def _begin(text: str) -> str:
    if len(text) <= _MAX_SHOWN:
        return text
    return f"{text[:_MAX_SHOWN]}\n… {len(text) - _MAX_SHOWN} characters more: response_format=detailed"


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="exec_run",
        title="Run a command",
        purpose="Run a command in a container or on a host: ps, df and such at once, others once a human approved.",
        effect=Effect.APPLY,
        scope=Scope.EXEC,
        outward=True,
        ends_with_caller=True,
        input=ExecAsk,
        output=ExecView,
        handler=_exec,
        route=Route(method="POST", path="/exec"),
        toolset=Toolset.HOSTS,
        brief=exec_brief,
        text=exec_text,
        quotes="command output",
    ),
)
