"""Executions: one attempt to apply a plan, its lease and fencing token, and the journal of its steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from opstwin.domain.access import Actor
from opstwin.domain.plan import Change
from opstwin.domain.resource import Desired, WorkloadRecord
from opstwin.domain.values import ApprovalId, Digest, ExecutionId, Json, PlanId, ResourceId, TargetId

JOURNAL_FORMAT: Final = 1
"""Version of the step journal. A worker refuses to resume a format it does not know."""


class ExecutionState(StrEnum):
    """`needs_human` stops where going on, forward or back, could lose data or is refused."""

    APPLYING = "applying"
    VERIFYING = "verifying"
    ROLLING_BACK = "rolling_back"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    NEEDS_HUMAN = "needs_human"


FINISHED: Final = frozenset({ExecutionState.SUCCEEDED, ExecutionState.ROLLED_BACK, ExecutionState.NEEDS_HUMAN})

MOVES: Final[Mapping[ExecutionState, frozenset[ExecutionState]]] = {
    ExecutionState.APPLYING: frozenset(
        {ExecutionState.VERIFYING, ExecutionState.ROLLING_BACK, ExecutionState.NEEDS_HUMAN}
    ),
    ExecutionState.VERIFYING: frozenset(
        {ExecutionState.SUCCEEDED, ExecutionState.ROLLING_BACK, ExecutionState.NEEDS_HUMAN}
    ),
    ExecutionState.ROLLING_BACK: frozenset({ExecutionState.ROLLED_BACK, ExecutionState.NEEDS_HUMAN}),
    ExecutionState.SUCCEEDED: frozenset(),
    ExecutionState.ROLLED_BACK: frozenset(),
    ExecutionState.NEEDS_HUMAN: frozenset(),
}
"""The allowed moves: once rolling back, an execution never goes forward again."""


class StepState(StrEnum):
    """`intended` is written before the effect: found after a crash, it means the outcome is unknown."""

    PENDING = "pending"
    INTENDED = "intended"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class Phase(StrEnum):
    """Whether a step makes the change or undoes it."""

    FORWARD = "forward"
    BACK = "back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What the twin wanted of one resource or workload before the execution began; None where it wanted nothing."""

    resource: ResourceId
    desired: Desired | None = None
    workload: WorkloadRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One attempt to apply one approved plan. `fence` grows each time another worker takes the lease.

    `before` is what is wanted again when the execution is rolled back. `cancel_requested_by` asks the worker to stop
    before its next step and roll back.
    """

    INDEXED: ClassVar[tuple[str, ...]] = ("plan_id", "target", "state")
    ORDER: ClassVar[str] = "position"

    id: ExecutionId
    plan_id: PlanId
    digest: Digest
    approval_ids: tuple[ApprovalId, ...]
    target: TargetId
    state: ExecutionState = ExecutionState.APPLYING
    started_by: Actor
    lease_owner: str
    lease_expires_at: datetime
    fence: int = 0
    journal_format: int = JOURNAL_FORMAT
    before: tuple[Before, ...] = ()
    cancel_requested_by: str | None = None
    started_at: datetime
    finished_at: datetime | None = None
    error: Mapping[str, Json] | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change within an execution. `key` is the idempotency key that the target sees.

    `inverse` is captured before the effect, in the same write that marks the step `intended`.
    """

    INDEXED: ClassVar[tuple[str, ...]] = ("execution_id", "state", "phase")
    ORDER: ClassVar[str] = "id"

    id: str
    execution_id: ExecutionId
    index: int
    phase: Phase = Phase.FORWARD
    change: Change
    key: str
    state: StepState = StepState.PENDING
    inverse: Change | None = None
    undoes: str | None = None
    attempts: int = 0
    error: Mapping[str, Json] | None = None
    intended_at: datetime | None = None
    finished_at: datetime | None = None
    version: int = 0


def step_id(execution: ExecutionId, index: int) -> str:
    """Ids sort in the order of execution."""
    return f"{execution}/{index:05d}"


def step_key(execution: ExecutionId, index: int) -> str:
    """The idempotency key of one step: the same for every retry, by whichever worker."""
    return f"{execution}.{index}"
