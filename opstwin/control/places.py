"""Targets: adding, changing, switching off and testing them, one default among them, and reading the seed's config."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.control.place_fields import OF_A_CLUSTER, Cluster, changed_target, clusters_of, new_target
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry
from opstwin.domain.execution import FINISHED, Execution, ExecutionState
from opstwin.domain.resource import Presence
from opstwin.domain.target import Target
from opstwin.domain.values import Json, TargetId, to_json
from opstwin.errors import Conflict, Forbidden, InvalidInput, Rejected
from opstwin.logs import masked, redacted
from opstwin.targets.ports import Permission, Permitting, Reader, Sighting
from opstwin.twin.store import Put, Write

_TRIES: Final = 5
_NOTE: Final = "note"
"""The setting that says why a target of the configuration is switched off; a person who does it leaves none."""

_LIST: Final = "List targets: opstwin targets list"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceReport:
    """How a test of one target went: who answers, how fast, and what is there by kind.

    `is_known` is False when another machine than before answers at the address. `permissions` say what the credentials
    may do there and what they lack, where a target can be asked.
    """

    target: TargetId
    identity: str
    is_known: bool
    version: str
    latency_ms: float
    counts: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, Json] = field(default_factory=dict)
    permissions: tuple[Permission, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The targets of a configuration after reading it, and what to know about them."""

    targets: tuple[Target, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Places:
    """The register of targets."""

    ledger: Ledger
    readers: Readers

    async def list(self) -> Sequence[Target]:
        """All targets, the switched-off ones too, by id."""
        return await self.ledger.all(Target)

    async def get(self, target_id: str) -> Target:
        """One target; raises `NotFound`."""
        return await self.ledger.need(Target, target_id, next_step=_LIST)

    async def add(self, fields: Mapping[str, object], actor: Actor) -> Target:
        """Add a target. The first active one becomes the default unless `is_default` says otherwise.

        Raises `InvalidInput` naming the field, `Conflict` when the id is taken.
        """
        target = new_target(fields, self.ledger.clock.now())
        if target.is_active:
            self.readers.renderer(target)
        if await self.ledger.get(Target, target.id) is not None:
            raise Conflict(
                f"There is a target {target.id} already.",
                next_step=f"Take another id, or change it: opstwin targets update {target.id}",
                details={"kind": "target", "id": target.id},
            )
        if "is_default" not in fields and target.is_active and not await self._defaults():
            target = replace(target, is_default=True)
        return await self._store(target, "target.add", actor)

    async def update(
        self, target_id: str, fields: Mapping[str, object], actor: Actor, *, if_version: int | None = None
    ) -> Target:
        """Set some fields anew; a switched-off target is no default.

        With another address given by a person, whoever answers there is taken for the target; given by anybody else,
        it must be the same machine.

        Raises `NotFound`, `InvalidInput` naming the field, and `Conflict` when the version is not `if_version` or
        somebody else changed it meanwhile.
        """
        target = await self.get(target_id)
        if if_version is not None and if_version != target.version:
            raise _changed_meanwhile(target)
        changed = changed_target(target, fields)
        if changed.is_active:
            self.readers.renderer(changed)
        elif fields.get("is_default") is True:
            raise InvalidInput(
                "A target that is switched off cannot be the default.", field="is_default",
                next_step="Switch it on as well: is_active true.",
            )  # fmt: skip
        else:
            changed = replace(changed, is_default=False)
        if changed.agent_endpoint != target.agent_endpoint and actor.kind is ActorKind.PERSON:
            changed = replace(changed, identity="")
        return target if changed == target else await self._store(changed, "target.update", actor)

    async def remove(self, target_id: str, actor: Actor) -> Target:
        """Switch a target off. What is known of it and its history stay; nothing on the target is touched.

        Raises `Conflict` while an execution runs on it.
        """
        target = await self.get(target_id)
        for state in ExecutionState:
            if state not in FINISHED and await self.ledger.all(Execution, {"target": target.id, "state": state.value}):
                raise Conflict(
                    f"An execution is running on {target.id}.", next_step="Wait for it: opstwin watch", retry_after_s=2
                )
        if not target.is_active:
            return target
        return await self._store(replace(target, is_active=False, is_default=False), "target.remove", actor)

    async def test(self, target_id: str) -> PlaceReport:
        """Ask a target who it is, what it holds and what the hub's credentials may do there; writes nothing.

        Raises `NotFound`, `InvalidInput` (no driver) or `TargetError` saying why it does not answer.
        """
        target = await self.get(target_id)
        reader = self.readers.reader(target)
        began_s = self.ledger.clock.monotonic_s()
        info = await reader.info()
        latency_ms = (self.ledger.clock.monotonic_s() - began_s) * 1000
        permissions = tuple(await reader.permitted()) if isinstance(reader, Permitting) else ()
        seen = await _seen(reader, permissions)
        counts = Counter(item.kind for item in seen if item.presence is Presence.PRESENT)
        return PlaceReport(
            target=target.id, identity=info.identity, is_known=target.identity in ("", info.identity),
            version=info.version, latency_ms=round(latency_ms, 3), counts=dict(sorted(counts.items())),
            details=info.details, permissions=permissions,
        )  # fmt: skip

    async def accept_identity(self, target_id: str, actor: Actor) -> Target:
        """Take the machine that answers now for the target from here on. Raises `Forbidden` for all but people."""
        if actor.kind is not ActorKind.PERSON:
            raise Forbidden(
                "Only a person can accept another machine in a target's place.",
                next_step=f"Ask a person to look first: opstwin targets test {target_id}",
            )
        target = await self.get(target_id)
        info = await self.readers.reader(target).info()
        if info.identity == target.identity:
            return target
        return await self._store(replace(target, identity=info.identity), "target.identity", actor)

    async def import_clusters(self, config: Mapping[str, object], actor: Actor) -> Imported:
        """Add or change the targets that a configuration names in `clusters` and `docker.local.socket`; all or none.

        A target whose driver is not installed is kept switched off, with a note, until it is. Raises `InvalidInput`
        naming the entry.
        """
        notes: list[str] = []
        targets: list[Target] = []
        for place, cluster in enumerate(clusters_of(config)):
            target, note = await self._imported(cluster, place)
            targets.append(target)
            notes += [note] if note else []
        if not await self._defaults():
            first = next((item for item in targets if item.is_active), None)
            targets = [replace(item, is_default=True) if item is first else item for item in targets]
        writes = [Put(item) for item in targets if item != await self.ledger.get(Target, item.id)]
        if writes:
            entry = AuditEntry(
                action="target.import", subject="clusters", actor=actor,
                details={"targets": [str(item.record.id) for item in writes]},
            )  # fmt: skip
            await self.ledger.commit(writes, [entry])
        stored = [await self.get(item.id) for item in targets]
        return Imported(targets=tuple(stored), notes=tuple(notes))

    async def _imported(self, cluster: Cluster, place: int) -> tuple[Target, str]:
        old = await self.ledger.get(Target, cluster.id)
        now = self.ledger.clock.now()
        try:
            target = (
                changed_target(old, _beside(old, cluster))
                if old
                else new_target({"id": cluster.id, **cluster.fields}, now)
            )
        except InvalidInput as error:
            raise InvalidInput(
                f"clusters[{place}] ({cluster.id[:80]}): {error.message}", field=f"clusters[{place}].{error.field}",
                next_step=error.next_step,
            ) from error  # fmt: skip
        try:
            self.readers.renderer(target)
        except InvalidInput as error:
            note = f"{target.id} is switched off: {error.message}"
            settings = {**target.settings, _NOTE: error.message[:1000]}
            return replace(target, is_active=False, is_default=False, settings=settings), note
        return replace(target, is_active=target.is_active or (old is not None and _NOTE in old.settings)), ""

    async def _defaults(self) -> Sequence[Target]:
        return await self.ledger.all(Target, {"is_default": True})

    async def _store(self, target: Target, action: str, actor: Actor) -> Target:
        """Write a target; when it is the default, the others cease to be it in the same commit."""
        entry = AuditEntry(action=action, subject=target.id, actor=actor, details={"target": _shown(target)})
        for attempt in range(_TRIES):
            try:
                await self.ledger.commit([*await self._make_way(target), Put(target)], [entry])
                break
            except Conflict:
                current = await self.ledger.get(Target, target.id)
                if attempt == _TRIES - 1 or (current.version if current else 0) != target.version:
                    raise
        return await self.get(target.id)

    async def _make_way(self, target: Target) -> Sequence[Write]:
        """Clear the default that was. The store refuses two; of two writers the second then clears the first."""
        if not target.is_default:
            return []
        return [Put(replace(item, is_default=False)) for item in await self._defaults() if item.id != target.id]


async def _seen(reader: Reader, permissions: Sequence[Permission]) -> Sequence[Sighting]:
    """What is there; nothing where all that can be said is that the credentials may not see it."""
    try:
        return await reader.discover()
    except Rejected:
        if not permissions:
            raise
        return ()


def _beside(old: Target, cluster: Cluster) -> dict[str, object]:
    """The fields of a cluster, its settings beside those that only people give: a file read again takes none away."""
    given = cluster.fields.get("settings")
    kept = {name: value for name, value in old.settings.items() if name not in (*OF_A_CLUSTER, _NOTE)}
    return {**cluster.fields, "settings": {**kept, **(given if isinstance(given, Mapping) else {})}}


def _shown(target: Target) -> Json:
    shown = to_json(target)
    assert isinstance(shown, dict)
    # The audit is kept for good and read by many: what a name says is secret does not belong there.
    shown["settings"] = {name: masked(name, value) for name, value in target.settings.items()}
    shown["agent_endpoint"] = redacted(target.agent_endpoint)
    return {key: value for key, value in shown.items() if key not in ("version", "created_at")}


def _changed_meanwhile(target: Target) -> Conflict:
    return Conflict(
        f"Target {target.id} was changed by somebody else.",
        next_step="Read it again: opstwin targets list",
        details={"kind": "target", "id": target.id, "version": target.version},
    )
