"""From drift back to desired: the changes that would heal it. Pure, given a `Scene`."""

from collections.abc import Collection

from opstwin.control.building import Draft
from opstwin.control.comparing import Wanted, change_of
from opstwin.control.scene import Scene
from opstwin.control.wording import worded
from opstwin.domain.drift import DriftKind, drift_of
from opstwin.domain.plan import Change, Origin
from opstwin.domain.resource import Desired
from opstwin.domain.values import ResourceId
from opstwin.errors import Conflict, InvalidInput
from opstwin.targets.ports import Renderer

_LEFT = {DriftKind.UNKNOWN: "unknown_skipped", DriftKind.UNHEALTHY: "unhealthy_left"}
"""Drift that no change here would heal: one is not certain, the other is not a difference."""


def healing(scene: Scene, renderer: Renderer, only: Collection[ResourceId] | None) -> Draft:
    """What brings the observed side of a target (or of `only` some resources) back to desired."""
    changes: list[Change] = []
    notes: list[str] = []
    for record in scene.desired.values():
        if only is not None and record.id not in only:
            continue
        drift = drift_of(record, scene.observed.get(record.id), renderer.difference)
        if drift is None:
            continue
        if drift.kind in _LEFT:
            notes.append(worded(_LEFT[drift.kind], name=record.name))
            continue
        try:
            change = change_of(scene, renderer, _wanted(record))
        except (InvalidInput, Conflict) as problem:
            notes.append(str(problem))
            continue
        changes += [change] if change is not None else []
    after = {name: item.workload for name, item in scene.records.items() if item.workload is not None}
    return Draft(changes=tuple(changes), after=after, notes=tuple(notes))


def origin_of(scene: Scene, draft: Draft) -> Origin:
    """`desired` when the desired side was set directly and no plan brought it, else `drift`."""
    records = [scene.desired[change.resource] for change in draft.changes]
    by_hand = bool(records) and all(record.plan_id is None for record in records)
    return Origin.DESIRED if by_hand else Origin.DRIFT


def _wanted(record: Desired) -> Wanted:
    return Wanted(
        resource=record.id, kind=record.kind, name=record.name, workload=record.workload, spec=record.spec
    )  # fmt: skip
