"""Where a task stands: read off its plan and its execution, going on where the twin holds what was waited for.

An execution is begun only through the guard and the gate, as by a call of `plan_apply`.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import mcp_types as types

from opstwin.domain.access import Principal
from opstwin.domain.approval import Approval, authorise, people_of
from opstwin.domain.audit import AuditEntry
from opstwin.domain.execution import FINISHED, Execution, ExecutionState, Step, StepState
from opstwin.domain.plan import Plan, PlanState
from opstwin.errors import Cancelled, Conflict, InvalidInput, NotApproved, RequestError, StalePlan, TargetError
from opstwin.server.mcp import asking_people
from opstwin.server.mcp.asking_people import Question
from opstwin.server.mcp.calling import APPLY, caller_of, failed, result
from opstwin.server.mcp.refusals import is_waiting, waiting
from opstwin.server.mcp.tasks_kept import TTL_MS, Kept, KeptTasks
from opstwin.server.mcp.tasks_wire import Context, Task, TaskStatus, as_wire
from opstwin.tools import guard
from opstwin.tools.handing import handed_out
from opstwin.tools.registry import Registry
from opstwin.tools.services import Services
from opstwin.tools.shaping import Part

WAITING_POLL_MS: Final = 5000
"""People take their time; a decision is told at once to clients that listen."""

WORKING_POLL_MS: Final = 1000
STOP: Final = "execution_cancel"
_DECIDABLE: Final = (PlanState.PENDING, PlanState.APPROVED, PlanState.REJECTED)
_FOR_NOW: Final = (Conflict, TargetError)
"""Refusals that the next look may not meet: another execution runs there, or the target is away."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Looks at tasks of plans."""

    services: Services
    registry: Registry
    kept: KeptTasks

    async def of(self, context: Context, kept: Kept) -> Task:
        """The task as it stands for this caller. Raises `StoreError` while the twin is away."""
        if kept.cancelled_at is not None:
            return _stopped(kept)
        if kept.refusal is not None:
            return _refused(kept)
        plan = await self.plan(kept)
        if plan.execution_id is not None:
            return await self._under_way(context, kept, plan.execution_id)
        return await self._before(context, kept, plan)

    async def plan(self, kept: Kept) -> Plan:
        """The plan that a task applies."""
        return await self.services.ledger.need(Plan, kept.plan_id)

    async def stop(self, context: Context, execution_id: str) -> None:
        """Ask an execution to stop and to undo what it did; nothing when it has ended."""
        with contextlib.suppress(Conflict):
            await guard.call(self.registry[STOP], self.services, caller_of(context), {"id": execution_id})

    async def _before(self, context: Context, kept: Kept, plan: Plan) -> Task:
        """Begin when the decision is there. A refusal that will stay ends the task, told as a call would be."""
        try:
            await self._check_decided(plan)
            begun = await guard.call(self.registry[APPLY], self.services, caller_of(context), {"id": plan.id})
        except _FOR_NOW as error:
            return replace(_task(kept, TaskStatus.WORKING, str(error)), poll_ms=WAITING_POLL_MS)
        except RequestError as error:
            if isinstance(error, NotApproved) and is_waiting(error):
                return self._waiting(context, kept, error)
            return await self._end_refused(context, kept, error)
        latest = await self.kept.read(kept.id)
        if latest is not None and latest.cancelled_at is not None:
            await self.stop(context, str(begun["id"]))
            return _stopped(latest)
        return await self._under_way(context, kept, str(begun["id"]))

    async def _check_decided(self, plan: Plan) -> None:
        """Return when the plan may begin. Asked first, so that looking at a task is no refused start in the audit."""
        if plan.state not in _DECIDABLE:
            raise StalePlan(f"Plan {plan.id} is {plan.state.value}.", next_step="Plan again: plan_create")
        ledger = self.services.ledger
        approvals = await ledger.all(Approval, {"plan_id": plan.id})
        people = people_of(await ledger.all(Principal))
        authorise(plan, approvals, self.services.policy, people, ledger.clock.now())

    def _waiting(self, context: Context, kept: Kept, error: NotApproved) -> Task:
        data, _ = waiting(error, caller_of(context))
        message = f"Plan {data['plan']} waits for a human: {data['approve_url']} or `{data['approve_command']}`."
        question = Question(plan=data["plan"], url=data["approve_url"], message=f"Decide on plan {data['plan']}.")
        asked = asking_people.required(context, question, "") if kept.answered_at is None else None
        if asked is None:
            task = _task(kept, TaskStatus.WORKING, message, kept.answered_at)
        else:
            requests = {key: as_wire(request) for key, request in (asked.input_requests or {}).items()}
            task = replace(_task(kept, TaskStatus.INPUT_REQUIRED, message), input_requests=requests)
        return replace(task, poll_ms=WAITING_POLL_MS)

    async def _end_refused(self, context: Context, kept: Kept, error: RequestError) -> Task:
        now = self.services.ledger.clock.now()
        ended = replace(kept, refusal={"at": now.isoformat(), "result": as_wire(failed(error))})
        reason = f"The plan cannot be applied: {error.message}"[:500]
        # A conflict: another look ended it, or it was cancelled, at this moment.
        with contextlib.suppress(Conflict):
            await self.kept.write(ended, entry(context, kept, "task.end", reason, {"code": error.code}))
        return _refused(ended)

    async def _under_way(self, context: Context, kept: Kept, execution_id: str) -> Task:
        execution = await self.services.ledger.need(Execution, execution_id)
        if execution.state not in FINISHED:
            steps = await self.services.ledger.all(Step, {"execution_id": execution.id})
            done = sum(step.state is StepState.DONE for step in steps)
            message = f"{execution.state.value}: {done} of {len(steps)} steps"
            return _task(kept, TaskStatus.WORKING, message, execution.started_at)
        if _was_stopped(execution):
            return _task(kept, TaskStatus.CANCELLED, "Stopped; what was done is undone.", execution.finished_at)
        told = await self._result(context, kept, execution)
        message = f"{execution.id}: {execution.state.value}"
        return replace(_task(kept, TaskStatus.COMPLETED, message, execution.finished_at), result=as_wire(told))

    async def _result(self, context: Context, kept: Kept, execution: Execution) -> types.CallToolResult:
        tool = self.registry["execution_get"]
        answer = await guard.call(tool, self.services, caller_of(context), {"id": execution.id})
        hand = partial(handed_out, self.services, caller_of(context), tool, {"id": execution.id}, answer)
        try:
            told = await hand(Part(kept.form, kept.fields))
        except InvalidInput:
            told = await hand(Part(kept.form))
        good = execution.state is ExecutionState.SUCCEEDED
        return result(*told).model_copy(update={"is_error": not good})


