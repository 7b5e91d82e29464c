"""The stages of a run as they are now: those that are stored, then what became of its plan."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.domain.approval import Approval
from opstwin.domain.deployment import Deployment
from opstwin.domain.execution import FINISHED, Execution, ExecutionState, Phase, Step, StepState
from opstwin.domain.kinds import runs
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.resource import Observed
from opstwin.domain.run import LONGEST_DRAFT, Run, Stage, StageName, StageState, all_stages
from opstwin.domain.values import Json, to_json
from opstwin.twin.store import Query

_REVIEWED: Final = {
    PlanState.PENDING: StageState.WAITING, PlanState.REJECTED: StageState.FAILED, PlanState.STALE: StageState.FAILED,
}  # fmt: skip
"""All others were approved."""

_SHOWN: Final = ("state", "why", "ready")
"""Facts that say how a rollout goes."""


async def stages_of(ledger: Ledger, run: Run) -> tuple[Stage, ...]:
    """All nine stages."""
    plan = await ledger.get(Plan, run.plan_id) if run.plan_id is not None else None
    if plan is None:
        return all_stages([*run.stages, *_drafting(run, ledger.clock.now())])
    approvals = await ledger.all(Approval, {"plan_id": plan.id})
    review = _review(plan, approvals, ledger.clock.now())
    execution = await ledger.get(Execution, plan.execution_id) if plan.execution_id else None
    if execution is not None:
        rest = await _carried_out(ledger, plan, execution)
    elif not plan.changes:
        rest = [_nothing(name) for name in (StageName.DEPLOY, StageName.MONITOR, StageName.RECORD)]
    else:
        waits = plan.state is PlanState.APPROVED
        rest = [Stage(name=StageName.DEPLOY, status=StageState.WAITING if waits else StageState.PENDING)]
    return all_stages([*run.stages, review, *rest])


def _drafting(run: Run, now: datetime) -> list[Stage]:
    """The stage that a run without a plan is in."""
    if not run.is_drafting:
        return []
    following = list(StageName)[len(run.stages)]
    if now - run.created_at < LONGEST_DRAFT:
        return [Stage(name=following, status=StageState.RUNNING)]
    lost: dict[str, Json] = {
        "error": {
            "code": "interrupted", "message": "The hub stopped before this stage was over.", "next_step": "Ask again.",
        }
    }  # fmt: skip
    return [Stage(name=following, status=StageState.FAILED, details=lost)]


def _review(plan: Plan, approvals: Sequence[Approval], now: datetime) -> Stage:
    status = _REVIEWED.get(plan.state, StageState.DONE)
    expired = plan.state in (PlanState.PENDING, PlanState.APPROVED) and now > plan.expires_at and bool(plan.changes)
    if not plan.changes:
        status = StageState.DONE
    decisions: list[Json] = [
        {"decision": item.decision, "by": item.decided_by_id, "reason": item.reason, "at": item.decided_at.isoformat()}
        for item in approvals
    ]
    details: dict[str, Json] = {
        "plan_id": plan.id, "digest": plan.digest, "state": plan.state.value, "risk": plan.risk.value,
        "changes": len(plan.changes), "notes": [*plan.notes], "expired": expired, "approvals": decisions,
    }  # fmt: skip
    return Stage(
        name=StageName.REVIEW, status=StageState.FAILED if expired else status, details=details,
        started_at=plan.created_at, finished_at=approvals[-1].decided_at if approvals else None,
    )  # fmt: skip


def _nothing(name: StageName) -> Stage:
    return Stage(name=name, status=StageState.DONE, details={"reason": "Everything is as it should be."})


async def _carried_out(ledger: Ledger, plan: Plan, execution: Execution) -> list[Stage]:
    steps = await ledger.all(Step, {"execution_id": execution.id})
    times = {"started_at": execution.started_at, "finished_at": execution.finished_at}
    deploy: dict[str, Json] = {
        "execution_id": execution.id, "state": execution.state.value, "error": to_json(execution.error),
        "steps": _steps(steps),
    }  # fmt: skip
    applied, watched = _reached(execution, steps)
    kept = await _records(ledger, plan, execution)
    return [
        Stage(name=StageName.DEPLOY, status=applied, details=deploy, **times),
        Stage(name=StageName.MONITOR, status=watched, details={"rollout": await _rollout(ledger, plan)}, **times),
        Stage(name=StageName.RECORD, status=_kept(execution), details={"deployments": kept}),
    ]


def _reached(execution: Execution, steps: Sequence[Step]) -> tuple[StageState, StageState]:
    """How far deploying and watching are. What was done stays done; the one that failed is undone, then failed."""
    if execution.state is ExecutionState.SUCCEEDED:
        return StageState.DONE, StageState.DONE
    if execution.state is ExecutionState.VERIFYING:
        return StageState.DONE, StageState.RUNNING
    if execution.state is ExecutionState.APPLYING:
        return StageState.RUNNING, StageState.PENDING
    ended = StageState.UNDOING if execution.state is ExecutionState.ROLLING_BACK else StageState.FAILED
    forward = [step.state for step in steps if step.phase is Phase.FORWARD]
    all_done = bool(forward) and all(state is StepState.DONE for state in forward)
    return (StageState.DONE, ended) if all_done else (ended, StageState.PENDING)


def _kept(execution: Execution) -> StageState:
    """The record is written in the moment in which the execution ends, however it ends."""
    return StageState.DONE if execution.state in FINISHED else StageState.PENDING


def _steps(steps: Sequence[Step]) -> Json:
    ordered = sorted(steps, key=lambda step: (step.phase is Phase.BACK, step.index))
    return [
        {
            "phase": step.phase.value, "change": step.change.op.value, "resource": step.change.resource,
            "state": step.state.value,
        }
        for step in ordered
    ]  # fmt: skip


async def _rollout(ledger: Ledger, plan: Plan) -> Json:
    """What runs of the plan, as it was last seen."""
    items: list[Json] = []
    for change in plan.changes:
        if not runs(change.kind):
            continue
        seen = await ledger.get(Observed, change.resource)
        items.append({"resource": change.resource, **_seen(seen)})
    return items


def _seen(seen: Observed | None) -> Mapping[str, Json]:
    if seen is None:
        return {"presence": "unknown"}
    facts = {key: seen.facts[key] for key in _SHOWN if seen.facts.get(key)}
    return {
        "presence": seen.presence.value, "health": seen.health.value, "observed_at": seen.observed_at.isoformat(),
        **facts,
    }  # fmt: skip


async def _records(ledger: Ledger, plan: Plan, execution: Execution) -> Json:
    """The deployment records that the execution left."""
    names = {item.workload for item in plan.changes if item.workload} | {item.name for item in plan.workloads}
    found: list[Json] = []
    for name in sorted(names):
        where: dict[str, str | bool | None] = {"service_name": name, "target_cluster": plan.target}
        page = await ledger.store.find(Query(Deployment, where, limit=100, newest_first=True))
        found += [
            {"id": item.id, "service": item.service_name, "outcome": item.outcome, "success": item.success}
            for item in page.items
            if item.execution_id == execution.id
        ]
    return found
