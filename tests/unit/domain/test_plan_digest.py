"""A digest binds everything that a human approves, and nothing that changes afterwards."""

import dataclasses
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.approval import TWO_PERSON, Approval, Decision, People, authorise
from opstwin.domain.draft_origin import DraftOrigin
from opstwin.domain.plan import Origin, Plan, PlanState, Risk, WorkloadChange, plan_digest, sealed
from opstwin.domain.pod_settings import PodSettings
from opstwin.domain.values import ApprovalId, Digest, PlanId, TargetId
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput, NotApproved, StalePlan
from tests.unit.domain.everything import NOW, PLAN, change, dataclasses_within, mutations

AFTERWARDS = {"state", "execution_id", "version", "digest"}
"""The only fields of a plan that may change after it was approved."""

MUTATIONS = [(ways, changed) for ways, changed in mutations(PLAN) if isinstance(changed, Plan)]
CONTENT = [(ways, changed) for ways, changed in MUTATIONS if ways[0][1] not in AFTERWARDS]


def test_the_walk_reaches_every_field_of_everything_a_plan_can_hold() -> None:
    """A field that is added later is walked too, or this fails."""
    reached = {way for ways, _ in MUTATIONS for way in ways}
    within = dataclasses_within(Plan)
    assert {kind.__name__ for kind in within} >= {"Plan", "Change", "Base", "Workload", "Mount", "HealthCheck", "Actor"}
    missed = {(kind, field.name) for kind in within for field in dataclasses.fields(kind)} - reached
    assert not missed, sorted(f"{kind.__name__}.{name}" for kind, name in missed)


@pytest.mark.proves("G2")
def test_the_digest_changes_with_every_field() -> None:
    whole = plan_digest(PLAN)
    unbound = [ways for ways, changed in CONTENT if plan_digest(changed) == whole]
    assert len(CONTENT) > 300
    assert not unbound


@pytest.mark.proves("G2")
def test_no_plan_that_was_changed_after_its_approval_is_let_through() -> None:
    """Approve plan A, execute A': every mutation is refused, also with the old digest written into it."""
    approvals = [approval()]
    assert authorise(PLAN, approvals, TWO_PERSON, People(humans={}), NOW)
    for ways, changed in CONTENT:
        with pytest.raises((StalePlan, InvalidInput)):
            assert authorise(changed, approvals, TWO_PERSON, People(humans={}), NOW), ways


@pytest.mark.proves("G2")
def test_an_approval_does_not_follow_a_plan_that_is_sealed_anew() -> None:
    for ways, changed in CONTENT:
        anew = replace(changed, digest=plan_digest(changed))
        with pytest.raises((StalePlan, NotApproved)):
            assert authorise(anew, [approval()], TWO_PERSON, People(humans={}), NOW), ways


@pytest.mark.parametrize("field", sorted(AFTERWARDS))
def test_what_becomes_of_a_plan_is_not_part_of_its_content(field: str) -> None:
    others = [changed for ways, changed in MUTATIONS if ways[0] == (Plan, field)]
    assert others
    for changed in others:
        assert plan_digest(changed) == PLAN.digest


def test_only_those_four_fields_are_left_out() -> None:
    left_out = {ways[0][1] for ways, changed in MUTATIONS if plan_digest(changed) == PLAN.digest}
    assert left_out == AFTERWARDS


MANY = replace(
    PLAN,
    changes=tuple(change(f"web-{number}", needs=(), reasons=("b", "a", "c")) for number in range(5)),
    notes=("one", "two", "three", "two"),
    base=tuple(replace(PLAN.base[0], observed_revision=number) for number in range(4)),
    workloads=tuple(replace(PLAN.workloads[0], name=f"web{number}") for number in range(3)),
)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_the_digest_ignores_the_order_of_changes_notes_base_and_workloads(data: st.DataObject) -> None:
    shuffled = replace(
        MANY,
        changes=tuple(
            replace(item, reasons=tuple(data.draw(st.permutations(item.reasons))))
            for item in data.draw(st.permutations(MANY.changes))
        ),
        notes=tuple(data.draw(st.permutations(MANY.notes))),
        base=tuple(data.draw(st.permutations(MANY.base))),
        workloads=tuple(data.draw(st.permutations(MANY.workloads))),
    )
    assert plan_digest(shuffled) == plan_digest(MANY)
    order = [item.resource for item in sealed(MANY).changes]
    assert [item.resource for item in sealed(shuffled).changes] == order


def test_the_order_of_a_command_is_content() -> None:
    (item,) = PLAN.workloads
    assert item.workload is not None
    turned = replace(item.workload, command=tuple(reversed(item.workload.command or ())))
    assert plan_digest(replace(PLAN, workloads=(replace(item, workload=turned),))) != PLAN.digest


def test_a_plan_from_before_workloads_scaled_or_had_a_project_keeps_its_digest() -> None:
    plain = WorkloadChange(target=TargetId("local"), name="web", workload=Workload(name="web", image="app:1"))
    plan = Plan(
        id=PlanId("plan_1"), target=TargetId("local"), origin=Origin.FILE, request="r",
        requested_by=Actor(kind=ActorKind.PERSON, id="anna"), changes=(), workloads=(plain,), risk=Risk.LOW,
        digest=Digest(""), created_at=datetime(2026, 1, 5, tzinfo=UTC), expires_at=datetime(2026, 1, 5, 1, tzinfo=UTC),
    )  # fmt: skip
    assert plan_digest(plan) == "sha256:d79ac51653bb0e6f75996065cc7b1937257a75f97ddf82ee986509e610d62c27"
    at_once = Workload(name="web", image="app:1", pod=PodSettings(stop_grace_s=0))
    assert plan_digest(replace(plan, workloads=(replace(plain, workload=at_once),))) != plan_digest(plan)


def test_a_plan_from_before_drafts_had_a_corrected_confidence_keeps_its_digest() -> None:
    plan = Plan(
        id=PlanId("plan_1"), target=TargetId("local"), origin=Origin.FILE, request="r",
        requested_by=Actor(kind=ActorKind.PERSON, id="anna"), changes=(), risk=Risk.LOW,
        drafts=(DraftOrigin(workload="web", source="model", confidence=0.75, examples=("dep_1",)),), digest=Digest(""),
        created_at=datetime(2026, 1, 5, tzinfo=UTC), expires_at=datetime(2026, 1, 5, 1, tzinfo=UTC),
    )  # fmt: skip
    assert plan_digest(plan) == "sha256:8ebed98c3ce74fa4e138a096f60dfa79a4f8f9aa9d32497ae6a4229b7dacfb95"


def test_sealing_never_drops_a_change() -> None:
    twice = replace(PLAN, changes=(change(), change(after={"image": "evil:1"})))
    with pytest.raises(InvalidInput, match="web-1"):
        sealed(twice)


def approval() -> Approval:
    ben = Actor(kind=ActorKind.PERSON, id="ben")
    return Approval(
        id=ApprovalId("appr_1"), plan_id=PLAN.id, digest=PLAN.digest, decision=Decision.APPROVE, decided_by=ben,
        decided_by_id="ben", reason="fine", decided_at=NOW, expires_at=NOW + timedelta(minutes=5),
    )  # fmt: skip


def test_the_plan_of_these_tests_is_one_that_could_run() -> None:
    assert PLAN.state is PlanState.APPROVED
    assert PLAN.digest == plan_digest(PLAN)
