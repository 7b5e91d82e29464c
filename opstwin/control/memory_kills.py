"""Out-of-memory kills, counted into the deployments they hit: at once as they are told, and again from the events.

While an execution changes a workload, its deployment has no row yet, and a kill belongs to it and not to the one
before. Such kills are only in the events; `recount` puts them in their place once the row is there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from opstwin.control.actors import OBSERVER
from opstwin.control.ledger import Ledger
from opstwin.domain.audit import AuditEntry
from opstwin.domain.cluster_case import moment_of, text_of
from opstwin.domain.deployment import Deployment
from opstwin.domain.event import Event
from opstwin.domain.execution import FINISHED, Execution, ExecutionState
from opstwin.domain.plan import Plan
from opstwin.domain.resource import Desired, Link, Observed
from opstwin.domain.values import Json, ResourceId
from opstwin.errors import Conflict
from opstwin.twin.store import MAX_PAGE, Put, Query

POD_OOM: Final = "pod.oom"
KILLS: Final = ("container.oom", POD_OOM)
_OF: Final = "of"
"""The detail of a pod's kill that names what made the pod: that is what was deployed."""

_TOLD: Final = 20
_TRIES: Final = 5

_Kill = tuple[tuple[ResourceId, datetime], ResourceId]
"""What was killed and when, and what it is counted for."""


def deployed_of(resource: ResourceId, details: Mapping[str, Json]) -> ResourceId:
    """What a kill is counted for: the container, or what made the pod."""
    made_by = details.get(_OF)
    return ResourceId(made_by) if isinstance(made_by, str) and made_by else resource


async def was_told(ledger: Ledger, resource: ResourceId, type: str, at: datetime) -> bool:
    """Whether the feed holds this very kill: a target tells of it again after the hub was away."""
    query = Query(Event, {"resource": resource, "type": type}, limit=_TOLD, newest_first=True)
    return any(item.at == at for item in (await ledger.store.find(query)).items)


async def count_oom(ledger: Ledger, resource: ResourceId) -> bool:
    """Count one kill into the newest deployment of the resource's workload.

    False when there is none, or when an execution is changing the workload: then `recount` does it.
    """
    desired = await ledger.get(Desired, resource)
    if desired is None or desired.workload is None or await _is_changing(ledger, desired):
        return False
    where = {"service_name": desired.workload, "target_cluster": str(desired.target)}
    for attempt in range(_TRIES):
        page = await ledger.store.find(Query(Deployment, where, limit=1, newest_first=True))
        if not page.items:
            return False
        try:
            await _set(ledger, page.items[0], page.items[0].oom_events + 1)
        except Conflict:
            if attempt == _TRIES - 1:
                raise
        else:
            return True
    raise AssertionError("unreachable")


async def recount(ledger: Ledger, since: datetime, *, looking: bool = True) -> int:
    """Give each deployment whose execution began after `since` at least the kills that the events tell of.

    `looking` also takes what every pod shows of its last end, which costs reading them all.
    Returns how many deployments changed. A count never goes down: events may be lost, kills do not become undone.
    """
    kills = await _kills(ledger, since, looking)
    counts: Counter[str] = Counter()
    deployments: dict[str, Deployment] = {}
    for workload, target in {(item.workload, item.target) for item, _ in kills}:
        starts = await _starts(ledger, str(workload), target, since)
        for item, at in kills:
            began = [row for begin_at, row in starts if begin_at <= at]
            if (item.workload, item.target) == (workload, target) and began:
                counts[began[-1].id] += 1
                deployments[began[-1].id] = began[-1]
    changed = [row for key, row in deployments.items() if counts[key] > row.oom_events]
    for deployment in changed:
        await _set(ledger, deployment, counts[deployment.id])
    return len(changed)


async def _kills(ledger: Ledger, since: datetime, looking: bool) -> list[tuple[Desired, datetime]]:
    """What was killed when, as far as it belongs to a workload; one that is told twice counts once."""
    told = {key: item for type in KILLS for key, item in await _told(ledger, type, since)}
    told |= {key: told.get(key, item) for key, item in (await _seen(ledger, since) if looking else ())}
    wanted = {key: await ledger.get(Desired, key) for key in set(told.values())}
    found = [(wanted[item], at) for (_, at), item in told.items()]
    return [(item, at) for item, at in found if item is not None and item.workload is not None]


async def _told(ledger: Ledger, type: str, since: datetime) -> list[_Kill]:
    """The kills in the feed."""
    found: list[_Kill] = []
    after: str | None = None
    while True:
        page = await ledger.store.find(Query(Event, {"type": type}, after=after, limit=MAX_PAGE, newest_first=True))
        found += [
            ((item.resource, item.at), deployed_of(item.resource, item.details))
            for item in page.items if item.resource and item.at >= since
        ]  # fmt: skip
        if page.next is None or all(item.at < since for item in page.items):
            return found
        after = page.next


async def _seen(ledger: Ledger, since: datetime) -> list[_Kill]:
    """The last kill of each pod that is there, as looks show it: nobody told of it while the hub was away."""
    found: list[_Kill] = []
    async for pod in ledger.each(Observed, {"kind": "pod"}):
        at = moment_of(pod, "finished_at") if text_of(pod, "ended") == "OOMKilled" else None
        if at is not None and at >= since:
            links = await ledger.all(Link, {"source": pod.id, "relation": "part-of"})
            found += [((pod.id, at), link.destination) for link in links]
    return found


async def _starts(ledger: Ledger, workload: str, target: str, since: datetime) -> Sequence[tuple[datetime, Deployment]]:
    """The deployments of one workload by the moment their execution began."""
    where = {"service_name": workload, "target_cluster": target}
    recent = [item for item in await ledger.all(Deployment, where) if item.deployed_at >= since]
    found: list[tuple[datetime, Deployment]] = []
    for item in recent:
        execution = await ledger.get(Execution, item.execution_id)
        found.append((execution.started_at if execution is not None else item.deployed_at, item))
    return sorted(found, key=lambda pair: pair[0])


async def _is_changing(ledger: Ledger, desired: Desired) -> bool:
    for state in ExecutionState:
        if state in FINISHED:
            continue
        for execution in await ledger.all(Execution, {"target": desired.target, "state": state.value}):
            plan = await ledger.get(Plan, execution.plan_id)
            if plan is not None and any(change.workload == desired.workload for change in plan.changes):
                return True
    return False


async def _set(ledger: Ledger, deployment: Deployment, count: int) -> None:
    entry = AuditEntry(
        action="deployment.oom", subject=deployment.id, actor=OBSERVER, plan_id=deployment.plan_id,
        execution_id=deployment.execution_id, details={"oom_events": count},
    )  # fmt: skip
    await ledger.commit([Put(replace(deployment, oom_events=count))], [entry])
