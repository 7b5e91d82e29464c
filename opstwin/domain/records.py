"""The kinds of record that the twin keeps."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from opstwin.domain.access import Credential, Principal
from opstwin.domain.approval import Approval
from opstwin.domain.audit import AuditRow
from opstwin.domain.deployment import Deployment, UsageSample
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution, Step
from opstwin.domain.healing import HealRecord, Mandate
from opstwin.domain.plan import Plan
from opstwin.domain.resource import Desired, Link, Observed, WorkloadRecord
from opstwin.domain.run import Run
from opstwin.domain.taint import Evidence
from opstwin.domain.target import Target
from opstwin.domain.thread import Thread
from opstwin.domain.touched import Touched


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The stored answer to a call that carried an `Idempotency-Key`; `id` is `principal:key`, the principal escaped."""

    INDEXED: ClassVar[tuple[str, ...]] = ()
    ORDER: ClassVar[str] = "id"

    id: str
    request_digest: str
    status: int
    body: str
    created_at: datetime
    version: int = 0


Record = (
    Target | Desired | Observed | Link | WorkloadRecord | Plan | Approval | Execution | Step | Deployment | UsageSample
    | Mandate | HealRecord | Principal | Credential | Reply | Evidence | Run | Thread
)  # fmt: skip
"""Everything that is written with compare-and-set; `version` is the stored version it was read at, 0 when new."""

RECORD_TYPES: Final[tuple[type[Record], ...]] = (
    Target, Desired, Observed, Link, WorkloadRecord, Plan, Approval, Execution, Step, Deployment, UsageSample,
    Mandate, HealRecord, Principal, Credential, Reply, Evidence, Run, Thread,
)  # fmt: skip

FACTS: Final[tuple[type[Record], ...]] = (Observed, Link, UsageSample, Reply, Evidence, Thread)
"""What may be written without an audit entry: observations and talk, not decisions."""

FOLLOWED: Final[tuple[type[Record], ...]] = (Target, Desired, Observed, WorkloadRecord)
"""Kinds that copies are kept of: each commit that touches them says so (see `Touched`)."""

Stored = Record | AuditRow | Event | Touched
"""Everything that can be read."""
