"""The gate: a plan becomes an execution only with approvals bound to its very content and a world that has not moved.

Everything that changes a target starts here, whichever way it came in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from opstwin.control.approving import mandate_holds
from opstwin.control.ledger import Ledger
from opstwin.domain.access import Actor, Principal
from opstwin.domain.approval import Approval, Decision, Policy, authorise, people_of
from opstwin.domain.audit import AuditEntry
from opstwin.domain.event import Event
from opstwin.domain.execution import (
    FINISHED,
    JOURNAL_FORMAT,
    Before,
    Execution,
    ExecutionState,
    Step,
    step_id,
    step_key,
)
from opstwin.domain.healing import Mandate
from opstwin.domain.plan import Base, Change, Plan, PlanState, WorkloadChange, plan_digest
from opstwin.domain.resource import Desired, Observed, WorkloadRecord
from opstwin.domain.target import Target
from opstwin.domain.values import ExecutionId, Json, ResourceId, TargetId, resource_id
from opstwin.errors import Conflict, Forbidden, NotApproved, OpstwinError, RequestError, StalePlan, StoreError
from opstwin.twin.store import Put, Require, Write

_TRIES = 5
"""How often a start is tried again when an observation of the same resources is written at the same moment."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Turns an approved plan into an execution, exactly once."""

    ledger: Ledger
    policy: Policy

    async def start(self, plan_id: str, actor: Actor) -> Execution:
        """The execution of this plan: a new one, or the one that an earlier call began.

        Raises `NotFound`, `NotApproved` (says who must decide), `StalePlan` (the plan is then marked stale),
        `Forbidden` (inactive target) or `Conflict` (another execution runs on the target). Refusals are audited.
        """
        for attempt in range(_TRIES):
            plan = await self.ledger.need(Plan, plan_id, next_step="List plans: opstwin get plans")
            if plan.execution_id is not None:
                return await self.ledger.need(Execution, plan.execution_id)
            try:
                return await self._begin(plan, actor)
            except (NotApproved, StalePlan, Forbidden, Conflict) as refusal:
                begun = await self._begun_meanwhile(plan_id)
                if begun is not None:
                    return begun
                if not isinstance(refusal, Conflict):
                    await self.refuse(plan, actor, refusal)
                    raise
                if attempt == _TRIES - 1 or await self._running(plan.target) is not None:
                    raise
        raise AssertionError("unreachable")

    async def _begun_meanwhile(self, plan_id: str) -> Execution | None:
        """The execution of this plan that another call began at the same moment; that may be all that refused us."""
        plan = await self.ledger.get(Plan, plan_id)
        if plan is None or plan.execution_id is None:
            return None
        return await self.ledger.get(Execution, plan.execution_id)

    async def _begin(self, plan: Plan, actor: Actor) -> Execution:
        await self._check_target(plan.target)
        self._check_state(plan)
        # First, so that nobody is asked to decide on what cannot be applied any more.
        holds = await self._base_holds(plan) if plan.state is not PlanState.REJECTED else []
        approvals = await self._authorised(plan)
        now = self.ledger.clock.now()
        before, wanted = await self._wanted(plan, actor, now)
        execution = _execution(self.ledger.ids.new("exec"), plan, approvals, actor, before, now)
        used = [Put(replace(item, used_by=execution.id)) for item in approvals]
        holds += [await self._mandate_stays(item.mandate_id) for item in approvals if item.mandate_id is not None]
        running = replace(plan, state=PlanState.APPLYING, execution_id=execution.id)
        steps = [Put(step) for step in steps_of(execution.id, plan.changes)]
        await self.ledger.commit(
            [*holds, *used, Put(running), Put(execution), *steps, *wanted],
            [_started(execution, actor, [str(item.id) for item in approvals])],
            [_event(execution, now)],
        )
        return replace(execution, version=1)

    @staticmethod
    def _check_state(plan: Plan) -> None:
        if plan.state not in (PlanState.PENDING, PlanState.APPROVED, PlanState.REJECTED):
            raise StalePlan(f"Plan {plan.id} is {plan.state.value}.", next_step="Plan again: opstwin plan …")

    async def _authorised(self, plan: Plan) -> tuple[Approval, ...]:
        approvals = await self.ledger.all(Approval, {"plan_id": plan.id})
        people = people_of(await self.ledger.all(Principal))
        now = self.ledger.clock.now()
        valid = authorise(plan, approvals, self.policy, people, now)
        for approval in valid:
            if not await mandate_holds(self.ledger, approval, plan, now):
                raise NotApproved(
                    f"The mandate behind the approval of {plan.id} was taken back.",
                    next_step=f"A person must decide: opstwin approve {plan.id}",
                    details={"plan": plan.id, "mandate": approval.mandate_id},
                )
        return valid

    async def _mandate_stays(self, mandate_id: str) -> Write:
        """The start holds only while the mandate is as it was just read."""
        mandate = await self.ledger.need(Mandate, mandate_id)
        return Require(Mandate, mandate.id, mandate.version)

    async def _check_target(self, target_id: TargetId) -> None:
        target = await self.ledger.need(Target, target_id, next_step="List targets: opstwin targets list")
        if not target.is_active:
            raise Forbidden(
                f"Target {target_id} is switched off.",
                next_step=f"Switch it on: opstwin targets update {target_id} --active",
            )
        running = await self._running(target_id)
        if running is not None:
            raise Conflict(
                f"Another execution is running on {target_id}.",
                next_step=f"Wait for it: opstwin watch {running.id}",
                details={"target": target_id},
                retry_after_s=2,
            )

    async def _running(self, target_id: TargetId) -> Execution | None:
        for state in ExecutionState:
            if state not in FINISHED:
                for execution in await self.ledger.all(Execution, {"target": target_id, "state": state.value}):
                    return execution
        return None

    async def _base_holds(self, plan: Plan) -> list[Write]:
        """What the write must require so that no revision moves while it is made. Raises `StalePlan` if one has."""
        holds: list[Write] = []
        moved: list[Json] = []
        touched = {change.resource for change in plan.changes if change.command is None}
        known = await _records(self.ledger, plan.base)
        for base in plan.base:
            found = known[base.resource]
            if _has_moved(base, found):
                moved.append(base.resource)
            observed = found[1]
            holds.append(Require(Observed, base.resource, observed.version if observed else 0))
            if base.resource not in touched and isinstance(found[0], Desired):
                holds.append(Require(Desired, base.resource, found[0].version))
        if moved:
            raise StalePlan(
                f"The world moved since plan {plan.id} was made: {', '.join(map(str, moved[:5]))}.",
                next_step="Look again and make a new plan: opstwin discover, then opstwin plan …",
                details={"plan": plan.id, "moved": moved},
            )
        return holds

    async def _wanted(self, plan: Plan, actor: Actor, now: datetime) -> tuple[tuple[Before, ...], list[Write]]:
        before: list[Before] = []
        writes: list[Write] = []
        known = await self.ledger.some(Desired, [change.resource for change in plan.changes])
        for change in plan.changes:
            if change.command is not None:  # it wants nothing that could be compared with what is there
                continue
            old = known.get(change.resource)
            before.append(Before(resource=change.resource, desired=old))
            new = _desired(plan, change, old, actor, now)
            if new is not None:
                writes.append(Put(new))
        for item in plan.workloads:
            key = resource_id(item.target, "workload", item.name)
            record = await self.ledger.get(WorkloadRecord, key)
            before.append(Before(resource=key, workload=record))
            writes.append(Put(_workload_record(plan, item, record, actor, now)))
        return tuple(before), writes

    async def refuse(self, plan: Plan, actor: Actor, refusal: RequestError) -> None:
        """Write down that a start was refused; a stale plan that waited is marked stale."""
        stale = isinstance(refusal, StalePlan) and plan.state in (PlanState.PENDING, PlanState.APPROVED)
        entry = AuditEntry(
            action="execution.start", subject=plan.id, actor=actor, outcome="refused", plan_id=plan.id,
            digest=plan.digest, reason=refusal.message[:500],
        )  # fmt: skip
        writes = [Put(replace(plan, state=PlanState.STALE))] if stale else []
        try:
            await self.ledger.commit(writes, [entry])
        except Conflict:
            await self.ledger.commit([], [entry])


