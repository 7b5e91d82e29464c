"""A plan: ordered changes with a digest and the revisions they were made against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from opstwin.domain.access import Actor
from opstwin.domain.command import Command
from opstwin.domain.diff import FieldChange, diff
from opstwin.domain.draft_origin import DraftOrigin
from opstwin.domain.kinds import HOLDS_DATA
from opstwin.domain.ordering import in_order
from opstwin.domain.pod_settings import NO_POD_SETTINGS
from opstwin.domain.taint import Taint
from opstwin.domain.values import (
    Digest,
    Json,
    PlanId,
    ResourceId,
    Spec,
    TargetId,
    canonical,
    digest_of,
    to_json,
)
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput


class Op(StrEnum):
    """What one change does to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    RESTART = "restart"
    EXEC = "exec"


SYMBOLS: Mapping[Op, str] = {
    Op.CREATE: "+",
    Op.UPDATE: "~",
    Op.REPLACE: "-/+",
    Op.DELETE: "-",
    Op.RESTART: "~",
    Op.EXEC: ">",
}


class Risk(StrEnum):
    """How bad it is when the change is wrong. Ordered by `rank`."""

    NONE = "none"
    LOW = "low"
    HIGH = "high"
    DESTRUCTIVE = "destructive"

    @property
    def rank(self) -> int:
        """0 for none to 3 for destructive."""
        return list(Risk).index(self)


