"""What may be asked of the generator beside the workload itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from opstwin.domain.deployment import Usage
from opstwin.domain.names import checked_name, checked_text
from opstwin.domain.workload import Autoscale
from opstwin.errors import InvalidInput

PROFILES: Final = ("S", "M", "L")


class RunAs(StrEnum):
    """As what it runs; `auto` decides by image, restart policy, ports and health check."""

    AUTO = "auto"
    DEPLOYMENT = "deployment"
    STATEFUL = "statefulset"
    JOB = "job"


class Exposure(StrEnum):
    """How a Service can be reached."""

    CLUSTER = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An Ingress: `host` and `path` lead to the port (None means the first). `tls_secret` names a TLS Secret."""

    host: str
    path: str = "/"
    port: int | None = None
    ingress_class: str | None = None
    tls_secret: str | None = None

    def __post_init__(self) -> None:
        for part in self.host.removeprefix("*.").split("."):
            checked_name(part, "route.host")
        checked_text(self.path, "route.path", 1024)
        if not self.path.startswith("/"):
            raise InvalidInput("route.path must begin with /.", field="route.path", next_step="Write it like /api.")
        _in_range("route.port", self.port, 1, 65535)
        for name, value in (("route.ingress_class", self.ingress_class), ("route.tls_secret", self.tls_secret)):
            if value is not None:
                checked_name(value, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDeployment:
    """A deployment that ran before, as far as its resources matter. CPU in millicores, memory in bytes.

    `image` is the image's name without tag, `cpu_p95`, `memory_p95` and `memory_max` what one replica used. `success`
    and `outcome` say how it ended. Newer ones come first.
    """

    id: str
    service: str
    image: str
    success: bool
    outcome: str = ""
    cpu_request: int | None = None
    cpu_limit: int | None = None
    memory_request: int | None = None
    memory_limit: int | None = None
    cpu_p95: float | None = None
    memory_p95: float | None = None
    memory_max: float | None = None
    oom_events: int = 0
    deployed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateOptions:
    """What is wanted beside the workload. Everything has a default that is safe to apply.

    `profile` (S, M, L) is what is requested when neither use nor history is known; None requests nothing then.
    `usage` is what one replica used over `usage_days`. `history` holds past deployments, the newest first.
    `image_user` and `image_writes` are facts about the image where known: the user of its configuration, and the
    folders that it writes to outside its volumes (empty: none); `image_ports` are the TCP ports that it exposes, taken
    when the workload names none. `with_secret` adds the Secret with references that
    Opstwin's own writer resolves; no other tool can apply that one. `host_paths` allows paths of the node.
    `schedule` (cron) makes it a CronJob. `drafted` names what no person said and a draft filled in (`memory`, `cpu`,
    `replicas`, `probe`, `autoscale`): the reasons then say so.
    """

    run_as: RunAs = RunAs.AUTO
    schedule: str | None = None
    profile: str | None = "S"
    usage: Usage | None = None
    usage_days: int = 7
    history: tuple[PastDeployment, ...] = ()
    image_user: str | None = None
    image_writes: tuple[str, ...] | None = None
    image_ports: tuple[int, ...] = ()
    autoscale: Autoscale | None = None
    exposure: Exposure = Exposure.CLUSTER
    route: Route | None = None
    network_policy: bool = False
    namespace_manifest: bool = False
    service_account: str | None = None
    part_of: str | None = None
    storage: str = "1Gi"
    storage_by_volume: Mapping[str, str] = field(default_factory=dict)
    storage_class: str | None = None
    host_paths: bool = False
    with_secret: bool = True
    drafted: frozenset[str] = frozenset()

    def asker(self, name: str) -> str:
        """Who decided on a field: `draft`, or `request`."""
        return "draft" if name in self.drafted else "request"

    def __post_init__(self) -> None:
        if self.profile is not None and self.profile not in PROFILES:
            raise InvalidInput(
                f"Profile {self.profile[:20]!r} is not known.", field="profile", next_step="Use S, M or L."
            )
        _in_range("usage_days", self.usage_days, 1, 366)
        for name in ("service_account", "part_of", "storage_class"):
            value = getattr(self, name)
            if value is not None:
                checked_name(value, name)


def _in_range(name: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise InvalidInput(f"{name} must be {least} to {most}.", field=name, next_step=f"Use {least} to {most}.")
