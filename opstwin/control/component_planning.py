"""Plans for components: look whether they exist, decide by that alone, and plan. The user never chooses the mode."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypedDict, Unpack

from opstwin.catalog.loading import Catalog
from opstwin.catalog.request import Wish, wishes
from opstwin.control.asking import target_of
from opstwin.control.component_guard import check_after, check_before
from opstwin.control.components import Decided, Part, as_asked, decided, together
from opstwin.control.existence import EndpointSeen, Provision, Seen, discover_endpoint, look
from opstwin.control.known_hosts import COMPONENTS, KnownHosts
from opstwin.control.ledger import Ledger
from opstwin.control.persons import check_person
from opstwin.control.planning import About
from opstwin.domain.access import Actor, Principal
from opstwin.domain.ask import Action, Ask
from opstwin.domain.audit import AuditEntry
from opstwin.domain.plan import Origin, Plan, PlanState
from opstwin.domain.resource import Health, Observed, WorkloadRecord
from opstwin.domain.taint import Taint
from opstwin.domain.target import Target
from opstwin.domain.values import Json, TargetId, canonical, resource_id
from opstwin.domain.workload import Workload
from opstwin.errors import Conflict, Forbidden, InvalidInput, RequestError, StalePlan, Unclear
from opstwin.targets.probing import Prober
from opstwin.twin.store import Put


class Given(TypedDict, total=False):
    """What else is known of a request: what of it others wrote, and which hosts a person wrote as addresses.

    `plan_id` is as in `About`.
    """

    taint: Taint | None
    named: Collection[str]
    plan_id: str


class WorkloadPlanner(Protocol):
    """What makes a plan from Workloads; `Planner` does."""

    async def from_workloads(self, target_id: str, workloads: Sequence[Workload], **about: Unpack[About]) -> Plan:
        """The plan that makes these workloads on one target."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentHealth:
    """How one component of an entry does."""

    component: str
    workload: str
    health: Health


