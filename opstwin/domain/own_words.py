"""What of a plan is in the own words of whoever asked for it, and not taken over from what was there. Pure."""

from collections.abc import Collection, Iterable
from typing import Final

from opstwin.domain.plan import Origin, Plan
from opstwin.domain.taint import suspects, tokens
from opstwin.domain.values import Json, to_json
from opstwin.domain.workload import Workload

_ASKED: Final = frozenset({Origin.WORDS, Origin.FILE, Origin.COMMAND})
"""Where all that is to be was said. A way back, drift and a component bring what was elsewhere before."""

_OF_RUN: Final = "run_"
"""How the request of a run's plan begins (`opstwin.control.runs`): its manifests hold settings of containers."""

_MOST: Final = 200_000
"""Characters of plans that are gone through: about a third of a second."""


def said_before(plans: Iterable[Plan], wanted: Collection[str]) -> set[str]:
    """Which of `wanted` are own words of these plans; of the first ones where there is much to go through."""
    known: set[str] = set()
    left = _MOST
    for plan in plans:
        left -= _length(plan)
        if left < 0 or len(known) == len(wanted):
            break
        known |= own_words(plan) & set(wanted)
    return known


def own_words(plan: Plan) -> set[str]:
    """What the requester of a plan that repeated nothing has said, as far as a repetition would have been found.

    That is the request, the workloads and settings that were asked for, and commands. What resources had before is not
    theirs, nor is what was drafted for them, or taken from a container to bring it elsewhere.
    """
    if plan.origin not in _ASKED:
        return set()
    argv = [word for change in plan.changes if change.command for word in change.command.argv]
    found = suspects([plan.request, *argv], argv)
    if plan.drafts or plan.request.startswith(_OF_RUN):
        return found
    workloads = [item.workload for item in plan.workloads if item.workload is not None]
    values = _texts((*workloads, *(change.after for change in plan.changes)))
    asked = suspects(values, [name for item in workloads for name in run_by(item)])
    return found | (asked - tokens(_texts(change.before for change in plan.changes)))


def _length(plan: Plan) -> int:
    return len(plan.request) + sum(map(len, _texts((plan.workloads, plan.changes))))


def run_by(workload: Workload | None) -> list[str]:
    """What a workload runs and mounts from outside: here a short and common word counts too when others wrote it."""
    if workload is None:
        return []
    health = workload.health.command if workload.health else ()
    hosts = [mount.host_path for mount in workload.volumes if mount.host_path]
    return [workload.image, *(workload.entrypoint or ()), *(workload.command or ()), *(health or ()), *hosts]


def strings(value: Json) -> list[str]:
    """All texts in a JSON value, keys included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *strings(item))]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return []


def _texts(values: Iterable[object]) -> list[str]:
    return list(dict.fromkeys(text for value in values for text in strings(to_json(value))))
