"""What a workload, or everything an execution touched, was before: the goal of a roll-back that somebody asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opstwin.control.building import Goal
from opstwin.control.comparing import Wanted
from opstwin.control.ledger import Ledger
from opstwin.control.wording import worded
from opstwin.domain.deployment import Deployment
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.kinds import STAYS
from opstwin.domain.plan import Op, Plan
from opstwin.domain.resource import Desired, WorkloadRecord
from opstwin.domain.values import ExecutionId, TargetId
from opstwin.domain.workload import Workload
from opstwin.errors import NotFound
from opstwin.twin.store import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """Where to go back to."""

    target: TargetId
    goal: Goal
    notes: tuple[str, ...]


async def way_back(ledger: Ledger, subject: str, language: str = "en") -> Return:
    """What a roll-back of a workload (`target/workload/name`) or an execution aims at.

    Raises `NotFound` when the subject is not known, or nothing successful came before.
    """
    if subject.split("/")[1:2] == ["workload"]:
        return await _of_workload(ledger, subject, language)
    return await _of_execution(ledger, subject, language)


async def _of_workload(ledger: Ledger, subject: str, language: str) -> Return:
    target, _, name = subject.split("/", 2)
    record = await ledger.get(WorkloadRecord, subject)
    where: Mapping[str, str | bool | None] = {"service_name": name, "target_cluster": target, "success": True}
    page = await ledger.store.find(Query(Deployment, where, limit=100, newest_first=True))
    if not page.items:
        silent = await _executions_of(ledger, TargetId(target), name)
        if silent:
            return await _of_application(ledger, silent, language)
        raise NotFound(
            f"Nothing was ever applied to workload {name[:80]!r} on {target[:80]}, so there is nothing to go back to.",
            next_step="See what was done: opstwin history",
            details={"field": "name", "workload": subject[:200]},
        )
    if all(item.workload is None and item.previous is None for item in page.items):
        return await _of_application(ledger, [item.execution_id for item in page.items], language)
    earlier = _earlier(page.items, record.workload if record else None)
    if earlier is None:
        raise NotFound(
            f"Workload {name} has no earlier version to go back to.",
            next_step=f'To take it away: opstwin plan "delete {name}" --target {target}',
            details={"workload": subject},
        )
    goal = Goal(workloads=(earlier,), language=language)
    return Return(target=TargetId(target), goal=goal, notes=_notes(goal, language))


async def _executions_of(ledger: Ledger, target: TargetId, name: str) -> list[ExecutionId]:
    """The newest executions that changed what manifests of this name stand for, where nothing of it runs."""
    where: Mapping[str, str | bool | None] = {"target": target, "state": ExecutionState.SUCCEEDED.value}
    page = await ledger.store.find(Query(Execution, where, limit=100, newest_first=True))
    found: list[ExecutionId] = []
    for execution in page.items:
        plan = await ledger.get(Plan, execution.plan_id)
        if plan is not None and _is_silent(plan) and any(change.workload == name for change in plan.changes):
            found.append(execution.id)
    return found


def _is_silent(plan: Plan) -> bool:
    """Whether it changed resources of which no deployment tells: manifests of things that do not run."""
    return not plan.workloads and any(change.op is not Op.EXEC for change in plan.changes)


def _earlier(done: Sequence[Deployment], current: Workload | None) -> Workload | None:
    """The newest Workload of a successful deployment that is not what is wanted now."""
    if done[0].workload == current and done[0].previous is not None:
        return done[0].previous
    return next((item.workload for item in done if item.workload not in (None, current)), None)


async def _of_application(ledger: Ledger, newest_first: Sequence[ExecutionId], language: str) -> Return:
    """Before the newest execution that left something else wanted than there was: healing drift goes nowhere back."""
    found = [await _of_execution(ledger, newest_first[0], language)]
    for execution_id in newest_first[1:]:
        if await _leads_back(ledger, found[-1].goal):
            return found[-1]
        found.append(await _of_execution(ledger, execution_id, language))
    return found[-1] if await _leads_back(ledger, found[-1].goal) else found[0]


async def _leads_back(ledger: Ledger, goal: Goal) -> bool:
    for item in goal.resources:
        now = await ledger.get(Desired, item.resource)
        if (now.spec if now is not None else None) != item.spec:
            return True
    return False


async def _of_execution(ledger: Ledger, subject: str, language: str) -> Return:
    execution = await ledger.need(Execution, subject, next_step="See what was done: opstwin history")
    where: Mapping[str, str | bool | None] = {"target_cluster": execution.target, "success": True}
    done = [item async for item in ledger.each(Deployment, where) if item.execution_id == execution.id]
    plan = await ledger.need(Plan, execution.plan_id)
    before = Return(target=execution.target, goal=_resources_before(execution, plan, language), notes=())
    if any(item.workload is None and item.previous is None for item in done):
        return before
    succeeded = execution.state is ExecutionState.SUCCEEDED
    if not done and succeeded and _is_silent(plan) and await _leads_back(ledger, before.goal):
        return before
    if not done:
        raise NotFound(
            f"Execution {execution.id} left nothing behind that could be undone.",
            next_step="See what was done: opstwin history",
            details={"execution": execution.id, "state": execution.state.value},
        )
    goal = Goal(
        workloads=tuple(item.previous for item in done if item.previous is not None),
        remove=tuple(item.service_name for item in done if item.previous is None),
        language=language,
    )
    return Return(target=execution.target, goal=goal, notes=_notes(goal, language))


def _resources_before(execution: Execution, plan: Plan, language: str) -> Goal:
    """What was wanted of every resource of a cluster before the execution; what nobody wanted goes away."""
    applications = {change.resource: change.workload for change in plan.changes}
    wanted: list[Wanted] = []
    for item in execution.before:
        _, kind, name = item.resource.split("/", 2)
        if kind != "workload" and kind not in STAYS:
            old = item.desired
            wanted.append(
                Wanted(
                    resource=item.resource, kind=kind, name=name,
                    workload=old.workload if old else applications.get(item.resource), spec=old.spec if old else None,
                )
            )  # fmt: skip
    return Goal(resources=tuple(wanted), language=language)


def _notes(goal: Goal, language: str) -> tuple[str, ...]:
    back = [worded("back_to", language, image=item.image, replicas=item.replicas) for item in goal.workloads]
    return (*back, *(worded("back_to_nothing", language, name=name) for name in goal.remove))
