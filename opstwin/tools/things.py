"""What a typed id or a bare name stands for, and what there is of a similar name when it stands for nothing."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from opstwin.control.twin_index import Twin
from opstwin.errors import NotFound, Unclear

_CHOICES: Final = 5
_NEAR: Final = 0.6
_MOST_NAMES: Final = 5000
"""Names that one is compared with; comparing takes 10 to 20 microseconds a name."""


class Sort(StrEnum):
    """The sorts of things that have an id."""

    RESOURCE = "resource"
    WORKLOAD = "workload"
    TARGET = "target"
    PLAN = "plan"
    EXECUTION = "execution"


@dataclass(frozen=True, slots=True)
class Named:
    """One thing by its full id."""

    sort: Sort
    id: str


async def found(twin: Twin, name: str) -> Named:
    """What `name` stands for; plans and executions are not looked up.

    A bare name is a workload, else a target, else a resource. Raises `Unclear` when several bear it, and `NotFound`
    with the nearest names.
    """
    if name.startswith("plan_"):
        return Named(Sort.PLAN, name)
    if name.startswith("exec_"):
        return Named(Sort.EXECUTION, name)
    choices = _exact(twin, name) if "/" in name else _bare(twin, name)
    if not choices:
        raise await _nothing(twin, name)
    if len(choices) > 1:
        ids = sorted(item.id for item in choices)
        raise Unclear(
            f"{name} is the name of {len(choices)} things.", field="id",
            next_step=f"Name one: {', '.join(ids[:_CHOICES])}", details={"choices": ids[:20]},
        )  # fmt: skip
    return choices[0]


def _exact(twin: Twin, id: str) -> list[Named]:
    parts = id.split("/", 2)
    if len(parts) == 2 and parts[0] == Sort.TARGET:
        return [Named(Sort.TARGET, item.id) for item in twin.targets if item.id == parts[1]]
    if parts[1] == Sort.WORKLOAD:
        return [Named(Sort.WORKLOAD, item.id) for item in twin.workloads if item.id == id]
    return [Named(Sort.RESOURCE, id)] if id in twin.by_id else []


def _bare(twin: Twin, name: str) -> list[Named]:
    workloads = [Named(Sort.WORKLOAD, item.id) for item in twin.workloads if item.name == name]
    targets = [Named(Sort.TARGET, item.id) for item in twin.targets if item.id == name]
    return workloads or targets or [Named(Sort.RESOURCE, item.id) for item in twin.standings if item.name == name]


async def _nothing(twin: Twin, name: str) -> NotFound:
    near = await asyncio.to_thread(nearest, twin, name)
    said = f"Did you mean {' or '.join(near)}? " if near else ""
    return NotFound(
        f"There is no {name[:200]!r} in the twin.", next_step=f"{said}See what there is: opstwin get",
        details={"id": name[:200], "choices": near},
    )  # fmt: skip


def nearest(twin: Twin, name: str) -> list[str]:
    """The ids of what is named most like it."""
    ids = _by_name(twin)
    matches = get_close_matches(_part(name), list(ids)[:_MOST_NAMES], n=_CHOICES, cutoff=_NEAR)
    return [ids[match] for match in matches]


def _by_name(twin: Twin) -> dict[str, str]:
    """One id for each name; a workload goes before a resource of its name."""
    items: Iterable[tuple[str, str]] = (
        *((item.name, item.id) for item in twin.standings),
        *((item.id, item.id) for item in twin.targets),
        *((item.name, item.id) for item in twin.workloads),
    )
    return dict(items)


def _part(id: str) -> str:
    """The name within an id."""
    return id.split("/", 2)[-1][:80]
