"""The past deployments that are most like what shall be deployed, and what the generator learns from each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.remembering import Memory
from opstwin.domain.deployment import Deployment, image_parts, purpose_of
from opstwin.domain.example import Example
from opstwin.domain.similarity import LEAST, Sought, similarity
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import PastDeployment
from opstwin.twin.store import Query

LOOKED_AT: Final = 200
"""The newest deployments that are compared, besides as many of the very same image."""

KEPT: Final = 20
"""Of those the most similar."""


@dataclass(frozen=True, slots=True)
class Similar:
    """A past deployment and how similar it is, from 0 to 1."""

    deployment: Deployment
    score: float


async def similar_to(
    ledger: Ledger, info: ContainerInfo, target: str, memory: Memory | None, person: str | None
) -> tuple[Similar, ...]:
    """The past deployments that are like this container on this target, the most similar first, then the newest.

    With a `memory` they are of the organisation of `person`, and none of them is in quarantine.
    """
    name = image_parts(info.image)[0]
    found: dict[str, Deployment] = {}
    wheres: tuple[dict[str, str | bool | None], ...] = ({"image_name": name}, {})
    for where in wheres:
        page = await ledger.store.find(Query(Deployment, where, limit=LOOKED_AT, newest_first=True))
        found |= {item.id: item for item in page.items if item.replicas}
    sought = sought_of(info, target)
    if memory is None:
        return ranked(list(found.values()), sought)
    own = ranked(await memory.seen_by(memory.tenant_of(person), list(found.values())), sought)
    sound = await memory.sound([item.deployment for item in own])
    return tuple(item for item in own if item.deployment.id in sound)


def ranked(past: Sequence[Deployment], sought: Sought) -> tuple[Similar, ...]:
    """Those that are similar enough, the most similar first, then the newest. Pure."""
    scored = [Similar(item, similarity(item, sought)) for item in past]
    scored.sort(key=lambda item: (item.score, item.deployment.deployed_at), reverse=True)
    return tuple(item for item in scored if item.score >= LEAST)[:KEPT]


def sought_of(info: ContainerInfo, target: str) -> Sought:
    """What is looked for: labels say what it is for and its language, else the image's name does."""
    return Sought(
        image=image_parts(info.image)[0], target=target, language=info.labels.get("language", ""),
        purpose=info.labels.get("service-type") or purpose_of(info.image),
    )  # fmt: skip


def lessons(found: Sequence[Similar]) -> tuple[PastDeployment, ...]:
    """As the generator takes them: the newest first."""
    newest = sorted((item.deployment for item in found), key=lambda item: item.deployed_at, reverse=True)
    return tuple(lesson(item, service=item.service_name, image=item.image_name) for item in newest)


def lesson(past: Deployment | Example, *, service: str, image: str) -> PastDeployment:
    """One of them: a record of the history or an example of the memory, each with its own names of these two."""
    return PastDeployment(
        id=past.id, service=service, image=image, success=past.success, outcome=past.outcome,
        cpu_request=past.cpu_request, cpu_limit=past.cpu_limit, memory_request=past.memory_request,
        memory_limit=past.memory_limit, cpu_p95=past.usage.cpu_p95 if past.usage else None,
        memory_p95=past.usage.memory_p95 if past.usage else None,
        memory_max=past.usage.memory_max if past.usage else None, oom_events=past.oom_events,
        deployed_at=past.deployed_at,
    )  # fmt: skip
