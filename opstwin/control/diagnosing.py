"""Diagnosis: what is wrong on a target or with one subject, by fixed rules over the twin. No target is asked.

Unknown is not absent: where nobody can see a resource, the detectors say that they cannot tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from opstwin.control.diagnosing_calls import TAKEN_BACK, About
from opstwin.control.diagnosing_cases import Scenery, container_cases, scenery_of, target_case, volume_cases
from opstwin.control.diagnosing_clusters import cluster_verdicts
from opstwin.control.diagnosing_findings import Diagnosis, finding_of, hint_of, summary_of, unchecked_of
from opstwin.control.drift import explain
from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.control.retrying import Breakers
from opstwin.control.subjects import resources_of, targets_of
from opstwin.domain.approval import Approval
from opstwin.domain.cluster_case import containers_of, part_of
from opstwin.domain.container_detectors import DETECTORS
from opstwin.domain.deployment import Deployment
from opstwin.domain.diagnosis import Clue, Code, Doubt, Evidence, Verdict
from opstwin.domain.healing import HealRecord
from opstwin.domain.other_detectors import (
    drifted,
    expired_approval,
    healing_paused,
    orphaned_volume,
    stale_observation,
    storm_on_target,
    target_away,
    unused_volumes,
)
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.resource import Link
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, Spec, TargetId
from opstwin.errors import InvalidInput
from opstwin.manifests.quantities import amount_of
from opstwin.twin.store import Query

LAST_PLANS: Final = 200
"""Plans of one target that are looked through for some that ran out, the newest ones."""

_OF_TARGETS: Final = frozenset({Code.TARGET_AWAY, Code.STALE_OBSERVATION, Code.RESTART_STORM})
"""What concerns everything on a target, and so is told of each subject there."""

_STATE_FACTS: Final = ("state", "exit_code", "oom_killed", "start_error")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Narrowing:
    """Which subjects count; None for all."""

    subjects: frozenset[str] | None = None

    def covers(self, verdict: Clue | Doubt) -> bool:
        about_target = verdict.subject == verdict.target and verdict.code in _OF_TARGETS
        return self.subjects is None or verdict.subject in self.subjects or about_target


@dataclass(frozen=True, slots=True)
class Diagnostician:
    """Runs every detector. `old_s` is the age in seconds above which an observation of a wanted resource is stale."""

    ledger: Ledger
    readers: Readers
    breakers: Breakers
    old_s: float

    async def diagnose(self, target: str | None = None, subject: str | None = None, language: str = "en") -> Diagnosis:
        """Everything that is wrong on a target or on all active ones, or with a workload, resource or plan.

        Raises `NotFound` for a target or subject that is not there, `InvalidInput` where both disagree.
        """
        targets, narrowing = await self._scope(target, subject)
        verdicts: list[tuple[Verdict, About]] = []
        for place in targets:
            verdicts += await self._of_target(place)
        kept = [(item, about) for item, about in verdicts if item is not None and narrowing.covers(item)]
        clues = sorted([(item, about) for item, about in kept if isinstance(item, Clue)], key=_order)
        findings = tuple(finding_of(clue, about, language) for clue, about in clues)
        unchecked = unchecked_of([item for item, _ in kept if isinstance(item, Doubt)])
        return Diagnosis(
            summary=summary_of(findings, unchecked, language), findings=findings, unchecked=unchecked,
            targets=tuple(place.id for place in targets), hint=hint_of(findings, unchecked),
        )  # fmt: skip

    async def _scope(self, target: str | None, subject: str | None) -> tuple[Sequence[Target], _Narrowing]:
        if subject is None:
            return await targets_of(self.ledger, target), _Narrowing()
        if subject.startswith("plan_"):
            plan = await self.ledger.need(Plan, subject, next_step="List plans: opstwin get plans")
            return await self._place(plan.target), _Narrowing(subjects=frozenset({subject}))
        if target is None and (place := await self.ledger.get(Target, subject)) is not None:
            return [place], _Narrowing()
        resources = await resources_of(self.ledger, subject, target)
        names = {item.split("/", 1)[0] for item in resources}
        places = [place for name in sorted(names) for place in await self._place(name)]
        return places, _Narrowing(subjects=frozenset({*resources, *await self._makers(resources)}))

    async def _makers(self, resources: Sequence[ResourceId]) -> list[ResourceId]:
        """What made the pods among these: pods are told of with it."""
        pods = [item for item in resources if item.split("/", 2)[1] == "pod"]
        links = [link for pod in pods for link in await self.ledger.all(Link, {"source": pod, "relation": "part-of"})]
        return [link.destination for link in links]

    async def _place(self, name: str) -> Sequence[Target]:
        return [await self.ledger.need(Target, name, next_step="List targets: opstwin targets list")]

    async def _of_target(self, target: Target) -> list[tuple[Verdict, About]]:
        scenery = await scenery_of(self.ledger, target)
        cases, volumes = container_cases(scenery), volume_cases(scenery)
        place = await target_case(self.ledger, self.breakers, scenery, self.old_s)
        found: list[tuple[Verdict, About]] = [
            (verdict, await self._about(scenery, case.id, verdict))
            for case in cases
            for verdict in [detector(case) for detector in DETECTORS]
            if verdict is not None
        ]
        found += [
            (verdict, await self._about(scenery, case.id, verdict))
            for case, verdict in cluster_verdicts(scenery)
            if verdict is not None
        ]
        plain: list[Verdict] = [
            storm_on_target(target.id, cases), target_away(place), stale_observation(place),
            *map(orphaned_volume, volumes), unused_volumes(target.id, volumes),
            *map(healing_paused, await self.ledger.all(HealRecord, {"target": target.id, "paused": True})),
        ]  # fmt: skip
        found += [(verdict, About()) for verdict in [*plain, *await self._drifts(scenery)]]
        return found + await self._plans(target.id)

    async def _drifts(self, scenery: Scenery) -> list[Verdict]:
        try:
            drifts = await explain(self.ledger, self.readers, scenery.target.id)
        except InvalidInput:
            # No driver for this kind of target is installed here, so nothing can be compared.
            return []
        return [_with_state(drifted(item), scenery) for item in drifts]

    async def _plans(self, target: TargetId) -> list[tuple[Verdict, About]]:
        """Plans that ran out, unless the same was asked for again since."""
        page = await self.ledger.store.find(Query(Plan, {"target": target}, limit=LAST_PLANS, newest_first=True))
        found: list[tuple[Verdict, About]] = []
        asked: set[tuple[str, str]] = set()
        for plan in page.items:
            again = (plan.origin.value, plan.request) in asked
            asked.add((plan.origin.value, plan.request))
            if again or plan.state not in (PlanState.PENDING, PlanState.APPROVED):
                continue
            approvals = await self.ledger.all(Approval, {"plan_id": plan.id})
            verdict = expired_approval(plan, approvals, self.ledger.clock.now())
            found.append((verdict, About(plan=plan)))
        return found

    async def _about(self, scenery: Scenery, resource: ResourceId, verdict: Verdict) -> About:
        desired = scenery.desired.get(resource)
        if not isinstance(verdict, Clue) or desired is None or desired.spec is None:
            return About()
        owner = desired.workload or ""
        record = scenery.records.get(owner)
        has_previous = verdict.code in TAKEN_BACK and await self._has_previous(owner, scenery.target.id)
        return About(
            workload=owner if record is not None and record.workload is not None else "",
            back_to=owner if has_previous else "", memory_bytes=_memory_limit(desired.spec),
        )  # fmt: skip

    async def _has_previous(self, workload: str, target: TargetId) -> bool:
        where: dict[str, str | bool | None] = {"service_name": workload, "target_cluster": target, "success": True}
        page = await self.ledger.store.find(Query(Deployment, where, limit=2, newest_first=True))
        if page.items and page.items[0].workload is None:
            # Before the first deployment of manifests there was nothing.
            return len(page.items) > 1
        return bool(page.items) and page.items[0].previous is not None


def _memory_limit(spec: Spec) -> int:
    """The memory limit of a container, or of a workload's first container in a cluster, in bytes; 0 without one."""
    limit = spec.get("memory_bytes")
    if limit is None and (containers := containers_of(spec)):
        amount = amount_of(part_of(containers[0], "resources", "limits").get("memory"))
        return int(amount) if amount is not None else 0
    return limit if isinstance(limit, int) else 0


def _with_state(verdict: Verdict, scenery: Scenery) -> Verdict:
    """A clue of drift, with how the container ended as evidence."""
    if not isinstance(verdict, Clue) or verdict.words != "drift_stopped":
        return verdict
    seen = scenery.observed[ResourceId(verdict.subject)]
    facts = [
        Evidence(fact=name, value=seen.facts[name], source="observation", at=seen.observed_at)
        for name in _STATE_FACTS if seen.facts.get(name) not in (None, "", False)
    ]  # fmt: skip
    return replace(verdict, evidence=(*facts, *verdict.evidence))


def _order(item: tuple[Clue, About]) -> tuple[int, float, int, str]:
    clue, _ = item
    since = clue.since.timestamp() if clue.since is not None else float("inf")
    return clue.severity.rank, since, list(Code).index(clue.code), clue.subject
