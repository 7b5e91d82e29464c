"""What is known of a container that shall run on Kubernetes: from a request, from an engine, or from the six fields."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from opstwin.domain.names import checked_env_key, checked_image, checked_name
from opstwin.domain.pod_settings import NO_POD_SETTINGS, PodSettings
from opstwin.domain.values import Json, Spec
from opstwin.domain.workload import Autoscale, HealthCheck, Mount, Port, Resources, RestartPolicy, Workload
from opstwin.errors import InvalidInput
from opstwin.logs import MASK

_UNUSABLE: Final = re.compile(r"[^a-z0-9]+")
_LONGEST: Final = 63
_NO_NETWORKS: Final = frozenset({"host", "none"})
"""What an engine lists as networks and nobody is a member of."""

MASKS: Final = (MASK, "•••")
"""How observed values are shown that may be secret: nobody here knows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerInfo:
    """A container, described by the six fields of an inspection and by what else could be learned.

    `name`, `image`, `ports` (TCP ports inside), `env_vars`, `cpu_usage` (`250m`, `0.25` or `25%`) and `memory_usage`
    (`128Mi`) may stand alone; empty usage means not measured. `published` are the ports with a number outside.
    `user` and `writes` are facts of the image (None: not known); `entrypoint`, `working_dir` and `run_as`, the user,
    were asked for instead of the image's own, and `pod` beside it.
    `not_in_spec` names settings of the engine that nothing here can say.
    `kept_running` says that it was seen running, so it is no task that ends by itself.
    `renamed` holds names that Kubernetes does not take, each with the one that stands for it here.
    """

    name: str
    image: str
    ports: tuple[int, ...] = ()
    env_vars: Mapping[str, str] = field(default_factory=dict)
    cpu_usage: str = ""
    memory_usage: str = ""
    udp_ports: tuple[int, ...] = ()
    published: tuple[Port, ...] = ()
    command: tuple[str, ...] | None = None
    secret_env: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    networks: tuple[str, ...] = ()
    resources: Resources = field(default_factory=Resources)
    replicas: int = 1
    health: HealthCheck | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    restart: RestartPolicy = RestartPolicy.UNLESS_STOPPED
    running: bool = True
    needs: tuple[str, ...] = ()
    autoscale: Autoscale | None = None
    user: str | None = None
    writes: tuple[str, ...] | None = None
    not_in_spec: tuple[str, ...] = ()
    kept_running: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] | None = None
    working_dir: str = ""
    run_as: str = ""
    pod: PodSettings = NO_POD_SETTINGS

    def __post_init__(self) -> None:
        checked_name(self.name, "name")
        checked_image(self.image)
        for port in (*self.ports, *self.udp_ports):
            Port(container=port)
        for key in (*self.env_vars, *self.secret_env):
            checked_env_key(key)


def info_of_workload(workload: Workload) -> ContainerInfo:
    """A Workload, nothing left out. A port without its inner number is taken to be the same inside."""
    inner = [(port.container or port.host or 0, port) for port in workload.ports]
    return ContainerInfo(
        name=workload.name,
        image=workload.image,
        ports=_once(number for number, port in inner if port.protocol == "tcp"),
        udp_ports=_once(number for number, port in inner if port.protocol == "udp"),
        published=tuple(port for port in workload.ports if port.host is not None),
        env_vars=workload.env,
        secret_env=workload.secret_env,
        command=workload.command,
        entrypoint=workload.entrypoint,
        working_dir=workload.working_dir,
        run_as=workload.user,
        mounts=workload.volumes,
        networks=workload.networks,
        resources=workload.resources,
        replicas=workload.replicas,
        health=workload.health,
        labels=workload.labels,
        restart=workload.restart,
        running=workload.running,
        needs=workload.needs,
        autoscale=workload.autoscale,
        pod=workload.pod,
    )


