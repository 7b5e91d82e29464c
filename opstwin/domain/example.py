"""A past deployment as others learn from it."""

from dataclasses import dataclass
from datetime import datetime

from opstwin.domain.deployment import Usage
from opstwin.domain.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One past deployment, and how much it is like what was asked for (`score`, 0 to 1).

    CPU in millicores, memory in bytes, per copy. `manifest_summary` says in a line what it was made of and what it
    taught. `curated` ones ship with the product; all others are of the asker's own organisation.
    """

    id: str
    score: float
    service: str
    image: str
    purpose: str = ""
    language: str = ""
    target: str = ""
    outcome: str = ""
    success: bool = True
    oom_events: int = 0
    cpu_request: int | None = None
    cpu_limit: int | None = None
    memory_request: int | None = None
    memory_limit: int | None = None
    usage: Usage | None = None
    manifest_summary: str = ""
    deployed_at: datetime | None = None
    curated: bool = False
    workload: Workload | None = None
