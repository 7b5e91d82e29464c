"""The risk of a plan, seen with what is around it and with what the same human asked for before."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.scene import Scene
from opstwin.domain.access import Actor, Principal
from opstwin.domain.approval import People, people_of
from opstwin.domain.kinds import runs
from opstwin.domain.plan import Change, Op, Plan, PlanState, Risk
from opstwin.domain.resource import Desired, Health, Observed, Presence
from opstwin.domain.risk import Surroundings, judged, together
from opstwin.domain.values import ResourceId, TargetId
from opstwin.twin.store import Query

MEMORY: Final = timedelta(hours=1)
"""How long earlier removals of the same human count towards the risk of the next one."""

_NEVER_RAN: Final = frozenset({PlanState.REJECTED, PlanState.STALE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Changes with their risk, the risk of all together, and why it is higher than its parts."""

    changes: tuple[Change, ...]
    risk: Risk
    notes: tuple[str, ...]


async def judgement(ledger: Ledger, scene: Scene, changes: Sequence[Change], actor: Actor) -> Judgement:
    """What `changes` risk when `actor` asks for them now."""
    leaving = {change.resource for change in changes if change.op is Op.DELETE and runs(change.kind)}
    earlier = await _removed_lately(ledger, scene.target.id, actor) - leaving if leaving else set()
    running = {key for key, item in scene.live().items() if runs(item.kind)}
    around = Surroundings(standing=len(running | earlier), recently_removed=len(earlier))
    left, lost, approved = _staying(scene, changes), _lost_volumes(scene), _approved_images(scene)
    single = tuple(
        judged(
            change,
            Surroundings(
                siblings_left=left[change.workload] if change.workload is not None else 0,
                adopted=scene.adopted(change.resource), lost=lost,
                approved_images=approved.get(change.workload or change.resource, frozenset()),
            ),
        )
        for change in changes
    )  # fmt: skip
    risk, notes = together(single, around)
    return Judgement(changes=single, risk=risk, notes=notes)


def _staying(scene: Scene, changes: Sequence[Change]) -> Counter[str | None]:
    """How many containers of each workload run on, or are made, when all is done."""
    touched = {change.resource for change in changes}
    running = [
        item.workload
        for item in scene.live().values()
        if runs(item.kind) and item.id not in touched and _runs_on(scene, item)
    ]
    made = [
        item.workload
        for item in changes
        if runs(item.kind) and item.after is not None and item.after.get("running") is not False
    ]
    return Counter([*running, *made])


def _runs_on(scene: Scene, record: Desired) -> bool:
    """Whether it runs now, and nobody has asked for it to stop."""
    found = scene.observed.get(record.id)
    if found is None or found.presence is not Presence.PRESENT or found.health is Health.STOPPED:
        return False
    return (found.spec or {}).get("running") is not False and (record.spec or {}).get("running") is not False


def _approved_images(scene: Scene) -> dict[str, frozenset[str]]:
    """The images that plans brought, by workload, or by resource where there is none."""
    found: dict[str, set[str]] = {}
    for key, item in scene.desired.items():
        if item.plan_id is not None and item.spec is not None and "image" in item.spec:
            found.setdefault(item.workload or key, set()).add(str(item.spec["image"]))
    return {name: frozenset(images) for name, images in found.items()}


def _lost_volumes(scene: Scene) -> frozenset[str]:
    """The volumes that should be there, were there once, and are gone. Unknown is not gone."""
    return frozenset(
        item.name
        for key, item in scene.live().items()
        if item.kind == "volume" and _was_there(item, found := scene.observed.get(key)) and _is_gone(found)
    )


def _was_there(record: Desired, found: Observed | None) -> bool:
    return record.plan_id is not None or (found is not None and found.revision > 1)


def _is_gone(found: Observed | None) -> bool:
    return found is not None and found.presence is Presence.ABSENT


async def _removed_lately(ledger: Ledger, target: TargetId, actor: Actor) -> set[ResourceId]:
    """The containers that the same human asked to remove within the last hour, whatever account asked."""
    people = people_of(await ledger.all(Principal))
    return {
        change.resource
        async for plan in _recent(ledger, target)
        if plan.state not in _NEVER_RAN and _same(people, plan.requested_by, actor)
        for change in plan.changes
        if change.op is Op.DELETE and runs(change.kind)
    }


async def _recent(ledger: Ledger, target: TargetId) -> AsyncIterator[Plan]:
    """The plans of a target within the hour, newest first."""
    since = ledger.clock.now() - MEMORY
    after: str | None = None
    while True:
        page = await ledger.store.find(Query(Plan, {"target": target}, after=after, newest_first=True))
        for plan in page.items:
            if plan.created_at <= since:
                return
            yield plan
        if page.next is None:
            return
        after = page.next


def _same(people: People, one: Actor, other: Actor) -> bool:
    return people.human(one.human or one.id) == people.human(other.human or other.id)