class ComponentPlanner:
    """Discovers, decides and plans components. It changes nothing itself."""

    def __init__(
        self, ledger: Ledger, prober: Prober, planner: WorkloadPlanner, components: Catalog,
        hosts: KnownHosts | None = None,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._hosts = hosts or KnownHosts(ledger)
        self._prober = prober
        self._planner = planner
        self.catalog = components

    async def discover_endpoint(self, url: str, asker: Actor, named: Collection[str] = ()) -> EndpointSeen:
        """Whether anything answers at a URL or an IP; `exists` is None when nobody can tell.

        Raises `InvalidInput` and, for what only a person may have asked, `Forbidden`.
        """
        await self._hosts.check(url, asker, named)
        return await discover_endpoint(self._prober, url, asker)

    async def plan(
        self, request: Mapping[str, Json], endpoint: str | None, target: str | None, actor: Actor,
        **given: Unpack[Given],
    ) -> Plan:  # fmt: skip
        """The plan for a components file (the whole document, read). `endpoint` and `target` override the file's.

        The plan's `mode` is what discovery decided; its first notes say what was seen. Raises `Unclear` with
        `details["mode"] == "needs_decision"` where a person must decide, `Forbidden` for a host that an AI client
        names and no person brought in, and as `Planner.from_workloads` does.
        """
        wanted = wishes(request, self.catalog, endpoint)
        await self._check_hosts(wanted, actor, given.get("named", ()))
        place = await self._place(wanted, target)
        verdict = together([await self._decided(wish, place, actor) for wish in wanted])
        check_before(verdict, await self._standing(place))
        plan = await self._planner.from_workloads(
            place, verdict.workloads, request=COMPONENTS + canonical(as_asked(request, endpoint)),
            origin=Origin.COMPONENT, actor=actor, mode=verdict.mode.value, notes=verdict.notes,
            taint=given.get("taint"), plan_id=given.get("plan_id", ""),
        )  # fmt: skip
        try:
            check_after(verdict, plan)
        except Forbidden:
            await self._withdraw(plan, actor)
            raise
        return plan

    async def check_still(self, plan: Plan) -> None:
        """Look again before a component's plan is applied; raises `StalePlan` when discovery now decides otherwise.

        A controller may have come up elsewhere since the plan was made, which no revision in the twin shows.
        """
        if plan.origin is not Origin.COMPONENT or not plan.changes:
            return
        try:
            document = json.loads(plan.request.removeprefix(COMPONENTS))
            wanted, asker = wishes(document, self.catalog), plan.requested_by
            verdict = together([await self._decided(wish, plan.target, asker) for wish in wanted])
            mode = verdict.mode.value
        except Unclear as question:
            mode = str(question.details.get("mode", Provision.NEEDS_DECISION.value))
        except (ValueError, RequestError):
            mode = Provision.NEEDS_DECISION.value
        if mode != plan.mode:
            raise StalePlan(
                f"Plan {plan.id} was made to {plan.mode}; what is there now asks for {mode.replace('_', ' ')}.",
                next_step="Plan again: opstwin plan -f …",
                details={"plan": plan.id, "mode": mode},
            )

    async def say_never_created(
        self, request: Mapping[str, Json], target: str | None, actor: Actor, reason: str
    ) -> tuple[str, ...]:
        """A person's word that what cannot be reached was never created, kept in the twin; returns the workloads.

        It only counts while the endpoint stays silent: an answer, or a record that it was created, outweighs it.
        """
        check_person(actor, await self._ledger.all(Principal), "say that something was never created")
        if not reason.strip():
            raise InvalidInput("A reason is needed.", field="reason", next_step="Say how you know.")
        wanted = wishes(request, self.catalog)
        place = await self._place(wanted, target)
        parts = [part for wish in wanted for part in await self._parts(wish, place, actor) if part.seen is not None]
        records = [self._never(place, part, actor) for part in parts if part.created is None]
        if any(part.created for part in parts) or not records:
            raise Conflict("The twin has a record of it already.", next_step="See it: opstwin get workloads")
        entries = [
            AuditEntry(action="component.never_created", subject=record.id, actor=actor, reason=reason[:500])
            for record in records
        ]
        await self._ledger.commit([Put(record) for record in records], entries)
        return tuple(record.name for record in records)

    async def health(self, request: Mapping[str, Json], target: str | None) -> tuple[ComponentHealth, ...]:
        """How each component of a file does, by what was last observed of its containers."""
        wanted = wishes(request, self.catalog)
        place = await self._place(wanted, target)
        return tuple([item for wish in wanted for item in await self._health(wish, place)])

    async def _health(self, wish: Wish, place: TargetId) -> list[ComponentHealth]:
        observed = await self._ledger.all(Observed, {"target": place, "kind": "container"})
        found: list[ComponentHealth] = []
        for component in wish.entry.parts:
            name = component.existence(wish.settings).workload
            mine = [item for item in observed if item.name.rpartition("-")[0] == name]
            health = component.health(wish.settings, mine)
            found.append(ComponentHealth(component=component.about.name, workload=name, health=health))
        return found

    async def _place(self, wanted: Sequence[Wish], target: str | None) -> TargetId:
        named = {target} if target else {wish.target for wish in wanted}
        if len(named) > 1:
            raise InvalidInput(
                "The components of one file go to one target.",
                field="components",
                next_step="Write one file for each target.",
            )
        ask = Ask(action=Action.DEPLOY, name="components", target=named.pop())
        return target_of(ask, await self._ledger.all(Target))

    async def _check_hosts(self, wanted: Sequence[Wish], asker: Actor, named: Collection[str]) -> None:
        """Before anything is asked: one host that nobody brought in, and none of the file's is asked."""
        for wish in wanted:
            for component in wish.entry.parts:
                url = component.existence(wish.settings).url
                if url:
                    await self._hosts.check(url, asker, named)

    async def _decided(self, wish: Wish, place: TargetId, asker: Actor) -> Decided:
        return decided(wish, await self._parts(wish, place, asker))

    async def _parts(self, wish: Wish, place: TargetId, asker: Actor) -> list[Part]:
        parts: list[Part] = []
        for component in wish.entry.parts:
            probe = component.existence(wish.settings)
            seen: Seen | None = await look(self._prober, probe, asker) if probe.url else None
            created = await self._created(place, probe.workload)
            parts.append(Part(component=component, probe=probe, seen=seen, created=created))
        return parts

    async def _created(self, place: TargetId, workload: str) -> bool | None:
        """What the twin says: True, False (a person said it never was), None (nothing, or it was taken down)."""
        record = await self._ledger.get(WorkloadRecord, resource_id(place, "workload", workload))
        if record is None:
            return None
        if record.workload is not None:
            return True
        return False if record.plan_id is None and record.revision == 1 else None

    def _never(self, place: TargetId, part: Part, actor: Actor) -> WorkloadRecord:
        name = part.probe.workload
        return WorkloadRecord(
            id=resource_id(place, "workload", name), target=place, name=name, workload=None, set_by=actor,
            set_at=self._ledger.clock.now(),
        )  # fmt: skip

    async def _standing(self, place: TargetId) -> dict[str, Workload]:
        records = await self._ledger.all(WorkloadRecord, {"target": place})
        return {item.name: item.workload for item in records if item.workload is not None}

    async def _withdraw(self, plan: Plan, actor: Actor) -> None:
        entry = AuditEntry(
            action="plan.withdraw", subject=plan.id, actor=actor, outcome="refused", plan_id=plan.id,
            digest=plan.digest, reason="it would touch what exists",
        )  # fmt: skip
        await self._ledger.commit([Put(replace(plan, state=PlanState.STALE))], [entry])
