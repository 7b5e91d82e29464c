"""The reconciler: observe, compare, and then only report, propose a plan, or heal, as each target and resource is set.

It is level-triggered: every tick starts from what is there now, so missed events, crashes and time without a hub make
no difference, and a converged target costs reads alone.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from opstwin.control.actors import RECONCILER
from opstwin.control.applying import Applier
from opstwin.control.approving import Approver
from opstwin.control.drift import differing
from opstwin.control.flapping import FlapGuard, Over
from opstwin.control.journal import LeaseLost
from opstwin.control.ledger import Ledger
from opstwin.control.observing import Observer
from opstwin.control.planning import Planner
from opstwin.control.proposals import Proposals
from opstwin.control.retrying import Breakers
from opstwin.control.wording import worded
from opstwin.domain.access import Actor
from opstwin.domain.drift import Drift, DriftKind
from opstwin.domain.event import Event
from opstwin.domain.execution import FINISHED, Execution, ExecutionState
from opstwin.domain.healing import HealRecord, Mandate
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.resource import Desired, Observed
from opstwin.domain.target import Mode, Target
from opstwin.domain.values import PlanId, ResourceId, TargetId
from opstwin.errors import Conflict, Forbidden, OpstwinError
from opstwin.logs import logger

_CURABLE: Final = frozenset({DriftKind.MISSING, DriftKind.CHANGED, DriftKind.EXTRA, DriftKind.STOPPED})
"""What a plan can bring back; on `unknown` nothing is done, and an unhealthy resource is as desired already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTick:
    """What one look at one target led to.

    `skipped` says why nobody looked (`inactive`, `away`) or acted (`busy`), `error` why the look failed. `paused` are
    resources that a fight keeps from being healed.
    """

    target: TargetId
    skipped: str = ""
    drifts: tuple[Drift, ...] = ()
    proposed: tuple[PlanId, ...] = ()
    healed: tuple[PlanId, ...] = ()
    overtaken: tuple[PlanId, ...] = ()
    paused: tuple[ResourceId, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickResult:
    """One tick, target by target."""

    targets: tuple[TargetTick, ...]


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Keeps targets as desired, as far as it is allowed to."""

    ledger: Ledger
    observer: Observer
    planner: Planner
    approver: Approver
    applier: Applier
    breakers: Breakers
    _known: dict[TargetId, dict[ResourceId, DriftKind]] = field(default_factory=dict)
    _refused: set[tuple[object, ...]] = field(default_factory=set)
    _said: dict[TargetId, frozenset[str]] = field(default_factory=dict)

    async def tick(self, target_id: str | None = None) -> TickResult:
        """Look once at one target or at all; a target that fails says so in its `error` and stops no other.

        Raises `NotFound` for a target that does not exist.
        """
        if target_id is None:
            targets = await self.ledger.all(Target)
        else:
            targets = [await self.ledger.need(Target, target_id, next_step="List targets: opstwin targets list")]
        return TickResult(targets=tuple(await asyncio.gather(*map(self._tick, targets))))

    async def run(self, interval_s: float) -> None:
        """Look every `interval_s` seconds until cancelled. A target that takes long holds up only itself."""
        running: dict[TargetId, asyncio.Task[None]] = {}
        try:
            while True:
                await self._begin(running)
                await self.ledger.clock.sleep(interval_s)
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def resume_healing(self, resource: ResourceId, actor: Actor) -> HealRecord:
        """Let a resource be healed again after a fight. Raises `Forbidden` for all but people, and `NotFound`."""
        return await FlapGuard(self.ledger).resume(resource, actor)

    async def _begin(self, running: dict[TargetId, asyncio.Task[None]]) -> None:
        try:
            targets = await self.ledger.all(Target)
        except Exception:  # the outermost loop: the twin may be away for a while
            logger().exception("reconcile_failed")
            return
        for target in targets:
            before = running.get(target.id)
            if before is None or before.done():
                running[target.id] = asyncio.create_task(self._guarded(target))

    async def _guarded(self, target: Target) -> None:
        try:
            await self._tick(target)
        except Exception:  # the outermost loop of one target: the others must go on
            logger().exception("reconcile_failed", target=target.id)

    async def _tick(self, target: Target) -> TargetTick:
        try:
            skipped = await self._why_skip(target)
            if skipped not in ("", "busy"):
                return TargetTick(target=target.id, skipped=skipped)
            # An execution may wait long for its target; what is there, or no longer known, is seen all the same.
            look = await self.observer.look(target.id, RECONCILER)
            if skipped:
                return TargetTick(target=target.id, skipped=skipped)
            await FlapGuard(self.ledger).release(target.id)
            drifts = await self._drifts(target.id, look.records)
            await self._tell(target.id, drifts)
            return await self._answer(target, drifts)
        except OpstwinError as error:
            logger().warning("reconcile_waits", target=target.id, code=error.code, reason=error.message)
            return TargetTick(target=target.id, error=str(error))

    async def _drifts(self, target: TargetId, observed: Mapping[ResourceId, Observed]) -> Sequence[Drift]:
        """What differs, after a look at what is desired and has never been seen: it may simply not be there yet."""
        if not await differing(self.ledger, self.observer.readers, target, observed):
            return ()
        # What moved on during the look is no drift.
        drifts = await differing(self.ledger, self.observer.readers, target)
        unseen = [item.resource for item in drifts if item.kind is DriftKind.UNKNOWN and item.observed_revision == 0]
        if not unseen:
            return drifts
        await self.observer.observe(unseen)
        return await differing(self.ledger, self.observer.readers, target)

    async def _why_skip(self, target: Target) -> str:
        if not target.is_active:
            return "inactive"
        if self.breakers.is_open(target.id):
            return "away"
        for state in ExecutionState:
            if state not in FINISHED and await self.ledger.all(Execution, {"target": target.id, "state": state.value}):
                return "busy"
        return ""

    async def _answer(self, target: Target, drifts: Sequence[Drift]) -> TargetTick:
        proposals = Proposals(self.ledger)
        curable = [drift for drift in drifts if drift.kind in _CURABLE]
        left_alone = await proposals.rejected(target.id) if curable else set()
        modes = await self._modes(target, [drift for drift in curable if drift.resource not in left_alone])
        to_heal = [resource for resource, mode in modes.items() if mode is Mode.HEAL]
        over = {drift.resource: drift.over for drift in curable}
        paused = await FlapGuard(self.ledger).paused(target.id, [item for item in curable if item.resource in to_heal])
        groups, unmandated = await self._groups(target, [item for item in to_heal if item not in paused])
        healed, waiting, uncovered = await self._heal(target, groups, over)
        to_propose = [resource for resource, mode in modes.items() if mode is Mode.PROPOSE]
        proposed = await self._propose(target, [*to_propose, *unmandated, *uncovered])
        current = [*waiting, *proposed]
        overtaken = await proposals.overtake(target.id, [*current, *healed])
        return TargetTick(
            target=target.id, drifts=tuple(drifts), proposed=tuple(current), healed=tuple(healed),
            overtaken=overtaken, paused=tuple(sorted(paused)),
        )  # fmt: skip

    async def _modes(self, target: Target, drifts: Iterable[Drift]) -> dict[ResourceId, Mode]:
        resources = [drift.resource for drift in drifts]
        wanted = await self.ledger.some(Desired, resources)
        own = {item.id: item.mode for item in wanted.values() if item.mode is not None}
        return {resource: own.get(resource, target.mode) for resource in resources}

    async def _groups(
        self, target: Target, resources: Sequence[ResourceId]
    ) -> tuple[list[tuple[Mandate, list[ResourceId]]], list[ResourceId]]:
        """What each valid mandate lets be healed, and what none does: that is only proposed."""
        now = self.ledger.clock.now()
        mandates = await self.ledger.all(Mandate, {"target": target.id}) if resources else []
        valid = [item for item in mandates if item.revoked_at is None and item.given_at <= now < item.expires_at]
        wide = next((item for item in valid if item.resource is None), None)
        if wide is not None and resources:
            return [(wide, list(resources))], []
        single: Mapping[ResourceId | None, Mandate] = {item.resource: item for item in valid}
        groups = [(single[item], [item]) for item in resources if item in single]
        return groups, [item for item in resources if item not in single]

    async def _heal(
        self, target: Target, groups: Sequence[tuple[Mandate, list[ResourceId]]], over: Over
    ) -> tuple[list[PlanId], list[PlanId], list[ResourceId]]:
        """The plans that ran, those that wait for a person, and the resources that no mandate lets be healed."""
        healed: list[PlanId] = []
        waiting: list[PlanId] = []
        uncovered: list[ResourceId] = []
        for mandate, resources in groups:
            # One that needs a person must not keep the others from being healed, so it goes into a plan of its own.
            whole = await self.planner.look_at_drift(target.id, resources, RECONCILER)
            covered = await self.approver.coverable(whole, mandate)
            uncovered += [item for item in resources if item not in covered]
            if not covered:
                continue
            is_whole = covered == {change.resource for change in whole.changes}
            plan = await (
                self.planner.keep_look(whole) if is_whole else self.planner.from_drift(target.id, covered, RECONCILER)
            )
            ran = await self._approve(plan, mandate) and await self._run(plan, {item: over[item] for item in resources})
            (healed if ran else waiting).append(plan.id)
        return healed, waiting, uncovered

    async def _approve(self, plan: Plan, mandate: Mandate) -> bool:
        """Whether the plan is approved now. A refusal is asked for once, not at every tick."""
        key = (plan.id, mandate.id, mandate.version)
        if key in self._refused or not mandate.covers(plan, self.ledger.clock.now()):
            return False
        try:
            await self.approver.approve_by_mandate(plan, mandate)
        except Forbidden as refusal:
            self._refused.add(key)
            logger().info("heal_refused", plan_id=plan.id, reason=refusal.message)
            return False
        except Conflict:
            # Approved before, by a person or by us before a crash; the gate checks it once more.
            return plan.state is PlanState.APPROVED
        return True

    async def _run(self, plan: Plan, over: Over) -> bool:
        touched = {change.resource: over[change.resource] for change in plan.changes if change.resource in over}
        await FlapGuard(self.ledger).count(plan, touched)
        execution = await self.applier.start(plan.id, RECONCILER)
        try:
            await self.applier.run(execution.id)
        except LeaseLost:
            logger().info("lease_lost", execution_id=execution.id)
        return True

    async def _propose(self, target: Target, resources: Sequence[ResourceId]) -> tuple[PlanId, ...]:
        """One plan that waits for a person: the one from before when the drift is the same, else a new one."""
        if not resources:
            self._said.pop(target.id, None)
            return ()
        plan = await self.planner.from_drift(target.id, resources, RECONCILER)
        if plan.changes:
            return (plan.id,)
        await self._say(target.id, frozenset(plan.notes) - {worded("no_changes", target=target.id)})
        return ()

    async def _say(self, target: TargetId, notes: frozenset[str]) -> None:
        """Why nothing can be planned, each reason once and not at every tick."""
        new = sorted(notes - self._said.get(target, frozenset()))
        at = self.ledger.clock.now()
        if new:
            await self.ledger.commit(
                events=[Event(at=at, type="drift.stuck", target=target, message=text[:1000]) for text in new]
            )
        self._said[target] = notes

    async def _tell(self, target: TargetId, drifts: Sequence[Drift]) -> None:
        """Events for drift that is new and drift that is gone, each once."""
        now, before = {item.resource: item.kind for item in drifts}, self._known.get(target, {})
        at = self.ledger.clock.now()
        events = [
            Event(
                at=at, type="drift.found", target=target, message=item.message,
                details={"resource": item.resource, "kind": item.kind.value},
            )
            for item in drifts if before.get(item.resource) is not item.kind
        ]  # fmt: skip
        events += [
            Event(
                at=at, type="drift.gone", target=target, message=f"{resource} is as desired again.",
                details={"resource": resource},
            )
            for resource in before if resource not in now
        ]  # fmt: skip
        if events:
            await self.ledger.commit(events=events)
        self._known[target] = now
