"""The record of a finished execution, one per workload it touched."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from opstwin.domain.values import ExecutionId, PlanId, TargetId
from opstwin.domain.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a workload used over a period, per replica: mean, median, 95th percentile and peak.

    CPU in millicores, memory in bytes. `samples` is how many measurements stand behind it.
    """

    samples: int
    cpu_mean: float
    cpu_p50: float
    cpu_p95: float
    cpu_max: float
    memory_mean: float
    memory_p50: float
    memory_p95: float
    memory_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """All fields of the seed's DeploymentHistory, the plan behind it, and what was used afterwards.

    `service_type` (web, api, db, cache, worker) and `language` (node, python, go, java) are empty when not known.
    `actual_cpu_millicores` and `actual_memory_bytes` are 7-day means, None until there are samples.
    `ai_generated`: a model filled it in, or an AI client asked for it. `ai_confidence` is the counted confidence of a
    model's draft (0 to 1, before calibration), None where no model filled anything in.
    """

    INDEXED: ClassVar[tuple[str, ...]] = ("service_name", "target_cluster", "success", "image_name")
    ORDER: ClassVar[str] = "position"

    id: str
    service_name: str
    image_name: str
    image_tag: str
    service_type: str = ""
    language: str = ""
    cpu_request: int | None = None
    cpu_limit: int | None = None
    memory_request: int | None = None
    memory_limit: int | None = None
    replicas: int
    actual_cpu_millicores: float | None = None
    actual_memory_bytes: float | None = None
    usage: Usage | None = None
    target_cluster: TargetId
    namespace: str = ""
    deployed_at: datetime
    success: bool
    outcome: str
    oom_events: int = 0
    throttle_events: int = 0
    ai_generated: bool = False
    ai_confidence: float | None = None
    plan_id: PlanId
    execution_id: ExecutionId
    workload: Workload | None
    previous: Workload | None = None
    version: int = 0


_TYPES: Final = {
    "db": ("postgres", "mysql", "mariadb", "mongo"),
    "cache": ("redis", "memcached", "valkey"),
    "web": ("nginx", "httpd", "caddy", "traefik"),
}
"""Images whose purpose is known by name; everything else is said by the label `service-type` or left empty."""


def image_parts(image: str) -> tuple[str, str]:
    """An image's name, and its tag or, without one, its digest."""
    bare = image.split("@", maxsplit=1)[0]
    head, _, last = bare.rpartition("/")
    name, _, tag = last.partition(":")
    return (f"{head}/{name}" if head else name), tag or image.partition("@")[2]


def purpose_of(image: str) -> str:
    """What an image is for when its name says so (`db`, `cache`, `web`), else empty."""
    base = image_parts(image)[0].rpartition("/")[2]
    return next((kind for kind, names in _TYPES.items() if base in names), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSample:
    """One measurement of one container; `id` is `resource@moment`."""

    INDEXED: ClassVar[tuple[str, ...]] = ("resource", "workload", "target")
    ORDER: ClassVar[str] = "position"

    id: str
    resource: str
    target: TargetId
    workload: str
    at: datetime
    cpu_millicores: float
    memory_bytes: int
    version: int = 0