_Records = tuple[Desired | WorkloadRecord | None, Observed | None]


async def _records(ledger: Ledger, bases: Sequence[Base]) -> dict[ResourceId, _Records]:
    """What the twin holds now of what a plan stands on."""
    names = {base.resource for base in bases if base.resource.split("/")[1:2] == ["workload"]}
    workloads = await ledger.some(WorkloadRecord, names)
    others = [base.resource for base in bases if base.resource not in names]
    desired, observed = await ledger.some(Desired, others), await ledger.some(Observed, others)
    return {
        **{name: (workloads.get(name), None) for name in names},
        **{item: (desired.get(item), observed.get(item)) for item in others},
    }


def _has_moved(base: Base, found: _Records) -> bool:
    revisions = [record.revision if record else 0 for record in found]
    return revisions != [base.desired_revision, base.observed_revision]


async def moved_since(ledger: Ledger, plan: Plan) -> list[ResourceId]:
    """What is not as it was any more when the plan was made; the plan is then stale, and `Gate.start` refuses it."""
    known = await _records(ledger, plan.base)
    return [base.resource for base in plan.base if _has_moved(base, known[base.resource])]


def steps_of(execution: ExecutionId, changes: Sequence[Change]) -> tuple[Step, ...]:
    """The journal before anything has happened: one pending step for each change, in the plan's order."""
    return tuple(
        Step(
            id=step_id(execution, index), execution_id=execution, index=index, change=change,
            key=step_key(execution, index),
        )
        for index, change in enumerate(changes)
    )  # fmt: skip


