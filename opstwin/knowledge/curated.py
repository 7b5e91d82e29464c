"""Twelve well-made examples that ship with the product: where nothing was deployed yet, there is something to learn
from. Each is checked in the tests: its manifests keep the restricted Pod Security standard without a warning."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Final

from opstwin.domain.deployment import Deployment, Usage, image_parts
from opstwin.domain.right_sizing import above_peak
from opstwin.domain.values import ExecutionId, PlanId, TargetId
from opstwin.domain.workload import HealthCheck, Mount, Port, Resources, Workload
from opstwin.errors import InvalidInput
from opstwin.knowledge.cases import MI, Case
from opstwin.manifests.generating.generator import Request, generated
from opstwin.manifests.generating.images import known_image
from opstwin.manifests.generating.info import info_of_workload
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.results import Generated

PREFIX: Final = "curated-"
_WRITTEN_AT: Final = datetime(2026, 11, 1, tzinfo=UTC)
_WEEK: Final = 40_320
"""Samples of a week at one each 15 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    """Per copy: CPU in millicores as median and 95th percentile, memory in MiB as median and peak."""

    cpu: tuple[int, int]
    memory: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Example:
    purpose: str
    language: str
    workload: Workload
    figures: _Figures
    learned: str


def _workload(
    name: str, image: str, port: int | None, check: Sequence[str], copies: int = 2, **more: object
) -> Workload:
    fields: dict[str, object] = {"env": {}, **more}
    return Workload(
        name=name, image=image, ports=(Port(container=port),) if port else (), replicas=copies,
        health=HealthCheck(command=tuple(check), interval_s=10, timeout_s=3, retries=3, start_period_s=20),
        **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def _http(port: int, path: str) -> tuple[str, ...]:
    return ("wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{port}{path}")


_OWN: Final = "registry.example.com/examples"

_EXAMPLES: Final = (
    _Example(
        purpose="web", language="node",
        workload=_workload("storefront", f"{_OWN}/storefront-node:3.4.1", 3000, _http(3000, "/healthz"),
                           env={"NODE_ENV": "production", "NODE_OPTIONS": "--max-old-space-size=192"}),
        figures=_Figures(cpu=(60, 180), memory=(150, 210)),
        learned="Node sizes its heap by the machine, not by the limit: set --max-old-space-size to about three "
                "quarters of the memory limit. Two copies, so that a release is never felt.",
    ),
    _Example(
        purpose="web", language="python",
        workload=_workload("booking-site", f"{_OWN}/booking-django:5.1.0", 8000, _http(8000, "/health/"),
                           env={"DJANGO_SETTINGS_MODULE": "site.settings", "WEB_CONCURRENCY": "2"},
                           secret_env={"SECRET_KEY": "env:BOOKING_SECRET_KEY"}),
        figures=_Figures(cpu=(45, 160), memory=(190, 250)),
        learned="Each gunicorn worker is a process with its own memory: two workers and more copies beat many workers "
                "in one. The health page must not touch the database.",
    ),
    _Example(
        purpose="web", language="java",
        workload=_workload("intranet-portal", f"{_OWN}/portal-spring:2.8.0", 8080, _http(8080, "/actuator/health"),
                           env={"JAVA_TOOL_OPTIONS": "-XX:MaxRAMPercentage=70"}),
        figures=_Figures(cpu=(80, 420), memory=(520, 640)),
        learned="A JVM needs CPU at its start and little later: a CPU limit makes starts slow, so none is set. "
                "MaxRAMPercentage leaves room for what is not heap.",
    ),
    _Example(
        purpose="api", language="node",
        workload=_workload("orders-api", f"{_OWN}/orders-node:1.9.2", 8080, _http(8080, "/healthz"), copies=3,
                           env={"NODE_ENV": "production", "UV_THREADPOOL_SIZE": "8"},
                           secret_env={"DATABASE_URL": "env:ORDERS_DATABASE_URL"}),
        figures=_Figures(cpu=(90, 260), memory=(130, 190)),
        learned="One event loop uses one core: scale by copies, not by CPU. Close connections on SIGTERM, or every "
                "release drops requests.",
    ),
    _Example(
        purpose="api", language="python",
        workload=_workload("pricing-api", f"{_OWN}/pricing-fastapi:0.14.3", 8000, _http(8000, "/health"),
                           env={"WEB_CONCURRENCY": "1", "MALLOC_ARENA_MAX": "2"}),
        figures=_Figures(cpu=(55, 190), memory=(140, 185)),
        learned="One uvicorn process per copy keeps memory steady and tells the truth about CPU. MALLOC_ARENA_MAX=2 "
                "stopped slow growth of memory.",
    ),
    _Example(
        purpose="api", language="go",
        workload=_workload("users-api", f"{_OWN}/users-go:1.22.6", 8080, ("/app/healthcheck",), copies=3,
                           env={"GOMEMLIMIT": "100MiB"}),
        figures=_Figures(cpu=(25, 110), memory=(38, 72)),
        learned="GOMEMLIMIT at about 80 % of the memory limit makes the collector work before the kernel kills. An "
                "image without a shell brings its own health check.",
    ),
    _Example(
        purpose="api", language="java",
        workload=_workload("payments-api", f"{_OWN}/payments-spring:4.2.0", 8080, _http(8080, "/actuator/health"),
                           copies=3, env={"JAVA_TOOL_OPTIONS": "-XX:MaxRAMPercentage=70 -XX:+ExitOnOutOfMemoryError"},
                           secret_env={"GATEWAY_KEY": "env:PAYMENTS_GATEWAY_KEY"}),
        figures=_Figures(cpu=(120, 480), memory=(600, 720)),
        learned="ExitOnOutOfMemoryError turns a half-dead JVM into a restart. Three copies, since payments may not "
                "stop when one is replaced.",
    ),
    _Example(
        purpose="worker", language="python",
        workload=_workload("thumbnails", f"{_OWN}/thumbnails-celery:2.3.0", None,
                           ("celery", "-A", "jobs", "inspect", "ping", "-t", "3"),
                           env={"CELERYD_CONCURRENCY": "2", "CELERYD_MAX_TASKS_PER_CHILD": "200"}),
        figures=_Figures(cpu=(210, 640), memory=(260, 430)),
        learned="Memory follows the largest picture, so its peak counts and not its mean. max-tasks-per-child gives "
                "leaked memory back.",
    ),
    _Example(
        purpose="worker", language="go",
        workload=_workload("mail-sender", f"{_OWN}/mailer-go:0.9.7", None, ("/app/healthcheck",), copies=1,
                           env={"GOMEMLIMIT": "50MiB", "QUEUE": "mail"},
                           secret_env={"SMTP_PASSWORD": "env:SMTP_PASSWORD"}),
        figures=_Figures(cpu=(8, 40), memory=(20, 44)),
        learned="A queue with one consumer keeps its order. The check asks when the last message was taken, not "
                "whether the process lives.",
    ),
    _Example(
        purpose="worker", language="java",
        workload=_workload("report-builder", f"{_OWN}/reports-java:7.0.2", None, ("/app/bin/alive",), copies=1,
                           env={"JAVA_TOOL_OPTIONS": "-XX:MaxRAMPercentage=60"}),
        figures=_Figures(cpu=(150, 900), memory=(700, 980)),
        learned="Reports are written outside the heap: 60 % for the heap after 75 % was killed for memory twice.",
    ),
    _Example(
        purpose="db", language="",
        workload=_workload("ledger-db", "postgres:17.2", 5432, ("pg_isready", "-U", "postgres"), copies=1,
                           volumes=(Mount(path="/var/lib/postgresql/data", volume="ledger-data"),),
                           env={"PGDATA": "/var/lib/postgresql/data/pgdata"},
                           secret_env={"POSTGRES_PASSWORD": "env:LEDGER_DB_PASSWORD"}),
        figures=_Figures(cpu=(70, 310), memory=(420, 610)),
        learned="PGDATA below the mount, since a fresh volume may hold lost+found. One copy: two postgres on one "
                "volume destroy it. pg_isready as the check.",
    ),
    _Example(
        purpose="cache", language="",
        workload=_workload("session-cache", "redis:7.4.1", 6379, ("redis-cli", "ping"), copies=1,
                           command=("redis-server", "--maxmemory", "200mb", "--maxmemory-policy", "allkeys-lru",
                                    "--save", "")),
        figures=_Figures(cpu=(12, 60), memory=(150, 235)),
        learned="maxmemory below the limit with allkeys-lru evicts instead of being killed. No snapshots: a fork "
                "doubles the memory.",
    ),
)  # fmt: skip


@cache
def curated() -> tuple[Case, ...]:
    """The examples, always in the same order."""
    return tuple(map(_case, _EXAMPLES))


def manifests_of(case: Case) -> Generated:
    """The manifests of an example with its measured figures, and the reasons for each value.

    Its image runs as an ordinary user and writes to /tmp alone, where the image is not a public one that is known.
    """
    past = case.deployment
    if past.workload is None:
        raise InvalidInput(f"{past.id} holds no workload.", field="id")
    info = info_of_workload(past.workload)
    if known_image(info.image) is None:
        info = replace(info, user=_USER, writes=("/tmp",))  # noqa: S108 - a path in the container
    options = GenerateOptions(usage=past.usage, usage_days=7)
    return generated(Request(containers=(info,), options=options))


_USER: Final = "10001"


def _case(example: _Example) -> Case:
    figures = example.figures
    memory = round(above_peak(figures.memory[1]))
    workload = example.workload
    labels = {"service-type": example.purpose} | ({"language": example.language} if example.language else {})
    name, tag = image_parts(workload.image)
    past = Deployment(
        id=f"{PREFIX}{example.purpose}-{example.language or workload.name}", service_name=workload.name,
        image_name=name, image_tag=tag, service_type=example.purpose, language=example.language,
        cpu_request=figures.cpu[1], memory_request=memory * MI, memory_limit=memory * MI, replicas=workload.replicas,
        actual_cpu_millicores=figures.cpu[0], actual_memory_bytes=figures.memory[0] * MI, usage=_usage(figures),
        target_cluster=TargetId(""), deployed_at=_WRITTEN_AT, success=True, outcome="succeeded", plan_id=PlanId(""),
        execution_id=ExecutionId(""), workload=_sized(workload, memory, labels),
    )  # fmt: skip
    return Case(deployment=past, curated=True, learned=example.learned)


def _sized(workload: Workload, memory_mib: int, labels: dict[str, str]) -> Workload:
    """With a memory limit of its peak and 15 %, and no CPU limit: that only holds back what has room."""
    return replace(workload, resources=Resources(memory_bytes=memory_mib * MI), labels=labels)


def _usage(figures: _Figures) -> Usage:
    (cpu_p50, cpu_p95), (memory_p50, memory_max) = figures.cpu, figures.memory
    return Usage(
        samples=_WEEK, cpu_mean=cpu_p50 * 1.1, cpu_p50=cpu_p50, cpu_p95=cpu_p95, cpu_max=cpu_p95 * 1.5,
        memory_mean=memory_p50 * MI, memory_p50=memory_p50 * MI, memory_p95=memory_max * 0.97 * MI,
        memory_max=memory_max * MI,
    )  # fmt: skip
