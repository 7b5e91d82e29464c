"""What somebody asks for, after the words were read: one action on one workload, not yet a plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from opstwin.domain.workload import HealthCheck, Mount, Port, Resources, Workload


class Action(StrEnum):
    """The actions that can be asked for in words."""

    DEPLOY = "deploy"
    SCALE = "scale"
    UPGRADE = "upgrade"
    RESTART = "restart"
    STOP = "stop"
    START = "start"
    DELETE = "delete"
    ROLLBACK = "rollback"
    EXPOSE = "expose"
    SET_ENV = "set_env"
    SET_RESOURCES = "set_resources"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. Fields that the action does not use stay empty.

    `target` None means the default target; `workload` is set for `deploy`; `name` is the workload's name always.
    `with_volumes` is set only when the words say that data is to be deleted too. `language` is `en` or `ko`: answers
    follow it.
    """

    action: Action
    name: str
    target: str | None = None
    workload: Workload | None = None
    replicas: int | None = None
    image: str | None = None
    ports: tuple[Port, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    unset_env: tuple[str, ...] = ()
    resources: Resources | None = None
    volumes: tuple[Mount, ...] = ()
    health: HealthCheck | None = None
    with_volumes: bool = False
    language: str = "en"
