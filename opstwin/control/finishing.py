"""What is written when an execution ends: the plan's fate, what is wanted now, and the deployment records."""

from collections.abc import Sequence
from dataclasses import replace

from opstwin.control.application_records import applications_of
from opstwin.control.ledger import Ledger
from opstwin.domain.access import ActorKind
from opstwin.domain.deployment import Deployment, image_parts, purpose_of
from opstwin.domain.draft_origin import confidence_in
from opstwin.domain.execution import Before, Execution, ExecutionState
from opstwin.domain.plan import Plan, PlanState, WorkloadChange
from opstwin.domain.resource import Desired, WorkloadRecord
from opstwin.domain.values import ExecutionId, PlanId, resource_id
from opstwin.domain.workload import Workload
from opstwin.errors import NotFound
from opstwin.twin.store import Put, Remove, Write

_FATE = {
    ExecutionState.SUCCEEDED: PlanState.APPLIED,
    ExecutionState.ROLLED_BACK: PlanState.ROLLED_BACK,
    ExecutionState.NEEDS_HUMAN: PlanState.FAILED,
}


async def closing_writes(ledger: Ledger, execution: Execution, end: ExecutionState) -> list[Write]:
    """The writes that belong to the same moment as the move to `end`."""
    plan = await ledger.need(Plan, execution.plan_id)
    writes: list[Write] = [Put(replace(plan, state=_FATE[end]))]
    if end is ExecutionState.ROLLED_BACK:
        writes += await restoring(ledger, execution)
    writes += [Put(_ended(ledger, execution, end, record)) for record in applications_of(plan)]
    before = {item.resource: item.workload for item in execution.before if item.workload}
    for item in plan.workloads:
        old = before.get(resource_id(item.target, "workload", item.name))
        writes.append(Put(_ended(ledger, execution, end, _deployment(plan, item, old.workload if old else None))))
    return writes


def _ended(ledger: Ledger, execution: Execution, end: ExecutionState, record: Deployment) -> Deployment:
    return replace(
        record, id=ledger.ids.new("dep"), execution_id=execution.id, deployed_at=ledger.clock.now(), outcome=end.value,
        success=end is ExecutionState.SUCCEEDED,
    )  # fmt: skip


async def restoring(ledger: Ledger, execution: Execution) -> list[Write]:
    """The writes that make the twin want again what it wanted before the execution began.

    What somebody else has set since then stays as they set it.
    """
    writes: list[Write] = []
    for item in execution.before:
        if item.resource.split("/")[1] == "workload":
            writes += await _restore_workload(ledger, execution.plan_id, item)
        else:
            writes += await _restore_desired(ledger, execution.plan_id, item)
    return writes


async def _restore_desired(ledger: Ledger, plan_id: PlanId, item: Before) -> Sequence[Write]:
    current = await ledger.get(Desired, item.resource)
    if (
        current is None
        or current.plan_id != plan_id
        or (item.desired is not None and current.spec == item.desired.spec)
    ):
        return []
    if item.desired is None:
        return [Remove(current)]
    back = replace(item.desired, mode=current.mode, revision=current.revision + 1, version=current.version)
    return [Put(back)]


async def _restore_workload(ledger: Ledger, plan_id: PlanId, item: Before) -> Sequence[Write]:
    current = await ledger.get(WorkloadRecord, item.resource)
    if current is None:
        raise NotFound(f"The workload record {item.resource} is gone.")
    if current.plan_id != plan_id:
        return []
    if item.workload is None:
        return [Remove(current)]
    return [Put(replace(item.workload, revision=current.revision + 1, version=current.version))]


def _deployment(plan: Plan, item: WorkloadChange, previous: Workload | None) -> Deployment:
    shown = item.workload or previous
    name, tag = image_parts(shown.image) if shown else ("", "")
    limits = shown.resources if shown else None
    cpu = limits.cpu_millicores if limits else None
    memory = limits.memory_bytes if limits else None
    confidence = confidence_in(plan.drafts, item.name)
    return Deployment(
        id="", service_name=item.name, image_name=name, image_tag=tag, service_type=_service_type(shown),
        language=(shown.labels.get("language", "") if shown else ""), cpu_request=cpu, cpu_limit=cpu,
        memory_request=memory, memory_limit=memory, replicas=item.workload.replicas if item.workload else 0,
        target_cluster=item.target, deployed_at=plan.created_at, success=False, outcome="",
        ai_generated=confidence is not None or plan.requested_by.kind is ActorKind.AGENT, ai_confidence=confidence,
        plan_id=plan.id, execution_id=ExecutionId(""),
        workload=item.workload, previous=previous,
    )  # fmt: skip


def _service_type(workload: Workload | None) -> str:
    if workload is None:
        return ""
    return workload.labels.get("service-type", purpose_of(workload.image))
