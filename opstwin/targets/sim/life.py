"""How a container does at a moment: read off its image's behaviour and the time that has passed, never stored."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from opstwin.domain.resource import Health
from opstwin.domain.values import Json
from opstwin.targets.sim.state import Container, Image, State
from opstwin.targets.specs import full_image_name

RESTART_PAUSE_S: Final = 1.0
"""Between two lives of a container that keeps ending."""

OWN_CHECK_S: Final = 2.0
"""How long the image's own check takes to say that a container without a check in its spec is unhealthy."""

_PROGRAMS: Final = {"true": 0, "false": 1}
"""Programs that end at once, as a container's command or as its check; every other one runs on, or passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """`state` is the engine's word: created, running, restarting or exited."""

    state: str
    running: bool
    health: Health
    exit_code: int | None
    restart_count: int


def status(state: State, container: Container, now: datetime) -> Status:
    """How `container` does at `now`."""
    if not container.spec["running"] or container.started_at is None:
        word = "created" if container.started_at is None else "exited"
        return _status(container, word, Health.STOPPED, container.exit_code)
    image = state.images.get(full_image_name(str(container.spec["image"])))
    age_s = (now - container.started_at).total_seconds()
    code = _ends_with(container, image)
    start_s = image.start_s if image is not None else 0.0
    if code is not None and age_s >= start_s:
        return _ended(container, start_s, code, age_s)
    return _status(container, "running", _health(container, image, age_s), container.exit_code)


def restarts_after(policy: object, code: int) -> bool:
    """Whether the engine starts a container again that ended by itself with `code`."""
    return policy in ("always", "unless-stopped") or (policy == "on-failure" and code != 0)


def _ends_with(container: Container, image: Image | None) -> int | None:
    code = _PROGRAMS.get(_program(container.spec.get("entrypoint") or container.spec["command"]))
    return code if code is not None or image is None else image.exits


def _program(command: Json) -> str:
    return PurePosixPath(str(command[0])).name if isinstance(command, list) and command else ""


def _ended(container: Container, start_s: float, code: int, age_s: float) -> Status:
    if not restarts_after(container.spec["restart"], code):
        return _status(container, "exited", Health.STOPPED, code)
    lives = int((age_s - start_s) // (start_s + RESTART_PAUSE_S)) + 1
    return _status(container, "restarting", Health.UNHEALTHY, code, lives)


def _status(container: Container, word: str, health: Health, code: int | None, lives: int = 0) -> Status:
    return Status(
        state=word, running=word in ("running", "restarting"), health=health, exit_code=code,
        restart_count=container.restart_count + lives,
    )  # fmt: skip


def _health(container: Container, image: Image | None, age_s: float) -> Health:
    start_s = image.start_s if image is not None else 0.0
    if container.ill is None:
        ill = (image is not None and not image.healthy) or _check_fails(container.spec["health"])
        verdict_after_s = _verdict_after_s(container, start_s, ill=ill)
    else:
        ill, verdict_after_s = container.ill, start_s
    if age_s < verdict_after_s:
        return Health.STARTING
    return Health.UNHEALTHY if ill else Health.HEALTHY


def _check_fails(check: Json) -> bool:
    return isinstance(check, dict) and _PROGRAMS.get(_program(check.get("command"))) == 1


def _verdict_after_s(container: Container, start_s: float, *, ill: bool) -> float:
    """A check first runs one interval after the start; only after all its retries does it say unhealthy."""
    check = container.spec["health"]
    if not isinstance(check, dict):
        return start_s + OWN_CHECK_S if ill else start_s
    interval_s, grace_s = _number(check.get("interval_s")), _number(check.get("start_period_s"))
    if not ill:
        return max(start_s, interval_s)
    return max(start_s, grace_s) + interval_s * _number(check.get("retries"))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
