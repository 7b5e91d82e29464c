"""The target-neutral Workload that people and agents write; drivers render it into resources."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from opstwin.domain.names import (
    checked_env_key,
    checked_image,
    checked_name,
    checked_path,
    checked_text,
    is_storable,
    plain_path,
)
from opstwin.domain.pod_settings import NO_POD_SETTINGS, PodSettings
from opstwin.errors import InvalidInput

MAX_REPLICAS: Final = 1000
MAX_PORT: Final = 65535
_HUBS_OWN: Final = "env:OPSTWIN_"

_WHO: Final = r"(?:[0-9]{1,10}|[A-Za-z_][A-Za-z0-9_.-]{0,63})"
_USER: Final = re.compile(rf"{_WHO}(?::{_WHO})?", re.ASCII)


class RestartPolicy(StrEnum):
    """What happens when the process ends by itself."""

    NEVER = "no"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"
    UNLESS_STOPPED = "unless-stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One port to publish.

    `container` None means the image's only exposed port, or the same number as `host` when the image exposes none.
    `host` None means the port is reachable inside the workload's networks only. Replica n publishes `host + n - 1`.
    """

    container: int | None = None
    host: int | None = None
    protocol: str = "tcp"
    address: str = "0.0.0.0"  # noqa: S104 - publishing is what the user asks for

    def __post_init__(self) -> None:
        for name, number in (("ports.container", self.container), ("ports.host", self.host)):
            if number is not None and not 1 <= number <= MAX_PORT:
                raise InvalidInput(f"{name} {number} is not a port.", field=name, next_step="Use 1 to 65535.")
        if self.container is None and self.host is None:
            raise InvalidInput("A port needs a number.", field="ports", next_step="Write it like 8080 or 8080:80.")
        if self.protocol not in ("tcp", "udp"):
            raise InvalidInput(
                "ports.protocol must be tcp or udp.", field="ports.protocol", next_step="Use tcp or udp."
            )
        checked_text(self.address, "ports.address", 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A named volume, or a path of the host, seen inside the container at `path`."""

    path: str
    volume: str | None = None
    host_path: str | None = None
    read_only: bool = False

    def __post_init__(self) -> None:
        checked_path(self.path, "volumes.path")
        if (self.volume is None) == (self.host_path is None):
            raise InvalidInput(
                "A mount needs either a volume or a host path.",
                field="volumes",
                next_step="Write it like data:/data.",
            )
        if self.volume is not None:
            checked_name(self.volume, "volumes.volume")
        if self.host_path is not None:
            checked_path(self.host_path, "volumes.host_path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Limits; None means no limit."""

    cpu_millicores: int | None = None
    memory_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("cpu_millicores", "memory_bytes"):
            amount = getattr(self, name)
            if amount is not None and not 0 < amount < 2**53:
                raise InvalidInput(
                    f"resources.{name} must be above 0.",
                    field=f"resources.{name}",
                    next_step="Use for example 500m or 256Mi.",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """A command run inside the container; exit code 0 means healthy. Times are in seconds."""

    command: tuple[str, ...]
    interval_s: float = 10.0
    timeout_s: float = 5.0
    retries: int = 3
    start_period_s: float = 0.0

    def __post_init__(self) -> None:
        if not self.command:
            raise InvalidInput(
                "health.command is empty.",
                field="health.command",
                next_step="Give the command and its words.",
            )
        _check_argv(self.command, "health.command")
        for name in ("interval_s", "timeout_s"):
            if not 0.001 <= getattr(self, name) <= 3600:
                raise InvalidInput(
                    f"health.{name} must be 0.001 to 3600.", field=f"health.{name}", next_step="Use seconds."
                )
        if not 1 <= self.retries <= 100:
            raise InvalidInput(
                "health.retries must be 1 to 100.", field="health.retries", next_step="Use for example 3."
            )
        if not 0 <= self.start_period_s <= 3600:
            raise InvalidInput(
                "health.start_period_s must be 0 to 3600.",
                field="health.start_period_s",
                next_step="Use seconds.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscale:
    """How many replicas there may be when their number follows their use.

    `minimum` None means the workload's replicas, `maximum` None three times that. `cpu_percent` is the mean use of the
    CPU request, over all replicas, that is aimed at; `memory_percent` the same of memory.
    """

    minimum: int | None = None
    maximum: int | None = None
    cpu_percent: int = 70
    memory_percent: int | None = None

    def __post_init__(self) -> None:
        _in_range("autoscale.minimum", self.minimum, 1, 1000)
        _in_range("autoscale.maximum", self.maximum, 1, 1000)
        _in_range("autoscale.cpu_percent", self.cpu_percent, 1, 1000)
        _in_range("autoscale.memory_percent", self.memory_percent, 1, 1000)
        if self.minimum is not None and self.maximum is not None and self.maximum < self.minimum:
            raise InvalidInput(
                f"autoscale.maximum {self.maximum} is below autoscale.minimum {self.minimum}.",
                field="autoscale.maximum",
                next_step="Use a maximum that is not below the minimum.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What should run, said without naming any kind of target.

    Every field is checked on construction; a wrong one raises `InvalidInput` with the field's name.
    `secret_env` maps a variable to a reference (`env:NAME` or `file:NAME`), never to a value. With `autoscale` the
    number of replicas follows their use, and `replicas` is where it begins. `project` is the Compose project it came
    from, empty otherwise. `entrypoint`, `user` (`1000`, `1000:1000` or a name) and `working_dir` take the place of the
    image's own; None and empty leave those. With an `entrypoint` the image's own command does not count any more. `pod`
    holds what only a cluster can be told.
    """

    name: str
    image: str
    command: tuple[str, ...] | None = None
    ports: tuple[Port, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    secret_env: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[Mount, ...] = ()
    networks: tuple[str, ...] = ()
    resources: Resources = field(default_factory=Resources)
    replicas: int = 1
    health: HealthCheck | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    restart: RestartPolicy = RestartPolicy.UNLESS_STOPPED
    running: bool = True
    needs: tuple[str, ...] = ()
    autoscale: Autoscale | None = None
    project: str = ""
    entrypoint: tuple[str, ...] | None = None
    user: str = ""
    working_dir: str = ""
    pod: PodSettings = NO_POD_SETTINGS

    def __post_init__(self) -> None:
        checked_name(self.name, "name")
        checked_image(self.image)
        if not 1 <= self.replicas <= MAX_REPLICAS:
            raise InvalidInput(
                f"replicas must be 1 to {MAX_REPLICAS}, not {self.replicas}.",
                field="replicas",
                next_step=f'To take it down: opstwin plan "stop {self.name}" or opstwin plan "delete {self.name}".',
            )
        if self.command is not None:
            _check_argv(self.command, "command")
        self._check_process()
        self._check_folders()
        for network in self.networks:
            checked_name(network, "networks")
        for other in self.needs:
            checked_name(other, "needs")
        if self.project:
            checked_name(self.project, "project")
        self._check_env()
        self._check_labels()
        self._check_ports()

    def _check_folders(self) -> None:
        mounted: set[str] = set()
        for mount in self.volumes:
            if plain_path(mount.path) in mounted:
                raise InvalidInput(
                    f"Two volumes are mounted at {mount.path}.",
                    field="volumes.path",
                    next_step="Keep one of the two.",
                )
            mounted.add(plain_path(mount.path))
        twice = next((path for path in self.pod.folders if plain_path(path) in mounted), None)
        if twice is not None:
            raise InvalidInput(
                f"{twice} is a volume and a folder in memory.", field="pod.memory_folders",
                next_step="Keep one of the two: the size of shared memory is that of the folder /dev/shm.",
            )  # fmt: skip

    def _check_process(self) -> None:
        if self.entrypoint is not None:
            _check_argv(self.entrypoint, "entrypoint")
        if self.user:
            checked_user(self.user)
        if self.working_dir:
            checked_path(self.working_dir, "working_dir")

    def _check_env(self) -> None:
        for key, value in self.env.items():
            checked_env_key(key)
            if not is_storable(value) or len(value) > 32768:
                raise InvalidInput(
                    f"env {key} holds a NUL or half a character, or is too long.",
                    field="env",
                    next_step="Use a shorter plain value.",
                )
        for key, reference in self.secret_env.items():
            checked_env_key(key, "secret_env")
            check_secret_reference(reference)
            _check_not_the_hubs(reference)
        both = sorted(set(self.env) & set(self.secret_env))
        if both:
            raise InvalidInput(f"{both[0]} is in env and in secret_env.", field="env", next_step="Keep one of the two.")

    def _check_labels(self) -> None:
        for key, value in self.labels.items():
            checked_text(key, "labels", 255)
            checked_text(value, "labels", 1024)
            if key.startswith("io.opstwin."):
                raise InvalidInput(f"Label {key} is Opstwin's own.", field="labels", next_step="Use another prefix.")

    def _check_ports(self) -> None:
        taken: set[tuple[int, str]] = set()
        for port in self.ports:
            if port.host is None:
                continue
            last = port.host + self.replicas - 1
            if last > MAX_PORT:
                raise InvalidInput(
                    f"Port {port.host} with {self.replicas} replicas runs past 65535.",
                    field="ports",
                    next_step="Use a lower port.",
                )
            wanted = {(number, port.protocol) for number in range(port.host, last + 1)}
            if wanted & taken:
                raise InvalidInput(
                    f"Port {port.host} is published twice.",
                    field="ports",
                    next_step="Use each host port once.",
                )
            taken |= wanted


def checked_user(user: str) -> str:
    """`user` when it is a number or a name, alone or with a group; else InvalidInput."""
    if not _USER.fullmatch(user):
        raise InvalidInput(f"user {user[:80]!r} is no user.", field="user", next_step="Write 1000, 1000:1000 or app.")
    return user


def _check_not_the_hubs(reference: str) -> None:
    """The hub's own settings, its database's password among them, are given to no workload."""
    if reference.startswith(_HUBS_OWN):
        raise InvalidInput(
            f"{reference} is a setting of the hub itself, and no workload is given those.",
            field="secret_env",
            next_step="Give the hub a variable of another name that does not begin with OPSTWIN_, and name that.",
        )


def check_secret_reference(reference: str) -> str:
    """`reference` when it is `env:NAME` or `file:NAME`; else InvalidInput.

    The error never repeats the text: it may be a secret.
    """
    source, _, name = reference.partition(":")
    if source not in ("env", "file") or not name or len(name) > 255:
        raise InvalidInput(
            "A secret must be given by reference, not by value.",
            field="secret_env",
            next_step="Write env:NAME (a variable of the hub) or file:NAME (a file in the hub's secrets folder).",
        )
    if source == "env":
        checked_env_key(name, "secret_env")
    elif "/" in name or ".." in name:
        raise InvalidInput("A secret file is named without a path.", field="secret_env", next_step="Write file:NAME.")
    return reference


def _in_range(name: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise InvalidInput(f"{name} must be {least} to {most}.", field=name, next_step=f"Use {least} to {most}.")


def _check_argv(argv: tuple[str, ...], field_name: str) -> None:
    if len(argv) > 256 or any(not is_storable(word) or len(word) > 8192 for word in argv):
        raise InvalidInput(
            f"{field_name} is too long, or holds a NUL or half a character.",
            field=field_name,
            next_step="Shorten the command.",
        )
