"""One table for each kind of record. Column names are the domain's field names; nested values are JSON.

The columns must match `opstwin.domain` and the migrations; tests compare both.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Index
from sqlmodel import Field

from opstwin.domain.access import Credential, Principal
from opstwin.domain.approval import Approval
from opstwin.domain.audit import AuditRow
from opstwin.domain.deployment import Deployment, UsageSample
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution, Step
from opstwin.domain.healing import HealRecord, Mandate
from opstwin.domain.plan import Plan
from opstwin.domain.records import Reply, Stored
from opstwin.domain.resource import Desired, Link, Observed, WorkloadRecord
from opstwin.domain.run import Run
from opstwin.domain.taint import Evidence
from opstwin.domain.target import Target
from opstwin.domain.thread import Thread
from opstwin.domain.touched import Touched
from opstwin.twin.columns import ROW_NUMBER, At, Big, Json, Kept, MaybeAt, MaybeBig, MaybeJson, Table

_KEPT: Final[dict[str, Any]] = {"sqlite_autoincrement": True}
"""A position is never given twice: a cursor that points behind a removed row stays right."""


def _one(name: str, column: str) -> Index:
    """An index over some rows. Migration 0002 says which: naming them here loads both databases' dialects, 2 MB."""
    return Index(name, column, unique=True)


class TargetTable(Kept, table=True):
    """The seed's `Cluster` row, and how the target is reconciled."""

    __table_args__ = (_one("one_default_target", "is_default"), _KEPT)

    display_name: str
    backend_type: str
    agent_endpoint: str
    connection_type: str
    auth_method: str
    is_default: bool
    is_active: bool
    mode: str
    identity: str
    settings: Json
    created_at: At


class DesiredTable(Kept, table=True):
    """What should be."""

    __table_args__ = (_KEPT,)

    target: str = Field(index=True)
    kind: str
    name: str
    workload: str | None = Field(index=True)
    spec: MaybeJson
    mode: str | None
    revision: Big
    set_by: Json
    plan_id: str | None
    set_at: At


class ObservedTable(Kept, table=True):
    """What the last observation saw."""

    __table_args__ = (_KEPT,)

    target: str = Field(index=True)
    kind: str
    name: str
    presence: str
    spec: MaybeJson
    facts: Json
    health: str
    managed: bool
    revision: Big
    observed_at: At


class LinkTable(Kept, table=True):
    """Which resource uses which."""

    __table_args__ = (_KEPT,)

    source: str = Field(index=True)
    relation: str
    destination: str = Field(index=True)


class WorkloadTable(Kept, table=True):
    """The Workload behind a set of resources."""

    __table_args__ = (_KEPT,)

    target: str = Field(index=True)
    name: str
    workload: MaybeJson
    revision: Big
    set_by: Json
    plan_id: str | None
    set_at: At


class PlanTable(Kept, table=True):
    """What would happen."""

    __table_args__ = (_KEPT,)

    target: str = Field(index=True)
    origin: str
    request: str
    requested_by: Json
    mode: str
    changes: Json
    workloads: Json
    base: Json
    risk: str
    notes: Json
    tainted: bool
    taint: MaybeJson
    drafts: MaybeJson
    digest: str
    created_at: At
    expires_at: At
    state: str = Field(index=True)
    execution_id: str | None


class ApprovalTable(Kept, table=True):
    """Who decided what on which digest."""

    __table_args__ = (_KEPT,)

    plan_id: str = Field(index=True)
    digest: str
    decision: str
    decided_by: Json
    decided_by_id: str
    reason: str
    decided_at: At
    expires_at: At
    mandate_id: str | None
    used_by: str | None


class ExecutionTable(Kept, table=True):
    """One attempt to apply a plan."""

    __table_args__ = (_one("one_unfinished_execution", "target"), _KEPT)

    plan_id: str = Field(index=True)
    digest: str
    approval_ids: Json
    target: str = Field(index=True)
    state: str = Field(index=True)
    started_by: Json
    lease_owner: str
    lease_expires_at: At
    fence: Big
    journal_format: Big
    started_at: At
    finished_at: MaybeAt
    error: MaybeJson
    before: Json
    cancel_requested_by: str | None


class StepTable(Kept, table=True):
    """The journal of executions."""

    __table_args__ = (_KEPT,)

    execution_id: str = Field(index=True)
    index: Big
    phase: str
    change: Json
    key: str
    state: str = Field(index=True)
    inverse: MaybeJson
    undoes: str | None
    attempts: Big
    error: MaybeJson
    intended_at: MaybeAt
    finished_at: MaybeAt


class DeploymentTable(Kept, table=True):
    """The seed's `DeploymentHistory`, the plan behind it, and what was used afterwards."""

    __table_args__ = (_KEPT,)

    service_name: str = Field(index=True)
    image_name: str = Field(index=True)
    image_tag: str
    service_type: str
    language: str
    cpu_request: MaybeBig
    cpu_limit: MaybeBig
    memory_request: MaybeBig
    memory_limit: MaybeBig
    replicas: Big
    actual_cpu_millicores: float | None
    actual_memory_bytes: float | None
    usage: MaybeJson
    target_cluster: str
    namespace: str
    deployed_at: At
    success: bool
    outcome: str
    oom_events: Big
    throttle_events: Big
    ai_generated: bool
    ai_confidence: float | None
    plan_id: str
    execution_id: str
    workload: MaybeJson
    previous: MaybeJson


