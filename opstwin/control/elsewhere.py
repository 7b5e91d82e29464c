"""Which workloads of another target a request means. Nothing is guessed: several that fit are choices."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.domain.ask import Action, Ask
from opstwin.domain.ordering import in_order
from opstwin.domain.resource import Desired, Observed, Presence, WorkloadRecord
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput, NotFound, Unclear

COMPOSE_LABEL: Final = "com.docker.compose.project"
"""The label by which Docker Compose says what a container belongs to (Compose specification, 07-labels)."""

_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """The workloads that are meant, each after what it needs, and the target that they are on."""

    source: TargetId
    workloads: tuple[Workload, ...]


def project_of(workload: Workload) -> str:
    """The Compose project that a workload came from or was adopted from, empty when it came from none."""
    return workload.project or workload.labels.get(COMPOSE_LABEL, "")


async def elsewhere(ledger: Ledger, ask: Ask, target: TargetId) -> Elsewhere:
    """What `ask` means: the workload of its name, or all of a Compose project, on another target than `target`.

    Raises `Unclear` with the choices where several fit, `NotFound` where none does, and `InvalidInput` for what is on
    `target` alone.
    """
    known = {item.id for item in await ledger.all(Target)}
    if ask.source is not None and ask.source not in known:
        raise NotFound(
            f"There is no target {ask.source[:80]!r}.",
            next_step=f"Say from which target: {', '.join(sorted(known - {target}))}.",
            details={"field": "source", "choices": sorted(known)},
        )
    records = [item for item in await ledger.all(WorkloadRecord) if item.workload is not None and item.target in known]
    groups = _groups(ask, records)
    fitting = {
        key: group
        for key, group in groups.items()
        if key[0] != target and ask.source in (None, key[0]) and ask.name in ("", key[1])
    }
    if len(fitting) > 1:
        raise _several(ask, target, fitting)
    if not fitting:
        raise await _none(ledger, ask, target, groups)
    [(source, _)] = fitting
    [found] = fitting.values()
    order = in_order({name: item.needs for name, item in found.items()})
    return Elsewhere(source=source, workloads=tuple(found[name] for name in order))


async def also_on(ledger: Ledger, ask: Ask, target: TargetId) -> list[TargetId]:
    """The other active targets with a workload of the name that `ask` is about, where it does not say which is meant.

    Empty for what is made anew or brought over: those are not about something that is there.
    """
    if ask.target is not None or ask.action in (Action.DEPLOY, Action.MOVE, Action.COPY):
        return []
    active = {item.id for item in await ledger.all(Target) if item.is_active}
    records = await ledger.all(WorkloadRecord, {"name": ask.name})
    return sorted({item.target for item in records if item.workload is not None} & active - {target})


def not_here(error: NotFound, others: Sequence[TargetId]) -> NotFound:
    """`error`, that also says where else it is."""
    there = f'There is one on {", ".join(others)}: opstwin plan "…" --target {others[0]}'
    return NotFound(
        error.message,
        next_step=f"{error.next_step.rstrip('.')}. {there}",
        details={**error.details, "targets": list(others)},
    )


Key = tuple[TargetId, str]
"""A target, and the name of a workload or of a Compose project on it."""


def _groups(ask: Ask, records: Iterable[WorkloadRecord]) -> dict[Key, dict[str, Workload]]:
    groups: dict[Key, dict[str, Workload]] = {}
    for item in records:
        if item.workload is None:
            continue
        name = project_of(item.workload) if ask.whole_project else item.name
        if name:
            groups.setdefault((item.target, name), {})[item.name] = item.workload
    return groups


def _several(ask: Ask, target: TargetId, fitting: Iterable[Key]) -> Unclear:
    what = "the compose app " if ask.whole_project else ""
    choices = [f"{ask.action.value} {what}{name} from {source} to {target}" for source, name in sorted(fitting)]
    return Unclear(
        "It is not clear which one, or from where.",
        field="name" if ask.name == "" else "source",
        next_step=f'Say it, for example: opstwin plan "{choices[0]}"',
        details={"missing": ["name" if ask.name == "" else "source"], "choices": choices[:_SHOWN]},
    )


async def _none(ledger: Ledger, ask: Ask, target: TargetId, groups: Mapping[Key, object]) -> InvalidInput | NotFound:
    what = "Compose app" if ask.whole_project else "workload"
    called = f"{what} {ask.name[:80]}" if ask.name else what
    if ask.source in (None, target) and any(place == target and ask.name in ("", name) for place, name in groups):
        return InvalidInput(
            f"{called} is on {target} already, and on no other target.",
            field="target",
            next_step="Name another target, or change it where it is.",
        )
    places = sorted({name for place, name in groups if place != target and ask.source in (None, place)})
    near = get_close_matches(ask.name, places, n=3, cutoff=0.5) if ask.name else []
    step = await _foreign(ledger, ask, target)
    if near:
        step = f"Did you mean {' or '.join(near)}?"
    where = f"on {ask.source}" if ask.source is not None else f"on any target but {target}"
    return NotFound(
        f"There is no {called} {where}.",
        next_step=step or "See what is there: opstwin get",
        details={"field": "name", "name": ask.name[:80], "choices": places[:_SHOWN]},
    )


async def _foreign(ledger: Ledger, ask: Ask, target: TargetId) -> str:
    """How to take over what was seen under that name and is not Opstwin's, empty when there is nothing."""
    seen = [item for item in await ledger.all(Observed, {"kind": "container"}) if item.presence is Presence.PRESENT]
    seen = [item for item in seen if item.target != target and ask.source in (None, item.target)]
    fitting = [item.id for item in seen if not item.managed and _is_meant(ask, item)]
    ours = {item.id for item in await ledger.all(Desired, {"kind": "container"}) if item.spec is not None}
    theirs: Sequence[str] = sorted(set(fitting) - ours)
    if not theirs:
        return ""
    more = f" (and {len(theirs) - 1} more)" if len(theirs) > 1 else ""
    return f"Opstwin did not make it; take it over first: opstwin adopt {theirs[0]}{more}"


def _is_meant(ask: Ask, found: Observed) -> bool:
    labels = (found.spec or {}).get("labels")
    project = labels.get(COMPOSE_LABEL) if isinstance(labels, dict) else None
    if ask.whole_project:
        return project is not None and ask.name in ("", project)
    return found.name == ask.name