class PlanState(StrEnum):
    """`pending` waits for a human; `applied`, `rolled_back` and `failed` are what became of the execution."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    APPLYING = "applying"
    APPLIED = "applied"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    STALE = "stale"


class Origin(StrEnum):
    """Where a plan came from."""

    WORDS = "words"
    FILE = "file"
    COMPONENT = "component"
    DRIFT = "drift"
    DESIRED = "desired"
    ROLLBACK = "rollback"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One create, update, replace, delete or restart of one resource, or one command run in it.

    `needs` are the resources of the same plan that must be done (and, for containers, healthy) before this one.
    `before` is what was observed when the plan was made; `reasons` say in words why the risk is what it is and, for a
    replace, which fields force it. `asked_by` are the accounts that set this very desired state directly, without a
    plan: they count as requesters. `command` is what an exec runs; it says nothing of `before` and `after`, has no
    inverse, and is not tried twice. `takes` are the fields that another owner holds and that this change takes over,
    each as `owner field`: a driver takes no other.
    """

    resource: ResourceId
    target: TargetId
    kind: str
    name: str
    op: Op
    workload: str | None = None
    before: Spec | None = None
    after: Spec | None = None
    needs: tuple[ResourceId, ...] = ()
    risk: Risk = Risk.LOW
    reasons: tuple[str, ...] = ()
    asked_by: tuple[str, ...] = ()
    command: Command | None = None
    takes: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        """The field-level difference that this change makes."""
        return diff(self.before, self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The revisions of one resource (or workload) that the plan was made against; 0 where there was no record."""

    resource: ResourceId
    desired_revision: int
    observed_revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadChange:
    """The Workload that the plan leaves behind on a target; `workload` None takes it down."""

    target: TargetId
    name: str
    workload: Workload | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would happen, bound by `digest`. Only `state`, `execution_id` and `version` change after it is made.

    `drafts` say who filled in what nobody said, as whoever approves is told; None in plans from before this was kept.
    `tainted` says that something in the request stands in text that others wrote, `taint` what, and where it was read.
    """

    INDEXED: ClassVar[tuple[str, ...]] = ("target", "state", "origin")
    ORDER: ClassVar[str] = "position"

    id: PlanId
    target: TargetId
    origin: Origin
    request: str
    requested_by: Actor
    mode: str = ""
    changes: tuple[Change, ...]
    workloads: tuple[WorkloadChange, ...] = ()
    base: tuple[Base, ...] = ()
    risk: Risk
    notes: tuple[str, ...] = ()
    tainted: bool = False
    taint: Taint | None = None
    drafts: tuple[DraftOrigin, ...] | None = None
    digest: Digest
    created_at: datetime
    expires_at: datetime
    state: PlanState = PlanState.PENDING
    execution_id: str | None = None
    version: int = 0


def plan_digest(plan: Plan) -> Digest:
    """The digest of everything that an approval covers: it ignores the order of changes, and changes with any field.

    Covered: target, origin, request, requester, mode, changes, workloads, base revisions, risk, notes, taint, drafts,
    moments.
    """
    content: dict[str, Json] = {
        "plan": [plan.id, plan.target, plan.origin.value, plan.request, plan.mode, plan.risk.value, plan.tainted],
        "requested_by": to_json(plan.requested_by),
        "notes": to_json(tuple(sorted(plan.notes))),
        "changes": _sorted_json([_change_json(change) for change in plan.changes]),
        "workloads": _sorted_json([_workload_json(item) for item in plan.workloads]),
        "base": _sorted_json([to_json(item) for item in plan.base]),
        "moments": [plan.created_at.isoformat(), plan.expires_at.isoformat()],
    }
    # Plans from before these fields were there keep their digest.
    if plan.taint is not None:
        content["taint"] = to_json(plan.taint)
    if plan.drafts is not None:
        content["drafts"] = _sorted_json([_draft_json(item) for item in plan.drafts])
    return digest_of(content)


def _draft_json(origin: DraftOrigin) -> Json:
    found = to_json(origin)
    if isinstance(found, dict) and origin.corrected is None:
        del found["corrected"]  # as above
    return found


def sealed(plan: Plan) -> Plan:
    """`plan` with its changes in dependency order and its digest set."""
    ordered = replace(plan, changes=ordered_changes(plan.changes))
    return replace(ordered, digest=plan_digest(ordered))


def ordered_changes(changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes so that each comes after those it needs.

    Raises `InvalidInput` naming a cycle, or a resource with two changes.
    """
    by_id = {str(change.resource): change for change in changes}
    if len(by_id) < len(changes):
        seen: list[str] = [str(change.resource) for change in changes]
        twice = sorted(key for key in by_id if seen.count(key) > 1)
        raise InvalidInput(
            f"One plan cannot change {twice[0]} twice.", field="changes", next_step="Make two plans, one after another."
        )
    order = in_order({key: [str(need) for need in change.needs] for key, change in by_id.items()})
    return tuple(by_id[key] for key in order)


@dataclass(frozen=True, slots=True)
class Summary:
    """How many resources are added, changed, replaced, removed and restarted, and how many commands run."""

    add: int = 0
    change: int = 0
    replace: int = 0
    remove: int = 0
    restart: int = 0
    run: int = 0

    def __str__(self) -> str:
        text = (
            f"Plan: {self.add + self.replace} to add, {self.change} to change, {self.remove + self.replace} to remove"
        )
        restarted = f", {self.restart} to restart" if self.restart else ""
        return f"{text}{restarted}, {self.run} to run." if self.run else f"{text}{restarted}."


def setters(plan: Plan) -> tuple[str, ...]:
    """Every account that set directly, without a plan, what a plan brings about."""
    return tuple(sorted({name for change in plan.changes for name in change.asked_by}))


def summary(changes: Sequence[Change]) -> Summary:
    """Counts as Terraform counts them: a replace is one to add and one to remove."""
    count = {op: sum(change.op is op for change in changes) for op in Op}
    return Summary(
        count[Op.CREATE], count[Op.UPDATE], count[Op.REPLACE], count[Op.DELETE], count[Op.RESTART], count[Op.EXEC]
    )


def inverse(change: Change, found: Spec | None) -> Change | None:
    """The change that brings back `found`, the spec seen just before `change` was made.

    None when nothing has to be undone (a restart, a volume that was there before) or nothing can bring it back: a
    deleted or replaced volume has lost its data, and making an empty one of the same name would hide that; what a
    command did, nobody knows.
    """
    if change.op in (Op.RESTART, Op.EXEC) or (change.kind == "volume" and found is not None):
        return None
    if loses_data(change) and found is not None:
        return None
    op = _inverse_op(change, found)
    if op is None:
        return None
    back = replace(change, op=op, before=change.after, after=found, needs=(), reasons=("undoes a failed change",))
    return None if found is not None and loses_data(back) else back


def loses_data(change: Change) -> bool:
    """Whether no inverse can bring back what this change removes."""
    return change.kind in HOLDS_DATA and change.op in (Op.DELETE, Op.REPLACE)


def _inverse_op(change: Change, found: Spec | None) -> Op | None:
    if found is None:
        return Op.DELETE if change.after is not None else None
    if change.op is Op.DELETE or change.op is Op.CREATE:
        return Op.CREATE if change.op is Op.DELETE else Op.REPLACE
    return change.op


def _change_json(change: Change) -> Json:
    shown = to_json(change)
    if isinstance(shown, dict):
        shown["needs"] = to_json(tuple(sorted(change.needs)))
        shown["reasons"] = to_json(tuple(sorted(change.reasons)))
        if shown["asked_by"] == []:
            # Plans from before this field was there keep their digest.
            shown.pop("asked_by")
        if shown["command"] is None:
            shown.pop("command")
        if shown["takes"] == []:
            shown.pop("takes")
    return shown


def _workload_json(item: WorkloadChange) -> Json:
    shown = to_json(item)
    workload = shown.get("workload") if isinstance(shown, dict) else None
    for field in ("autoscale", "project", "entrypoint", "user", "working_dir") if isinstance(workload, dict) else ():
        # Plans from before these fields were there keep their digest.
        if isinstance(workload, dict) and not workload[field]:
            workload.pop(field)
    if isinstance(workload, dict) and workload.get("pod") == to_json(NO_POD_SETTINGS):
        workload.pop("pod")  # as above
    return shown


def _sorted_json(items: list[Json]) -> list[Json]:
    return sorted(items, key=canonical)