class UsageSampleTable(Kept, table=True):
    """Measurements of containers."""

    __table_args__ = (_KEPT,)

    resource: str = Field(index=True)
    target: str
    workload: str = Field(index=True)
    at: At
    cpu_millicores: float
    memory_bytes: Big


class MandateTable(Kept, table=True):
    """Standing permissions to heal."""

    __table_args__ = (_KEPT,)

    target: str = Field(index=True)
    resource: str | None
    given_by: Json
    reason: str
    given_at: At
    expires_at: At
    revoked_at: MaybeAt


class HealRecordTable(Kept, table=True):
    """When resources were healed."""

    __table_args__ = (_KEPT,)

    target: str = Field(index=True)
    heals: Json
    paused: bool
    paused_at: MaybeAt
    paused_until: MaybeAt
    contested: Json
    rounds: Big


class PrincipalTable(Kept, table=True):
    """Who may sign in."""

    __table_args__ = (_KEPT,)

    kind: str
    display_name: str
    scopes: Json
    same_person_as: str | None
    on_behalf_of: str | None
    is_active: bool
    created_at: At


class CredentialTable(Kept, table=True):
    """Hashes of tokens and login codes."""

    __table_args__ = (_KEPT,)

    principal_id: str = Field(index=True)
    purpose: str
    created_at: At
    expires_at: MaybeAt
    revoked_at: MaybeAt
    used_at: MaybeAt


class ReplyTable(Kept, table=True):
    """Answers to calls that carried an `Idempotency-Key`."""

    __table_args__ = (_KEPT,)

    request_digest: str
    status: Big
    body: str
    created_at: At


class EvidenceTable(Kept, table=True):
    """Fingerprints of what AI clients were given of what others wrote."""

    __table_args__ = (_KEPT,)

    account: str = Field(index=True)
    source: str
    marks: str
    complete: bool
    at: At
    expires_at: At


class RunTable(Kept, table=True):
    """Requests to deploy, and what was made of them up to the plan."""

    __table_args__ = (_KEPT,)

    target: str = Field(index=True)
    source: str
    request: str
    requested_by: Json
    options: Json
    stages: Json
    artefacts: Json
    plan_id: str | None = Field(index=True)
    created_at: At


class ThreadTable(Kept, table=True):
    """Conversations, and what was said in them."""

    __table_args__ = (_KEPT,)

    owner: str = Field(index=True)
    name: str
    title: str
    remarks: Json
    created_at: At
    updated_at: At
    outcome: str
    run_id: str
    plan_id: str | None
    card: Json


class AuditTable(Table, table=True):
    """The hash chain; triggers refuse UPDATE and DELETE."""

    seq: int = Field(primary_key=True, sa_type=ROW_NUMBER, sa_column_kwargs={"autoincrement": False})
    at: At
    uptime_s: float
    action: str = Field(index=True)
    subject: str = Field(index=True)
    actor: Json
    outcome: str
    plan_id: str | None = Field(index=True)
    digest: str | None
    approval_id: str | None
    execution_id: str | None = Field(index=True)
    reason: str
    details: Json
    prev_hash: str
    hash: str


class EventTable(Table, table=True):
    """What happened, for people to watch."""

    seq: int = Field(primary_key=True, sa_type=ROW_NUMBER, sa_column_kwargs={"autoincrement": False})
    at: At
    type: str = Field(index=True)
    target: str | None = Field(index=True)
    resource: str | None = Field(index=True)
    plan_id: str | None
    execution_id: str | None = Field(index=True)
    message: str
    details: Json


class TouchedTable(Table, table=True):
    """Which records the last commits wrote or removed, without gaps; older rows are dropped."""

    seq: int = Field(primary_key=True, sa_type=ROW_NUMBER, sa_column_kwargs={"autoincrement": False})
    kind: str
    ids: Json


class AuditHeadTable(Table, table=True):
    """One row: the last audit row and event. PostgreSQL locks it, so that commits happen one after the other."""

    id: int = Field(primary_key=True, sa_type=ROW_NUMBER, sa_column_kwargs={"autoincrement": False})
    audit_seq: Big
    audit_hash: str
    event_seq: Big


TABLES: Final[Mapping[type[Stored], type[Table]]] = {
    Target: TargetTable,
    Desired: DesiredTable,
    Observed: ObservedTable,
    Link: LinkTable,
    WorkloadRecord: WorkloadTable,
    Plan: PlanTable,
    Approval: ApprovalTable,
    Execution: ExecutionTable,
    Step: StepTable,
    Deployment: DeploymentTable,
    UsageSample: UsageSampleTable,
    Mandate: MandateTable,
    HealRecord: HealRecordTable,
    Principal: PrincipalTable,
    Credential: CredentialTable,
    Reply: ReplyTable,
    Evidence: EvidenceTable,
    Run: RunTable,
    Thread: ThreadTable,
    AuditRow: AuditTable,
    Event: EventTable,
    Touched: TouchedTable,
}
"""Where each kind of record is kept."""

METADATA: Final = Table.metadata
"""All of the tables."""