def info_of_container(name: str, spec: Spec, facts: Mapping[str, Json] | None = None) -> ContainerInfo:
    """A container as a container engine's driver shows it: its spec, and the facts of the sighting.

    Facts that are read: `user` and `writes` (of the image, where known), `exposed_ports`, `not_in_spec`, `state`,
    `anonymous_volumes` (path → volume), `cpu_millicores` and `memory_bytes` (what it uses now).
    Names of containers and volumes that Kubernetes does not take (`shop_api_1`) are replaced, see `renamed`.
    Raises `InvalidInput` for what is no such spec.
    """
    known = facts or {}
    taken: dict[str, str] = {}
    ports = [_port(item) for item in _objects(spec.get("ports"))]
    exposed = [Port(container=port) for port in _numbers(known.get("exposed_ports"))]
    # What was published matters most: it gets the plain name, and the probe.
    ordered = sorted((*ports, *exposed), key=lambda port: port.host is None)
    inner = [(port.container or port.host or 0, port.protocol) for port in ordered]
    anonymous: list[dict[str, Json]] = [
        {"path": path, "volume": f"{name}-{place}"} for place, path in _places(known.get("anonymous_volumes"))
    ]
    return ContainerInfo(
        name=_usable(name, taken),
        image=_text(spec, "image"),
        ports=_once(number for number, protocol in inner if protocol == "tcp"),
        udp_ports=_once(number for number, protocol in inner if protocol == "udp"),
        published=tuple(port for port in ports if port.host is not None),
        env_vars=_texts(spec.get("env")),
        secret_env=_texts(spec.get("secret_env")),
        command=tuple(_words(spec.get("command"))) or None,
        entrypoint=tuple(_words(spec.get("entrypoint"))) or None,
        working_dir=_text(spec, "working_dir"),
        run_as=_text(spec, "user"),
        mounts=tuple(_mount(item, taken) for item in (*_objects(spec.get("mounts")), *anonymous)),
        networks=tuple(word for word in _words(spec.get("networks")) if word not in _NO_NETWORKS),
        resources=Resources(cpu_millicores=_number(spec, "cpu_millicores"), memory_bytes=_number(spec, "memory_bytes")),
        health=_health(spec.get("health")),
        labels=_texts(spec.get("labels")),
        restart=_restart(spec),
        running=spec.get("running") is not False,
        user=_text(known, "user") if "user" in known else None,
        writes=tuple(_words(known.get("writes"))) if "writes" in known else None,
        not_in_spec=tuple(_words(known.get("not_in_spec"))),
        kept_running=known.get("state") == "running",
        cpu_usage=_usage(known, "cpu_millicores", "m"),
        memory_usage=_usage(known, "memory_bytes", ""),
        renamed=taken,
    )


def _usable(name: str, taken: dict[str, str]) -> str:
    """`name`, or one in its place that Kubernetes takes; then `taken` remembers both."""
    plain = _UNUSABLE.sub("-", name.lower()).strip("-")
    if plain == name and len(name) <= _LONGEST:
        return name
    if len(plain) > _LONGEST or not plain:
        plain = f"{plain[:40].strip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")
    taken[name] = plain
    return plain


def _restart(spec: Spec) -> RestartPolicy:
    word = _text(spec, "restart") or RestartPolicy.NEVER.value
    known = [policy.value for policy in RestartPolicy]
    if word not in known:
        raise InvalidInput(
            f"restart {word[:40]!r} is not a policy.", field="restart", next_step=f"Use one of: {', '.join(known)}."
        )
    return RestartPolicy(word)


def _places(value: Json) -> list[tuple[str, str]]:
    paths = sorted(value) if isinstance(value, dict) else []
    return [(path.strip("/").rsplit("/", 1)[-1].lower() or "data", path) for path in paths]


def _usage(facts: Mapping[str, Json], key: str, unit: str) -> str:
    amount = facts.get(key)
    return f"{round(amount)}{unit}" if isinstance(amount, int | float) and not isinstance(amount, bool) else ""


def _port(item: Spec) -> Port:
    return Port(
        container=_number(item, "container"),
        host=_number(item, "host"),
        protocol=_text(item, "protocol") or "tcp",
        address=_text(item, "address") or "0.0.0.0",  # noqa: S104 - what an engine says of a port without an address
    )


def _mount(item: Spec, taken: dict[str, str]) -> Mount:
    volume = _text(item, "volume")
    return Mount(
        path=_text(item, "path"),
        volume=_usable(volume, taken) if volume else None,
        host_path=_text(item, "host_path") or None,
        read_only=item.get("read_only") is True,
    )


def _health(value: Json) -> HealthCheck | None:
    if not isinstance(value, dict) or not value.get("command"):
        return None
    times = {
        key: float(value[key])  # type: ignore[arg-type]
        for key in ("interval_s", "timeout_s", "start_period_s")
        if isinstance(value.get(key), int | float)
    }
    return HealthCheck(command=tuple(_words(value["command"])), retries=_number(value, "retries") or 3, **times)


def _text(item: Mapping[str, Json], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _number(item: Mapping[str, Json], key: str) -> int | None:
    value = item.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _texts(value: Json) -> dict[str, str]:
    return {key: item for key, item in value.items() if isinstance(item, str)} if isinstance(value, dict) else {}


def _words(value: Json) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _numbers(value: Json) -> list[int]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, int) and not isinstance(item, bool)]


def _objects(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _once(numbers: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for number in numbers if number))
