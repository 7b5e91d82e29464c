"""Taking over a container that Opstwin did not make: it becomes desired as it is, and nothing is touched."""

import re
from dataclasses import replace

from opstwin.control.ledger import Ledger
from opstwin.control.persons import require_person
from opstwin.control.scene import ADOPTED
from opstwin.domain.access import Actor
from opstwin.domain.audit import AuditEntry
from opstwin.domain.event import Event
from opstwin.domain.resource import Desired, Observed, Presence, WorkloadRecord
from opstwin.domain.values import Json, resource_id
from opstwin.domain.workload import Workload
from opstwin.errors import Conflict, InvalidInput, RequestError, Unreachable
from opstwin.targets.rendering import ContainerRenderer
from opstwin.targets.spec_reading import workload_of
from opstwin.twin.store import Put, Require


async def adopt(ledger: Ledger, observed_id: str, actor: Actor, *, name: str = "", reason: str = "") -> Desired:
    """The desired record of a container that is Opstwin's from now on, as one replica of the workload `name`.

    Without `name` the workload is called like the container, as far as names allow. Raises `Forbidden` for anybody but
    a person, `NotFound`, `Unreachable` (unknown whether it is there), `Conflict` (ours already, or the name is taken)
    and `InvalidInput` for a container that cannot be written as a workload. Refused attempts are audited.
    """
    entry = AuditEntry(action=ADOPTED, subject=observed_id[:500], actor=actor, reason=reason[:2000])
    try:
        return await _adopt(ledger, observed_id, name, entry)
    except RequestError as refusal:
        await ledger.commit([], [replace(entry, outcome="refused", details={"code": refusal.code})])
        raise


async def _adopt(ledger: Ledger, observed_id: str, name: str, entry: AuditEntry) -> Desired:
    actor = entry.actor
    await require_person(ledger, actor, "adopt a container")
    found = await ledger.need(Observed, observed_id, next_step="Look first: opstwin discover")
    old = await ledger.get(Desired, observed_id)
    _check_adoptable(found, old)
    workload = _workload(found, name or _workload_name(found.name))
    record_id = resource_id(found.target, "workload", workload.name)
    record = await ledger.get(WorkloadRecord, record_id)
    if record is not None and record.workload is not None:
        raise Conflict(
            f"There is a workload {workload.name} on {found.target} already.",
            next_step="Adopt this one under another name: give `name`.",
        )
    now = ledger.clock.now()
    desired = Desired(
        id=found.id, target=found.target, kind=found.kind, name=found.name, workload=workload.name,
        spec=ContainerRenderer(found.target).comparable(found.kind, found.spec or {}), set_by=actor, set_at=now,
        mode=old.mode if old else None, revision=old.revision + 1 if old else 1, version=old.version if old else 0,
    )  # fmt: skip
    written = WorkloadRecord(
        id=record_id, target=found.target, name=workload.name, workload=workload, set_by=actor, set_at=now,
        revision=record.revision + 1 if record else 1, version=record.version if record else 0,
    )  # fmt: skip
    event = Event(at=now, type="resource.adopted", target=found.target, resource=found.id, message=f"by {actor.id}")
    held = Require(Observed, found.id, found.version)
    details: dict[str, Json] = {"workload": workload.name, "identity": found.facts.get("id")}
    await ledger.commit([held, Put(desired), Put(written)], [replace(entry, details=details)], [event])
    return await ledger.need(Desired, observed_id)


def _check_adoptable(found: Observed, old: Desired | None) -> None:
    if found.kind != "container":
        raise InvalidInput(
            f"A {found.kind} is not adopted by itself.", field="id", next_step="Adopt the container that uses it."
        )
    if found.presence is Presence.UNKNOWN:
        raise Unreachable(
            f"Cannot tell whether {found.name} is there.", next_step=f"Observe first: opstwin discover {found.target}"
        )
    if found.presence is Presence.ABSENT or found.spec is None:
        raise Conflict(f"{found.name} is no longer there.", next_step=f"Look again: opstwin discover {found.target}")
    if old is not None and old.spec is not None:
        raise Conflict(f"{found.name} is Opstwin's already.", next_step=f"See it: opstwin get {found.id}")


def _workload(found: Observed, name: str) -> Workload:
    try:
        spec = ContainerRenderer(found.target).comparable(found.kind, found.spec or {})
        ContainerRenderer(found.target).checked(found.kind, found.name, spec)
        return workload_of(name, spec)
    except InvalidInput as problem:
        raise InvalidInput(
            f"{found.name} cannot be adopted as it is: {problem.message}",
            field=problem.field,
            next_step=problem.next_step,
            details=problem.details,
        ) from problem


def _workload_name(container: str) -> str:
    """The container's name with everything but letters, digits and single dashes taken out."""
    return re.sub(r"-+", "-", re.sub(r"[^a-z0-9]", "-", container.lower())).strip("-")[:63].rstrip("-")
