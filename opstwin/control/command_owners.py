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

_NODE: Final = "node"


async def check_ours(ledger: Ledger, scene: Scene, resource: ResourceId) -> None:
    """Raise `Forbidden` that names what to adopt, when `resource` is a stranger's container, pod or workload.

    A pod is its maker's, also when that is a custom resource. One whose maker the twin does not know passes: nobody can
    say that it is a stranger's. One that a node runs by itself never passes: it cannot be adopted.
    """
    subject = resource
    for _ in range(_STEPS):
        found = scene.observed.get(subject)
        is_other = subject == resource and found is not None and found.kind not in RUNS
        if found is None or is_other or await _is_ours(ledger, scene, found):
            return
        maker = await _maker(ledger, scene, subject)
        if maker is None:
            raise _refusal(resource, subject)
        if maker.split("/")[1] == _NODE:
            raise _nodes_own(resource, maker)
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


def _nodes_own(resource: ResourceId, node: ResourceId) -> Forbidden:
    return Forbidden(
        f"{resource} is run by {node} itself, from a file on that machine, as the control plane is: only commands that "
        "read run there.",
        next_step="Run a command that only reads, or change it on the machine itself.",
        details={"resource": resource, "node": node},
    )
