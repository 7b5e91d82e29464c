"""What somebody asks for, after the words were read: one action on one workload, not yet a plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from opstwin.domain.workload import Autoscale, HealthCheck, Mount, Port, Resources, Workload


class Action(StrEnum):
    """The actions that can be asked for in words."""

    DEPLOY = "deploy"
    SCALE = "scale"
    AUTOSCALE = "autoscale"
    STOP_AUTOSCALE = "stop_autoscale"
    UPGRADE = "upgrade"
    RESTART = "restart"
    STOP = "stop"
    START = "start"
    DELETE = "delete"
    ROLLBACK = "rollback"
    EXPOSE = "expose"
    SET_ENV = "set_env"
    SET_RESOURCES = "set_resources"
    MOVE = "move"
    COPY = "copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What was said about scaling by use; None was not said."""

    minimum: int | None = None
    maximum: int | None = None
    cpu_percent: int | None = None

    def over(self, current: Autoscale | None) -> Autoscale:
        """`current` (or the defaults) with what was said. Raises `InvalidInput` for what cannot be."""
        said = {
            "minimum": self.minimum, "maximum": self.maximum, "cpu_percent": self.cpu_percent,
        }  # fmt: skip
        return replace(current or Autoscale(), **{key: value for key, value in said.items() if value is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. Fields that the action does not use stay empty.

    `target` None means the default target, but for `move` and `copy`, where it must be named; `source` is where what is
    moved or copied is now, None when that was not said. `workload` is set for `deploy`; `name` is the workload's name
    always, but with `whole_project` that of a Compose project, empty for the only one there is.
    `with_volumes` is set only when the words say that data is to be deleted too. `language` is `en` or `ko`: answers
    follow it.
    """

    action: Action
    name: str
    target: str | None = None
    source: str | None = None
    whole_project: bool = False
    workload: Workload | None = None
    replicas: int | None = None
    scaling: Scaling | None = None
    image: str | None = None
    ports: tuple[Port, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    unset_env: tuple[str, ...] = ()
    resources: Resources | None = None
    volumes: tuple[Mount, ...] = ()
    health: HealthCheck | None = None
    with_volumes: bool = False
    language: str = "en"
