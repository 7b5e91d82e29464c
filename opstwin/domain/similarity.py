"""How much a past deployment is like what shall be deployed now. Pure."""

from dataclasses import dataclass
from typing import Final

from opstwin.domain.deployment import Deployment

IMAGE: Final = 0.5
TARGET: Final = 0.2
PURPOSE: Final = 0.2
LANGUAGE: Final = 0.1
"""What each likeness counts; together 1. The image says most about what something needs."""

COUSIN: Final = 0.5
"""What the same name from another registry or publisher (`acme/postgres` for `postgres`) counts of `IMAGE`."""

HELD: Final = 1.0
STARVED: Final = 0.8
FAILED: Final = 0.6
"""What a deployment counts that held, that held and ran out of memory, and that failed: bad ones teach less."""

LEAST: Final = 0.3
"""Below this nothing but the target, or the purpose, is shared."""

_DEFAULTS: Final = ("index.docker.io/", "docker.io/", "library/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What shall be deployed: the image's name without tag, what it is for, its language, and where. Empty: unknown."""

    image: str
    target: str = ""
    purpose: str = ""
    language: str = ""


def similarity(past: Deployment, sought: Sought) -> float:
    """From 0, nothing in common, to 1, the same on the same target and it held. What is not known counts for nothing.

    Rounded to three digits, so that equal deployments are equal.
    """
    likeness = (
        IMAGE * _image(past.image_name, sought.image)
        + TARGET * _same(past.target_cluster, sought.target)
        + PURPOSE * _same(past.service_type, sought.purpose)
        + LANGUAGE * _same(past.language, sought.language)
    )
    return round(likeness * _lesson(past), 3)


def _image(one: str, other: str) -> float:
    first, second = _bare(one), _bare(other)
    if first == second:
        return _same(first, second)
    return COUSIN * _same(first.rpartition("/")[2], second.rpartition("/")[2])


def _bare(name: str) -> str:
    for prefix in _DEFAULTS:
        name = name.removeprefix(prefix)
    return name


def _same(one: str, other: str) -> float:
    return 1.0 if one and one == other else 0.0


def _lesson(past: Deployment) -> float:
    if not past.success:
        return FAILED
    return STARVED if past.oom_events else HELD
