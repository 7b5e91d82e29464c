"""What people name when they ask how something does: a workload, a container, one resource, or a whole target."""

from collections.abc import Iterable

from opstwin.control.ledger import Ledger
from opstwin.control.sightings import parts_of
from opstwin.domain.kinds import has_output, is_named
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.errors import InvalidInput, NotFound

_LIST = "See what is there: opstwin get"


async def targets_of(ledger: Ledger, target: str | None) -> list[Target]:
    """The target named, or all active ones. Raises `NotFound`."""
    if target is not None:
        return [await ledger.need(Target, target, next_step="List targets: opstwin targets list")]
    return [item async for item in ledger.each(Target) if item.is_active]


async def resources_of(ledger: Ledger, subject: str, target: str | None) -> list[ResourceId]:
    """What `subject` stands for: one resource by its id, all of a workload, or what has that name; sorted.

    Raises `NotFound` when there is nothing of that name, and `InvalidInput` when an id and `target` disagree.
    """
    if subject.count("/") >= 2:
        return [await _one(ledger, subject, target)]
    found: set[ResourceId] = set()
    for place in await targets_of(ledger, target):
        where = {"target": str(place.id)}
        desired = [item async for item in ledger.each(Desired, where) if item.spec is not None]
        found |= {item.id for item in desired if item.workload == subject}
        found |= {item.id for item in _named(desired, subject)}
        if not found:
            present = [item async for item in ledger.each(Observed, where) if item.presence is not Presence.ABSENT]
            found |= {item.id for item in _named(present, subject)}
    if not found:
        raise _missing(subject)
    return sorted(found)


async def containers_of(ledger: Ledger, subject: str | None, target: str | None) -> list[ResourceId]:
    """What runs of that for which `subject` stands, or all that Opstwin manages on a target or everywhere; sorted.

    In a cluster a Deployment stands for its containers.

    Raises like `resources_of`, and `InvalidInput` where the subject has no container.
    """
    if subject is None:
        found = []
        for place in await targets_of(ledger, target):
            wanted = ledger.each(Desired, {"target": place.id})
            found += [item.id async for item in wanted if item.spec is not None and has_output(item.kind)]
        return sorted(found)
    containers = [item for item in await resources_of(ledger, subject, target) if has_output(parts_of(item)[1])]
    if not containers:
        raise InvalidInput(
            f"{subject} has no container.", field="subject",
            next_step="Name what runs containers (a workload, a container, a Deployment, a pod): opstwin get",
        )  # fmt: skip
    return containers


async def _one(ledger: Ledger, subject: str, target: str | None) -> ResourceId:
    resource = ResourceId(subject)
    if target is not None and parts_of(resource)[0] != target:
        raise InvalidInput(
            f"{subject} is not on {target}.", field="subject", next_step="Name the resource alone, without a target."
        )
    await targets_of(ledger, parts_of(resource)[0])
    if await ledger.get(Desired, resource) is None and await ledger.get(Observed, resource) is None:
        raise _missing(subject)
    return resource


def _named(items: Iterable[Desired] | Iterable[Observed], name: str) -> list[Desired | Observed]:
    return [item for item in items if is_named(item.name, name) and item.kind != "image"]


def _missing(subject: str) -> NotFound:
    return NotFound(
        f"There is no workload and no resource {subject[:200]!r}.", next_step=_LIST, details={"subject": subject[:200]}
    )
