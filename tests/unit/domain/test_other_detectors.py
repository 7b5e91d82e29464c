"""Each detector about volumes, drift, targets, plans and healing: found, not found, and not to be told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.approval import Approval, Decision
from opstwin.domain.diagnosis import Clue, ContainerCase, Doubt, Severity, Verdict
from opstwin.domain.diff import FieldChange, FieldOp
from opstwin.domain.drift import Drift, DriftKind
from opstwin.domain.event import Event
from opstwin.domain.healing import Heal, HealRecord
from opstwin.domain.other_detectors import (
    TargetCase,
    VolumeCase,
    drifted,
    expired_approval,
    healing_paused,
    orphaned_volume,
    stale_observation,
    storm_on_target,
    target_away,
    unused_volumes,
)
from opstwin.domain.plan import Origin, Plan, PlanState, Risk
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.values import ApprovalId, Digest, ExecutionId, PlanId, ResourceId, TargetId

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LOCAL = TargetId("local")
DATA = ResourceId("local/volume/data")
WEB = ResourceId("local/container/web-1")
ANNA = Actor(kind=ActorKind.PERSON, id="anna")


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def clue(verdict: Verdict) -> Clue:
    assert isinstance(verdict, Clue)
    return verdict


def volume(presence: Presence = Presence.PRESENT, *, managed: bool = True, name: str = "data") -> Observed:
    return Observed(
        id=ResourceId(f"local/volume/{name}"), target=LOCAL, kind="volume", name=name, presence=presence,
        managed=managed, observed_at=ago(seconds=9),
    )  # fmt: skip


class TestOrphanedVolume:
    def test_one_of_ours_that_nothing_uses(self) -> None:
        found = clue(orphaned_volume(VolumeCase(observed=volume())))
        assert (found.severity, found.words) == (Severity.NOTICE, "orphaned_volume")
        assert found.evidence[0].at == ago(seconds=9)

    def test_one_that_was_kept_says_for_whom(self) -> None:
        wish = Desired(
            id=DATA, target=LOCAL, kind="volume", name="data", workload="db", spec={}, set_by=ANNA, set_at=ago(days=1)
        )
        found = clue(orphaned_volume(VolumeCase(observed=volume(), desired=wish, kept_for="db")))
        assert (found.words, found.values["workload"]) == ("orphaned_volume_kept", "db")
        assert found.evidence[1].at == ago(days=1)

    def test_one_in_use_gone_or_of_others_is_none(self) -> None:
        assert orphaned_volume(VolumeCase(observed=volume(), users=[WEB])) is None
        assert orphaned_volume(VolumeCase(observed=volume(Presence.ABSENT))) is None
        assert orphaned_volume(VolumeCase(observed=volume(managed=False))) is None

    @pytest.mark.parametrize(
        "case",
        [VolumeCase(observed=volume(Presence.UNKNOWN)), VolumeCase(observed=volume(), is_sure=False)],
        ids=["volume unknown", "a container unknown"],
    )
    def test_where_something_cannot_be_seen_nothing_can_be_told(self, case: VolumeCase) -> None:
        assert isinstance(orphaned_volume(case), Doubt)

    def test_those_of_others_are_told_once_for_the_whole_target(self) -> None:
        cases = [VolumeCase(observed=volume(managed=False, name=f"v{n}")) for n in range(30)]
        found = clue(unused_volumes(LOCAL, cases))
        assert (found.subject, found.values["count"], len(found.evidence)) == (LOCAL, "30", 5)
        assert unused_volumes(LOCAL, [VolumeCase(observed=volume(managed=False), users=[WEB])]) is None


class TestDrift:
    @pytest.mark.parametrize(
        ("kind", "severity"),
        [
            (DriftKind.MISSING, Severity.CRITICAL), (DriftKind.STOPPED, Severity.CRITICAL),
            (DriftKind.CHANGED, Severity.WARNING), (DriftKind.EXTRA, Severity.WARNING),
        ],
    )  # fmt: skip
    def test_each_kind_has_its_severity(self, kind: DriftKind, severity: Severity) -> None:
        found = clue(drifted(Drift(resource=WEB, target=LOCAL, kind=kind, message="", since=ago(minutes=3))))
        assert (found.severity, found.words, found.since) == (severity, f"drift_{kind.value}", ago(minutes=3))

    def test_the_fields_are_evidence(self) -> None:
        change = FieldChange(FieldOp.CHANGE, ("env", "A"), "1", "2")
        drift = Drift(resource=WEB, target=LOCAL, kind=DriftKind.CHANGED, message="", fields=(change,))
        found = clue(drifted(drift))
        assert found.values["fields"] == "env.A"
        assert found.evidence[-1].value == ["env.A"]

    def test_unhealthy_has_a_detector_of_its_own_and_unknown_is_a_doubt(self) -> None:
        unhealthy = Drift(resource=WEB, target=LOCAL, kind=DriftKind.UNHEALTHY, message="")
        assert drifted(unhealthy) is None
        assert isinstance(drifted(replace(unhealthy, kind=DriftKind.UNKNOWN)), Doubt)


class TestTarget:
    def test_one_that_was_lost_is_away_since_then(self) -> None:
        case = TargetCase(id=LOCAL, now=NOW, lost_at=ago(minutes=4), lost_event=9, unknown=3, known=3)
        found = clue(target_away(case))
        assert (found.severity, found.since) == (Severity.CRITICAL, ago(minutes=4))
        assert [item.source for item in found.evidence] == ["hub", "event 9", "observation"]

    def test_an_open_breaker_is_enough(self) -> None:
        assert clue(target_away(TargetCase(id=LOCAL, now=NOW, breaker="open"))).since is None

    @pytest.mark.parametrize("breaker", ["closed", "half_open"])
    def test_one_that_answers_is_not_away(self, breaker: str) -> None:
        assert target_away(TargetCase(id=LOCAL, now=NOW, breaker=breaker, known=4)) is None

    def test_where_nothing_is_known_and_nobody_was_lost_nothing_can_be_told(self) -> None:
        assert isinstance(target_away(TargetCase(id=LOCAL, now=NOW, unknown=4, known=4)), Doubt)

    def test_what_was_looked_at_too_long_ago_is_told_with_the_oldest_first(self) -> None:
        old = [replace(volume(name=f"v{n}"), observed_at=ago(minutes=5 + n)) for n in range(3)]
        found = clue(stale_observation(TargetCase(id=LOCAL, now=NOW, old=old)))
        assert (found.since, found.values["count"], found.values["minutes"]) == (ago(minutes=7), "3", "7")
        assert [item.value for item in found.evidence] == [f"local/volume/v{n}" for n in (2, 1, 0)]

    def test_what_was_never_looked_at_is_told(self) -> None:
        found = clue(stale_observation(TargetCase(id=LOCAL, now=NOW, unseen=[WEB])))
        assert (found.words, found.since) == ("never_observed", None)

    def test_fresh_observations_are_none_and_a_target_that_is_away_is_told_once(self) -> None:
        assert stale_observation(TargetCase(id=LOCAL, now=NOW)) is None
        assert stale_observation(TargetCase(id=LOCAL, now=NOW, lost_at=ago(minutes=9), old=[volume()])) is None


def plan(**fields: Any) -> Plan:
    given = {
        "id": PlanId("plan_1"), "target": LOCAL, "origin": Origin.WORDS, "request": "restart web",
        "requested_by": ANNA, "changes": (), "risk": Risk.LOW, "digest": Digest("sha256:0"), "created_at": ago(days=1),
        "expires_at": NOW + timedelta(hours=1), "state": PlanState.PENDING,
    }  # fmt: skip
    return Plan(**{**given, **fields})


def approval(expires_at: datetime, **fields: Any) -> Approval:
    given = {
        "id": ApprovalId("appr_1"), "plan_id": PlanId("plan_1"), "digest": Digest("sha256:0"),
        "decision": Decision.APPROVE, "decided_by": ANNA, "decided_by_id": "anna", "decided_at": ago(hours=2),
        "expires_at": expires_at,
    }  # fmt: skip
    return Approval(**{**given, **fields})


class TestExpiredApproval:
    def test_a_plan_that_nobody_decided_in_time(self) -> None:
        found = clue(expired_approval(plan(expires_at=ago(minutes=1)), [], NOW))
        assert (found.words, found.since, found.subject) == ("expired_plan", ago(minutes=1), "plan_1")

    def test_an_approval_that_ran_out_before_it_was_used(self) -> None:
        found = clue(expired_approval(plan(state=PlanState.APPROVED), [approval(ago(minutes=2))], NOW))
        assert (found.words, found.since) == ("expired_approval", ago(minutes=2))
        assert found.evidence[-1].source == "approval appr_1"

    @pytest.mark.parametrize(
        ("record", "approvals"),
        [
            (plan(), []),
            (plan(state=PlanState.APPROVED), [approval(NOW + timedelta(minutes=1))]),
            (plan(state=PlanState.APPROVED), [approval(ago(minutes=1), used_by=ExecutionId("exec_1"))]),
            (plan(state=PlanState.APPLIED, expires_at=ago(minutes=1), execution_id="exec_1"), []),
            (plan(state=PlanState.REJECTED, expires_at=ago(minutes=1)), []),
            (plan(expires_at=ago(days=8)), []),
        ],
        ids=["waits", "approved in time", "used", "applied", "rejected", "long ago"],
    )
    def test_all_others_are_none(self, record: Plan, approvals: list[Approval]) -> None:
        assert expired_approval(record, approvals, NOW) is None


def test_paused_healing_is_told_with_its_heals() -> None:
    heals = (ago(minutes=4), ago(minutes=2), ago(minutes=1))
    healed = tuple(Heal(at=at) for at in heals)
    record = HealRecord(id=WEB, target=LOCAL, heals=healed, paused=True, paused_at=ago(seconds=30))
    found = clue(healing_paused(record))
    assert (found.severity, found.since, [item.at for item in found.evidence]) == (
        Severity.WARNING, ago(seconds=30), [*heals],
    )  # fmt: skip
    assert healing_paused(replace(record, paused=False)) is None


def starting(name: str, starts: int, *, ours: bool = False) -> ContainerCase:
    events = [
        Event(seq=n, at=ago(minutes=n + 1), type="container.start", target=LOCAL, resource=WEB) for n in range(starts)
    ]
    spans = [(ago(minutes=20), NOW)] if ours else []
    return ContainerCase(id=ResourceId(name), target=LOCAL, name=name, now=NOW, events=events, ours=spans)


def test_several_containers_that_start_again_and_again_are_a_storm_on_the_target() -> None:
    found = clue(storm_on_target(LOCAL, [starting(name, 2) for name in ("a", "b", "c")]))
    assert (found.subject, found.values["count"], found.since) == (LOCAL, "3", ago(minutes=2))
    assert storm_on_target(LOCAL, [starting(name, 2) for name in ("a", "b")]) is None
    assert storm_on_target(LOCAL, [starting(name, 1) for name in ("a", "b", "c")]) is None
    assert storm_on_target(LOCAL, [starting(name, 3, ours=True) for name in ("a", "b", "c")]) is None
