"""Plans: what is asked for, or what drifted, as ordered and judged changes on fixed revisions, stored with a digest."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Required, TypedDict, Unpack

from opstwin.control.asking import goal_of, target_of
from opstwin.control.building import Goal
from opstwin.control.confiding import confided
from opstwin.control.drafting import Drafted, Drafter
from opstwin.control.drivers import Readers
from opstwin.control.elsewhere import also_on, not_here
from opstwin.control.flooding import Flood
from opstwin.control.healing import healing, origin_of
from opstwin.control.ledger import Ledger
from opstwin.control.manifest_goals import Manifests, goal_of_manifests
from opstwin.control.moving import MOVES, goal_of_move
from opstwin.control.peaks import Peaks
from opstwin.control.pinning_images import Pinning
from opstwin.control.plan_records import PLAN_LIFE, Occasion, PlanRecords
from opstwin.control.scene import scene_of
from opstwin.control.transcripts import safe_words
from opstwin.control.undoing import way_back
from opstwin.control.wording import worded
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.approval import Policy
from opstwin.domain.ask import Action, Ask
from opstwin.domain.command import Command
from opstwin.domain.draft_origin import DraftOrigin
from opstwin.domain.plan import Origin, Plan
from opstwin.domain.taint import Taint
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId, resource_id
from opstwin.domain.workload import Workload
from opstwin.errors import NotFound
from opstwin.manifests.checks.policy import Policy as Rules
from opstwin.targets.secrets import SecretSource


class About(TypedDict, total=False):
    """Where a request comes from. `mode` is what discovery decided (`expand` or `bootstrap`), else empty.

    `plan_id` is what the plan is to be called; a plan of that id is returned, and no second one made.
    """

    request: Required[str]
    origin: Required[Origin]
    actor: Required[Actor]
    remove: Sequence[str]
    mode: str
    notes: Sequence[str]
    tainted: bool
    taint: Taint | None
    with_volumes: bool
    language: str
    take_over: bool
    drafts: Sequence[DraftOrigin]
    plan_id: str


class Planner:
    """Makes plans and stores them. It reads targets and never changes them.

    `rules` are the operator's on manifests; with `secrets`, plans say which of theirs are missing.
    """

    def __init__(  # noqa: PLR0913 - the parts of a hub that judge a plan
        self, ledger: Ledger, readers: Readers, policy: Policy, life: timedelta = PLAN_LIFE,
        flood: Flood | None = None, pinning: Pinning | None = None, *, rules: Rules | None = None,
        peaks: Peaks | None = None, secrets: SecretSource | None = None,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._readers = readers
        self._pinning = pinning or Pinning(ledger.clock)
        self._records = PlanRecords(
            ledger, readers, policy, life, flood, self._pinning, rules=rules, peaks=peaks, secrets=secrets
        )

    async def from_workloads(self, target_id: str, workloads: Sequence[Workload], **about: Unpack[About]) -> Plan:
        """The plan that makes `workloads` (and takes away those named in `remove`) on one target, and nothing else.

        Raises `NotFound`, `InvalidInput`, `Conflict` (a container of that name is not ours) or `Unreachable` (unknown).
        """
        goal = Goal(
            workloads=tuple(workloads),
            remove=tuple(about.get("remove", ())),
            with_volumes=about.get("with_volumes", False),
            language=about.get("language", "en"),
        )
        return await self._reached(await self._drafter(target_id), goal, _occasion(about))

    async def from_manifests(self, target_id: str, manifests: Manifests, **about: Unpack[About]) -> Plan:
        """The plan that makes what manifests say on one cluster, and nothing else; see `goal_of_manifests`.

        Raises as that does, `Conflict` for a resource or a field that is not ours, `Rejected` for what the cluster
        would not take, and `Forbidden` for what the hub may not do there.
        """
        drafter = await self._drafter(target_id)
        goal, notes = await goal_of_manifests(self._readers, drafter.scene, manifests)
        occasion = _occasion(about)
        occasion = replace(occasion, notes=(*occasion.notes, *notes))
        return await self._reached(drafter, goal, occasion)

    async def from_ask(
        self, ask: Ask, *, request: str, actor: Actor, tainted: bool = False, taint: Taint | None = None,
        plan_id: str = "",
    ) -> Plan:  # fmt: skip
        """The plan for one request in words.

        Raises as `from_workloads` does, `Unclear` for what is missing, and `NotFound` with the nearest names.
        """
        target = target_of(ask, await self._ledger.all(Target))
        named = {**(ask.workload.env if ask.workload else {}), **ask.env}
        occasion = Occasion(
            request=confided(request, named), origin=Origin.WORDS, actor=actor, tainted=tainted, taint=taint,
            language=ask.language, plan_id=plan_id,
        )  # fmt: skip
        others = await also_on(self._ledger, ask, target)
        if others:
            note = worded("also_on", ask.language, name=ask.name, places=", ".join(others))
            occasion = replace(occasion, notes=(note,))
        try:
            return await self._asked(ask, target, occasion)
        except NotFound as error:
            raise (not_here(error, others) if others and error.details.get("field") == "name" else error) from None

    async def _asked(self, ask: Ask, target: TargetId, occasion: Occasion) -> Plan:
        if ask.action is Action.ROLLBACK:
            return await self._back(resource_id(target, "workload", ask.name), occasion)
        drafter = await self._drafter(target)
        if ask.action is Action.RESTART:
            return await self._records.store(await drafter.restarting(ask.name, ask.language), occasion)
        if ask.action in MOVES:
            goal, notes = await goal_of_move(self._ledger, ask, drafter.scene, drafter.renderer)
        else:
            goal, notes = goal_of(ask, drafter.scene)
        return await self._reached(drafter, goal, replace(occasion, notes=(*occasion.notes, *notes)))

    async def from_drift(
        self, target_id: str, resources: Collection[ResourceId] | None, actor: Actor, plan_id: str = ""
    ) -> Plan:
        """The plan that brings a target (or some of its resources) back to desired.

        A plan of the same content that still waits is returned instead of a second one, unless more people count as its
        requesters when `actor` asks. What is unknown is left alone. A schedule's plan without changes is not stored.
        """
        drafted, occasion = await self._against_drift(target_id, resources, actor)
        if not drafted.draft.changes and actor.kind is ActorKind.SCHEDULE:
            return await self._records.sealed(drafted, occasion)
        waiting = await self._records.waiting_like(drafted, actor)
        if waiting is not None:
            return waiting
        return await self._records.store(drafted, replace(occasion, plan_id=plan_id))

    async def look_at_drift(self, target_id: str, resources: Collection[ResourceId] | None, actor: Actor) -> Plan:
        """As `from_drift`, for looking only: the plan is not stored."""
        return await self._records.sealed(*await self._against_drift(target_id, resources, actor))

    async def keep_look(self, looked: Plan) -> Plan:
        """What `from_drift` returns for the changes of a plan that `look_at_drift` returned a moment ago.

        Nothing is read or asked of the target anew: the gate refuses the plan if its base revisions moved meanwhile.
        """
        return await self._records.keep(looked)

    async def rollback(
        self, subject: str, actor: Actor, *, language: str = "en", tainted: bool = False, taint: Taint | None = None,
        plan_id: str = "",
    ) -> Plan:  # fmt: skip
        """The plan back to what a workload (`target/workload/name`) or all that an execution touched was before.

        Raises `NotFound` when there is nothing to go back to.
        """
        occasion = Occasion(
            request=f"roll back {subject}", origin=Origin.ROLLBACK, actor=actor, language=language, tainted=tainted,
            taint=taint, plan_id=plan_id,
        )  # fmt: skip
        return await self._back(subject, occasion)

    async def for_command(
        self, resource: ResourceId, command: Command, actor: Actor, *, taint: Taint | None = None, language: str = "en"
    ) -> Plan:
        """The plan that runs one command, or the same actor's plan of the very same that still waits.

        Raises `NotFound` for a resource that is not there, `Forbidden` for one that is not Opstwin's, `InvalidInput`
        for a target that is switched off, and `Unreachable` when nobody can say.
        """
        drafter = await self._drafter(resource.split("/", 1)[0])
        drafted = await drafter.running(resource, command, language)
        words = " ".join(str(word) for word in safe_words(command))
        occasion = Occasion(
            request=f"run in {resource}: {words}"[:500], origin=Origin.COMMAND, actor=actor, taint=taint,
            language=language,
        )  # fmt: skip
        waiting = await self._records.same_command(drafted, occasion)
        return waiting if waiting is not None else await self._records.store(drafted, occasion)

    async def _reached(self, drafter: Drafter, goal: Goal, occasion: Occasion) -> Plan:
        if occasion.origin is not Origin.COMPONENT:  # a component says itself what its images are
            goal = await self._pinning.pinned(drafter.scene, goal)
        return await self._records.store(await drafter.reaching(goal), occasion)

    async def _back(self, subject: str, occasion: Occasion) -> Plan:
        back = await way_back(self._ledger, subject, occasion.language)
        drafter = await self._drafter(back.target)
        drafted = await drafter.reaching(back.goal)
        notes = (*occasion.notes, *back.notes)
        return await self._records.store(drafted, replace(occasion, origin=Origin.ROLLBACK, notes=notes))

    async def _against_drift(
        self, target_id: str, resources: Collection[ResourceId] | None, actor: Actor
    ) -> tuple[Drafted, Occasion]:
        drafter = await self._drafter(target_id)
        draft = healing(drafter.scene, drafter.renderer, resources)
        request = f"heal {target_id}" if resources is None else f"heal {', '.join(sorted(resources))}"
        occasion = Occasion(request=request, origin=origin_of(drafter.scene, draft), actor=actor)
        return drafter.ordered(drafter.scene, draft), occasion

    async def _drafter(self, target_id: str) -> Drafter:
        return Drafter(self._ledger, self._readers, await scene_of(self._ledger, target_id))


def _occasion(about: About) -> Occasion:
    return Occasion(
        request=about["request"],
        origin=about["origin"],
        actor=about["actor"],
        mode=about.get("mode", ""),
        notes=tuple(about.get("notes", ())),
        tainted=about.get("tainted", False),
        taint=about.get("taint"),
        language=about.get("language", "en"),
        take_over=about.get("take_over", False),
        drafts=tuple(about.get("drafts", ())),
        plan_id=about.get("plan_id", ""),
    )
