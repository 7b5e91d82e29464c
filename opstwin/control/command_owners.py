"""In what a command may change something: in what Opstwin made or a person adopted, and in nothing else."""

from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.scene import Scene, was_taken_over
from opstwin.domain.kinds import RUNS
from opstwin.domain.resource import Link, Observed
from opstwin.domain.values import ResourceId, resource_id
from opstwin.errors import Forbidden

_STEPS: Final = 3
"""A pod is made by a job, and a job by a cron job."""


async def check_ours(ledger: Ledger, scene: Scene, resource: ResourceId) -> None:
    """Raise `Forbidden` that names what to adopt, when `resource` is a stranger's container, pod or workload.

    A pod is its maker's. One whose maker the twin does not know passes: nobody can say that it is a stranger's.
    """
    subject = resource
    for _ in range(_STEPS):
        found = scene.observed.get(subject)
        if found is None or found.kind not in RUNS or await _is_ours(ledger, scene, found):
            return
        maker = await _maker(ledger, scene, subject)
        if maker is None:
            raise _refusal(resource, subject)
        subject = maker


async def _is_ours(ledger: Ledger, scene: Scene, found: Observed) -> bool:
    """Also of one that was only seen after the scene was read."""
    record = scene.desired.get(found.id)
    live = record is not None and record.spec is not None
    return scene.ours(found.id) or (live and await was_taken_over(ledger, found))


async def _maker(ledger: Ledger, scene: Scene, resource: ResourceId) -> ResourceId | None:
    found = scene.observed[resource]
    if found.kind == "job":
        cron = resource_id(scene.target.id, "cronjob", found.name.rpartition("-")[0])
        return cron if cron in scene.observed else None
    links = await ledger.all(Link, {"source": resource, "relation": "part-of"}) if found.kind == "pod" else []
    return links[0].destination if links else None


def _refusal(resource: ResourceId, owner: ResourceId) -> Forbidden:
    whose = "" if owner == resource else f" ({owner} runs it)"
    return Forbidden(
        f"Opstwin did not make {resource}{whose}: only commands that read run there until it is adopted.",
        next_step=f"Take it over first: opstwin adopt {owner}",
        details={"resource": resource, "adopt": owner},
    )
