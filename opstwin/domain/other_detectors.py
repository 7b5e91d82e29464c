"""Detectors of what is wrong with volumes, targets, plans and healing. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from opstwin.domain.approval import Approval, Decision
from opstwin.domain.diagnosis import STORM_WINDOW, Clue, Code, ContainerCase, Doubt, Evidence, Severity, Verdict
from opstwin.domain.drift import Drift, DriftKind
from opstwin.domain.healing import FLIP_WINDOW, HealRecord
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.values import ResourceId, TargetId

PLANS_TOLD: Final = timedelta(days=7)
"""How long a plan that ran out before it was applied is told of."""

_SEVERITIES: Final[Mapping[DriftKind, Severity]] = {
    DriftKind.MISSING: Severity.CRITICAL, DriftKind.STOPPED: Severity.CRITICAL, DriftKind.CHANGED: Severity.WARNING,
    DriftKind.EXTRA: Severity.WARNING,
}  # fmt: skip
"""Kinds of drift that are findings; `unhealthy` and `unknown` have detectors of their own."""

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeCase:
    """One volume. `users` mount it or are to mount it; `is_sure` says that every container of the target was seen.

    `kept_for` is the workload that it belonged to and that was taken down.
    """

    observed: Observed
    users: Sequence[ResourceId] = ()
    is_sure: bool = True
    desired: Desired | None = None
    kept_for: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetCase:
    """One active target. `old` are wanted resources that were looked at too long ago, `unseen` those never seen.

    `breaker` is where its circuit breaker stands; `unknown` counts the resources nobody can say anything about;
    `lost_at` is when it was last said to be away, None when it has answered since.
    """

    id: TargetId
    now: datetime
    breaker: str = "closed"
    failures: str = ""
    unknown: int = 0
    known: int = 0
    lost_at: datetime | None = None
    lost_event: int = 0
    old: Sequence[Observed] = ()
    unseen: Sequence[ResourceId] = ()

    @property
    def is_away(self) -> bool:
        """Whether there is positive evidence that it does not answer."""
        return self.lost_at is not None or self.breaker == "open"


def orphaned_volume(case: VolumeCase) -> Verdict:
    """A volume that nothing uses any more."""
    seen = case.observed
    if seen.presence is Presence.UNKNOWN or (seen.presence is Presence.PRESENT and not case.users and not case.is_sure):
        return Doubt(code=Code.ORPHANED_VOLUME, subject=seen.id, target=seen.target)
    if seen.presence is Presence.ABSENT or case.users or not seen.managed:
        return None
    evidence = [Evidence(fact="used by", value=[], source="observation", at=seen.observed_at)]
    if case.desired is not None and case.kept_for:
        evidence.append(Evidence(fact="kept for", value=case.kept_for, source="desired", at=case.desired.set_at))
    return Clue(
        code=Code.ORPHANED_VOLUME, severity=Severity.NOTICE, subject=seen.id, target=seen.target,
        words="orphaned_volume_kept" if case.kept_for else "orphaned_volume", evidence=tuple(evidence),
        values={"name": seen.name, "workload": case.kept_for},
    )  # fmt: skip


def unused_volumes(target: TargetId, cases: Sequence[VolumeCase]) -> Verdict:
    """Volumes of a target that Opstwin did not make and that nothing uses: told once, because there may be many."""
    unused = [case.observed for case in cases if _is_unused(case)]
    if not unused:
        return None
    shown = [Evidence(fact="unused", value=item.name, source="observation", at=item.observed_at) for item in unused]
    return Clue(
        code=Code.ORPHANED_VOLUME, severity=Severity.NOTICE, subject=target, target=target, words="unused_volumes",
        evidence=tuple(shown[:_SHOWN]), values={"count": str(len(unused)), "target": target},
    )  # fmt: skip


def drifted(drift: Drift) -> Verdict:
    """A resource that is not as it should be."""
    if drift.kind is DriftKind.UNKNOWN:
        return Doubt(code=Code.DRIFT, subject=drift.resource, target=drift.target)
    severity = _SEVERITIES.get(drift.kind)
    if severity is None:
        return None
    paths = [".".join(item.path) for item in drift.fields]
    evidence = [
        Evidence(fact="desired revision", value=drift.desired_revision, source="desired"),
        Evidence(fact="observed revision", value=drift.observed_revision, source="observation", at=drift.since),
    ]
    if paths:
        evidence.append(Evidence(fact="fields", value=[*paths[:_SHOWN]], source="observation", at=drift.since))
    return Clue(
        code=Code.DRIFT, severity=severity, subject=drift.resource, target=drift.target,
        words=f"drift_{drift.kind.value}", since=drift.since, evidence=tuple(evidence),
        values={"name": drift.resource.split("/", 2)[-1].rpartition("/")[2], "fields": ", ".join(paths[:_SHOWN])},
    )  # fmt: skip


def target_away(case: TargetCase) -> Verdict:
    """A target that does not answer."""
    if not case.is_away:
        nothing_known = case.unknown > 0 and case.unknown == case.known
        return Doubt(code=Code.TARGET_AWAY, subject=case.id, target=case.id) if nothing_known else None
    evidence = [Evidence(fact="breaker", value=case.breaker, source="hub", at=case.now)]
    if case.lost_at is not None:
        evidence.append(
            Evidence(fact="target.unreachable", value=None, source=f"event {case.lost_event}", at=case.lost_at)
        )
    evidence.append(Evidence(fact="resources unknown", value=case.unknown, source="observation", at=case.now))
    return Clue(
        code=Code.TARGET_AWAY, severity=Severity.CRITICAL, subject=case.id, target=case.id, words="target_away",
        since=case.lost_at, evidence=tuple(evidence), values={"target": case.id, "count": str(case.unknown)},
    )  # fmt: skip


def stale_observation(case: TargetCase) -> Verdict:
    """Wanted resources that nobody looked at for long, though their target is not known to be away."""
    if case.is_away or not (case.old or case.unseen):
        return None
    oldest = min((item.observed_at for item in case.old), default=None)
    evidence = [
        Evidence(fact="observed_at", value=item.id, source="observation", at=item.observed_at)
        for item in sorted(case.old, key=lambda item: item.observed_at)[:_SHOWN]
    ]
    evidence += [Evidence(fact="never observed", value=item, source="desired") for item in case.unseen[:_SHOWN]]
    minutes = f"{(case.now - oldest).total_seconds() / 60:.0f}" if oldest is not None else ""
    return Clue(
        code=Code.STALE_OBSERVATION, severity=Severity.WARNING, subject=case.id, target=case.id,
        words="stale_observation" if oldest is not None else "never_observed", since=oldest, evidence=tuple(evidence),
        values={"target": case.id, "count": str(len(case.old) + len(case.unseen)), "minutes": minutes},
    )  # fmt: skip


def expired_approval(plan: Plan, approvals: Sequence[Approval], now: datetime) -> Verdict:
    """A plan that waited too long: for a decision, or, once approved, for somebody to apply it."""
    if plan.execution_id is not None or plan.state not in (PlanState.PENDING, PlanState.APPROVED):
        return None
    given = [item for item in approvals if item.decision is Decision.APPROVE and item.used_by is None]
    lapsed = bool(given) and all(item.expires_at <= now for item in given)
    over_at = plan.expires_at if plan.expires_at <= now else max(item.expires_at for item in given) if lapsed else None
    if over_at is None or now - over_at > PLANS_TOLD:
        return None
    evidence = [Evidence(fact="plan expires", value=plan.state.value, source=f"plan {plan.id}", at=plan.expires_at)]
    evidence += [
        Evidence(fact="approval expires", value=item.decided_by_id, source=f"approval {item.id}", at=item.expires_at)
        for item in given
    ]
    return Clue(
        code=Code.EXPIRED_APPROVAL, severity=Severity.NOTICE, subject=plan.id, target=plan.target,
        words="expired_approval" if lapsed and plan.expires_at > now else "expired_plan", since=over_at,
        evidence=tuple(evidence), values={"plan": plan.id, "request": plan.request[:200]},
    )  # fmt: skip


def healing_paused(record: HealRecord) -> Verdict:
    """Healing that stopped because something else keeps changing the resource back."""
    if not record.paused:
        return None
    heals = [Evidence(fact="healed", value=None, source="healing", at=item.at) for item in record.heals[-_SHOWN:]]
    return Clue(
        code=Code.HEALING_PAUSED, severity=Severity.WARNING, subject=record.id, target=record.target,
        words="healing_paused", since=record.paused_at, evidence=tuple(heals),
        values={
            "name": record.id.rpartition("/")[2], "count": str(len(record.heals)),
            "minutes": str(FLIP_WINDOW.seconds // 60),
        },
    )  # fmt: skip


def storm_on_target(target: TargetId, cases: Sequence[ContainerCase]) -> Verdict:
    """Several containers of one target start twice or more within minutes, and no execution of ours did it."""
    restless = [case for case in cases if len(case.starts()) >= 2 and len(case.deaths()) < 3]
    if len(restless) < 3:
        return None
    first = min(event.at for case in restless for event in case.starts())
    evidence = [
        Evidence(fact=case.name, value=len(case.starts()), source="events", at=case.starts()[-1].at)
        for case in restless[:_SHOWN]
    ]
    return Clue(
        code=Code.RESTART_STORM, severity=Severity.WARNING, subject=target, target=target,
        words="restart_storm_target", since=first, evidence=tuple(evidence),
        values={
            "target": target, "count": str(len(restless)),
            "minutes": f"{STORM_WINDOW.total_seconds() / 60:.0f}",
        },
    )  # fmt: skip


def _is_unused(case: VolumeCase) -> bool:
    seen = case.observed
    return seen.presence is Presence.PRESENT and not seen.managed and not case.users and case.is_sure
