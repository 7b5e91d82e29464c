"""Storing plans: sealed with a digest on fixed revisions, with the audit entry that says who asked for what."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from opstwin.control.confiding import confided, written_out
from opstwin.control.drafting import Drafted
from opstwin.control.drivers import Readers
from opstwin.control.flooding import Flood
from opstwin.control.judging import Judgement, judgement
from opstwin.control.ledger import Ledger
from opstwin.control.peaks import Peaks, PlannedFor
from opstwin.control.pinning_images import Pinning
from opstwin.control.previewing import Asking, previewed
from opstwin.control.setters import asked_by, brings_a_wish, left_out
from opstwin.control.unset_secrets import unset_secrets
from opstwin.control.wording import worded
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.approval import Policy, requesters
from opstwin.domain.audit import AuditEntry
from opstwin.domain.draft_origin import DraftOrigin
from opstwin.domain.event import Event
from opstwin.domain.plan import Base, Change, Origin, Plan, PlanState, Risk, sealed, summary
from opstwin.domain.plan_text import risk_word
from opstwin.domain.reasons import told
from opstwin.domain.taint import Taint
from opstwin.domain.values import Digest, Json, PlanId, TargetId
from opstwin.errors import Conflict
from opstwin.manifests.checks.policy import Policy as Rules
from opstwin.targets.secrets import SecretSource
from opstwin.twin.store import Put

PLAN_LIFE: Final = timedelta(hours=24)
"""How long a plan may wait for a decision and its application; an approval expires on its own, and sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Why a plan is made, by whom, and what to say with it.

    `take_over` lets it take fields that others own; a plan back to what was ours before always may. `drafts` are the
    plan's, and so is `plan_id`, empty for a new one.
    """

    request: str
    origin: Origin
    actor: Actor
    mode: str = ""
    notes: tuple[str, ...] = ()
    tainted: bool = False
    taint: Taint | None = None
    language: str = "en"
    take_over: bool = False
    drafts: tuple[DraftOrigin, ...] = ()
    plan_id: str = ""


class PlanRecords:
    """Writes plans into the twin and finds those that wait."""

    def __init__(  # noqa: PLR0913 - the parts of a hub that judge a plan
        self, ledger: Ledger, readers: Readers, policy: Policy, life: timedelta, flood: Flood | None = None,
        pinning: Pinning | None = None, *, rules: Rules | None = None, peaks: Peaks | None = None,
        secrets: SecretSource | None = None,
    ) -> None:  # fmt: skip
        self._rules = rules
        self._secrets = secrets
        self._peaks = peaks or Peaks(ledger)
        self._pinning = pinning or Pinning(ledger.clock)
        self._flood = flood or Flood(ledger, 0)
        self._ledger = ledger
        self._readers = readers
        self._policy = policy
        self._life = life

    async def waiting_like(self, drafted: Drafted, actor: Actor) -> Plan | None:
        """A plan against drift that still waits, with the same changes on the same revisions.

        Everybody who would count as a requester of a new plan counts as one of it too, so that nobody who asks again
        gets a plan to approve that he would not be let approve as his own.
        """
        changes = [
            replace(item, asked_by=await asked_by(self._ledger, drafted.scene.desired.get(item.resource), item))
            for item in drafted.draft.changes
        ]
        return await self._waiting(drafted.scene.target.id, set(base_of(drafted)), changes, actor)

    async def keep(self, looked: Plan) -> Plan:
        """A plan against drift that was just sealed, stored; or one that still waits, as `waiting_like` says."""
        waiting = await self._waiting(looked.target, set(looked.base), looked.changes, looked.requested_by)
        return waiting if waiting is not None else await self._put(looked)

    async def same_command(self, drafted: Drafted, occasion: Occasion) -> Plan | None:
        """The actor's plan of the same command on the same revisions that still waits; its taint must be the same."""
        [wanted] = drafted.draft.changes
        now, base = self._ledger.clock.now(), set(base_of(drafted))
        for state in (PlanState.PENDING, PlanState.APPROVED):
            where = {"target": wanted.target, "state": state.value, "origin": Origin.COMMAND.value}
            for plan in await self._ledger.all(Plan, where):
                [change] = plan.changes
                same = (change.resource, change.command) == (wanted.resource, wanted.command)
                mine = plan.requested_by == occasion.actor and plan.taint == occasion.taint
                if same and mine and set(plan.base) == base and now < plan.expires_at:
                    return plan
        return None

    async def store(self, drafted: Drafted, occasion: Occasion) -> Plan:
        """The sealed plan, stored as pending; one that changes nothing is stored as applied.

        Where the same requester's plan of the occasion's `plan_id` is there already, that one is returned.
        Raises `LimitExceeded` when too many plans of its requester wait for a decision.
        """
        try:
            return await self._put(await self.sealed(drafted, occasion))
        except Conflict:
            made = await self._ledger.get(Plan, occasion.plan_id) if occasion.plan_id else None
            if made is None or made.requested_by != occasion.actor:
                raise
            return made

    async def _waiting(self, target: TargetId, base: set[Base], changes: Sequence[Change], actor: Actor) -> Plan | None:
        asking = {actor.id, actor.on_behalf_of or actor.id} if actor.kind is not ActorKind.SCHEDULE else set()
        asking.update(name for change in changes for name in change.asked_by)
        resources = {change.resource for change in changes}
        now = self._ledger.clock.now()
        for state in (PlanState.PENDING, PlanState.APPROVED):
            for plan in await self._ledger.all(Plan, {"target": target, "state": state.value}):
                same = set(plan.base) == base and {change.resource for change in plan.changes} == resources
                same = same and asking <= requesters(plan)
                if same and plan.origin in (Origin.DRIFT, Origin.DESIRED) and now < plan.expires_at:
                    return plan
        return None

    async def _put(self, plan: Plan) -> Plan:
        if plan.state is PlanState.PENDING:
            await self._flood.admit(plan)
        counts = summary(plan.changes)
        entry = AuditEntry(
            action="plan.create", subject=plan.id, actor=plan.requested_by, plan_id=plan.id, digest=plan.digest,
            reason=confided(plan.request)[:500],
            details={
                "target": plan.target, "origin": plan.origin.value, "risk": plan.risk.value, "summary": str(counts),
                **({"tainted": _sources(plan.taint)} if plan.taint else {}),
            },
        )  # fmt: skip
        event = Event(
            at=plan.created_at, type=f"plan.{plan.state.value}", target=plan.target, plan_id=plan.id,
            message=str(counts),
        )  # fmt: skip
        await self._ledger.commit([Put(plan)], [entry], [event])
        return replace(plan, version=1)

    async def sealed(self, drafted: Drafted, occasion: Occasion) -> Plan:
        """The plan, not stored, after the target was asked what it says to it. Raises as `previewed` does."""
        ours = occasion.origin in (Origin.DRIFT, Origin.DESIRED, Origin.ROLLBACK)
        asking = Asking(take_over=occasion.take_over or ours, language=occasion.language, policy=self._rules)
        drafted = await previewed(self._readers, drafted, asking)
        if not ours:
            drafted = await self._pinning.told(drafted, occasion.language)
        scene, draft = drafted.scene, drafted.draft
        asked = [
            replace(change, asked_by=await asked_by(self._ledger, scene.desired.get(change.resource), change))
            for change in draft.changes
        ]
        judged = await judgement(self._ledger, scene, asked, occasion.actor)
        taint = occasion.taint
        doubted = occasion.tainted or await brings_a_wish(self._ledger, scene.desired, asked)
        tainted = doubted or taint is not None
        images = [item.name for item in scene.observed.values() if item.kind == "image"]
        if doubted or (taint is not None and not taint.is_listed_as(images)):
            judged = _at_least_high(judged)
        left = await left_out(self._ledger, scene.desired, judged.changes, occasion.language)
        occasion = replace(occasion, notes=(*occasion.notes, *left))
        if not ours and judged.changes:
            subject = PlannedFor(target=scene.target.id, person=occasion.actor.human, language=occasion.language)
            low = await self._peaks.notes(subject, draft.workloads, judged.changes)
            occasion = replace(occasion, notes=(*occasion.notes, *low))
        unset = await self._unset(judged.changes, occasion.language)
        occasion = replace(occasion, notes=(*occasion.notes, *unset))
        now = self._ledger.clock.now()
        nothing = not draft.changes and not draft.workloads
        return sealed(
            Plan(
                id=PlanId(occasion.plan_id or self._ledger.ids.new("plan")), target=scene.target.id,
                origin=occasion.origin, request=_request(occasion), requested_by=occasion.actor, mode=occasion.mode,
                changes=judged.changes, workloads=draft.workloads, base=base_of(drafted), risk=judged.risk,
                notes=self._notes(drafted, judged, occasion), tainted=tainted, taint=taint,
                drafts=occasion.drafts, digest=Digest(""),
                created_at=now, expires_at=now + self._life,
                state=PlanState.APPLIED if nothing else PlanState.PENDING,
            )
        )  # fmt: skip

    async def _unset(self, changes: Sequence[Change], language: str) -> tuple[str, ...]:
        """Which secrets are missing on the hub."""
        found = await unset_secrets(changes, self._secrets) if self._secrets is not None else {}
        return tuple(
            worded("secret_unset", language, name=name, references=", ".join(missing))
            for name, missing in found.items()
        )

    def _notes(self, drafted: Drafted, judged: Judgement, occasion: Occasion) -> tuple[str, ...]:
        if not drafted.draft.changes:
            nothing = worded("no_changes", occasion.language, target=drafted.scene.target.id)
            return tuple(dict.fromkeys((*occasion.notes, *drafted.draft.notes, nothing)))
        alone = self._policy[judged.risk].self_approval
        other = () if alone else (worded("other_person", occasion.language, risk=_risk(judged, occasion)),)
        together = (told(note, occasion.language) for note in judged.notes)
        secret = written_out(judged.changes)
        open_ = (
            worded("plain_secret", occasion.language, name=name, variables=", ".join(keys))
            for name, keys in secret.items()
        )
        return tuple(dict.fromkeys((*occasion.notes, *drafted.draft.notes, *together, *open_, *other)))


def _risk(judged: Judgement, occasion: Occasion) -> str:
    return risk_word(judged.risk, occasion.language)


def _sources(taint: Taint) -> list[Json]:
    return [*sorted({item.source for item in taint.matches})]


def _at_least_high(judged: Judgement) -> Judgement:
    """What repeats texts of others.

    Not so the name of an image that lies on the target and was read in a list: else nobody who is alone could deploy
    one after a look at what is there. It is marked, and no mandate covers it.
    """
    return judged if not judged.changes or judged.risk.rank >= Risk.HIGH.rank else replace(judged, risk=Risk.HIGH)


def _request(occasion: Occasion) -> str:
    """The request without secrets. A component's is read again before it is applied, so it stays as it is."""
    return occasion.request if occasion.origin is Origin.COMPONENT else confided(occasion.request)


def base_of(drafted: Drafted) -> tuple[Base, ...]:
    scene, draft = drafted.scene, drafted.draft
    names = {item.name for item in draft.workloads} | {change.workload for change in draft.changes if change.workload}
    resources = [scene.base(change.resource) for change in draft.changes]
    return (*resources, *(scene.workload_base(name) for name in sorted(names)))