def entry(context: Context, kept: Kept, action: str, reason: str, details: Mapping[str, Any]) -> AuditEntry:
    """The audit's line about a task; its subject is the plan."""
    return AuditEntry(
        action=action, subject=kept.plan_id, actor=caller_of(context).actor, plan_id=kept.plan_id, reason=reason,
        details={"task": kept.id, **details},
    )  # fmt: skip


def _task(kept: Kept, status: TaskStatus, message: str, updated_at: datetime | None = None) -> Task:
    moved_at = max(updated_at or kept.created_at, kept.created_at)
    return Task(
        id=kept.id, status=status, created_at=kept.created_at, updated_at=moved_at, message=message, ttl_ms=TTL_MS,
        poll_ms=WORKING_POLL_MS,
    )  # fmt: skip


def _stopped(kept: Kept) -> Task:
    return _task(kept, TaskStatus.CANCELLED, "Stopped before anything was done.", kept.cancelled_at)


def _refused(kept: Kept) -> Task:
    refusal = kept.refusal or {}
    told: dict[str, Any] = refusal["result"]
    task = _task(kept, TaskStatus.COMPLETED, told["content"][0]["text"], datetime.fromisoformat(refusal["at"]))
    return replace(task, result=told)


def _was_stopped(execution: Execution) -> bool:
    """Whether it ended because somebody asked for that, and nothing of it is left."""
    code = (execution.error or {}).get("code")
    return execution.state is ExecutionState.ROLLED_BACK and code == Cancelled.code
