"""Taking over what Opstwin did not make: it becomes desired as it is, and nothing is touched."""

import re
from dataclasses import dataclass, replace
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.persons import require_person
from opstwin.control.scene import ADOPTED
from opstwin.domain.access import Actor
from opstwin.domain.audit import AuditEntry
from opstwin.domain.event import Event
from opstwin.domain.resource import Desired, Link, Observed, Presence, WorkloadRecord
from opstwin.domain.values import Json, resource_id
from opstwin.domain.workload import Workload
from opstwin.errors import Conflict, InvalidInput, RequestError, Unreachable
from opstwin.targets.ports import Renderer
from opstwin.targets.rendering import ContainerRenderer
from opstwin.targets.spec_reading import workload_of
from opstwin.twin.store import Put, Require, Write

_ENGINE_KINDS: Final = frozenset({"container", "image", "network", "volume", "host"})
"""What container engines and hosts hold; anything else is a manifest of a cluster."""


async def adopt(
    ledger: Ledger, id: str, actor: Actor, *, name: str = "", reason: str = "", renderer: Renderer | None = None
) -> Desired:
    """The desired record of a container that is Opstwin's from now on, as one replica of the workload `name`.

    Without `name` the workload is called like the container, as far as names allow. A resource of a cluster becomes
    desired as its manifest says, as part of the application `name`; `renderer` is its target's.

    Raises `Forbidden` for anybody but a person, `NotFound`, `Unreachable` (unknown whether it is there), `Conflict`
    (ours already, or the name is taken) and `InvalidInput` for what cannot be wanted as it is. Refused attempts are
    audited.
    """
    entry = AuditEntry(action=ADOPTED, subject=id[:500], actor=actor, reason=reason[:2000])
    try:
        return await _adopt(ledger, id, _Taking(name=name, entry=entry, renderer=renderer))
    except RequestError as refusal:
        await ledger.commit([], [replace(entry, outcome="refused", details={"code": refusal.code})])
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taking:
    """Under which name, with which entry in the audit, and by whose forms something is taken over."""

    name: str
    entry: AuditEntry
    renderer: Renderer | None


async def _adopt(ledger: Ledger, observed_id: str, taking: _Taking) -> Desired:
    await require_person(ledger, taking.entry.actor, "adopt a resource")
    found = await ledger.need(Observed, observed_id, next_step="Look first: opstwin discover")
    old = await ledger.get(Desired, observed_id)
    if taking.renderer is not None and found.kind not in _ENGINE_KINDS:
        _check_there(found, old)
        await _check_own(ledger, found)
        return await _take_manifest(ledger, found, old, taking)
    _check_adoptable(found, old)
    return await _take_container(ledger, found, old, taking)


async def _take_manifest(ledger: Ledger, found: Observed, old: Desired | None, taking: _Taking) -> Desired:
    assert taking.renderer is not None
    spec = taking.renderer.checked(
        found.kind, found.name, taking.renderer.comparable(found.kind, found.spec or {})
    )  # fmt: skip
    name = taking.name or _workload_name(found.name.rpartition("/")[2])
    desired = replace(_desired(ledger, found, old, taking.entry.actor), workload=name, spec=spec)
    return await _take(ledger, found, desired, taking.entry)


async def _take_container(ledger: Ledger, found: Observed, old: Desired | None, taking: _Taking) -> Desired:
    workload = _workload(found, taking.name or _workload_name(found.name))
    record_id = resource_id(found.target, "workload", workload.name)
    record = await ledger.get(WorkloadRecord, record_id)
    if record is not None and record.workload is not None:
        raise Conflict(
            f"There is a workload {workload.name} on {found.target} already.",
            next_step="Adopt this one under another name: give `name`.",
        )
    spec = ContainerRenderer(found.target).comparable(found.kind, found.spec or {})
    desired = replace(_desired(ledger, found, old, taking.entry.actor), workload=workload.name, spec=spec)
    written = WorkloadRecord(
        id=record_id, target=found.target, name=workload.name, workload=workload, set_by=taking.entry.actor,
        set_at=desired.set_at, revision=record.revision + 1 if record else 1, version=record.version if record else 0,
    )  # fmt: skip
    return await _take(ledger, found, desired, taking.entry, Put(written))


async def _take(ledger: Ledger, found: Observed, desired: Desired, entry: AuditEntry, *more: Write) -> Desired:
    actor = entry.actor
    event = Event(
        at=desired.set_at, type="resource.adopted", target=found.target, resource=found.id, message=f"by {actor.id}"
    )
    held = Require(Observed, found.id, found.version)
    details: dict[str, Json] = {"workload": desired.workload, "identity": found.facts.get("id")}
    await ledger.commit([held, Put(desired), *more], [replace(entry, details=details)], [event])
    return await ledger.need(Desired, found.id)


def _desired(ledger: Ledger, found: Observed, old: Desired | None, actor: Actor) -> Desired:
    return Desired(
        id=found.id, target=found.target, kind=found.kind, name=found.name, spec=None, set_by=actor,
        set_at=ledger.clock.now(), mode=old.mode if old else None, revision=old.revision + 1 if old else 1,
        version=old.version if old else 0,
    )  # fmt: skip


def _check_adoptable(found: Observed, old: Desired | None) -> None:
    if found.kind != "container":
        raise InvalidInput(
            f"A {found.kind} is not adopted by itself.", field="id", next_step="Adopt the container that uses it."
        )
    _check_there(found, old)


async def _check_own(ledger: Ledger, found: Observed) -> None:
    """What something else in the cluster makes and takes away cannot be wanted by itself."""
    if found.kind == "node":
        raise InvalidInput(
            "A node is not adopted: it joins and leaves the cluster by itself.", field="id",
            next_step="Adopt what runs on it: opstwin get",
        )  # fmt: skip
    made_by = await ledger.all(Link, {"source": found.id, "relation": "part-of"}) if found.kind == "pod" else []
    if made_by:
        raise InvalidInput(
            f"{found.name} comes and goes with {made_by[0].destination}, which made it.", field="id",
            next_step=f"Adopt that: opstwin adopt {made_by[0].destination}",
        )  # fmt: skip


def _check_there(found: Observed, old: Desired | None) -> None:
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