def _execution(
    new_id: str, plan: Plan, approvals: Sequence[Approval], actor: Actor, before: tuple[Before, ...], now: datetime
) -> Execution:
    return Execution(
        id=ExecutionId(new_id), plan_id=plan.id, digest=plan.digest, target=plan.target, started_by=actor,
        approval_ids=tuple(item.id for item in approvals), lease_owner="", lease_expires_at=now, before=before,
        started_at=now,
    )  # fmt: skip


def _desired(plan: Plan, change: Change, old: Desired | None, actor: Actor, now: datetime) -> Desired | None:
    if old is not None and old.spec == change.after:
        return None
    return Desired(
        id=change.resource, target=change.target, kind=change.kind, name=change.name, workload=change.workload,
        spec=change.after, mode=old.mode if old else None, revision=old.revision + 1 if old else 1, set_by=actor,
        plan_id=plan.id, set_at=now, version=old.version if old else 0,
    )  # fmt: skip


def _workload_record(
    plan: Plan, item: WorkloadChange, old: WorkloadRecord | None, actor: Actor, now: datetime
) -> WorkloadRecord:
    return WorkloadRecord(
        id=resource_id(item.target, "workload", item.name), target=item.target, name=item.name, workload=item.workload,
        revision=old.revision + 1 if old else 1, set_by=actor, plan_id=plan.id, set_at=now,
        version=old.version if old else 0,
    )  # fmt: skip


def _started(execution: Execution, actor: Actor, approvals: Sequence[str]) -> AuditEntry:
    return AuditEntry(
        action="execution.start", subject=execution.id, actor=actor, plan_id=execution.plan_id, digest=execution.digest,
        execution_id=execution.id, approval_id=",".join(approvals), details={"target": execution.target},
    )  # fmt: skip


def _event(execution: Execution, now: datetime) -> Event:
    return Event(
        at=now, type="execution.started", target=execution.target, plan_id=execution.plan_id,
        execution_id=execution.id, message=f"Applying plan {execution.plan_id}.",
    )  # fmt: skip


async def why_not(ledger: Ledger, execution: Execution) -> OpstwinError | None:
    """Why this execution must not go on as it stands, if so: an unknown journal, or content that was changed."""
    if execution.journal_format != JOURNAL_FORMAT:
        return StoreError(
            f"This execution was written by another version (journal format {execution.journal_format}).",
            next_step="Look at what is there with opstwin drift, then plan again.",
        )
    plan = await ledger.need(Plan, execution.plan_id)
    if plan_digest(plan) != execution.digest or plan.execution_id != execution.id:
        return StalePlan("The plan was changed after it was approved.", next_step="Plan again: opstwin plan …")
    for approval_id in execution.approval_ids:
        row = await ledger.get(Approval, approval_id)
        if row is None or (row.used_by, row.digest, row.decision) != (
            execution.id, execution.digest, Decision.APPROVE,
        ):  # fmt: skip
            return StalePlan("The approval does not belong to this plan.", next_step="Plan again: opstwin plan …")
    return None
