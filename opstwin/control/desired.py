"""Setting the desired state of one resource directly; what happens then is the reconciler's to plan."""

from dataclasses import dataclass
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.observing import Observer
from opstwin.control.scene import was_taken_over
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry
from opstwin.domain.diff import diff
from opstwin.domain.event import Event
from opstwin.domain.names import checked_name
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, Spec
from opstwin.errors import Conflict, Forbidden, InvalidInput, NotFound, OpstwinError, Unreachable
from opstwin.targets.rendering import ContainerRenderer
from opstwin.targets.spec_reading import KINDS
from opstwin.twin.store import Put

_GET: Final = "See what is there: opstwin get"

PLAN_INSTEAD: Final = "Make a plan, on which a person decides: plan_create, over HTTP POST /api/v1/plans."
"""What an agent does that wants something else to be."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What should be of one resource. `spec` None says that it should go away; `if_revision` 0 that none exists yet."""

    resource_id: str
    spec: Spec | None
    if_revision: int | None = None


async def set_desired(
    ledger: Ledger,
    resource_id: str,
    spec: Spec | None,
    *,
    if_revision: int | None,
    actor: Actor,
    observer: Observer | None = None,
) -> Desired:
    """The stored desired record. `if_revision` None takes whatever revision there is.

    The target is not touched, but with an `observer` it is looked at where nobody has looked before. Raises
    `InvalidInput` (field), `NotFound`, `Forbidden` (not a person: for all others a plan is the way), `Conflict`
    (another revision, or a thing that is not ours) and `Unreachable` (nobody can say whether something of that name is
    there).
    """
    try:
        return await _set(ledger, Wish(resource_id, spec, if_revision), actor, observer)
    except (Forbidden, Conflict) as refusal:
        await ledger.commit([], [_refused(resource_id, actor, refusal)])
        raise


async def _set(ledger: Ledger, wish: Wish, actor: Actor, observer: Observer | None) -> Desired:
    resource_id, spec = wish.resource_id, wish.spec
    _check_person(actor)
    target, kind, name = await _parts(ledger, resource_id)
    old = await ledger.get(Desired, resource_id)
    _check_revision(resource_id, old, wish.if_revision)
    if old is None and spec is None:
        raise NotFound(f"Nothing is desired of {resource_id}.", next_step=_GET, details={"id": resource_id})
    renderer = ContainerRenderer(target.id) if observer is None else observer.readers.renderer(target)
    checked = None if spec is None else renderer.checked(kind, name, spec)
    await _check_ours(ledger, ResourceId(resource_id), old, observer)
    if old is not None and old.spec == checked:
        return old
    now = ledger.clock.now()
    new = Desired(
        id=ResourceId(resource_id), target=target.id, kind=kind, name=name, workload=old.workload if old else None,
        spec=checked, mode=old.mode if old else None, revision=old.revision + 1 if old else 1, set_by=actor, set_at=now,
        version=old.version if old else 0,
    )  # fmt: skip
    event = Event(at=now, type="desired.changed", target=target.id, resource=new.id, message=f"set by {actor.id}")
    await ledger.commit([Put(new)], [_entry(new, old, actor)], [event])
    return await ledger.need(Desired, resource_id)


def _entry(new: Desired, old: Desired | None, actor: Actor) -> AuditEntry:
    changed = [".".join(item.path) for item in diff(old.spec if old else None, new.spec)]
    return AuditEntry(
        action="desired.set", subject=new.id, actor=actor,
        details={"revision": new.revision, "fields": list(changed[:50]), "removed": new.spec is None},
    )  # fmt: skip


def _refused(resource_id: str, actor: Actor, refusal: OpstwinError) -> AuditEntry:
    return AuditEntry(
        action="desired.set", subject=resource_id[:500], actor=actor, outcome="refused",
        details={"code": refusal.code, "message": refusal.message[:500]},
    )  # fmt: skip


async def _parts(ledger: Ledger, resource_id: str) -> tuple[Target, str, str]:
    target_id, _, rest = resource_id.partition("/")
    kind, _, name = rest.partition("/")
    if kind not in KINDS or not name:
        raise InvalidInput(
            f"{resource_id[:120]!r} is not a resource with a desired state.",
            field="id",
            next_step="Write it like local/container/web-1.",
        )
    target = await ledger.need(Target, target_id, next_step="List targets: opstwin targets list")
    if await ledger.get(Desired, resource_id) is None:
        checked_name(name, "name")
    return target, kind, name


def _check_person(actor: Actor) -> None:
    if actor.kind is not ActorKind.PERSON:
        raise Forbidden(
            f"{actor.id} may not set desired state directly: only a person may.",
            next_step=PLAN_INSTEAD,
            details={"actor": actor.id},
        )


def _check_revision(resource_id: str, old: Desired | None, if_revision: int | None) -> None:
    revision = old.revision if old else 0
    if if_revision is not None and if_revision != revision:
        raise Conflict(
            f"{resource_id} is at desired revision {revision}, not {if_revision}.",
            next_step=f"Read it again: opstwin get {resource_id}, then repeat.",
            details={"id": resource_id, "revision": revision},
        )


async def _check_ours(ledger: Ledger, resource_id: ResourceId, old: Desired | None, observer: Observer | None) -> None:
    found = await _seen(ledger, resource_id, old, observer)
    if found is None or found.presence is Presence.ABSENT:
        return
    if old is not None and (found.managed or (old.spec is not None and await _may_be_ours(ledger, found))):
        return
    step = f"Take it over first: opstwin adopt {resource_id}" if found.kind == "container" else "Use another name."
    raise Conflict(f"{resource_id} is there already, and Opstwin did not make it.", next_step=step)


async def _seen(
    ledger: Ledger, resource_id: ResourceId, old: Desired | None, observer: Observer | None
) -> Observed | None:
    """What is known of it, after a look where nobody knows. Raises `Unreachable` for a new name in the dark."""
    found = await ledger.get(Observed, resource_id)
    if observer is None or (found is not None and found.presence is not Presence.UNKNOWN):
        return found
    [looked] = await observer.observe([resource_id])
    if looked.presence is Presence.UNKNOWN and (old is None or old.spec is None):
        raise Unreachable(
            f"Cannot tell whether something named {looked.name} is there: {looked.target} did not say.",
            next_step=f"Look again when it answers: opstwin discover {looked.target}",
            details={"id": resource_id},
        )
    return looked


async def _may_be_ours(ledger: Ledger, found: Observed) -> bool:
    """Whether what a live record is about is not proven to be somebody else's; unknown proves nothing."""
    return found.presence is Presence.UNKNOWN or await was_taken_over(ledger, found)
