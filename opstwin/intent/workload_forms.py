"""The form of a workload file: strict pydantic models, with the short forms that people know."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from opstwin.domain.pod_settings import PodSettings, Pull
from opstwin.domain.workload import Autoscale, HealthCheck, Mount, Port, Resources, RestartPolicy
from opstwin.errors import InvalidInput
from opstwin.intent.quantities import cpu_millicores, memory_bytes
from opstwin.intent.short_forms import pair_of, read_address, read_mount, read_policy, read_port, split_words

R = TypeVar("R")


def _refused(read: Callable[[str], R], text: str) -> R:
    """`read(text)`, with its `InvalidInput` in the form that pydantic gives a path to."""
    try:
        return read(text)
    except InvalidInput as error:
        raise PydanticCustomError(
            "refused", "{message}", {"message": error.message, "next_step": error.next_step}
        ) from error


def _is_short(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _from_cpu(value: Any) -> Any:
    return _refused(lambda text: cpu_millicores(text, "resources.cpu"), str(value)) if _is_short(value) else value


def _from_memory(value: Any) -> Any:
    return _refused(lambda text: memory_bytes(text, "resources.memory"), str(value)) if _is_short(value) else value


def _from_policy(value: Any) -> Any:
    return _refused(read_policy, value) if isinstance(value, str) else value


def _from_words(value: Any) -> Any:
    return _refused(split_words, value) if isinstance(value, str) else value


def _from_user(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _from_pull(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    known = [item.value for item in Pull]
    if value not in known:
        raise PydanticCustomError("refused", "is no way to fetch", {"next_step": f"Use one of: {', '.join(known)}."})
    return Pull(value)


def _from_pairs(value: Any) -> Any:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return value
    pairs = [_refused(pair_of, item) for item in value]
    if len({key for key, _ in pairs}) < len(pairs):
        raise PydanticCustomError("refused", "a variable is there twice", {"next_step": "Keep one of the two."})
    return dict(pairs)


class Form(BaseModel):
    """What all forms have in common: no conversions, no unknown keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class PortForm(Form):
    """`8080`, `8080:80`, `127.0.0.1:8080:80/udp`, or these keys. `{container: 80}` is reachable inside only."""

    container: int | None = None
    host: int | None = None
    protocol: str = "tcp"
    address: str = "0.0.0.0"  # noqa: S104 - as in the domain

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if not _is_short(value):
            return value
        port = _refused(read_port, str(value))
        return {name: getattr(port, name) for name in ("container", "host", "protocol", "address")}

    def read(self) -> Port:
        read_address(self.address, "ports.address")
        return Port(container=self.container, host=self.host, protocol=self.protocol, address=self.address)


class MountForm(Form):
    """`data:/data`, `/srv/data:/data:ro`, or these keys."""

    path: str
    volume: str | None = None
    host_path: str | None = None
    read_only: bool = False

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        mount = _refused(read_mount, value)
        return {name: getattr(mount, name) for name in ("path", "volume", "host_path", "read_only")}

    def read(self) -> Mount:
        return Mount(path=self.path, volume=self.volume, host_path=self.host_path, read_only=self.read_only)


class ResourcesForm(Form):
    """Limits: `cpu: 500m` or `0.5`, `memory: 256Mi`, `1G` or plain bytes."""

    cpu: Annotated[int | None, BeforeValidator(_from_cpu)] = None
    memory: Annotated[int | None, BeforeValidator(_from_memory)] = None

    def read(self) -> Resources:
        return Resources(cpu_millicores=self.cpu, memory_bytes=self.memory)


class HealthForm(Form):
    """A command as a list or as text split into words without a shell; times in seconds."""

    command: Annotated[list[str], BeforeValidator(_from_words)]
    interval_s: float = 10.0
    timeout_s: float = 5.0
    retries: int = 3
    start_period_s: float = 0.0

    def read(self) -> HealthCheck:
        return HealthCheck(
            command=tuple(self.command),
            interval_s=self.interval_s,
            timeout_s=self.timeout_s,
            retries=self.retries,
            start_period_s=self.start_period_s,
        )


class AutoscaleForm(Form):
    """How many replicas there may be, and the use of what they request that is aimed at, in percent."""

    minimum: int | None = None
    maximum: int | None = None
    cpu_percent: int = 70
    memory_percent: int | None = None

    def read(self) -> Autoscale:
        return Autoscale(
            minimum=self.minimum, maximum=self.maximum, cpu_percent=self.cpu_percent, memory_percent=self.memory_percent
        )


class PodForm(Form):
    """What only the pods of a cluster are told; amounts of memory as text or bytes."""

    read_only: bool = False
    memory_folders: dict[str, Annotated[int | None, BeforeValidator(_from_memory)]] = Field(default_factory=dict)
    shared_memory_bytes: Annotated[int | None, BeforeValidator(_from_memory)] = None
    stop_grace_s: int | None = None
    hosts: dict[str, str] = Field(default_factory=dict)
    dns_servers: list[str] = Field(default_factory=list)
    dns_searches: list[str] = Field(default_factory=list)
    dns_options: list[str] = Field(default_factory=list)
    sysctls: Annotated[dict[str, str], BeforeValidator(_from_pairs)] = Field(default_factory=dict)
    capabilities_added: list[str] = Field(default_factory=list)
    capabilities_dropped: list[str] = Field(default_factory=list)
    hostname: str = ""
    groups: list[int] = Field(default_factory=list)
    reaps: bool = False
    terminal: bool = False
    input: bool = False
    pull: Annotated[Pull | None, BeforeValidator(_from_pull)] = None
    platform: str = ""
    annotations: Annotated[dict[str, str], BeforeValidator(_from_pairs)] = Field(default_factory=dict)
    requested_cpu_millicores: int | None = None
    requested_memory_bytes: Annotated[int | None, BeforeValidator(_from_memory)] = None

    def read(self) -> PodSettings:
        found: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in self}
        return PodSettings(**found)


class WorkloadForm(Form):
    """One workload as people write it in a file or send it as JSON."""

    kind: Literal["Workload"] = "Workload"
    name: str
    image: str
    command: Annotated[list[str] | None, BeforeValidator(_from_words)] = None
    entrypoint: Annotated[list[str] | None, BeforeValidator(_from_words)] = None
    user: Annotated[str, BeforeValidator(_from_user)] = ""
    working_dir: str = ""
    replicas: int = 1
    ports: list[PortForm] = Field(default_factory=list)
    env: Annotated[dict[str, str], BeforeValidator(_from_pairs)] = Field(default_factory=dict)
    secret_env: dict[str, str] = Field(default_factory=dict)
    volumes: list[MountForm] = Field(default_factory=list)
    networks: list[str] = Field(default_factory=list)
    resources: ResourcesForm = ResourcesForm()
    health: HealthForm | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    restart: Annotated[RestartPolicy, BeforeValidator(_from_policy)] = RestartPolicy.UNLESS_STOPPED
    running: bool = True
    needs: list[str] = Field(default_factory=list)
    autoscale: AutoscaleForm | None = None
    project: str = ""
    pod: PodForm | None = None
